//! Nodes and the links between them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector::AccountAsset;

use crate::chance::Chance;
use crate::node::{Node, SETTLED_AFTER};
use crate::time::VirtualClock;

/// What happens to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing unusual.
    Deliver,
    /// No connection.
    Refuse,
    /// The other end says it is busy.
    Busy,
    /// The request is lost in silence.
    LoseRequest,
    /// The reply is lost in silence.
    LoseReply,
    /// The connection breaks after the other end has decided.
    BreakReply,
    /// The request arrives twice at once.
    Twice,
    /// The reply is held back so long.
    Late(Duration),
    /// The reply becomes a Fulfill with another fulfillment.
    ForgeFulfillment,
    /// The answer is a page of a server that knows nothing of ILP.
    Garbage,
    /// The other end's server fails before it looks at the packet.
    Fail,
}

/// How often what goes wrong, of a thousand exchanges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// [`Fate::Refuse`] and [`Fate::Busy`].
    pub refusals: u64,
    /// [`Fate::LoseRequest`], [`Fate::LoseReply`] and [`Fate::BreakReply`].
    pub losses: u64,
    /// [`Fate::Twice`].
    pub repetitions: u64,
    /// [`Fate::Late`], by at most 35 seconds.
    pub delays: u64,
}

/// A network; clones are the same one.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    chance: Chance,
    nodes: Mutex<BTreeMap<String, Arc<Node>>>,
    links: Mutex<HashMap<(String, String), Link>>,
    peerings: Mutex<Vec<(String, String)>>,
    weather: Mutex<Weather>,
}

#[derive(Debug, Default)]
struct Link {
    script: VecDeque<Fate>,
    deliveries: u64,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// An empty network whose choices come from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        Self(Arc::new(Inner {
            clock: VirtualClock::begin(),
            chance: Chance::new(seed),
            nodes: Mutex::default(),
            links: Mutex::default(),
            peerings: Mutex::default(),
            weather: Mutex::default(),
        }))
    }

    /// A row of nodes, each peered with the next in the asset given after it, all running. Each knows the way to all
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

    fn add(&self, name: &str) -> Arc<Node> {
        let mut nodes = self.0.nodes.lock().unwrap();
        let node = Node::new(self, name, nodes.len() as u128);
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

    /// What happens to the next exchanges from one node to another; after these, what the weather brings.
    pub fn script(&self, from: &str, to: &str, fates: &[Fate]) {
        self.with_link(from, to, |link| link.script.extend(fates));
    }

    /// Sets what goes wrong everywhere.
    pub fn set_weather(&self, weather: Weather) {
        *self.0.weather.lock().unwrap() = weather;
    }

    /// Sets how many of a thousand requests to any ledger stay without answer.
    pub fn set_ledger_silences(&self, per_mille: u64) {
        self.nodes().iter().for_each(|node| *node.silences.lock().unwrap() = per_mille);
    }

    /// How many exchanges from one node reached the other.
    pub fn deliveries(&self, from: &str, to: &str) -> u64 {
        self.with_link(from, to, |link| link.deliveries)
    }

    /// The time.
    pub fn clock(&self) -> VirtualClock {
        self.0.clock
    }

    /// The choices.
    pub fn chance(&self) -> Chance {
        self.0.chance.clone()
    }

    /// Waits until nothing is under way any more and every limited hold has run out.
    pub async fn settle(&self) {
        tokio::time::sleep(SETTLED_AFTER).await;
    }

    pub(crate) fn count_delivery(&self, from: &str, to: &str) {
        self.with_link(from, to, |link| link.deliveries += 1);
    }

    pub(crate) async fn latency(&self, _from: &str, _to: &str) {
        tokio::time::sleep(Duration::from_millis(1) + self.0.chance.millis_up_to(20)).await;
    }

    pub(crate) fn fate(&self, from: &str, to: &str) -> Fate {
        if let Some(fate) = self.with_link(from, to, |link| link.script.pop_front()) {
            return fate;
        }
        let weather = *self.0.weather.lock().unwrap();
        let chance = &self.0.chance;
        let one_of = |fates: &[Fate]| fates[usize::try_from(chance.below(fates.len() as u64)).unwrap()];
        if chance.happens(weather.refusals) {
            one_of(&[Fate::Refuse, Fate::Busy])
        } else if chance.happens(weather.losses) {
            one_of(&[Fate::LoseRequest, Fate::LoseReply, Fate::BreakReply])
        } else if chance.happens(weather.repetitions) {
            Fate::Twice
        } else if chance.happens(weather.delays) {
            Fate::Late(chance.millis_up_to(35_000))
        } else {
            Fate::Deliver
        }
    }

    fn with_link<T>(&self, from: &str, to: &str, act: impl FnOnce(&mut Link) -> T) -> T {
        act(self.0.links.lock().unwrap().entry((from.to_owned(), to.to_owned())).or_default())
    }
}
