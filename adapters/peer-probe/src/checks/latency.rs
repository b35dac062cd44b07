//! How long the peer takes for an answer, one packet after the other.
//! What the answers say does not matter here.

use std::time::Duration;

use crate::check::{Check, Rule};
use crate::line::{Line, Sending};

pub(crate) const RULE: Rule = Rule {
    name: "latency",
    text: "half of twenty packets are answered within 250 ms and all within 2 s; within 1 s and 5 s is half good",
    worth: 15,
};
const SAMPLES: usize = 20;

pub(crate) async fn check(line: &mut Line<'_>) -> Check {
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        match line.send(Sending::probe(1)).await {
            Ok(answer) => times.push(answer.took),
            Err(error) => return RULE.failed(format!("after {} answers: {}", times.len(), error.told())),
        }
    }
    judged(times)
}

fn judged(mut times: Vec<Duration>) -> Check {
    times.sort_unstable();
    let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) else {
        return RULE.skipped("no packet was sent");
    };
    let found = format!("median {} ms, longest {} ms", median.as_millis(), longest.as_millis());
    let within = |half: u64, all: u64| *median <= Duration::from_millis(half) && *longest <= Duration::from_millis(all);
    if within(250, 2000) {
        RULE.passed(found)
    } else if within(1000, 5000) {
        RULE.partly(found)
    } else {
        RULE.failed(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    #[test]
    fn the_middle_and_the_longest_count() {
        let of = |millis: &[u64]| judged(millis.iter().map(|n| Duration::from_millis(*n)).collect()).verdict;
        assert_eq!(of(&[1, 1, 2000]), Verdict::Passed);
        assert_eq!(of(&[1, 1, 2001]), Verdict::Partly);
        assert_eq!(of(&[1, 251, 252]), Verdict::Partly);
        assert_eq!(of(&[1, 1001, 1002]), Verdict::Failed);
        assert_eq!(of(&[]), Verdict::Skipped);
    }
}
