//! The rows of the shop: orders and transfers.
//!
//! Tokens in them are sealed. Only this file contains SQL.

use clock::Timestamp;
use database::{Database, Error, Migrations, Step};
use money::Asset;
use page_kit::Seal;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::catalogue::by_slug;
use crate::orders::{Order, Purpose, Standing, Transfer};

/// The tables of the shop.
pub const MIGRATIONS: Migrations =
    Migrations { store: "shop", steps: &[Step { name: "0001_shop", sql: include_str!("migrations/0001_shop.sql") }] };

/// The most orders on a page.
const ORDERS_MAX: i64 = 50;
const SEALED_FOR: &str = "shop row";

/// Reads and writes.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    seal: Seal,
}

/// Whether a change took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    /// Another process or request was faster.
    Overtaken,
}

const ORDER: &str =
    "SELECT id, visitor, product, customer, value, asset_code, asset_scale, standing, created_at FROM shop_orders";
const TRANSFER: &str =
    "SELECT id, order_id, purpose, period, value, stage, version, attempts, created_at FROM shop_transfers";

impl Store {
    pub(crate) fn new(database: Database, seal: Seal) -> Self {
        Self { database, seal }
    }

    /// Stores an order and its first transfer, which has the same id. A repetition stores nothing.
    pub(crate) async fn insert_order(&self, order: &Order, first: &Transfer) -> Result<(), Error> {
        let unit = self.database.begin().await?;
        let sql = "INSERT INTO shop_orders (id, visitor, product, customer, value, asset_code, asset_scale, standing, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
        let values = [
            order.id.into(),
            order.visitor.into(),
            order.product.slug.into(),
            order.customer.as_str().into(),
            stored(order.value).into(),
            order.asset.code.as_str().into(),
            i64::from(order.asset.scale).into(),
            self.sealed(&order.standing).into(),
            order.created_at.as_millis().into(),
        ];
        let backend = unit.get_database_backend();
        unit.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let (sql, values) = self.insertion(first, None);
        unit.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        unit.commit().await
    }

    /// Stores a transfer. If the order has one of this purpose and period, nothing is stored.
    pub(crate) async fn insert_transfer(&self, transfer: &Transfer, due: Option<Timestamp>) -> Result<(), Error> {
        let (sql, values) = self.insertion(transfer, due);
        self.database.execute(sql, values).await.map(drop)
    }

