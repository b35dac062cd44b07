//! Whether the clocks of both sides agree. A connector takes a second off the life of each packet, so a clock that is
//! seconds ahead refuses packets that are still good.
//! How the Date header is read is in `line`.

use crate::check::{Check, Rule};
use crate::line::{Line, Sending};

pub(crate) const RULE: Rule = Rule {
    name: "clock",
    text: "the clocks of both sides are less than 1 s apart, by the Date headers of three answers; from 4 s apart it fails",
    worth: 10,
};
const SAMPLES: usize = 3;
const GOOD: i64 = 1000;
const USABLE: i64 = 4000;

pub(crate) async fn check(line: &mut Line<'_>) -> Check {
    let mut least = i64::MIN;
    let mut most = i64::MAX;
    for _ in 0..SAMPLES {
        match line.send(Sending::probe(1)).await {
            Ok(answer) => {
                if let Some([low, high]) = answer.ahead {
                    (least, most) = (least.max(low), most.min(high));
                }
            }
            Err(error) => return RULE.failed(error.told()),
        }
    }
    if least == i64::MIN {
        return RULE.skipped("its answers have no Date header");
    }
    judged(least, most)
}

/// The clock is between `least` and `most` ahead. What it can be without fault is assumed.
fn judged(least: i64, most: i64) -> Check {
    let apart = if least > 0 { least } else { most.min(0) };
    let side = if apart > 0 { "ahead of" } else { "behind" };
    let found = format!("{}.{:03} s {side} the clock here, at least", apart.abs() / 1000, apart.abs() % 1000);
    match apart.abs() {
        0 => RULE.passed("the clocks agree"),
        apart if apart < GOOD => RULE.passed(found),
        apart if apart < USABLE => RULE.partly(found),
        _ => RULE.failed(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    #[test]
    fn a_clock_is_judged_by_the_least_that_it_must_be_off() {
        for (least, most, verdict) in [
            (-200, 800, Verdict::Passed),
            (900, 1900, Verdict::Passed),
            (1000, 1900, Verdict::Partly),
            (-2500, -1500, Verdict::Partly),
            (4000, 4900, Verdict::Failed),
            (-9000, -8000, Verdict::Failed),
        ] {
            assert_eq!(judged(least, most).verdict, verdict, "{least} to {most}");
        }
        assert!(judged(-9000, -8000).found.contains("8.000 s behind"));
    }
}
