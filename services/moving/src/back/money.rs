//! Our ledger as an export reads it: the journal of a SQL ledger, or a TigerBeetle cluster.
//! What the entries become is in `rafiki-tables`.

use std::collections::BTreeMap;
use std::sync::Arc;

use clock::Timestamp;
use ledger::{
    Account, AccountId, AccountState, Cause, Entry, Event, Ledger, LedgerJournal, LedgerQueries, Movement, Placed,
    Posting, Totals, Transfer, TransferId, TransferState,
};
use ledger_sql::{Journal, JournalEntry};

use crate::back::ExportError;
use crate::error::MoveError;

/// How many entries of a SQL ledger are read at once.
const PAGE: u32 = 2_000;

/// A ledger that can be read account by account, and record by record.
pub trait ClusterLedger: Ledger + LedgerQueries + LedgerJournal {}

impl<T: Ledger + LedgerQueries + LedgerJournal> ClusterLedger for T {}

/// Where our ledger is.
#[derive(Clone)]
pub enum OurLedger {
    /// In this database.
    Database(String),
    /// In this TigerBeetle cluster.
    Cluster(Arc<dyn ClusterLedger>),
}

impl std::fmt::Debug for OurLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            // A URL may contain a password.
            Self::Database(_) => "Database",
            Self::Cluster(_) => "Cluster",
        })
    }
}

/// Where the original finds its money after an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyPlace {
    /// In the tables of its database.
    Tables,
    /// In the TigerBeetle cluster that has it now.
    SameCluster,
}

/// Our ledger, opened.
pub(crate) enum Money {
    /// As of the instant of opening.
    Journal(Box<Journal>),
    /// A cluster has no snapshots, so its sums show whether it has changed since it was opened.
    Cluster { ledger: Arc<dyn ClusterLedger>, sums: Totals },
}

impl std::fmt::Debug for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Journal(_) => "Journal",
            Self::Cluster { .. } => "Cluster",
        })
    }
}

impl Money {
    pub(crate) async fn open(ledger: &OurLedger) -> Result<Self, ExportError> {
        Ok(match ledger {
            OurLedger::Database(url) => Self::Journal(Box::new(Journal::open(url).await?)),
            OurLedger::Cluster(ledger) => Self::Cluster { sums: ledger.totals().await?, ledger: Arc::clone(ledger) },
        })
    }

    /// Whether our ledger has recorded nothing since it was opened.
    pub(crate) async fn is_unchanged(&mut self, ledger: &OurLedger) -> Result<bool, ExportError> {
        match (self, ledger) {
            (Self::Journal(journal), OurLedger::Database(url)) => {
                Ok(journal.last().await? == Journal::open(url).await?.last().await?)
            }
            (Self::Cluster { .. }, OurLedger::Database(_)) | (Self::Journal(_), OurLedger::Cluster(_)) => Ok(false),
            (Self::Cluster { sums, .. }, OurLedger::Cluster(ledger)) => {
                Ok(sums.of_one_instant && *sums == ledger.totals().await?)
            }
        }
    }

    /// Refuses if what was read is not of one instant.
    pub(crate) async fn require_one_instant(&self) -> Result<(), ExportError> {
        let Self::Cluster { ledger, sums } = self else { return Ok(()) };
        if sums.of_one_instant && *sums == ledger.totals().await? { Ok(()) } else { Err(ExportError::LedgerChanges) }
    }

    /// The accounts with these ids that exist.
    pub(crate) async fn accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, MoveError> {
        match self {
            Self::Journal(journal) => {
                let found = journal.accounts(ids).await.map_err(|error| MoveError::Unreadable(error.to_string()))?;
                Ok(found.into_iter().map(|state: AccountState| state.account).collect())
            }
            Self::Cluster { ledger, .. } => Ok(ledger.accounts(ids.to_vec()).await?.into_iter().flatten().collect()),
        }
    }

    /// The position before the first entry. `at` is the instant of the export.
    pub(crate) fn begin(&self, at: Timestamp) -> Reading {
        match self {
            Self::Journal(_) => Reading::Journal { after: 0 },
            Self::Cluster { .. } => {
                Reading::Cluster { next: Next::Accounts(0), open: Open { at, holds: BTreeMap::new() } }
            }
        }
    }

    /// The next entries; `None` after the last. Some pages are empty.
    pub(crate) async fn next(&mut self, reading: &mut Reading) -> Result<Option<Vec<JournalEntry>>, ExportError> {
        match (self, reading) {
            (Self::Journal(journal), Reading::Journal { after }) => {
                let page = journal.page(*after, PAGE).await?;
                let Some(last) = page.last() else { return Ok(None) };
                *after = last.entry.seq;
                Ok(Some(page))
            }
            (Self::Cluster { ledger, .. }, Reading::Cluster { next, open }) => {
                Ok(next_of_cluster(&**ledger, next, open).await?)
            }
            (Self::Journal(_), Reading::Cluster { .. }) | (Self::Cluster { .. }, Reading::Journal { .. }) => Ok(None),
        }
    }
}

/// How far the entries were read.
pub(crate) enum Reading {
    Journal { after: u64 },
    Cluster { next: Next, open: Open },
}

/// What is read next from a cluster.
pub(crate) enum Next {
    Accounts(u64),
    Transfers(u64),
    OpenHolds,
    Nothing,
}

/// Reservations that no record has settled so far. A cluster does not record that a reservation has timed out.
pub(crate) struct Open {
    at: Timestamp,
    holds: BTreeMap<TransferId, Entry>,
}

