//! What an attempt to deliver an outgoing payment has to do next, from what is known before it.
//!
//! Not the doing: the caller resolves the receiver, asks the ledger, and sends.

use clock::Timestamp;
use money::Asset;

use crate::local_delivery::debit_for_part_ceil;
use crate::outgoing_payment::{LifecycleError, OutgoingPayment};
use crate::quote::{IlpQuoteDetails, MethodAmounts, QuoteMethod};
use crate::receiver::Receiver;

/// What an attempt has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum NextStep {
    /// Nothing is left to deliver.
    Complete,
    /// Deliver within this instance, in one movement.
    PayLocally(MethodAmounts),
    /// Deliver over Interledger.
    PayOverIlp {
        /// Spend at most this.
        max_source: u64,
        /// Deliver at least this.
        min_delivery: u64,
        /// What the probe found when the quote was made.
        details: IlpQuoteDetails,
    },
}

/// Decides the next step of a payment under way.
///
/// A receiver that takes no more ends the payment: well if something of it arrived, badly if nothing did.
/// Every packet of earlier attempts has been settled and counted in the payment's progress, and a local delivery
/// that was made has been noticed. `debited` is the posted debit total of its ledger account, `None` if it has no
/// account; `receiver` is `None` if it positively does not exist. A receiver that could not be asked is no reason
/// to call this.
pub fn next_step(
    payment: &OutgoingPayment,
    wallet_address_asset: &Asset,
    debited: Option<u64>,
    receiver: Option<&Receiver>,
    now: Timestamp,
) -> Result<NextStep, LifecycleError> {
    let quote = &payment.quote;
    let sending = payment.require_sending().map_err(|_| LifecycleError::BadState)?;
    let debited = debited.ok_or(LifecycleError::MissingBalance)?;
    if sending.attempts == 0 && debited == 0 && quote.is_expired(now) {
        return Err(LifecycleError::QuoteExpired);
    }

    let receiver = receiver.ok_or(LifecycleError::ReceiverUnavailable)?;
    if quote.asset.asset != *wallet_address_asset {
        return Err(LifecycleError::SourceAssetConflict);
    }
    if quote.receive_amount.asset != receiver.asset {
        return Err(LifecycleError::DestinationAssetConflict);
    }

    let undelivered = quote.receive_amount.value.saturating_sub(sending.progress.delivered);
    let receive = receiver.amounts().remaining().map_or(undelivered, |remaining| undelivered.min(remaining));
    if receive == 0 || receiver.completed {
        return if debited == 0 { Err(LifecycleError::ReceiverClosed) } else { Ok(NextStep::Complete) };
    }

    if !receiver.is_active(now) {
        return Err(LifecycleError::ReceiverUnavailable);
    }
    // The fee is the entity's: what roundings need is taken from the rest.
    let left = quote.debit_amount_minus_fees.saturating_sub(debited);
    if left == 0 {
        return Err(LifecycleError::BadState);
    }

    match &quote.method {
        QuoteMethod::Local if receiver.location.is_of(quote.tenant_id) => {
            let quoted = MethodAmounts { debit: quote.debit_amount_minus_fees, receive: quote.receive_amount.value };
            let debit = debit_for_part_ceil(quoted, receive).min(left);
            if debit == 0 {
                return Err(LifecycleError::BadState);
            }
            Ok(NextStep::PayLocally(MethodAmounts { debit, receive }))
        }
        QuoteMethod::Ilp(details) => {
            Ok(NextStep::PayOverIlp { max_source: left, min_delivery: receive, details: *details })
        }
        QuoteMethod::Local => Err(LifecycleError::BadState),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing_payment::tests::{NOW, payment};
    use crate::outgoing_payment::{OutgoingState, Progress, Sending};
    use crate::receiver::{IlpMethod, ReceiverLocation};
    use money::Ratio;
    use std::time::Duration;
    use uuid::Uuid;

    const DETAILS: IlpQuoteDetails =
        IlpQuoteDetails { max_packet_amount: 1000, min_rate: Ratio::ONE, low_rate: Ratio::ONE, high_rate: Ratio::ONE };

    fn sending(attempts: u32, progress: Progress) -> OutgoingPayment {
        payment(OutgoingState::Sending(Sending { attempts, progress, ..Sending::default() }))
    }

    fn fresh() -> OutgoingPayment {
        sending(0, Progress::default())
    }

    fn over_ilp(mut payment: OutgoingPayment, details: IlpQuoteDetails) -> OutgoingPayment {
        payment.quote.method = QuoteMethod::Ilp(details);
        payment
    }

    fn receiver(payment: &OutgoingPayment, received: u64) -> Receiver {
        let local = payment.quote.method == QuoteMethod::Local;
        Receiver {
            url: payment.quote.receiver.clone(),
            location: if local {
                ReceiverLocation::Local { tenant: Some(payment.quote.tenant_id), id: Uuid::from_u128(9).into() }
            } else {
                ReceiverLocation::Remote(payment.quote.receiver.parse().unwrap())
            },
            wallet_address_url: "https://x.example/bob".into(),
            asset: payment.quote.receive_amount.asset.clone(),
            incoming_amount: Some(100),
            received_amount: received,
            completed: false,
            expires_at: Some(NOW + Duration::from_mins(1)),
            metadata: None,
            created_at: NOW,
            methods: vec![IlpMethod { ilp_address: "test.x".into(), shared_secret: vec![0; 32] }],
        }
    }

    fn step(payment: &OutgoingPayment, debited: u64, receiver: Receiver) -> Result<NextStep, LifecycleError> {
        let asset = payment.quote.asset.asset.clone();
        next_step(payment, &asset, Some(debited), Some(&receiver), NOW)
    }

    #[test]
    fn a_fresh_payment_pays_the_quoted_amounts() {
        let payment = fresh();
        let amounts = MethodAmounts { debit: 100, receive: 100 };
        assert_eq!(step(&payment, 0, receiver(&payment, 0)), Ok(NextStep::PayLocally(amounts)));
        let payment = over_ilp(fresh(), DETAILS);
        let expected = NextStep::PayOverIlp { max_source: 100, min_delivery: 100, details: DETAILS };
        assert_eq!(step(&payment, 0, receiver(&payment, 0)), Ok(expected));
    }

    #[test]
    fn what_others_paid_meanwhile_reduces_the_local_debit_in_proportion() {
        let payment = fresh();
        let Ok(NextStep::PayLocally(amounts)) = step(&payment, 0, receiver(&payment, 75)) else { panic!() };
        assert_eq!(amounts, MethodAmounts { debit: 25, receive: 25 });
    }

    #[test]
    fn nothing_delivered_is_no_success_also_when_the_receiver_was_closed() {
        let payment = fresh();
        let mut done = receiver(&payment, 40);
        done.completed = true;
        assert_eq!(step(&payment, 0, done), Err(LifecycleError::ReceiverClosed));
        assert_eq!(step(&payment, 0, receiver(&payment, 100)), Err(LifecycleError::ReceiverClosed));
        let mut expired = receiver(&payment, 0);
        expired.expires_at = Some(NOW);
        assert_eq!(step(&payment, 0, expired), Err(LifecycleError::ReceiverUnavailable));
        let asset = payment.quote.asset.asset.clone();
        let gone = next_step(&payment, &asset, Some(0), None, NOW);
        assert_eq!(gone, Err(LifecycleError::ReceiverUnavailable));
    }

    #[test]
    fn a_receiver_closed_after_a_part_has_arrived_completes_the_payment() {
        let partly = over_ilp(sending(1, Progress { debited: 40, delivered: 40 }), DETAILS);
        let mut closed = receiver(&partly, 40);
        closed.completed = true;
        assert_eq!(step(&partly, 40, closed), Ok(NextStep::Complete));
    }

    #[test]
    fn the_quote_may_expire_before_the_first_attempt_but_not_between_attempts() {
        let mut payment = fresh();
        payment.quote.expires_at = NOW;
        assert_eq!(step(&payment, 0, receiver(&payment, 0)), Err(LifecycleError::QuoteExpired));
        let mut retried = sending(1, Progress::default());
        retried.quote.expires_at = NOW;
        assert!(step(&retried, 0, receiver(&retried, 0)).is_ok());
    }

    #[test]
    fn conflicting_assets_and_missing_money_are_named() {
        let payment = fresh();
        let other = Asset::new("EUR", 2).unwrap();
        let found = receiver(&payment, 0);
        assert_eq!(next_step(&payment, &other, Some(0), Some(&found), NOW), Err(LifecycleError::SourceAssetConflict));
        assert_eq!(next_step(&payment, &other, None, Some(&found), NOW), Err(LifecycleError::MissingBalance));
        let mut foreign = receiver(&payment, 0);
        foreign.asset = other;
        assert_eq!(step(&payment, 0, foreign), Err(LifecycleError::DestinationAssetConflict));
        let spent = over_ilp(sending(1, Progress { debited: 103, delivered: 0 }), DETAILS);
        assert_eq!(step(&spent, 103, receiver(&spent, 0)), Err(LifecycleError::BadState));
    }

    #[test]
    fn a_receiver_of_another_tenant_is_not_paid_in_one_movement() {
        let payment = fresh();
        let mut foreign = receiver(&payment, 0);
        foreign.location =
            ReceiverLocation::Local { tenant: Some(Uuid::from_u128(77).into()), id: Uuid::from_u128(9).into() };
        assert_eq!(step(&payment, 0, foreign.clone()), Err(LifecycleError::BadState));
        let over_ilp = over_ilp(fresh(), DETAILS);
        assert!(matches!(step(&over_ilp, 0, foreign), Ok(NextStep::PayOverIlp { .. })));
    }

    #[test]
    fn an_interrupted_attempt_is_continued_where_it_stopped() {
        let progress = Progress { debited: 20, delivered: 21 };
        let payment = over_ilp(sending(1, progress), DETAILS);
        let expected = NextStep::PayOverIlp { max_source: 80, min_delivery: 79, details: DETAILS };
        assert_eq!(step(&payment, 20, receiver(&payment, 21)), Ok(expected));
        let delivered = over_ilp(sending(1, Progress { debited: 100, delivered: 100 }), DETAILS);
        assert_eq!(step(&delivered, 100, receiver(&delivered, 0)), Ok(NextStep::Complete));
    }
}
