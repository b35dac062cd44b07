//! A node: its durable data, and the process that runs it.
//! The links between nodes are in `uplink`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use connector::{
    AccountAsset, Connector, ConnectorConfig, ConnectorPorts, DirectorySnapshot, LowLiquidity, Outcome, PeerRecord,
    PeerReport, Source, TenantRecord, Transmission, Verdict,
};
use ilp_packet::{Address, AddressPrefix, PrepareBuf};
use ledger::{AccountId, Ledger, MemoryLedger, TransferId};
use payments_model::accounting::AccountKind;
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::IncomingToken;
use payments_model::{Expectation, IncomingPaymentId, PeerId, TenantId};
use rates::{Rates, RatesSettings};
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use stream::{AssetDetails, ConnectionDetails, Credentials, ReceiverSecret, StreamReceiver};
use uuid::Uuid;

use crate::chance::Chance;
use crate::life::{Killer, ProcessLife};
use crate::links::{Links, Listener};
use crate::ports::{Alerts, LedgerOfProcess, RatesService, Receivers, ReceiversOfProcess, Served};
use crate::time::VirtualClock;
use crate::uplink::UplinkOfProcess;

/// The settings of a node that a test may change. They take effect at its next start.
#[derive(Clone, Debug)]
pub struct NodeSetup {
    /// Whether it announces that it recognises repetitions.
    pub repeatable: bool,
    /// What its receivers decide about money that carries data.
    pub verdict: Verdict,
    /// Changes the connector's configuration.
    pub configure: fn(&mut ConnectorConfig),
}

impl Default for NodeSetup {
    fn default() -> Self {
        Self { repeatable: true, verdict: Verdict::Take, configure: |_| {} }
    }
}

/// The parts that all nodes share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: VirtualClock,
    pub(crate) chance: Chance,
    pub(crate) links: Links,
}

/// A node of the network.
pub struct Node {
    /// Its name, also the last segment of its address.
    pub name: String,
    /// Its durable ledger.
    pub ledger: Arc<MemoryLedger>,
    /// Its only tenant.
    pub tenant: TenantId,
    surroundings: Surroundings,
    /// Its settings; see [`NodeSetup`].
    pub setup: Mutex<NodeSetup>,
    peers: Mutex<Vec<PeerRecord>>,
    receivers: Arc<Receivers>,
    pub(crate) silences: Arc<Mutex<u64>>,
    pub(crate) rates: Arc<RatesService>,
    alerts: Alerts,
    assets: Mutex<HashMap<u32, Arc<AccountAsset>>>,
    deposits: Mutex<HashMap<AccountId, u128>>,
    process: Mutex<Option<Process>>,
}

/// A running process of a node.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) connector: Connector,
    pub(crate) life: ProcessLife,
    killer: Arc<Killer>,
    repeatable: bool,
}

