//! A quote: the cost and the delivered amount of a payment, its fees, and the checks.
//!
//! It does not find the way to the receiver: a payment method converts an amount of one asset into an amount of the
//! other. The steps before and after that are here.

use clock::Timestamp;
use money::{AssetAmount, Ratio};

use crate::{FeeId, QuoteId, TenantAsset, TenantId, WalletAddressId};

/// The largest amount of a quote or payment, because the database stores signed 64-bit integers.
pub const LARGEST_AMOUNT: u64 = i64::MAX as u64;

const BASIS: u128 = 10_000;

/// A quote. It never changes, and one outgoing payment can be made from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// Its id, which becomes the id of the outgoing payment.
    pub id: QuoteId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The wallet address that would pay.
    pub wallet_address_id: WalletAddressId,
    /// The asset in which the payer pays.
    pub asset: TenantAsset,
    /// The URL of the incoming payment, as submitted.
    pub receiver: String,
    /// The amount that the payer pays, with fees.
    pub debit_amount: u64,
    /// The part of it that is available for delivery.
    pub debit_amount_minus_fees: u64,
    /// The least amount that arrives, in the receiver's asset.
    pub receive_amount: AssetAmount,
    /// Units that arrive per unit sent, with the scales. It is a lower bound for ILP, and exact for local delivery.
    pub estimated_rate: Ratio,
    /// The fee that was applied.
    pub fee_id: Option<FeeId>,
    /// The Open Payments client that created it.
    pub client: Option<String>,
    /// The payment method.
    pub method: QuoteMethod,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The payment method of a quote, with the data that it needs later.
#[derive(Clone, Debug, PartialEq)]
pub enum QuoteMethod {
    /// Within this instance: one movement in the ledger.
    Local,
    /// Over Interledger.
    Ilp(IlpQuoteDetails),
}

/// The results of the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IlpQuoteDetails {
    /// The largest packet that the path accepts, at most [`LARGEST_AMOUNT`].
    pub max_packet_amount: u64,
    /// The least acceptable rate, destination per source.
    pub min_rate: Ratio,
    /// Inclusive lower bound of the real rate.
    pub low_rate: Ratio,
    /// Exclusive upper bound of the real rate.
    pub high_rate: Ratio,
}

/// The terms of a fee: a share of the amount, plus a fixed part in the amount's asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeTerms {
    /// The share in 1/10000, from 0 to 10000.
    pub basis_points: u16,
    /// The fixed part.
    pub fixed: u64,
}

impl FeeTerms {
    /// The fee on `principal`, rounded up: `ceil(principal × basisPoints / 10000) + fixed`.
    ///
    /// `None` above 2^64−1.
    pub fn fee_ceil(&self, principal: u64) -> Option<u64> {
        let share = (u128::from(principal) * u128::from(self.basis_points)).div_ceil(BASIS);
        u64::try_from(share.checked_add(u128::from(self.fixed))?).ok()
    }

    /// The smallest amount of which at least `method_minimum` is left after the fee.
    ///
    /// `None` if there is none: a fee of 100 % leaves nothing of any amount.
    pub fn min_send_amount_ceil(&self, method_minimum: u64) -> Option<u64> {
        let kept = BASIS.checked_sub(u128::from(self.basis_points)).filter(|kept| *kept > 0)?;
        let needed = (u128::from(method_minimum) + u128::from(self.fixed)) * BASIS;
        u64::try_from(needed.div_ceil(kept)).ok()
    }
}

/// The amount for which a quote is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteRequest {
    /// Pay exactly this, fees included.
    DebitAmount(AssetAmount),
    /// Deliver exactly this.
    ReceiveAmount(AssetAmount),
    /// Deliver what the receiver still expects.
    ReceiverRemainder,
}

/// The data about the receiver that a quote needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverAmounts {
    /// The whole expected amount, if it is known.
    pub incoming_amount: Option<u64>,
    /// The received amount. Its asset is the receiver's.
    pub received_amount: AssetAmount,
}

impl ReceiverAmounts {
    /// The amount that it still expects; `None` means no limit.
    pub fn remaining(&self) -> Option<u64> {
        self.incoming_amount.map(|expected| expected.saturating_sub(self.received_amount.value))
    }
}

/// The amount that the payment method converts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodTarget {
    /// Send exactly this; 0 if the fee leaves nothing.
    Send(u64),
    /// Deliver exactly this.
    Deliver(u64),
}

