//! Selects the next peer for an address: the longest prefix by whole segments.
//!
//! Each tenant has a tree of segments, built once per directory and never changed.

use std::cmp::Reverse;
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

    /// The peer for `destination`: one of the longest prefix that has any but those in `way`.
    ///
    /// Of several peers, those that can take the packet now are preferred, as `can_take` says, then those with the
    /// source's asset. Among these their weights and the destination decide, so all packets of one connection go to the
    /// same peer.
    pub(crate) fn next_hop(
        &self,
        destination: AddressRef<'_>,
        way: Way<'_>,
        can_take: impl Fn(&PeerAccount) -> bool,
    ) -> Option<&Arc<PeerAccount>> {
        let mut longest = None;
        let mut node = &self.root;
        for segment in destination.segments() {
            let Some(child) = node.children.get(segment) else { break };
            node = child;
            if node.peers.iter().any(|peer| Some(peer.id()) != way.from) {
                longest = Some(node);
            }
        }

        let mut peers = longest?.peers.iter().filter(|peer| way.may_go_to(peer.id()));
        let first = peers.next()?;
        let Some(second) = peers.next() else { return Some(first) };
        [first, second].into_iter().chain(peers).max_by_key(|peer| {
            let same_asset = peer.asset().ledger.ledger == way.ledger;
            (can_take(peer), same_asset, share(destination.as_str(), peer))
        })
    }
}

/// What routing needs to know of a packet besides its destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    /// The peer that it comes from, if it comes from one. It is never sent back.
    pub(crate) from: Option<PeerId>,
    /// The ledger number of the source's asset.
    pub(crate) ledger: u32,
    /// Peers that could not take it. Nothing was sent to them.
    pub(crate) passed_over: &'a [PeerId],
}

impl Way<'_> {
    fn may_go_to(&self, peer: PeerId) -> bool {
        Some(peer) != self.from && !self.passed_over.contains(&peer)
    }
}

/// The claim of a peer to the packets to `destination`. The highest claim wins. On average, as many destinations go to
/// each peer as its weight says, and adding or removing a peer moves only that peer's share.
///
/// This is weighted rendezvous hashing: −log2(hash) / weight has an exponential distribution with the rate `weight`, and
/// the smallest of such numbers belongs to each peer in proportion to its weight.
fn share(destination: &str, peer: &PeerAccount) -> (bool, Reverse<u64>) {
    let mut hash = DefaultHasher::new();
    (destination, peer.id()).hash(&mut hash);
    let distance = minus_log2(hash.finish());
    let weight = peer.record().terms.weight();
    (weight > 0, Reverse((distance << 20) / u64::from(weight.max(1))))
}

