//! Selects the next peer for an address: the longest prefix by whole segments.
//!
//! Each tenant has a tree of segments, built once per directory and never changed.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ilp_packet::{AddressPrefix, AddressRef};
use payments_model::PeerId;

use crate::accounts::PeerAccount;

/// The routes of one tenant.
#[derive(Debug, Default)]
pub(crate) struct RoutingTable {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Node>,
    peers: Vec<Arc<PeerAccount>>,
}

impl RoutingTable {
    /// Routes addresses that begin with `prefix` to `peer`.
    ///
    /// A prefix of one segment, such as `test`, is the default of its scheme.
    pub(crate) fn add(&mut self, prefix: &AddressPrefix, peer: &Arc<PeerAccount>) {
        let mut node = &mut self.root;
        for segment in prefix.as_str().split('.') {
            node = node.children.entry(segment.into()).or_default();
        }
        if !node.peers.iter().any(|known| known.id() == peer.id()) {
            node.peers.push(peer.clone());
        }
    }

    /// The peer for `destination`, never `source` itself.
    ///
    /// If several peers have the same prefix, those with the source's asset are preferred. Among these the destination
    /// decides, so all packets of one connection go to the same peer.
    pub(crate) fn next_hop(&self, destination: AddressRef<'_>, source: Hop) -> Option<&Arc<PeerAccount>> {
        let mut best = None;
        let mut node = &self.root;
        for segment in destination.segments() {
            let Some(child) = node.children.get(segment) else { break };
            node = child;
            best = choose(&node.peers, destination.as_str(), source).or(best);
        }
        best
    }
}

/// What routing needs to know of a packet's source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    /// The peer, if it is one.
    pub(crate) peer: Option<PeerId>,
    /// The ledger number of its asset.
    pub(crate) ledger: u32,
}

fn choose<'a>(peers: &'a [Arc<PeerAccount>], destination: &str, source: Hop) -> Option<&'a Arc<PeerAccount>> {
    peers.iter().filter(|peer| Some(peer.id()) != source.peer).max_by_key(|peer| {
        let same_asset = peer.asset().ledger.ledger == source.ledger;
        // The highest hash wins. So adding or removing a peer moves only that peer's share of the connections.
        let mut hash = DefaultHasher::new();
        (destination, peer.id()).hash(&mut hash);
        (same_asset, hash.finish())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{eur, peer, usd};

    const STRANGER: Hop = Hop { peer: None, ledger: 1 };

    fn table(routes: &[(&str, &Arc<PeerAccount>)]) -> RoutingTable {
        let mut table = RoutingTable::default();
        for (prefix, peer) in routes {
            table.add(&prefix.parse().unwrap(), peer);
        }
        table
    }

    fn to_address(text: &str) -> AddressRef<'_> {
        AddressRef::new(text).unwrap()
    }

    fn from(peer: &Arc<PeerAccount>) -> Hop {
        Hop { peer: Some(peer.id()), ledger: peer.asset().ledger.ledger }
    }

    #[test]
    fn the_longest_prefix_by_whole_segments_wins_and_the_source_is_passed_over() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n| peer(n, usd()));
        let table = table(&[("test", &a), ("test.bank", &b), ("test.bank.eu", &c), ("test.bank.eu", &d)]);
        let to = |destination, source: &Arc<PeerAccount>| {
            table.next_hop(to_address(destination), from(source)).map(|p| p.id())
        };
        assert!([Some(c.id()), Some(d.id())].contains(&to("test.bank.eu.x", &a)));
        assert_eq!(to("test.bank.eu.x", &c), Some(d.id()));
        assert_eq!(to("test.bank.us", &a), Some(b.id()));
        assert_eq!(to("test.bank.us", &b), Some(a.id()));
        assert_eq!(to("test.bankrupt", &b), Some(a.id()));
        assert_eq!(to("g.x", &b), None);
    }

    #[test]
    fn one_connection_keeps_its_way_and_many_spread() {
        let [a, b] = [1, 2].map(|n| peer(n, usd()));
        let table = table(&[("test", &a), ("test", &b)]);
        let way = |n: usize| table.next_hop(to_address(&format!("test.bank.{n}")), STRANGER).unwrap().id();
        let ways: Vec<_> = (0..100).map(way).collect();
        assert_eq!(ways, (0..100).map(way).collect::<Vec<_>>());
        let by_a = ways.iter().filter(|way| **way == a.id()).count();
        assert!((20..=80).contains(&by_a), "{by_a}");
    }

    #[test]
    fn a_peer_of_the_sources_asset_is_preferred() {
        let (dollars, euros) = (peer(1, usd()), peer(2, eur()));
        let table = table(&[("test", &dollars), ("test", &euros)]);
        for n in 0..20 {
            let hop = table.next_hop(to_address(&format!("test.bank.{n}")), STRANGER).unwrap();
            assert_eq!(hop.id(), dollars.id());
        }
    }
}
