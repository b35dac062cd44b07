//! What the connector needs from other crates: local receivers and liquidity alerts of payments, and an uplink to
//! peers.
//!
//! There is a trait only where a second implementation exists, in the simulator or in tests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::Timestamp;
use payments_model::{AssetId, PeerId, TenantId};
use stream::ConnectionId;

use crate::accounts::{LocalAccount, LocalAccountId, PeerAccount};
use crate::outcome::Transmission;

/// The payments service's receivers of money.
#[async_trait]
pub trait LocalAccounts: Send + Sync {
    /// The account of `tenant` that the payment tag of a STREAM address names.
    ///
    /// A returned account exists in the ledger. This is called for every local packet, so it is answered from memory.
    async fn resolve(&self, tenant: TenantId, tag: &str)
    -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable>;

    /// Called after a final credit, before the sender gets its reply. Returns the total that the account has received,
    /// if it is known in time.
    ///
    /// It may be called twice for one credit, or not at all if the process ends in between. The ledger has the true
    /// total; this call is a hint to read it.
    async fn credited(&self, credit: Credit) -> Option<u64>;

    /// Decides whether money that carries data from its sender is accepted. It is called before the credit, which waits
    /// for the result. It returns before the packet expires.
    async fn judge(&self, offer: SenderData<'_>) -> Verdict;
}

/// Money that carries data from its sender.
#[derive(Clone, Copy, Debug)]
pub struct SenderData<'a> {
    /// The tenant of the account.
    pub tenant: TenantId,
    /// The account that is paid.
    pub account: LocalAccountId,
    /// The connection that the packet belongs to.
    pub connection: ConnectionId,
    /// The data.
    pub data: &'a [u8],
    /// When the packet expires.
    pub until: Timestamp,
}

/// Whether such money is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Take,
    /// It is not, and its sender is to stop.
    Decline {
        /// The reason, which is sent to the sender.
        reason: String,
    },
    /// This is not known yet. The sender may try again.
    Later,
}

/// Local receivers could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("local accounts are not available: {reason}")]
pub struct LocalAccountsUnavailable {
    /// What went wrong, for the log.
    pub reason: String,
}

/// Money credited to a local account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The tenant of the account.
    pub tenant: TenantId,
    /// The account.
    pub account: LocalAccountId,
    /// The amount in the account's asset.
    pub amount: u64,
    /// The expiry of the packet. Its sender does not wait longer.
    pub until: Timestamp,
}

/// Receives reports of low liquidity.
#[async_trait]
pub trait LiquidityAlerts: Send + Sync {
    /// Called when a balance has fallen to its threshold. It is called again only after the balance has been above it.
    async fn low(&self, alert: LowLiquidity);
}

/// A balance at or below its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowLiquidity {
    /// The tenant.
    pub tenant: TenantId,
    /// The account's owner.
    pub holder: LiquidityHolder,
    /// What is left.
    pub balance: u128,
}

/// The owner of liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiquidityHolder {
    /// A peering.
    Peer(PeerId),
    /// An asset, for conversions into it.
    Asset(AssetId),
}

/// The shortest silence that counts as a failure of the peer.
const FAIR_TIME: Duration = Duration::from_secs(1);

/// Sends packets to peers.
#[async_trait]
pub trait Uplink: Send + Sync {
    /// Sends `prepare` to `peer` once and returns its answer, within `at_most`.
    ///
    /// With `attempt` the peer learns whether it may have seen the packet before. Dropping the future abandons the
    /// exchange.
    async fn exchange(
        &self,
        peer: &PeerAccount,
        prepare: Bytes,
        attempt: Transmission,
        at_most: Duration,
    ) -> Result<PeerAnswer, UplinkError>;
}

/// A peer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The reply's octets.
    pub octets: Bytes,
    /// Whether the peer says that it recognises a repeated packet.
    pub repeatable: bool,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// There was no connection. The packet did not reach the peer.
    #[error("peer unreachable: {0}")]
    Unreachable(String),
    /// The peer is busy and has not read the packet.
    #[error("peer busy")]
    Busy,
    /// The peer's server refused the request, for example our token, and has not read the packet.
    #[error("peer refused: {0}")]
    Refused(String),
    /// The peer does not know the outcome of the packet yet.
    #[error("the peer does not know the outcome yet")]
    Undecided,
    /// The connection or the peer's server failed half-way.
    #[error("the exchange failed: {0}")]
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
            Self::Undecided | Self::Broken(_) | Self::TimedOut => true,
        }
    }

    /// Whether it shows that the peer does not work. `given` is the time that the peer had.
    ///
    /// A peer that refuses a packet works. A short silence is not counted, because the peer may wait for another node.
    /// Otherwise packets to all other nodes behind the peer would be stopped too.
    pub(crate) fn is_failure(&self, given: Duration) -> bool {
        match self {
            Self::Busy | Self::Refused(_) | Self::Undecided => false,
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::TimedOut => given >= FAIR_TIME,
        }
    }
}
