//! Replays the journal, and compares every entry and every table beside the journal with the replay.
//!
//! It does not read databases. Entries come in order, and the tables come after the last entry.

use std::collections::HashMap;

use clock::Timestamp;
use ledger::{
    Account, AccountId, AccountState, Balances, Cause, ChainHash, Entry, Event, GENESIS, Movement, NewAccount,
    NewTransfer, Posting, TransferId, chain_hash,
};

use crate::differing;
use crate::law::{Change, within_limits};
use crate::report::{BadEntry, Report};
use crate::totals::{Fingerprint, by_ledger};

/// The most faults in a report.
const FAULTS: usize = 10;
/// Code of peers' accounts, and of ordinary transfers.
const PEER: u16 = 3;
const TRANSFER: u16 = 1;
/// A waypoint is stored after this number of movements of an account.
const WAYPOINT_EVERY: u64 = 256;

/// The state of the replay.
#[derive(Default)]
pub(crate) struct Audit {
    seq: u64,
    hash: ChainHash,
    timestamp: Timestamp,
    accounts: HashMap<AccountId, AccountState>,
    reservations: HashMap<u64, Reservation>,
    peer_movement: i128,
    first_bad: Option<BadEntry>,
    faults: Vec<String>,
    /// Fingerprints of the rows that the tables beside the journal must have.
    expected: Tables,
    found: Tables,
    accounts_found: u64,
    timeouts_found: u64,
    /// All transfer ids up to this entry are in the index. Later ones may be.
    indexed: u64,
    later_ids: HashMap<TransferId, u64>,
}

#[derive(Default)]
struct Tables {
    ids: Fingerprint,
    settlements: Fingerprint,
    waypoints: Fingerprint,
}

#[derive(Clone, Copy)]
struct Reservation {
    transfer: NewTransfer,
    expires_at: Option<Timestamp>,
}

impl Audit {
    /// Transfer ids of entries up to `through` must be in the index. Later ones may be.
    pub(crate) fn indexed_through(&mut self, through: u64) {
        self.indexed = through;
    }

    /// Checks the next row of the journal. Returns whether to continue.
    pub(crate) fn row(&mut self, seq: u64, hash: &[u8], record: &[u8]) -> bool {
        if let Err(reason) = self.judge(seq, hash, record) {
            self.first_bad = Some(BadEntry { seq: self.seq + 1, reason });
        }
        self.first_bad.is_none()
    }

    fn judge(&mut self, seq: u64, hash: &[u8], record: &[u8]) -> Result<(), String> {
        if seq != self.seq + 1 {
            return Err(format!("it is missing; the next entry there is has number {seq}"));
        }
        let previous = if self.seq == 0 { GENESIS } else { self.hash };
        let chained = chain_hash(&previous, seq, record);
        if chained != hash {
            return Err("its hash does not follow from its content and the entry before".to_owned());
        }
        let entry = Entry::decode(seq, record).map_err(|malformed| malformed.to_string())?;
        if entry.timestamp < self.timestamp {
            return Err("it is earlier than the entry before".to_owned());
        }
        match &entry.event {
            Event::AccountCreated(account) => self.account_created(&entry, account)?,
            Event::IdSpent(id) => self.id_used(*id, seq)?,
            Event::Moved(movement) => self.moved(&entry, movement)?,
        }
        (self.seq, self.hash, self.timestamp) = (seq, chained, entry.timestamp);
        Ok(())
    }

    fn account_created(&mut self, entry: &Entry, created: &NewAccount) -> Result<(), String> {
        let account = Account {
            created: *created,
            debits_pending: 0,
            debits_posted: 0,
            credits_pending: 0,
            credits_posted: 0,
            timestamp: entry.timestamp,
        };
        let state = AccountState { account, movements: 0, last_entry: entry.seq };
        match self.accounts.insert(created.id, state) {
            None => Ok(()),
            Some(_) => Err(format!("account {} was created before", created.id)),
        }
    }

    fn id_used(&mut self, id: TransferId, seq: u64) -> Result<(), String> {
        if seq <= self.indexed {
            self.expected.ids.add((id, seq));
        } else if let Some(before) = self.later_ids.insert(id, seq) {
            return Err(format!("its id was used by entry {before}"));
        }
        Ok(())
    }

