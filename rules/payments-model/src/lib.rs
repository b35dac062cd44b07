//! States and transitions of payments, quotes, peers and wallet addresses.
//!
//! It has no side effects, and knows no rows, requests or packets. It says which state may follow from which.

pub mod accounting;
pub mod asset;
pub mod delivery_record;
pub mod expectation;
pub mod fee;
pub mod grant_limits;
mod ids;
pub mod incoming_payment;
mod initiator;
pub mod local_delivery;
mod origin;
pub mod outgoing_payment;
pub mod page;
pub mod partial_payment;
pub mod payment_events;
pub mod peer;
pub mod peer_health;
pub mod peer_terms;
pub mod peer_tls;
pub mod peer_token;
mod progress;
pub mod quote;
pub mod receiver;
pub mod repeating_interval;
pub mod retry;
pub mod sending;
pub mod tenant;
pub mod wallet_address;
pub mod webhook_delivery;
pub mod webhook_endpoint;
pub mod webhook_event;
pub mod webhook_ladder;

pub use asset::TenantAsset;
pub use delivery_record::DeliveryRecord;
pub use expectation::Expectation;
pub use fee::{Fee, FeeKind};
pub use ids::{
    AssetId, FeeId, GrantId, IncomingPaymentId, OutgoingPaymentId, PartialPaymentId, PeerId, QuoteId, TenantId,
    WalletAddressId, WalletAddressKeyId, WebhookDeliveryId, WebhookEndpointId, WebhookEventId,
};
pub use incoming_payment::IncomingPayment;
pub use initiator::{InitiatedBy, UnknownInitiator};
pub use origin::Origin;
pub use outgoing_payment::OutgoingPayment;
pub use page::{Page, PageRequest};
pub use partial_payment::PartialPayment;
pub use peer::Peer;
pub use quote::Quote;
pub use receiver::Receiver;
pub use tenant::{Secret, Tenant};
pub use wallet_address::{WalletAddress, WalletAddressKey};
pub use webhook_delivery::{WebhookAttempt, WebhookDelivery};
pub use webhook_endpoint::WebhookEndpoint;
pub use webhook_event::WebhookEvent;
