//! The wallet addresses in use: a bounded number of them, with their public keys and properties.
//!
//! That a URL is unknown is kept only for callers who ask so, and apart. So strangers who ask for many URLs fill nothing.

use std::hash::Hash;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bounded::Bounded;
use database::Error;
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{TenantId, WalletAddress, WalletAddressId, WalletAddressKey};
use payments_store::Store;
use tokio::sync::OnceCell;
use web_url::WalletAddressUrl;

use crate::{AddressMark, Directory, UnknownMark};

/// How many wallet addresses are kept in any case, in each of two maps. At most twice as many are kept.
const REMEMBERED: usize = 8192;

/// A wallet address of a tenant that was not deleted.
///
/// Its announced amount changes with payments, and may be older here than in the database. Do not keep this value for
/// longer than one step.
#[derive(Debug)]
pub struct KnownAddress {
    address: WalletAddress,
    store: Store,
    keys: OnceCell<Vec<WalletAddressKey>>,
    properties: OnceCell<Vec<AdditionalProperty>>,
}

impl Deref for KnownAddress {
    type Target = WalletAddress;

    fn deref(&self) -> &WalletAddress {
        &self.address
    }
}

impl KnownAddress {
    /// Its keys that are not revoked.
    pub async fn keys(&self) -> Result<&[WalletAddressKey], Error> {
        let read = async || self.store.tenant(self.address.tenant_id).unrevoked_keys(self.address.id).await;
        self.keys.get_or_try_init(read).await.map(Vec::as_slice)
    }

    /// Its properties that are public.
    pub async fn public_properties(&self) -> Result<&[AdditionalProperty], Error> {
        let read = async || {
            let mut all = self.store.tenant(self.address.tenant_id).additional_properties(self.address.id).await?;
            all.retain(|property| property.visible_in_open_payments);
            Ok(all)
        };
        self.properties.get_or_try_init(read).await.map(Vec::as_slice)
    }
}

type Remembered = (AddressMark, Arc<KnownAddress>);

#[derive(Debug)]
pub(crate) struct Addresses {
    by_id: Mutex<Bounded<WalletAddressId, Remembered>>,
    by_url: Mutex<Bounded<WalletAddressUrl, Remembered>>,
    /// URLs at which there was no wallet address.
    unknown: Mutex<Bounded<WalletAddressUrl, UnknownMark>>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            by_id: Mutex::new(Bounded::new(REMEMBERED)),
            by_url: Mutex::new(Bounded::new(REMEMBERED)),
            unknown: Mutex::new(Bounded::new(REMEMBERED)),
        }
    }
}

impl Directory {
    /// The wallet address of `tenant` with this id; `None` if the tenant was deleted.
    pub async fn wallet_address(
        &self,
        tenant: TenantId,
        id: WalletAddressId,
    ) -> Result<Option<Arc<KnownAddress>>, Error> {
        let found =
            self.remembered(&self.0.addresses.by_id, id, async |store| store.tenant(tenant).wallet_address(id).await);
        Ok(found.await?.filter(|address| address.tenant_id == tenant))
    }

    /// The wallet address of any tenant with this URL; `None` if the tenant was deleted.
    pub async fn wallet_address_by_url(&self, url: &WalletAddressUrl) -> Result<Option<Arc<KnownAddress>>, Error> {
        let read = async |store: &Store| store.every_tenant().wallet_address_by_url(url).await;
        self.remembered(&self.0.addresses.by_url, url.clone(), read).await
    }

    /// As [`Directory::wallet_address_by_url`], but also the answer that there is none may come from memory. It can miss an
    /// address that another process created, until [`Directory::forget`]. So the caller must be able to notice that.
    pub async fn wallet_address_as_heard(&self, url: &WalletAddressUrl) -> Result<Option<Arc<KnownAddress>>, Error> {
        // Taken before the read, so that a change during the read makes the answer out of date.
        let mark = self.0.freshness.of_unknown();
        let unknown = &self.0.addresses.unknown;
        if mark.is_some() && lock(unknown).get(url) == mark {
            return Ok(None);
        }
        let found = self.wallet_address_by_url(url).await?;
        if let (None, Some(mark)) = (&found, mark) {
            lock(unknown).put(url.clone(), mark);
        }
        Ok(found)
    }

    async fn remembered<K: Eq + Hash>(
        &self,
        map: &Mutex<Bounded<K, Remembered>>,
        key: K,
        read: impl AsyncFnOnce(&Store) -> Result<Option<WalletAddress>, Error>,
    ) -> Result<Option<Arc<KnownAddress>>, Error> {
        // Taken before the read, so that a change during the read makes the copy out of date.
        let mark = self.0.freshness.of_addresses();
        if let Some(mark) = mark {
            let known = lock(map).get(&key);
            if let Some((since, address)) = known
                && since == mark
            {
                return Ok(Some(address));
            }
        }

        let store = &self.0.store;
        let Some(address) = read(store).await? else { return Ok(None) };
        if self.facts().await?.tenant(address.tenant_id).is_none() {
            return Ok(None);
        }

        let known = KnownAddress { address, store: store.clone(), keys: OnceCell::new(), properties: OnceCell::new() };
        let known = Arc::new(known);
        if let Some(mark) = mark {
            lock(map).put(key, (mark, Arc::clone(&known)));
        }

        Ok(Some(known))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
