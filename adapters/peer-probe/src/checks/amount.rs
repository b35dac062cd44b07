//! The largest packet that the peer takes, and whether it says so.
//! Amounts on the far side are in `rate`.

use ilp_packet::ErrorCode;
use money::Ratio;
use stream::Verdict;

use crate::check::{Check, Rule};
use crate::line::{Answer, Line, NoAnswer, Sending};

pub(crate) const RULE: Rule = Rule {
    name: "packet-size",
    text: "a packet that is too large gets F08 with the amount that arrived and the largest one (Interledger RFC 27); \
           exactly the largest one is not too large, and one unit more is",
    worth: 20,
};

/// More than any peer takes, and far from the end of 64 bits, so that a connector can convert it.
const HUGE: u64 = 1_000_000_000_000_000;
/// A peer that says a smaller one in each answer is followed as often as this.
const STEPS: usize = 5;

/// The check, and the largest amount that reaches the receiver as far as is known.
pub(crate) async fn check(line: &mut Line<'_>) -> (Check, Option<u64>) {
    match measured(line).await {
        Ok(found) => found,
        Err(error) => (RULE.failed(error.told()), None),
    }
}

async fn measured(line: &mut Line<'_>) -> Result<(Check, Option<u64>), NoAnswer> {
    let mut amount = HUGE;
    let mut limit = None;
    for _ in 0..STEPS {
        let answer = line.send(Sending::probe(amount)).await?;
        match told(amount, &answer) {
            Told::Passes => return concluded(line, amount, limit).await,
            Told::Credit(code) => return credit(line, amount, limit, &code).await,
            Told::TooLarge { most, own } if most < amount => {
                limit = Some(Limit { most, own });
                amount = most;
            }
            Told::TooLarge { most, .. } => {
                return Ok((
                    RULE.failed(format!("{amount} is refused with F08, which names {most} as the largest")),
                    None,
                ));
            }
            Told::Unexplained => {
                return Ok((
                    RULE.failed(format!("the F08 for {amount} does not say which amount is the largest")),
                    None,
                ));
            }
            Told::Other(what) => return Ok((RULE.failed(format!("{amount} gets {what}")), None)),
        }
    }
    Ok((RULE.failed(format!("after {STEPS} answers with F08, {amount} is still too large")), None))
}

/// What the peer said to be the largest, in our units.
#[derive(Clone, Copy, Debug)]
struct Limit {
    most: u64,
    /// Whether the limit is that of our own account there, and not of a later one in other units.
    own: bool,
}

/// What an answer says about an amount.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// It reached the receiver.
    Passes,
    /// There is not so much credit on the way.
    Credit(String),
    TooLarge {
        most: u64,
        own: bool,
    },
    /// F08 without the two amounts.
    Unexplained,
    Other(String),
}

fn told(amount: u64, answer: &Answer) -> Told {
    if answer.delivered.is_some() {
        return Told::Passes;
    }
    match answer.verdict {
        Verdict::Rejected { code: ErrorCode::F08AmountTooLarge, too_large: Some(detail) }
            if detail.received > detail.maximum =>
        {
            // A later account counts in units of its own.
            let share = Ratio::new(u128::from(detail.maximum), u128::from(detail.received)).ok();
            match share.and_then(|share| share.checked_mul_floor(amount)) {
                Some(most) => Told::TooLarge { most, own: detail.received == amount },
                None => Told::Unexplained,
            }
        }
        Verdict::Rejected { code: ErrorCode::F08AmountTooLarge, .. } => Told::Unexplained,
        Verdict::Rejected { code: ErrorCode::T04InsufficientLiquidity, .. } => Told::Credit("T04".to_owned()),
        _ => Told::Other(answer.told()),
    }
}

/// `amount` passes. If it is the limit, one unit more must not.
async fn concluded(line: &mut Line<'_>, amount: u64, limit: Option<Limit>) -> Result<(Check, Option<u64>), NoAnswer> {
    let check = match limit {
        None => RULE.passed(format!("{amount} is not too large")),
        Some(Limit { own: false, .. }) => RULE.passed(format!("{amount} at most, by an account on the way")),
        Some(Limit { own: true, .. }) => {
            let more = line.send(Sending::probe(amount + 1)).await?;
            match more.reject() {
                Some((ErrorCode::F08AmountTooLarge, _)) => RULE.passed(format!("{amount} at most")),
                _ => RULE.failed(format!("F08 says {amount} at most, but {} gets {}", amount + 1, more.told())),
            }
        }
    };
    Ok((check, Some(amount)))
}

/// Finds an amount for which there is credit, a tenth each time.
async fn credit(
    line: &mut Line<'_>,
    refused: u64,
    limit: Option<Limit>,
    code: &str,
) -> Result<(Check, Option<u64>), NoAnswer> {
    let mut amount = refused / 10;
    while amount > 0 {
        let answer = line.send(Sending::probe(amount)).await?;
        if answer.delivered.is_some() {
            let stated = limit.map(|limit| format!("{} at most; ", limit.most)).unwrap_or_default();
            let found = format!("{stated}{amount} passes, for {refused} there is no credit ({code})");
            return Ok((RULE.passed(found), Some(amount)));
        }
        amount /= 10;
    }
    Ok((RULE.failed(format!("no amount passes; {refused} gets {code}")), None))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ilp_packet::AmountTooLarge;

    use super::*;

    fn rejected(code: ErrorCode, too_large: Option<AmountTooLarge>) -> Answer {
        let verdict = Verdict::Rejected { code, too_large };
        Answer { verdict, delivered: None, receipt: None, took: Duration::ZERO, late: false, ahead: None }
    }

    #[test]
    fn the_largest_amount_is_converted_to_our_units_and_rounded_down() {
        let f08 =
            |received, maximum| rejected(ErrorCode::F08AmountTooLarge, Some(AmountTooLarge { received, maximum }));
        assert_eq!(told(1000, &f08(1000, 700)), Told::TooLarge { most: 700, own: true });
        assert_eq!(told(1000, &f08(3000, 1000)), Told::TooLarge { most: 333, own: false });
        assert_eq!(told(1000, &f08(500, 700)), Told::Unexplained, "it says that the amount is not too large");
        assert_eq!(told(1000, &rejected(ErrorCode::F08AmountTooLarge, None)), Told::Unexplained);
        assert_eq!(told(1000, &rejected(ErrorCode::F02Unreachable, None)), Told::Other("a reject F02".to_owned()));
    }
}
