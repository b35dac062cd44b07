//! Two institutions in one process for this crate's tests: real stores, real connectors, and a link between them.
//! It tests nothing itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, SystemClock};
use connector::{
    Connector, DirectorySnapshot, Outcome, PeerAccount, PeerAnswer, PeerRecord, Source, TenantRecord, Transmission,
    Uplink, UplinkError,
};
use jobs::Worker;
use ledger::Ledger;
use money::{Asset, AssetAmount};
use payments_model::accounting::AccountKind;
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::IncomingToken;
use payments_model::quote::QuoteRequest;
use payments_model::receiver::ReceiverLocation;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{
    IncomingPaymentId, InitiatedBy, OutgoingPaymentId, Peer, Receiver, Secret, TenantAsset, WalletAddress,
};
use payments_store::Store;
use sealed_text::Sealer;
use testkit::TestDatabase;

use super::institution::{Institution, Setup};
use crate::administration::{Administration, Caller, NewPeer};
use crate::incoming::create_incoming_payment::NewIncomingPayment;
use crate::list_payments::SentPayment;
use crate::outgoing::create_outgoing_payment::{NewOutgoingPayment, PaymentOf};
use crate::quotes::create_quote::NewQuote;
use crate::service::{Payments, PaymentsParts};

pub(crate) const OPERATOR: Caller = Caller { tenant: super::institution::OPERATOR, is_operator: true };

/// After this time another process takes over a job of a process that ended.
pub(crate) const LEASE: Duration = Duration::from_millis(200);

/// How long a test waits for an expected event, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to the next packets on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They arrive, and so do their replies.
    #[default]
    Fine,
    /// The peer cannot be reached.
    Unreachable,
    /// They arrive, but their replies are lost.
    RepliesLost,
    /// They arrive, but their replies never come.
    RepliesLate,
    /// They are lost without a reply.
    Silent,
    /// After this many fulfilled packets further ones wait until the link is opened.
    WaitsAfter(u32),
}

/// The link from one node to the other. If the other has several processes, they receive its packets in turns.
#[derive(Default)]
pub(crate) struct Wire {
    far_ends: Mutex<VecDeque<(Connector, String)>>,
    pub(crate) weather: Mutex<Weather>,
    pub(crate) fulfilled: Mutex<u32>,
    pub(crate) refused: Mutex<u32>,
    lost: Mutex<u32>,
    opened: tokio::sync::watch::Sender<bool>,
}

#[async_trait]
impl Uplink for Wire {
    async fn exchange(
        &self,
        _: &PeerAccount,
        prepare: Bytes,
        attempt: Transmission,
        _: Duration,
    ) -> Result<PeerAnswer, UplinkError> {
        let weather = *self.weather.lock().unwrap();
        if weather == Weather::Unreachable {
            return Err(UplinkError::Unreachable("no wire".into()));
        }
        if weather == Weather::Silent {
            std::future::pending::<()>().await;
        }
        if let Weather::WaitsAfter(packets) = weather {
            let mut opened = self.opened.subscribe();
            if *self.fulfilled.lock().unwrap() >= packets {
                opened.wait_for(|opened| *opened).await.unwrap();
            }
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
                Weather::RepliesLost => {
                    *self.lost.lock().unwrap() += 1;
                    return Err(UplinkError::Broken("the reply was lost".into()));
                }
                Weather::RepliesLate => std::future::pending().await,
                Weather::Fine | Weather::Unreachable | Weather::Silent | Weather::WaitsAfter(_) => {}
            }
        }
        if octets.first() == Some(&14) {
            *self.refused.lock().unwrap() += 1;
        }
        Ok(PeerAnswer { octets, repeatable: true })
    }
}

/// An institution with one asset, one account, and a link.
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
    pub(crate) parts: PaymentsParts,
    pub(crate) institution: Institution,
    ilp_address: String,
    peers: Mutex<Vec<Peer>>,
    largest_packet: Mutex<Option<u64>>,
}

/// Another process of an institution, on the same databases, with its own memory and connections.
pub(crate) type Process = Institution;

impl Wire {
    /// Lets packets through that wait.
    pub(crate) fn open(&self) {
        self.opened.send_replace(true);
    }

    fn reach(&self, far: &Node, near: &Node) {
        *self.far_ends.lock().unwrap() = VecDeque::from([(far.connector.clone(), near.token())]);
    }

    /// Waits until the link has carried this many rejections.
    pub(crate) async fn has_refused(&self, times: u32) {
        let enough = async || (*self.refused.lock().unwrap() >= times).then_some(());
        testkit::until(PATIENCE, enough).await.expect("packets are refused");
    }

