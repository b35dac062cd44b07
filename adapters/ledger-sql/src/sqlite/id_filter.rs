//! Recognises most ids that were never used, so that the table of ids is not read for every new transfer.
//!
//! It is a Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970). If not all
//! bits of an id are set, the id was never added. If all are set, it may have been added. After a start it is filled in
//! the background, and until then every id may have been used. It never decides alone: the table in `ids` does.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use ledger::TransferId;
use rusqlite::{Connection, OpenFlags};

/// Bits for each id.
const BITS_EACH: u64 = 16;
/// The smallest filter takes one megabyte, the largest 64. With more ids the answer "perhaps" is more frequent.
const BITS_MIN: u64 = 1 << 23;
const BITS_MAX: u64 = 1 << 29;
/// Bits set for one id.
const PROBES: u64 = 4;
/// How many rows are read at a time. No transaction waits for this reading.
const PAGE: u32 = 8192;

pub(crate) struct IdFilter {
    words: Box<[AtomicU64]>,
    mask: u64,
    /// Whether all ids of the table are added.
    complete: AtomicBool,
}

impl IdFilter {
    /// A filter for at least this number of `ids`, if the largest filter has room for them. Until it is complete, it answers
    /// "perhaps" for every id.
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

    /// Adds the ids in the table of the file `path`, on a thread of its own. The code that commits new ids adds those.
    pub(crate) fn fill(self: &Arc<Self>, path: PathBuf) {
        let filter = Arc::downgrade(self);
        let filling = std::thread::Builder::new().name("ledger ids".to_owned()).spawn(move || {
            if let Err(error) = fill(&filter, &path) {
                tracing::warn!(%error, "the ids of the ledger were not read; each new id is looked up in the table");
            }
        });
        if let Err(error) = filling {
            tracing::warn!(%error, "no thread could be started to read the ids of the ledger; each new id is looked up");
        }
    }

    /// Nothing is missing, because the table is empty.
    pub(crate) fn declare_complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// For how many ids it works well. `None` if for any number, because there is no larger filter.
    pub(crate) fn room(&self) -> Option<u64> {
        (self.mask + 1 < BITS_MAX).then_some((self.mask + 1) / BITS_EACH)
    }

    fn places(&self, id: TransferId) -> impl Iterator<Item = (usize, u64)> {
        let id = id.as_u128();
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let (high, low) = ((id >> 64) as u64, id as u64);
        let first = mixed(high ^ low.rotate_left(32));
        // The number is odd, so the probes of one id differ.
        let step = mixed(low.wrapping_add(high)) | 1;
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) & self.mask;
            (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
        })
    }
}

/// Spreads differences in a few bits over all bits (the finalizer of splitmix64).
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
        // The ledger may be closed before everything is read.
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
    fn an_added_id_is_always_found_and_most_others_are_not() {
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
    fn consecutive_ids_are_distinguished_too() {
        let filter = IdFilter::new(0);
        filter.declare_complete();
        for number in 0..100_000 {
            filter.put(TransferId::from_u128(number));
        }
        let wrong = (100_000..200_000).filter(|number| filter.may_hold(TransferId::from_u128(*number))).count();
        assert!(wrong < 400, "{wrong} of 100,000 are looked up in vain");
    }
}
