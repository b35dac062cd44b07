//! A peer: a node with which this instance exchanges packets, in one asset.
//!
//! It holds neither the balance (see the ledger) nor the connection (see the connector).

use clock::Timestamp;

use crate::accounting::LedgerAsset;
use crate::asset::TenantAsset;
use crate::peer_terms::PeerTerms;
use crate::peer_token::FormerToken;
use crate::tenant::Secret;
use crate::{PeerId, TenantId};

/// A peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its id, which is also the id of its ledger account.
    pub id: PeerId,
    /// The tenant that it is a peer of. The asset belongs to the same tenant.
    pub tenant_id: TenantId,
    /// The asset that is exchanged with it.
    pub asset: TenantAsset,
    /// Its ILP address; unique for the asset.
    pub static_ilp_address: String,
    /// How to send packets to it; `None` if it only sends packets to us.
    pub outgoing: Option<OutgoingHttp>,
    /// How the peering came about.
    pub history: PeerHistory,
    /// The largest packet amount, in the asset's smallest unit.
    pub max_packet_amount: Option<u64>,
    /// Its display name.
    pub name: Option<String>,
    /// An event reports when its liquidity falls to this amount; `None`: never.
    pub liquidity_threshold: Option<u64>,
    /// The address prefixes that are reached through it. The first is its own address.
    pub routes: Vec<String>,
    /// How much it may send, and how much is sent to it.
    pub terms: PeerTerms,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The history of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerHistory {
    /// The tokens that we presented to it before, the newest first.
    pub former_outgoing: Vec<FormerToken>,
    /// The URL at which we asked it for peering, if we did.
    pub peering_url: Option<String>,
    /// The side that wanted the peering.
    pub wanted_by: WantedBy,
}

/// The side that wanted a peering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WantedBy {
    /// An administrator here.
    #[default]
    Us,
    /// The other node, by auto-peering.
    Them,
}

/// How to send packets to a peer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingHttp {
    /// The URL.
    pub endpoint: String,
    /// The bearer token it gave us.
    pub token: Secret,
}

impl PeerHistory {
    /// Whether an administrator of this instance entered its endpoint, and not the peer itself.
    pub fn administrator_named_its_endpoint(&self) -> bool {
        self.wanted_by == WantedBy::Us && self.peering_url.is_none()
    }
}

impl Peer {
    /// Its asset as the ledger knows it.
    pub fn ledger_asset(&self) -> LedgerAsset {
        self.asset.in_ledger()
    }

    /// The routes of a peer at `address` with the `given` prefixes. Its own address comes first, and no route is named
    /// twice.
    pub fn routes_of(address: &str, given: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut routes = vec![address.to_owned()];
        for route in given {
            if !routes.contains(&route) {
                routes.push(route);
            }
        }
        routes
    }

    /// Changes its address, and replaces the old address among its routes.
    pub fn move_to(&mut self, address: String) {
        let others = self.routes.iter().filter(|route| **route != self.static_ilp_address).cloned();
        self.routes = Self::routes_of(&address, others.collect::<Vec<_>>());
        self.static_ilp_address = address;
    }
}
