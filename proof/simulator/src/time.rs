//! The clock of a simulation: tokio's paused time. Waiting costs no real time and always takes exactly the same time.
//! Tests without a network use `clock::ManualClock`.

use std::time::Duration;

use clock::{Clock, Timestamp};
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z, the start of every simulation.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The time of the runtime in which it was made.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock(Instant);

impl VirtualClock {
    /// A clock that begins now.
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        BEGIN + self.elapsed()
    }
}
