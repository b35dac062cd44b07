//! The operator's settings for auto-peering.
//!
//! It does not read the environment.

use std::time::Duration;

use ilp_packet::Address;
use payments_model::{Secret, TenantId};
use url::Url;

/// The settings of one instance.
#[derive(Clone, Debug)]
pub struct PeeringSettings {
    /// `OPERATOR_TENANT_ID`: the tenant that gets the peers that ask.
    pub operator: TenantId,
    /// `ILP_ADDRESS`: the operator's address.
    pub ilp_address: Address,
    /// `ILP_CONNECTOR_URL`: the URL to which peers post packets.
    pub connector_url: Url,
    /// `INSTANCE_NAME`: the name that peers see.
    pub instance_name: String,
    /// `PEER_TOKEN_OVERLAP_SECONDS`: how long a replaced token stays valid.
    pub token_overlap: Duration,
    /// The offer to nodes that ask for peering.
    pub offer: Offer,
}

/// The offer to nodes that ask for peering.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// `AUTO_PEERING_INITIAL_LIQUIDITY`: the amount that each peer may owe from the beginning, in the smallest unit of
    /// its asset.
    pub initial_liquidity: u64,
    /// `AUTO_PEERING_PEERS_MAX`: the largest number of such peers.
    pub peers_max: u64,
    /// `AUTO_PEERING_INVITATION`: only a node that sends it may become a peer.
    pub invitation: Option<Secret>,
}
