//! Packets through the connector behind its listener: forwarded, delivered here, refused; compared with a bare relay.
//!
//! Load, connector and next peer share one process and the machine, like with the relay.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clap::Args;
use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use connector::{
    AccountAsset, Bound, Connector, ConnectorConfig, ConnectorPorts, Credit, DirectorySnapshot, HttpUplink,
    LiquidityAlerts, LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable, LocalState, LowLiquidity,
    PacketRate, PeerRecord, SenderData, TenantRecord, Verdict,
};
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving};
use ilp_packet::{AddressRef, Fulfillment, Prepare};
use ledger::{AccountId, Ledger, MemoryLedger, TransferId};
use ledger_bench::databases::new_database;
use ledger_bench::processor;
use ledger_sql::SqlLedger;
use ledger_tigerbeetle::TigerBeetleLedger;
use outbound_http::{Outbound, OutboundConfig};
use payments_model::accounting::{AccountKind, LedgerAsset};
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::IncomingToken;
use payments_model::{AssetId, Expectation, IncomingPaymentId, PeerId, TenantId};
use rates::{FetchError, FetchRates, Rates, RatesSettings};
use sealed_text::Sealer;
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use stream::{ConnectionDetails, Frame, Hashlock, ReceiverSecret, Request, STREAM_ID, Sender, StreamReceiver};
use testkit::{PostgresServer, TigerBeetle};
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;

use crate::Outcome;
use crate::load::{self, Figures, Pace, Requests};
use crate::relay;
use crate::rows::{Row, Rows};
use crate::wire::request;

const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const FROM: PeerId = PeerId::from_uuid(Uuid::from_u128(11));
const TO: PeerId = PeerId::from_uuid(Uuid::from_u128(12));
const PLENTY: u64 = 1 << 60;
const TOKEN: &str = "token";
const ADDRESS: &str = "test.here";

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the ledger is: memory, sqlite, postgres, tigerbeetle.
    #[arg(long, value_delimiter = ',', default_value = "memory,sqlite,postgres,tigerbeetle")]
    engines: Vec<String>,
    /// Connections at once.
    #[arg(long, value_delimiter = ',', default_value = "1,32,128")]
    connections: Vec<usize>,
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Only rows whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A Postgres server, by the URL of one of its databases; otherwise a cluster with default, durable settings is
    /// started.
    #[arg(long)]
    postgres: Option<String>,
    /// A TigerBeetle cluster of id 0, by its addresses; otherwise a server is started from a `tigerbeetle` program on
    /// the PATH, if there is one.
    #[arg(long)]
    tigerbeetle: Option<String>,
    /// Folder for data; its disk is part of what is measured.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

struct Measured<'o> {
    options: &'o Options,
    rows: Rows,
    server: Option<u32>,
}

pub(crate) async fn run(options: Options) -> Outcome<()> {
    let mut measured = Measured { options: &options, rows: Rows::begin("connector"), server: None };
    let next = relay::peer().await?;
    let relay = relay::serve(next).await?;
    measured.measure("bare relay", "none", Arc::new(Packets { port: relay, destination: "test.next" })).await?;

    let folder = tempfile::tempdir_in(&options.folder)?;
    for engine in &options.engines {
        // Servers live as long as their rows.
        let (cluster, beetle);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        measured.server = None;

        let ledger: Arc<dyn Ledger> = match engine.as_str() {
            "memory" => Arc::new(MemoryLedger::new(clock)),
            "sqlite" => {
                let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
                Arc::new(SqlLedger::open(&url, clock).await?)
            }
            "postgres" => {
                cluster = match &options.postgres {
                    Some(_) => None,
                    None => Some(PostgresServer::start_in(folder.path(), &[]).map_err(|error| error.to_string())?),
                };
                if let Some(cluster) = &cluster {
                    measured.server = Some(cluster.process().map_err(|error| error.to_string())?);
                }
                let server = options.postgres.clone().or(cluster.as_ref().map(PostgresServer::url)).unwrap_or_default();
                let url = new_database(&server).await.map_err(|error| error.to_string())?;
                Arc::new(SqlLedger::open(&url, clock).await?)
            }
            "tigerbeetle" => {
                beetle = match &options.tigerbeetle {
                    Some(_) => None,
                    None => TigerBeetle::own_in(folder.path(), &[]),
                };
                let own = beetle.as_ref().map(TigerBeetle::addresses);
                let Some(addresses) = options.tigerbeetle.as_deref().or(own) else { continue };
                Arc::new(TigerBeetleLedger::join(0, addresses, Duration::from_mins(1)).await?)
            }
            other => return Err(format!("{other:?} is no engine").into()),
        };

        measured.connector(engine, ledger, next).await?;
    }
    measured.rows.end();
    Ok(())
}

