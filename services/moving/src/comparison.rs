//! Compares the original with our databases: rows, states, accounts, money.
//! Differences are reported here and never corrected.

use std::collections::BTreeMap;

use database::Error;
use database::sea_orm::QueryResult;
use futures::TryStreamExt;
use ledger::{Account, AccountId};
use payments_model::accounting::AccountKind;
use rafiki_database::Old;
use rafiki_tables::books::OldAccount;
use rafiki_tables::carry::Source;
use rafiki_tables::row::Row;
use rafiki_tables::version::Side;

use crate::counts::COUNTS;
use crate::error::MoveError;
use crate::listener::{Listener, Step};
use crate::target::Target;

/// How many accounts are read at once.
const BATCH: usize = 4_000;
/// The maximum number of differing accounts that are named.
const NAMED: usize = 20;

/// One value in the original and in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is compared.
    pub what: String,
    /// The value in the original.
    pub old: String,
    /// The value in ours.
    pub ours: String,
}

impl Line {
    /// Whether both are equal.
    pub fn is_equal(&self) -> bool {
        self.old == self.ours
    }
}

/// Everything that was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of each table, and of each of its states.
    pub tables: Vec<Line>,
    /// Accounts and money of each ledger and kind of account.
    pub ledgers: Vec<Line>,
    /// Accounts that differ, some of them.
    pub accounts: Vec<Line>,
    /// How many accounts were compared.
    pub compared: u64,
    /// How many of them differ.
    pub differing: u64,
}

impl Comparison {
    /// Whether all values are equal.
    pub fn is_equal(&self) -> bool {
        self.differing == 0 && self.tables.iter().chain(&self.ledgers).all(Line::is_equal)
    }
}

/// Both databases of the original.
pub(crate) struct Originals<'a> {
    pub(crate) backend: &'a mut Old,
    pub(crate) auth: &'a mut Old,
}

impl Originals<'_> {
    fn of(&mut self, side: Side) -> &mut Old {
        match side {
            Side::Backend => self.backend,
            Side::Auth => self.auth,
        }
    }
}

/// Our databases: their present state, or their state at an instant.
pub(crate) trait Ours {
    /// The rows of a query.
    fn query(&mut self, side: Side, sql: &str) -> impl Future<Output = Result<Vec<QueryResult>, MoveError>> + Send;

    /// The accounts with these ids, `None` where there is none.
    fn accounts(&mut self, ids: Vec<AccountId>)
    -> impl Future<Output = Result<Vec<Option<Account>>, MoveError>> + Send;
}

impl Ours for &Target {
    async fn query(&mut self, side: Side, sql: &str) -> Result<Vec<QueryResult>, MoveError> {
        Ok(self.database(side).bulk_query(sql, []).await?)
    }

    async fn accounts(&mut self, ids: Vec<AccountId>) -> Result<Vec<Option<Account>>, MoveError> {
        Ok(self.ledger.accounts(ids).await?)
    }
}

/// Compares everything.
pub(crate) async fn compare(
    mut old: Originals<'_>,
    ours: &mut impl Ours,
    listen: Listener<'_>,
) -> Result<Comparison, MoveError> {
    let mut comparison = Comparison::default();
    compare_tables(&mut old, ours, &mut comparison).await?;
    compare_accounts(old.backend, ours, &mut comparison, listen).await?;
    Ok(comparison)
}

async fn compare_tables(
    old: &mut Originals<'_>,
    ours: &mut impl Ours,
    comparison: &mut Comparison,
) -> Result<(), MoveError> {
    let unannounced = old.backend.unannounced_ends().await?;

    for count in COUNTS {
        let mut there = old.of(count.side).number(count.what, count.old).await?;
        let here = number(ours, count.side, &count.ours()).await?;

        // The move makes the events of ended payments that the original has not sent yet.
        if matches!(count.what, "events" | "deliveries") {
            there += i128::try_from(unannounced.len()).unwrap_or(i128::MAX);
        } else if count.what == "events: withdrawals" {
            there += unannounced.iter().map(|(_, amount)| amount).sum::<i128>();
        }

        let line = Line { what: count.what.to_owned(), old: there.to_string(), ours: here.to_string() };
        comparison.tables.push(line);
    }

    for (source, table) in [
        (Source::IncomingPayments, "incoming_payments"),
        (Source::OutgoingPayments, "outgoing_payments"),
        (Source::AuthGrants, "grants"),
    ] {
        let there = old.of(source.side()).count(source.table()).await?;

        let state = match source {
            Source::AuthGrants => "state || coalesce(' ' || finalization_reason, '')",
            _ => "state",
        };
        let sql = format!("SELECT {state}, count(*) FROM {table} GROUP BY 1");

        let mut states: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (state, rows) in there.states {
            // The original's code name, which its clients see.
            let state =
                if state == "PROCESSING" && source == Source::AuthGrants { "PENDING".to_owned() } else { state };
            states.entry(state).or_default().0 += rows;
        }

        for row in ours.query(source.side(), &sql).await? {
            let (state, rows): (String, i64) =
                (row.try_get_by_index(0).map_err(Error::from)?, row.try_get_by_index(1).map_err(Error::from)?);
            states.entry(state).or_default().1 += rows.unsigned_abs();
        }

        for (state, (old, ours)) in states {
            let what = format!("{} {state}", table.replace('_', " "));
            comparison.tables.push(Line { what, old: old.to_string(), ours: ours.to_string() });
        }
    }

    Ok(())
}

