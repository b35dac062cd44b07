//! Members that several types share, and a type that no field returns. Clients have generated code for all of them.
//! The types that implement them are in their own files.

use async_graphql::{Enum, ID, Interface};

use super::accounting::AccountingTransfer;
use super::asset::{AssetNode, FeeNode};
use super::incoming_payment::IncomingPaymentNode;
use super::outgoing_payment::OutgoingPaymentNode;
use super::payment::PaymentNode;
use super::peer::PeerNode;
use super::tenant::TenantNode;
use super::wallet_address::{WalletAddressKeyNode, WalletAddressNode};
use super::webhook_event::WebhookEventNode;
use crate::scalars::JsonObject;

/// Everything that has an identity.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"), field(name = "created_at", ty = "String"))]
#[expect(clippy::large_enum_variant, reason = "the schema needs the type, and no value of it exists")]
pub(crate) enum Model {
    AccountingTransfer(AccountingTransfer),
    Asset(AssetNode),
    Fee(FeeNode),
    IncomingPayment(IncomingPaymentNode),
    OutgoingPayment(OutgoingPaymentNode),
    Payment(PaymentNode),
    Peer(PeerNode),
    Tenant(TenantNode),
    WalletAddress(WalletAddressNode),
    WalletAddressKey(WalletAddressKeyNode),
    WebhookEvent(WebhookEventNode),
}

/// Payments of every kind.
#[derive(Interface)]
#[expect(clippy::duplicated_attributes, reason = "two fields of an interface may have one type")]
#[expect(
    clippy::large_enum_variant,
    reason = "the library's interfaces hold objects as they are; one is made and answered at once"
)]
#[graphql(
    field(name = "id", ty = "ID"),
    field(name = "wallet_address_id", ty = "ID"),
    field(name = "metadata", ty = "Option<JsonObject>"),
    field(name = "created_at", ty = "String"),
    field(name = "client", ty = "Option<&str>")
)]
pub(crate) enum BasePayment {
    IncomingPayment(IncomingPaymentNode),
    OutgoingPayment(OutgoingPaymentNode),
    Payment(PaymentNode),
}

/// The answer of liquidity mutations before errors had codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "PascalCase")]
pub(crate) enum LiquidityError {
    AlreadyPosted,
    AlreadyVoided,
    AmountZero,
    InsufficientBalance,
    InvalidId,
    TransferExists,
    UnknownAsset,
    UnknownIncomingPayment,
    UnknownOutgoingPayment,
    UnknownPayment,
    UnknownWalletAddress,
    UnknownPeer,
    UnknownTransfer,
}
