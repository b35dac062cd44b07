//! How an institution of a test is made.
//!
//! Not its rows: those are made through its services.

use std::sync::Arc;

use clock::Clock;
use connector::Uplink;
use database::Dialect;
use ledger::{Ledger, MemoryLedger};
use ledger_sql::SqlLedger;
use outbound_http::OutboundConfig;
use payments::DecisionTimes;
use payments_model::TenantId;
use peering::Offer;
use testkit::TestDatabase;
use url::Url;
use uuid::Uuid;

use super::outside::Nobody;

/// The operator, unless a test wants another.
pub const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));

/// Whose the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerOf {
    /// The institution's: its processes share this one.
    All,
    /// The process's: each opens the stored ledger for itself, if the database is a server.
    EachProcess,
}

/// Where the processes of an institution keep what they share for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheIn {
    /// Each for itself.
    Memory,
    /// Together, in the database.
    Database,
}

/// What a test decides about an institution.
#[derive(Clone)]
pub struct Setup {
    /// `bank` is at `https://bank.example` and has the ILP address `test.bank`.
    pub name: String,
    /// The operator's tenant.
    pub operator: TenantId,
    /// The secret of each tenant.
    pub secret_of: fn(TenantId) -> String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where its money is.
    pub ledger: Arc<dyn Ledger>,
    /// The way to its peers.
    pub uplink: Arc<dyn Uplink>,
    /// What its processes share.
    pub cache: CacheIn,
    /// How it calls others.
    pub http: OutboundConfig,
    /// Where its peers post packets, if they do.
    pub connector_url: Option<Url>,
    /// How long decisions on money with data are waited for, if anybody is asked.
    pub decisions: Option<DecisionTimes>,
    /// What it gives to those who ask for peering.
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
            cache: CacheIn::Memory,
            http: OutboundConfig::default(),
            connector_url: None,
            decisions: None,
            offer: Offer { peers_max: 10, ..Offer::default() },
            ledger_of: LedgerOf::All,
        }
    }

    /// The same with its money stored beside `database`.
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

/// A ledger kept in the same kind of database as all the rest, beside it.
pub(crate) async fn stored_ledger(database: &TestDatabase, clock: Arc<dyn Clock>) -> Arc<dyn Ledger> {
    let url = match database.dialect() {
        Dialect::Postgres => database.url().to_owned(),
        Dialect::Sqlite => database.url().replace("test.sqlite", "ledger.sqlite"),
    };
    Arc::new(SqlLedger::open(&url, clock).await.unwrap())
}
