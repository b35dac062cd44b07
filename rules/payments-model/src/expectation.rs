//! The amount that an incoming payment may still take, as the ledger holds it, and the part that a packet uses up.
//!
//! It does not call the ledger: callers do that. Every incoming payment has a second account beside the credited one.
//! It holds the amount that may still arrive. It is filled once. Every credit takes its amount out of it in the same
//! chain. The end of the payment empties it. The ledger refuses a chain that finds too little there, so no process and
//! no payment method can credit too much.

use ledger::{AccountId, NewAccount, NewTransfer, TransferId};

use crate::IncomingPaymentId;
use crate::accounting::{AccountKind, EXPECTATION, LedgerAsset};

/// The most that a payment without an amount takes: the largest amount, 2^63−1.
const OPEN_ENDED: u64 = u64::MAX >> 1;

/// A packet may exceed the remaining amount by this share of the whole amount without another reason: one part in a
/// hundred.
const UNEXPLAINED_SHARE: u64 = 100;

/// The account that holds the amount that an incoming payment may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    asset: LedgerAsset,
    payment: IncomingPaymentId,
}

impl Expectation {
    /// The expectation of `payment`, which is counted in `asset`.
    pub fn new(asset: LedgerAsset, payment: IncomingPaymentId) -> Self {
        Self { asset, payment }
    }

    /// The account's id, which is derived from the payment's.
    pub fn account_of(payment: IncomingPaymentId) -> AccountId {
        AccountId::derived_once(payment.as_uuid(), "expected")
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        Self::account_of(self.payment)
    }

    /// The accounts that must exist before the first transfer: the asset's, this one, and the payment's own.
    pub fn accounts(&self) -> Vec<NewAccount> {
        vec![
            self.asset.account(self.asset.expectations_account(), AccountKind::Expectations),
            self.asset.account(self.account(), AccountKind::Expected),
            self.asset.account(self.payment.into(), AccountKind::Incoming),
        ]
    }

    /// Fills the account once: with the expected amount, minus the amount that was received before this account
    /// existed.
    pub fn open(&self, expected: Option<u64>, received: u64) -> NewTransfer {
        self.filled_with(expected.unwrap_or(OPEN_ENDED).saturating_sub(received))
    }

    /// Fills the account with nothing. A later attempt to fill it finds that it was filled.
    pub fn never_open(&self) -> NewTransfer {
        self.filled_with(0)
    }

    fn filled_with(&self, amount: u64) -> NewTransfer {
        let id = TransferId::derived_once(self.payment.as_uuid(), "expectation opened");
        let control = self.asset.expectations_account();
        NewTransfer::single(id, control, self.account(), amount.into(), self.asset.ledger, EXPECTATION)
    }

    /// Takes `amount` out of the account for `movement`, in the same chain. A refusal uses up only the id of this
    /// transfer, so the movement may be tried again with another `attempt`.
    pub fn take(&self, movement: TransferId, attempt: u64, amount: u64) -> NewTransfer {
        self.back(TransferId::derived(movement.as_uuid(), "expectation used", attempt), amount)
    }

    /// Empties the account, which held `left` when it was read.
    ///
    /// If a credit comes in between, the account holds less and the ledger refuses. Then the account is read again for
    /// the next `attempt`. From the third attempt on it always succeeds: the amount is taken in powers of two. Each is
    /// made only if the account holds as much, and together they are the whole rest.
    pub fn close(&self, left: u64, attempt: u64) -> Vec<NewTransfer> {
        /// The attempts that take exactly the amount that was read.
        const PLAIN: u64 = 2;
        let id = |step, number| TransferId::derived(self.payment.as_uuid(), step, number);
        if attempt < PLAIN {
            return vec![self.back(id("expectation closed", attempt), left)];
        }
        let powers = (0..u64::from(u64::BITS - left.leading_zeros())).rev();
        powers.map(|n| self.back(id("expectation closed in parts", attempt * 64 + n), 1 << n)).collect()
    }

    fn back(&self, id: TransferId, amount: u64) -> NewTransfer {
        let control = self.asset.expectations_account();
        NewTransfer::single(id, self.account(), control, amount.into(), self.asset.ledger, EXPECTATION)
    }
}

/// The amounts of a packet that matter for the expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The amount that it delivers, in the receiver's asset.
    pub amount: u64,
    /// The least amount that must arrive for its sender (STREAM, RFC 29 section 4.1: the prepare amount).
    pub minimum: u64,
    /// The value of one unit of the asset in which it arrived, rounded up; 0 if it was not converted here.
    pub source_unit: u64,
}

