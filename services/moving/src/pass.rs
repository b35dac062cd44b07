//! One pass: rows, jobs, money, comparison. It may be killed at any point and repeated.
//! The progress is stored by `progress`.

use std::collections::HashMap;

use clock::Timestamp;
use database::{BulkTable, WriteTransaction};
use futures::TryStreamExt;
use rafiki_tables::carry::{Carried, Source, carry};
use rafiki_tables::row::Row;
use rafiki_tables::table::Table;

use crate::comparison::{Comparison, Originals, compare};
use crate::error::MoveError;
use crate::examination::Plan;
use crate::listener::{Listener, Step};
use crate::source::OldInstallation;
use crate::target::Target;
use crate::{books, progress, record_work, remainders};

/// How many rows are written at once.
const BATCH: usize = 2_000;

/// The result of a pass.
#[derive(Debug)]
pub struct Report {
    /// Rows moved in this pass.
    pub rows: u64,
    /// The comparison of the original with ours.
    pub comparison: Comparison,
}

/// Moves what has changed since the last pass, or everything. The plan was made before, and it has no refusals.
pub async fn carry_over(
    old: &mut OldInstallation,
    plan: &Plan,
    target: &Target,
    listen: Listener<'_>,
) -> Result<Report, MoveError> {
    if !plan.refusals.is_empty() {
        return Err(MoveError::Refused(plan.refusals.clone()));
    }

    require_own(old, target).await?;
    progress::begin(&target.backend, &old.fingerprint, old.history, target.clock.now()).await?;

    let tables = target.tables().await?;
    let jobs = record_work::table(&target.backend).await?;
    let known = progress::since_of(&target.backend).await?;

    let mut rows = 0;
    for source in Source::ALL {
        let since = known.of(source);
        if since.is_some() {
            remainders::remove_before(old, source, &tables, target).await?;
        }

        rows += Rows { source, since, tables: &tables, jobs: &jobs, target }.carry(old, listen).await?;
        if since.is_some() {
            remainders::remove_after(old, source, &tables, target).await?;
        }

        progress::carried(&target.backend, &progress::name(source), old.at()).await?;
    }

    number_ledgers(old, target).await?;
    books::carry_over(old, target, known.of_ledger(), listen).await?;
    progress::carried(&target.backend, progress::LEDGER, old.at()).await?;

    let originals = Originals { backend: &mut old.backend, auth: &mut old.auth };
    let comparison = compare(originals, &mut &*target, listen).await?;
    if comparison.is_equal() {
        progress::complete(&target.backend, target.clock.now()).await?;
    }

    Ok(Report { rows, comparison })
}

/// Checks that our databases are empty, or were filled from this installation and not used since.
async fn require_own(old: &OldInstallation, target: &Target) -> Result<(), MoveError> {
    match progress::mark_of(&target.backend).await? {
        Some(mark) if mark.source != old.fingerprint || mark.history != old.history => Err(MoveError::OtherSource),
        Some(mark) if mark.in_use_since.is_some() => Err(MoveError::InUse),
        Some(_) => Ok(()),
        None => {
            for (database, table) in [(&target.backend, "tenants"), (&target.auth, "tenants")] {
                let found = database.bulk_query(&format!("SELECT 1 FROM {table} LIMIT 1"), []).await?;
                if !found.is_empty() {
                    return Err(MoveError::NotEmpty);
                }
            }
            Ok(())
        }
    }
}

/// Gives new assets ledger numbers after all earlier ones.
async fn number_ledgers(old: &mut OldInstallation, target: &Target) -> Result<(), MoveError> {
    let sql = "SELECT (greatest((SELECT last_value FROM assets_ledger_seq),
        (SELECT coalesce(max(ledger), 0) FROM assets)) + 1)::text";
    let next: i64 = old.backend.value("assets", sql).await?.and_then(|next| next.parse().ok()).unwrap_or(1);
    let sql = "UPDATE ledger_numbers SET next = $1 WHERE id = 1 AND next < $1";
    target.backend.execute(sql, [next.into()]).await?;
    Ok(())
}

