//! The plan of a move: every row is checked, and nothing is written.
//! The checks of a single row are in `rafiki-tables`.

use std::collections::BTreeMap;

use clock::Timestamp;
use futures::TryStreamExt;
use rafiki_database::{CountedTable, Transfers};
use rafiki_tables::books::{OldAccount, OldState, OldTransfer};
use rafiki_tables::carry::{Change, Source, carry};
use rafiki_tables::refusal::Refusal;
use rafiki_tables::row::Row;
use rafiki_tables::version::Side;

use crate::error::MoveError;
use crate::listener::{Listener, Step};
use crate::progress::Since;
use crate::source::OldInstallation;

/// The maximum number of refusals that are named.
const NAMED: usize = 200;
/// The number of rows between two progress reports.
const TELL_EVERY: u64 = 10_000;

/// What a pass would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The time of the snapshot of the original.
    pub at: Timestamp,
    /// How many rows each table of the original has.
    pub counts: Vec<(Side, &'static str, CountedTable)>,
    /// The kinds of changed values, with their numbers.
    pub changes: BTreeMap<Change, u64>,
    /// Rows that cannot be moved.
    pub refusals: Vec<Refusal>,
    /// Accounts of the ledger.
    pub accounts: u64,
    /// Deposits and withdrawals.
    pub named_transfers: u64,
    /// Withdrawals that are pending.
    pub held: u64,
    /// Packets under way, which means that the original is running.
    pub packets: u64,
    /// Whether there are assets, but neither accounts nor transfers. Then the money is in a cluster.
    pub lacks_money: bool,
}

/// Checks every row, or every row that has changed since the last pass.
pub async fn examine(old: &mut OldInstallation, since: &Since, listen: Listener<'_>) -> Result<Plan, MoveError> {
    let at = old.at();
    old.backend.add_up().await?;
    let mut plan = Plan {
        at,
        counts: counts(old).await?,
        changes: BTreeMap::new(),
        refusals: Vec::new(),
        accounts: 0,
        named_transfers: 0,
        held: 0,
        packets: old.backend.packets_under_way().await?,
        lacks_money: false,
    };
    plan.refusals.extend(old.backend.faults().await?);
    plan.refusals.extend(old.auth.faults().await?);
    for source in Source::ALL {
        examine_rows(old, source, since.of(source), &mut plan, listen).await?;
    }
    examine_books(old, since.of_ledger(), &mut plan).await?;
    let assets = plan.rows_of("assets");
    plan.lacks_money = assets > 0 && plan.rows_of("ledgerTransfers") == 0 && plan.rows_of("ledgerAccounts") == 0;
    plan.refusals.truncate(NAMED);
    Ok(plan)
}

impl Plan {
    fn rows_of(&self, table: &str) -> u64 {
        self.counts.iter().find(|(side, name, _)| *side == Side::Backend && *name == table).map_or(0, |(.., c)| c.rows)
    }
}

async fn counts(old: &mut OldInstallation) -> Result<Vec<(Side, &'static str, CountedTable)>, MoveError> {
    let mut tables: Vec<(Side, &'static str)> = Vec::new();
    for source in Source::ALL {
        if !tables.contains(&(source.side(), source.table())) {
            tables.push((source.side(), source.table()));
        }
    }
    tables.extend([(Side::Backend, "ledgerAccounts"), (Side::Backend, "ledgerTransfers")]);
    tables.extend([(Side::Auth, "accesses"), (Side::Auth, "subjects"), (Side::Auth, "interactions")]);
    let mut counts = Vec::new();
    for (side, table) in tables {
        counts.push((side, table, old.of(side).0.count(table).await?));
    }
    Ok(counts)
}

async fn examine_rows(
    old: &mut OldInstallation,
    source: Source,
    since: Option<Timestamp>,
    plan: &mut Plan,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    let (database, context) = old.of(source.side());
    let mut rows = database.rows(source, since);
    let mut seen = 0;

    while let Some(json) = rows.try_next().await? {
        seen += 1;
        let carried = Row::read(source.table(), &json).and_then(|row| carry(source, &row, context));
        match carried {
            Ok(carried) => {
                for change in carried.changes {
                    *plan.changes.entry(change).or_default() += 1;
                }
            }
            Err(refusal) if plan.refusals.len() < NAMED => plan.refusals.push(refusal),
            Err(_) => {}
        }

        if seen % TELL_EVERY == 0 {
            listen(Step::Examined(source.table(), seen));
        }
    }

    listen(Step::Examined(source.table(), seen));
    Ok(())
}

async fn examine_books(old: &mut OldInstallation, since: Option<Timestamp>, plan: &mut Plan) -> Result<(), MoveError> {
    let at = old.at();
    let mut accounts = old.backend.accounts();
    while let Some(json) = accounts.try_next().await? {
        plan.accounts += 1;
        let read = Row::read("ledgerAccounts", &json).and_then(|row| OldAccount::read(&row));
        plan.refusals.extend(read.err());
    }
    drop(accounts);
    let mut transfers = old.backend.transfers(Transfers::Named, since);
    while let Some(json) = transfers.try_next().await? {
        plan.named_transfers += 1;
        match Row::read("ledgerTransfers", &json).and_then(|row| OldTransfer::read(&row, at)) {
            Ok(transfer) => match transfer.state {
                OldState::Held { .. } => plan.held += 1,
                OldState::Voided => *plan.changes.entry(Change::HoldVoided).or_default() += 1,
                OldState::Single | OldState::Posted => {}
            },
            Err(refusal) => plan.refusals.push(refusal),
        }
    }
    Ok(())
}