    fn insertion(&self, transfer: &Transfer, due: Option<Timestamp>) -> (&'static str, [Value; 10]) {
        let sql = "INSERT INTO shop_transfers
            (id, order_id, purpose, period, value, stage, version, attempts, due_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
        let values = [
            transfer.id.into(),
            transfer.order.into(),
            transfer.purpose.word().into(),
            i64::from(transfer.period).into(),
            stored(transfer.value).into(),
            self.sealed(&transfer.stage).into(),
            transfer.version.into(),
            i64::from(transfer.attempts).into(),
            due.map(Timestamp::as_millis).into(),
            transfer.created_at.as_millis().into(),
        ];
        (sql, values)
    }

    pub(crate) async fn order(&self, id: Uuid) -> Result<Option<Order>, Error> {
        let rows = self.rows(&format!("{ORDER} WHERE id = $1"), [id.into()]).await?;
        rows.first().map(|row| self.read_order(row)).transpose()
    }

    /// The newest orders, of one browser or of all.
    pub(crate) async fn orders(&self, visitor: Option<Uuid>) -> Result<Vec<Order>, Error> {
        let rows = match visitor {
            Some(visitor) => {
                let sql = format!("{ORDER} WHERE visitor = $1 ORDER BY created_at DESC, id LIMIT $2");
                self.rows(&sql, [visitor.into(), ORDERS_MAX.into()]).await?
            }
            None => self.rows(&format!("{ORDER} ORDER BY created_at DESC, id LIMIT $1"), [ORDERS_MAX.into()]).await?,
        };
        rows.iter().map(|row| self.read_order(row)).collect()
    }

    /// The transfers of an order, oldest first.
    pub(crate) async fn transfers(&self, order: Uuid) -> Result<Vec<Transfer>, Error> {
        let sql = format!("{TRANSFER} WHERE order_id = $1 ORDER BY created_at, period, id");
        self.rows(&sql, [order.into()]).await?.iter().map(|row| self.read_transfer(row)).collect()
    }

    /// Transfers for which something is due.
    pub(crate) async fn due(&self, now: Timestamp, most: i64) -> Result<Vec<Transfer>, Error> {
        let sql = format!("{TRANSFER} WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2");
        let rows = self.rows(&sql, [now.as_millis().into(), most.into()]).await?;
        rows.iter().map(|row| self.read_transfer(row)).collect()
    }

    /// Writes stage and attempts of a transfer as it was read, and when it is looked at again. Its version grows.
    pub(crate) async fn save(&self, transfer: &mut Transfer, due: Option<Timestamp>) -> Result<Changed, Error> {
        let changed = self.database.execute(SAVE, self.saving(transfer, due)).await?;
        Ok(self.noted(transfer, changed))
    }

    /// The same, with the order's standing in one transaction.
    pub(crate) async fn save_with_standing(
        &self,
        transfer: &mut Transfer,
        due: Option<Timestamp>,
        standing: &Standing,
    ) -> Result<Changed, Error> {
        let unit = self.database.begin().await?;
        let backend = unit.get_database_backend();
        let saving = Statement::from_sql_and_values(backend, SAVE, self.saving(transfer, due));
        let changed = unit.execute_raw(saving).await?.rows_affected();
        if changed == 0 {
            unit.rollback().await?;
            return Ok(Changed::Overtaken);
        }
        let values = [transfer.order.into(), self.sealed(standing).into()];
        unit.execute_raw(Statement::from_sql_and_values(backend, SET_STANDING, values)).await?;
        unit.commit().await?;
        Ok(self.noted(transfer, changed))
    }

    /// Removes a period that will not begin, as it was read.
    pub(crate) async fn forget(&self, transfer: &Transfer) -> Result<(), Error> {
        let sql = "DELETE FROM shop_transfers WHERE id = $1 AND version = $2";
        self.database.execute(sql, [transfer.id.into(), transfer.version.into()]).await.map(drop)
    }

    /// Writes whether and how the customer can be charged again.
    pub(crate) async fn set_standing(&self, order: Uuid, standing: &Standing) -> Result<(), Error> {
        self.database.execute(SET_STANDING, [order.into(), self.sealed(standing).into()]).await.map(drop)
    }

    fn saving(&self, transfer: &Transfer, due: Option<Timestamp>) -> [Value; 6] {
        [
            transfer.id.into(),
            transfer.version.into(),
            self.sealed(&transfer.stage).into(),
            i64::from(transfer.attempts).into(),
            due.map(Timestamp::as_millis).into(),
            transfer.created_at.as_millis().into(),
        ]
    }

    #[expect(clippy::unused_self, reason = "read beside the statements")]
    fn noted(&self, transfer: &mut Transfer, changed: u64) -> Changed {
        if changed == 0 {
            return Changed::Overtaken;
        }
        transfer.version += 1;
        Changed::Yes
    }

    async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>, Error> {
        let reader = self.database.reader();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        Ok(reader.query_all_raw(statement).await?)
    }

    fn sealed(&self, value: &impl Serialize) -> String {
        // Texts, numbers and enums are always written.
        self.seal.seal(SEALED_FOR, &serde_json::to_string(value).unwrap_or_default())
    }

    fn opened<T: DeserializeOwned>(&self, column: &'static str, text: &str, id: Uuid) -> Result<T, Error> {
        let open = self.seal.open(SEALED_FOR, text);
        let value = open.and_then(|text| serde_json::from_str(&text).ok());
        value.ok_or_else(|| Error::inconsistent("shop", column, id))
    }

    fn read_order(&self, row: &QueryResult) -> Result<Order, Error> {
        let id: Uuid = row.try_get("", "id")?;
        let wrong = |column: &'static str| Error::inconsistent("shop_orders", column, id);
        let slug: String = row.try_get("", "product")?;
        let (code, scale): (String, i64) = (row.try_get("", "asset_code")?, row.try_get("", "asset_scale")?);
        let scale = u8::try_from(scale).map_err(|_| wrong("asset_scale"))?;
        let standing: String = row.try_get("", "standing")?;
        Ok(Order {
            id,
            visitor: row.try_get("", "visitor")?,
            product: by_slug(&slug).ok_or_else(|| wrong("product"))?,
            customer: row.try_get("", "customer")?,
            value: amount(row.try_get("", "value")?),
            asset: Asset::new(&code, scale).map_err(|_| wrong("asset_code"))?,
            standing: self.opened("standing", &standing, id)?,
            created_at: Timestamp::from_millis(row.try_get("", "created_at")?),
        })
    }

    fn read_transfer(&self, row: &QueryResult) -> Result<Transfer, Error> {
        let id: Uuid = row.try_get("", "id")?;
        let wrong = |column: &'static str| Error::inconsistent("shop_transfers", column, id);
        let (purpose, stage): (String, String) = (row.try_get("", "purpose")?, row.try_get("", "stage")?);
        let (period, attempts): (i64, i64) = (row.try_get("", "period")?, row.try_get("", "attempts")?);
        Ok(Transfer {
            id,
            order: row.try_get("", "order_id")?,
            purpose: Purpose::of(&purpose).ok_or_else(|| wrong("purpose"))?,
            period: u32::try_from(period).map_err(|_| wrong("period"))?,
            value: amount(row.try_get("", "value")?),
            stage: self.opened("stage", &stage, id)?,
            version: row.try_get("", "version")?,
            attempts: u32::try_from(attempts).map_err(|_| wrong("attempts"))?,
            created_at: Timestamp::from_millis(row.try_get("", "created_at")?),
        })
    }
}

const SAVE: &str =
    "UPDATE shop_transfers SET stage = $3, attempts = $4, due_at = $5, created_at = $6, version = version + 1
    WHERE id = $1 AND version = $2";
const SET_STANDING: &str = "UPDATE shop_orders SET standing = $2 WHERE id = $1";

/// An amount as a column stores it.
fn stored(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn amount(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use database::Database;
    use testkit::entropy;

    use super::*;
    use crate::orders::{Bill, Stage, Token};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    async fn store(database: &Database) -> Store {
        database.migrate(&MIGRATIONS).await.unwrap();
        Store::new(database.clone(), Seal::new("a secret of the test", entropy(1)))
    }

    fn order(id: u128) -> (Order, Transfer) {
        let id = Uuid::from_u128(id);
        let order = Order {
            id,
            visitor: Uuid::from_u128(7),
            product: by_slug("courage").unwrap(),
            customer: "https://wallet.example/alice".to_owned(),
            value: 2000,
            asset: Asset::new("USD", 2).unwrap(),
            standing: Standing::None,
            created_at: NOW,
        };
        let first = Transfer {
            id,
            order: id,
            purpose: Purpose::Purchase,
            period: 0,
            value: 2000,
            stage: Stage::Begun,
            version: 0,
            attempts: 0,
            created_at: NOW,
        };
        (order, first)
    }

    fn agreed() -> Stage {
        let asset = Asset::new("USD", 2).unwrap();
        let bill = Bill {
            incoming: "https://b.example/incoming-payments/1".to_owned(),
            expected: 2000,
            debit: open_payments::Amount::new(2140, &asset),
            quote: "https://a.example/quotes/1".to_owned(),
        };
        Stage::Agreed { bill, token: Token { value: "a token".to_owned(), manage: "https://a.example/m".to_owned() } }
    }

    testkit::on_each_database! {
        async fn an_order_is_stored_once_and_only_its_browser_lists_it(database) {
            let store = store(&database).await;
            let (first, transfer) = order(1);
            for _ in 0..2 {
                store.insert_order(&first, &transfer).await.unwrap();
            }
            assert_eq!(store.transfers(first.id).await.unwrap().len(), 1);
            assert_eq!(store.orders(Some(first.visitor)).await.unwrap().len(), 1);
            assert!(store.orders(Some(Uuid::from_u128(8))).await.unwrap().is_empty());
            assert_eq!(store.orders(None).await.unwrap().len(), 1);
        }

        async fn who_changes_a_transfer_first_is_the_only_one(database) {
            let store = store(&database).await;
            let (first, transfer) = order(1);
            store.insert_order(&first, &transfer).await.unwrap();
            let [mut one, mut other] = [transfer.clone(), transfer];
            one.stage = agreed();
            assert_eq!(store.save(&mut one, Some(NOW)).await.unwrap(), Changed::Yes);
            other.stage = Stage::Refused;
            assert_eq!(store.save(&mut other, None).await.unwrap(), Changed::Overtaken);
            let due = store.due(NOW, 10).await.unwrap();
            assert_eq!((due.len(), &due[0].stage, due[0].version), (1, &one.stage, 1));
            assert!(store.due(Timestamp::from_millis(NOW.as_millis() - 1), 10).await.unwrap().is_empty());
        }

        async fn an_order_has_one_refund_and_a_token_is_not_legible_in_the_database(database) {
            let store = store(&database).await;
            let (first, transfer) = order(1);
            store.insert_order(&first, &transfer).await.unwrap();
            for n in [10, 11] {
                let refund = Transfer {
                    id: Uuid::from_u128(n),
                    purpose: Purpose::Refund,
                    stage: agreed(),
                    ..transfer.clone()
                };
                store.insert_transfer(&refund, None).await.unwrap();
            }
            let refunds: Vec<_> = store.transfers(first.id).await.unwrap();
            assert_eq!(refunds.iter().filter(|transfer| transfer.purpose == Purpose::Refund).count(), 1);
            let rows = store.rows("SELECT stage FROM shop_transfers", []).await.unwrap();
            for row in rows {
                let stage: String = row.try_get("", "stage").unwrap();
                assert!(!stage.contains("token"), "{stage}");
            }
        }

        async fn a_period_that_will_not_begin_is_forgotten_and_the_order_knows_that_it_has_ended(database) {
            let store = store(&database).await;
            let (first, transfer) = order(1);
            store.insert_order(&first, &transfer).await.unwrap();
            let next = Transfer {
                id: Uuid::from_u128(20),
                purpose: Purpose::Charge,
                period: 1,
                ..transfer
            };
            store.insert_transfer(&next, Some(NOW)).await.unwrap();
            assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
            store.set_standing(first.id, &Standing::Ended).await.unwrap();
            store.forget(&next).await.unwrap();
            assert!(store.due(NOW, 10).await.unwrap().is_empty());
            assert_eq!(store.order(first.id).await.unwrap().unwrap().standing, Standing::Ended);
        }
    }
}
