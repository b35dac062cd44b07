//! One process of an institution, and actions that many tests need.
//!
//! `setup` decides the parts of an institution.

use std::sync::Arc;
use std::time::Duration;

use clock::{Entropy, SystemEntropy};
use connector::{Connector, ConnectorConfig, ConnectorPorts};
use database::Dialect;
use database::sea_orm::{ConnectionTrait, Statement};
use directory::Directory;
use http_signatures::{Signer, SigningKey};
use jobs::{Handler, Worker};
use money::Asset;
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::Outbound;
use payments::administration::{
    Administration, AdministrationSettings, Caller, Holder, NewAsset, NewWalletAddress, Thresholds,
};
use payments::{
    LiveReceivers, PartialPayments, Payments, PaymentsParts, PaymentsSettings, ReceiverSettings, WalletAddressLookup,
};
use payments_model::incoming_payment::Approval;
use payments_model::webhook_ladder::{AttemptsMax, RetryLadder};
use payments_model::{Secret, Tenant, TenantAsset, TenantId, WalletAddress};
use payments_store::Store;
use peering::{Peering, PeeringParts, PeeringSettings};
use rates::{Rates, RatesSettings};
use sealed_text::Sealer;
use shared_cache::{DatabaseCache, DatabaseLimits, InProcessCache, InProcessLimits, SharedCache};
use stream::ReceiverSecret;
use testkit::TestDatabase;
use url::Url;
use webhooks::{Targets, WebhookAdministration, Webhooks};

use super::outside::{Deaf, FixedRates, rates_url};
use super::setup::{CacheIn, LedgerOf, Setup, stored_ledger};

/// The amount of every asset of a test.
const LIQUIDITY: u64 = 1_000_000_000;

/// One process of an institution.
pub struct Institution {
    /// Payments, quotes, receivers.
    pub payments: Payments,
    /// Assets, peers, wallet addresses, liquidity.
    pub administration: Administration,
    /// Peering with others.
    pub peering: Peering,
    /// Wallet addresses by their URL.
    pub addresses: WalletAddressLookup,
    /// The parts of the payments service. A test may change a copy and make another service from it.
    pub parts: PaymentsParts,
    /// Its database.
    pub database: Arc<TestDatabase>,
    setup: Setup,
}

impl Institution {
    /// An institution whose operator is its only tenant.
    pub async fn open(database: TestDatabase, setup: Setup) -> Self {
        let store = open_store(&database).await;
        let institution = Self::build(Arc::new(database), store, setup);
        institution.add_tenant(institution.setup.operator).await;
        institution
    }

    /// Another process of it: with its own memory and connections, and the same database and ledger.
    pub async fn another_process(&self) -> Self {
        let store = open_store(&self.database.connect_again().await).await;
        let mut setup = self.setup.clone();
        // A SQLite ledger has one writer, which both processes share.
        if self.setup.ledger_of == LedgerOf::EachProcess && self.database.dialect() == Dialect::Postgres {
            setup.ledger = stored_ledger(&self.database, setup.clock.clone()).await;
        }
        Self::build(self.database.clone(), store, setup)
    }

    /// The process after a restart: the contents of its memory are lost, including packets under way.
    pub fn restarted(&self) -> Self {
        Self::build(self.database.clone(), self.parts.store.clone(), self.setup.clone())
    }

    /// The same, with other keys for the data that is stored encrypted.
    pub fn restarted_with(&self, sealer: Sealer) -> Self {
        Self::build(self.database.clone(), self.parts.store.clone(), Setup { sealer, ..self.setup.clone() })
    }

