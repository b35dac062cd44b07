//! A network: nodes that are peers, with one clock and one source of choices.
//!
//! Exchanges between two nodes are in `links`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use connector::AccountAsset;

use crate::chance::Chance;
use crate::links::{Fate, Links, Weather};
use crate::node::{Node, SETTLED_AFTER, Surroundings};
use crate::time::VirtualClock;

/// A network. Clones share it.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    clock: VirtualClock,
    chance: Chance,
    nodes: Mutex<BTreeMap<String, Arc<Node>>>,
    links: Links,
    peerings: Mutex<Vec<(String, String)>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// An empty network whose choices come from `seed`.
    pub(crate) fn with_seed(seed: u64) -> Self {
        let chance = Chance::new(seed);
        Self(Arc::new(Shared {
            clock: VirtualClock::begin(),
            chance: chance.clone(),
            nodes: Mutex::default(),
            links: Links::new(chance),
            peerings: Mutex::default(),
        }))
    }

    /// A row of nodes, all running. Each is a peer of the next, in the asset given after it. Each knows a route to all
    /// others, and each peer has `liquidity`.
    pub async fn chain(seed: u64, first: &str, others: &[(&Arc<AccountAsset>, &str)], liquidity: u64) -> Self {
        let network = Self::with_seed(seed);
        let mut row = vec![network.add(first)];
        for (asset, name) in others {
            let node = network.add(name);
            let before = row.last().unwrap();
            before.add_peer(&node, asset, liquidity).await;
            node.add_peer(before, asset, liquidity).await;
            network.0.peerings.lock().unwrap().push((before.name.clone(), node.name.clone()));
            row.push(node);
        }
        for at in 0..row.len() {
            for to in 0..row.len() {
                if at.abs_diff(to) > 1 {
                    let next = if to > at { at + 1 } else { at - 1 };
                    let prefix = row[to].prefix();
                    row[at].change_peer(&row[next].name, |peer| peer.routes.push(prefix));
                }
            }
        }
        row.iter().for_each(Node::start);
        network
    }

    /// Two ways from `first` to `last`: by way of each of `middles`, which have the same prefix in the routes of both
    /// ends. Each peering is in the asset named with the middle.
    pub async fn diamond(
        seed: u64,
        first: &str,
        middles: &[(&Arc<AccountAsset>, &str)],
        last: &str,
        liquidity: u64,
    ) -> Self {
        let network = Self::with_seed(seed);
        let ends = [network.add(first), network.add(last)];
        for (asset, name) in middles {
            let middle = network.add(name);
            for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
                end.add_peer(&middle, asset, liquidity).await;
                middle.add_peer(end, asset, liquidity).await;
                let prefix = other.prefix();
                end.change_peer(name, |peer| peer.routes.push(prefix));
                network.0.peerings.lock().unwrap().push((end.name.clone(), middle.name.clone()));
            }
        }
        network.nodes().iter().for_each(Node::start);
        network
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings { clock: self.clock(), chance: self.chance(), links: self.0.links.clone() }
    }

    fn add(&self, name: &str) -> Arc<Node> {
        let mut nodes = self.0.nodes.lock().unwrap();
        let node = Node::new(self.surroundings(), name, nodes.len() as u128);
        nodes.insert(name.to_owned(), node.clone());
        node
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Arc<Node> {
        self.0.nodes.lock().unwrap()[name].clone()
    }

    /// All nodes.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.0.nodes.lock().unwrap().values().cloned().collect()
    }

    pub(crate) fn peerings(&self) -> Vec<(String, String)> {
        self.0.peerings.lock().unwrap().clone()
    }

    /// Sets the fates of the next exchanges from one node to another. Later exchanges get random faults again.
    pub fn script(&self, from: &str, to: &str, fates: &[Fate]) {
        self.0.links.script(from, to, fates);
    }

    /// Sets the faults for the whole network.
    pub fn set_weather(&self, weather: Weather) {
        self.0.links.set_weather(weather);
    }

    /// Sets how many of a thousand requests to any ledger get no answer.
    pub fn set_ledger_silences(&self, per_mille: u64) {
        self.nodes().iter().for_each(|node| *node.silences.lock().unwrap() = per_mille);
    }

    /// The number of exchanges from one node that reached the other.
    pub fn deliveries(&self, from: &str, to: &str) -> u64 {
        self.0.links.deliveries(from, to)
    }

    /// The clock.
    pub fn clock(&self) -> VirtualClock {
        self.0.clock
    }

    /// The choices.
    pub fn chance(&self) -> Chance {
        self.0.chance.clone()
    }

    /// Waits until nothing is under way and every hold with a time-out has expired.
    pub async fn settle(&self) {
        tokio::time::sleep(SETTLED_AFTER).await;
    }
}