async fn next_of_cluster(
    ledger: &dyn ClusterLedger,
    next: &mut Next,
    open: &mut Open,
) -> Result<Option<Vec<JournalEntry>>, MoveError> {
    let (entries, after) = match *next {
        Next::Accounts(from) => {
            let page = ledger.journal_of_accounts(from).await?;
            let entries = page.records.iter().map(|account| JournalEntry { entry: created(account), decided: None });
            (entries.collect(), page.next.map_or(Next::Transfers(0), Next::Accounts))
        }
        Next::Transfers(from) => {
            let page = ledger.journal_of_transfers(from).await?;
            let mut entries = Vec::with_capacity(page.records.len());
            for transfer in &page.records {
                entries.extend(open.read(transfer)?);
            }
            if let Some(last) = page.records.last() {
                entries.extend(open.take_timed_out(last.record.timestamp));
            }
            (entries, page.next.map_or(Next::OpenHolds, Next::Transfers))
        }
        Next::OpenHolds => (open.take_rest(), Next::Nothing),
        Next::Nothing => return Ok(None),
    };
    *next = after;
    Ok(Some(entries))
}

impl Open {
    /// The entry of a record, once the outcome of its reservation is known.
    fn read(&mut self, transfer: &Placed<Transfer>) -> Result<Option<JournalEntry>, MoveError> {
        let created = &transfer.record.created;
        if created.flags.pending {
            self.holds.insert(created.id, moved(transfer, Cause::Made));
            return Ok(None);
        }
        if !created.flags.post_pending_transfer && !created.flags.void_pending_transfer {
            return Ok(Some(JournalEntry { entry: moved(transfer, Cause::Made), decided: None }));
        }

        let hold = self.holds.remove(&created.pending_id).ok_or_else(|| {
            MoveError::Unreadable(format!(
                "the cluster has no reservation {}, which {} settles",
                created.pending_id, created.id
            ))
        })?;
        Ok(Some(if created.flags.post_pending_transfer {
            JournalEntry { entry: moved(transfer, Cause::Settled { pending: hold.seq }), decided: None }
        } else {
            JournalEntry { entry: hold, decided: Some(TransferState::Voided) }
        }))
    }

    /// Those that timed out before an instant of the cluster. No later record settles them.
    fn take_timed_out(&mut self, now: Timestamp) -> Vec<JournalEntry> {
        let over: Vec<Entry> =
            self.holds.extract_if(.., |_, entry| timed_out(entry, now).is_some()).map(|(_, entry)| entry).collect();
        over.into_iter().map(|entry| JournalEntry { entry, decided: Some(TransferState::Expired) }).collect()
    }

    /// Those that no record has settled.
    fn take_rest(&mut self) -> Vec<JournalEntry> {
        let mut rest: Vec<Entry> = std::mem::take(&mut self.holds).into_values().collect();
        rest.sort_by_key(|entry| entry.seq);
        let at = self.at;
        rest.into_iter().map(|entry| JournalEntry { entry, decided: timed_out(&entry, at) }).collect()
    }
}

/// The cluster's clock and this machine's may differ by so much. What timed out later may still be settled.
const CLOCKS_DIFFER_BY: i64 = 60_000;

/// The cluster gives back what has timed out by itself.
fn timed_out(entry: &Entry, at: Timestamp) -> Option<TransferState> {
    let Event::Moved(movement) = &entry.event else { return None };
    let lives = i64::from(movement.transfer.timeout_seconds) * 1000;
    let end = entry.timestamp.as_millis().saturating_add(lives).saturating_add(CLOCKS_DIFFER_BY);
    let over = lives > 0 && end <= at.as_millis();
    over.then_some(TransferState::Expired)
}

fn created(account: &Placed<Account>) -> Entry {
    let event = Event::AccountCreated(account.record.created);
    Entry { seq: account.place, timestamp: account.record.timestamp, event }
}

fn moved(transfer: &Placed<Transfer>, cause: Cause) -> Entry {
    // The totals after each movement are not needed for an export.
    let (debit, credit) = (Posting::default(), Posting::default());
    let event = Event::Moved(Movement { cause, transfer: transfer.record.created, debit, credit });
    Entry { seq: transfer.place, timestamp: transfer.record.timestamp, event }
}

#[cfg(test)]
mod tests {
    use ledger::NewTransfer;

    use super::*;

    fn placed(created: NewTransfer, place: u64, millis: i64) -> Placed<Transfer> {
        let state = if created.flags.pending { TransferState::Pending } else { TransferState::Single };
        Placed { place, record: Transfer { created, state, timestamp: Timestamp::from_millis(millis) } }
    }

    #[test]
    fn a_hold_is_kept_until_it_is_settled_or_has_timed_out_for_a_minute() {
        let (debit, credit) = (AccountId::from_u128(7), AccountId::from_u128(8));
        let hold = |id: u128| {
            let single = NewTransfer::single(TransferId::from_u128(id), debit, credit, 3, 7, 1);
            placed(single.into_pending(5), 1, 1_000)
        };
        let mut open = Open { at: Timestamp::from_millis(1_000), holds: BTreeMap::new() };
        for id in [1, 2] {
            assert!(open.read(&hold(id)).unwrap().is_none());
        }
        let void = NewTransfer::void(TransferId::from_u128(9), TransferId::from_u128(2));
        let voided = open.read(&placed(void, 2, 2_000)).unwrap().unwrap();
        assert_eq!(voided.decided, Some(TransferState::Voided));

        assert!(open.take_timed_out(Timestamp::from_millis(65_999)).is_empty());
        let over = open.take_timed_out(Timestamp::from_millis(66_000));
        assert_eq!(over.iter().map(|entry| entry.decided).collect::<Vec<_>>(), [Some(TransferState::Expired)]);
        assert!(open.holds.is_empty() && open.take_rest().is_empty());
    }
}
