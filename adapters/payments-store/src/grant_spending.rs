//! What was spent of the grants that payments are made under.
//!
//! One row of totals per grant and per period of it, changed under the grant's lock, and a journal of what each
//! payment reserved and really spent.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use money::{Asset, AssetAmount};
use payments_model::grant_limits::Spent;
use payments_model::repeating_interval::Period;
use payments_model::{OutgoingPaymentId, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QuerySelect, Set};

use crate::convert::{Place, stored_amount};
use crate::rows::{
    outgoing_payment_grant as grant_row, outgoing_payment_grant_spending as spending_row,
    outgoing_payment_grant_total as total_row,
};
use crate::scope::Scope;

/// The start of the one total that is of the grant's whole life.
const WHOLE_LIFE: i64 = -1;

/// What was spent of a grant in a period, or in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTotal {
    /// In the payer's asset.
    pub debit: AssetAmount,
    /// In the receiver's asset.
    pub receive: AssetAmount,
}

impl GrantTotal {
    /// The amounts alone.
    pub fn spent(&self) -> Spent {
        Spent { debit: self.debit.value, receive: self.receive.value }
    }
}

/// What a payment reserved of its grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSpending {
    /// Which payment.
    pub payment: OutgoingPaymentId,
    /// Of which grant.
    pub grant_id: String,
    /// In which period, if the limit renews.
    pub period: Option<Period>,
    /// What it reserved.
    pub reserved: Spent,
    /// What it really spent, once it ended.
    pub actual: Option<Spent>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// What was spent of a grant in `period`, or in its life; `None` if nothing ever was counted there.
    pub async fn grant_total(&self, grant_id: &str, period: Option<Period>) -> Result<Option<GrantTotal>, Error> {
        let start = period.map_or(WHOLE_LIFE, |period| period.start.as_millis());
        let key = (grant_id.to_owned(), start);
        let row = total_row::Entity::find_by_id(key).one(self.connection).await?;
        row.map(total).transpose()
    }
}

impl Scope<'_, WriteTransaction> {
    /// Makes sure the grant's row exists.
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

    /// Locks the grant until this unit ends: nobody else counts its spending meanwhile.
    pub async fn lock_payment_grant(&self, id: &str) -> Result<(), Error> {
        let row = grant_row::Entity::find_by_id(id.to_owned()).lock_exclusive().one(self.connection).await?;
        row.map(drop).ok_or_else(|| Error::inconsistent("outgoing_payment_grants", "id", id))
    }

    /// Stores the total of a period, or of the grant's life.
    pub async fn put_grant_total(
        &self,
        grant_id: &str,
        period: Option<Period>,
        total: &GrantTotal,
        now: Timestamp,
    ) -> Result<(), Error> {
        let bounds = |instant: fn(Period) -> Timestamp| period.map_or(WHOLE_LIFE, |period| instant(period).as_millis());
        let row = total_row::ActiveModel {
            grant_id: Set(grant_id.to_owned()),
            period_start: Set(bounds(|period| period.start)),
            period_end: Set(bounds(|period| period.end)),
            debit_total: Set(stored_amount("a grant's debit total", total.debit.value)?),
            receive_total: Set(stored_amount("a grant's receive total", total.receive.value)?),
            debit_asset_code: Set(total.debit.asset.code.to_string()),
            debit_asset_scale: Set(i32::from(total.debit.asset.scale)),
            receive_asset_code: Set(total.receive.asset.code.to_string()),
            receive_asset_scale: Set(i32::from(total.receive.asset.scale)),
            updated_at: Set(now.as_millis()),
        };
        let replace = OnConflict::columns([total_row::Column::GrantId, total_row::Column::PeriodStart])
            .update_columns([
                total_row::Column::DebitTotal,
                total_row::Column::ReceiveTotal,
                total_row::Column::UpdatedAt,
            ])
            .to_owned();
        total_row::Entity::insert(row).on_conflict(replace).exec_without_returning(self.connection).await?;
        Ok(())
    }

    /// Notes what a payment reserves of its grant.
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

    /// What a payment reserved of its grant, if that is counted.
    pub async fn grant_spending(&self, payment: OutgoingPaymentId) -> Result<Option<GrantSpending>, Error> {
        let row = spending_row::Entity::find_by_id(payment.as_uuid()).one(self.connection).await?;
        row.map(spending).transpose()
    }

    /// Notes what a payment really spent.
    pub async fn settle_grant_spending(
        &self,
        payment: OutgoingPaymentId,
        actual: Spent,
        now: Timestamp,
    ) -> Result<(), Error> {
        let changed = spending_row::ActiveModel {
            actual_debit: Set(Some(stored_amount("a spent amount", actual.debit)?)),
            actual_receive: Set(Some(stored_amount("a spent amount", actual.receive)?)),
            settled_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        let update = spending_row::Entity::update_many().set(changed);
        update.filter(spending_row::Column::OutgoingPaymentId.eq(payment.as_uuid())).exec(self.connection).await?;
        Ok(())
    }
}

fn total(row: total_row::Model) -> Result<GrantTotal, Error> {
    let wrong = |column| Error::inconsistent("outgoing_payment_grant_totals", column, &row.grant_id);
    let side = |value: i64, code: &str, scale: i32, column| -> Result<AssetAmount, Error> {
        let scale = u8::try_from(scale).map_err(|_| wrong(column))?;
        let asset = Asset::new(code, scale).map_err(|_| wrong(column))?;
        Ok(AssetAmount { value: u64::try_from(value).map_err(|_| wrong(column))?, asset })
    };
    Ok(GrantTotal {
        debit: side(row.debit_total, &row.debit_asset_code, row.debit_asset_scale, "debit_total")?,
        receive: side(row.receive_total, &row.receive_asset_code, row.receive_asset_scale, "receive_total")?,
    })
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
