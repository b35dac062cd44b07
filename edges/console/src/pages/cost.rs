//! What an outgoing payment costs its payer: the fee, what is kept for a worse rate, and the rates.
//!
//! All of it is exact but the rates, which are rounded down.

use admin_client::{Amount, FeeRecord, OutgoingPaymentState, OutgoingPaymentView, PaymentCourseView, QuoteTermsView};
use page_kit::numbers;

use crate::reading::Reading;
use crate::view::{Block, Cell, Fact, Money, facts};

/// The amounts and rates of a payment. `receiver_has` is what its receiver has received now, if it was asked.
pub(crate) fn block(
    payment: &OutgoingPaymentView,
    course: &PaymentCourseView,
    receiver_has: Option<&Money>,
    words: Reading,
) -> Block {
    let mut about = amounts(payment, course, receiver_has, words);
    about.extend(rates(payment, course, words));
    Block::Facts { title: "Fee and rate", facts: about, actions: Vec::new() }
}

/// Whether nothing more is sent for it.
fn has_ended(payment: &OutgoingPaymentView) -> bool {
    matches!(payment.state, OutgoingPaymentState::Completed | OutgoingPaymentState::Failed)
}

fn amounts(
    payment: &OutgoingPaymentView,
    course: &PaymentCourseView,
    receiver_has: Option<&Money>,
    words: Reading,
) -> Vec<Fact> {
    let (debit, sent, receive) = (&payment.debit_amount, &payment.sent_amount, &payment.receive_amount);
    let of_payer = |value| Cell::money(value, &debit.asset_code, debit.asset_scale);
    let mut about =
        facts([("Payer is debited", of_payer(debit.value)), ("At least arrives", Cell::Money(Money::from(receive)))]);
    if let Some(terms) = &course.quote {
        about.push(Fact { label: "Fee in it", value: fee(&terms.fee_amount, terms.fee.as_ref(), words) });
        about.push(Fact { label: "Kept for a worse rate", value: Cell::Money(Money::from(&terms.slippage_margin)) });
    }
    if !has_ended(payment) {
        return about;
    }

    about.push(Fact { label: "Sent into the network", value: of_payer(sent.value) });
    let rest = debit.value.saturating_sub(sent.value);
    match &course.quote {
        Some(terms) if payment.state == OutgoingPaymentState::Completed => {
            let left = rest.saturating_sub(terms.fee_amount.value);
            about.push(Fact { label: "Used of what was kept", value: of_payer(used(terms, left)) });
            about.push(Fact { label: "Left over beside the fee", value: of_payer(left) });
        }
        _ => about.push(Fact { label: "Fee, or left over", value: of_payer(rest) }),
    }

    let arrived = course.delivery.as_ref().map(|delivery| Money::from(&delivery.delivered_amount));
    if let Some(arrived) = arrived.as_ref().or(receiver_has) {
        about.push(Fact { label: "Arrived", value: Cell::Money(arrived.clone()) });
        let same = arrived.code == debit.asset_code && arrived.scale == debit.asset_scale;
        if same && arrived.value <= sent.value {
            about.push(Fact { label: "Taken on the way", value: of_payer(sent.value - arrived.value) });
        }
    }
    about
}

/// What a worse rate took of what was kept for it, if `left` was not needed.
fn used(terms: &QuoteTermsView, left: u64) -> u64 {
    terms.slippage_margin.value.saturating_sub(left)
}

/// The fee, and how it was computed.
fn fee(amount: &Amount, terms: Option<&FeeRecord>, words: Reading) -> Cell {
    let amount = Money::from(amount);
    let Some(terms) = terms else { return Cell::Money(amount) };
    let fixed = numbers::decimal(terms.fixed, amount.scale, words);
    let how = format!("{} + {fixed} {}", numbers::basis_points(terms.basis_points, words), amount.code);
    Cell::Lines(vec![Cell::Money(amount), Cell::text(how)])
}

fn rates(payment: &OutgoingPaymentView, course: &PaymentCourseView, words: Reading) -> Vec<Fact> {
    let (debit, receive) = (&payment.debit_amount, &payment.receive_amount);
    let shown = |rate: &str| Cell::text(format!("1 {} = {rate} {}", debit.asset_code, receive.asset_code));
    let of = |sent: u64, arrived: u64| {
        numbers::rate_rounded_down((sent, debit.asset_scale), (arrived, receive.asset_scale), words)
    };

    let mut about = Vec::new();
    if let Some(terms) = &course.quote {
        let promised = [("Rate when it was quoted", &terms.found_rate), ("Rate at least", &terms.least_rate)];
        for (label, rate) in promised {
            let rate = rate.as_deref().map(|rate| numbers::rate_text(rate, words));
            about.extend(rate.map(|rate| Fact { label, value: shown(&rate) }));
        }
    }
    // What has arrived is noted at the end of an attempt. What is sent changes meanwhile.
    if let Some(delivery) = course.delivery.as_ref().filter(|_| has_ended(payment)) {
        let rate = of(payment.sent_amount.value, delivery.delivered_amount.value);
        about.extend(rate.map(|rate| Fact { label: "Rate achieved", value: shown(&rate) }));
    }
    let rate = of(debit.value, receive.value);
    about.extend(rate.map(|rate| Fact { label: "Rate with all fees", value: shown(&rate) }));
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(value: u64) -> Amount {
        Amount { value, asset_code: "USD".to_owned(), asset_scale: 2 }
    }

    #[test]
    fn what_is_left_over_was_not_used_of_what_was_kept() {
        let terms = QuoteTermsView {
            fee_amount: usd(300),
            fee: None,
            slippage_margin: usd(97),
            found_rate: None,
            least_rate: None,
        };
        assert_eq!([used(&terms, 97), used(&terms, 40), used(&terms, 0), used(&terms, 500)], [0, 57, 97, 0]);
    }
}
