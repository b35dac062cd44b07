//! What an operator decides about peering.

use std::time::Duration;

use ilp_packet::Address;
use payments_model::{Secret, TenantId};
use url::Url;

/// The settings of an instance.
#[derive(Clone, Debug)]
pub struct PeeringSettings {
    /// `OPERATOR_TENANT_ID`: whose peers those become that ask.
    pub operator: TenantId,
    /// `ILP_ADDRESS`: the operator's address.
    pub ilp_address: Address,
    /// `ILP_CONNECTOR_URL`: where peers post packets.
    pub connector_url: Url,
    /// `INSTANCE_NAME`: what peers are told that this is called.
    pub instance_name: String,
    /// `PEER_TOKEN_OVERLAP_SECONDS`: how long a token that was replaced stays good.
    pub token_overlap: Duration,
    /// What is given to those who ask.
    pub offer: Offer,
}

/// What is given to nodes that ask for peering.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// `AUTO_PEERING_INITIAL_LIQUIDITY`: what each may owe from the beginning, in the smallest unit of its asset.
    pub initial_liquidity: u64,
    /// `AUTO_PEERING_PEERS_MAX`: how many there may be.
    pub peers_max: u64,
    /// `AUTO_PEERING_INVITATION`: only who names it may become a peer.
    pub invitation: Option<Secret>,
}
