//! Checks that the tables beside the journal have the rows that the entries of a stretch require.
//!
//! It does not find additional rows: only a verification of the whole ledger finds them.

use std::fmt::Display;

use clock::Timestamp;
use ledger::{AccountId, AccountState, Cause, Entry, Event, Movement, NewAccount, TransferId};

use crate::alarm::{Alarm, AlarmKind};
use crate::error::VerifyError;
use crate::rows::{Rows, Waypoint};

/// A waypoint is stored after this number of movements of an account.
const WAYPOINT_EVERY: u64 = 256;

/// The stored decision of a reservation.
const POSTED: i64 = 1;
const VOIDED: i64 = 2;
const EXPIRED: i64 = 3;

/// The rows that must be found.
#[derive(Debug, Default)]
pub(crate) struct SideTables {
    accounts: Vec<(u64, Timestamp, NewAccount)>,
    ids: Vec<(TransferId, u64)>,
    decisions: Vec<(u64, i64)>,
    /// Reservations with a time-out.
    limited: Vec<(Timestamp, u64)>,
    waypoints: Vec<(Waypoint, (u64, Timestamp))>,
}

impl SideTables {
    /// Adds the rows that `entry` requires.
    pub(crate) fn expect(&mut self, entry: &Entry) {
        match &entry.event {
            Event::AccountCreated(account) => self.accounts.push((entry.seq, entry.timestamp, *account)),
            Event::IdSpent(id) => self.ids.push((*id, entry.seq)),
            Event::Moved(movement) => self.expect_of_movement(entry, movement),
        }
    }

    fn expect_of_movement(&mut self, entry: &Entry, movement: &Movement) {
        let transfer = &movement.transfer;
        match movement.cause {
            Cause::Expired { pending } => self.decisions.push((pending, EXPIRED)),
            Cause::Settled { pending } => {
                self.decisions.push((pending, if transfer.flags.post_pending_transfer { POSTED } else { VOIDED }));
            }
            Cause::Made if transfer.flags.pending && transfer.timeout_seconds > 0 => {
                let lifetime = i64::from(transfer.timeout_seconds) * 1000;
                let at = Timestamp::from_millis(entry.timestamp.as_millis().saturating_add(lifetime));
                self.limited.push((at, entry.seq));
            }
            Cause::Made => {}
        }
        if !matches!(movement.cause, Cause::Expired { .. }) {
            self.ids.push((transfer.id, entry.seq));
        }
        let sides = [(transfer.debit_account_id, movement.debit), (transfer.credit_account_id, movement.credit)];
        for (account, posting) in sides {
            if posting.ordinal.is_multiple_of(WAYPOINT_EVERY) {
                self.waypoints.push(((account, posting.ordinal), (entry.seq, entry.timestamp)));
            }
        }
    }

    /// Raises an alarm for every missing row.
    pub(crate) async fn check<R: Rows>(&self, rows: &mut R, alarms: &mut Vec<Alarm>) -> Result<(), VerifyError> {
        self.check_accounts(rows, alarms).await?;
        self.check_ids(rows, alarms).await?;
        self.check_reservations(rows, alarms).await?;
        self.check_waypoints(rows, alarms).await
    }

    async fn check_accounts<R: Rows>(&self, rows: &mut R, alarms: &mut Vec<Alarm>) -> Result<(), VerifyError> {
        let ids: Vec<AccountId> = self.accounts.iter().map(|(_, _, account)| account.id).collect();
        let stored = rows.accounts(&ids).await?;
        for (seq, at, created) in &self.accounts {
            let id = created.id;
            let found = stored.get(&id).map(Vec::as_slice);
            let state = found.and_then(|stored| AccountState::decode(stored).ok());
            if state.is_none_or(|state| state.account.created != *created || state.account.timestamp != *at) {
                let reason = match found {
                    Some(_) => format!("account {id} is not as entry {seq} created it"),
                    None => format!("account {id}, created by entry {seq}, is missing"),
                };
                alarms.push(Alarm::new(AlarmKind::AccountDiffers, id, &[found.unwrap_or_default()], reason));
            }
        }
        Ok(())
    }

    async fn check_ids<R: Rows>(&self, rows: &mut R, alarms: &mut Vec<Alarm>) -> Result<(), VerifyError> {
        let through = rows.indexed_through().await?;
        let expected: Vec<_> = self.ids.iter().filter(|(_, seq)| *seq <= through).copied().collect();
        let ids: Vec<TransferId> = expected.iter().map(|(id, _)| *id).collect();
        let found = rows.transfer_ids(&ids).await?;
        for (id, seq) in expected {
            let found = found.get(&id).copied();
            if found != Some(seq) {
                alarms.push(differs("transfer ids", seq, found, format!("id {id} used by entry {seq}")));
            }
        }
        Ok(())
    }

    async fn check_reservations<R: Rows>(&self, rows: &mut R, alarms: &mut Vec<Alarm>) -> Result<(), VerifyError> {
        let decided = self.decisions.iter().map(|(pending, _)| *pending);
        let asked: Vec<u64> = decided.chain(self.limited.iter().map(|(_, pending)| *pending)).collect();
        let settlements = rows.settlements(&asked).await?;
        for (pending, state) in &self.decisions {
            let found = settlements.get(pending).copied();
            if found != Some(*state) {
                alarms.push(differs("reservations", *pending, found, format!("decision about entry {pending}")));
            }
        }

        let timeouts = rows.timeouts(&self.limited).await?;
        for (at, pending) in &self.limited {
            match (settlements.get(pending), timeouts.contains(&(*at, *pending))) {
                (Some(_), false) | (None, true) => {}
                // It is the same fault as above, if there is a decision in the journal.
                (None, false) => {
                    let what = format!("decision about entry {pending}, or its time-out,");
                    alarms.push(differs("reservations", *pending, None::<i64>, what));
                }
                (Some(state), true) => {
                    let what = format!("time-out of entry {pending}, which was decided,");
                    alarms.push(differs("time-outs", *pending, Some(state), what));
                }
            }
        }

        Ok(())
    }

    async fn check_waypoints<R: Rows>(&self, rows: &mut R, alarms: &mut Vec<Alarm>) -> Result<(), VerifyError> {
        let wanted: Vec<Waypoint> = self.waypoints.iter().map(|(waypoint, _)| *waypoint).collect();
        let stored = rows.waypoints(&wanted).await?;
        for (waypoint, expected) in &self.waypoints {
            let found = stored.get(waypoint).copied();
            if found != Some(*expected) {
                let (account, ordinal) = waypoint;
                let found = found.map(|(seq, at)| format!("{seq}@{}", at.as_millis()));
                let what = format!("waypoint of movement {ordinal} of account {account}");
                alarms.push(differs("waypoints", format_args!("{account}/{ordinal}"), found, what));
            }
        }
        Ok(())
    }
}

fn differs(table: &str, place: impl Display, found: Option<impl ToString>, what: String) -> Alarm {
    let (verb, found) = match found {
        Some(found) => ("is stored wrongly", found.to_string()),
        None => ("is missing", String::new()),
    };
    let reason = format!("in the table of {table}, the {what} {verb}");
    Alarm::new(AlarmKind::IndexDiffers, format_args!("{table}/{place}"), &[found.as_bytes()], reason)
}