    /// Waits until the link has lost this many replies.
    pub(crate) async fn has_lost(&self, times: u32) {
        let enough = async || (*self.lost.lock().unwrap() >= times).then_some(());
        testkit::until(PATIENCE, enough).await.expect("replies are lost");
    }
}

impl Node {
    pub(crate) async fn open(database: TestDatabase, name: &str, code: &str) -> Self {
        Self::at(database, name, code, Arc::new(SystemClock)).await
    }

    pub(crate) async fn at(database: TestDatabase, name: &str, code: &str, clock: Arc<dyn Clock>) -> Self {
        Self::of(database, Setup::new(name, clock), code).await
    }

    /// An institution whose ledger is stored in the same kind of database as its rows.
    pub(crate) async fn stored(database: TestDatabase, name: &str, clock: Arc<dyn Clock>) -> Self {
        let setup = Setup::new(name, clock).with_stored_ledger(&database).await;
        Self::of(database, setup, "USD").await
    }

    pub(crate) async fn of(database: TestDatabase, setup: Setup, code: &str) -> Self {
        let wire = Arc::new(Wire::default());
        let clock = setup.clock.clone();
        let institution = Institution::open(database, Setup { uplink: wire.clone(), ..setup }).await;
        let asset = institution.asset(code).await;
        let address = institution.wallet_address(&asset, "/alice").await;
        Self {
            payments: institution.payments.clone(),
            administration: institution.administration.clone(),
            store: institution.parts.store.clone(),
            ledger: institution.parts.ledger.clone(),
            asset,
            address,
            wire,
            connector: institution.parts.connector.clone(),
            clock,
            parts: institution.parts.clone(),
            ilp_address: institution.ilp_address(),
            institution,
            peers: Mutex::default(),
            largest_packet: Mutex::default(),
        }
    }

    /// Starts another process. A SQLite ledger belongs to one process, so both share its one writer.
    pub(crate) async fn another_process(&self) -> Process {
        let process = self.institution.another_process().await;
        process.parts.connector.replace_directory(self.directory(&[], ""));
        process
    }

    /// Lets packets of `near` go to this node's own process and to `process` in turns.
    pub(crate) fn answer_in_turns(&self, process: &Process, near: &Self) {
        process.parts.connector.replace_directory(self.directory(&self.peers.lock().unwrap(), &near.ilp_address));
        near.wire.far_ends.lock().unwrap().push_back((process.parts.connector.clone(), near.token()));
    }

    fn token(&self) -> String {
        format!("from {}", self.ilp_address)
    }

    /// Ends the process and starts it again. Everything that was only in memory is lost, packets under way included.
    pub(crate) fn restart(&mut self, other: &Self) {
        self.institution = self.institution.restarted();
        self.go_on(other);
    }

    /// The same, with other keys for the data that is stored encrypted.
    pub(crate) fn restart_with(&mut self, other: &Self, sealer: Sealer) {
        self.institution = self.institution.restarted_with(sealer);
        self.go_on(other);
    }

    fn go_on(&mut self, other: &Self) {
        self.parts = self.institution.parts.clone();
        self.connector = self.parts.connector.clone();
        self.payments = self.institution.payments.clone();
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
            terms: PeerTerms::default(),
        };
        self.administration.create_peer(OPERATOR, new).await.unwrap()
    }

    /// Refuses larger packets of the other from now on.
    pub(crate) fn takes_packets_up_to(&self, amount: u64, other: &Self) {
        *self.largest_packet.lock().unwrap() = Some(amount);
        let peers = self.peers.lock().unwrap().clone();
        self.replace_directory(peers, other);
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
            history: PeerHistory::default(),
            incoming_tokens: vec![IncomingToken::of(&format!("from {address}"))],
            max_packet_amount: *self.largest_packet.lock().unwrap(),
            liquidity_threshold: None,
            terms: PeerTerms::default(),
            tls: None,
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
        self.institution.worker(queue, handler, LEASE)
    }

    /// Connects the link back to this node, where its packets come in with `token`.
    pub(crate) fn loop_wire(&self, token: &str) {
        *self.wire.far_ends.lock().unwrap() = VecDeque::from([(self.connector.clone(), token.to_owned())]);
    }

    /// Credits an incoming payment in the ledger alone, like a process that ends right afterwards.
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

pub(crate) fn usd(value: u64) -> AssetAmount {
    AssetAmount { value, asset: Asset::new("USD", 2).unwrap() }
}
