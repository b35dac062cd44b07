//! What the leader needs of a database, and what can go wrong there.

use std::future::Future;
use std::time::Duration;

use clock::Timestamp;
use ledger::{AccountId, AccountState, Entry, Event, Recorded, Transfer, TransferId, TransferState};

use crate::changes::{Changes, StoredHead};

/// Why the database failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Someone else wrote to the journal; what was loaded may be stale.
    #[error("another process keeps writing to this ledger")]
    Moved,
    /// A transfer id taken for new was used before.
    #[error("a transfer id was used before")]
    Repeated,
    /// The database failed; the transaction did not happen.
    #[error("{0}")]
    Unavailable(String),
    /// The database holds what no writer of this program stores.
    #[error("the ledger's database is damaged: {0}; run `rafiki ledger verify`")]
    Damaged(String),
}

/// One database with a journal and its tables.
pub(crate) trait Store: Send {
    /// Whether another process may write to this ledger.
    ///
    /// If so, the database itself must answer `Repeated` to a transfer id used twice.
    const SHARED: bool;

    /// How long it pays to wait for callers that would otherwise need a commit of their own. The leader's thread
    /// sleeps meanwhile, so a store whose leader shares its thread has none.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Where the stored journal ends now.
    fn head(&mut self) -> impl Future<Output = Result<StoredHead, StoreError>> + Send;

    /// Where the journal ends. No other process writes to it until `commit` or `release`.
    fn lock(&mut self) -> impl Future<Output = Result<StoredHead, StoreError>> + Send;

    /// Begins the reads and writes of a round, which `commit` or `release` ends; nothing if they have begun.
    fn begin(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends the round without a trace, and gives the lock back if it is held.
    fn release(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The first instant at which a reservation runs out.
    fn next_expiry(&mut self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// At most `limit` undecided reservations that run out at `now` or before, earliest first.
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

    /// The entries of `account` from entry `from` backwards, at most `limit`, each with the settlement of the
    /// reservation it may have made. Ends before the account's creation.
    fn history(
        &mut self,
        account: AccountId,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Entry, Option<i64>)>, StoreError>> + Send;

    /// The first waypoint of `account` after `at`: an entry of its.
    fn waypoint_after(
        &mut self,
        account: AccountId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// Writes the changes durably and at once, or not at all. `Moved` if the journal does not end where they begin.
    fn commit(&mut self, changes: &Changes) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A final state as stored.
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
        Event::AccountCreated(_) => Err(StoreError::Damaged(format!("entry {} is no transfer", entry.seq))),
    }
}

/// The account's entry before `entry`, as a walk goes back; `None` where it ends.
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
