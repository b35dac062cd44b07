//! Data that rarely changes, kept in memory: tenants, their settings, assets, fees and peers, and the wallet addresses
//! in use.
//!
//! Nothing here decides about money, and nothing changes with a payment. A copy is used only while no transaction has
//! changed its rows. While changes of other processes cannot be received, the database is read each time.

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

/// The directory of one backend. Clones share one directory.
#[derive(Clone, Debug)]
pub struct Directory(Arc<DirectoryMemory>);

#[derive(Debug)]
struct DirectoryMemory {
    store: Store,
    freshness: Freshness,
    facts: FactsInUse,
    addresses: Addresses,
}

/// Says whether a copy may still be used.
#[derive(Debug)]
struct Freshness {
    directory: Watch,
    wallet_addresses: Watch,
    new_wallet_addresses: Watch,
    /// Incremented to make everything be read again.
    age: AtomicU64,
}

/// A time between two changes of tenants, settings, assets, fees and peers.
type FactsMark = (Mark, u64);
/// The same, of changes of wallet addresses too.
type AddressMark = (FactsMark, Mark);
/// The same, of new wallet addresses too.
type UnknownMark = (AddressMark, Mark);

impl Freshness {
    fn of_facts(&self) -> Option<FactsMark> {
        Some((self.directory.mark()?, self.age.load(Ordering::SeqCst)))
    }

    /// A wallet address shows its asset and ends with its tenant, so changes of both count.
    fn of_addresses(&self) -> Option<AddressMark> {
        Some((self.of_facts()?, self.wallet_addresses.mark()?))
    }

    /// A URL stays unknown until there is a new wallet address, or one has changed.
    fn of_unknown(&self) -> Option<UnknownMark> {
        Some((self.of_addresses()?, self.new_wallet_addresses.mark()?))
    }
}

impl Directory {
    /// Makes the directory of `store`. Data is read when it is first needed.
    pub fn new(store: Store) -> Self {
        let freshness = Freshness {
            directory: store.watch_directory(),
            wallet_addresses: store.watch_wallet_addresses(),
            new_wallet_addresses: store.watch_new_wallet_addresses(),
            age: AtomicU64::default(),
        };
        Self(Arc::new(DirectoryMemory {
            store,
            freshness,
            facts: FactsInUse::default(),
            addresses: Addresses::default(),
        }))
    }

    /// Tenants, settings, assets, fees and peers. They come from memory unless one has changed.
    pub async fn facts(&self) -> Result<Arc<Facts>, Error> {
        let DirectoryMemory { store, freshness, facts, .. } = &*self.0;
        facts.current(store, freshness).await
    }

    /// The same, but only from memory: `None` if it must be read. For a caller inside a unit of work, which must not
    /// wait for another connection.
    pub fn facts_at_hand(&self) -> Option<Arc<Facts>> {
        let DirectoryMemory { freshness, facts, .. } = &*self.0;
        facts.if_fresh(freshness)
    }

    /// Signals changes of tenants, settings, assets, fees and peers.
    pub fn changes(&self) -> Subscription {
        self.0.store.directory_changes()
    }

    /// Makes the next use read everything again. Called from time to time, because another program may have changed the
    /// database.
    pub fn forget(&self) {
        self.0.freshness.age.fetch_add(1, Ordering::SeqCst);
    }
}
