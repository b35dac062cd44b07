//! What an incoming payment may still take, as the ledger holds it, and how much of it a packet uses up.
//!
//! Beside the account that is credited, every incoming payment has one that holds what may still come. It is filled
//! once; every credit takes its amount out of it in the same chain; the end of the payment empties it. The ledger
//! refuses a chain that finds too little there, so no process and no way of paying goes beyond. Not the asking of the
//! ledger: that is the callers'.

use ledger::{AccountId, NewAccount, NewTransfer, TransferId};

use crate::IncomingPaymentId;
use crate::accounting::{AccountKind, EXPECTATION, LedgerAsset};

/// What a payment without an amount takes at most: the largest amount there is, 2^63−1.
const OPEN_ENDED: u64 = u64::MAX >> 1;

/// A packet that nothing explains may exceed what remains by this share of the whole amount: one part in a hundred.
const UNEXPLAINED_SHARE: u64 = 100;

/// The account that holds what an incoming payment may still take.
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

    /// The account's id; it follows from the payment's.
    pub fn account_of(payment: IncomingPaymentId) -> AccountId {
        AccountId::derived(payment.as_uuid(), "expected", 0)
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        Self::account_of(self.payment)
    }

    /// The accounts that must exist before anything is expected or credited: the asset's, this one, the payment's own.
    pub fn accounts(&self) -> Vec<NewAccount> {
        vec![
            self.asset.account(self.asset.expectations_account(), AccountKind::Expectations),
            self.asset.account(self.account(), AccountKind::Expected),
            self.asset.account(self.payment.into(), AccountKind::Incoming),
        ]
    }

    /// Fills the account, once: with what is expected in all less what was received before there was this account.
    pub fn open(&self, expected: Option<u64>, received: u64) -> NewTransfer {
        self.filled_with(expected.unwrap_or(OPEN_ENDED).saturating_sub(received))
    }

    /// Fills the account with nothing. A later attempt to fill it finds that it was filled.
    pub fn never_open(&self) -> NewTransfer {
        self.filled_with(0)
    }

    fn filled_with(&self, amount: u64) -> NewTransfer {
        let id = TransferId::derived(self.payment.as_uuid(), "expectation opened", 0);
        let control = self.asset.expectations_account();
        NewTransfer::single(id, control, self.account(), amount.into(), self.asset.ledger, EXPECTATION)
    }

    /// Takes `amount` out of the account for `movement`, in the same chain. A refusal spends the id of this transfer
    /// alone, so the movement may be tried again with another `attempt`.
    pub fn take(&self, movement: TransferId, attempt: u64, amount: u64) -> NewTransfer {
        self.back(TransferId::derived(movement.as_uuid(), "expectation used", attempt), amount)
    }

    /// Empties the account that held `left` when it was looked at.
    ///
    /// A credit that comes in between leaves less there, and the ledger refuses; the next `attempt` is made after
    /// another look. From the third on it is certain to succeed: the amount is taken in powers of two, each made if
    /// as much is there, which together are whatever is there.
    pub fn close(&self, left: u64, attempt: u64) -> Vec<NewTransfer> {
        /// Attempts with the very amount that was seen.
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

/// A packet's money as it bears on what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What it brings, in the receiver's asset.
    pub amount: u64,
    /// The least its sender wants to arrive of it (STREAM, RFC 29 section 4.1: the prepare amount).
    pub minimum: u64,
    /// What one unit of the asset it came in is worth, rounded up; 0 if it was not converted here.
    pub source_unit: u64,
}

impl Arrival {
    /// What it takes of `remaining`; `None` if it brings more than that.
    ///
    /// A sender cannot hit every amount: what arrives grows by what one unit of its own asset is worth. So the packet
    /// that completes a payment of `expected` may bring more than remains, by such a rounding and no more. It then
    /// takes all that remains, so it is the last.
    pub fn takes(&self, expected: Option<u64>, remaining: u64) -> Option<u64> {
        if self.amount <= remaining {
            return Some(self.amount);
        }
        let expected = expected.filter(|_| remaining > 0)?;
        (self.amount - remaining <= self.rounding(expected)).then_some(remaining)
    }

    /// How much too much the roundings of the path can bring. Where the last conversion is made here it is known;
    /// otherwise the packet shows it: of a completing packet of several units, senders want all but one to arrive,
    /// less the slippage they allow. Of a single unit they want nothing, which any packet can say, so there the
    /// amount of the payment bounds it.
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
        fn closing_in_parts_takes_whatever_is_there(seen in 1u64..=OPEN_ENDED, gone in 0u64..=OPEN_ENDED) {
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
