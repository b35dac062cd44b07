//! Stops packets to a peer that does not answer, and lets one through now and then to find out whether it answers again.
//!
//! Only packets that were never sent are stopped. Packets under way are asked for until their outcome is known. The
//! breaker is the memory of one process, and it decides nothing about money.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Timestamp;

/// How many exchanges in a row must fail before packets are stopped.
const FAILURES: u32 = 5;

/// The pause before one packet is let through. It doubles with every further failure.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whether packets to a peer pass.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Whether any exchange has failed since the last answer. So an answer of a healthy peer takes no lock.
    has_failures: AtomicBool,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    state: State,
    stopped: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Packets pass. So many exchanges have failed in a row.
    Closed { since: Option<Timestamp>, failures: u32 },
    /// Packets are stopped. After `pause` from `tried`, one is let through.
    Open { since: Timestamp, tried: Timestamp, pause: Duration },
}

/// The state of a breaker, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerState {
    /// Whether packets pass.
    pub line: PeerLine,
    /// When this began; `None` if packets have passed since the process started.
    pub since: Option<Timestamp>,
    /// How often it has opened in this process.
    pub stopped: u64,
}

/// Whether packets to a peer pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerLine {
    /// They are sent.
    Up,
    /// They are refused at once. After each pause one is sent.
    Down,
}

/// Whether a breaker has just opened or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerChange {
    /// It has the same state as before.
    Unchanged,
    /// It has opened or closed.
    Changed,
}

impl Default for Line {
    fn default() -> Self {
        Self { state: State::Closed { since: None, failures: 0 }, stopped: 0 }
    }
}

impl Breaker {
    /// Whether a packet may be sent `now`. If the breaker is open and its pause is over, this one packet passes, and
    /// another pause begins.
    pub(crate) fn lets_through(&self, now: Timestamp) -> bool {
        if !self.has_failures.load(Ordering::Acquire) {
            return true;
        }
        let mut line = self.lock();
        let may_try = line.state.may_try(now);
        if let State::Open { tried, .. } = &mut line.state
            && may_try
        {
            *tried = now;
        }
        may_try
    }

    /// Whether [`Breaker::lets_through`] would return true.
    pub(crate) fn would_let_through(&self, now: Timestamp) -> bool {
        !self.has_failures.load(Ordering::Acquire) || self.lock().state.may_try(now)
    }

    /// Notes that the peer answered.
    pub(crate) fn answered(&self, now: Timestamp) -> BreakerChange {
        if !self.has_failures.load(Ordering::Acquire) {
            return BreakerChange::Unchanged;
        }
        let mut line = self.lock();
        self.has_failures.store(false, Ordering::Release);
        let (since, change) = match line.state {
            State::Closed { since, .. } => (since, BreakerChange::Unchanged),
            State::Open { .. } => (Some(now), BreakerChange::Changed),
        };
        line.state = State::Closed { since, failures: 0 };
        change
    }

    /// Notes that an exchange failed that began at `began`.
    pub(crate) fn failed(&self, began: Timestamp, now: Timestamp) -> BreakerChange {
        let mut line = self.lock();
        self.has_failures.store(true, Ordering::Release);
        match &mut line.state {
            State::Closed { failures, .. } => {
                *failures += 1;
                if *failures < FAILURES {
                    return BreakerChange::Unchanged;
                }
                line.state = State::Open { since: now, tried: now, pause: SHORTEST_PAUSE };
                line.stopped += 1;
                BreakerChange::Changed
            }
            // Many packets may have been under way when the peer became silent. Only a packet that was sent later shows
            // that it is still silent.
            State::Open { tried, .. } if began < *tried => BreakerChange::Unchanged,
            State::Open { tried, pause, .. } => {
                *tried = now;
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                BreakerChange::Unchanged
            }
        }
    }

    /// The state, for display.
    pub(crate) fn state(&self) -> BreakerState {
        let line = self.lock();
        let stopped = line.stopped;
        match line.state {
            State::Closed { since, .. } => BreakerState { line: PeerLine::Up, since, stopped },
            State::Open { since, .. } => BreakerState { line: PeerLine::Down, since: Some(since), stopped },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_try(self, now: Timestamp) -> bool {
        match self {
            Self::Closed { .. } => true,
            // A clock that was set back must not stop packets for longer.
            Self::Open { tried, pause, .. } => now < tried || now >= tried + pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    /// A breaker that opened at 0.
    fn open() -> Breaker {
        let breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert_eq!(breaker.failed(at(-10), at(0)), BreakerChange::Unchanged);
            assert!(breaker.lets_through(at(0)));
        }
        assert_eq!(breaker.failed(at(-10), at(0)), BreakerChange::Changed);
        breaker
    }

    #[test]
    fn failures_in_a_row_stop_packets_and_an_answer_lets_them_pass() {
        let breaker = open();
        assert!(!breaker.lets_through(at(0)) && !breaker.lets_through(at(999)));
        assert_eq!(breaker.state(), BreakerState { line: PeerLine::Down, since: Some(at(0)), stopped: 1 });
        assert_eq!(breaker.answered(at(500)), BreakerChange::Changed);
        assert!(breaker.lets_through(at(500)));
        assert_eq!(breaker.state(), BreakerState { line: PeerLine::Up, since: Some(at(500)), stopped: 1 });
    }

    #[test]
    fn an_answer_in_between_resets_the_count() {
        let breaker = Breaker::default();
        for _ in 0..20 {
            for _ in 1..FAILURES {
                breaker.failed(at(0), at(0));
            }
            assert_eq!(breaker.answered(at(0)), BreakerChange::Unchanged);
        }
        assert_eq!(breaker.state(), BreakerState { line: PeerLine::Up, since: None, stopped: 0 });
    }

    #[test]
    fn after_a_pause_one_packet_is_let_through_and_the_pauses_grow() {
        let breaker = open();
        assert!(breaker.would_let_through(at(1000)));
        assert!(breaker.lets_through(at(1000)));
        assert!(!breaker.lets_through(at(1000)) && !breaker.would_let_through(at(1999)), "only one tries");
        breaker.failed(at(1000), at(1500));
        assert!(!breaker.lets_through(at(3499)) && breaker.lets_through(at(3500)));
        let mut now = 3500;
        for _ in 0..5 {
            breaker.failed(at(now), at(now));
            now += 10_000;
            assert!(breaker.lets_through(at(now)), "the longest pause is ten seconds");
        }
    }

    #[test]
    fn a_packet_that_was_let_through_but_never_sent_does_not_block_the_next() {
        let breaker = open();
        assert!(breaker.lets_through(at(1000)));
        assert!(breaker.lets_through(at(2000)));
    }

    #[test]
    fn packets_that_were_under_way_when_it_opened_do_not_make_the_pause_longer() {
        let breaker = open();
        for _ in 0..1000 {
            breaker.failed(at(-5), at(900));
        }
        assert!(breaker.lets_through(at(1000)));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let breaker = open();
        assert!(breaker.lets_through(at(-500_000)));
    }
}
