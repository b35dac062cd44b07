//! How orders and transfers are written into rows, and read from them.
//!
//! Stages and standings hold tokens, so their columns are sealed. The statements are beside this file.

use clock::Timestamp;
use database::Error;
use money::Asset;
use page_kit::Seal;
use sea_orm::{QueryResult, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::catalogue::by_slug;
use crate::orders::{Means, Order, Purpose, Standing, Transfer};

const SEALED_FOR: &str = "shop row";

/// Writes and reads the values of rows.
#[derive(Clone)]
pub(super) struct Rows {
    seal: Seal,
}

impl Rows {
    pub(super) fn new(seal: Seal) -> Self {
        Self { seal }
    }

    /// The values of a new order, in the order of its columns.
    pub(super) fn order(&self, order: &Order) -> [Value; 12] {
        let (budget, limit) = match order.means {
            Means::Asked => (None, None),
            Means::Opens { limit } => (Some(order.id), Some(stored(limit))),
            Means::From(opener) => (Some(opener), None),
        };
        [
            order.id.into(),
            order.visitor.into(),
            order.product.slug.into(),
            order.customer.as_str().into(),
            stored(order.value).into(),
            order.asset.code.as_str().into(),
            i64::from(order.asset.scale).into(),
            self.standing(&order.standing).into(),
            order.version.into(),
            order.created_at.as_millis().into(),
            budget.into(),
            limit.into(),
        ]
    }

    /// The values of a new transfer, in the order of its columns.
    pub(super) fn transfer(&self, transfer: &Transfer, due: Option<Timestamp>) -> [Value; 10] {
        [
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
        ]
    }

    /// The values of a transfer that has changed.
    pub(super) fn change(&self, transfer: &Transfer, due: Option<Timestamp>) -> [Value; 6] {
        [
            transfer.id.into(),
            transfer.version.into(),
            self.sealed(&transfer.stage).into(),
            i64::from(transfer.attempts).into(),
            due.map(Timestamp::as_millis).into(),
            transfer.created_at.as_millis().into(),
        ]
    }

    pub(super) fn standing(&self, standing: &Standing) -> String {
        self.sealed(standing)
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

    pub(super) fn read_order(&self, row: &QueryResult) -> Result<Order, Error> {
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
            value: u64::try_from(row.try_get::<i64>("", "value")?).map_err(|_| wrong("value"))?,
            asset: Asset::new(&code, scale).map_err(|_| wrong("asset_code"))?,
            means: read_means(row.try_get("", "budget")?, row.try_get("", "budget_limit")?)
                .ok_or_else(|| wrong("budget_limit"))?,
            standing: self.opened("standing", &standing, id)?,
            version: row.try_get("", "version")?,
            created_at: Timestamp::from_millis(row.try_get("", "created_at")?),
        })
    }

    pub(super) fn read_transfer(&self, row: &QueryResult) -> Result<Transfer, Error> {
        let id: Uuid = row.try_get("", "id")?;
        let wrong = |column: &'static str| Error::inconsistent("shop_transfers", column, id);
        let (purpose, stage): (String, String) = (row.try_get("", "purpose")?, row.try_get("", "stage")?);
        let (period, attempts): (i64, i64) = (row.try_get("", "period")?, row.try_get("", "attempts")?);
        Ok(Transfer {
            id,
            order: row.try_get("", "order_id")?,
            purpose: Purpose::of(&purpose).ok_or_else(|| wrong("purpose"))?,
            period: u32::try_from(period).map_err(|_| wrong("period"))?,
            value: u64::try_from(row.try_get::<i64>("", "value")?).map_err(|_| wrong("value"))?,
            stage: self.opened("stage", &stage, id)?,
            version: row.try_get("", "version")?,
            attempts: u32::try_from(attempts).map_err(|_| wrong("attempts"))?,
            created_at: Timestamp::from_millis(row.try_get("", "created_at")?),
        })
    }
}

fn read_means(budget: Option<Uuid>, limit: Option<i64>) -> Option<Means> {
    Some(match (budget, limit) {
        (_, Some(limit)) => Means::Opens { limit: u64::try_from(limit).ok()? },
        (Some(opener), None) => Means::From(opener),
        (None, None) => Means::Asked,
    })
}

/// An amount as a column stores it. Prices fit, because the catalogue sells nothing else; so do sums of a few of them.
fn stored(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
