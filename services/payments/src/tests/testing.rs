//! Two institutions in one process, for this crate's tests: real stores, real connectors, a wire between them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use connector::{
    Answer, Attempt, Connector, ConnectorConfig, ConnectorPorts, DirectorySnapshot, LiquidityAlerts, LowLiquidity,
    Outcome, PeerAccount, PeerRecord, Source, TenantRecord, Uplink, UplinkError,
};
use database::Dialect;
use directory::Directory;
use http_signatures::{Signer, SigningKey};
use jobs::{Settings, Worker};
use ledger::{Ledger, MemoryLedger};
use ledger_sql::SqlLedger;
use money::{Asset, AssetAmount};
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use payments_model::accounting::AccountKind;
use payments_model::incoming_payment::Approval;
use payments_model::quote::QuoteRequest;
use payments_model::receiver::ReceiverLocation;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{
    IncomingPaymentId, InitiatedBy, OutgoingPaymentId, Peer, Receiver, Secret, Tenant, TenantAsset, TenantId,
    WalletAddress,
};
use payments_store::Store;
use rates::{FetchError, FetchRates, Rates, RatesSettings};
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use stream::ReceiverSecret;
use testkit::TestDatabase;
use url::Url;
use uuid::Uuid;
use webhooks::{Targets, Webhooks};

use crate::administration::{
    Administration, AdministrationSettings, Caller, Holder, NewAsset, NewPeer, NewWalletAddress, Thresholds,
};
use crate::incoming::create_incoming_payment::NewIncomingPayment;
use crate::incoming::live_receivers::LiveReceivers;
use crate::incoming::live_receivers::ReceiverSettings;
use crate::list_payments::SentPayment;
use crate::outgoing::create_outgoing_payment::NewOutgoingPayment;
use crate::outgoing::create_outgoing_payment::PaymentOf;
use crate::quotes::create_quote::NewQuote;
use crate::service::Payments;
use crate::service::PaymentsParts;
use crate::settings::PaymentsSettings;

pub(crate) const OPERATOR: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(1)), is_operator: true };

/// One dollar is 0.9 euro, wherever it is asked.
struct FixedRates;

#[async_trait]
impl FetchRates for FixedRates {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        Ok(if url.as_str().contains("EUR") {
            Bytes::from_static(br#"{"base":"EUR","rates":{"USD":1.1111}}"#)
        } else {
            Bytes::from_static(br#"{"base":"USD","rates":{"EUR":0.9}}"#)
        })
    }
}

struct Deaf;

#[async_trait]
impl LiquidityAlerts for Deaf {
    async fn low(&self, _: LowLiquidity) {}
}

/// What becomes of the next packets on a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They arrive, and so do their replies.
    #[default]
    Fine,
    /// Nobody is there.
    Unreachable,
    /// They arrive, but their replies are lost.
    RepliesLost,
    /// They arrive, but their replies take for ever.
    RepliesLate,
    /// They vanish without a word.
    Silent,
}

/// The way from one node to the other; several processes of that take its packets in turns.
#[derive(Default)]
pub(crate) struct Wire {
    far_ends: Mutex<VecDeque<(Connector, String)>>,
    pub(crate) weather: Mutex<Weather>,
    pub(crate) fulfilled: Mutex<u32>,
}

#[async_trait]
impl Uplink for Wire {
    async fn exchange(
        &self,
        _: &PeerAccount,
        prepare: Bytes,
        attempt: Attempt,
        _: Duration,
    ) -> Result<Answer, UplinkError> {
        let weather = *self.weather.lock().unwrap();
        if weather == Weather::Unreachable {
            return Err(UplinkError::Unreachable("no wire".into()));
        }
        if weather == Weather::Silent {
            std::future::pending::<()>().await;
        }
        let (connector, token) = {
            let mut far_ends = self.far_ends.lock().unwrap();
            far_ends.rotate_left(1);
            far_ends.back().cloned().expect("the far end is connected")
        };
        let peer = connector.authenticate(&token).expect("the token is known");
        let Outcome::Reply(octets) = connector.handle(Source::Peer(peer), prepare, attempt).await else {
            return Err(UplinkError::Broken("unresolved".into()));
        };
        if octets.first() == Some(&13) {
            *self.fulfilled.lock().unwrap() += 1;
            match weather {
                Weather::RepliesLost => return Err(UplinkError::Broken("the reply was lost".into())),
                Weather::RepliesLate => std::future::pending().await,
                Weather::Fine | Weather::Unreachable | Weather::Silent => {}
            }
        }
        Ok(Answer { octets, repeatable: true })
    }
}

