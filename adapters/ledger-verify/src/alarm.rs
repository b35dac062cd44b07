//! What a monitor raises: that one stored fact is not as it was written, under an id of its own.
//!
//! The id follows from the fault. So the same fault found again, in any process, raises the same alarm.

use std::fmt;

use ledger::TransferId;
use uuid::Uuid;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// Entries between two others are gone.
    EntriesMissing,
    /// An entry, or its hash, is not what was chained.
    EntryChanged,
    /// An entry's octets mean nothing, although they are the octets that were chained.
    EntryMalformed,
    /// An entry does not follow from the entries before it: money would appear or vanish.
    EntryUnlawful,
    /// The newest entries, seen before, are gone.
    JournalShortened,
    /// An entry seen before is another one now.
    JournalRewritten,
    /// The stored head does not name the last entry.
    HeadDiffers,
    /// An account is not as its entries left it.
    AccountDiffers,
    /// A table beside the journal does not say what the journal says.
    IndexDiffers,
    /// The accounts of a ledger do not sum to zero.
    NotConserved,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::EntriesMissing,
        Self::EntryChanged,
        Self::EntryMalformed,
        Self::EntryUnlawful,
        Self::JournalShortened,
        Self::JournalRewritten,
        Self::HeadDiffers,
        Self::AccountDiffers,
        Self::IndexDiffers,
        Self::NotConserved,
    ];

    /// Its name in events and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntriesMissing => "entries_missing",
            Self::EntryChanged => "entry_changed",
            Self::EntryMalformed => "entry_malformed",
            Self::EntryUnlawful => "entry_unlawful",
            Self::JournalShortened => "journal_shortened",
            Self::JournalRewritten => "journal_rewritten",
            Self::HeadDiffers => "head_differs",
            Self::AccountDiffers => "account_differs",
            Self::IndexDiffers => "index_differs",
            Self::NotConserved => "not_conserved",
        }
    }
}

/// Something in the stored ledger is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The same for every finding of the same fault: derived from its kind, its place and what was found there.
    pub id: Uuid,
    /// What kind of fault.
    pub kind: AlarmKind,
    /// What is wrong and where, for people.
    pub reason: String,
}

impl Alarm {
    /// The alarm for a fault at `place`, where `found` is stored.
    pub(crate) fn new(kind: AlarmKind, place: impl fmt::Display, found: &[&[u8]], reason: impl Into<String>) -> Self {
        let mut cause = format!("ledger alarm/{}/{place}", kind.as_str());
        for octets in found {
            cause.push('/');
            cause.push_str(&hex::encode(octets));
        }
        Self { id: TransferId::derived(Uuid::nil(), &cause, 0).as_uuid(), kind, reason: reason.into() }
    }

    /// A ledger whose debits less its credits come to `posted` and `pending`.
    ///
    /// The difference stays the same while lawful movements go on, so the same fault has the same name.
    pub(crate) fn not_conserved(ledger: u32, posted: i128, pending: i128) -> Self {
        Self::new(
            AlarmKind::NotConserved,
            format_args!("{ledger}/{posted}/{pending}"),
            &[],
            format!("ledger {ledger} does not sum to zero: debits less credits are {posted} posted, {pending} pending"),
        )
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
