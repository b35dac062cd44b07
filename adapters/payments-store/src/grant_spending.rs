//! What payments have spent under their grants.
//!
//! One row for each grant, period, side and asset, changed under the grant's lock. Another table has what each payment
//! reserved and what it spent. Amounts of different assets are never added.

use std::collections::HashMap;

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use money::{Asset, AssetAmount};
use payments_model::grant_limits::Spent;
use payments_model::repeating_interval::Period;
use payments_model::{OutgoingPaymentId, Quote, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::convert::{Place, stored_amount};
use crate::rows::{
    asset as asset_row, outgoing_payment_grant as grant_row, outgoing_payment_grant_spending as spending_row,
    outgoing_payment_grant_spent as spent_row, quote as quote_row,
};
use crate::scope::Scope;

/// The start of the period of a grant without interval.
const WHOLE_LIFE: i64 = -1;

/// The two assets of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentAssets {
    /// The payer's asset.
    pub debit: Asset,
    /// The receiver's asset.
    pub receive: Asset,
}

impl SpentAssets {
    /// The assets of a payment made from `quote`.
    pub fn of_quote(quote: &Quote) -> Self {
        Self { debit: quote.asset.asset.clone(), receive: quote.receive_amount.asset.clone() }
    }
}

/// What was spent under a grant, in a period or in all, in one asset on each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTotal {
    /// The amount in the payer's asset.
    pub debit: AssetAmount,
    /// The amount in the receiver's asset.
    pub receive: AssetAmount,
}

impl GrantTotal {
    /// `spent` in these assets.
    pub fn new(assets: SpentAssets, spent: Spent) -> Self {
        Self {
            debit: AssetAmount { value: spent.debit, asset: assets.debit },
            receive: AssetAmount { value: spent.receive, asset: assets.receive },
        }
    }

    /// The amounts without their assets.
    pub fn spent(&self) -> Spent {
        Spent { debit: self.debit.value, receive: self.receive.value }
    }
}

/// A side of a payment, under its name in the table.
#[derive(Clone, Copy)]
enum Side {
    Debit,
    Receive,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "DEBIT",
            Self::Receive => "RECEIVE",
        }
    }
}

/// What a payment reserved under its grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSpending {
    /// The payment.
    pub payment: OutgoingPaymentId,
    /// The grant.
    pub grant_id: String,
    /// The period, if the limit renews.
    pub period: Option<Period>,
    /// The reserved amounts.
    pub reserved: Spent,
    /// The amounts spent, once the payment has ended.
    pub actual: Option<Spent>,
}

/// What each of these payments reserved under its grant, in their order. One statement, however many there are.
pub(crate) async fn of_payments(
    database: Database,
    payments: Vec<OutgoingPaymentId>,
) -> Result<Vec<Option<GrantSpending>>, Error> {
    let ids = payments.iter().map(|payment| payment.as_uuid());
    let rows = spending_row::Entity::find()
        .filter(spending_row::Column::OutgoingPaymentId.is_in(ids))
        .all(database.reader())
        .await?;
    let found: HashMap<OutgoingPaymentId, GrantSpending> = rows
        .into_iter()
        .map(|row| spending(row).map(|spending| (spending.payment, spending)))
        .collect::<Result<_, _>>()?;
    Ok(payments.iter().map(|payment| found.get(payment).cloned()).collect())
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// What a payment reserved under its grant, if the grant is counted.
    pub async fn grant_spending(&self, payment: OutgoingPaymentId) -> Result<Option<GrantSpending>, Error> {
        let row = spending_row::Entity::find_by_id(payment.as_uuid()).one(self.connection).await?;
        row.map(spending).transpose()
    }

    /// What was spent under a grant in `period`, or in all, by payments in these assets.
    pub async fn grant_spent(
        &self,
        grant_id: &str,
        period: Option<Period>,
        assets: &SpentAssets,
    ) -> Result<Spent, Error> {
        read_spent(self.connection, grant_id, period, assets).await
    }

    /// The assets of the newest counted payment under a grant; `None` if none was counted.
    pub async fn newest_grant_assets(&self, grant_id: &str) -> Result<Option<SpentAssets>, Error> {
        let newest = spending_row::Entity::find()
            .filter(spending_row::Column::GrantId.eq(grant_id))
            .order_by_desc(spending_row::Column::CreatedAt)
            .order_by_desc(spending_row::Column::OutgoingPaymentId);
        let Some(newest) = newest.one(self.connection).await? else { return Ok(None) };
        let place = Place { table: "quotes", row: newest.outgoing_payment_id };
        let quote = quote_row::Entity::find_by_id(newest.outgoing_payment_id)
            .find_also_related(asset_row::Entity)
            .one(self.connection)
            .await?;
        let Some((quote, Some(payer))) = quote else { return Err(place.inconsistent("asset_id")) };
        Ok(Some(SpentAssets {
            debit: place.asset(&payer.code, payer.scale)?,
            receive: place.asset(&quote.receive_asset_code, quote.receive_asset_scale)?,
        }))
    }
}