    fn moved(&mut self, entry: &Entry, movement: &Movement) -> Result<(), String> {
        let transfer = &movement.transfer;
        let change = self.change(entry, movement)?;
        if transfer.debit_account_id == transfer.credit_account_id {
            return Err("it debits and credits one account".to_owned());
        }
        let debit =
            self.side(entry, transfer, transfer.debit_account_id, movement.debit, |before| change.debit(before))?;
        let credit =
            self.side(entry, transfer, transfer.credit_account_id, movement.credit, |before| change.credit(before))?;
        if transfer.code == TRANSFER {
            let flow = i128::from(credit.created.code == PEER) - i128::from(debit.created.code == PEER);
            self.peer_movement = self.peer_movement.wrapping_add(flow.wrapping_mul(change.posted.cast_signed()));
        }
        Ok(())
    }

    /// The effect of a movement on the totals. It fails if the cause does not allow it.
    fn change(&mut self, entry: &Entry, movement: &Movement) -> Result<Change, String> {
        let transfer = &movement.transfer;
        let flags = transfer.flags;
        if !matches!(movement.cause, Cause::Expired { .. }) {
            self.id_used(transfer.id, entry.seq)?;
        }

        match movement.cause {
            Cause::Made if flags.post_pending_transfer || flags.void_pending_transfer => {
                Err("it settles without a reservation".to_owned())
            }
            Cause::Made if flags.pending => {
                let lifetime = i64::from(transfer.timeout_seconds) * 1000;
                let expires_at = (lifetime > 0)
                    .then(|| Timestamp::from_millis(entry.timestamp.as_millis().saturating_add(lifetime)));
                self.reservations.insert(entry.seq, Reservation { transfer: *transfer, expires_at });
                Ok(Change::made(transfer))
            }
            Cause::Made => Ok(Change::made(transfer)),
            Cause::Settled { pending } => {
                let reservation = self.decided(pending, if flags.post_pending_transfer { 1 } else { 2 })?;
                let reserved = &reservation.transfer;
                let same = transfer.pending_id == reserved.id
                    && transfer.debit_account_id == reserved.debit_account_id
                    && transfer.credit_account_id == reserved.credit_account_id;
                let amount_fits = if flags.post_pending_transfer {
                    transfer.amount <= reserved.amount
                } else {
                    transfer.amount == reserved.amount
                };
                if flags.post_pending_transfer == flags.void_pending_transfer || flags.pending || !same || !amount_fits
                {
                    return Err(format!("it does not fit the reservation of entry {pending}"));
                }
                if reservation.expires_at.is_some_and(|at| at <= entry.timestamp) {
                    return Err(format!("the reservation of entry {pending} had timed out"));
                }
                Ok(Change::decided(movement.cause, transfer, reserved))
            }
            Cause::Expired { pending } => {
                let reservation = self.decided(pending, 3)?;
                if reservation.transfer != *transfer {
                    return Err(format!("it is not the reservation of entry {pending}"));
                }
                if reservation.expires_at.is_none_or(|at| at > entry.timestamp) {
                    return Err(format!("the reservation of entry {pending} had not timed out"));
                }
                Ok(Change::decided(movement.cause, transfer, &reservation.transfer))
            }
        }
    }

    fn decided(&mut self, pending: u64, state: i64) -> Result<Reservation, String> {
        self.expected.settlements.add((pending, state));
        let reservation = self.reservations.remove(&pending);
        reservation.ok_or_else(|| format!("entry {pending} is not an undecided reservation"))
    }

    /// Changes one account and compares the result with the entry.
    fn side(
        &mut self,
        entry: &Entry,
        transfer: &NewTransfer,
        id: AccountId,
        recorded: Posting,
        change: impl FnOnce(Balances) -> Option<Balances>,
    ) -> Result<Account, String> {
        let state = self.accounts.get_mut(&id).ok_or_else(|| format!("there is no account {id}"))?;
        if state.account.created.ledger != transfer.ledger {
            return Err(format!("account {id} belongs to another ledger"));
        }
        let balances = change(state.account.balances());
        let balances = balances.ok_or_else(|| format!("the totals of account {id} are out of range"))?;
        set_balances(&mut state.account, balances);
        state.movements += 1;
        let previous = std::mem::replace(&mut state.last_entry, entry.seq);
        let computed = Posting { ordinal: state.movements, previous, balances };
        if computed != recorded {
            return Err(format!("account {id}: {}", differing::posting(recorded, computed)));
        }

        if state.movements.is_multiple_of(WAYPOINT_EVERY) {
            self.expected.waypoints.add((id, state.movements, entry.seq, entry.timestamp));
        }
        if within_limits(state.account.created.flags, balances) {
            Ok(state.account)
        } else {
            Err(format!("it breaks the limit of account {id}"))
        }
    }