    fn build(database: Arc<TestDatabase>, store: Store, setup: Setup) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let parts = payments_parts(store.clone(), &setup, entropy.clone());
        let administration = Administration::new(
            store.clone(),
            parts.ledger.clone(),
            setup.clock.clone(),
            entropy.clone(),
            administration_settings(&setup),
            setup.mirror.clone(),
        );
        let addresses = WalletAddressLookup {
            directory: Directory::new(store.clone()),
            store,
            webhooks: parts.webhooks.clone(),
            cache: parts.cache.clone(),
            clock: setup.clock.clone(),
            entropy,
            operator_tenant: setup.operator,
            patience: Duration::ZERO,
            look_again: Duration::from_secs(1),
        };
        let peering = peering(&setup, &parts);
        Self { payments: Payments::new(parts.clone()), administration, peering, addresses, parts, database, setup }
    }

    /// The administration of its webhooks.
    pub fn webhook_administration(&self) -> WebhookAdministration {
        WebhookAdministration {
            store: self.parts.store.clone(),
            directory: self.parts.directory.clone(),
            targets: Arc::new(targets(&self.setup)),
            http: Outbound::new(self.setup.http.clone(), self.setup.clock.clone()).unwrap(),
            clock: self.parts.clock.clone(),
            entropy: self.parts.entropy.clone(),
        }
    }

    /// The operator as a caller.
    pub fn operator(&self) -> Caller {
        Caller { tenant: self.setup.operator, is_operator: true }
    }

    /// Its ILP address.
    pub fn ilp_address(&self) -> String {
        self.setup.ilp_address()
    }

    /// A URL below its own.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}.example{path}", self.setup.name)
    }

    /// Adds a tenant with the secret from [`Setup::secret_of`].
    pub async fn add_tenant(&self, id: TenantId) {
        let now = self.setup.clock.now();
        let tenant = Tenant {
            id,
            api_secret: Secret::new((self.setup.secret_of)(id)),
            email: None,
            public_name: None,
            idp_consent_url: None,
            idp_secret: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let unit = self.parts.store.begin().await.unwrap();
        unit.every_tenant().insert_tenant(&tenant).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// A new asset of the operator, of scale 2 and with ample liquidity.
    pub async fn asset(&self, code: &str) -> TenantAsset {
        let new = NewAsset { asset: Asset::new(code, 2).unwrap(), thresholds: Thresholds::default(), tenant: None };
        let asset = self.administration.create_asset(self.operator(), new).await.unwrap();
        let id = self.parts.entropy.uuid().to_string();
        self.administration.deposit(self.operator(), Holder::Asset(asset.id), LIQUIDITY, &id).await.unwrap();
        asset
    }

    /// A new wallet address of the operator.
    pub async fn wallet_address(&self, asset: &TenantAsset, path: &str) -> WalletAddress {
        let new = NewWalletAddress {
            asset_id: asset.id,
            address: self.url(path),
            public_name: None,
            additional_properties: Vec::new(),
            tenant: None,
        };
        self.administration.create_wallet_address(self.operator(), new).await.unwrap()
    }

    /// A worker of this process. Other workers take over its jobs when `lease` has passed.
    pub fn worker(&self, queue: &str, handler: Arc<dyn Handler>, lease: Duration) -> Worker {
        let settings = jobs::WorkerSettings { lease, ..jobs::WorkerSettings::default() };
        let (clock, entropy) = (self.parts.clock.clone(), self.parts.entropy.clone());
        Worker::new(self.parts.store.database().clone(), clock, entropy, queue, handler, settings)
    }

    /// How many rows of `table` fulfil `condition`.
    pub async fn count(&self, table: &str, condition: &str) -> u64 {
        let reader = self.database.reader();
        let sql = format!(r#"SELECT COUNT(*) AS "n" FROM "{table}" WHERE {condition}"#);
        let row = reader.query_one_raw(Statement::from_string(reader.get_database_backend(), sql)).await.unwrap();
        u64::try_from(row.unwrap().try_get::<i64>("", "n").unwrap()).unwrap()
    }
}

async fn open_store(database: &database::Database) -> Store {
    let store = Store::open(database.clone()).await.unwrap();
    database.migrate(&shared_cache::MIGRATIONS).await.unwrap();
    store
}

fn peering(setup: &Setup, parts: &PaymentsParts) -> Peering {
    let settings = PeeringSettings {
        operator: setup.operator,
        ilp_address: setup.ilp_address().parse().unwrap(),
        connector_url: setup.connector_url.clone().unwrap_or_else(|| setup.base_url()),
        instance_name: setup.name.clone(),
        token_overlap: Duration::from_hours(1),
        offer: setup.offer.clone(),
    };
    Peering::new(PeeringParts {
        store: parts.store.clone(),
        ledger: parts.ledger.clone(),
        http: Outbound::new(setup.http.clone(), setup.clock.clone()).unwrap(),
        clock: setup.clock.clone(),
        entropy: parts.entropy.clone(),
        settings,
    })
}

fn administration_settings(setup: &Setup) -> AdministrationSettings {
    let url = setup.base_url();
    AdministrationSettings {
        own_wallet_address: url.join("/.well-known/pay").unwrap(),
        open_payments_url: url,
        deactivation_grace: Duration::from_hours(24),
        operator: setup.operator,
        ilp_address: setup.ilp_address().parse().unwrap(),
        secret_overlap: Duration::from_mins(10),
        sealer: setup.sealer.clone(),
    }
}

fn payments_parts(store: Store, setup: &Setup, entropy: Arc<dyn Entropy>) -> PaymentsParts {
    let (clock, ledger) = (setup.clock.clone(), store.telling(setup.ledger.clone()));
    let directory = Directory::new(store.clone());
    let webhooks = Webhooks::new(&targets(setup), None, directory.clone(), entropy.clone());
    let cache = match setup.cache {
        CacheIn::Memory => SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
        CacheIn::Database => {
            let database = store.database().clone();
            SharedCache::Database(DatabaseCache::new(database, clock.clone(), DatabaseLimits::default()))
        }
    };
    let receivers = LiveReceivers::new(
        store.clone(),
        ledger.clone(),
        webhooks.clone(),
        clock.clone(),
        entropy.clone(),
        ReceiverSettings { web_monetization_delay: Some(Duration::from_mins(1)), approval: Approval::NotAsked },
        PartialPayments::new(setup.decisions, setup.sealer.clone()),
    );
    let rates = Rates::new(Arc::new(FixedRates), clock.clone(), RatesSettings::default());

    let address: ilp_packet::Address = setup.ilp_address().parse().unwrap();
    let secret = ReceiverSecret::new(&[setup.name.as_bytes()[0]; 32]);
    let ports = ConnectorPorts {
        ledger: ledger.clone(),
        local_accounts: Arc::new(receivers.clone()),
        alerts: Arc::new(Deaf),
        uplink: setup.uplink.clone(),
        rates: rates.clone(),
        cache: cache.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let connector = Connector::new(ConnectorConfig::new(address.clone(), secret.clone()), ports);

    let slippage = "0.01".parse().unwrap();
    let mut settings = PaymentsSettings::new(setup.base_url(), setup.operator, address, secret, slippage);
    settings.exchange_rates_url = Some(rates_url());
    let client = client(setup, &*entropy);
    PaymentsParts {
        store,
        directory,
        ledger,
        connector,
        receivers,
        webhooks,
        client,
        rates,
        cache,
        clock,
        entropy,
        sealer: setup.sealer.clone(),
        grant_watch: None,
        settings,
    }
}

fn client(setup: &Setup, entropy: &dyn Entropy) -> OpenPaymentsClient {
    let outbound = Outbound::new(setup.http.clone(), setup.clock.clone()).unwrap();
    let public = PublicResources::new(outbound, RetryPolicy::default(), setup.clock.clone());
    let signer = Arc::new(Signer::new(SigningKey::random(entropy), "key").unwrap());
    let own = setup.base_url().join("/.well-known/pay").unwrap();
    OpenPaymentsClient::new(public, own.as_str(), signer)
}

fn targets(setup: &Setup) -> Targets {
    let default_url: Url = setup.base_url();
    Targets {
        default_url,
        timeout: Duration::from_secs(1),
        attempts_max: AttemptsMax::Exactly(1),
        ladder: RetryLadder::default(),
        secret: None,
        signature_version: 1,
        operator: setup.operator,
        card_service: None,
        point_of_sale: None,
        proofs: service_identity::ServiceProofs::default(),
    }
}
