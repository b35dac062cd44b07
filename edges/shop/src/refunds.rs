//! How much of an order can be given back.
//!
//! The rule only; the owner's page and the payment are elsewhere.

use uuid::Uuid;

use crate::orders::{Purpose, Stage, Transfer, Why};

/// What the owner can give back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refundable {
    pub(crate) value: u64,
    /// The number of the refund. An order has one refund of each number.
    pub(crate) number: u32,
}

/// The refund that was tried last.
pub(crate) fn last_refund(transfers: &[Transfer]) -> Option<&Transfer> {
    transfers.iter().filter(|transfer| transfer.purpose == Purpose::Refund).max_by_key(|refund| refund.period)
}

/// What has arrived and was not given back. `None` if that is nothing, or while a refund is under way.
pub(crate) fn refundable(transfers: &[Transfer]) -> Option<Refundable> {
    let number = match last_refund(transfers) {
        None => 0,
        Some(begun) if begun.stage.is_begun() => {
            return Some(Refundable { value: begun.value, number: begun.period });
        }
        Some(last) if last.stage.is_over() => last.period.checked_add(1)?,
        Some(_) => return None,
    };
    let sum = |of: fn(&Transfer) -> u64| transfers.iter().map(of).fold(0, u64::saturating_add);
    let value = sum(received).saturating_sub(sum(given));
    (value > 0).then_some(Refundable { value, number })
}

/// A refund of this value, of which nothing was asked yet.
pub(crate) fn refund(id: Uuid, order: Uuid, what: Refundable, now: clock::Timestamp) -> Transfer {
    Transfer {
        id,
        order,
        purpose: Purpose::Refund,
        period: what.number,
        value: what.value,
        stage: Stage::Begun,
        version: 0,
        attempts: 0,
        created_at: now,
    }
}

/// What a customer's payment has brought.
fn received(transfer: &Transfer) -> u64 {
    match (transfer.purpose, &transfer.stage) {
        (Purpose::Purchase | Purpose::Charge, Stage::Paid { .. }) => transfer.value,
        (Purpose::Purchase | Purpose::Charge, Stage::Failed { received, .. }) => *received,
        _ => 0,
    }
}

/// What a refund has cost at most. How much a part of it was in the shop's currency is not known here.
fn given(transfer: &Transfer) -> u64 {
    match (transfer.purpose, &transfer.stage) {
        (Purpose::Purchase | Purpose::Charge, _) | (_, Stage::Refused) => 0,
        (_, Stage::Failed { why, received: 0 }) if *why != Why::Unclear => 0,
        (Purpose::Refund, _) => transfer.value,
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use money::Asset;

    use super::*;
    use crate::orders::Bill;

    fn paid() -> Stage {
        let asset = Asset::new("USD", 2).unwrap();
        let debit = open_payments::Amount::new(2140, &asset);
        Stage::Paid { bill: Bill { incoming: String::new(), expected: 2000, debit, quote: String::new() } }
    }

    fn transfer(purpose: Purpose, period: u32, stage: Stage) -> Transfer {
        let what = Refundable { value: 2000, number: period };
        Transfer { purpose, stage, ..refund(Uuid::nil(), Uuid::nil(), what, Timestamp::from_millis(0)) }
    }

    fn value(transfers: &[Transfer]) -> Option<(u64, u32)> {
        refundable(transfers).map(|what| (what.value, what.number))
    }

    #[test]
    fn what_has_arrived_is_given_back_once() {
        let bought = transfer(Purpose::Purchase, 0, paid());
        assert_eq!(value(&[]), None);
        assert_eq!(value(&[transfer(Purpose::Purchase, 0, Stage::Refused)]), None);
        assert_eq!(value(std::slice::from_ref(&bought)), Some((2000, 0)));
        assert_eq!(value(&[bought.clone(), transfer(Purpose::Refund, 0, paid())]), None);
        let parts = Stage::Failed { why: Why::TooLittle, received: 700 };
        assert_eq!(value(&[transfer(Purpose::Purchase, 0, parts.clone())]), Some((700, 0)));
        let unclear = Stage::Failed { why: Why::Unclear, received: 0 };
        for stage in [parts, unclear] {
            let given = transfer(Purpose::Refund, 0, stage);
            assert_eq!(value(&[bought.clone(), given]), None, "the shop cannot tell what is left");
        }
    }

    #[test]
    fn a_refund_that_gave_nothing_may_be_tried_again_and_one_that_has_begun_goes_on() {
        let bought = transfer(Purpose::Purchase, 0, paid());
        let nothing = Stage::Failed { why: Why::Late, received: 0 };
        for stage in [Stage::Refused, nothing] {
            assert_eq!(value(&[bought.clone(), transfer(Purpose::Refund, 0, stage)]), Some((2000, 1)));
        }
        assert_eq!(value(&[bought, transfer(Purpose::Refund, 3, Stage::Begun)]), Some((2000, 3)));
    }

    #[test]
    fn all_months_of_a_subscription_that_were_paid_are_given_back() {
        let months = [Purpose::Purchase, Purpose::Charge].map(|purpose| transfer(purpose, 0, paid()));
        assert_eq!(value(&months), Some((4000, 0)));
    }
}