impl Arrival {
    /// The amount that it takes out of `remaining`; `None` if it brings too much.
    ///
    /// A sender cannot deliver every amount exactly: the delivered amount grows in steps, by the value of one unit of
    /// the sender's asset. So the packet that completes a payment of `expected` may bring more than remains, but only
    /// by such a rounding. It then takes all that remains, so it is the last.
    pub fn takes(&self, expected: Option<u64>, remaining: u64) -> Option<u64> {
        if self.amount <= remaining {
            return Some(self.amount);
        }
        let expected = expected.filter(|_| remaining > 0)?;
        (self.amount - remaining <= self.rounding(expected)).then_some(remaining)
    }

    /// The most by which the roundings of the path can exceed the remaining amount. If the last conversion is made
    /// here, it is known. Otherwise the packet shows it: if a completing packet has several units, its sender wants all
    /// but one to arrive, minus the allowed slippage. For a packet of a single unit the minimum is zero, and any packet
    /// can say that. So there the amount of the payment is the limit.
    fn rounding(&self, expected: u64) -> u64 {
        let several_units = self.minimum >= self.amount / 5 * 2 && self.minimum > 0;
        let shown = if several_units { self.amount.saturating_sub(self.minimum) } else { 0 };
        self.source_unit.max(shown).max(expected / UNEXPLAINED_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AssetId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn expectation() -> Expectation {
        let asset = LedgerAsset { id: AssetId::from_uuid(Uuid::from_u128(1)), ledger: 7 };
        Expectation::new(asset, IncomingPaymentId::from_uuid(Uuid::from_u128(2)))
    }

    fn arrival(amount: u64, minimum: u64) -> Arrival {
        Arrival { amount, minimum, source_unit: 0 }
    }

    #[test]
    fn what_fits_takes_its_amount_and_what_is_much_too_much_takes_nothing() {
        assert_eq!(arrival(99, 0).takes(Some(100), 100), Some(99));
        assert_eq!(arrival(1, 1).takes(Some(100), 1), Some(1));
        for minimum in [0, 1, 49_500, 50_000] {
            assert_eq!(arrival(50_000, minimum).takes(Some(100), 1), None, "{minimum}");
        }
        assert_eq!(arrival(1, 0).takes(Some(100), 0), None);
        assert_eq!(arrival(1, 0).takes(None, 0), None);
        assert_eq!(arrival(60, 59).takes(Some(100), 40), None);
    }

    #[test]
    fn the_packet_that_completes_may_exceed_by_one_unit_of_its_senders_asset_and_takes_what_remains() {
        // 50 units at 20.3 for 1000, of which the sender wants 49 at 20.1 to arrive.
        assert_eq!(arrival(1015, 985).takes(Some(1000), 1000), Some(1000));
        // One unit of the asset it came in is worth 20.
        assert_eq!(Arrival { source_unit: 20, ..arrival(20, 0) }.takes(Some(500), 1), Some(1));
        assert_eq!(Arrival { source_unit: 20, ..arrival(40, 0) }.takes(Some(500), 1), None);
        // The last unit of a large payment.
        assert_eq!(arrival(20, 0).takes(Some(10_000), 6), Some(6));
        assert_eq!(arrival(200, 0).takes(Some(10_000), 6), None);
    }

    #[test]
    fn repeated_steps_have_equal_ids_and_attempts_have_others() {
        let (of, movement) = (expectation(), TransferId::from_u128(9));
        assert_eq!(of.open(Some(100), 30).id, of.never_open().id);
        assert_eq!(of.open(Some(100), 30).amount, 70);
        assert_eq!(of.open(None, 0).amount, u128::from(OPEN_ENDED));
        assert_eq!(of.take(movement, 0, 5), of.take(movement, 0, 5));
        assert_ne!(of.take(movement, 0, 5).id, of.take(movement, 1, 5).id);
        assert_ne!(of.close(5, 0)[0].id, of.close(5, 1)[0].id);
    }

    proptest! {
        #[test]
        fn closing_in_parts_takes_the_whole_amount(seen in 1u64..=OPEN_ENDED, gone in 0u64..=OPEN_ENDED) {
            let mut there = seen.saturating_sub(gone);
            for part in expectation().close(seen, 2) {
                let part = u64::try_from(part.amount).unwrap();
                there = there.checked_sub(part).unwrap_or(there);
            }
            prop_assert_eq!(there, 0);
        }

        #[test]
        fn a_sender_that_rounds_up_to_its_own_unit_completes(expected in 1u64..1 << 30, unit in 1u64..5000) {
            // Rates without fraction and a slippage of one per cent.
            let units = expected.div_ceil(unit);
            let minimum = (units - 1) * unit * 99 / 100;
            let completes = arrival(units * unit, minimum).takes(Some(expected), expected).is_some();
            prop_assert!(completes || units == 1);
        }
    }
}
