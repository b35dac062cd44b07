//! An event: what happened, its subject, and the money that the receiver may withdraw.
//!
//! It does not name the recipients: see `webhook_delivery`.

use std::str::FromStr;

use clock::Timestamp;
use ledger::AccountId;
use serde_json::Value;
use uuid::Uuid;

use crate::{AssetId, IncomingPaymentId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId, WebhookEventId};

macro_rules! event_types {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal ),* $(,)?) => {
        /// What kind of event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType {
            $( $(#[$doc])* $variant ),*
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),* ];

            /// The name used in the database, in the Admin API and in deliveries.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name ),* }
            }
        }
    };
}

event_types! {
    /// An incoming payment was created.
    IncomingPaymentCreated = "incoming_payment.created",
    /// An incoming payment completed with money.
    IncomingPaymentCompleted = "incoming_payment.completed",
    /// An incoming payment expired with money.
    IncomingPaymentExpired = "incoming_payment.expired",
    /// An incoming payment got a packet with the sender's data, which waits for a decision.
    IncomingPaymentPartialPaymentReceived = "incoming_payment.partial_payment_received",
    /// An outgoing payment waits for funds.
    OutgoingPaymentCreated = "outgoing_payment.created",
    /// An outgoing payment was delivered.
    OutgoingPaymentCompleted = "outgoing_payment.completed",
    /// An outgoing payment failed for good.
    OutgoingPaymentFailed = "outgoing_payment.failed",
    /// A card payment was funded.
    OutgoingPaymentFunded = "outgoing_payment.funded",
    /// A card payment was cancelled.
    OutgoingPaymentCancelled = "outgoing_payment.cancelled",
    /// A request for a wallet address that does not exist.
    WalletAddressNotFound = "wallet_address.not_found",
    /// Web-monetization money is due for withdrawal.
    WalletAddressWebMonetization = "wallet_address.web_monetization",
    /// An asset's liquidity fell to its threshold.
    AssetLiquidityLow = "asset.liquidity_low",
    /// A peer's liquidity fell to its threshold.
    PeerLiquidityLow = "peer.liquidity_low",
    /// A grant gives rights on a wallet address now. Rafiki 2.4 has no such event.
    GrantCreated = "grant.created",
    /// A grant of rights on a wallet address was taken back. Rafiki 2.4 has no such event.
    GrantRevoked = "grant.revoked",
    /// The stored ledger was changed by another program. Rafiki 2.4 has no such event.
    LedgerAlarm = "ledger.alarm",
}

impl EventType {
    /// Whether events of this type are delivered in the order of their subject.
    ///
    /// A question about money with data is not: its packet waits a second or two, so the question must not wait for
    /// other events. Nor may they wait for it, when it is too late for an answer.
    pub(crate) const fn is_in_order(self) -> bool {
        !matches!(self, Self::IncomingPaymentPartialPaymentReceived)
    }

    /// Whether Rafiki 2.4 has no event of this type.
    pub const fn is_new(self) -> bool {
        matches!(self, Self::GrantCreated | Self::GrantRevoked | Self::LedgerAlarm)
    }

    /// Whether only those get it who name its type. Rafiki 2.4 has no such event.
    pub const fn is_on_request(self) -> bool {
        matches!(self, Self::GrantCreated | Self::GrantRevoked)
    }
}

/// The text does not name a type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownEventType)
    }
}

/// The subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An incoming payment.
    IncomingPayment(IncomingPaymentId),
    /// An outgoing payment.
    OutgoingPayment(OutgoingPaymentId),
    /// A wallet address.
    WalletAddress(WalletAddressId),
    /// A peer.
    Peer(PeerId),
    /// An asset.
    Asset(AssetId),
    /// A wallet address that does not exist, or the ledger itself.
    Nothing,
}

impl Subject {
    /// The id of the subject; `None` if no other event can have the same subject.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::IncomingPayment(id) => Some(id.as_uuid()),
            Self::OutgoingPayment(id) => Some(id.as_uuid()),
            Self::WalletAddress(id) => Some(id.as_uuid()),
            Self::Peer(id) => Some(id.as_uuid()),
            Self::Asset(id) => Some(id.as_uuid()),
            Self::Nothing => None,
        }
    }
}

/// The money that the receiver of an event may withdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWithdrawal {
    /// The account that it is withdrawn from.
    pub account: AccountId,
    /// Its asset.
    pub asset_id: AssetId,
    /// Its amount.
    pub amount: u64,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEvent {
    /// Its id, the same for all retries and recipients. It is also the id of the withdrawal transfer.
    pub id: WebhookEventId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// The tenant that owns the subject.
    pub tenant_id: TenantId,
    /// The content, with its members in order.
    pub data: Value,
    /// Its subject.
    pub subject: Subject,
    /// The money that may be withdrawn.
    pub withdrawal: Option<EventWithdrawal>,
    /// The time of the event.
    pub created_at: Timestamp,
}