/// One of our numbers. Sums may exceed 64 bits.
pub(crate) async fn number(ours: &mut impl Ours, side: Side, sql: &str) -> Result<i128, MoveError> {
    let rows = ours.query(side, &format!("SELECT CAST(({sql}) AS text)")).await?;
    let text: Option<String> = rows.first().map(|row| row.try_get_by_index(0)).transpose().map_err(Error::from)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Money of a kind of account.
#[derive(Clone, Copy, Default)]
struct Money {
    accounts: u64,
    debits: u128,
    credits: u128,
    held: u128,
}

const fn title(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Settlement => "settlement",
        AccountKind::Asset => "asset",
        AccountKind::Peer => "peers",
        AccountKind::Incoming => "incoming payments",
        AccountKind::Outgoing => "outgoing payments",
        AccountKind::WebMonetization => "wallet addresses",
        AccountKind::Expected | AccountKind::Expectations => "expectations",
    }
}

async fn compare_accounts(
    old: &mut Old,
    ours: &mut impl Ours,
    comparison: &mut Comparison,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    let mut sums: BTreeMap<(u32, &'static str), (Money, Money)> = BTreeMap::new();
    let mut rows = old.accounts();
    let mut batch = Vec::with_capacity(BATCH);

    loop {
        let json = rows.try_next().await?;
        if let Some(json) = &json {
            let read = Row::read("ledgerAccounts", json).and_then(|row| OldAccount::read(&row));
            batch.push(read.map_err(|refusal| MoveError::Refused(vec![refusal]))?);
        }

        if batch.len() >= BATCH || (json.is_none() && !batch.is_empty()) {
            let accounts = std::mem::take(&mut batch);
            let here = ours.accounts(accounts.iter().map(OldAccount::id).collect()).await?;
            for (account, here) in accounts.iter().zip(here) {
                let here = here.map_or(Money::default(), |here| Money {
                    accounts: 1,
                    debits: here.debits_posted,
                    credits: here.credits_posted,
                    held: here.debits_pending + here.credits_pending,
                });

                let held = account.held_debits + account.held_credits;
                let there = Money { accounts: 1, debits: account.debits, credits: account.credits, held };
                let (sum_there, sum_here) = sums.entry((account.asset.ledger, title(account.kind))).or_default();
                sum_there.add(there);
                sum_here.add(here);

                comparison.compared += 1;
                if there.to_text() != here.to_text() {
                    comparison.differing += 1;
                    if comparison.accounts.len() < NAMED {
                        let what = format!("{} {}", title(account.kind), account.id());
                        comparison.accounts.push(Line { what, old: there.to_text(), ours: here.to_text() });
                    }
                }
            }
            listen(Step::Compared(comparison.compared));
        }

        if json.is_none() {
            break;
        }
    }

    for ((ledger, kind), (there, here)) in sums {
        let what = format!("ledger {ledger} {kind}");
        comparison.ledgers.push(Line { what, old: there.to_text(), ours: here.to_text() });
    }

    Ok(())
}

impl Money {
    fn add(&mut self, other: Self) {
        self.accounts += other.accounts;
        self.debits += other.debits;
        self.credits += other.credits;
        self.held += other.held;
    }

    fn to_text(self) -> String {
        let Self { accounts, debits, credits, held } = self;
        format!("{accounts}: debits {debits}, credits {credits}, held {held}")
    }
}