async fn read_spent(
    connection: &impl ConnectionTrait,
    grant_id: &str,
    period: Option<Period>,
    assets: &SpentAssets,
) -> Result<Spent, Error> {
    let debit = read_side(connection, grant_id, period, Side::Debit, &assets.debit).await?;
    let receive = read_side(connection, grant_id, period, Side::Receive, &assets.receive).await?;
    Ok(Spent { debit, receive })
}

async fn read_side(
    connection: &impl ConnectionTrait,
    grant_id: &str,
    period: Option<Period>,
    side: Side,
    asset: &Asset,
) -> Result<u64, Error> {
    let start = period.map_or(WHOLE_LIFE, |period| period.start.as_millis());
    let code = asset.code.to_string();
    let key = (grant_id.to_owned(), start, side.as_str().to_owned(), code, i32::from(asset.scale));
    let Some(row) = spent_row::Entity::find_by_id(key).one(connection).await? else { return Ok(0) };
    u64::try_from(row.amount).map_err(|_| Error::inconsistent("outgoing_payment_grant_spent", "amount", grant_id))
}

/// A grant locked until the unit ends. What was spent under a grant changes only through this value.
#[derive(Debug)]
pub struct LockedPaymentGrant<'t> {
    connection: &'t WriteTransaction,
    id: String,
}

