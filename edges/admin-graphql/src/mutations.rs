//! The mutations, one file per subject.
//! The queries are in `queries`.

pub(crate) mod assets;
pub(crate) mod incoming_payments;
pub(crate) mod liquidity;
pub(crate) mod outgoing_payments;
pub(crate) mod partial_payments;
pub(crate) mod peer_tls;
pub(crate) mod peer_tokens;
pub(crate) mod peers;
pub(crate) mod rates;
pub(crate) mod receivers;
pub(crate) mod tenants;
pub(crate) mod wallet_addresses;
pub(crate) mod webhooks;

use async_graphql::MergedObject;

#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub(crate) struct Mutation(
    assets::AssetMutation,
    peers::PeerMutation,
    peer_tls::PeerTlsMutation,
    peer_tokens::PeerTokenMutation,
    wallet_addresses::WalletAddressMutation,
    tenants::TenantMutation,
    liquidity::LiquidityMutation,
    incoming_payments::IncomingPaymentMutation,
    partial_payments::PartialPaymentMutation,
    rates::RatesMutation,
    receivers::ReceiverMutation,
    outgoing_payments::OutgoingPaymentMutation,
    webhooks::WebhookMutation,
);
