//! The way back: fills empty databases of the original from ours, and compares them before anything is kept.
//!
//! Everything is read as of one instant. Each database of the original is filled in one transaction, and both are
//! compared with ours before the first of them is committed. So a killed export leaves nothing, or databases that are
//! marked as unfinished, which the next export clears.

mod filling;
mod installation;
mod money;
mod spendings;

use std::collections::BTreeMap;

use clock::Timestamp;
use ledger::LedgerUnavailable;
use ledger_sql::UnreadableLedger;
use rafiki_database::{Receiving, ReceivingError};
use rafiki_tables::back::{BackChange, LostToken};
use rafiki_tables::kept::KeptKind;
use rafiki_tables::refusal::Refusal;
use rafiki_tables::table::Table;

use crate::comparison::{Comparison, Line, Originals, compare};
use crate::counts::COUNTS;
use crate::error::MoveError;
use crate::listener::Listener;
use filling::{Filling, Sink};
pub use installation::{BackSettings, Installation};
pub use money::{ClusterLedger, MoneyPlace, OurLedger};

/// The maximum number of lost tokens that are named.
const NAMED: usize = 20;

/// Why an export did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Our databases cannot be read.
    #[error(transparent)]
    Ours(#[from] MoveError),
    /// Our ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] UnreadableLedger),
    /// The databases of the original cannot be filled.
    #[error(transparent)]
    Theirs(#[from] ReceivingError),
    /// A move into our databases has begun and is not complete.
    #[error("a move into our databases has begun and is not complete; run `rafiki import` again")]
    Incomplete,
    /// Our ledger changed while it was read.
    #[error(
        "the ledger changes while it is read, so not everything is of one instant. Stop the backend, wait until packets \
         under way have timed out, and repeat the command. Nothing was written"
    )]
    LedgerChanges,
    /// The outcome of some packets is not known.
    #[error(
        "the outcome of {0} packets is not known yet. Start the backend, wait until their payments have continued, stop \
         the backend, and repeat the command. Nothing was written"
    )]
    Undecided(u64),
    /// Rows that the original cannot hold.
    #[error("Rafiki 2.4 cannot store {} rows. Nothing was written", .0.len())]
    Refused(Vec<Refusal>),
}

impl From<database::Error> for ExportError {
    fn from(error: database::Error) -> Self {
        Self::Ours(error.into())
    }
}

impl From<LedgerUnavailable> for ExportError {
    fn from(error: LedgerUnavailable) -> Self {
        Self::Ours(error.into())
    }
}

/// What an export would do.
#[derive(Clone, Debug)]
pub struct BackPlan {
    /// The instant of the snapshot.
    pub at: Timestamp,
    /// Rows of each table of ours.
    pub counts: Vec<(Table, u64)>,
    /// Where the original finds its money.
    pub money: MoneyPlace,
    /// Accounts that the tables of the original get.
    pub accounts: u64,
    /// Transfers that the tables of the original get.
    pub transfers: u64,
    /// The kinds of changed values, with their numbers.
    pub changes: BTreeMap<BackChange, u64>,
    /// Tokens that cannot go back and could still be used, some of them.
    pub lost: Vec<LostToken>,
    /// The number of access tokens that cannot go back, and how many of them clients could still use.
    pub lost_tokens: (u64, u64),
    /// The same of continuations.
    pub lost_continuations: (u64, u64),
    /// The same of tokens that peers present.
    pub lost_peer_tokens: (u64, u64),
    /// Revoked access tokens that cannot go back.
    pub lost_revoked: u64,
    /// Spent amounts of grants in other assets than that of the newest payment: debits, receipts, debits in periods.
    pub left_out: [u64; 3],
    /// Rows that the original cannot hold.
    pub refusals: Vec<Refusal>,
    /// Packets whose outcome is not known.
    pub undecided: u64,
}

/// The result of an export.
#[derive(Debug)]
pub struct Exported {
    /// What was written.
    pub plan: BackPlan,
    /// The comparison of ours with the original.
    pub comparison: Comparison,
}

