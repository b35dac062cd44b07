//! The fee of a finished payment.
//!
//! The Admin API shows the debit and the amount sent, but not which of the two was fixed.

use money::Ratio;

/// A fee of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FeeRule {
    /// Fixed part in the asset's smallest unit.
    pub fixed: u64,
    /// Hundredths of a percent.
    pub basis_points: u16,
}

/// What a customer pays for a completed payment beyond the amount sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FeePolicy {
    /// The fee; unused slippage goes back to the customer.
    #[default]
    FeePlusSent,
    /// The whole debit of the quote.
    FullDebit,
    /// No fee, like the reference's mock. The remainder stays where it is.
    Compat,
}

impl FeeRule {
    /// Sending costs nothing.
    pub const NONE: Self = Self { fixed: 0, basis_points: 0 };

    /// The fee on a payment whose debit was fixed: `min(D, ceil(D × bp) + fixed)`.
    pub fn of_fixed_debit(&self, debit: u64) -> u64 {
        self.on(debit).min(debit)
    }

    /// The fee on a payment whose delivery was fixed: `D − b` with the largest `b` for which `b + ceil(b × bp) +
    /// fixed ≤ D`.
    pub fn of_fixed_delivery(&self, debit: u64) -> u64 {
        let Some(variable) = debit.checked_sub(self.fixed) else { return debit };
        // `b × (1 + bp) ≤ D − fixed` is the same condition for whole `b`, so one division finds it.
        let whole = Ratio::new(10_000, 10_000 + u128::from(self.basis_points)).unwrap_or(Ratio::ONE);
        debit - whole.checked_mul_floor(variable).unwrap_or(variable)
    }

    /// `ceil(amount × bp) + fixed`.
    pub fn on(&self, amount: u64) -> u64 {
        let rate = Ratio::new(u128::from(self.basis_points), 10_000).unwrap_or(Ratio::ZERO);
        rate.checked_mul_ceil(amount).unwrap_or(u64::MAX).saturating_add(self.fixed)
    }
}

/// What the customer pays on top of `sent`, at most the reserved amount.
///
/// If the remainder is at most the fee on the debit, all of it is the fee: the debit was fixed, or no slippage is left.
/// If it is larger, the delivery was fixed, and the unused slippage goes back to the customer.
pub fn charged(policy: FeePolicy, rule: FeeRule, debit: u64, sent: u64) -> u64 {
    let leftover = debit.saturating_sub(sent);
    match policy {
        FeePolicy::Compat => 0,
        FeePolicy::FullDebit => leftover,
        FeePolicy::FeePlusSent if leftover <= rule.of_fixed_debit(debit) => leftover,
        FeePolicy::FeePlusSent => rule.of_fixed_delivery(debit).min(leftover),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDED: FeeRule = FeeRule { fixed: 100, basis_points: 200 };

    #[test]
    fn the_worked_case_of_a_fixed_delivery_returns_unused_slippage() {
        assert_eq!(SEEDED.of_fixed_delivery(617), 111);
        assert_eq!(charged(FeePolicy::FeePlusSent, SEEDED, 617, 500), 111);
        assert_eq!(charged(FeePolicy::FullDebit, SEEDED, 617, 500), 117);
        assert_eq!(charged(FeePolicy::Compat, SEEDED, 617, 500), 0);
    }

    #[test]
    fn a_fixed_debit_costs_exactly_what_the_customer_agreed_to() {
        let debit = 500;
        let sent = debit - SEEDED.of_fixed_debit(debit);
        assert_eq!(sent, 390);
        assert_eq!(sent + charged(FeePolicy::FeePlusSent, SEEDED, debit, sent), debit);
    }

    #[test]
    fn a_local_fixed_delivery_leaves_only_the_fee() {
        assert_eq!(charged(FeePolicy::FeePlusSent, SEEDED, 610, 500), 110);
    }

    #[test]
    fn without_a_fee_everything_not_sent_goes_back() {
        assert_eq!(charged(FeePolicy::FeePlusSent, FeeRule::NONE, 617, 500), 0);
    }

    #[test]
    fn the_fee_of_a_fixed_delivery_inverts_the_quote_for_every_amount() {
        for rule in [SEEDED, FeeRule { fixed: 0, basis_points: 33 }, FeeRule { fixed: 7, basis_points: 10_000 }] {
            for base in 0..5_000 {
                let debit = base + rule.on(base);
                let fee = rule.of_fixed_delivery(debit);
                assert_eq!(fee, rule.on(base), "{rule:?} {base}");
            }
        }
    }

    #[test]
    fn a_debit_below_the_fixed_part_is_all_fee() {
        assert_eq!(SEEDED.of_fixed_delivery(60), 60);
        assert_eq!(charged(FeePolicy::FeePlusSent, SEEDED, 60, 0), 60);
    }
}
