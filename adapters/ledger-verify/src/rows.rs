//! The reads of a scan from a stored ledger. All reads through one `Rows` see the same instant.
//!
//! It checks nothing. Each read gets many rows, so that it is one round trip if the database is a server.

use std::collections::{HashMap, HashSet};

use clock::Timestamp;
use ledger::{AccountId, TransferId};

use crate::error::VerifyError;

/// A stored entry of the journal.
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
    /// The entries from number `from` on, in order, at most `limit`.
    fn journal(&mut self, from: u64, limit: u32) -> impl Future<Output = RowResult<Vec<JournalRow>>> + Send;

    /// The entry with the highest number.
    fn last(&mut self) -> impl Future<Output = RowResult<Option<JournalRow>>> + Send;

    /// The number and hash in the head row, if the database has one.
    fn head(&mut self) -> impl Future<Output = RowResult<Option<(u64, Vec<u8>)>>> + Send;

    /// The records of these entries. Missing ones are left out.
    fn records(&mut self, seqs: &[u64]) -> impl Future<Output = RowResult<HashMap<u64, Vec<u8>>>> + Send;

    /// The stored states of the accounts after `after` in the order of ids, at most `limit`.
    fn accounts_after(
        &mut self,
        after: AccountId,
        limit: u32,
    ) -> impl Future<Output = RowResult<Vec<(AccountId, Vec<u8>)>>> + Send;

    /// The stored states of these accounts. Missing ones are left out.
    fn accounts(&mut self, ids: &[AccountId]) -> impl Future<Output = RowResult<HashMap<AccountId, Vec<u8>>>> + Send;

    /// The last entry up to which all ids are in the index.
    fn indexed_through(&mut self) -> impl Future<Output = RowResult<u64>> + Send;

    /// The entries that the index names for these ids.
    fn transfer_ids(&mut self, ids: &[TransferId]) -> impl Future<Output = RowResult<HashMap<TransferId, u64>>> + Send;

    /// The decisions about the reservations of these entries, as far as they are decided.
    fn settlements(&mut self, pending: &[u64]) -> impl Future<Output = RowResult<HashMap<u64, i64>>> + Send;

    /// The reservations among these (instant of expiry, entry) whose time-out is stored.
    fn timeouts(
        &mut self,
        wanted: &[(Timestamp, u64)],
    ) -> impl Future<Output = RowResult<HashSet<(Timestamp, u64)>>> + Send;

    /// The entries and instants of these waypoints.
    fn waypoints(
        &mut self,
        wanted: &[Waypoint],
    ) -> impl Future<Output = RowResult<HashMap<Waypoint, (u64, Timestamp)>>> + Send;
}