impl Measured<'_> {
    async fn connector(&mut self, engine: &str, ledger: Arc<dyn Ledger>, next: u16) -> Outcome<()> {
        let asset = usd();
        let payment = IncomingPaymentId::from_uuid(Uuid::from_u128(20));
        let expectation = Expectation::new(asset.ledger, payment);
        open(&*ledger, &asset, payment, expectation).await?;
        let receiver = StreamReceiver::new(ReceiverSecret::new(&[5; 32]), ADDRESS.parse()?);
        let connector = connector(ledger, &asset, payment, expectation, next)?;
        let port = serve(connector).await?;

        self.measure("forward", engine, Arc::new(Packets { port, destination: "test.next" })).await?;
        let details = ConnectionDetails { payment_tag: Some("payment".into()), receipts: None, asset: None };
        let credentials = receiver.issue(&details, &SystemEntropy)?;
        let sender = Mutex::new(Sender::new(credentials.address.clone(), &credentials.shared_secret));
        self.measure("local", engine, Arc::new(StreamPackets { port, sender })).await?;
        self.measure("reject", engine, Arc::new(Packets { port, destination: "test.nowhere" })).await
    }

    async fn measure(&mut self, what: &str, engine: &str, requests: Arc<dyn Requests>) -> Outcome<()> {
        let only = &self.options.only;
        if !only.is_empty() && !only.iter().any(|part| what.contains(part)) {
            return Ok(());
        }
        let mut most: Option<(usize, f64)> = None;
        for connections in self.options.connections.clone() {
            let per_second = self.row(what, engine, &requests, connections, Pace::Full).await?;
            if most.is_none_or(|(_, before)| per_second > before) {
                most = Some((connections, per_second));
            }
        }
        // The waiting time of packets at half of the maximum rate.
        if let Some((connections, per_second)) = most
            && what == "forward"
        {
            #[expect(clippy::cast_precision_loss, reason = "a report, not money")]
            let pace = Pace::Each(per_second / 2.0 / connections as f64);
            self.row("forward at half of that", engine, &requests, connections, pace).await?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a report, not money")]
    async fn row(
        &mut self,
        what: &str,
        engine: &str,
        requests: &Arc<dyn Requests>,
        connections: usize,
        pace: Pace,
    ) -> Outcome<f64> {
        load::run(requests, connections, 1, Pace::Full).await?;
        let before = self.busy();
        let figures: Figures = load::run(requests, connections, self.options.seconds, pace).await?;
        let after = self.busy();
        let each = |part: usize| (after[part] - before[part]) / figures.count as f64;
        let per_second = figures.per_second;
        self.rows.add(&Row {
            what: what.to_owned(),
            engine: engine.to_owned(),
            connections,
            // Everything except the database is in one process.
            processor: [each(0), each(1), 0.0],
            transactions: 0.0,
            figures,
        });
        Ok(per_second)
    }

    fn busy(&self) -> [f64; 2] {
        let own = processor::busy_of(std::process::id()).unwrap_or(0.0);
        [own, self.server.map_or(0.0, |server| processor::busy_of_children(server).unwrap_or(0.0))]
    }
}

fn usd() -> Arc<AccountAsset> {
    let ledger = LedgerAsset { id: AssetId::from_uuid(Uuid::from_u128(2)), ledger: 1 };
    let asset = money::Asset::new("USD", 2).unwrap_or_else(|_| unreachable!("it is an asset"));
    Arc::new(AccountAsset { asset, ledger, liquidity_threshold: None })
}

async fn open(
    ledger: &dyn Ledger,
    asset: &AccountAsset,
    payment: IncomingPaymentId,
    expectation: Expectation,
) -> Outcome<()> {
    ledger.create_accounts(asset.ledger.own_accounts()).await?;
    let peers = [FROM, TO].map(|peer| asset.ledger.account(peer.into(), AccountKind::Peer));
    ledger.create_accounts(peers.to_vec()).await?;
    ledger.create_accounts(vec![asset.ledger.account(payment.into(), AccountKind::Incoming)]).await?;
    ledger.create_accounts(expectation.accounts()).await?;
    ledger.submit(vec![expectation.open(None, 0)]).await?;
    for account in [AccountId::from(FROM), AccountId::from(TO)] {
        let deposit = asset.ledger.deposit(TransferId::from(SystemEntropy.uuid()), account, PLENTY);
        ledger.submit(vec![deposit]).await?;
    }
    Ok(())
}

fn connector(
    ledger: Arc<dyn Ledger>,
    asset: &Arc<AccountAsset>,
    payment: IncomingPaymentId,
    expectation: Expectation,
    next: u16,
) -> Outcome<Connector> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let defaults = ConnectorConfig::new(ADDRESS.parse()?, ReceiverSecret::new(&[5; 32]));
    // The rate limit of a peer must not influence the measurement.
    let packet_rate = PacketRate { packets: 1_000_000, period: Duration::from_secs(1), burst: 10_000_000 };
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone())?;

    let account = LocalAccount {
        id: LocalAccountId::IncomingPayment(payment),
        tenant: TENANT,
        asset: asset.clone(),
        state: LocalState::Open,
        bound: Some(Bound { expectation, expected: None, left: PLENTY }),
    };

    let connector = Connector::new(
        ConnectorConfig { packet_rate, ..defaults },
        ConnectorPorts {
            ledger,
            local_accounts: Arc::new(One(Arc::new(account))),
            alerts: Arc::new(Nobody),
            uplink: Arc::new(HttpUplink::new(outbound, TENANT, Sealer::default(), clock.clone())),
            rates: Rates::new(Arc::new(Nobody), clock.clone(), RatesSettings::default()),
            cache: SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
            clock,
            entropy: Arc::new(SystemEntropy),
        },
    );

    let peer = |id: PeerId, address: &str| -> Outcome<PeerRecord> {
        Ok(PeerRecord {
            id,
            tenant: TENANT,
            asset: asset.clone(),
            static_address: address.parse()?,
            routes: Vec::new(),
            endpoint: format!("http://127.0.0.1:{next}/").parse()?,
            outgoing_token: "out".into(),
            history: PeerHistory::default(),
            incoming_tokens: if id == FROM { vec![IncomingToken::of(TOKEN)] } else { vec![] },
            max_packet_amount: None,
            liquidity_threshold: None,
            terms: PeerTerms::default(),
            tls: None,
        })
    };

    connector.replace_directory(DirectorySnapshot {
        tenants: vec![TenantRecord { id: TENANT, ilp_address: Some(ADDRESS.parse()?), rates_url: None }],
        peers: vec![peer(FROM, "test.from")?, peer(TO, "test.next")?],
    });
    Ok(connector)
}

