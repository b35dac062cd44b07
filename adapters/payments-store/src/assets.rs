//! Assets and their ledger numbers.
//! Fees of assets are in `fees`; balances are in the ledger.

use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::{AssetId, TenantAsset, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set, Statement};

use crate::convert::{Place, instant, stored_instant, stored_optional};
use crate::paging::Paging;
use crate::readable::readable;
use crate::rows::asset::{ActiveModel, Column, Entity, Model};
use crate::scope::{Scope, must_be_one};

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// The asset of a row. Other entities embed it.
pub(crate) fn asset(row: Model) -> Result<TenantAsset, Error> {
    let place = Place { table: "assets", row: row.id };
    Ok(TenantAsset {
        id: AssetId::from_uuid(row.id),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        ledger: u32::try_from(row.ledger).map_err(|_| place.inconsistent("ledger"))?,
        asset: place.asset(&row.code, row.scale)?,
        withdrawal_threshold: place.optional_amount("withdrawal_threshold", row.withdrawal_threshold)?,
        liquidity_threshold: place.optional_amount("liquidity_threshold", row.liquidity_threshold)?,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
        deleted_at: instant(row.deleted_at),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The asset with this id, unless it was deleted.
    pub async fn asset(&self, id: AssetId) -> Result<Option<TenantAsset>, Error> {
        let found = self.live_assets().filter(Column::Id.eq(id.as_uuid())).one(self.connection).await?;
        found.map(asset).transpose()
    }

    /// The asset with this id, deleted or not. Payments and ledger accounts still refer to deleted assets.
    pub async fn asset_even_deleted(&self, id: AssetId) -> Result<Option<TenantAsset>, Error> {
        let found = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::TenantId));
        found.one(self.connection).await?.map(asset).transpose()
    }

    /// The asset of `tenant` with this code and scale, deleted or not.
    pub async fn asset_by_code_and_scale(
        &self,
        tenant: TenantId,
        named: &money::Asset,
    ) -> Result<Option<TenantAsset>, Error> {
        let found = Entity::find()
            .filter(self.within(Column::TenantId))
            .filter(Column::TenantId.eq(tenant.as_uuid()))
            .filter(Column::Code.eq(named.code.as_str()))
            .filter(Column::Scale.eq(i32::from(named.scale)))
            .one(self.connection)
            .await?;
        found.map(asset).transpose()
    }

    /// A page of the assets that are not deleted.
    pub async fn assets(&self, request: PageRequest) -> Result<Page<TenantAsset>, Error> {
        PAGING.page(self.connection, self.live_assets(), request).await?.try_map(asset)
    }

    /// Every asset that is not deleted, oldest first, for directories kept in memory.
    pub async fn all_assets(&self) -> Result<Vec<TenantAsset>, Error> {
        readable(self.connection, &self.live_assets().order_by_asc(Column::Ledger), asset).await
    }

    fn live_assets(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId)).filter(Column::DeletedAt.is_null())
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The asset with this id, deleted or not, locked until this unit ends.
    ///
    /// Creating a peer or wallet address of an asset takes this lock. Deleting the asset takes it too.
    pub async fn locked_asset(&self, id: AssetId) -> Result<Option<Locked<'t, TenantAsset>>, Error> {
        let select = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::TenantId)).lock_exclusive();
        let found = select.one(self.connection).await?.map(asset).transpose()?;
        Ok(found.map(|found| Locked::read_under_lock(self.connection, id.as_uuid(), found)))
    }

    /// Takes the next ledger number. It is free again if the unit is not committed.
    pub async fn take_ledger_number(&self) -> Result<u32, Error> {
        let sql = "UPDATE ledger_numbers SET next = next + 1 WHERE id = 1 RETURNING next - 1";
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.connection.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| Error::inconsistent("ledger_numbers", "next", 1))?;
        let number: i64 = row.try_get_by_index(0)?;
        u32::try_from(number).map_err(|_| Error::OutOfRange { what: "another ledger number" })
    }

    /// Stores a new asset. A second asset of the same tenant, code and scale is a unique violation.
    pub async fn insert_asset(&self, asset: &TenantAsset) -> Result<(), Error> {
        self.must_reach(asset.tenant_id)?;
        Entity::insert(active(asset)?).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Stores the thresholds and the deletion of an asset.
    pub async fn update_asset(&self, asset: &Locked<'_, TenantAsset>) -> Result<(), Error> {
        let changed = ActiveModel {
            withdrawal_threshold: Set(stored_optional("the withdrawal threshold", asset.withdrawal_threshold)?),
            liquidity_threshold: Set(stored_optional("the liquidity threshold", asset.liquidity_threshold)?),
            updated_at: Set(asset.updated_at.as_millis()),
            deleted_at: Set(stored_instant(asset.deleted_at)),
            ..Default::default()
        };
        let update = Entity::update_many().set(changed).filter(self.within(Column::TenantId));
        let done = update.filter(Column::Id.eq(asset.row())).exec(self.connection).await?;
        self.directory_changed();
        must_be_one(done.rows_affected, "assets", asset.row())
    }
}

fn active(asset: &TenantAsset) -> Result<ActiveModel, Error> {
    Ok(ActiveModel {
        id: Set(asset.id.as_uuid()),
        tenant_id: Set(asset.tenant_id.as_uuid()),
        ledger: Set(i64::from(asset.ledger)),
        code: Set(asset.asset.code.to_string()),
        scale: Set(i32::from(asset.asset.scale)),
        withdrawal_threshold: Set(stored_optional("the withdrawal threshold", asset.withdrawal_threshold)?),
        liquidity_threshold: Set(stored_optional("the liquidity threshold", asset.liquidity_threshold)?),
        created_at: Set(asset.created_at.as_millis()),
        updated_at: Set(asset.updated_at.as_millis()),
        deleted_at: Set(stored_instant(asset.deleted_at)),
    })
}
