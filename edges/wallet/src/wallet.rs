//! The wallet, assembled from its parts.
//!
//! Which ledger engine keeps its book is the caller's choice.

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
    /// What it calls itself.
    pub display_name: String,
    /// Base of the wallet addresses.
    pub open_payments_url: Url,
    /// How webhooks are verified.
    pub webhooks: EventVerification,
    /// What customers pay.
    pub fee_policy: FeePolicy,
    /// Whether an account's address is created when it is asked for.
    pub auto_create_address: bool,
    /// Deposited when liquidity is low; 0 for nothing.
    pub liquidity_topup: u64,
    /// What is thought of payments by card.
    pub cards: CardVerification,
    /// Public key (Ed25519, base64url) published on created addresses.
    pub key_x: Option<String>,
}

/// What the wallet works with.
#[derive(Clone)]
pub struct Ports {
    /// Its own rows.
    pub database: Database,
    /// Its own book.
    pub ledger: Arc<dyn Ledger>,
    /// The instance.
    pub admin: AdminClient,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why the wallet cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The wallet's database failed.
    #[error("the wallet's database: {0}")]
    Database(#[from] database::Error),
    /// Seeding failed; it may be repeated.
    #[error("seeding: {0}")]
    Seeding(String),
    /// The wallet's ledger failed.
    #[error("the wallet's ledger: {0}")]
    Ledger(String),
}

/// An account-servicing entity without pages. Cheap to clone.
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
    /// Brings the tables up to date; done once before [`Wallet::new`].
    pub async fn migrate(database: &Database) -> Result<(), WalletError> {
        database.migrate(&jobs::MIGRATIONS).await?;
        database.migrate(&MIGRATIONS).await?;
        Ok(())
    }

    /// A wallet on a migrated database.
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

    /// Brings the seed about once.
    pub async fn seed(&self) -> Result<(), WalletError> {
        seeding::run(&self.inner.effects, &self.inner.seed)
            .await
            .map_err(|error: EffectError| WalletError::Seeding(error.to_string()))
    }

    /// Brings the seed about, repeating until the instance has answered.
    pub async fn seed_until_done(&self) {
        seeding::seed_until_done(&self.inner.effects, &self.inner.seed).await;
    }

    /// Works off events until `shutdown` resolves, then lets those under way end.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        self.inner.inbox.work(shutdown).await;
    }

    /// Works off everything due now; for tests with a manual clock. Returns how many events ran.
    pub async fn work_due(&self) -> Result<usize, WalletError> {
        Ok(self.inner.inbox.worker().run_due().await?)
    }

    /// How many events were given up and wait for a person.
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
