//! Amounts of a payment that stays within this instance.
//!
//! Not the movement of money: that is in `accounting`.

use money::Ratio;

use crate::quote::{MethodAmounts, MethodTarget};

/// Why a local payment cannot be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalQuoteRefused {
    /// Nothing would be delivered.
    #[error("the amount is too small to deliver anything")]
    NonPositive {
        /// The smallest amount that would.
        min_send: Option<u64>,
    },
    /// The converted amount does not fit.
    #[error("the amount is too large to convert")]
    TooLarge,
}

/// Converts with `rate` (destination per source, scales included): deliveries round down, debits round up
///.
pub fn quote_local(target: MethodTarget, rate: Ratio) -> Result<MethodAmounts, LocalQuoteRefused> {
    let amounts = match target {
        MethodTarget::Send(debit) => rate.checked_mul_floor(debit).map(|receive| MethodAmounts { debit, receive }),
        MethodTarget::Deliver(receive) => rate.checked_div_ceil(receive).map(|debit| MethodAmounts { debit, receive }),
    };
    let amounts = amounts.ok_or(LocalQuoteRefused::TooLarge)?;
    if amounts.debit == 0 || amounts.receive == 0 {
        return Err(LocalQuoteRefused::NonPositive { min_send: rate.checked_div_ceil(1) });
    }
    Ok(amounts)
}

/// What of the quoted debit pays for `receive` of the quoted delivery, rounded up; never more than quoted.
///
/// Another payer may have paid part of the incoming payment since the quote. Then this payer pays a share,
/// and the rest stays on the payment's account for withdrawal.
pub fn debit_for_part_ceil(quoted: MethodAmounts, receive: u64) -> u64 {
    match Ratio::new(quoted.debit.into(), quoted.receive.into()) {
        Ok(price) => price.checked_mul_ceil(receive).unwrap_or(quoted.debit).min(quoted.debit),
        Err(_) => quoted.debit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(numerator: u128, denominator: u128) -> Ratio {
        Ratio::new(numerator, denominator).unwrap()
    }

    #[test]
    fn round_numbers_convert_exactly() {
        let sent = quote_local(MethodTarget::Send(100), ratio(29, 100)).unwrap();
        assert_eq!(sent, MethodAmounts { debit: 100, receive: 29 });
        let delivered = quote_local(MethodTarget::Deliver(145), ratio(29, 100)).unwrap();
        assert_eq!(delivered, MethodAmounts { debit: 500, receive: 145 });
    }

    #[test]
    fn an_amount_worth_nothing_tells_the_smallest_that_is_worth_something() {
        let refused = quote_local(MethodTarget::Send(99), ratio(1, 100));
        assert_eq!(refused, Err(LocalQuoteRefused::NonPositive { min_send: Some(100) }));
    }

    #[test]
    fn a_smaller_delivery_is_paid_in_proportion() {
        let quoted = MethodAmounts { debit: 1000, receive: 300 };
        assert_eq!(debit_for_part_ceil(quoted, 300), 1000);
        assert_eq!(debit_for_part_ceil(quoted, 100), 334);
        assert_eq!(debit_for_part_ceil(quoted, 400), 1000);
    }

    proptest! {
        #[test]
        fn a_debit_always_covers_its_delivery(receive in 1u64..1 << 50, n in 1u128..1 << 60, d in 1u128..1 << 60) {
            let rate = ratio(n, d);
            if let Ok(amounts) = quote_local(MethodTarget::Deliver(receive), rate) {
                prop_assert!(rate.checked_mul_floor(amounts.debit).is_none_or(|worth| worth >= receive));
            }
        }
    }
}