impl LockedPaymentGrant<'_> {
    /// What was spent in `period`, or in all, by payments in these assets.
    pub async fn spent(&self, period: Option<Period>, assets: &SpentAssets) -> Result<Spent, Error> {
        read_spent(self.connection, &self.id, period, assets).await
    }

    /// Stores what was spent in `period`, or in all, by payments in these assets.
    pub async fn put_spent(
        &self,
        period: Option<Period>,
        assets: &SpentAssets,
        spent: Spent,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.put_side(period, Side::Debit, &assets.debit, spent.debit, now).await?;
        self.put_side(period, Side::Receive, &assets.receive, spent.receive, now).await
    }

    async fn put_side(
        &self,
        period: Option<Period>,
        side: Side,
        asset: &Asset,
        amount: u64,
        now: Timestamp,
    ) -> Result<(), Error> {
        use spent_row::Column as C;
        let bounds = |instant: fn(Period) -> Timestamp| period.map_or(WHOLE_LIFE, |period| instant(period).as_millis());
        let row = spent_row::ActiveModel {
            grant_id: Set(self.id.clone()),
            period_start: Set(bounds(|period| period.start)),
            period_end: Set(bounds(|period| period.end)),
            side: Set(side.as_str().to_owned()),
            asset_code: Set(asset.code.to_string()),
            asset_scale: Set(i32::from(asset.scale)),
            amount: Set(stored_amount("what was spent of a grant", amount)?),
            updated_at: Set(now.as_millis()),
        };
        let key = [C::GrantId, C::PeriodStart, C::Side, C::AssetCode, C::AssetScale];
        let replace = OnConflict::columns(key).update_columns([C::Amount, C::UpdatedAt]).to_owned();
        spent_row::Entity::insert(row).on_conflict(replace).exec_without_returning(self.connection).await?;
        Ok(())
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// Creates the grant's row if it does not exist.
    pub async fn ensure_payment_grant(&self, id: &str, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        self.must_reach(tenant)?;
        let row = grant_row::ActiveModel {
            id: Set(id.to_owned()),
            tenant_id: Set(tenant.as_uuid()),
            created_at: Set(now.as_millis()),
        };
        let once = OnConflict::column(grant_row::Column::Id).do_nothing().to_owned();
        grant_row::Entity::insert(row).on_conflict(once).exec_without_returning(self.connection).await?;
        Ok(())
    }

    /// Locks the grant until this unit ends.
    ///
    /// The unit may have inserted a payment that refers to the grant, and others may have, too. A stronger lock would wait
    /// for their references, and theirs for this one.
    pub async fn locked_payment_grant(&self, id: &str) -> Result<LockedPaymentGrant<'t>, Error> {
        let row = grant_row::Entity::find_by_id(id.to_owned()).lock(LockType::NoKeyUpdate).one(self.connection).await?;
        row.ok_or_else(|| Error::inconsistent("outgoing_payment_grants", "id", id))?;
        Ok(LockedPaymentGrant { connection: self.connection, id: id.to_owned() })
    }

    /// Stores what a payment reserves under its grant.
    pub async fn insert_grant_spending(&self, spending: &GrantSpending, now: Timestamp) -> Result<(), Error> {
        let row = spending_row::ActiveModel {
            outgoing_payment_id: Set(spending.payment.as_uuid()),
            grant_id: Set(spending.grant_id.clone()),
            period_start: Set(spending.period.map(|period| period.start.as_millis())),
            period_end: Set(spending.period.map(|period| period.end.as_millis())),
            reserved_debit: Set(stored_amount("a reserved amount", spending.reserved.debit)?),
            reserved_receive: Set(stored_amount("a reserved amount", spending.reserved.receive)?),
            actual_debit: Set(None),
            actual_receive: Set(None),
            created_at: Set(now.as_millis()),
            settled_at: Set(None),
        };
        spending_row::Entity::insert(row).exec_without_returning(self.connection).await?;
        Ok(())
    }

    /// Stores what a payment spent; `false` if that was stored before.
    pub async fn settle_grant_spending(
        &self,
        payment: OutgoingPaymentId,
        actual: Spent,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = spending_row::ActiveModel {
            actual_debit: Set(Some(stored_amount("a spent amount", actual.debit)?)),
            actual_receive: Set(Some(stored_amount("a spent amount", actual.receive)?)),
            settled_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        let update = spending_row::Entity::update_many()
            .set(changed)
            .filter(spending_row::Column::OutgoingPaymentId.eq(payment.as_uuid()))
            .filter(spending_row::Column::SettledAt.is_null());
        Ok(update.exec(self.connection).await?.rows_affected == 1)
    }
}

fn spending(row: spending_row::Model) -> Result<GrantSpending, Error> {
    let place = Place { table: "outgoing_payment_grant_spendings", row: row.outgoing_payment_id };
    let instants = row.period_start.zip(row.period_end);
    let period =
        instants.map(|(start, end)| Period { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) });
    let actual = match (row.actual_debit, row.actual_receive) {
        (Some(debit), Some(receive)) => Some(Spent {
            debit: place.amount("actual_debit", debit)?,
            receive: place.amount("actual_receive", receive)?,
        }),
        _ => None,
    };
    Ok(GrantSpending {
        payment: row.outgoing_payment_id.into(),
        grant_id: row.grant_id,
        period,
        reserved: Spent {
            debit: place.amount("reserved_debit", row.reserved_debit)?,
            receive: place.amount("reserved_receive", row.reserved_receive)?,
        },
        actual,
    })
}
