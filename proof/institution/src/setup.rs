//! The parts of a test institution.
//!
//! Its rows are made through its services.

use std::sync::Arc;

use auth_service::TenantMirror;
use clock::Clock;
use connector::Uplink;
use database::Dialect;
use ledger::{Ledger, MemoryLedger};
use ledger_sql::SqlLedger;
use outbound_http::OutboundConfig;
use payments::DecisionTimes;
use payments_model::TenantId;
use peering::Offer;
use sealed_text::Sealer;
use testkit::TestDatabase;
use url::Url;
use uuid::Uuid;

use super::outside::{NoMirror, Nobody};

/// The default operator.
pub const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));

/// The owner of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerOf {
    /// The institution: its processes share this ledger.
    All,
    /// The process: each process opens the stored ledger itself, if the database is a server.
    EachProcess,
}

/// Where the processes of an institution keep their shared cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheIn {
    /// Each process has its own.
    Memory,
    /// The processes share one in the database.
    Database,
}

/// The choices of a test for an institution.
#[derive(Clone)]
pub struct Setup {
    /// `bank` is at `https://bank.example` and has the ILP address `test.bank`.
    pub name: String,
    /// The operator's tenant.
    pub operator: TenantId,
    /// The secret of each tenant.
    pub secret_of: fn(TenantId) -> String,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The uplink to its peers.
    pub uplink: Arc<dyn Uplink>,
    /// The place to which its tenants are mirrored.
    pub mirror: Arc<dyn TenantMirror>,
    /// The data shared by its processes.
    pub cache: CacheIn,
    /// Its HTTP client.
    pub http: OutboundConfig,
    /// The address for packets of its peers, if there is one.
    pub connector_url: Option<Url>,
    /// How long packets with data wait for a decision; `None` if nobody is asked.
    pub decisions: Option<DecisionTimes>,
    /// Encrypts the data that is stored encrypted.
    pub sealer: Sealer,
    /// The offer to nodes that ask for peering.
    pub offer: Offer,
    /// Whether another process uses this ledger or opens the stored one again.
    pub ledger_of: LedgerOf,
}

impl Setup {
    /// An institution with its ledger in memory, which reaches no peer.
    pub fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            operator: OPERATOR,
            secret_of: |tenant| format!("secret of {tenant}"),
            ledger: Arc::new(MemoryLedger::new(clock.clone())),
            clock,
            uplink: Arc::new(Nobody),
            mirror: Arc::new(NoMirror),
            cache: CacheIn::Memory,
            http: OutboundConfig::default(),
            connector_url: None,
            decisions: None,
            sealer: Sealer::new(Some(&[7; 32]), &[]),
            offer: Offer { peers_max: 10, ..Offer::default() },
            ledger_of: LedgerOf::All,
        }
    }

    /// The same with its ledger stored beside `database`.
    pub async fn with_stored_ledger(self, database: &TestDatabase) -> Self {
        let ledger = stored_ledger(database, self.clock.clone()).await;
        Self { ledger, ledger_of: LedgerOf::EachProcess, ..self }
    }

    pub(crate) fn base_url(&self) -> Url {
        format!("https://{}.example", self.name).parse().unwrap()
    }

    pub(crate) fn ilp_address(&self) -> String {
        format!("test.{}", self.name)
    }
}

/// A ledger in the same kind of database as the other data, beside it.
pub(crate) async fn stored_ledger(database: &TestDatabase, clock: Arc<dyn Clock>) -> Arc<dyn Ledger> {
    let url = match database.dialect() {
        Dialect::Postgres => database.url().to_owned(),
        Dialect::Sqlite => database.url().replace("test.sqlite", "ledger.sqlite"),
    };
    Arc::new(SqlLedger::open(&url, clock).await.unwrap())
}