async fn serve(connector: Connector) -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let admission = Admission::new(ConnectionLimits::default());
    let serving = Serving { deadlines: Deadlines::default(), admission, proxies: Proxies::None, tls: None };
    tokio::spawn(http_kit::serve(listener, ilp_api::router(connector), serving, std::future::pending()));
    Ok(port)
}

/// Packets of a peer that contain their own fulfillment.
struct Packets {
    port: u16,
    destination: &'static str,
}

impl Requests for Packets {
    fn port(&self) -> u16 {
        self.port
    }

    fn next(&self) -> Vec<u8> {
        let mut proof = [0; 32];
        SystemEntropy.fill(&mut proof);
        let mut data = [7; 200];
        data[..32].copy_from_slice(&proof);
        let prepare = Prepare {
            amount: 10,
            expires_at: SystemClock.now() + Duration::from_secs(20),
            execution_condition: Fulfillment::new(proof).condition(),
            destination: AddressRef::new(self.destination).unwrap_or_else(|_| unreachable!("it is an address")),
            data: &data,
        };
        post(&prepare.encode())
    }

    fn is_good(&self, status: u16, body: &[u8]) -> bool {
        let expected = if self.destination == "test.nowhere" { 14 } else { 13 };
        status == 200 && body.first() == Some(&expected)
    }
}

/// Packets of a STREAM connection that ends here.
struct StreamPackets {
    port: u16,
    sender: Mutex<Sender>,
}

impl Requests for StreamPackets {
    fn port(&self) -> u16 {
        self.port
    }

    fn next(&self) -> Vec<u8> {
        let request = Request {
            source_amount: 10,
            min_destination_amount: 10,
            hashlock: Hashlock::Fulfillable,
            expires_at: SystemClock.now() + Duration::from_secs(20),
            frames: &[Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 }],
        };
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.make(&request, &SystemEntropy).map(|made| post(&made.prepare)).unwrap_or_default()
    }

    fn is_good(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.first() == Some(&13)
    }
}

fn post(packet: &[u8]) -> Vec<u8> {
    let token = format!("Bearer {TOKEN}");
    let headers = [
        ("host", "localhost"),
        ("authorization", token.as_str()),
        ("content-type", "application/octet-stream"),
        ("ilp-repeatable", "1"),
    ];
    request("POST", "/", &headers, packet)
}

/// The only account that receives here.
struct One(Arc<LocalAccount>);

#[async_trait]
impl LocalAccounts for One {
    async fn resolve(&self, _: TenantId, _: &str) -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable> {
        Ok(Some(self.0.clone()))
    }

    async fn credited(&self, credit: Credit) -> Option<u64> {
        Some(credit.amount)
    }

    async fn judge(&self, _: SenderData<'_>) -> Verdict {
        Verdict::Take
    }
}

struct Nobody;

#[async_trait]
impl LiquidityAlerts for Nobody {
    async fn low(&self, _: LowLiquidity) {}
}

#[async_trait]
impl FetchRates for Nobody {
    async fn fetch(&self, _: Url) -> Result<Bytes, FetchError> {
        Err(FetchError { reason: "there are no rates here".into() })
    }
}
