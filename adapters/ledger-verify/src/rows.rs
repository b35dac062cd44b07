//! What a scan reads of a stored ledger. Everything read through one `Rows` is as of one instant.
//!
//! Questions are asked in bulk, so that each is one round trip where the database is a server.

use std::collections::{HashMap, HashSet};

use clock::Timestamp;
use ledger::{AccountId, TransferId};

use crate::VerifyError;

/// An entry of the journal as stored.
pub(crate) struct JournalRow {
    pub(crate) seq: u64,
    pub(crate) hash: Vec<u8>,
    pub(crate) record: Vec<u8>,
}

/// A waypoint's key: an account and the ordinal of one of its movements.
pub(crate) type Waypoint = (AccountId, u64);

type RowResult<T> = Result<T, VerifyError>;

/// A stored ledger at one instant.
pub(crate) trait Rows: Send {
    /// Entries from number `from` on, in order, at most `limit`.
    fn journal(&mut self, from: u64, limit: u32) -> impl Future<Output = RowResult<Vec<JournalRow>>> + Send;

    /// The entry with the highest number.
    fn last(&mut self) -> impl Future<Output = RowResult<Option<JournalRow>>> + Send;

    /// Number and hash in the head row, where the database has one.
    fn head(&mut self) -> impl Future<Output = RowResult<Option<(u64, Vec<u8>)>>> + Send;

    /// The records of these entries; missing ones are left out.
    fn records(&mut self, seqs: &[u64]) -> impl Future<Output = RowResult<HashMap<u64, Vec<u8>>>> + Send;

    /// Stored states of the accounts after `after` in id order, at most `limit`.
    fn accounts_after(
        &mut self,
        after: AccountId,
        limit: u32,
    ) -> impl Future<Output = RowResult<Vec<(AccountId, Vec<u8>)>>> + Send;

    /// Stored states of these accounts; missing ones are left out.
    fn accounts(&mut self, ids: &[AccountId]) -> impl Future<Output = RowResult<HashMap<AccountId, Vec<u8>>>> + Send;

    /// Ids used by entries up to this one are all in the index.
    fn indexed_through(&mut self) -> impl Future<Output = RowResult<u64>> + Send;

    /// The entries that the index names for these ids.
    fn transfer_ids(&mut self, ids: &[TransferId]) -> impl Future<Output = RowResult<HashMap<TransferId, u64>>> + Send;

    /// How the reservations made by these entries were decided, as far as they were.
    fn settlements(&mut self, pending: &[u64]) -> impl Future<Output = RowResult<HashMap<u64, i64>>> + Send;

    /// Those of these reservations (instant of expiry, entry) whose time-out is stored.
    fn timeouts(
        &mut self,
        wanted: &[(Timestamp, u64)],
    ) -> impl Future<Output = RowResult<HashSet<(Timestamp, u64)>>> + Send;

    /// Entry and instant of these waypoints.
    fn waypoints(
        &mut self,
        wanted: &[Waypoint],
    ) -> impl Future<Output = RowResult<HashMap<Waypoint, (u64, Timestamp)>>> + Send;
}
