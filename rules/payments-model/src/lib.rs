//! States and transitions of payments, quotes, peers and wallet addresses.
//!
//! Pure: rows, requests and packets are somebody else's; here is what may follow from what.

pub mod accounting;
mod ids;

pub use ids::{
    AssetId, FeeId, GrantId, IncomingPaymentId, OutgoingPaymentId, PeerId, QuoteId, TenantId, WalletAddressId,
    WalletAddressKeyId, WebhookDeliveryId, WebhookEventId,
};
