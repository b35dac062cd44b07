//! One scan of a stored ledger: the new entries, a stretch of old ones, and a slice of the accounts.
//!
//! It does not check the whole ledger: later scans check the rest. Everything is read at one instant and within fixed
//! limits, so a scan costs the same for every number of entries and accounts.

use std::collections::HashMap;

use ledger::{AccountId, AccountState, Balances, Entry};

use crate::alarm::{Alarm, AlarmKind};
use crate::error::VerifyError;
use crate::law::standing;
use crate::movements::Movements;
use crate::rows::{JournalRow, Rows};
use crate::side_tables::SideTables;
use crate::stretch::Stretch;
use crate::sums::Sums;

/// The limits of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// The most new entries since the last scan.
    pub new_entries: u32,
    /// The most old entries. The next scan continues after them.
    pub old_entries: u32,
    /// The most accounts that are compared with their last entries and summed. The next scan continues after them.
    pub accounts: u32,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self { new_entries: 8192, old_entries: 8192, accounts: 2048 }
    }
}

/// The data that is kept from scan to scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// It ends with the newest entry that was read. It begins at the end of the journal at the first scan.
    newest: Option<Stretch>,
    past: Stretch,
    sums: Sums,
}

/// The result of a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) new_entries: u64,
    pub(crate) old_entries: u64,
    pub(crate) accounts: u64,
    /// There are more new entries than one scan reads.
    pub(crate) behind: bool,
}

/// Scans once.
pub(crate) async fn scan<R: Rows>(
    rows: &mut R,
    state: &mut State,
    limits: ScanLimits,
) -> Result<Findings, VerifyError> {
    let mut findings = Findings::default();
    let last = rows.last().await?;
    head(rows, last.as_ref(), &mut findings).await?;
    newest(rows, last.as_ref(), state, limits.new_entries, &mut findings).await?;
    past(rows, state, limits.old_entries, &mut findings).await?;
    if !findings.behind {
        accounts(rows, &mut state.sums, limits.accounts, &mut findings).await?;
    }
    Ok(findings)
}

/// The head row must name the last entry.
async fn head<R: Rows>(rows: &mut R, last: Option<&JournalRow>, findings: &mut Findings) -> Result<(), VerifyError> {
    let Some((seq, hash)) = rows.head().await? else { return Ok(()) };
    let names_last = last.map_or(seq == 0, |last| (last.seq, &last.hash) == (seq, &hash));
    if !names_last {
        let end = last.map_or(0, |last| last.seq);
        let reason = format!("the head says entry {seq}, the journal ends with entry {end} or with another hash");
        findings.alarms.push(Alarm::new(AlarmKind::HeadDiffers, format_args!("{seq}-{end}"), &[&hash], reason));
    }
    Ok(())
}

/// Checks the entries since the last scan: they must continue the chain and follow the rules.
async fn newest<R: Rows>(
    rows: &mut R,
    last: Option<&JournalRow>,
    state: &mut State,
    limit: u32,
    findings: &mut Findings,
) -> Result<(), VerifyError> {
    let end_now = last.map_or(0, |last| last.seq);
    let Some(seen) = state.newest else {
        state.newest = Some(last.map(Stretch::ending_with).unwrap_or_default());
        return Ok(());
    };

    let end = seen.end();
    if end_now < end {
        let (from, reason) = (end_now + 1, format!("the journal ended with entry {end}, now with entry {end_now}"));
        findings.alarms.push(Alarm::new(AlarmKind::JournalShortened, format_args!("{from}-{end}"), &[], reason));
        state.newest = Some(last.map(Stretch::ending_with).unwrap_or_default());
        state.sums = Sums::default();
        return Ok(());
    }

    // The last entry of the earlier scan and the entry before it are read too.
    let found = rows.journal(end.saturating_sub(1).max(1), limit.saturating_add(2)).await?;
    let (known, new): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| row.seq <= end);
    let mut stretch = anchor(seen, &known, &mut findings.alarms);
    let raised = findings.alarms.len();
    let mut entries = Vec::with_capacity(new.len());
    for row in &new {
        entries.extend(stretch.follow(row, &mut findings.alarms));
    }

    findings.new_entries = new.len() as u64;
    findings.behind = stretch.end() < end_now;
    state.newest = Some(stretch);
    let movements = Movements::of(entries);
    let records = rows.records(&movements.older_entries()).await?;
    movements.judge(&records, &mut state.sums, &mut findings.alarms);
    if findings.alarms.len() > raised {
        // The effect of these entries on the sums is not certain.
        state.sums = Sums::default();
    }

    Ok(())
}

