//! Recognises most ids that were never used, so that the table of ids is not queried for every new transfer.
//!
//! A Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970): an id whose bits
//! are not all set was never added; one whose bits are all set may have been. It is filled in the background after a
//! start. Until then every id may have been used.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use ledger::TransferId;
use rusqlite::{Connection, OpenFlags};

/// Bits for each id.
const BITS_EACH: u64 = 16;
/// The smallest filter takes a megabyte, the largest 64: beyond it "perhaps" is answered more often.
const BITS_MIN: u64 = 1 << 23;
const BITS_MAX: u64 = 1 << 29;
/// Bits set for one id.
const PROBES: u64 = 4;
/// Rows read at a time: nothing in the database waits for this reading.
const PAGE: u32 = 8192;

pub(crate) struct IdFilter {
    words: Box<[AtomicU64]>,
    mask: u64,
    /// Whether all ids of the table are in.
    complete: AtomicBool,
}

impl IdFilter {
    /// A filter for at least so many `ids`, if the largest has room for them. It says "perhaps" of everything until it
    /// is complete.
    pub(crate) fn new(ids: u64) -> Arc<Self> {
        let bits = (ids.min(BITS_MAX) * BITS_EACH).next_power_of_two().clamp(BITS_MIN, BITS_MAX);
        let words = (0..bits / 64).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { words, mask: bits - 1, complete: AtomicBool::new(false) })
    }

    pub(crate) fn put(&self, id: TransferId) {
        for (word, bit) in self.places(id) {
            self.words[word].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether the id may have been used.
    pub(crate) fn may_hold(&self, id: TransferId) -> bool {
        !self.is_complete() || self.places(id).all(|(word, bit)| self.words[word].load(Ordering::Relaxed) & bit != 0)
    }

    /// Adds the ids in the table of the file `path`, on a thread of its own. Ids that are used meanwhile are added by
    /// the code that commits them.
    pub(crate) fn fill(self: &Arc<Self>, path: PathBuf) {
        let filter = Arc::downgrade(self);
        let filling = std::thread::Builder::new().name("ledger ids".to_owned()).spawn(move || {
            if let Err(error) = fill(&filter, &path) {
                tracing::warn!(%error, "the ids of the ledger were not read; each new one is looked up");
            }
        });
        if let Err(error) = filling {
            tracing::warn!(%error, "no thread reads the ids of the ledger; each new one is looked up");
        }
    }

    /// Nothing is in the table that was not put in.
    pub(crate) fn declare_complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// How many ids it distinguishes well; `None` for any number, because there is no larger one.
    pub(crate) fn room(&self) -> Option<u64> {
        (self.mask + 1 < BITS_MAX).then_some((self.mask + 1) / BITS_EACH)
    }

    fn places(&self, id: TransferId) -> impl Iterator<Item = (usize, u64)> {
        let id = id.as_u128();
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let (high, low) = ((id >> 64) as u64, id as u64);
        let first = mixed(high ^ low.rotate_left(32));
        // Odd, so that the probes of one id differ.
        let step = mixed(low.wrapping_add(high)) | 1;
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) & self.mask;
            (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
        })
    }
}

/// Spreads what differs in a few bits over all (the finalizer of splitmix64).
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn fill(filter: &Weak<IdFilter>, path: &PathBuf) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut page = connection.prepare("SELECT id FROM transfer_ids WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut last = Vec::new();
    loop {
        // The ledger may be closed before all is read.
        let Some(filter) = filter.upgrade() else { return Ok(()) };
        let mut rows = page.query(rusqlite::params![last, PAGE])?;
        let mut count = 0;
        let mut end = [0; 16];
        while let Some(row) = rows.next()? {
            end = row.get(0)?;
            filter.put(TransferId::from_u128(u128::from_be_bytes(end)));
            count += 1;
        }
        if count < PAGE {
            filter.declare_complete();
            return Ok(());
        }
        last = end.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TransferId {
        TransferId::from_u128(u128::from(mixed(number)) << 64 | u128::from(mixed(!number)))
    }

    #[test]
    fn what_was_put_in_is_never_denied_and_most_others_are() {
        let filter = IdFilter::new(1_000_000);
        assert!(filter.may_hold(id(1)), "nothing is known yet");
        filter.declare_complete();
        for number in 0..1_000_000 {
            filter.put(id(number));
        }
        assert!((0..1_000_000).all(|number| filter.may_hold(id(number))));
        let wrong = (1_000_000..1_100_000).filter(|number| filter.may_hold(id(*number))).count();
        assert!(wrong < 400, "{wrong} of 100,000 are looked up in vain");
    }

    #[test]
    fn ids_that_are_counted_up_are_told_apart_too() {
        let filter = IdFilter::new(0);
        filter.declare_complete();
        for number in 0..100_000 {
            filter.put(TransferId::from_u128(number));
        }
        let wrong = (100_000..200_000).filter(|number| filter.may_hold(TransferId::from_u128(*number))).count();
        assert!(wrong < 400, "{wrong} of 100,000 are looked up in vain");
    }
}
