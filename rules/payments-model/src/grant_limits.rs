//! The spending limits of a grant, and how spending is counted.
//!
//! It does not keep the totals: the store does, one row per grant and one per period, under the grant's lock. A
//! correction changes the totals of the period of the payment, even if it is not the current one.

use clock::Timestamp;
use money::AssetAmount;
use web_url::WebUrl;

use crate::quote::Quote;
use crate::repeating_interval::{InvalidInterval, Period, period_containing};

/// The limits of a grant's outgoing-payment access, as introspection returned them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantLimits {
    /// The only receiver that may be paid.
    pub receiver: Option<String>,
    /// The interval after which the amount limit renews.
    pub interval: Option<String>,
    /// The largest debit amount.
    pub debit_amount: Option<AssetAmount>,
    /// The largest delivered amount.
    pub receive_amount: Option<AssetAmount>,
}

/// Why a grant does not allow a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    /// The limits do not allow it.
    #[error("unauthorized")]
    InsufficientGrant,
    /// The grant limits both amounts.
    #[error("only one of receiveAmount or debitAmount allowed")]
    OnlyOneGrantAmountAllowed,
    /// The interval of the grant is malformed.
    #[error("invalid interval")]
    InvalidInterval,
}

impl From<InvalidInterval> for GrantRefused {
    fn from(_: InvalidInterval) -> Self {
        Self::InvalidInterval
    }
}

/// Amounts that are spent or will be spent, on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// In the payer's asset.
    pub debit: u64,
    /// In the receiver's asset.
    pub receive: u64,
}

impl Spent {
    /// The amounts that a quote would spend.
    pub fn of_quote(quote: &Quote) -> Self {
        Self { debit: quote.debit_amount, receive: quote.receive_amount.value }
    }

    /// The total with another payment; `None` if it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { debit: self.debit.checked_add(other.debit)?, receive: self.receive.checked_add(other.receive)? })
    }

    /// The total after a payment that had reserved `reserved` and spent `actual`. It is never below zero.
    pub fn corrected(self, reserved: Self, actual: Self) -> Self {
        let corrected = |total: u64, reserved: u64, actual: u64| total.saturating_sub(reserved).saturating_add(actual);
        Self {
            debit: corrected(self.debit, reserved.debit, actual.debit),
            receive: corrected(self.receive, reserved.receive, actual.receive),
        }
    }
}

/// A payment that the limits allow by themselves. Earlier spending decides finally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The grant limits no amount: nothing is counted.
    Unlimited,
    /// The payment counts against a limit.
    Counted {
        /// The period of the payment, if the limit renews.
        period: Option<Period>,
        /// The reserved amounts.
        payment: Spent,
        /// The limit.
        limit: Limit,
    },
}

/// The amount that a grant limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The largest debit amount.
    Debit(u64),
    /// The largest delivered amount.
    Receive(u64),
}

impl Limit {
    fn allows(self, total: Spent) -> bool {
        match self {
            Self::Debit(limit) => total.debit <= limit,
            Self::Receive(limit) => total.receive <= limit,
        }
    }
}

/// Whether both texts are the same URL.
fn is_same_url(one: &str, other: &str) -> bool {
    one == other || one.parse::<WebUrl>().is_ok_and(|one| other.parse() == Ok(one))
}

/// Checks a payment made of `quote` at `created_at` against the limits alone (steps 1 to 3).
pub fn admit(limits: &GrantLimits, quote: &Quote, created_at: Timestamp) -> Result<Admission, GrantRefused> {
    if limits.receiver.as_ref().is_some_and(|receiver| !is_same_url(receiver, &quote.receiver)) {
        return Err(GrantRefused::InsufficientGrant);
    }
    let (limit, same_asset) = match (&limits.debit_amount, &limits.receive_amount) {
        (Some(_), Some(_)) => return Err(GrantRefused::OnlyOneGrantAmountAllowed),
        (Some(debit), None) => (Some(Limit::Debit(debit.value)), debit.asset == quote.asset.asset),
        (None, Some(receive)) => (Some(Limit::Receive(receive.value)), receive.asset == quote.receive_amount.asset),
        (None, None) => (None, true),
    };
    if !same_asset {
        return Err(GrantRefused::InsufficientGrant);
    }
    let period = match &limits.interval {
        None => None,
        Some(interval) => Some(period_containing(interval, created_at)?.ok_or(GrantRefused::InsufficientGrant)?),
    };
    let Some(limit) = limit else { return Ok(Admission::Unlimited) };
    let payment = Spent::of_quote(quote);
    if !limit.allows(payment) {
        return Err(GrantRefused::InsufficientGrant);
    }
    Ok(Admission::Counted { period, payment, limit })
}

impl Admission {
    /// The total of the period (or of the grant, without one) with this payment, when `spent_before` was spent.
    pub fn reserve(&self, spent_before: Spent) -> Result<Spent, GrantRefused> {
        match self {
            Self::Unlimited => Ok(spent_before),
            Self::Counted { payment, limit, .. } => spent_before
                .checked_add(*payment)
                .filter(|total| limit.allows(*total))
                .ok_or(GrantRefused::InsufficientGrant),
        }
    }
}

