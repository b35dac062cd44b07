//! How much more a local account is expected to receive.
//!
//! Not a balance: the ledger's total is the truth, this keeps packets that arrive together from paying an account
//! twice over.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a fixed-amount account still expects: what was credited and what is being credited, against a limit.
///
/// Money is taken as long as anything is still expected, so the packet that completes an amount may overshoot it:
/// a sender cannot always hit an amount of another asset exactly.
#[derive(Debug)]
pub struct Room {
    limit: u64,
    taken: AtomicU64,
}

impl Room {
    /// Room for `limit`, of which `credited` is taken already.
    pub fn new(limit: u64, credited: u64) -> Self {
        Self { limit, taken: AtomicU64::new(credited) }
    }

    /// At least `credited` is taken: another process may have credited the account.
    pub fn raise_to(&self, credited: u64) {
        self.taken.fetch_max(credited, Ordering::AcqRel);
    }

    /// Takes `amount`; `None` if nothing more is expected while others' amounts are being credited.
    ///
    /// Dropping the guard gives it back.
    pub fn take(&self, amount: u64) -> Option<Taken<'_>> {
        let more = |taken: u64| if taken < self.limit { taken.checked_add(amount) } else { None };
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Taken { room: self, amount })
    }
}

/// An amount on its way into an account.
#[derive(Debug)]
#[must_use = "dropped, the amount is given back"]
pub struct Taken<'a> {
    room: &'a Room,
    amount: u64,
}

impl Taken<'_> {
    /// The amount was credited for good.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.amount, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_once_the_limit_is_reached_and_given_back_it_is_free_again() {
        let room = Room::new(100, 40);
        let first = room.take(60).unwrap();
        assert!(room.take(1).is_none());
        drop(first);
        room.take(30).unwrap().keep();
        let overshoot = room.take(50).unwrap();
        assert!(room.take(1).is_none());
        overshoot.keep();
        assert!(room.take(1).is_none());
    }
}