    /// A row of the accounts table; `None` if it cannot be read.
    pub(crate) fn account_row(&mut self, id: AccountId, stored: Option<&AccountState>) {
        self.accounts_found += 1;
        let expected = self.accounts.get(&id);
        if expected.is_none() || expected != stored {
            self.fault(format!("account {id}: {}", differing::account(stored, expected)));
        }
    }

    /// A row of the index of transfer ids.
    pub(crate) fn id_row(&mut self, id: TransferId, seq: u64) {
        if seq <= self.indexed {
            self.found.ids.add((id, seq));
        } else if self.later_ids.get(&id) != Some(&seq) {
            self.fault(format!("the index says that entry {seq} used id {id}"));
        }
    }

    /// A row of the settlements table.
    pub(crate) fn settlement_row(&mut self, pending: u64, state: i64) {
        self.found.settlements.add((pending, state));
    }

    /// A row of the timeouts table.
    pub(crate) fn timeout_row(&mut self, at: Timestamp, pending: u64) {
        self.timeouts_found += 1;
        if self.reservations.get(&pending).and_then(|reservation| reservation.expires_at) != Some(at) {
            self.fault(format!("a time-out is listed for entry {pending} that is not an undecided reservation's"));
        }
    }

    /// A row of the waypoints table.
    pub(crate) fn waypoint_row(&mut self, account: AccountId, ordinal: u64, seq: u64, at: Timestamp) {
        self.found.waypoints.add((account, ordinal, seq, at));
    }

    /// Checks the end of the journal by the head row, if the database has one.
    pub(crate) fn head_row(&mut self, seq: u64, hash: &[u8]) {
        let last = if self.seq == 0 { GENESIS } else { self.hash };
        if seq != self.seq || hash != last {
            self.fault(format!("the head says entry {seq}, the journal ends with entry {}", self.seq));
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS {
            self.faults.push(fault);
        }
    }

    /// The result, after everything was read.
    pub(crate) fn report(mut self) -> Report {
        if self.first_bad.is_none() {
            self.compare_tables();
        }
        let ledgers = by_ledger(self.accounts.values().map(|state| &state.account));
        for totals in ledgers.iter().filter(|totals| !totals.balanced()) {
            self.fault(format!("the accounts of ledger {} do not sum to zero", totals.ledger));
        }
        Report {
            sound: self.first_bad.is_none() && self.faults.is_empty(),
            entries: self.seq,
            accounts: self.accounts.len() as u64,
            pending_transfers: self.reservations.len() as u64,
            first_bad: self.first_bad,
            faults: self.faults,
            ledgers,
            peer_movement: self.peer_movement.to_string(),
            head_hash: hex::encode(if self.seq == 0 { GENESIS } else { self.hash }),
        }
    }

    fn compare_tables(&mut self) {
        let accounts = self.accounts.len() as u64;
        if self.accounts_found != accounts {
            self.fault(format!("{} accounts are stored, the journal creates {accounts}", self.accounts_found));
        }
        let timeouts = self.reservations.values().filter(|reservation| reservation.expires_at.is_some()).count() as u64;
        if self.timeouts_found != timeouts {
            self.fault(format!("{} time-outs are stored, the journal leaves {timeouts}", self.timeouts_found));
        }
        if self.found.ids != self.expected.ids {
            self.fault("the index of transfer ids does not match the journal".to_owned());
        }
        if self.found.settlements != self.expected.settlements {
            self.fault("the settlements do not match the journal".to_owned());
        }
        if self.found.waypoints != self.expected.waypoints {
            self.fault("the waypoints do not match the journal".to_owned());
        }
    }
}

fn set_balances(account: &mut Account, balances: Balances) {
    let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = balances;
    (account.debits_pending, account.debits_posted) = (debits_pending, debits_posted);
    (account.credits_pending, account.credits_posted) = (credits_pending, credits_posted);
}