/// An institution.
pub(crate) struct Node {
    pub(crate) payments: Payments,
    pub(crate) administration: Administration,
    pub(crate) store: Store,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) asset: TenantAsset,
    pub(crate) address: WalletAddress,
    pub(crate) wire: Arc<Wire>,
    pub(crate) connector: Connector,
    pub(crate) clock: Arc<dyn Clock>,
    ilp_address: String,
    pub(crate) parts: PaymentsParts,
    ground: Ground,
    peers: Mutex<Vec<Peer>>,
    database: TestDatabase,
}

/// Another process of an institution: on the same databases, with a memory and connections of its own.
pub(crate) struct Process {
    pub(crate) payments: Payments,
    pub(crate) parts: PaymentsParts,
}

impl Wire {
    fn reach(&self, far: &Node, near: &Node) {
        *self.far_ends.lock().unwrap() = VecDeque::from([(far.connector.clone(), near.token())]);
    }
}

/// What outlives a process.
struct Ground {
    name: String,
    store: Store,
    ledger: Arc<dyn Ledger>,
    wire: Arc<Wire>,
    clock: Arc<dyn Clock>,
}

impl Ground {
    /// A process on this ground.
    fn build(&self, address: &WalletAddress) -> PaymentsParts {
        let (store, clock, name) = (self.store.clone(), self.clock.clone(), &self.name);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let shared = self.ledger.clone();
        let url: Url = format!("https://{name}.example").parse().unwrap();
        let operator_address: ilp_packet::Address = format!("test.{name}").parse().unwrap();
        let secret = ReceiverSecret::new(&[name.as_bytes()[0]; 32]);
        let targets = Targets {
            default_url: url.clone(),
            timeout: Duration::from_secs(1),
            attempts_max: 1,
            operator: OPERATOR.tenant,
            card_service: None,
            point_of_sale: None,
        };
        let webhooks = Webhooks::new(&targets, None, entropy.clone());
        let receivers = LiveReceivers::new(
            store.clone(),
            shared.clone(),
            webhooks.clone(),
            clock.clone(),
            entropy.clone(),
            ReceiverSettings { web_monetization_delay: Some(Duration::from_mins(1)), approval: Approval::NotAsked },
        );
        let rates = Rates::new(Arc::new(FixedRates), clock.clone(), RatesSettings::default());
        let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
        let config = ConnectorConfig::new(operator_address.clone(), secret.clone(), [0; 32]);
        let ports = ConnectorPorts {
            ledger: shared.clone(),
            local_accounts: Arc::new(receivers.clone()),
            alerts: Arc::new(Deaf),
            uplink: self.wire.clone(),
            rates: rates.clone(),
            cache: cache.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        let connector = Connector::new(config, ports);
        let outbound = Outbound::new(OutboundConfig::default(), clock.clone()).unwrap();
        let signer = Arc::new(Signer::new(SigningKey::random(&*entropy), "key").unwrap());
        let public = PublicResources::new(outbound, RetryPolicy::default(), clock.clone());
        let mut settings =
            PaymentsSettings::new(url, OPERATOR.tenant, operator_address, secret, "0.01".parse().unwrap());
        settings.exchange_rates_url = Some("https://rates.example/".parse().unwrap());
        let client = OpenPaymentsClient::new(public, &address.address, signer);
        PaymentsParts {
            directory: Directory::new(store.clone()),
            store,
            ledger: shared,
            connector,
            receivers,
            webhooks,
            client,
            rates,
            cache,
            clock,
            entropy,
            settings,
        }
    }
}

impl Node {
    pub(crate) async fn open(database: TestDatabase, name: &str, code: &str) -> Self {
        Self::at(database, name, code, Arc::new(SystemClock)).await
    }

    pub(crate) async fn at(database: TestDatabase, name: &str, code: &str, clock: Arc<dyn Clock>) -> Self {
        let ledger = Arc::new(MemoryLedger::new(clock.clone()));
        Self::on(database, ledger, name, code, clock).await
    }

