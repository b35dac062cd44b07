//! An event, and its recipients.
//!
//! Not the telling: deliveries are made by the webhooks service.

use std::str::FromStr;

use clock::Timestamp;
use ledger::AccountId;
use serde_json::Value;

use crate::{
    AssetId, IncomingPaymentId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId, WebhookDeliveryId, WebhookEventId,
};

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
    /// A packet with the sender's data waits for a decision.
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
    /// The stored ledger is not as it was written. Not an event of the original.
    LedgerAlarm = "ledger.alarm",
}

/// The text is no type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownEventType)
    }
}

/// What an event is about.
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

/// What the receiver of an event may withdraw in answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWithdrawal {
    /// From where.
    pub account: AccountId,
    /// In which asset.
    pub asset_id: AssetId,
    /// How much.
    pub amount: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEvent {
    /// Its id, constant over retries and recipients; also the id of the transfer that answers it.
    pub id: WebhookEventId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// The tenant that owns the subject.
    pub tenant_id: TenantId,
    /// The content, members in order.
    pub data: Value,
    /// What it is about.
    pub subject: Subject,
    /// What may be withdrawn in answer.
    pub withdrawal: Option<EventWithdrawal>,
    /// When it happened.
    pub created_at: Timestamp,
}

/// Where a delivery goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A tenant, by its settings.
    Tenant(TenantId),
    /// The card service of the instance.
    CardService,
    /// The point-of-sale service of the instance.
    PointOfSaleService,
}

/// One event on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// What is delivered.
    pub event_id: WebhookEventId,
    /// The recipient.
    pub recipient: Recipient,
    /// How often it was tried.
    pub attempts: u32,
    /// The last HTTP status received.
    pub status_code: Option<u16>,
    /// Where it stands.
    pub state: DeliveryState,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It will be tried, perhaps again.
    Pending,
    /// It was answered with 200.
    Delivered,
    /// It was tried as often as the recipient allows.
    Exhausted,
}

impl DeliveryState {
    /// The name used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Exhausted => "EXHAUSTED",
        }
    }
}
