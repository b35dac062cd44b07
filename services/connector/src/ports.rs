//! What the connector asks of others: local receivers and alerts of the payments service, a way to peers.
//!
//! Traits only where a second implementation exists: the real one and the simulator's or a test's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::Timestamp;
use payments_model::{AssetId, PeerId, TenantId};

use crate::accounts::{LocalAccount, LocalAccountId, PeerAccount};
use crate::outcome::Attempt;

/// The payments service's receivers of money.
#[async_trait]
pub trait LocalAccounts: Send + Sync {
    /// The account of `tenant` named by the payment tag of a STREAM address.
    ///
    /// An account given out exists in the ledger. Called for every local packet: answered from memory.
    async fn resolve(&self, tenant: TenantId, tag: &str)
    -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable>;

    /// Called after money was credited for good, before the sender learns of it. Gives what the account has received in
    /// all, if that is known by the time the sender has to be answered.
    ///
    /// May be called twice for one credit, or not at all when the process dies in between: the ledger's total is the
    /// truth, this is a nudge to look.
    async fn credited(&self, credit: Credit) -> Option<u64>;
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
    /// When the packet expires: its sender does not wait longer.
    pub until: Timestamp,
}

/// Hears of low liquidity.
#[async_trait]
pub trait LiquidityAlerts: Send + Sync {
    /// Called when a balance has fallen to its threshold; not again before it has been above.
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
    /// Hands `prepare` to `peer` once and gives its answer, within `at_most`.
    ///
    /// `attempt` says to the peer whether it may have seen the packet before. Dropping the future abandons the
    /// exchange.
    async fn exchange(
        &self,
        peer: &PeerAccount,
        prepare: Bytes,
        attempt: Attempt,
        at_most: Duration,
    ) -> Result<Answer, UplinkError>;
}

/// A peer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The reply's octets.
    pub octets: Bytes,
    /// Whether the peer says that it recognises a repeated packet.
    pub repeatable: bool,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// There was no connection; the packet certainly did not reach the peer.
    #[error("peer unreachable: {0}")]
    Unreachable(String),
    /// The peer says it is busy, and did not look at the packet.
    #[error("peer busy")]
    Busy,
    /// The peer's server refused the request, for example our token, and did not look at the packet.
    #[error("peer refused: {0}")]
    Refused(String),
    /// The connection or the peer's server failed in the middle.
    #[error("exchange broken: {0}")]
    Broken(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

impl UplinkError {
    /// Whether the peer may have acted on the packet.
    pub(crate) fn may_have_left(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy | Self::Refused(_) => false,
            Self::Broken(_) | Self::TimedOut => true,
        }
    }
}
