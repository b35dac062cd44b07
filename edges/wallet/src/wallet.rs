//! The wallet, put together.
//!
//! The caller chooses the ledger engine.

use std::sync::Arc;
use std::time::Duration;

use admin_client::AdminClient;
use clock::{Clock, Entropy};
use database::Database;
use http_kit::EventVerification;
use ledger::Ledger;
use open_payments_client::{PublicResources, RetryPolicy};
use page_kit::Cookies;
use rates_service::RatesService;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use url::Url;

use crate::account_closing::AccountClosing;
use crate::accounts_here::AccountsHere;
use crate::addresses::Addresses;
use crate::cards::{CardVerification, Cards};
use crate::challenges::Challenges;
use crate::consent::Consents;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::fees::FeePolicy;
use crate::fees_in_force::Fees;
use crate::inbox::Inbox;
use crate::leaving::Leaving;
use crate::ledger_book::{Balance, Book};
use crate::letters::Letters;
use crate::missed::Missed;
use crate::modules::{
    Accounts, AccountsAsked, Agreements, AgreementsAsked, AgreementsHere, Answers, Module, ModuleLinks, Modules,
    Payments, PaymentsAsked, Port, UsersAsked, UsersPort,
};
use crate::operators::{Operators, Topup};
use crate::pages::{self, PageCore, PageSettings};
use crate::payments_here::PaymentsHere;
use crate::reconciling::Reconciling;
use crate::seed::Seed;
use crate::seeding;
use crate::sending::{PlainHttp, Sending};
use crate::store::{AccountRow, MIGRATIONS, Store};
use crate::users::{Resets, Rules, Users};
use crate::webauthn::RelyingParty;

/// A wallet of somebody else has this time to answer while a customer waits.
const PAYEE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

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
    /// The most that is deposited so for one asset or peer within 24 hours.
    pub liquidity_topup_day_max: Option<u64>,
    /// After this time a hold that no event has settled is looked at, and again after this time. Events that did not
    /// arrive are looked for after it, too.
    pub holds_are_old: Duration,
    /// Whether card data are checked.
    pub cards: CardVerification,
    /// Public key (Ed25519, base64url) published on created addresses.
    pub key_x: Option<String>,
    /// The pages for customers; without them only programs use the wallet.
    pub pages: Option<PageSettings>,
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

/// An account-servicing entity. It is cheap to clone.
#[derive(Clone)]
pub struct Wallet {
    inner: Arc<Shared>,
}

