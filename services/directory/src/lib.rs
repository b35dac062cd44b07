//! What rarely changes, in memory: tenants, their settings, assets, fees and peers, and the wallet addresses in use.
//!
//! Not what decides about money, and nothing that changes with a payment. A copy is used only while no transaction has
//! changed what it was made of; while the changes of other processes cannot be heard, the database is asked each time.

mod addresses;
mod facts;
mod facts_in_use;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use database::{Error, Mark, Subscription, Watch};
use payments_store::Store;

pub use addresses::KnownAddress;
pub use bounded::Bounded;
pub use facts::{Facts, KnownPeer, KnownTenant, UnreadableFee};

use crate::addresses::Addresses;
use crate::facts_in_use::FactsInUse;

/// The directory of one backend. Clones are one directory.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    freshness: Freshness,
    facts: FactsInUse,
    addresses: Addresses,
}

/// Tells whether what was read may still be used.
#[derive(Debug)]
struct Freshness {
    directory: Watch,
    wallet_addresses: Watch,
    /// Grows when everything is to be read anew.
    age: AtomicU64,
}

/// An instant between two changes of tenants, settings, assets, fees and peers.
type FactsMark = (Mark, u64);
/// The same, of changes of wallet addresses too.
type AddressMark = (FactsMark, Mark);

impl Freshness {
    fn of_facts(&self) -> Option<FactsMark> {
        Some((self.directory.mark()?, self.age.load(Ordering::SeqCst)))
    }

    /// A wallet address is shown with its asset and is gone with its tenant.
    fn of_addresses(&self) -> Option<AddressMark> {
        Some((self.of_facts()?, self.wallet_addresses.mark()?))
    }
}

impl Directory {
    /// The directory of what is in `store`. Nothing is read until it is asked for.
    pub fn new(store: Store) -> Self {
        let freshness = Freshness {
            directory: store.watch_directory(),
            wallet_addresses: store.watch_wallet_addresses(),
            age: AtomicU64::default(),
        };
        Self(Arc::new(Inner { store, freshness, facts: FactsInUse::default(), addresses: Addresses::default() }))
    }

    /// Tenants, settings, assets, fees and peers as they are: from memory, unless one has changed.
    pub async fn facts(&self) -> Result<Arc<Facts>, Error> {
        let Inner { store, freshness, facts, .. } = &*self.0;
        facts.current(store, freshness).await
    }

    /// Tells when tenants, settings, assets, fees or peers have changed.
    pub fn changes(&self) -> Subscription {
        self.0.store.directory_changes()
    }

    /// Everything is read anew when it is next asked for. For now and then: somebody may have changed the database
    /// without telling.
    pub fn forget(&self) {
        self.0.freshness.age.fetch_add(1, Ordering::SeqCst);
    }
}
