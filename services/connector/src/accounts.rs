//! The sources and destinations of packets: peers, own payments and quotes, local receivers.
//!
//! Plain data. Balances are in the ledger, states in the payments service.

use std::fmt;
use std::sync::Arc;

use ilp_packet::{Address, AddressPrefix, PrepareBuf};
use ledger::AccountId;
use money::Asset;
use payments_model::accounting::LedgerAsset;
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_tls::PeerTls;
use payments_model::peer_token::IncomingToken;
use payments_model::{Expectation, IncomingPaymentId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId};
use url::Url;

use crate::packet_transfer::PacketIdentity;
use crate::peer_state::PeerState;

/// An asset in the form that packets and the ledger use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAsset {
    /// Code and scale.
    pub asset: Asset,
    /// Its ledger number and liquidity account.
    pub ledger: LedgerAsset,
    /// The liquidity is low at or below this balance; `None` means that low liquidity is not reported.
    pub liquidity_threshold: Option<u64>,
}

/// A peering as the directory lists it.
#[derive(Clone)]
pub struct PeerRecord {
    /// Its id, also that of its ledger account.
    pub id: PeerId,
    /// The tenant whose peer it is.
    pub tenant: TenantId,
    /// The asset of the peering.
    pub asset: Arc<AccountAsset>,
    /// The peer's ILP address; also a route to it.
    pub static_address: Address,
    /// Further prefixes routed to it.
    pub routes: Vec<AddressPrefix>,
    /// The URL to which packets for it are posted.
    pub endpoint: Url,
    /// The token that we present to it.
    pub outgoing_token: String,
    /// The history of the peering, with the tokens that we presented before.
    pub history: PeerHistory,
    /// The tokens that it presents to us.
    pub incoming_tokens: Vec<IncomingToken>,
    /// The largest packet accepted from it; `None` or 0: no limit.
    pub max_packet_amount: Option<u64>,
    /// The liquidity is low at or below this balance; `None` means that low liquidity is not reported.
    pub liquidity_threshold: Option<u64>,
    /// How much it may send, and how much is sent to it.
    pub terms: PeerTerms,
    /// The certificates used with it.
    pub tls: Option<Arc<PeerTls>>,
}

impl fmt::Debug for PeerRecord {
    /// Shows identifiers only, because tokens must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerRecord").field("id", &self.id).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A peer in use: its record, and the connector's data about it.
#[derive(Clone, Debug)]
pub struct PeerAccount {
    pub(crate) record: PeerRecord,
    pub(crate) state: Arc<PeerState>,
}

impl PeerAccount {
    /// The peer's record.
    pub fn record(&self) -> &PeerRecord {
        &self.record
    }

    /// The peer's id.
    pub fn id(&self) -> PeerId {
        self.record.id
    }

    /// The tenant whose peer it is.
    pub fn tenant(&self) -> TenantId {
        self.record.tenant
    }

    /// The asset of the peering.
    pub fn asset(&self) -> &Arc<AccountAsset> {
        &self.record.asset
    }
}

/// The source of a packet.
#[derive(Clone, Debug)]
pub enum Source {
    /// A peer, authenticated by its token.
    Peer(Arc<PeerAccount>),
    /// A quote's probe: unfulfillable, so nothing moves at this node.
    Quote(QuoteSource),
    /// An outgoing payment of this instance.
    Payment(PaymentSource),
}

/// The sender of a quote's probes.
#[derive(Clone, Debug)]
pub struct QuoteSource {
    /// The tenant.
    pub tenant: TenantId,
    /// The asset of the sending wallet address.
    pub asset: Arc<AccountAsset>,
}

/// The sender of a payment's packet.
#[derive(Clone, Debug)]
pub struct PaymentSource {
    /// The tenant.
    pub tenant: TenantId,
    /// The payment; its account is debited.
    pub payment: OutgoingPaymentId,
    /// The asset of the payment.
    pub asset: Arc<AccountAsset>,
}

impl Source {
    /// The tenant of the packet.
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Peer(peer) => peer.tenant(),
            Self::Quote(quote) => quote.tenant,
            Self::Payment(payment) => payment.tenant,
        }
    }

    /// The asset the packet's amount is in.
    pub fn asset(&self) -> &Arc<AccountAsset> {
        match self {
            Self::Peer(peer) => peer.asset(),
            Self::Quote(quote) => &quote.asset,
            Self::Payment(payment) => &payment.asset,
        }
    }

    /// The account that the packet's money is taken from; `None` if no money moves.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Peer(peer) => Some(peer.id().into()),
            Self::Quote(_) => None,
            Self::Payment(payment) => Some(payment.payment.into()),
        }
    }

    /// The identity of a packet as it arrives; `None` if no money moves.
    pub(crate) fn identify(&self, packet: &PrepareBuf) -> Option<PacketIdentity> {
        let account = self.account().filter(|_| packet.amount() != 0)?;
        Some(PacketIdentity::of(account, packet))
    }

    pub(crate) fn peer(&self) -> Option<&Arc<PeerAccount>> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Quote(_) | Self::Payment(_) => None,
        }
    }
}

/// The local account that a STREAM payment tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalAccountId {
    /// An incoming payment.
    IncomingPayment(IncomingPaymentId),
    /// A wallet address paid to directly (SPSP).
    WalletAddress(WalletAddressId),
}

impl From<LocalAccountId> for AccountId {
    fn from(id: LocalAccountId) -> Self {
        match id {
            LocalAccountId::IncomingPayment(id) => id.into(),
            LocalAccountId::WalletAddress(id) => id.into(),
        }
    }
}

/// A local receiver of money.
#[derive(Clone, Debug)]
pub struct LocalAccount {
    /// Its id.
    pub id: LocalAccountId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The asset it receives.
    pub asset: Arc<AccountAsset>,
    /// Whether money is still accepted.
    pub state: LocalState,
    /// The limit of its money; `None` if there is no limit.
    pub bound: Option<Bound>,
}

/// How much a local account accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The expectation in the ledger. Every credit takes its amount out of it.
    pub expectation: Expectation,
    /// The expected total; `None` means any amount.
    pub expected: Option<u64>,
    /// What was left when it was read. Less may be left now, never more. So it may be a reason to refuse; for
    /// everything else the ledger decides.
    pub left: u64,
}

/// Whether a local account accepts money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// It accepts money.
    Open,
    /// It has completed or expired. Only packets without money pass, for probes and closes.
    Closed,
}
