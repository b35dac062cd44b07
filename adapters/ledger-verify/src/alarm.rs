//! The alarm of a monitor: a part of the stored ledger was changed. Each alarm has its own id.
//!
//! It does not report the alarm. The id is derived from the fault. So the same fault raises the same alarm when it is
//! found again, in any process.

use std::fmt;

use ledger::TransferId;
use uuid::Uuid;

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// Entries between two others are missing.
    EntriesMissing,
    /// An entry or its hash was changed after it was chained.
    EntryChanged,
    /// An entry's octets cannot be read, although they are unchanged.
    EntryMalformed,
    /// An entry contradicts the entries before it: money would appear or disappear.
    EntryUnlawful,
    /// The newest entries of an earlier scan are missing.
    JournalShortened,
    /// An entry of an earlier scan has changed.
    JournalRewritten,
    /// The stored head does not name the last entry.
    HeadDiffers,
    /// The state of an account differs from its entries.
    AccountDiffers,
    /// A table beside the journal contradicts the journal.
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

/// A fault in the stored ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its id. It is derived from the kind, the place and the stored data, so it is the same whenever the same fault is
    /// found.
    pub id: Uuid,
    /// The kind of the fault.
    pub kind: AlarmKind,
    /// The fault and its place, as text for an operator.
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
        Self { id: TransferId::derived_once(Uuid::nil(), &cause).as_uuid(), kind, reason: reason.into() }
    }

    /// The alarm for a ledger whose debits minus its credits are `posted` and `pending`.
    ///
    /// The difference stays the same during correct movements, so the same fault has the same id.
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