struct Rows<'a> {
    source: Source,
    since: Option<Timestamp>,
    tables: &'a HashMap<Table, BulkTable>,
    jobs: &'a BulkTable,
    target: &'a Target,
}

impl Rows<'_> {
    /// Small tables whose rows are replaced as a whole, because they do not show deletions and no other row refers to
    /// them.
    fn replaced(&self) -> Option<Table> {
        match self.source {
            Source::TenantSettings => Some(Table::TenantSettings),
            Source::WalletAddressProperties => Some(Table::WalletAddressProperties),
            Source::HttpTokens => Some(Table::PeerIncomingTokens),
            Source::SpentTotals => Some(Table::OutgoingPaymentGrantSpent),
            _ => None,
        }
    }

    async fn carry(&self, old: &mut OldInstallation, listen: Listener<'_>) -> Result<u64, MoveError> {
        let (database, context) = old.of(self.source.side());
        let ours = self.target.database(self.source.side());
        let mut rows = database.rows(self.source, self.since);

        let mut whole = None;
        if let Some(table) = self.replaced() {
            let transaction = ours.begin().await?;
            transaction.bulk_execute(&format!("DELETE FROM {}", table.name()), []).await?;
            whole = Some(transaction);
        }

        let (mut count, mut batch) = (0, Batch::default());
        loop {
            let json = rows.try_next().await?;
            if let Some(json) = &json {
                let row = Row::read(self.source.table(), json).map_err(|refusal| MoveError::Refused(vec![refusal]))?;
                let carried = carry(self.source, &row, context).map_err(|refusal| MoveError::Refused(vec![refusal]))?;
                batch.ids.push(row.name());
                batch.add(carried);
                count += 1;
            }

            if batch.ids.len() >= BATCH || (json.is_none() && !batch.ids.is_empty()) {
                let full = std::mem::take(&mut batch);
                if let Some(transaction) = &whole {
                    self.write(transaction, full).await?;
                } else {
                    let transaction = ours.begin().await?;
                    self.write(&transaction, full).await?;
                    transaction.commit().await?;
                }
                listen(Step::Carried(self.source.table(), count));
            }

            if json.is_none() {
                break;
            }
        }

        if let Some(transaction) = whole {
            transaction.commit().await?;
        }
        Ok(count)
    }

    async fn write(&self, transaction: &WriteTransaction, batch: Batch) -> Result<(), MoveError> {
        if self.source == Source::AuthGrants && self.since.is_some() {
            self.forget_identifiers(transaction, &batch.ids).await?;
        }
        for (table, rows) in &batch.records {
            transaction.bulk_upsert(&self.tables[table], rows).await?;
        }
        if self.since.is_some() {
            record_work::forget(transaction, record_work::queues_of(self.source), &batch.ids).await?;
        }
        transaction.bulk_upsert(self.jobs, &batch.work).await?;
        Ok(())
    }

    /// Rewrites the owners of a changed grant.
    async fn forget_identifiers(&self, transaction: &WriteTransaction, ids: &[String]) -> Result<(), MoveError> {
        let list = serde_json::to_string(ids).unwrap_or_default();
        let these = progress::texts_of(transaction.dialect(), "$1");
        let id = match transaction.dialect() {
            database::Dialect::Sqlite => format!("SELECT unhex(replace(value, '-', '')) FROM ({these})"),
            database::Dialect::Postgres => format!("SELECT t::uuid FROM ({these}) AS x (t)"),
        };
        let sql = format!("DELETE FROM grant_identifiers WHERE grant_id IN ({id})");
        transaction.bulk_execute(&sql, [list.into()]).await?;
        Ok(())
    }
}

/// Rows that are written together, grouped by table. The tables are in the order in which they can be written.
#[derive(Default)]
struct Batch {
    ids: Vec<String>,
    records: std::collections::BTreeMap<Table, Vec<String>>,
    work: Vec<String>,
}

impl Batch {
    fn add(&mut self, carried: Carried) {
        for record in carried.records {
            self.records.entry(record.table).or_default().push(record.json);
        }
        self.work.extend(carried.work.iter().map(record_work::job));
    }
}
