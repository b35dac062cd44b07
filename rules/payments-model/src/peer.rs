//! A node this instance exchanges packets with, in one asset.
//!
//! Not its balance (ledger) nor its connection (connector).

use clock::Timestamp;

use crate::accounting::LedgerAsset;
use crate::asset::TenantAsset;
use crate::peer_token::FormerToken;
use crate::tenant::Secret;
use crate::{PeerId, TenantId};

/// A peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its id, which is also the id of its ledger account.
    pub id: PeerId,
    /// Whose peer it is: the tenant of the asset.
    pub tenant_id: TenantId,
    /// What is exchanged with it.
    pub asset: TenantAsset,
    /// Its ILP address; unique for the asset.
    pub static_ilp_address: String,
    /// How to reach it; `None` if it only calls.
    pub outgoing: Option<OutgoingHttp>,
    /// How the peering came about.
    pub history: PeerHistory,
    /// The largest packet it is sent, in the asset's smallest unit.
    pub max_packet_amount: Option<u64>,
    /// What people call it.
    pub name: Option<String>,
    /// An event reports when its liquidity falls to this amount; `None`: never.
    pub liquidity_threshold: Option<u64>,
    /// Address prefixes reached through it; the first is its own address.
    pub routes: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// How a peering came about, and what it was before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerHistory {
    /// Tokens we presented to it before, the newest first.
    pub former_outgoing: Vec<FormerToken>,
    /// Where we asked it for peering, if we did.
    pub peering_url: Option<String>,
    /// Who wanted it.
    pub wanted_by: WantedBy,
}

/// Who wanted a peering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WantedBy {
    /// An administrator here.
    #[default]
    Us,
    /// The other side, by auto-peering.
    Them,
}

/// How to send packets to a peer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingHttp {
    /// Where to.
    pub endpoint: String,
    /// The bearer token it gave us.
    pub token: Secret,
}

impl PeerHistory {
    /// Whether its endpoint is the word of an administrator here, and not of the peer itself.
    pub fn administrator_named_its_endpoint(&self) -> bool {
        self.wanted_by == WantedBy::Us && self.peering_url.is_none()
    }
}

impl Peer {
    /// Its asset as the ledger knows it.
    pub fn ledger_asset(&self) -> LedgerAsset {
        self.asset.in_ledger()
    }

    /// The routes of a peer at `address` with the `given` others: its own address first, each once.
    pub fn routes_of(address: &str, given: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut routes = vec![address.to_owned()];
        for route in given {
            if !routes.contains(&route) {
                routes.push(route);
            }
        }
        routes
    }

    /// Moves it to another address, which also replaces the old one among its routes.
    pub fn move_to(&mut self, address: String) {
        let others = self.routes.iter().filter(|route| **route != self.static_ilp_address).cloned();
        self.routes = Self::routes_of(&address, others.collect::<Vec<_>>());
        self.static_ilp_address = address;
    }
}
