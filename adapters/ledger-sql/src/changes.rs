//! The rows that a batch writes, made from the decided entries.
//! The decision is made in `leader`; the statements are in `sqlite` and `postgres`.

use clock::Timestamp;
use ledger::{
    AccountId, AccountState, Cause, ChainHash, Entry, Event, Head, Recorded, TransferId, TransferState, WorkingSet,
    chain_hash,
};

/// An account gets a waypoint at every such number of movements. From a waypoint its past can be reached.
pub(crate) const WAYPOINT_EVERY: u64 = 256;

/// Where the stored journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredHead {
    pub(crate) head: Head,
    pub(crate) hash: ChainHash,
}

/// Everything that one commit stores.
pub(crate) struct Changes {
    pub(crate) before: StoredHead,
    pub(crate) after: StoredHead,
    pub(crate) records: Vec<Record>,
    /// Transfer ids that are used for the first time, with their entries.
    pub(crate) ids: Vec<(TransferId, u64)>,
    /// Accounts that are new or have new totals, in the order of their ids.
    pub(crate) accounts: Vec<AccountState>,
    /// Reservations that were decided, by entry.
    pub(crate) settlements: Vec<(u64, TransferState)>,
    /// Expiries of reservations that were made and are still undecided.
    pub(crate) timeouts: Vec<(Timestamp, u64)>,
    /// Expiries of earlier reservations that are now decided.
    pub(crate) timeouts_over: Vec<(Timestamp, u64)>,
    pub(crate) waypoints: Vec<Waypoint>,
}

/// A journal row.
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) hash: ChainHash,
    pub(crate) octets: Vec<u8>,
}

/// A place in an account's history from which the entries before and after are reached.
pub(crate) struct Waypoint {
    pub(crate) account: AccountId,
    pub(crate) ordinal: u64,
    pub(crate) seq: u64,
    pub(crate) timestamp: Timestamp,
}

impl Changes {
    /// The rows for `entries`. `set` decided them on a journal that ended at `before`.
    pub(crate) fn of(before: StoredHead, set: &WorkingSet, entries: &[Entry]) -> Self {
        let mut changes = Self {
            before,
            after: StoredHead { head: set.head(), hash: before.hash },
            records: Vec::with_capacity(entries.len()),
            ids: Vec::with_capacity(entries.len()),
            accounts: set.accounts().filter(|state| state.last_entry > before.head.seq).copied().collect(),
            settlements: Vec::new(),
            timeouts: Vec::new(),
            timeouts_over: Vec::new(),
            waypoints: Vec::new(),
        };
        changes.accounts.sort_unstable_by_key(|state| state.account.created.id);
        for entry in entries {
            let mut octets = Vec::with_capacity(208);
            entry.encode(&mut octets);
            changes.after.hash = chain_hash(&changes.after.hash, entry.seq, &octets);
            changes.records.push(Record { seq: entry.seq, hash: changes.after.hash, octets });
            changes.index(set, entry);
        }
        changes
    }

    fn index(&mut self, set: &WorkingSet, entry: &Entry) {
        let movement = match &entry.event {
            Event::AccountCreated(_) => return,
            Event::IdSpent(id) => return self.ids.push((*id, entry.seq)),
            Event::Moved(movement) => movement,
        };

        let transfer = &movement.transfer;
        let reservation = match movement.cause {
            Cause::Made if transfer.flags.pending => transfer.id,
            Cause::Settled { .. } => transfer.pending_id,
            Cause::Expired { .. } => transfer.id,
            Cause::Made => TransferId::default(),
        };

        if !matches!(movement.cause, Cause::Expired { .. }) {
            self.ids.push((transfer.id, entry.seq));
        }
        if let Some(Recorded::Made { seq, transfer: reserved }) = set.transfer(reservation) {
            self.settle(*seq, reserved.state, reserved.expires_at(), movement.cause);
        }

        for (account, posting) in
            [(transfer.debit_account_id, movement.debit), (transfer.credit_account_id, movement.credit)]
        {
            if posting.ordinal % WAYPOINT_EVERY == 0 {
                let (ordinal, seq, timestamp) = (posting.ordinal, entry.seq, entry.timestamp);
                self.waypoints.push(Waypoint { account, ordinal, seq, timestamp });
            }
        }
    }

    /// `state` is the reservation's state at the end of the batch. So a reservation that is made and decided within one
    /// batch has no timeout row.
    fn settle(&mut self, seq: u64, state: TransferState, expires_at: Option<Timestamp>, cause: Cause) {
        let timeout = expires_at.map(|at| (at, seq));
        if cause != Cause::Made {
            self.settlements.push((seq, state));
            if seq <= self.before.head.seq {
                self.timeouts_over.extend(timeout);
            }
        } else if state == TransferState::Pending {
            self.timeouts.extend(timeout);
        }
    }
}
