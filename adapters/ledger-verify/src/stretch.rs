//! A part of the journal checked so far, and whether the next row continues it.

use ledger::{ChainHash, Entry, GENESIS, chain_hash};

use crate::alarm::{Alarm, AlarmKind};
use crate::rows::JournalRow;

/// Ends with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    after: u64,
    /// As stored with the last entry.
    hash: ChainHash,
    /// As it follows from the last entry's content. Differs from `hash` after a fault; the next entry may follow from
    /// either, so that one fault is one alarm.
    computed: ChainHash,
}

impl Default for Stretch {
    fn default() -> Self {
        Self { after: 0, hash: GENESIS, computed: GENESIS }
    }
}

impl Stretch {
    /// A stretch that trusts this row to be its end.
    pub(crate) fn ending_with(row: &JournalRow) -> Self {
        let hash = row.hash.as_slice().try_into().unwrap_or(GENESIS);
        Self { after: row.seq, hash, computed: hash }
    }

    /// The number of its last entry; 0 before the first.
    pub(crate) fn end(&self) -> u64 {
        self.after
    }

    /// The next row as an entry, if it is one, and it is as it was chained.
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

    /// Whether `row`, the one this stretch ended with, is still the same.
    pub(crate) fn still_ends_with(&self, row: &JournalRow) -> bool {
        row.seq == self.after && row.hash == self.hash
    }
}