    /// An institution whose ledger is stored in the same kind of database as all the rest.
    pub(crate) async fn stored(database: TestDatabase, name: &str, clock: Arc<dyn Clock>) -> Self {
        let ledger = stored_ledger(&database, clock.clone()).await;
        Self::on(database, ledger, name, "USD", clock).await
    }

    async fn on(
        database: TestDatabase,
        ledger: Arc<dyn Ledger>,
        name: &str,
        code: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let entropy: Arc<dyn Entropy> = testkit::entropy(name.len() as u64);
        let store = Store::open((*database).clone()).await.unwrap();
        let shared = ledger.clone();
        let url: Url = format!("https://{name}.example").parse().unwrap();
        let administration_settings = AdministrationSettings {
            open_payments_url: url.clone(),
            own_wallet_address: url.join("/.well-known/pay").unwrap(),
            deactivation_grace: Duration::from_hours(24),
        };
        let administration =
            Administration::new(store.clone(), shared.clone(), clock.clone(), entropy.clone(), administration_settings);
        insert_operator(&store, &*clock).await;
        let asset = new_asset(&administration, code).await;
        let address = new_address(&administration, &asset, &format!("https://{name}.example/alice")).await;

        let wire = Arc::new(Wire::default());
        let ground = Ground {
            name: name.to_owned(),
            store: store.clone(),
            ledger: ledger.clone(),
            wire: wire.clone(),
            clock: clock.clone(),
        };
        let parts = ground.build(&address);
        let connector = parts.connector.clone();
        let payments = Payments::new(parts.clone());
        let ilp_address = format!("test.{name}");
        Self {
            payments,
            administration,
            store,
            ledger,
            asset,
            address,
            wire,
            connector,
            clock,
            ilp_address,
            parts,
            ground,
            peers: Mutex::default(),
            database,
        }
    }

    /// Starts another process. A SQLite ledger is one process's, so there both share the ledger's one writer.
    pub(crate) async fn another_process(&self) -> Process {
        let ledger = match self.database.dialect() {
            Dialect::Postgres => stored_ledger(&self.database, self.clock.clone()).await,
            Dialect::Sqlite => self.ledger.clone(),
        };
        let ground = Ground {
            name: self.ground.name.clone(),
            store: Store::open(self.database.connect_again().await).await.unwrap(),
            ledger,
            wire: self.wire.clone(),
            clock: self.clock.clone(),
        };
        let parts = ground.build(&self.address);
        parts.connector.replace_directory(self.directory(&[], ""));
        Process { payments: Payments::new(parts.clone()), parts }
    }

    /// Lets packets of `near` go to this node's own process and to `process` in turns.
    pub(crate) fn answer_in_turns(&self, process: &Process, near: &Self) {
        process.parts.connector.replace_directory(self.directory(&self.peers.lock().unwrap(), &near.ilp_address));
        near.wire.far_ends.lock().unwrap().push_back((process.parts.connector.clone(), near.token()));
    }

    fn token(&self) -> String {
        format!("from {}", self.ilp_address)
    }

    /// Ends the process and starts it again: what was only in memory is gone, packets under way included.
    pub(crate) fn restart(&mut self, other: &Self) {
        self.parts = self.ground.build(&self.address);
        self.connector = self.parts.connector.clone();
        self.payments = Payments::new(self.parts.clone());
        let peers = self.peers.lock().unwrap().clone();
        self.replace_directory(peers, other);
        other.wire.reach(self, other);
    }

    /// Makes the two peers of each other, in their own assets and with ample liquidity.
    pub(crate) async fn connect(&self, other: &Self) {
        let (mine, theirs) = (self.peer_with(other).await, other.peer_with(self).await);
        self.replace_directory(vec![mine], other);
        other.replace_directory(vec![theirs], self);
        self.wire.reach(other, self);
        other.wire.reach(self, other);
    }

