//! The links between nodes: the fate of each exchange, and the listener at the other end.
//!
//! Here a process is only a listener. Nodes and the network are built on this file.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connector::{Outcome, Transmission};

use crate::chance::Chance;

/// The fate of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing unusual.
    Deliver,
    /// No connection.
    Refuse,
    /// The other end answers that it is busy.
    Busy,
    /// The request is lost without an error.
    LoseRequest,
    /// The reply is lost without an error.
    LoseReply,
    /// The connection breaks after the other end has decided.
    BreakReply,
    /// The request arrives twice at once.
    Twice,
    /// The reply is delayed by this time.
    Late(Duration),
    /// The reply becomes a Fulfill with another fulfillment.
    ForgeFulfillment,
    /// The answer is the page of a server without ILP.
    Garbage,
    /// The other end's server fails before it reads the packet.
    Fail,
}

/// The frequency of each fault, per thousand exchanges.
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

/// A running process, as its peers see it.
#[async_trait]
pub(crate) trait Listener: Send + Sync {
    /// Takes a packet like a server; `None` if the process dies meanwhile.
    async fn take(&self, token: &str, octets: Bytes, attempt: Transmission) -> Option<Outcome>;

    /// Whether it announces that it recognises repetitions.
    fn repeatable(&self) -> bool;

    /// Its answer instead of an unknown outcome.
    fn unresolved_reject(&self) -> Bytes;
}

/// All links of a network. Clones share them.
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
    /// Links without faults.
    pub(crate) fn new(chance: Chance) -> Self {
        let (links, listeners, weather) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self(Arc::new(State { chance, links, listeners, weather }))
    }

    /// Makes `listener` receive the exchanges for the node of this name.
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

    /// Waits for the time that octets take from one node to another.
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