impl Node {
    pub(crate) fn new(surroundings: Surroundings, name: &str, number: u128) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            ledger: Arc::new(MemoryLedger::new(Arc::new(surroundings.clock))),
            tenant: TenantId::from_uuid(Uuid::from_u128(0x7e00 + number)),
            surroundings,
            setup: Mutex::default(),
            peers: Mutex::default(),
            receivers: Arc::default(),
            silences: Arc::default(),
            rates: Arc::default(),
            alerts: Alerts::default(),
            assets: Mutex::default(),
            deposits: Mutex::default(),
            process: Mutex::default(),
        })
    }

    /// Its ILP address.
    pub fn address(&self) -> Address {
        format!("test.{}", self.name).parse().unwrap()
    }

    /// Its prefix in the routes of other nodes.
    pub fn prefix(&self) -> AddressPrefix {
        self.address().into()
    }

    fn secret(&self) -> ReceiverSecret {
        let mut secret = [5; 32];
        secret[..self.name.len().min(32)].copy_from_slice(&self.name.as_bytes()[..self.name.len().min(32)]);
        ReceiverSecret::new(&secret)
    }

    /// Starts the node's process.
    pub fn start(self: &Arc<Self>) {
        let (life, killer) = ProcessLife::begin();
        let setup = self.setup.lock().unwrap().clone();
        let clock: Arc<dyn Clock> = Arc::new(self.clock());
        let mut config = ConnectorConfig::new(self.address(), self.secret());
        (setup.configure)(&mut config);

        let ledger = LedgerOfProcess {
            ledger: self.ledger.clone(),
            life: life.clone(),
            chance: self.chance(),
            silences: self.silences.clone(),
        };
        let receivers = ReceiversOfProcess {
            tenant: self.tenant,
            receivers: self.receivers.clone(),
            ledger: self.ledger.clone(),
            verdict: setup.verdict.clone(),
            life: life.clone(),
        };
        let uplink =
            UplinkOfProcess { links: self.surroundings.links.clone(), from: self.name.clone(), life: life.clone() };

        let connector = Connector::new(
            config,
            ConnectorPorts {
                ledger: Arc::new(ledger),
                local_accounts: Arc::new(receivers),
                alerts: Arc::new(self.alerts.clone()),
                uplink: Arc::new(uplink),
                rates: Rates::new(self.rates.clone(), clock.clone(), RatesSettings::default()),
                cache: SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
                clock,
                entropy: self.chance().entropy(),
            },
        );
        connector.replace_directory(self.directory());

        let process = Process { connector, life, killer: Arc::new(killer), repeatable: setup.repeatable };
        self.surroundings.links.listen(&self.name, Arc::new(process.clone()));
        *self.process.lock().unwrap() = Some(process);
    }

    /// The clock.
    pub(crate) fn clock(&self) -> VirtualClock {
        self.surroundings.clock
    }

    /// The choices.
    pub(crate) fn chance(&self) -> Chance {
        self.surroundings.chance.clone()
    }

    /// Kills the node's process and all its tasks.
    pub fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap().take() {
            self.surroundings.links.close(&self.name);
            process.killer.kill();
        }
    }

    /// The running process, if there is one.
    pub(crate) fn process(&self) -> Option<Process> {
        self.process.lock().unwrap().clone()
    }

    /// The connector of the running process.
    pub fn connector(&self) -> Connector {
        self.process().expect("the node runs").connector
    }

    /// The reports of low liquidity so far.
    pub fn alerts(&self) -> Vec<LowLiquidity> {
        self.alerts.0.lock().unwrap().clone()
    }

    /// Sets the answer of its rates service for every base, as a JSON object; `None` makes the service fail.
    pub fn set_rates(&self, rates: Option<&str>) {
        *self.rates.0.lock().unwrap() = rates.map(|rates| Served::ToEveryBase(rates.to_owned()));
    }

    /// Sets the answers of its rates service for each base, as JSON objects.
    pub fn set_rates_by_base(&self, rates: &[(&str, &str)]) {
        let rates = rates.iter().map(|(base, rates)| ((*base).to_owned(), (*rates).to_owned())).collect();
        *self.rates.0.lock().unwrap() = Some(Served::ByBase(rates));
    }

    /// Changes the record of the peer called `name`, here and in the running process.
    pub fn change_peer(&self, name: &str, change: impl FnOnce(&mut PeerRecord)) {
        let id = peer_id(&self.name, name);
        change(self.peers.lock().unwrap().iter_mut().find(|peer| peer.id == id).unwrap());
        if let Some(process) = self.process() {
            process.connector.replace_directory(self.directory());
        }
    }

    /// Removes the peer called `name`, here and in the running process. Its ledger account stays.
    pub fn remove_peer(&self, name: &str) {
        let id = peer_id(&self.name, name);
        self.peers.lock().unwrap().retain(|peer| peer.id != id);
        if let Some(process) = self.process() {
            process.connector.replace_directory(self.directory());
        }
    }

    /// The process's report about the peer called `name`.
    pub fn peer_report(&self, name: &str) -> PeerReport {
        self.connector().peer_report(peer_id(&self.name, name)).expect("the peer is known")
    }

    pub(crate) async fn add_peer(&self, other: &Self, asset: &Arc<AccountAsset>, liquidity: u64) {
        let id = peer_id(&self.name, &other.name);
        self.open(asset, id.into(), AccountKind::Peer).await;
        if liquidity > 0 {
            self.deposit(asset, id.into(), liquidity).await;
        }
        let record = PeerRecord {
            id,
            tenant: self.tenant,
            asset: asset.clone(),
            static_address: other.address(),
            routes: Vec::new(),
            endpoint: format!("http://{}/ilp", other.name).parse().unwrap(),
            outgoing_token: format!("{}-to-{}", self.name, other.name),
            history: PeerHistory::default(),
            incoming_tokens: vec![IncomingToken::of(&format!("{}-to-{}", other.name, self.name))],
            max_packet_amount: None,
            liquidity_threshold: None,
            terms: PeerTerms::default(),
            tls: None,
        };
        self.peers.lock().unwrap().push(record);
    }

    fn directory(&self) -> DirectorySnapshot {
        let rates_url = Some("http://rates/".parse().unwrap());
        let tenant = TenantRecord { id: self.tenant, ilp_address: Some(self.address()), rates_url };
        DirectorySnapshot { tenants: vec![tenant], peers: self.peers.lock().unwrap().clone() }
    }

    /// Opens the accounts of an asset, unless they are open.
    pub async fn open_asset(&self, asset: &Arc<AccountAsset>) {
        let new = self.assets.lock().unwrap().insert(asset.ledger.ledger, asset.clone()).is_none();
        if new {
            self.ledger.create_accounts(asset.ledger.own_accounts()).await.unwrap();
        }
    }

    /// Opens an account, and those of its asset if it is the first in it.
    pub(crate) async fn open(&self, asset: &Arc<AccountAsset>, id: AccountId, kind: AccountKind) {
        self.open_asset(asset).await;
        self.ledger.create_accounts(vec![asset.ledger.account(id, kind)]).await.unwrap();
    }

    /// Deposits from settlement.
    pub async fn deposit(&self, asset: &AccountAsset, to: AccountId, amount: u64) {
        let mut id = [0; 16];
        self.chance().entropy().fill(&mut id);
        let transfer = asset.ledger.deposit(TransferId::from_u128(u128::from_be_bytes(id)), to, amount);
        let results = self.ledger.submit(vec![transfer]).await.unwrap();
        assert!(results[0].is_ok(), "{results:?}");
        *self.deposits.lock().unwrap().entry(to).or_default() += u128::from(amount);
    }

    /// The sum of deposits to an account so far.
    pub(crate) fn deposited(&self, account: AccountId) -> u128 {
        self.deposits.lock().unwrap().get(&account).copied().unwrap_or_default()
    }

    /// A new incoming payment and the credentials to pay it.
    pub async fn receive(&self, asset: &Arc<AccountAsset>, limit: Option<u64>) -> (IncomingPaymentId, Credentials) {
        let entropy = self.chance().entropy();
        let id = IncomingPaymentId::random(&*entropy);
        self.open(asset, id.into(), AccountKind::Incoming).await;
        let expectation = Expectation::new(asset.ledger, id);
        self.ledger.create_accounts(expectation.accounts()).await.unwrap();
        let opened = self.ledger.submit(vec![expectation.open(limit, 0)]).await.unwrap();
        assert!(opened[0].is_ok(), "{opened:?}");
        self.receivers.expect(id, asset.clone(), limit);
        let details = ConnectionDetails {
            payment_tag: Some(id.to_string()),
            receipts: None,
            asset: Some(AssetDetails { code: asset.asset.code.to_string(), scale: asset.asset.scale }),
        };
        let receiver = StreamReceiver::new(self.secret(), self.address());
        (id, receiver.issue(&details, &*entropy).unwrap())
    }

    /// Its ledger account for the peer called `name`.
    pub fn peer_account(&self, name: &str) -> AccountId {
        peer_id(&self.name, name).into()
    }
}

#[async_trait]
impl Listener for Process {
    async fn take(&self, token: &str, octets: Bytes, attempt: Transmission) -> Option<Outcome> {
        let peer = self.connector.authenticate(token).expect("peers know their tokens");
        let packet = PrepareBuf::parse(octets).unwrap();
        // A node that does not recognise repetitions cannot get one.
        let attempt = if self.repeatable { attempt } else { Transmission::First };
        let answer = self.connector.handle_prepare(Source::Peer(peer), packet, attempt);
        tokio::select! {
            biased;
            () = self.life.ended() => None,
            outcome = answer => Some(outcome),
        }
    }

    fn repeatable(&self) -> bool {
        self.repeatable
    }

    fn unresolved_reject(&self) -> Bytes {
        self.connector.unresolved_reject()
    }
}

/// The id of one node at another.
fn peer_id(of: &str, other: &str) -> PeerId {
    let mut id = [0; 16];
    for (place, octet) in id.iter_mut().zip(of.bytes().chain(*b"-").chain(other.bytes())) {
        *place = octet;
    }
    PeerId::from_uuid(Uuid::from_bytes(id))
}

/// Long enough for everything under way to end.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_mins(2);
