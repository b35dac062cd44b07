//! The pauses between failed attempts to deliver an event, and the number of attempts.
//!
//! It computes no instants: the caller adds the pause to the present time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The pauses between attempts. The first are those of the reference. Then they go on for more than three days.
pub const DEFAULT_LADDER: &str = "10s 20s 30s 40s 50s 60s*4 2m 5m 10m 30m 1h 2h 4h 6h*11";

/// The largest number of pauses.
const STEPS_MAX: usize = 1000;
const LONGEST_PAUSE: Duration = Duration::from_hours(24 * 30);

/// The pauses after failed attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryLadder(Vec<Duration>);

/// The number of attempts of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptsMax {
    /// As many as the ladder has pauses, and one more.
    Ladder,
    /// This number in all. After the end of the ladder, its last pause is repeated.
    Exactly(u32),
}

/// Why a text is not a valid ladder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a pause between attempts; write pauses from 1s to 30d, at most 1000, such as \"10s 30s 5m 6h*3\": a \
     number with s, m, h or d, and *n for n times the same"
)]
pub struct NoLadder(String);

impl RetryLadder {
    /// The pause after failed attempt number `failed`, from 1; `None` if there is no further attempt.
    pub fn pause_after(&self, failed: u32, most: AttemptsMax) -> Option<Duration> {
        let step = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX);
        match most {
            AttemptsMax::Ladder => self.0.get(step).copied(),
            AttemptsMax::Exactly(most) if failed >= most => None,
            AttemptsMax::Exactly(_) => self.0.get(step).or(self.0.last()).copied(),
        }
    }

    /// The sum of all pauses.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

impl Default for RetryLadder {
    fn default() -> Self {
        // A test reads it.
        DEFAULT_LADDER.parse().unwrap_or(Self(vec![Duration::from_mins(1)]))
    }
}

impl FromStr for RetryLadder {
    type Err = NoLadder;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        for word in text.split_whitespace() {
            let (pause, times) = step(word).ok_or_else(|| NoLadder(word.to_owned()))?;
            if steps.len() + times > STEPS_MAX {
                return Err(NoLadder(word.to_owned()));
            }
            steps.extend(std::iter::repeat_n(pause, times));
        }
        if steps.is_empty() { Err(NoLadder(text.to_owned())) } else { Ok(Self(steps)) }
    }
}

fn step(word: &str) -> Option<(Duration, usize)> {
    let (pause, times) = word.split_once('*').unwrap_or((word, "1"));
    let times = times.parse().ok().filter(|times| (1..=STEPS_MAX).contains(times))?;
    let unit = pause.chars().last()?;
    let seconds_each: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = pause.strip_suffix(unit)?.parse().ok().filter(|number| *number > 0)?;
    let pause = Duration::from_secs(number.checked_mul(seconds_each)?);
    (pause <= LONGEST_PAUSE).then_some((pause, times))
}

impl fmt::Display for RetryLadder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, pause) in self.0.iter().enumerate() {
            let blank = if number == 0 { "" } else { " " };
            write!(f, "{blank}{}s", pause.as_secs())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(ladder: &RetryLadder, most: AttemptsMax) -> Vec<u64> {
        (1..).map_while(|failed| ladder.pause_after(failed, most)).map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn the_default_ladder_is_that_of_the_reference_and_goes_on_for_three_days() {
        let ladder: RetryLadder = DEFAULT_LADDER.parse().unwrap();
        assert_eq!(ladder, RetryLadder::default());
        let reference = [10, 20, 30, 40, 50, 60, 60, 60, 60];
        let all = pauses(&ladder, AttemptsMax::Ladder);
        assert_eq!(all[..9], reference, "ten attempts");
        assert_eq!(pauses(&ladder, AttemptsMax::Exactly(10)), reference);
        let after_ten: u64 = all[9..].iter().sum();
        assert!(after_ten >= 3 * 86_400, "{after_ten} seconds");
        assert_eq!(ladder.total().as_secs(), all.iter().sum::<u64>());
    }

    #[test]
    fn a_number_of_attempts_is_kept_to_also_beyond_the_end_and_down_to_none() {
        let ladder: RetryLadder = "1s 2m".parse().unwrap();
        assert_eq!(pauses(&ladder, AttemptsMax::Ladder), [1, 120]);
        assert_eq!(pauses(&ladder, AttemptsMax::Exactly(5)), [1, 120, 120, 120]);
        assert!(pauses(&ladder, AttemptsMax::Exactly(1)).is_empty());
        assert!(pauses(&ladder, AttemptsMax::Exactly(0)).is_empty());
        assert_eq!(ladder.pause_after(u32::MAX, AttemptsMax::Ladder), None);
    }

    #[test]
    fn a_ladder_is_read_in_every_unit_and_what_is_none_is_named() {
        assert_eq!("10s*2 1m 2h 1d".parse::<RetryLadder>().unwrap().to_string(), "10s 10s 60s 7200s 86400s");
        for bad in ["", " ", "10", "s", "0s", "1s*0", "1s*1001", "1s*600 1s*600", "31d", "1.5h", "-1s", "1ß", "1s*x"] {
            let error = bad.parse::<RetryLadder>().unwrap_err().to_string();
            assert!(error.contains("10s 30s 5m 6h*3"), "{bad}: {error}");
        }
    }
}