/// −log2(hash / 2^64) in units of 2^−24. It is computed with integers, so every process gets the same.
fn minus_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    // Between 1 and 2, in units of 2^−63. Each squaring yields one more binary digit of its logarithm.
    let mut mantissa = hash << zeros;
    let mut fraction = 0;
    for _ in 0..24 {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        fraction <<= 1;
        if let Ok(below_two) = u64::try_from(square) {
            mantissa = below_two;
        } else {
            fraction |= 1;
            mantissa = u64::try_from(square >> 1).unwrap_or(u64::MAX);
        }
    }
    (u64::from(zeros + 1) << 24) - fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{eur, peer, usd};

    const STRANGER: Way<'static> = Way { from: None, ledger: 1, passed_over: &[] };

    fn all(_: &PeerAccount) -> bool {
        true
    }

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

    fn from(peer: &Arc<PeerAccount>) -> Way<'static> {
        Way { from: Some(peer.id()), ledger: peer.asset().ledger.ledger, passed_over: &[] }
    }

    fn of_weight(number: u128, weight: u32) -> Arc<PeerAccount> {
        let mut peer = PeerAccount::clone(&peer(number, usd()));
        peer.record.terms.weight = Some(weight);
        Arc::new(peer)
    }

    /// How many of 3000 destinations go to each of these peers.
    fn shares(peers: &[Arc<PeerAccount>], can_take: impl Fn(&PeerAccount) -> bool) -> Vec<usize> {
        let routes: Vec<_> = peers.iter().map(|peer| ("test", peer)).collect();
        let table = table(&routes);
        let mut shares = vec![0; peers.len()];
        for n in 0..3000 {
            let hop = table.next_hop(to_address(&format!("test.bank.{n}")), STRANGER, &can_take).unwrap().id();
            shares[peers.iter().position(|peer| peer.id() == hop).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn the_longest_prefix_by_whole_segments_wins_and_the_source_is_passed_over() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n| peer(n, usd()));
        let table = table(&[("test", &a), ("test.bank", &b), ("test.bank.eu", &c), ("test.bank.eu", &d)]);
        let to = |destination, source: &Arc<PeerAccount>| {
            table.next_hop(to_address(destination), from(source), all).map(|p| p.id())
        };
        assert!([Some(c.id()), Some(d.id())].contains(&to("test.bank.eu.x", &a)));
        assert_eq!(to("test.bank.eu.x", &c), Some(d.id()));
        assert_eq!(to("test.bank.us", &a), Some(b.id()));
        assert_eq!(to("test.bank.us", &b), Some(a.id()));
        assert_eq!(to("test.bankrupt", &b), Some(a.id()));
        assert_eq!(to("g.x", &b), None);
    }

    #[test]
    fn a_connection_keeps_its_peer_and_many_connections_use_all_peers() {
        let [a, b] = [1, 2].map(|n| peer(n, usd()));
        let table = table(&[("test", &a), ("test", &b)]);
        let way = |n: usize| table.next_hop(to_address(&format!("test.bank.{n}")), STRANGER, all).unwrap().id();
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
            let hop = table.next_hop(to_address(&format!("test.bank.{n}")), STRANGER, all).unwrap();
            assert_eq!(hop.id(), dollars.id());
        }
    }

    #[test]
    fn connections_are_shared_by_weight() {
        let shares = shares(&[of_weight(1, 1), of_weight(2, 2), of_weight(3, 3)], all);
        for (share, expected) in shares.iter().zip([500, 1000, 1500]) {
            assert!(share.abs_diff(expected) < 100, "{shares:?}");
        }
    }

    #[test]
    fn the_share_of_a_peer_that_cannot_take_packets_goes_to_the_others_and_their_own_shares_stay() {
        let peers = [of_weight(1, 1), of_weight(2, 1), of_weight(3, 1)];
        let down = peers[0].id();
        let table = table(&[("test", &peers[0]), ("test", &peers[1]), ("test", &peers[2])]);
        for n in 0..300 {
            let address = format!("test.bank.{n}");
            let before = table.next_hop(to_address(&address), STRANGER, all).unwrap().id();
            let after = table.next_hop(to_address(&address), STRANGER, |peer| peer.id() != down).unwrap().id();
            assert_ne!(after, down);
            assert!(after == before || before == down);
        }
        assert!(shares(&peers, |peer| peer.id() != down)[1..].iter().all(|share| share.abs_diff(1500) < 150));
    }

    #[test]
    fn a_peer_of_weight_zero_is_used_only_if_no_other_can_take_packets() {
        let peers = [of_weight(1, 0), of_weight(2, 1)];
        assert_eq!(shares(&peers, all), [0, 3000]);
        assert_eq!(shares(&peers, |peer| peer.id() == peers[0].id()), [3000, 0]);
        assert_eq!(shares(&peers[..1], all), [3000]);
    }

    #[test]
    fn a_peer_of_another_asset_is_used_while_that_of_the_same_asset_cannot_take_packets() {
        let (dollars, euros) = (peer(1, usd()), peer(2, eur()));
        let table = table(&[("test", &dollars), ("test", &euros)]);
        let hop = table.next_hop(to_address("test.x"), STRANGER, |peer| peer.id() != dollars.id()).unwrap();
        assert_eq!(hop.id(), euros.id());
        let none = table.next_hop(to_address("test.x"), STRANGER, |_| false).unwrap();
        assert_eq!(none.id(), dollars.id(), "if none can, the usual one refuses");
    }

    #[test]
    fn peers_of_a_shorter_prefix_do_not_replace_peers_that_were_passed_over() {
        let [a, b, c] = [1, 2, 3].map(|n| peer(n, usd()));
        let table = table(&[("test", &a), ("test.bank", &b), ("test.bank", &c)]);
        let after = |passed_over: &[PeerId]| {
            let way = Way { passed_over, ..STRANGER };
            table.next_hop(to_address("test.bank.x"), way, all).map(|peer| peer.id())
        };
        assert_eq!(after(&[b.id()]), Some(c.id()));
        assert_eq!(after(&[b.id(), c.id()]), None);
    }

    #[test]
    fn the_logarithm_of_a_hash_is_exact_to_its_last_digit() {
        assert_eq!(minus_log2(1 << 63), 1 << 24);
        assert_eq!(minus_log2(1 << 62), 2 << 24);
        assert_eq!(minus_log2(0), 64 << 24);
        assert!(minus_log2(u64::MAX) <= 1);
        // log2(3/4) = −0.4150374992788438
        assert_eq!(minus_log2(3 << 62), 6_963_174);
    }
}