/// The result of the payment method, before fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodAmounts {
    /// The amount that it needs.
    pub debit: u64,
    /// The amount that it delivers.
    pub receive: u64,
}

/// The amounts of a finished quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteAmounts {
    /// The amount that the payer pays, with fees.
    pub debit: u64,
    /// The part of it that is available for delivery.
    pub debit_minus_fees: u64,
    /// The amount that arrives.
    pub receive: u64,
}

/// Why a request gets no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteRefused {
    /// An amount is zero, too large, of the wrong asset, or more than the receiver still expects.
    #[error("invalid amount")]
    InvalidAmount,
    /// Nothing would be delivered.
    #[error("non-positive receive amount")]
    NonPositiveReceiveAmount,
}

/// A checked request, ready for the payment method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotePlan {
    /// The amount to ask the payment method for.
    pub target: MethodTarget,
    fee: FeeTerms,
    requested_debit: Option<u64>,
    receiver_remaining: Option<u64>,
}

impl QuotePlan {
    /// Checks the amounts of a request.
    pub fn new(
        request: &QuoteRequest,
        payer_asset: &money::Asset,
        receiver: &ReceiverAmounts,
        fee: FeeTerms,
    ) -> Result<Self, QuoteRefused> {
        let remaining = receiver.remaining();
        let mut requested_debit = None;

        let target = match request {
            QuoteRequest::DebitAmount(amount) => {
                if amount.asset != *payer_asset || !is_payable(amount.value) {
                    return Err(QuoteRefused::InvalidAmount);
                }
                requested_debit = Some(amount.value);
                let fee = fee.fee_ceil(amount.value).unwrap_or(u64::MAX);
                MethodTarget::Send(amount.value.saturating_sub(fee))
            }
            QuoteRequest::ReceiveAmount(amount) => {
                let fits = remaining.is_none_or(|remaining| amount.value <= remaining);
                if amount.asset != receiver.received_amount.asset || !is_payable(amount.value) || !fits {
                    return Err(QuoteRefused::InvalidAmount);
                }
                MethodTarget::Deliver(amount.value)
            }
            QuoteRequest::ReceiverRemainder => match remaining {
                Some(remaining) if is_payable(remaining) => MethodTarget::Deliver(remaining),
                _ => return Err(QuoteRefused::InvalidAmount),
            },
        };

        Ok(Self { target, fee, requested_debit, receiver_remaining: remaining })
    }

    /// Adds the fee to the method's result and checks it (steps 7 to 9).
    ///
    /// A fixed-send quote keeps the requested debit amount. If the method leaves a part of it, that part still belongs
    /// to the payer.
    pub fn finish(&self, method: MethodAmounts) -> Result<QuoteAmounts, QuoteRefused> {
        if method.receive == 0 || method.debit == 0 {
            return Err(QuoteRefused::NonPositiveReceiveAmount);
        }
        let fee_base = self.requested_debit.unwrap_or(method.debit);
        let fee = self.fee.fee_ceil(fee_base).ok_or(QuoteRefused::InvalidAmount)?;
        let debit = method.debit.checked_add(fee).ok_or(QuoteRefused::InvalidAmount)?;
        let too_much = self.receiver_remaining.is_some_and(|remaining| method.receive > remaining);
        if too_much || !is_payable(debit) || !is_payable(method.receive) {
            return Err(QuoteRefused::InvalidAmount);
        }
        Ok(QuoteAmounts { debit, debit_minus_fees: method.debit, receive: method.receive })
    }

    /// The smallest debit amount that would deliver something, if the method needs `method_minimum`.
    pub fn min_send_amount_ceil(&self, method_minimum: u64) -> Option<u64> {
        self.fee.min_send_amount_ceil(method_minimum).filter(|amount| is_payable(*amount))
    }
}

impl Quote {
    /// Whether it has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// The fee in the debit amount.
    pub fn fee_amount(&self) -> u64 {
        self.debit_amount.saturating_sub(self.debit_amount_minus_fees)
    }

    /// The part of the debit amount that is kept in case the rate gets worse: what the receive amount would not cost at
    /// the rate that was found. Within this instance the rate is exact, and nothing is kept.
    pub fn slippage_margin(&self) -> u64 {
        match &self.method {
            QuoteMethod::Local => 0,
            QuoteMethod::Ilp(details) => {
                let cost = details.low_rate.checked_div_ceil(self.receive_amount.value).unwrap_or(u64::MAX);
                self.debit_amount_minus_fees.saturating_sub(cost)
            }
        }
    }