struct Shared {
    effects: Effects,
    inbox: Inbox,
    reconciling: Reconciling,
    missed: Missed,
    pages: Option<Arc<PageCore>>,
    links: ModuleLinks,
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
        Self::with_modules(settings, seed, ports, ModuleLinks::default())
    }

    /// Makes a part of a wallet: the modules that no link leads to. The others run elsewhere.
    pub fn with_modules(settings: WalletSettings, seed: Seed, ports: Ports, links: ModuleLinks) -> Self {
        let people = settings.pages.as_ref().map(|pages| People::new(pages, &ports));
        let modules = modules(&links, people.as_ref(), settings.pages.as_ref(), &ports);
        let without_money = Effects {
            cards: Cards::new(ports.database.clone(), Arc::clone(&ports.clock), settings.cards),
            store: Store::new(ports.database),
            book: Book::new(ports.ledger),
            modules,
            fees: Fees::new(ports.admin.clone()),
            admin: ports.admin,
            addresses: Addresses::below(&settings.open_payments_url, settings.key_x),
            clock: ports.clock,
            fee_policy: settings.fee_policy,
            auto_create_address: settings.auto_create_address,
            topup: Topup { amount: settings.liquidity_topup, day_max: settings.liquidity_topup_day_max },
        };
        let effects = with_money(&without_money, &links);
        let rates = RatesService::of(seed.rates.clone());
        let pages = settings.pages.zip(people).map(|(pages, people)| {
            let told = Told { institution: &settings.display_name, rates: &rates, links: &links };
            Arc::new(page_core(pages, people, told, &effects, &ports.entropy))
        });
        let reconciling = Reconciling::new(effects.clone(), Arc::clone(&ports.entropy), settings.holds_are_old);
        let inbox = Inbox::new(effects.clone(), ports.entropy);
        let missed = Missed::new(inbox.clone(), settings.holds_are_old);
        Self {
            inner: Arc::new(Shared {
                effects,
                inbox,
                reconciling,
                missed,
                pages,
                links,
                rates,
                seed,
                verification: settings.webhooks,
                display_name: settings.display_name,
            }),
        }
    }

    /// Applies the seed once.
    pub async fn seed(&self) -> Result<(), WalletError> {
        seeding::run(&self.inner.effects, &self.inner.seed, self.users(), self.inner.links.runs())
            .await
            .map_err(|error: EffectError| WalletError::Seeding(error.to_string()))
    }

    /// Applies the seed, and repeats this until the instance answers.
    pub async fn seed_until_done(&self) {
        let Shared { effects, seed, links, .. } = &*self.inner;
        seeding::seed_until_done(effects, seed, self.users(), links.runs()).await;
    }

    fn users(&self) -> Option<&Users> {
        self.inner.pages.as_ref().map(|pages| &pages.users)
    }

    /// Handles events, makes payments of customers, closes wallets, sends letters, and looks for what events have not
    /// told, until `shutdown` resolves, then waits for those under way.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(());
        let told = |mut stopped: watch::Receiver<()>| async move {
            // The error says that the sender is gone, which is the sign.
            let _ = stopped.changed().await;
        };
        let runs = self.inner.links.runs();
        let sending = async {
            if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.payments) {
                pages.sending.work(told(stopped.clone())).await;
            }
        };
        let closing = async {
            if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.accounts) {
                pages.account_closing.worker().run(told(stopped.clone())).await;
            }
        };
        let of_users = async {
            if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.users) {
                tokio::join!(
                    pages.resets.worker().run(told(stopped.clone())),
                    pages.leaving.worker().run(told(stopped.clone())),
                    pages.letters.worker().run(told(stopped.clone())),
                );
            }
        };
        let of_events = async {
            if runs.payments {
                tokio::join!(
                    self.inner.inbox.work(told(stopped.clone())),
                    self.inner.reconciling.work(told(stopped.clone())),
                    self.inner.missed.work(told(stopped.clone())),
                );
            }
        };
        let stopping = async move {
            shutdown.await;
            drop(stop);
        };
        tokio::join!(of_events, of_users, sending, closing, stopping);
    }

    /// Handles everything that is due, for tests with a manual clock. Returns how many jobs ran.
    pub async fn work_due(&self) -> Result<usize, WalletError> {
        let (mut ran, runs) = (0, self.inner.links.runs());
        if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.payments) {
            ran += pages.sending.worker().run_due().await?;
        }
        if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.accounts) {
            ran += pages.account_closing.worker().run_due().await?;
        }
        if let Some(pages) = self.inner.pages.as_ref().filter(|_| runs.users) {
            // Letters last, because the others write some.
            for worker in [pages.resets.worker(), pages.leaving.worker(), pages.letters.worker()] {
                ran += worker.run_due().await?;
            }
        }
        if !runs.payments {
            return Ok(ran);
        }
        self.inner.reconciling.begin().await?;
        self.inner.reconciling.worker().run_due().await?;
        self.inner.missed.begin().await?;
        self.inner.missed.worker().run_due().await?;
        Ok(ran + self.inner.inbox.worker().run_due().await?)
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

    pub(crate) fn pages(&self) -> Option<&Arc<PageCore>> {
        self.inner.pages.as_ref()
    }

    pub(crate) fn links(&self) -> &ModuleLinks {
        &self.inner.links
    }

    pub(crate) fn modules(&self) -> &Modules {
        &self.inner.effects.modules
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

/// What the pages show of the wallet.
struct Told<'a> {
    institution: &'a str,
    rates: &'a RatesService,
    links: &'a ModuleLinks,
}

/// The users of a wallet with pages, and their letters.
struct People {
    users: Users,
    letters: Letters,
}

impl People {
    fn new(settings: &PageSettings, ports: &Ports) -> Self {
        let (clock, entropy) = (&ports.clock, &ports.entropy);
        let letters =
            Letters::new(ports.database.clone(), Arc::clone(clock), Arc::clone(entropy), settings.post.clone());
        let rules = Rules {
            lifetimes: settings.lifetimes,
            verification: settings.verification,
            passkeys_for: RelyingParty::of(&settings.public_url),
        };
        let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
        let users = Users::new(ports.database.clone(), clock, entropy, rules, letters.clone(), settings.sealer.clone());
        Self { users, letters }
    }
}

