//! Fees: a history for each asset and kind. The newest fee applies.
//! How a fee is calculated is in `payments-model`.

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::quote::FeeTerms;
use payments_model::{AssetId, Fee, FeeId, FeeKind};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Condition, ExprTrait, Query};
use sea_orm::{FromQueryResult, QueryOrder, QueryResult, QueryTrait, Set};

use crate::convert::{Place, stored_amount};
use crate::paging::Paging;
use crate::readable::or_left_out;
use crate::rows::asset as asset_row;
use crate::rows::fee::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

fn fee(row: Model) -> Result<Fee, Error> {
    let place = Place { table: "fees", row: row.id };
    Ok(Fee {
        id: FeeId::from_uuid(row.id),
        asset_id: AssetId::from_uuid(row.asset_id),
        kind: place.name("kind", &row.kind)?,
        terms: FeeTerms {
            basis_points: u16::try_from(row.basis_point_fee).map_err(|_| place.inconsistent("basis_point_fee"))?,
            fixed: place.amount("fixed_fee", row.fixed_fee)?,
        },
        created_at: Timestamp::from_millis(row.created_at),
    })
}

/// The fees with these ids, in their order. One statement, however many there are.
pub(crate) async fn of_ids(database: Database, ids: Vec<FeeId>) -> Result<Vec<Option<Fee>>, Error> {
    let wanted = ids.iter().map(|id| id.as_uuid());
    let rows = Entity::find().filter(Column::Id.is_in(wanted)).all(database.reader()).await?;
    let found: Vec<Fee> = rows.into_iter().map(fee).collect::<Result<_, _>>()?;
    Ok(ids.iter().map(|id| found.iter().find(|fee| fee.id == *id).cloned()).collect())
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The fee with this id, whether it still applies or not.
    pub async fn fee(&self, id: FeeId) -> Result<Option<Fee>, Error> {
        self.fee_rows().filter(Column::Id.eq(id.as_uuid())).one(self.connection).await?.map(fee).transpose()
    }

    /// The fee that applies.
    pub async fn newest_fee(&self, asset: AssetId, kind: FeeKind) -> Result<Option<Fee>, Error> {
        let newest = self.fees_of(asset).filter(Column::Kind.eq(kind.as_str()));
        let newest = newest.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        newest.one(self.connection).await?.map(fee).transpose()
    }

    /// The fees that apply, of all assets, for directories kept in memory. `None` for a fee that cannot be read.
    pub async fn all_newest_fees(&self) -> Result<Vec<(AssetId, Option<Fee>)>, Error> {
        let newer = Alias::new("newer");
        let of_newer = |column: Column| Expr::col((newer.clone(), column));
        let of_row = |column: Column| Expr::col((Entity, column));
        let later = Condition::any().add(of_newer(Column::CreatedAt).gt(of_row(Column::CreatedAt))).add(
            of_newer(Column::CreatedAt).eq(of_row(Column::CreatedAt)).and(of_newer(Column::Id).gt(of_row(Column::Id))),
        );
        let replaced = Query::select()
            .expr(Expr::val(1))
            .from_as(Entity, newer.clone())
            .and_where(of_newer(Column::AssetId).eq(of_row(Column::AssetId)))
            .and_where(of_newer(Column::Kind).eq(of_row(Column::Kind)))
            .cond_where(later)
            .to_owned();
        let newest = self.fee_rows().filter(Expr::exists(replaced).not());
        let rows = self.connection.query_all_raw(newest.build(self.connection.get_database_backend())).await?;
        let read = |row: &QueryResult| {
            let asset = or_left_out("fees", row.try_get("", "asset_id").map_err(Error::from))?;
            let fee = Model::from_query_result(row, "").map_err(Error::from).and_then(fee);
            Some((AssetId::from_uuid(asset), or_left_out("fees", fee)))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// A page of an asset's fees of both kinds.
    pub async fn fees(&self, asset: AssetId, request: PageRequest) -> Result<Page<Fee>, Error> {
        PAGING.page(self.connection, self.fees_of(asset), request).await?.try_map(fee)
    }

    fn fees_of(&self, asset: AssetId) -> Select<Entity> {
        self.fee_rows().filter(Column::AssetId.eq(asset.as_uuid()))
    }

    /// A fee belongs to the tenant of its asset.
    fn fee_rows(&self) -> Select<Entity> {
        if self.tenant_id().is_none() {
            return Entity::find();
        }
        let own = Query::select()
            .column(asset_row::Column::Id)
            .from(asset_row::Entity)
            .cond_where(self.within(asset_row::Column::TenantId))
            .to_owned();
        Entity::find().filter(Column::AssetId.in_subquery(own))
    }
}

impl Scope<'_, WriteTransaction> {
    /// Stores a new fee. The caller has read its asset within this scope.
    pub async fn insert_fee(&self, fee: &Fee) -> Result<(), Error> {
        let row = ActiveModel {
            id: Set(fee.id.as_uuid()),
            asset_id: Set(fee.asset_id.as_uuid()),
            kind: Set(fee.kind.as_str().to_owned()),
            fixed_fee: Set(stored_amount("the fixed fee", fee.terms.fixed)?),
            basis_point_fee: Set(i32::from(fee.terms.basis_points)),
            created_at: Set(fee.created_at.as_millis()),
        };
        Entity::insert(row).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }
}