    async fn peer_with(&self, other: &Self) -> Peer {
        let new = NewPeer {
            asset_id: self.asset.id,
            static_ilp_address: other.ilp_address.clone(),
            outgoing: payments_model::peer::OutgoingHttp {
                endpoint: "http://peer.example".into(),
                token: Secret::new("out"),
            },
            incoming_tokens: vec![Secret::new(other.token())],
            max_packet_amount: None,
            name: None,
            liquidity_threshold: None,
            initial_liquidity: Some(1_000_000_000),
            routes: Vec::new(),
        };
        self.administration.create_peer(OPERATOR, new).await.unwrap()
    }

    fn replace_directory(&self, peers: Vec<Peer>, other: &Self) {
        *self.peers.lock().unwrap() = peers.clone();
        self.connector.replace_directory(self.directory(&peers, &other.ilp_address));
    }

    /// Makes the node known to its own connector, without any peer.
    pub(crate) fn stand_alone(&self) {
        self.connector.replace_directory(self.directory(&[], ""));
    }

    fn directory(&self, peers: &[Peer], address: &str) -> DirectorySnapshot {
        let asset = Arc::new(crate::incoming::live_receivers::account_asset(&self.asset));
        let peers = peers.iter().map(|peer| PeerRecord {
            id: peer.id,
            tenant: OPERATOR.tenant,
            asset: asset.clone(),
            static_address: address.parse().unwrap(),
            routes: Vec::new(),
            endpoint: "http://peer.example".parse().unwrap(),
            outgoing_token: "out".into(),
            incoming_tokens: vec![self.connector.hash_token(&format!("from {address}"))],
            max_packet_amount: None,
            liquidity_threshold: None,
        });
        let tenant = TenantRecord {
            id: OPERATOR.tenant,
            ilp_address: Some(self.ilp_address.parse().unwrap()),
            rates_url: Some("https://rates.example/".parse().unwrap()),
        };
        DirectorySnapshot { tenants: vec![tenant], peers: peers.collect() }
    }