/// The end of a payment, with the data that its grant needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentEnd {
    /// It was delivered.
    Completed {
        /// The amount that arrived.
        delivered: u64,
    },
    /// It failed or was cancelled.
    Failed {
        /// The amount that was debited nevertheless.
        sent: u64,
        /// The amount that arrived nevertheless.
        delivered: u64,
    },
}

/// The amounts that a payment of `quote` really spent.
///
/// The payer agreed to the debit amount of a completed payment, so the reserved amount counts as spent, even if a part
/// of it is left. A failed payment spent only the amount that was sent.
pub fn actually_spent(quote: &Quote, end: PaymentEnd) -> Spent {
    match end {
        PaymentEnd::Completed { delivered } => Spent { debit: quote.debit_amount, receive: delivered },
        PaymentEnd::Failed { sent, delivered } => Spent { debit: sent.min(quote.debit_amount), receive: delivered },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing_payment::OutgoingState;
    use crate::outgoing_payment::tests::payment;
    use money::Asset;
    use proptest::prelude::*;

    fn quote() -> Quote {
        payment(OutgoingState::Funding).quote
    }

    fn at() -> Timestamp {
        "2026-01-15T00:00:00Z".parse().unwrap()
    }

    fn usd(value: u64) -> AssetAmount {
        AssetAmount { value, asset: Asset::new("USD", 2).unwrap() }
    }

    fn limits(change: impl FnOnce(&mut GrantLimits)) -> GrantLimits {
        let mut limits = GrantLimits::default();
        change(&mut limits);
        limits
    }

    #[test]
    fn a_grant_without_amounts_counts_nothing() {
        assert_eq!(admit(&GrantLimits::default(), &quote(), at()), Ok(Admission::Unlimited));
    }

    #[test]
    fn the_one_receiver_may_be_spelled_otherwise() {
        let shouted = quote().receiver.replacen("https://", "HTTPS://", 1) + "/";
        assert_eq!(admit(&limits(|l| l.receiver = Some(shouted)), &quote(), at()), Ok(Admission::Unlimited));
    }

    #[test]
    fn what_the_limits_forbid_is_refused_with_its_reason() {
        use GrantRefused::{InsufficientGrant, InvalidInterval, OnlyOneGrantAmountAllowed};
        let eur = Some(AssetAmount { value: 1000, asset: Asset::new("EUR", 2).unwrap() });
        let refusals = [
            (limits(|l| l.receiver = Some("https://other.example".into())), InsufficientGrant),
            (
                limits(|l| (l.debit_amount, l.receive_amount) = (Some(usd(1000)), Some(usd(1000)))),
                OnlyOneGrantAmountAllowed,
            ),
            (limits(|l| l.debit_amount = eur.clone()), InsufficientGrant),
            (limits(|l| l.receive_amount = eur.clone()), InsufficientGrant),
            (limits(|l| l.debit_amount = Some(usd(102))), InsufficientGrant),
            (limits(|l| l.receive_amount = Some(usd(99))), InsufficientGrant),
            (limits(|l| l.interval = Some("R0/2025-01-01T00:00:00Z/P1M".into())), InsufficientGrant),
            (limits(|l| l.interval = Some("monthly".into())), InvalidInterval),
        ];
        for (limits, refusal) in refusals {
            assert_eq!(admit(&limits, &quote(), at()), Err(refusal), "{limits:?}");
        }
    }

    #[test]
    fn a_limit_is_spent_to_the_last_unit_and_not_beyond() {
        let admitted = admit(&limits(|l| l.debit_amount = Some(usd(206))), &quote(), at()).unwrap();
        let first = admitted.reserve(Spent::default()).unwrap();
        let second = admitted.reserve(first).unwrap();
        assert_eq!(second, Spent { debit: 206, receive: 200 });
        assert_eq!(admitted.reserve(second), Err(GrantRefused::InsufficientGrant));
    }

    #[test]
    fn a_partly_delivered_failure_stays_counted_for_what_it_sent() {
        let reserved = Spent::of_quote(&quote());
        let actual = actually_spent(&quote(), PaymentEnd::Failed { sent: 40, delivered: 39 });
        let total = Spent { debit: 500, receive: 500 }.corrected(reserved, actual);
        assert_eq!(total, Spent { debit: 437, receive: 439 });
    }

    #[test]
    fn a_completed_payment_stays_counted_with_all_it_reserved_of_the_payer_and_with_what_arrived() {
        let end = PaymentEnd::Completed { delivered: 101 };
        assert_eq!(actually_spent(&quote(), end), Spent { debit: 103, receive: 101 });
    }

    proptest! {
        #[test]
        fn a_limit_is_never_exceeded_even_after_corrections(sent in proptest::collection::vec((0u64..=103, any::<bool>()), 1..40)) {
            let admitted = admit(&limits(|l| l.debit_amount = Some(usd(1000))), &quote(), at()).unwrap();
            let (mut counted, mut really) = (Spent::default(), 0);
            for (sent, completed) in sent {
                let Ok(reserved) = admitted.reserve(counted) else { continue };
                let end = if completed {
                    PaymentEnd::Completed { delivered: sent }
                } else {
                    PaymentEnd::Failed { sent, delivered: sent }
                };
                let actual = actually_spent(&quote(), end);
                counted = reserved.corrected(Spent::of_quote(&quote()), actual);
                really += sent;
                prop_assert!(really <= counted.debit && counted.debit <= 1000);
            }
        }
    }
}
