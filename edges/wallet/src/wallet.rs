//! The wallet, put together.
//!
//! The caller chooses the ledger engine.

use std::sync::Arc;

use admin_client::AdminClient;
use clock::{Clock, Entropy};
use database::Database;
use http_kit::EventVerification;
use ledger::Ledger;
use rates_service::RatesService;
use url::Url;

use crate::addresses::Addresses;
use crate::cards::{CardVerification, Cards};
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::fees::FeePolicy;
use crate::inbox::Inbox;
use crate::ledger_book::{Balance, Book};
use crate::seed::Seed;
use crate::seeding;
use crate::store::{AccountRow, MIGRATIONS, Store};

/// The settings of a wallet.
#[derive(Clone)]
pub struct WalletSettings {
    /// Its name.
    pub display_name: String,
    /// Base of the wallet addresses.
    pub open_payments_url: Url,
    /// How webhooks are verified.
    pub webhooks: EventVerification,
    /// The fee that customers pay.
    pub fee_policy: FeePolicy,
    /// Whether an account's address is created at the first request for it.
    pub auto_create_address: bool,
    /// The deposit when liquidity is low; 0 means none.
    pub liquidity_topup: u64,
    /// Whether card data are checked.
    pub cards: CardVerification,
    /// Public key (Ed25519, base64url) published on created addresses.
    pub key_x: Option<String>,
}

/// The dependencies of the wallet.
#[derive(Clone)]
pub struct Ports {
    /// Its own database.
    pub database: Database,
    /// Its own ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The instance's Admin API.
    pub admin: AdminClient,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why the wallet cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The wallet's database failed.
    #[error("the wallet's database: {0}")]
    Database(#[from] database::Error),
    /// Seeding failed. It may be repeated.
    #[error("seeding: {0}")]
    Seeding(String),
    /// The wallet's ledger failed.
    #[error("the wallet's ledger: {0}")]
    Ledger(String),
}

/// An account-servicing entity without pages. It is cheap to clone.
#[derive(Clone)]
pub struct Wallet {
    inner: Arc<Shared>,
}

struct Shared {
    effects: Effects,
    inbox: Inbox,
    rates: RatesService,
    seed: Seed,
    verification: EventVerification,
    display_name: String,
}

impl Wallet {
    /// Migrates the tables. Called once before [`Wallet::new`].
    pub async fn migrate(database: &Database) -> Result<(), WalletError> {
        database.migrate(&jobs::MIGRATIONS).await?;
        database.migrate(&MIGRATIONS).await?;
        Ok(())
    }

    /// Makes a wallet on a migrated database.
    pub fn new(settings: WalletSettings, seed: Seed, ports: Ports) -> Self {
        let effects = Effects {
            cards: Cards::new(ports.database.clone(), Arc::clone(&ports.clock), settings.cards),
            store: Store::new(ports.database),
            book: Book::new(ports.ledger),
            admin: ports.admin,
            addresses: Addresses::below(&settings.open_payments_url, settings.key_x),
            clock: ports.clock,
            fee_policy: settings.fee_policy,
            auto_create_address: settings.auto_create_address,
            liquidity_topup: settings.liquidity_topup,
        };
        let inbox = Inbox::new(effects.clone(), ports.entropy);
        let rates = RatesService::of(seed.rates.clone());
        Self {
            inner: Arc::new(Shared {
                effects,
                inbox,
                rates,
                seed,
                verification: settings.webhooks,
                display_name: settings.display_name,
            }),
        }
    }

    /// Applies the seed once.
    pub async fn seed(&self) -> Result<(), WalletError> {
        seeding::run(&self.inner.effects, &self.inner.seed)
            .await
            .map_err(|error: EffectError| WalletError::Seeding(error.to_string()))
    }

    /// Applies the seed, and repeats this until the instance answers.
    pub async fn seed_until_done(&self) {
        seeding::seed_until_done(&self.inner.effects, &self.inner.seed).await;
    }

    /// Handles events until `shutdown` resolves, then waits for those under way.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        self.inner.inbox.work(shutdown).await;
    }

    /// Handles everything that is due, for tests with a manual clock. Returns how many events ran.
    pub async fn work_due(&self) -> Result<usize, WalletError> {
        Ok(self.inner.inbox.worker().run_due().await?)
    }

    /// How many events were given up and need a person.
    pub async fn dead_events(&self) -> Result<u64, WalletError> {
        Ok(self.inner.effects.store.dead_events().await?)
    }

    pub(crate) async fn balances(&self) -> Result<Vec<(AccountRow, Balance)>, WalletError> {
        let accounts = self.inner.effects.store.accounts().await?;
        let balances = self.inner.effects.book.balances(&accounts).await;
        let balances = balances.map_err(|error| WalletError::Ledger(error.to_string()))?;
        Ok(accounts.into_iter().zip(balances).collect())
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inner.inbox
    }

    pub(crate) fn rates(&self) -> &RatesService {
        &self.inner.rates
    }

    pub(crate) fn display_name(&self) -> &str {
        &self.inner.display_name
    }

    pub(crate) fn verification(&self) -> &EventVerification {
        &self.inner.verification
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.effects.clock
    }
}
