//! What the connector asks of others: local receivers and alerts of the payments service, a way to peers.
//!
//! Traits only where a second implementation exists: the real one and the simulator's or a test's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use payments_model::{AssetId, PeerId, TenantId};

use crate::accounts::{LocalAccount, LocalAccountId, PeerAccount};

/// The payments service's receivers of money.
#[async_trait]
pub trait LocalAccounts: Send + Sync {
    /// The account of `tenant` named by the payment tag of a STREAM address.
    ///
    /// An account given out exists in the ledger. Called for every local packet: answered from memory.
    async fn resolve(&self, tenant: TenantId, tag: &str)
    -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable>;

    /// Told after money was credited for good, before the sender learns of it.
    ///
    /// It may be missed when the process dies in between: the ledger's total is the truth, this is a nudge.
    async fn credited(&self, credit: Credit);
}

/// Local receivers could not be looked up now.
#[derive(Debug, thiserror::Error)]
#[error("local accounts are not available: {reason}")]
pub struct LocalAccountsUnavailable {
    /// What went wrong, for the log.
    pub reason: String,
}

/// Money credited to a local account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Whose account.
    pub tenant: TenantId,
    /// Which account.
    pub account: LocalAccountId,
    /// How much, in the account's asset.
    pub amount: u64,
}

/// Hears of low liquidity.
#[async_trait]
pub trait LiquidityAlerts: Send + Sync {
    /// Told when a balance has come down to its threshold; not again before it has been above.
    async fn low(&self, alert: LowLiquidity);
}

/// A balance at or below its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowLiquidity {
    /// Whose liquidity.
    pub tenant: TenantId,
    /// What it is held for.
    pub holder: LiquidityHolder,
    /// What is left.
    pub balance: u128,
}

/// What liquidity is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiquidityHolder {
    /// A peering.
    Peer(PeerId),
    /// Conversions into an asset.
    Asset(AssetId),
}

/// The way to a peer.
#[async_trait]
pub trait Uplink: Send + Sync {
    /// Hands `prepare` to `peer` and gives its reply, within `at_most`.
    ///
    /// Dropping the future abandons the exchange. A packet is handed over once or, if it certainly never left,
    /// again; never twice.
    async fn exchange(&self, peer: &PeerAccount, prepare: Bytes, at_most: Duration) -> Result<Bytes, UplinkError>;
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// The peer could not be reached, or its server failed.
    #[error("peer unreachable: {0}")]
    Unreachable(String),
    /// The peer says it is busy.
    #[error("peer busy")]
    Busy,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The peer's server refused the request itself, for example our token, or answered something else.
    #[error("peer refused: {0}")]
    Refused(String),
}
