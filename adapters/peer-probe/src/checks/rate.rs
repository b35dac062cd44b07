//! Whether the peer converts at the rate that was agreed, and at the same rate for every size.
//! Whether what is paid arrives at that rate is in `receipts`.

use money::Ratio;

use crate::check::{Check, Rule};
use crate::line::{Line, Sending};
use crate::probe::Expected;

pub(crate) const RULE: Rule = Rule {
    name: "rate",
    text: "what reaches the receiver is not further below the configured rate than the tolerance, and packets of a tenth \
           and a hundredth get the same rate (two units are left for rounding)",
    worth: 25,
};
/// Large enough to see a tenth of a per cent, and small enough for the credit of most peers.
const LARGEST: u64 = 1_000_000;
/// Each connector on the way rounds down once.
const ROUNDING: u64 = 2;

/// An amount that was sent, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
}

/// The check, and the largest probe that reached the receiver.
pub(crate) async fn check(
    line: &mut Line<'_>,
    largest: Option<u64>,
    expected: Result<&Expected, &String>,
) -> (Check, Option<Seen>) {
    let Some(largest) = largest else { return (RULE.skipped("no amount reaches the receiver"), None) };
    let largest = largest.min(LARGEST);
    let mut seen = Vec::new();
    for sent in [largest, largest / 10, largest / 100].into_iter().filter(|sent| *sent > 0) {
        match line.send(Sending::probe(sent)).await {
            Ok(answer) => match answer.delivered {
                Some(delivered) => seen.push(Seen { sent, delivered }),
                None => return (RULE.failed(format!("{sent} gets {}", answer.told())), None),
            },
            Err(error) => return (RULE.failed(error.told()), None),
        }
    }
    (judged(&seen, expected), seen.first().copied())
}

fn judged(seen: &[Seen], expected: Result<&Expected, &String>) -> Check {
    let Some(first) = seen.first() else { return RULE.skipped("no amount reaches the receiver") };
    if let Some(other) = seen[1..].iter().find(|other| !same_rate(first, other)) {
        return RULE.failed(format!(
            "{} of {} arrive, but {} of {}: the rate depends on the size",
            first.delivered, first.sent, other.delivered, other.sent
        ));
    }
    let found = format!("{} of {} arrive", first.delivered, first.sent);
    let expected = match expected {
        Ok(expected) => expected,
        Err(reason) => return RULE.skipped(format!("{found}; whether that is right is not known: {reason}")),
    };
    match bounds(first.sent, expected) {
        None => RULE.skipped(format!("{found}; the configured rate cannot be applied to that")),
        Some([least, _]) if first.delivered < least => {
            RULE.failed(format!("{found}, by the configured rate at least {least} should"))
        }
        Some([_, most]) if first.delivered > most => {
            RULE.partly(format!("{found}, more than {most}: the configured rate is another one than the peer's"))
        }
        Some(_) => RULE.passed(format!("{found}, as configured")),
    }
}

/// Whether both could have one rate, if each was rounded.
fn same_rate(one: &Seen, other: &Seen) -> bool {
    let product = |delivered: u64, sent: u64| u128::from(delivered) * u128::from(sent);
    // A receiver may say any amount.
    let bounds = |seen: &Seen, sent| {
        [seen.delivered, seen.delivered.saturating_add(ROUNDING)].map(|delivered| product(delivered, sent))
    };
    let ([least, most], [other_least, other_most]) = (bounds(one, other.sent), bounds(other, one.sent));
    least <= other_most && other_least <= most
}

/// The least and the most that may arrive of `sent`.
fn bounds(sent: u64, expected: &Expected) -> Option<[u64; 2]> {
    const WHOLE: u128 = 10_000;
    let times = |parts: u128| expected.ratio.checked_mul(&Ratio::new(parts, WHOLE).ok()?);
    let tolerance = u128::from(expected.tolerance);
    let least = times(WHOLE.saturating_sub(tolerance))?.checked_mul_floor(sent)?;
    let most = times(WHOLE + tolerance)?.checked_mul_ceil(sent)?;
    Some([least.saturating_sub(ROUNDING), most.saturating_add(ROUNDING)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn seen(pairs: &[(u64, u64)]) -> Vec<Seen> {
        pairs.iter().map(|(sent, delivered)| Seen { sent: *sent, delivered: *delivered }).collect()
    }

    #[test]
    fn a_rate_below_the_configured_one_fails_and_one_above_it_is_told() {
        let expected = Expected { ratio: Ratio::new(1, 2).unwrap(), tolerance: 100 };
        let of = |delivered| judged(&seen(&[(1_000_000, delivered)]), Ok(&expected)).verdict;
        assert_eq!(of(500_000), Verdict::Passed);
        assert_eq!(of(494_998), Verdict::Passed, "one per cent and two units below");
        assert_eq!(of(494_997), Verdict::Failed);
        assert_eq!(of(505_003), Verdict::Partly);
        let unknown = "nobody says it".to_owned();
        assert_eq!(judged(&seen(&[(1_000_000, 1)]), Err(&unknown)).verdict, Verdict::Skipped);
        assert_eq!(judged(&[], Ok(&expected)).verdict, Verdict::Skipped);
    }

    #[test]
    fn a_rate_that_depends_on_the_size_fails_and_rounding_does_not() {
        let expected = Expected { ratio: Ratio::ONE, tolerance: 10_000 };
        let of = |pairs: &[(u64, u64)]| judged(&seen(pairs), Ok(&expected)).verdict;
        assert_eq!(of(&[(1_000_000, 58_699), (100_000, 5869), (10_000, 585)]), Verdict::Passed);
        assert_eq!(of(&[(1_000_000, 990_000), (100_000, 100_000)]), Verdict::Failed);
        assert_eq!(of(&[(1_000_000, 1_000_000), (100_000, 100_000), (10_000, 9_900)]), Verdict::Failed);
        assert_eq!(of(&[(1_000_000, u64::MAX), (100_000, u64::MAX)]), Verdict::Failed, "no amount stops the probe");
    }
}