impl BackPlan {
    pub(crate) fn new(at: Timestamp, money: MoneyPlace) -> Self {
        Self {
            at,
            counts: Vec::new(),
            money,
            accounts: 0,
            transfers: 0,
            changes: BTreeMap::new(),
            lost: Vec::new(),
            lost_tokens: (0, 0),
            lost_continuations: (0, 0),
            lost_peer_tokens: (0, 0),
            lost_revoked: 0,
            left_out: [0; 3],
            refusals: Vec::new(),
            undecided: 0,
        }
    }

    pub(crate) fn lose(&mut self, lost: LostToken) {
        let counts = match lost.kind {
            KeptKind::AccessToken => &mut self.lost_tokens,
            KeptKind::Continuation => &mut self.lost_continuations,
            KeptKind::PeerToken => &mut self.lost_peer_tokens,
        };
        counts.0 += 1;
        counts.1 += u64::from(lost.usable);
        self.lost_revoked += u64::from(lost.kind == KeptKind::AccessToken && lost.revoked);
        if lost.usable && self.lost.len() < NAMED {
            self.lost.push(lost);
        }
    }

    fn require_possible(&self) -> Result<(), ExportError> {
        if !self.refusals.is_empty() {
            return Err(ExportError::Refused(self.refusals.clone()));
        }
        if self.undecided > 0 {
            return Err(ExportError::Undecided(self.undecided));
        }
        Ok(())
    }
}

/// Reads everything and writes nothing.
pub async fn examine_back(ours: &mut Installation, listen: Listener<'_>) -> Result<BackPlan, ExportError> {
    let plan = Filling::new(ours, Sink::Nowhere, listen).fill().await?;
    ours.money.require_one_instant().await?;
    Ok(plan)
}

/// Fills both databases of the original. They are kept only if every total is equal.
pub async fn export(
    ours: &mut Installation,
    backend: &mut Receiving,
    auth: &mut Receiving,
    listen: Listener<'_>,
) -> Result<Exported, ExportError> {
    for database in [&mut *backend, &mut *auth] {
        // An unfinished export, or the operator's tenant that the original makes by itself.
        database.clear().await?;
    }
    let plan = Filling::new(ours, Sink::Into { backend, auth }, listen).fill().await?;
    plan.require_possible()?;
    backend.complete(ours.last_ledger_number().await?).await?;
    auth.complete(0).await?;

    let originals = Originals { backend: backend.written().await?, auth: auth.written_rows() };
    let mut comparison = compare(originals, ours, listen).await?;
    allow_for_what_is_left_out(&mut comparison, &plan);
    if plan.money == MoneyPlace::SameCluster {
        // The tables have no accounts, and the cluster is ours, too.
        comparison.tables.retain(|line| !COUNTS.iter().any(|count| count.what == line.what && count.is_of_money()));
    }
    let lines = [("accounts of the original", plan.accounts, comparison.compared)];
    comparison.ledgers.extend(lines.map(|(what, ours, theirs)| Line {
        what: what.to_owned(),
        old: theirs.to_string(),
        ours: ours.to_string(),
    }));
    ours.money.require_one_instant().await?;
    if comparison.is_equal() {
        auth.commit().await?;
        backend.commit().await?;
        backend.finish().await?;
        auth.finish().await?;
    }
    Ok(Exported { plan, comparison })
}

/// Subtracts from our side what the plan leaves out, because the original does not have it.
fn allow_for_what_is_left_out(comparison: &mut Comparison, plan: &BackPlan) {
    let [debit, receive, in_periods] = plan.left_out;
    let left_out = [
        ("tokens of peers", plan.lost_peer_tokens.0),
        ("access tokens", plan.lost_tokens.0),
        ("access tokens revoked", plan.lost_revoked),
        ("spent of grants: debit", debit),
        ("spent of grants: receive", receive),
        ("spent in periods: debit", in_periods),
    ];
    for (what, amount) in left_out.into_iter().filter(|(_, amount)| *amount > 0) {
        for line in comparison.tables.iter_mut().filter(|line| line.what == what) {
            let ours: i128 = line.ours.parse().unwrap_or(0);
            line.ours = (ours - i128::from(amount)).to_string();
            line.what = format!("{what} (without {amount} that cannot go back)");
        }
    }
}
