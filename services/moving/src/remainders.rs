//! Deletes rows of earlier passes that the original has deleted since.
//! New and changed rows are written by `pass`.

use std::collections::{HashMap, HashSet};

use database::BulkTable;
use rafiki_tables::carry::{Source, made_ids};
use rafiki_tables::table::Table;

use crate::error::MoveError;
use crate::progress::texts_of;
use crate::source::OldInstallation;
use crate::target::Target;

/// The number of rows that are compared at once.
const PAGE: u32 = 5_000;

/// Deletes peers, before rows are written, because a new peer may have the address of a deleted one.
pub(crate) async fn remove_before(
    old: &mut OldInstallation,
    source: Source,
    tables: &HashMap<Table, BulkTable>,
    target: &Target,
) -> Result<(), MoveError> {
    match source {
        Source::Peers => remove(old, source, Table::Peers, "id", tables, target).await,
        _ => Ok(()),
    }
}

/// Deletes rows of the tables from which the original deletes, if ours have more. Called after rows are written.
pub(crate) async fn remove_after(
    old: &mut OldInstallation,
    source: Source,
    tables: &HashMap<Table, BulkTable>,
    target: &Target,
) -> Result<(), MoveError> {
    let (table, key) = match source {
        Source::HeldGrants => (Table::HeldGrants, "id"),
        Source::WebhookEvents => (Table::WebhookEvents, "id"),
        Source::Webhooks => (Table::WebhookDeliveries, "id"),
        Source::AuthGrants => (Table::AuthGrants, "id"),
        Source::AccessTokens => (Table::AccessTokens, "managementId"),
        _ => return Ok(()),
    };
    let there = old.of(source.side()).0.count(source.table()).await?.rows;
    let sql = format!("SELECT count(*) FROM {}", table.name());
    let rows = target.database(table.side()).bulk_query(&sql, []).await?;
    let here: i64 =
        rows.first().map(|row| row.try_get_by_index(0)).transpose().map_err(database::Error::from)?.unwrap_or(0);
    if here.unsigned_abs() > there {
        remove(old, source, table, key, tables, target).await?;
    }
    Ok(())
}

async fn remove(
    old: &mut OldInstallation,
    source: Source,
    table: Table,
    key: &'static str,
    tables: &HashMap<Table, BulkTable>,
    target: &Target,
) -> Result<(), MoveError> {
    let (ours, bulk) = (target.database(table.side()), &tables[&table]);
    let made = match table {
        Table::WebhookEvents | Table::WebhookDeliveries => made_by_the_move(old).await?,
        _ => HashSet::new(),
    };
    let column = table.key()[0];
    let mut after: Option<String> = None;

    loop {
        let page = ours.bulk_page(bulk, after.as_deref(), PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(()) };
        let ids: Vec<String> = page.iter().filter_map(|row| id_of(row, column)).collect();
        let mut gone = old.of(source.side()).0.missing(source.table(), key, &ids).await?;
        gone.retain(|id| !made.contains(id));

        if !gone.is_empty() {
            let list = serde_json::to_string(&gone).unwrap_or_default();
            let transaction = ours.begin().await?;
            let these = texts_of(transaction.dialect(), "$1");
            let id = match transaction.dialect() {
                database::Dialect::Sqlite => format!("SELECT unhex(replace(value, '-', '')) FROM ({these})"),
                database::Dialect::Postgres => format!("SELECT t::uuid FROM ({these}) AS x (t)"),
            };
            let sql = format!("DELETE FROM {} WHERE {column} IN ({id})", table.name());
            transaction.bulk_execute(&sql, [list.into()]).await?;
            transaction.commit().await?;
        }

        after = Some(last);
    }
}

/// The events and deliveries that the move makes for ended payments whose event the original has not sent yet. They are
/// not in the original, and must not be deleted here.
async fn made_by_the_move(old: &mut OldInstallation) -> Result<HashSet<String>, MoveError> {
    let unannounced = old.backend.unannounced_ends().await?;
    Ok(unannounced.into_iter().flat_map(|(payment, _)| made_ids(payment)).map(|id| id.to_string()).collect())
}

fn id_of(row: &str, column: &str) -> Option<String> {
    let row: serde_json::Value = serde_json::from_str(row).ok()?;
    row.get(column)?.as_str().map(str::to_owned)
}