/// The stretch that ends with the last entry of the earlier scan, as it is stored now.
fn anchor(seen: Stretch, known: &[JournalRow], alarms: &mut Vec<Alarm>) -> Stretch {
    let end = seen.end();
    if end == 0 {
        return seen;
    }
    // If this entry or the one before is missing, the check of old entries reports it.
    let Some(row) = known.iter().find(|row| row.seq == end) else { return seen };
    if seen.still_ends_with(row) {
        return seen;
    }
    let raised = alarms.len();
    let mut stretch = match known.iter().find(|row| row.seq + 1 == end) {
        Some(before) => Stretch::ending_with(before),
        None if end == 1 => Stretch::default(),
        None => return seen,
    };
    stretch.follow(row, alarms);
    if alarms.len() == raised {
        let found: [&[u8]; 2] = [&row.hash, &row.record];
        let reason = format!("entry {end} differs from the one seen before, although its hash chain is complete");
        alarms.push(Alarm::new(AlarmKind::JournalRewritten, end, &found, reason));
    }
    stretch
}

/// Checks a stretch of old entries: they must continue the chain, and the other tables must have their rows.
async fn past<R: Rows>(
    rows: &mut R,
    state: &mut State,
    limit: u32,
    findings: &mut Findings,
) -> Result<(), VerifyError> {
    let found = rows.journal(state.past.end() + 1, limit).await?;
    let mut side_tables = SideTables::default();
    for row in &found {
        if let Some(entry) = state.past.follow(row, &mut findings.alarms) {
            side_tables.expect(&entry);
        }
    }
    side_tables.check(rows, &mut findings.alarms).await?;
    findings.old_entries = found.len() as u64;
    if found.len() < limit as usize {
        state.past = Stretch::default();
    }
    Ok(())
}

/// Checks a slice of the accounts: each must have the state of its last entry. After the last slice, all must sum to
/// zero.
async fn accounts<R: Rows>(
    rows: &mut R,
    sums: &mut Sums,
    limit: u32,
    findings: &mut Findings,
) -> Result<(), VerifyError> {
    let slice = rows.accounts_after(sums.summed_through(), limit).await?;
    let states: Vec<_> = slice.iter().map(|(_, stored)| AccountState::decode(stored).ok()).collect();
    let last_entries: Vec<u64> = states.iter().flatten().map(|state| state.last_entry).collect();
    let records = rows.records(&last_entries).await?;

    for ((id, stored), state) in slice.iter().zip(states) {
        let agrees = state.is_some_and(|state| is_as_its_last_entry_left_it(*id, &state, &records));
        if !agrees {
            let reason = match state {
                Some(state) => format!("account {id} is not as its last entry, {}, left it", state.last_entry),
                None => format!("the state of account {id} is malformed"),
            };
            findings.alarms.push(Alarm::new(AlarmKind::AccountDiffers, id, &[stored], reason));
        }

        let (ledger, balances) =
            state.map_or((0, Balances::default()), |state| (state.account.created.ledger, state.account.balances()));
        sums.stored(*id, ledger, balances);
    }

    findings.accounts = slice.len() as u64;
    if slice.len() < limit as usize {
        for unbalanced in sums.finish() {
            findings.alarms.push(Alarm::not_conserved(unbalanced.ledger, unbalanced.posted, unbalanced.pending));
        }
    }
    Ok(())
}

fn is_as_its_last_entry_left_it(id: AccountId, state: &AccountState, records: &HashMap<u64, Vec<u8>>) -> bool {
    let record = records.get(&state.last_entry).map(Vec::as_slice).unwrap_or_default();
    let recorded = Entry::decode(state.last_entry, record).ok().and_then(|entry| standing(&entry, id));
    state.account.created.id == id && recorded == Some((state.movements, state.account.balances()))
}
