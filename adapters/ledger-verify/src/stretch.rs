//! The part of the journal that is checked so far, and the check of the next row.
//!
//! It reads nothing.

use ledger::{ChainHash, Entry, GENESIS, chain_hash};

use crate::alarm::{Alarm, AlarmKind};
use crate::rows::JournalRow;

/// Ends with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    after: u64,
    /// The hash that is stored with the last entry.
    hash: ChainHash,
    /// The hash computed from the last entry's content. It differs from `hash` after a fault. The next entry may
    /// continue either of them, so that one fault causes one alarm.
    computed: ChainHash,
}

impl Default for Stretch {
    fn default() -> Self {
        Self { after: 0, hash: GENESIS, computed: GENESIS }
    }
}

impl Stretch {
    /// Makes a stretch that ends with this row, without checking it.
    pub(crate) fn ending_with(row: &JournalRow) -> Self {
        let hash = row.hash.as_slice().try_into().unwrap_or(GENESIS);
        Self { after: row.seq, hash, computed: hash }
    }

    /// The number of its last entry; 0 before the first.
    pub(crate) fn end(&self) -> u64 {
        self.after
    }

    /// Checks the next row, and returns its entry if it is valid and unchanged.
    pub(crate) fn follow(&mut self, row: &JournalRow, alarms: &mut Vec<Alarm>) -> Option<Entry> {
        let JournalRow { seq, hash, record } = row;
        let next = self.after + 1;
        let found: [&[u8]; 2] = [hash, record];
        let continues = *seq == next;
        let computed = chain_hash(&self.hash, *seq, record);
        let repaired = chain_hash(&self.computed, *seq, record);
        let chained = continues && (computed == hash.as_slice() || repaired == hash.as_slice());
        *self = Self { computed, ..Self::ending_with(row) };

        if !continues {
            let last = seq.saturating_sub(1);
            alarms.push(Alarm::new(
                AlarmKind::EntriesMissing,
                format_args!("{next}-{last}"),
                &[],
                if next == last {
                    format!("entry {next} is missing")
                } else {
                    format!("entries {next} to {last} are missing")
                },
            ));
        } else if !chained {
            alarms.push(Alarm::new(
                AlarmKind::EntryChanged,
                seq,
                &found,
                format!("entry {seq} or its hash was changed"),
            ));
        }

        let entry = Entry::decode(*seq, record).ok();
        if chained && entry.is_none() {
            alarms.push(Alarm::new(AlarmKind::EntryMalformed, seq, &found, format!("entry {seq} is malformed")));
        }
        entry.filter(|_| chained)
    }

    /// Whether `row`, the last row of this stretch, is unchanged.
    pub(crate) fn still_ends_with(&self, row: &JournalRow) -> bool {
        row.seq == self.after && row.hash == self.hash
    }
}
