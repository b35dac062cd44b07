//! The pauses between failed attempts.
//!
//! It does not decide whether to try again: that depends on the failure and on the allowed number of attempts.

use std::time::Duration;

const STEP: Duration = Duration::from_secs(10);
const LONGEST_IN_STEPS: u32 = 6;

/// The pause after `attempts` failed attempts: 10, 20, 30, 40, 50, then always 60 seconds.
pub fn pause_after(attempts: u32) -> Duration {
    STEP * attempts.min(LONGEST_IN_STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_minute_and_stays_there() {
        let seconds: Vec<_> = [0, 1, 2, 5, 6, 7, u32::MAX].map(|n| pause_after(n).as_secs()).into();
        assert_eq!(seconds, [0, 10, 20, 50, 60, 60, 60]);
    }
}