    pub(crate) async fn incoming(&self, amount: Option<u64>) -> IncomingPaymentId {
        let new = NewIncomingPayment {
            wallet_address_id: self.address.id,
            incoming_amount: amount.map(|value| AssetAmount { value, asset: self.asset.asset.clone() }),
            expires_at: None,
            metadata: None,
            client: None,
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        self.payments.create_incoming_payment(OPERATOR.tenant, new).await.unwrap().id
    }

    /// The receiver as the other institution would have resolved it over HTTP.
    pub(crate) async fn receiver_of(&self, id: IncomingPaymentId) -> Receiver {
        let found = self.payments.incoming_payment(None, id).await.unwrap().unwrap();
        let mut receiver = self.payments.local_receiver(&found.payment).await.unwrap();
        receiver.location = ReceiverLocation::Remote(receiver.url.parse().unwrap());
        receiver
    }

    /// Creates a quote and a payment to `receiver`, which this node has just resolved.
    pub(crate) async fn outgoing(&self, receiver: &Receiver, request: QuoteRequest) -> OutgoingPaymentId {
        self.knows(receiver);
        let new =
            NewQuote { wallet_address_id: self.address.id, receiver: receiver.url.clone(), request, client: None };
        let quote = self.payments.create_quote(OPERATOR.tenant, new).await.unwrap();
        let new = NewOutgoingPayment {
            wallet_address_id: self.address.id,
            source: PaymentOf::Quote(quote.id),
            client: None,
            grant: None,
            metadata: None,
            card: None,
        };
        self.payments.create_outgoing_payment(OPERATOR.tenant, new).await.unwrap().payment.id()
    }

    pub(crate) fn knows(&self, receiver: &Receiver) {
        if !receiver.location.is_local() {
            self.payments.0.receivers.put(&receiver.url, receiver, self.clock.now());
        }
    }

    pub(crate) async fn fund(&self, id: OutgoingPaymentId) {
        let found = self.outgoing_payment(id).await;
        let (tenant, amount) = (found.payment.quote.tenant_id, found.payment.quote.debit_amount);
        self.payments.fund_outgoing_payment(tenant, id, amount, None).await.unwrap();
    }

    pub(crate) async fn outgoing_payment(&self, id: OutgoingPaymentId) -> SentPayment {
        self.payments.outgoing_payment(None, id).await.unwrap().unwrap()
    }

    /// Does every sending job that is due.
    pub(crate) async fn send_due(&self) -> usize {
        self.worker("outgoing payments", self.payments.sending_handler()).run_due().await.unwrap()
    }

    pub(crate) fn worker(&self, queue: &str, handler: Arc<dyn jobs::Handler>) -> Worker {
        // A lease that has run out as soon as its holder is gone.
        worker_of(&self.parts, queue, handler, Duration::from_millis(200))
    }

    /// Lets the wire lead back to this node, where its packets come in with `token`.
    pub(crate) fn loop_wire(&self, token: &str) {
        *self.wire.far_ends.lock().unwrap() = VecDeque::from([(self.connector.clone(), token.to_owned())]);
    }

    /// Credits an incoming payment in the ledger alone, as a process does that dies right afterwards.
    pub(crate) async fn credit(&self, id: IncomingPaymentId, amount: u64) {
        let asset = self.asset.in_ledger();
        self.ledger.create_accounts(vec![asset.account(id.into(), AccountKind::Incoming)]).await.unwrap();
        let transfer = asset.deposit(testkit::entropy(amount).uuid().into(), id.into(), amount);
        assert!(self.ledger.submit(vec![transfer]).await.unwrap()[0].is_ok());
    }

    async fn peer_account(&self) -> ledger::Account {
        let peer = self.peers.lock().unwrap()[0].id;
        self.payments.account(peer).await.unwrap().unwrap()
    }

    /// What was credited to the peer for packets sent to it.
    pub(crate) async fn owes_peer(&self) -> u128 {
        self.peer_account().await.credits_posted - 1_000_000_000
    }

    /// What was debited to the peer for packets received from it.
    pub(crate) async fn is_owed_by_peer(&self) -> u128 {
        self.peer_account().await.debits_posted
    }

    pub(crate) async fn event(&self, subject: Subject, event_type: EventType) -> Option<WebhookEvent> {
        self.store.every_tenant().latest_event(subject, &[event_type]).await.unwrap()
    }
}

/// A worker of one process.
pub(crate) fn worker_of(
    parts: &PaymentsParts,
    queue: &str,
    handler: Arc<dyn jobs::Handler>,
    lease: Duration,
) -> Worker {
    let settings = Settings { lease, ..Settings::default() };
    let database = parts.store.database().clone();
    Worker::new(database, parts.clock.clone(), parts.entropy.clone(), queue, handler, settings)
}

async fn stored_ledger(database: &TestDatabase, clock: Arc<dyn Clock>) -> Arc<dyn Ledger> {
    let url = match database.dialect() {
        Dialect::Postgres => database.url().to_owned(),
        Dialect::Sqlite => database.url().replace("test.sqlite", "ledger.sqlite"),
    };
    Arc::new(SqlLedger::open(&url, clock).await.unwrap())
}

pub(crate) fn usd(value: u64) -> AssetAmount {
    AssetAmount { value, asset: Asset::new("USD", 2).unwrap() }
}

async fn insert_operator(store: &Store, clock: &dyn Clock) {
    let tenant = Tenant {
        id: OPERATOR.tenant,
        api_secret: Secret::new("operator"),
        email: None,
        public_name: None,
        idp_consent_url: None,
        idp_secret: None,
        created_at: clock.now(),
        updated_at: clock.now(),
        deleted_at: None,
    };
    let unit = store.begin().await.unwrap();
    unit.every_tenant().insert_tenant(&tenant).await.unwrap();
    unit.commit().await.unwrap();
}

pub(crate) async fn new_asset(administration: &Administration, code: &str) -> TenantAsset {
    let asset = Asset::new(code, 2).unwrap();
    let new = NewAsset { asset, thresholds: Thresholds::default(), tenant: None };
    let asset = administration.create_asset(OPERATOR, new).await.unwrap();
    let id = testkit::entropy(u64::from(asset.ledger)).uuid().to_string();
    administration.deposit(OPERATOR, Holder::Asset(asset.id), 1_000_000_000, &id).await.unwrap();
    asset
}

pub(crate) async fn new_address(administration: &Administration, asset: &TenantAsset, url: &str) -> WalletAddress {
    let new = NewWalletAddress {
        asset_id: asset.id,
        address: url.to_owned(),
        public_name: None,
        additional_properties: Vec::new(),
        tenant: None,
    };
    administration.create_wallet_address(OPERATOR, new).await.unwrap()
}
