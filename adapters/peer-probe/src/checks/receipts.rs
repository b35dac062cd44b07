//! Whether a payment arrives at the rate that the probes had, and whether its receipt is genuine and says the same.
//! Only these checks move money: the amount that was given for it.

use stream::{Hashlock, Receipt, Verdict};

use crate::check::{Check, Rule};
use crate::checks::rate::Seen;
use crate::line::{Answer, Line, Sending};
use crate::probe::Probe;

pub(crate) const PAID: Rule = Rule {
    name: "paid-rate",
    text: "a packet that can be fulfilled is fulfilled at the rate of the probes",
    worth: 10,
};
pub(crate) const RECEIPT: Rule = Rule {
    name: "receipt",
    text: "its answer has a STREAM receipt (Interledger RFC 39) that the verifier's key has signed, over what arrived",
    worth: 5,
};

pub(crate) async fn checks(line: &mut Line<'_>, probe: &Probe, seen: Option<Seen>) -> [Check; 2] {
    let both = |reason: &str| [PAID.skipped(reason), RECEIPT.skipped(reason)];
    let Some(amount) = probe.pay else { return both("it moves money; name an amount with --pay") };
    if seen.is_none() {
        return both("no probe reached the receiver");
    }
    // The same amount without money first: the receiver takes the payment only if as much arrives.
    let wanted = match line.send(Sending::probe(amount)).await {
        Ok(Answer { delivered: Some(delivered), .. }) => delivered,
        Ok(answer) => return [PAID.failed(format!("{amount} gets {}", answer.told())), RECEIPT.skipped("not paid")],
        Err(error) => return [PAID.failed(error.told()), RECEIPT.skipped("not paid")],
    };
    let paying = Sending { at_least: wanted, hashlock: Hashlock::Fulfillable, ..Sending::probe(amount) };
    let answer = match line.send(paying).await {
        Ok(answer) => answer,
        Err(error) => {
            let found = format!("{}; whether {amount} was paid is not known", error.told());
            return [PAID.failed(found), RECEIPT.skipped("not known")];
        }
    };
    match answer.verdict {
        Verdict::Fulfilled => {}
        Verdict::Rejected { .. } => {
            let found = format!("the probe of {amount} delivers {wanted}, but the payment gets {}", answer.told());
            return [PAID.failed(found), RECEIPT.skipped("not paid")];
        }
        Verdict::WrongFulfillment | Verdict::Undecodable => {
            let found = format!("the payment gets {}; whether {amount} was paid is not known", answer.told());
            return [PAID.failed(found), RECEIPT.skipped("not known")];
        }
    }
    let arrived = answer.delivered;
    let paid = match arrived {
        Some(arrived) => PAID.passed(format!("{amount} are paid, {arrived} arrive")),
        None => PAID.failed(format!("{amount} are paid, and the receiver does not say what arrives")),
    };
    [paid, receipt(probe, &answer)]
}

fn receipt(probe: &Probe, answer: &Answer) -> Check {
    let Some((nonce, key)) = probe.receiver.as_ref().and_then(|receiver| receiver.receipts) else {
        return RECEIPT.skipped("the wallet address does not offer receipts");
    };
    let Some(octets) = &answer.receipt else { return RECEIPT.failed("the answer has none") };
    match Receipt::verify(octets, &key) {
        Err(error) => RECEIPT.failed(error.to_string()),
        Ok(receipt) if receipt.nonce != nonce => RECEIPT.failed("it was made for another payment"),
        Ok(receipt) if Some(receipt.total_received) != answer.delivered => {
            RECEIPT.failed(format!("it says {} instead of what arrived", receipt.total_received))
        }
        Ok(receipt) => RECEIPT.passed(format!("genuine, over {}", receipt.total_received)),
    }
}