/// The ways to users and agreements. Accounts and payments of this process need these.
fn modules(links: &ModuleLinks, people: Option<&People>, pages: Option<&PageSettings>, ports: &Ports) -> Modules {
    let users: Port<UsersAsked> = match (&links.users, people) {
        (Some(link), _) => Port::There(Box::new(link.clone())),
        (None, Some(people)) => Port::Here(Arc::new(people.users.clone())),
        (None, None) => Port::Nowhere(Module::Users),
    };
    let agreements: Port<AgreementsAsked> = match &links.agreements {
        Some(link) => Port::There(Box::new(link.clone())),
        None => Port::Here(Arc::new(AgreementsHere {
            database: ports.database.clone(),
            clock: Arc::clone(&ports.clock),
            grants: pages.and_then(|pages| pages.grants.clone()),
        })),
    };
    Modules {
        users: UsersPort(users),
        agreements: Agreements(agreements),
        accounts: Accounts(Port::Nowhere(Module::Accounts)),
        payments: Payments(Port::Nowhere(Module::Payments)),
    }
}

/// Adds the ways to accounts and payments, which ask each other. In one process the accounts that the payments ask have no
/// way back to the payments, because what the payments ask needs none.
fn with_money(effects: &Effects, links: &ModuleLinks) -> Effects {
    let with = |accounts: Accounts, payments: Payments| {
        let modules = Modules { accounts, payments, ..effects.modules.clone() };
        Effects { modules, ..effects.clone() }
    };
    let accounts_of = |effects: Effects| match &links.accounts {
        Some(link) => Accounts(Port::There(Box::new(link.clone()))),
        None => Accounts(Port::Here(Arc::new(AccountsHere(effects)) as Arc<dyn Answers<AccountsAsked>>)),
    };
    let (accounts, payments) = (effects.modules.accounts.clone(), effects.modules.payments.clone());
    let without_names = accounts_of(with(accounts.clone(), payments));
    let payments = if let Some(link) = &links.payments {
        Payments(Port::There(Box::new(link.clone())))
    } else {
        let own = PaymentsHere(with(without_names, effects.modules.payments.clone()));
        Payments(Port::Here(Arc::new(own) as Arc<dyn Answers<PaymentsAsked>>))
    };
    let whole = accounts_of(with(accounts, payments.clone()));
    with(whole, payments)
}

/// What the pages use.
fn page_core(
    settings: PageSettings,
    People { users, letters }: People,
    told: Told<'_>,
    effects: &Effects,
    entropy: &Arc<dyn Entropy>,
) -> PageCore {
    let institution = told.institution;
    let database = effects.store.database().clone();
    let (clock, entropy) = (Arc::clone(&effects.clock), Arc::clone(entropy));
    let policy = RetryPolicy { total: PAYEE_ANSWERS_WITHIN, ..RetryPolicy::default() };
    let public = PublicResources::new(settings.http.clone(), policy, Arc::clone(&clock));
    let plain_http = if settings.playground { PlainHttp::Accepted } else { PlainHttp::Refused };
    let consents = settings.consent.clone().map(|consent| {
        let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
        Consents::new(consent, settings.http.clone(), database.clone(), clock, entropy)
    });
    let challenges = settings.challenges.clone().map(|challenges| {
        let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
        Challenges::new(challenges, settings.http.clone(), database.clone(), clock, entropy)
    });
    let suffix = hex::encode(&Sha256::digest(settings.public_url.as_str())[..4]);
    let base = settings.public_url.as_str().trim_end_matches('/').to_owned();
    PageCore {
        account_closing: AccountClosing { effects: effects.clone(), entropy: Arc::clone(&entropy) },
        leaving: Leaving {
            effects: effects.clone(),
            users: users.clone(),
            entropy: Arc::clone(&entropy),
            institution: institution.to_owned(),
            base: base.clone(),
        },
        resets: Resets { users: users.clone(), institution: institution.to_owned(), base },
        users,
        letters,
        sending: Sending::new(effects.clone(), public, Arc::clone(&entropy), plain_http),
        consents,
        challenges,
        operators: Operators::new(&settings.operators),
        rates: told.rates.clone(),
        started_at: clock.now(),
        institution: institution.to_owned(),
        effects: effects.clone(),
        elsewhere: told.links.clone(),
        version: pages::version(),
        cookie: match settings.cookies {
            Cookies::Secure => "__Host-wallet".to_owned(),
            Cookies::Plain => format!("wallet_session_{suffix}"),
        },
        clock,
        entropy,
        settings,
    }
}
