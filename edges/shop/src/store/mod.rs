//! The tables of the shop: orders and transfers.
//!
//! Only this folder contains SQL. What is written into a row is in `rows`.

mod rows;

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error, Migrations, Step, WriteTransaction};
use page_kit::Seal;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::orders::{Order, Stage, Standing, Transfer};
use rows::Rows;

/// The tables of the shop.
pub const MIGRATIONS: Migrations = Migrations {
    store: "shop",
    steps: &[
        Step { name: "0001_shop", sql: include_str!("migrations/0001_shop.sql") },
        Step { name: "0002_budgets", sql: include_str!("migrations/0002_budgets.sql") },
    ],
};

/// A transfer that cannot be read is looked at again after this time.
const PUT_OFF: Duration = Duration::from_mins(5);
/// The most orders on a page.
const ORDERS_MAX: i64 = 50;
/// Older budgets of a browser are not looked at.
const BUDGETS_MAX: i64 = 10;

/// Reads and writes.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    rows: Rows,
}

/// Whether a change took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    /// Another process or request was faster.
    Overtaken,
}

const ORDER: &str =
    "SELECT id, visitor, product, customer, value, asset_code, asset_scale, standing, version, created_at, budget,
    budget_limit FROM shop_orders";
const TRANSFER: &str =
    "SELECT id, order_id, purpose, period, value, stage, version, attempts, created_at FROM shop_transfers";
const ADD_ORDER: &str = "INSERT INTO shop_orders
    (id, visitor, product, customer, value, asset_code, asset_scale, standing, version, created_at, budget, budget_limit)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING";
