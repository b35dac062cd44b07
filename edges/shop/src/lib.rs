//! A sample merchant: catalogue, checkout, a subscription, budgets, refunds. It reaches wallets over Open Payments and GNAP only.
//!
//! It has no Admin API, no ledger and no webhooks: whether money has arrived is read at its own wallet address.

mod asking;
mod budgets;
mod catalogue;
mod orders;
pub mod pages;
mod periods;
mod refunds;
mod rights;
mod steps;
mod store;
mod subscriptions;
mod till;
mod work;

use std::sync::Arc;

use clock::{Clock, Entropy};
use database::Database;
use open_payments_client::OpenPaymentsClient;
use page_kit::Seal;
use shared_cache::Limiter;
use url::Url;

pub use page_kit::{Accent, Cookies};
pub use store::MIGRATIONS;

use store::Store;
use till::Till;

/// The settings of a shop.
#[derive(Clone)]
pub struct ShopSettings {
    /// Its name on pages.
    pub name: String,
    /// The wallet address that is paid.
    pub wallet_address: String,
    /// The address at which browsers reach the shop.
    pub public_url: Url,
    /// Seals cookies and stored tokens.
    pub secret: String,
    /// Opens the desk of the owner.
    pub desk_password: String,
    /// Which connections cookies are sent over.
    pub cookies: Cookies,
    /// The colour.
    pub accent: Accent,
}

/// What a shop uses.
#[derive(Clone)]
pub struct Ports {
    /// Its database.
    pub database: Database,
    /// The client of Open Payments, known by the wallet address of the shop.
    pub client: OpenPaymentsClient,
    /// The time by which subscriptions go.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counts orders and wrong passwords of each source.
    pub limiter: Limiter,
}

/// A shop.
#[derive(Clone)]
pub struct Shop(pub(crate) Arc<Core>);

/// What pages and work share.
pub(crate) struct Core {
    pub(crate) settings: ShopSettings,
    pub(crate) store: Store,
    pub(crate) till: Till,
    pub(crate) seal: Seal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limiter: Limiter,
}

impl Shop {
    /// Creates its tables.
    pub async fn migrate(database: &Database) -> Result<(), database::Error> {
        database.migrate(&MIGRATIONS).await.map(drop)
    }

    /// Makes a shop. Nothing is called yet.
    pub fn new(settings: ShopSettings, ports: Ports) -> Self {
        let seal = Seal::new(&settings.secret, Arc::clone(&ports.entropy));
        let store = Store::new(ports.database, seal.clone());
        let till =
            Till::new(&settings, store.clone(), ports.client, Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
        let (clock, entropy, limiter) = (ports.clock, ports.entropy, ports.limiter);
        Self(Arc::new(Core { settings, store, till, seal, clock, entropy, limiter }))
    }
}

#[cfg(test)]
mod tests;
