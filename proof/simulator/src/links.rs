//! The links between nodes: what happens to an exchange, and the listener at the other end.
//!
//! It knows processes only as listeners. Nodes and the network are built on it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connector::{Outcome, Transmission};

use crate::chance::Chance;

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

/// A running process, as its peers reach it.
#[async_trait]
pub(crate) trait Listener: Send + Sync {
    /// Takes a packet as a server would; `None` if the process dies meanwhile.
    async fn take(&self, token: &str, octets: Bytes, attempt: Transmission) -> Option<Outcome>;

    /// Whether it announces that it recognises repetitions.
    fn repeatable(&self) -> bool;

    /// What it answers instead of an outcome that is not known.
    fn unresolved_reject(&self) -> Bytes;
}

/// All links of a network; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Links(Arc<State>);

struct State {
    chance: Chance,
    links: Mutex<HashMap<(String, String), Link>>,
    listeners: Mutex<HashMap<String, Arc<dyn Listener>>>,
    weather: Mutex<Weather>,
}

#[derive(Debug, Default)]
struct Link {
    script: VecDeque<Fate>,
    deliveries: u64,
}

impl Links {
    /// Links on which nothing goes wrong yet.
    pub(crate) fn new(chance: Chance) -> Self {
        let (links, listeners, weather) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self(Arc::new(State { chance, links, listeners, weather }))
    }

    /// Lets `listener` take what is sent to the node of this name.
    pub(crate) fn listen(&self, name: &str, listener: Arc<dyn Listener>) {
        self.0.listeners.lock().unwrap().insert(name.to_owned(), listener);
    }

    /// Closes the node's end: connections to it are refused.
    pub(crate) fn close(&self, name: &str) {
        self.0.listeners.lock().unwrap().remove(name);
    }

    /// The process that listens at the node of this name.
    pub(crate) fn listener(&self, name: &str) -> Option<Arc<dyn Listener>> {
        self.0.listeners.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn script(&self, from: &str, to: &str, fates: &[Fate]) {
        self.with_link(from, to, |link| link.script.extend(fates));
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.0.weather.lock().unwrap() = weather;
    }

    pub(crate) fn deliveries(&self, from: &str, to: &str) -> u64 {
        self.with_link(from, to, |link| link.deliveries)
    }

    pub(crate) fn count_delivery(&self, from: &str, to: &str) {
        self.with_link(from, to, |link| link.deliveries += 1);
    }

    /// Waits as long as octets take from one node to another.
    pub(crate) async fn latency(&self) {
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