const ADD_TRANSFER: &str = "INSERT INTO shop_transfers
    (id, order_id, purpose, period, value, stage, version, attempts, due_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
const SAVE: &str =
    "UPDATE shop_transfers SET stage = $3, attempts = $4, due_at = $5, created_at = $6, version = version + 1
    WHERE id = $1 AND version = $2";
const SET_STANDING: &str = "UPDATE shop_orders SET standing = $2, version = version + 1 WHERE id = $1 AND version = $3";
/// A process that works at a period now is overtaken, so the period does not begin.
const WAKE_PERIODS: &str = "UPDATE shop_transfers SET due_at = $2, version = version + 1
    WHERE order_id = $1 AND purpose = 'charge' AND due_at IS NOT NULL";

impl Store {
    pub(crate) fn new(database: Database, seal: Seal) -> Self {
        Self { database, rows: Rows::new(seal) }
    }

    /// Stores an order and its first transfer, which has the same id. What a budget pays is due at once. A repetition
    /// stores nothing.
    pub(crate) async fn insert_order(&self, order: &Order, first: &Transfer) -> Result<(), Error> {
        let due = (first.stage == Stage::Allowed).then_some(first.created_at);
        let unit = self.database.begin().await?;
        changed(&unit, ADD_ORDER, self.rows.order(order)).await?;
        changed(&unit, ADD_TRANSFER, self.rows.transfer(first, due)).await?;
        unit.commit().await
    }

    /// Stores a transfer. If the order has one of this purpose and period, nothing is stored.
    pub(crate) async fn insert_transfer(&self, transfer: &Transfer, due: Option<Timestamp>) -> Result<(), Error> {
        self.database.execute(ADD_TRANSFER, self.rows.transfer(transfer, due)).await.map(drop)
    }

    pub(crate) async fn order(&self, id: Uuid) -> Result<Option<Order>, Error> {
        let rows = self.found(&format!("{ORDER} WHERE id = $1"), [id.into()]).await?;
        rows.first().map(|row| self.rows.read_order(row)).transpose()
    }

    /// The newest orders, of one browser or of all. Those that cannot be read are left out.
    pub(crate) async fn orders(&self, visitor: Option<Uuid>) -> Result<Vec<Order>, Error> {
        let rows = match visitor {
            Some(visitor) => {
                let sql = format!("{ORDER} WHERE visitor = $1 ORDER BY created_at DESC, id LIMIT $2");
                self.found(&sql, [visitor.into(), ORDERS_MAX.into()]).await?
            }
            None => self.found(&format!("{ORDER} ORDER BY created_at DESC, id LIMIT $1"), [ORDERS_MAX.into()]).await?,
        };
        Ok(rows.iter().filter_map(|row| legible(self.rows.read_order(row))).collect())
    }

    /// The newest orders of a browser that have opened a budget. Those that cannot be read are left out.
    pub(crate) async fn openers(&self, visitor: Uuid) -> Result<Vec<Order>, Error> {
        let sql =
            format!("{ORDER} WHERE visitor = $1 AND budget_limit IS NOT NULL ORDER BY created_at DESC, id LIMIT $2");
        let rows = self.found(&sql, [visitor.into(), BUDGETS_MAX.into()]).await?;
        Ok(rows.iter().filter_map(|row| legible(self.rows.read_order(row))).collect())
    }

    /// The payments from a budget since then, also the one of the order that opened it.
    pub(crate) async fn payments_from(&self, opener: Uuid, since: Timestamp) -> Result<Vec<Transfer>, Error> {
        let sql = format!(
            "{TRANSFER} WHERE purpose = 'purchase' AND created_at >= $2
            AND order_id IN (SELECT id FROM shop_orders WHERE budget = $1)"
        );
        let rows = self.found(&sql, [opener.into(), since.as_millis().into()]).await?;
        rows.iter().map(|row| self.rows.read_transfer(row)).collect()
    }

    /// The transfers of an order, oldest first.
    pub(crate) async fn transfers(&self, order: Uuid) -> Result<Vec<Transfer>, Error> {
        let sql = format!("{TRANSFER} WHERE order_id = $1 ORDER BY created_at, period, id");
        self.found(&sql, [order.into()]).await?.iter().map(|row| self.rows.read_transfer(row)).collect()
    }

    /// Transfers for which something is due. One that cannot be read is put off, so it does not hold up the others.
    pub(crate) async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Transfer>, Error> {
        let sql = format!("{TRANSFER} WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut due = Vec::new();
        for row in self.found(&sql, [now.as_millis().into(), most.into()]).await? {
            match legible(self.rows.read_transfer(&row)) {
                Some(transfer) => due.push(transfer),
                None => self.put_off(row.try_get("", "id")?, now).await?,
            }
        }
        Ok(due)
    }

    async fn put_off(&self, transfer: Uuid, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE shop_transfers SET due_at = $3 WHERE id = $1 AND due_at <= $2";
        let then = now.saturating_add(PUT_OFF).as_millis();
        self.database.execute(sql, [transfer.into(), now.as_millis().into(), then.into()]).await.map(drop)
    }

    /// Writes stage, attempts and begin of a transfer as it was read, and when it is looked at again. Its version grows.
    pub(crate) async fn save(&self, transfer: &mut Transfer, due: Option<Timestamp>) -> Result<Changed, Error> {
        let changed = self.database.execute(SAVE, self.rows.change(transfer, due)).await?;
        Ok(noted(transfer, changed))
    }

    /// The same. In one transaction the order gets the right to charge again, and its next period waits.
    pub(crate) async fn save_with_right(
        &self,
        transfer: &mut Transfer,
        due: Timestamp,
        (order, standing): (&Order, &Standing),
        (next, looks): (&Transfer, Timestamp),
    ) -> Result<Changed, Error> {
        let unit = self.database.begin().await?;
        let saved = changed(&unit, SAVE, self.rows.change(transfer, Some(due))).await?;
        if saved == 0 || changed(&unit, SET_STANDING, self.of_standing(order, standing)).await? == 0 {
            unit.rollback().await?;
            return Ok(Changed::Overtaken);
        }
        changed(&unit, ADD_TRANSFER, self.rows.transfer(next, Some(looks))).await?;
        unit.commit().await?;
        Ok(noted(transfer, saved))
    }

    /// Removes a period that will not begin, as it was read.
    pub(crate) async fn forget(&self, transfer: &Transfer) -> Result<(), Error> {
        let sql = "DELETE FROM shop_transfers WHERE id = $1 AND version = $2";
        self.database.execute(sql, [transfer.id.into(), transfer.version.into()]).await.map(drop)
    }

    /// Writes whether and how the customer of an order, as it was read, can be charged again. Its version grows.
    pub(crate) async fn set_standing(&self, order: &mut Order, standing: &Standing) -> Result<Changed, Error> {
        if self.database.execute(SET_STANDING, self.of_standing(order, standing)).await? == 0 {
            return Ok(Changed::Overtaken);
        }
        order.standing = standing.clone();
        order.version += 1;
        Ok(Changed::Yes)
    }

    /// The same, and the periods that have not begun are due now.
    pub(crate) async fn set_last_standing(
        &self,
        order: &Order,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        let unit = self.database.begin().await?;
        if changed(&unit, SET_STANDING, self.of_standing(order, standing)).await? == 0 {
            unit.rollback().await?;
            return Ok(Changed::Overtaken);
        }
        changed(&unit, WAKE_PERIODS, [order.id.into(), now.as_millis().into()]).await?;
        unit.commit().await?;
        Ok(Changed::Yes)
    }

    fn of_standing(&self, order: &Order, standing: &Standing) -> [Value; 3] {
        [order.id.into(), self.rows.standing(standing).into(), order.version.into()]
    }

    async fn found(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>, Error> {
        let reader = self.database.reader();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        Ok(reader.query_all_raw(statement).await?)
    }
}

/// Executes a statement of a transaction, and gives the number of rows that it has changed.
async fn changed(unit: &WriteTransaction, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, Error> {
    let statement = Statement::from_sql_and_values(unit.get_database_backend(), sql, values);
    Ok(unit.execute_raw(statement).await?.rows_affected())
}

/// What was read. Rows that were sealed with another secret cannot be.
fn legible<T>(read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "a row cannot be read; was COOKIE_SECRET replaced?")).ok()
}

fn noted(transfer: &mut Transfer, changed: u64) -> Changed {
    if changed == 0 {
        return Changed::Overtaken;
    }
    transfer.version += 1;
    Changed::Yes
}

#[cfg(test)]
mod tests;
