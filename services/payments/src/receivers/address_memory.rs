//! Documents of wallet addresses at other institutions, kept for as long as their servers allow (RFC 9111), so that many
//! payments to one address fetch its document once.
//!
//! A document only says where a payment is asked for. The other institution decides at each request, and after a refusal
//! the document is fetched again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Timestamp;
use directory::Bounded;
use open_payments::WalletAddress;
use open_payments_client::Published;
use web_url::WebUrl;

/// At least this many documents are kept, at most twice as many.
const KEPT: usize = 1024;
/// A document with longer URLs is not kept. This bounds the memory.
const OCTETS_MAX: usize = 4096;
/// No document is kept for longer than this, whatever its server says.
const KEPT_FOR_MOST: Duration = Duration::from_mins(1);

/// The documents that were fetched.
pub(crate) struct AddressMemory(Mutex<Bounded<String, (WalletAddress, Timestamp)>>);

impl Default for AddressMemory {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(KEPT)))
    }
}

impl AddressMemory {
    /// The document of the address at `url`, if it may still be used.
    pub(crate) fn get(&self, url: &WebUrl, now: Timestamp) -> Option<WalletAddress> {
        let (document, until) = self.lock().get(url.as_str())?;
        (now < until).then_some(document)
    }

    /// Keeps a document that was just fetched, without the parts that no payment needs.
    pub(crate) fn put(&self, url: &WebUrl, published: &Published<WalletAddress>, now: Timestamp) {
        let Some(time) = published.may_be_kept.filter(|time| !time.is_zero()) else { return };
        let document = WalletAddress {
            public_name: None,
            card_service: None,
            additional_properties: BTreeMap::default(),
            ..published.document.clone()
        };
        let server = document.resource_server.as_deref().map_or(0, str::len);
        if url.as_str().len() + document.id.len() + document.auth_server.len() + server <= OCTETS_MAX {
            self.lock().put(url.as_str().to_owned(), (document, now + time.min(KEPT_FOR_MOST)));
        }
    }

    /// Drops the document of an address that refused a request.
    pub(crate) fn forget(&self, url: &WebUrl) {
        self.lock().remove(url.as_str());
    }

    fn lock(&self) -> MutexGuard<'_, Bounded<String, (WalletAddress, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
