//! A clock that is ahead of the machine's by as much as its user wants, for playgrounds.
//!
//! It is no clock for an installation that moves money of others: nothing there may change the time.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::timestamp::millis_of;
use crate::{Clock, OnJump, Timestamp};

/// A clock that runs like another one, and is ahead of it.
pub struct MovedClock {
    real: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
    listeners: Mutex<Vec<Weak<dyn OnJump>>>,
}

impl MovedClock {
    /// A clock that is ahead of `real`.
    pub fn over(real: Arc<dyn Clock>, ahead: Duration) -> Self {
        Self { real, ahead_ms: AtomicI64::new(millis_of(ahead)), listeners: Mutex::default() }
    }

    /// How much it is ahead.
    pub fn ahead(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.ahead_ms.load(Ordering::SeqCst)).unwrap_or(0))
    }

    /// Sets how much it is ahead, and tells all who wait for a time.
    pub fn set_ahead(&self, ahead: Duration) {
        self.ahead_ms.store(millis_of(ahead), Ordering::SeqCst);
        let waiting: Vec<Arc<dyn OnJump>> = {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.retain(|listener| listener.strong_count() > 0);
            listeners.iter().filter_map(Weak::upgrade).collect()
        };
        for listener in waiting {
            listener.jumped();
        }
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        self.wall() + self.ahead()
    }

    fn wall(&self) -> Timestamp {
        self.real.wall()
    }

    fn tell_of_jumps(&self, listener: Weak<dyn OnJump>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

impl fmt::Debug for MovedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MovedClock").field("real", &self.real).field("ahead", &self.ahead()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;
    use std::sync::atomic::AtomicU32;

    #[derive(Default)]
    struct Jumps(AtomicU32);

    impl OnJump for Jumps {
        fn jumped(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn it_is_ahead_and_runs_on_while_the_wall_shows_the_real_time() {
        let real = Arc::new(ManualClock::at(Timestamp::from_millis(5_000)));
        let moved = MovedClock::over(real.clone(), Duration::ZERO);
        assert_eq!(moved.now(), real.now());
        moved.set_ahead(Duration::from_mins(1));
        real.advance(Duration::from_secs(1));
        assert_eq!((moved.now().as_secs(), moved.wall().as_secs()), (66, 6));
    }

    #[test]
    fn whoever_waits_is_told_of_each_jump_as_long_as_it_exists() {
        let moved = MovedClock::over(Arc::new(ManualClock::at(Timestamp::EPOCH)), Duration::ZERO);
        let jumps: Arc<dyn OnJump> = Arc::new(Jumps::default());
        let counted = Arc::new(Jumps::default());
        let listener: Arc<dyn OnJump> = counted.clone();
        moved.tell_of_jumps(Arc::downgrade(&jumps));
        moved.tell_of_jumps(Arc::downgrade(&listener));
        drop(jumps);
        moved.set_ahead(Duration::from_secs(1));
        moved.set_ahead(Duration::from_secs(2));
        assert_eq!(counted.0.load(Ordering::SeqCst), 2);
    }
}