    /// The rate that was found when it was made. The real rate was not below it.
    pub fn found_rate(&self) -> Ratio {
        match &self.method {
            QuoteMethod::Local => self.estimated_rate,
            QuoteMethod::Ilp(details) => details.low_rate,
        }
    }

    /// The least rate at which anything is sent.
    pub fn least_rate(&self) -> Ratio {
        match &self.method {
            QuoteMethod::Local => self.estimated_rate,
            QuoteMethod::Ilp(details) => details.min_rate,
        }
    }
}

fn is_payable(amount: u64) -> bool {
    (1..=LARGEST_AMOUNT).contains(&amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use money::Asset;
    use proptest::prelude::*;

    const NO_FEE: FeeTerms = FeeTerms { basis_points: 0, fixed: 0 };

    fn usd(value: u64) -> AssetAmount {
        AssetAmount { value, asset: Asset::new("USD", 2).unwrap() }
    }

    fn eur(value: u64) -> AssetAmount {
        AssetAmount { value, asset: Asset::new("EUR", 2).unwrap() }
    }

    fn receiver(incoming_amount: Option<u64>, received: u64) -> ReceiverAmounts {
        ReceiverAmounts { incoming_amount, received_amount: eur(received) }
    }

    fn plan(request: QuoteRequest, receiver: &ReceiverAmounts, fee: FeeTerms) -> Result<QuotePlan, QuoteRefused> {
        QuotePlan::new(&request, &usd(0).asset, receiver, fee)
    }

    #[test]
    fn a_fee_is_rounded_up_from_the_exact_share() {
        assert_eq!(FeeTerms { basis_points: 350, fixed: 0 }.fee_ceil(200), Some(7));
        assert_eq!(FeeTerms { basis_points: 350, fixed: 0 }.fee_ceil(201), Some(8));
        assert_eq!(FeeTerms { basis_points: 200, fixed: 100 }.fee_ceil(10_000), Some(300));
    }

    #[test]
    fn a_fee_of_everything_has_no_minimum_send_amount() {
        assert_eq!(FeeTerms { basis_points: 10_000, fixed: 0 }.min_send_amount_ceil(1), None);
        assert_eq!(FeeTerms { basis_points: 300, fixed: 0 }.min_send_amount_ceil(97), Some(100));
    }

    #[test]
    fn fixed_send_takes_the_fee_from_the_amount_and_fixed_delivery_adds_it() {
        let fee = FeeTerms { basis_points: 300, fixed: 0 };
        let send = plan(QuoteRequest::DebitAmount(usd(1000)), &receiver(None, 0), fee).unwrap();
        assert_eq!(send.target, MethodTarget::Send(970));
        let amounts = send.finish(MethodAmounts { debit: 970, receive: 900 }).unwrap();
        assert_eq!(amounts, QuoteAmounts { debit: 1000, debit_minus_fees: 970, receive: 900 });
        let deliver = plan(QuoteRequest::ReceiveAmount(eur(900)), &receiver(None, 0), fee).unwrap();
        assert_eq!(deliver.target, MethodTarget::Deliver(900));
        let amounts = deliver.finish(MethodAmounts { debit: 1000, receive: 900 }).unwrap();
        assert_eq!(amounts, QuoteAmounts { debit: 1030, debit_minus_fees: 1000, receive: 900 });
    }

    #[test]
    fn without_an_amount_the_remainder_is_quoted() {
        let found = plan(QuoteRequest::ReceiverRemainder, &receiver(Some(100), 40), NO_FEE).unwrap();
        assert_eq!(found.target, MethodTarget::Deliver(60));
    }

    #[test]
    fn amounts_that_cannot_be_quoted_are_refused() {
        use QuoteRequest::{DebitAmount, ReceiveAmount, ReceiverRemainder};
        let refused = [
            (DebitAmount(usd(0)), receiver(None, 0)),
            (DebitAmount(eur(1)), receiver(None, 0)),
            (DebitAmount(usd(LARGEST_AMOUNT + 1)), receiver(None, 0)),
            (ReceiveAmount(eur(0)), receiver(None, 0)),
            (ReceiveAmount(usd(1)), receiver(None, 0)),
            (ReceiveAmount(eur(61)), receiver(Some(100), 40)),
            (ReceiverRemainder, receiver(None, 0)),
            (ReceiverRemainder, receiver(Some(100), 100)),
        ];
        for (request, receiver) in refused {
            assert_eq!(plan(request.clone(), &receiver, NO_FEE), Err(QuoteRefused::InvalidAmount), "{request:?}");
        }
    }

    #[test]
    fn the_margin_is_what_the_delivery_does_not_cost_at_the_rate_that_was_found() {
        let ratio = |numerator| Ratio::new(numerator, 1000).unwrap();
        let ilp = QuoteMethod::Ilp(IlpQuoteDetails {
            max_packet_amount: 1000,
            min_rate: ratio(891),
            low_rate: ratio(900),
            high_rate: ratio(901),
        });
        let local = crate::outgoing_payment::tests::payment(crate::outgoing_payment::OutgoingState::Funding).quote;
        let quote = Quote {
            debit_amount: 10_300,
            debit_amount_minus_fees: 10_000,
            receive_amount: eur(8910),
            method: ilp,
            ..local.clone()
        };
        assert_eq!((quote.fee_amount(), quote.slippage_margin()), (300, 100));
        assert_eq!((quote.found_rate(), quote.least_rate()), (ratio(900), ratio(891)));
        assert_eq!((local.fee_amount(), local.slippage_margin(), local.least_rate()), (3, 0, local.estimated_rate));
        // A quote whose rate shows that more is needed than it has, keeps nothing.
        assert_eq!(Quote { receive_amount: eur(9500), ..quote }.slippage_margin(), 0);
    }

    #[test]
    fn a_receiver_with_nothing_left_is_not_taken_for_an_unlimited_one() {
        let send = plan(QuoteRequest::DebitAmount(usd(10)), &receiver(Some(5), 5), NO_FEE).unwrap();
        assert_eq!(send.finish(MethodAmounts { debit: 10, receive: 10 }), Err(QuoteRefused::InvalidAmount));
    }

    #[test]
    fn a_fee_above_the_amount_leaves_nothing_to_send() {
        let fee = FeeTerms { basis_points: 0, fixed: 50 };
        let send = plan(QuoteRequest::DebitAmount(usd(10)), &receiver(None, 0), fee).unwrap();
        assert_eq!(send.target, MethodTarget::Send(0));
        assert_eq!(send.finish(MethodAmounts { debit: 0, receive: 0 }), Err(QuoteRefused::NonPositiveReceiveAmount));
        assert_eq!(send.min_send_amount_ceil(1), Some(51));
    }

    proptest! {
        #[test]
        fn the_minimum_send_amount_is_the_smallest_that_keeps_enough(
            basis_points in 0u16..10_000, fixed in 0u64..1_000_000, minimum in 1u64..1_000_000,
        ) {
            let fee = FeeTerms { basis_points, fixed };
            let amount = fee.min_send_amount_ceil(minimum).unwrap();
            let kept = |a: u64| a.saturating_sub(fee.fee_ceil(a).unwrap());
            prop_assert!(kept(amount) >= minimum);
            prop_assert!(kept(amount - 1) < minimum);
        }

        #[test]
        fn a_fixed_send_quote_costs_what_was_asked_for(
            debit in 1u64..1 << 50, basis_points in 0u16..=10_000, fixed in 0u64..1 << 40, receive in 1u64..1 << 50,
        ) {
            let fee = FeeTerms { basis_points, fixed };
            let made = plan(QuoteRequest::DebitAmount(usd(debit)), &receiver(None, 0), fee).unwrap();
            let MethodTarget::Send(available) = made.target else { unreachable!() };
            prop_assert!(available <= debit);
            match made.finish(MethodAmounts { debit: available, receive }) {
                Ok(amounts) => {
                    prop_assert_eq!(amounts.debit, debit);
                    prop_assert_eq!(amounts.debit_minus_fees, available);
                }
                Err(refused) => {
                    prop_assert_eq!(refused, QuoteRefused::NonPositiveReceiveAmount);
                    prop_assert_eq!(available, 0);
                }
            }
        }

        #[test]
        fn no_amounts_make_the_arithmetic_overflow(
            debit in any::<u64>(), receive in any::<u64>(), basis_points in 0u16..=10_000, fixed in any::<u64>(),
        ) {
            let fee = FeeTerms { basis_points, fixed };
            if let Ok(made) = plan(QuoteRequest::ReceiveAmount(eur(receive)), &receiver(None, 0), fee)
                && let Ok(amounts) = made.finish(MethodAmounts { debit, receive })
            {
                prop_assert!(amounts.debit <= LARGEST_AMOUNT && amounts.debit >= amounts.debit_minus_fees);
            }
        }
    }
}
