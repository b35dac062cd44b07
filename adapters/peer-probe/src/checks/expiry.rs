//! How the peer treats the expiry of packets: one that is over, one that is near, and one that is far.
//! How fast it answers is in `latency`.

use std::time::Duration;

use ilp_packet::ErrorCode;

use crate::check::{Check, Rule};
use crate::line::{Expiry, Line, Sending};

pub(crate) const PAST: Rule = Rule {
    name: "expiry-past",
    text: "a packet whose expiry is over is rejected (R00 or R02, Interledger RFC 27) and does not reach the receiver",
    worth: 15,
};
pub(crate) const SHORT: Rule = Rule {
    name: "expiry-short",
    text: "a packet that lives for 5 s reaches the receiver, and its answer comes before it expires",
    worth: 5,
};
pub(crate) const LONG: Rule = Rule {
    name: "expiry-long",
    text: "a packet that lives for 10 minutes is taken; the peer may hold it for a shorter time",
    worth: 5,
};

const OVER: Duration = Duration::from_secs(30);
const NEAR: Duration = Duration::from_secs(5);
const FAR: Duration = Duration::from_mins(10);
const AMOUNT: u64 = 100;

pub(crate) async fn checks(line: &mut Line<'_>) -> [Check; 3] {
    [past(line).await, lives(line, &SHORT, NEAR).await, lives(line, &LONG, FAR).await]
}

async fn past(line: &mut Line<'_>) -> Check {
    let sending = Sending { expiry: Expiry::Over(OVER), ..Sending::probe(AMOUNT) };
    let answer = match line.send(sending).await {
        Ok(answer) => answer,
        Err(error) => return PAST.failed(error.told()),
    };
    if answer.delivered.is_some() {
        return PAST.failed(format!("a packet that expired {} s ago reached the receiver", OVER.as_secs()));
    }
    match answer.reject() {
        Some((code @ (ErrorCode::R00TransferTimedOut | ErrorCode::R02InsufficientTimeout), _)) => {
            PAST.passed(format!("rejected with {code}"))
        }
        Some(_) => PAST.partly(format!("it gets {}", answer.told())),
        None => PAST.failed(format!("it gets {}", answer.told())),
    }
}

async fn lives(line: &mut Line<'_>, rule: &Rule, life: Duration) -> Check {
    match line.send(Sending { expiry: Expiry::In(life), ..Sending::probe(AMOUNT) }).await {
        Err(error) => rule.failed(error.told()),
        Ok(answer) if answer.late => rule.failed(format!("the answer came after {} s", answer.took.as_secs())),
        Ok(answer) if answer.delivered.is_some() => rule.passed("reaches the receiver"),
        Ok(answer) => rule.failed(format!("it gets {}", answer.told())),
    }
}
