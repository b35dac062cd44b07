//! What the leader needs from a database, and how a database can fail.
//! The two databases are in `sqlite` and `postgres`.

use std::future::Future;
use std::time::Duration;

use clock::Timestamp;
use ledger::{AccountId, AccountState, Entry, Event, Recorded, Transfer, TransferId, TransferState};

use crate::changes::{Changes, StoredHead};

/// Why the database failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another process wrote to the journal. What was loaded may be out of date.
    #[error("another process keeps writing to this ledger; send the same ids again")]
    Moved,
    /// A transfer id was treated as new, but it was used before.
    #[error("a transfer id was used before")]
    Repeated,
    /// The database failed. The transaction did not happen.
    #[error("{0}")]
    Unavailable(String),
    /// The database contains something that this program never stores.
    #[error("the ledger's database is damaged: {0}; run `rafiki ledger verify`")]
    Damaged(String),
}

/// A database with a journal and its tables.
pub(crate) trait Store: Send {
    /// Whether another process may write to this ledger.
    ///
    /// If it is true, the database itself must answer `Repeated` to a transfer id that is used twice.
    const SHARED: bool;

    /// How long to wait for callers that would otherwise need a commit of their own. The leader's thread sleeps
    /// meanwhile. A store whose leader shares its thread does not wait.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Where the stored journal ends now.
    fn head(&mut self) -> impl Future<Output = Result<StoredHead, StoreError>> + Send;

    /// Where the journal ended at the last read of accounts since `begin`, if that read has shown it. A second call
    /// returns `None`.
    fn take_head_seen(&mut self) -> Option<StoredHead> {
        None
    }

    /// Where the journal ends. No other process writes to it until `commit` or `release`.
    fn lock(&mut self) -> impl Future<Output = Result<StoredHead, StoreError>> + Send;

    /// Begins the reads and writes of a round. `commit` or `release` ends them. If they have begun already, nothing
    /// happens.
    fn begin(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends the round without an effect, and gives the lock back if it is held.
    fn release(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The first time at which a reservation times out.
    fn next_expiry(&mut self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// At most `limit` undecided reservations that time out at `now` or before, earliest first.
    fn due(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(TransferId, Recorded)>, StoreError>> + Send;

    /// Those of the accounts that exist.
    fn accounts(&mut self, ids: &[AccountId]) -> impl Future<Output = Result<Vec<AccountState>, StoreError>> + Send;

    /// Those of the transfer ids that were used.
    fn transfers(
        &mut self,
        ids: &[TransferId],
    ) -> impl Future<Output = Result<Vec<(TransferId, Recorded)>, StoreError>> + Send;

    /// At most `limit` entries of `account`, from entry `from` backwards. Each comes with the settlement of the
    /// reservation that it may have made. The list ends before the account's creation.
    fn history(
        &mut self,
        account: AccountId,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Entry, Option<i64>)>, StoreError>> + Send;

    /// The first waypoint of `account` after `at`. A waypoint is one of the account's entries.
    fn waypoint_after(
        &mut self,
        account: AccountId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// Writes the changes durably and all together, or not at all. `Moved` if the journal does not end where they
    /// begin.
    fn commit(&mut self, changes: &Changes) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The stored form of a final state.
pub(crate) fn state_code(state: TransferState) -> i16 {
    match state {
        TransferState::Single | TransferState::Pending => 0,
        TransferState::Posted => 1,
        TransferState::Voided => 2,
        TransferState::Expired => 3,
    }
}

/// The final state that is stored for the reservation of entry `seq`.
pub(crate) fn state_of(code: i64, seq: u64) -> Result<TransferState, StoreError> {
    match code {
        1 => Ok(TransferState::Posted),
        2 => Ok(TransferState::Voided),
        3 => Ok(TransferState::Expired),
        _ => Err(StoreError::Damaged(format!("settlement {code} of entry {seq}"))),
    }
}

/// What a journal entry and the stored settlement of its reservation say about a transfer id.
pub(crate) fn recorded(entry: &Entry, settlement: Option<i64>) -> Result<(TransferId, Recorded), StoreError> {
    match entry.event {
        Event::IdSpent(id) => Ok((id, Recorded::Spent)),
        Event::Moved(movement) => {
            let state = match settlement {
                None if movement.transfer.flags.pending => TransferState::Pending,
                None => TransferState::Single,
                Some(code) => state_of(code, entry.seq)?,
            };
            let transfer = Transfer { created: movement.transfer, state, timestamp: entry.timestamp };
            Ok((movement.transfer.id, Recorded::Made { seq: entry.seq, transfer }))
        }
        Event::AccountCreated(_) => Err(StoreError::Damaged(format!("entry {} is not a transfer", entry.seq))),
    }
}

/// The account's previous entry before `entry`. `None` at the first.
pub(crate) fn entry_before(entry: &Entry, account: AccountId) -> Option<u64> {
    let Event::Moved(movement) = &entry.event else { return None };
    movement.posting_of(account).filter(|posting| posting.ordinal > 1).map(|posting| posting.previous)
}

/// Reads a stored record.
pub(crate) fn decode(seq: u64, record: &[u8]) -> Result<Entry, StoreError> {
    Entry::decode(seq, record).map_err(|_| StoreError::Damaged(format!("entry {seq} is malformed")))
}

/// Reads an account's stored state.
pub(crate) fn decode_account(octets: &[u8]) -> Result<AccountState, StoreError> {
    AccountState::decode(octets).map_err(|_| StoreError::Damaged("the state of an account is malformed".to_owned()))
}
