//! Identifiers of the backend's entities, one type each.
//!
//! Not random by themselves: they are made from entropy the caller passes.

use entity_id::entity_id;
use ledger::AccountId;

macro_rules! account_holder {
    ($($name:ident),*) => {
        $(impl From<$name> for AccountId {
            fn from(holder: $name) -> Self {
                Self::from(holder.as_uuid())
            }
        })*
    };
}

entity_id!(
    /// An account-servicing entity using this instance.
    TenantId
);
entity_id!(
    /// An asset of a tenant.
    AssetId
);
entity_id!(
    /// A version of an asset's fee.
    FeeId
);
entity_id!(
    /// A peering with another node in one asset.
    PeerId
);
entity_id!(
    /// A wallet address (payment pointer).
    WalletAddressId
);
entity_id!(
    /// A public key of a wallet address.
    WalletAddressKeyId
);
entity_id!(
    /// A payment expected or received.
    IncomingPaymentId
);
entity_id!(
    /// What a payment would cost and deliver.
    QuoteId
);
entity_id!(
    /// A payment sent; equal to the id of its quote.
    OutgoingPaymentId
);
entity_id!(
    /// A grant this instance holds at another authorization server.
    GrantId
);
entity_id!(
    /// An event sent to account-servicing entities; also the id of the transfer that answers it.
    WebhookEventId
);
entity_id!(
    /// One event on its way to one recipient.
    WebhookDeliveryId
);
entity_id!(
    /// A place where a tenant has events sent, beside its default one.
    WebhookEndpointId
);
entity_id!(
    /// A question about money that came with data; equal to the id of the event that asks it.
    PartialPaymentId
);

// The ledger account of an entity carries the entity's own id.
account_holder!(AssetId, PeerId, WalletAddressId, IncomingPaymentId, OutgoingPaymentId);

impl From<QuoteId> for OutgoingPaymentId {
    fn from(quote: QuoteId) -> Self {
        Self(quote.as_uuid())
    }
}

impl From<OutgoingPaymentId> for QuoteId {
    fn from(payment: OutgoingPaymentId) -> Self {
        Self(payment.as_uuid())
    }
}

impl From<PartialPaymentId> for WebhookEventId {
    fn from(question: PartialPaymentId) -> Self {
        Self(question.as_uuid())
    }
}
