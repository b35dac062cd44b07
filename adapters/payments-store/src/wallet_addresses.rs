//! Wallet addresses, their keys and their properties.
//! Which URLs are allowed is decided in `services/payments`.

use clock::{Entropy, Timestamp};
use database::{Error, Locked, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{
    AssetId, TenantAsset, TenantId, WalletAddress, WalletAddressId, WalletAddressKey, WalletAddressKeyId,
};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{QueryOrder, QuerySelect, Set};
use web_url::WalletAddressUrl;

use crate::assets::asset;
use crate::convert::{Place, instant, stored_amount, stored_instant};
use crate::embedded::assets_of;
use crate::paging::Paging;
use crate::rows::wallet_address::{ActiveModel, Column, Entity, Model};
use crate::rows::{asset as asset_row, wallet_address_key as key_row, wallet_address_property as property_row};
use crate::scope::{NEW_WALLET_ADDRESS, Scope, must_be_one};

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };
const KEY_PAGING: Paging<key_row::Entity> =
    Paging { created_at: key_row::Column::CreatedAt, id: key_row::Column::Id, key: |row| (row.created_at, row.id) };

fn place(row: &Model) -> Place {
    Place { table: "wallet_addresses", row: row.id }
}

fn wallet_address(row: Model, asset: TenantAsset) -> Result<WalletAddress, Error> {
    let place = place(&row);
    Ok(WalletAddress {
        id: WalletAddressId::from_uuid(row.id),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        address: row.address,
        public_name: row.public_name,
        asset,
        total_events_amount: place.amount("total_events_amount", row.total_events_amount)?,
        process_at: instant(row.process_at),
        deactivated_at: instant(row.deactivated_at),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

fn joined((row, of): (Model, Option<asset_row::Model>)) -> Result<WalletAddress, Error> {
    let of = of.ok_or_else(|| place(&row).inconsistent("asset_id"))?;
    wallet_address(row, asset(of)?)
}

fn key(row: key_row::Model) -> WalletAddressKey {
    WalletAddressKey {
        id: WalletAddressKeyId::from_uuid(row.id),
        wallet_address_id: WalletAddressId::from_uuid(row.wallet_address_id),
        kid: row.kid,
        x: row.x,
        revoked: row.revoked,
        created_at: Timestamp::from_millis(row.created_at),
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The wallet address with this id.
    pub async fn wallet_address(&self, id: WalletAddressId) -> Result<Option<WalletAddress>, Error> {
        self.one_wallet_address(Column::Id.eq(id.as_uuid())).await
    }

    /// The wallet address with this URL.
    pub async fn wallet_address_by_url(&self, address: &WalletAddressUrl) -> Result<Option<WalletAddress>, Error> {
        self.one_wallet_address(Column::Address.eq(address.as_str())).await
    }

    /// A page of the wallet addresses.
    pub async fn wallet_addresses(&self, request: PageRequest) -> Result<Page<WalletAddress>, Error> {
        let page = PAGING.page(self.connection, self.wallet_address_rows(), request).await?;
        let assets = assets_of(self.connection, page.items.iter().map(|row| row.asset_id)).await?;
        page.try_map(|row| {
            let of = assets.get(&row.asset_id).cloned();
            joined((row, of))
        })
    }

    /// Whether any wallet address has this asset.
    pub async fn has_wallet_address_in(&self, asset: AssetId) -> Result<bool, Error> {
        let some = self.wallet_address_rows().filter(Column::AssetId.eq(asset.as_uuid()));
        Ok(some.one(self.connection).await?.is_some())
    }

    /// The properties of a wallet address, in the order in which they were given.
    pub async fn additional_properties(&self, id: WalletAddressId) -> Result<Vec<AdditionalProperty>, Error> {
        let rows = property_row::Entity::find()
            .filter(property_row::Column::WalletAddressId.in_subquery(self.own_wallet_address(id)))
            .order_by_asc(property_row::Column::Position)
            .all(self.connection)
            .await?;
        Ok(rows.into_iter().map(property).collect())
    }

    /// The key with this id.
    pub async fn wallet_address_key(&self, id: WalletAddressKeyId) -> Result<Option<WalletAddressKey>, Error> {
        let Some(row) = key_row::Entity::find_by_id(id.as_uuid()).one(self.connection).await? else { return Ok(None) };
        let owner = WalletAddressId::from_uuid(row.wallet_address_id);
        Ok(self.wallet_address(owner).await?.map(|_| key(row)))
    }

    /// The keys of a wallet address that are not revoked, oldest first.
    pub async fn unrevoked_keys(&self, id: WalletAddressId) -> Result<Vec<WalletAddressKey>, Error> {
        let rows = self
            .key_rows(id)
            .filter(key_row::Column::Revoked.eq(false))
            .order_by_asc(key_row::Column::CreatedAt)
            .order_by_asc(key_row::Column::Id)
            .all(self.connection)
            .await?;
        Ok(rows.into_iter().map(key).collect())
    }

    /// A page of the keys of a wallet address, revoked ones included.
    pub async fn wallet_address_keys(
        &self,
        id: WalletAddressId,
        request: PageRequest,
    ) -> Result<Page<WalletAddressKey>, Error> {
        KEY_PAGING.page(self.connection, self.key_rows(id), request).await?.try_map(|row| Ok(key(row)))
    }

    async fn one_wallet_address(&self, which: Expr) -> Result<Option<WalletAddress>, Error> {
        let select = self.wallet_address_rows().filter(which).find_also_related(asset_row::Entity);
        select.one(self.connection).await?.map(joined).transpose()
    }

    fn wallet_address_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId))
    }

    fn key_rows(&self, id: WalletAddressId) -> Select<key_row::Entity> {
        key_row::Entity::find().filter(key_row::Column::WalletAddressId.in_subquery(self.own_wallet_address(id)))
    }

    /// Selects this id if the address is within this scope.
    fn own_wallet_address(&self, id: WalletAddressId) -> sea_orm::sea_query::SelectStatement {
        Query::select()
            .column(Column::Id)
            .from(Entity)
            .cond_where(self.within(Column::TenantId))
            .and_where(Column::Id.eq(id.as_uuid()))
            .to_owned()
    }
}

fn property(row: property_row::Model) -> AdditionalProperty {
    AdditionalProperty { key: row.key, value: row.value, visible_in_open_payments: row.visible_in_open_payments }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The wallet address with this id, locked until this unit ends.
    pub async fn locked_wallet_address(&self, id: WalletAddressId) -> Result<Option<Locked<'t, WalletAddress>>, Error> {
        let select = self.wallet_address_rows().filter(Column::Id.eq(id.as_uuid())).lock_exclusive();
        let Some(row) = select.one(self.connection).await? else { return Ok(None) };
        let of = asset_row::Entity::find_by_id(row.asset_id).one(self.connection).await?;
        Ok(Some(Locked::read_under_lock(self.connection, id.as_uuid(), joined((row, of))?)))
    }

    /// Stores a new wallet address. A second wallet address of the same URL is a unique violation.
    pub async fn insert_wallet_address(&self, new: &WalletAddress) -> Result<(), Error> {
        self.must_reach(new.tenant_id)?;
        Entity::insert(active(new)?).exec_without_returning(self.connection).await?;
        self.connection.wake_on_commit(NEW_WALLET_ADDRESS);
        Ok(())
    }

    /// Stores the name of a wallet address, and whether it accepts payments.
    ///
    /// The announced amount has a statement of its own.
    pub async fn update_wallet_address(&self, changed: &Locked<'_, WalletAddress>) -> Result<(), Error> {
        let row = ActiveModel {
            public_name: Set(changed.public_name.clone()),
            deactivated_at: Set(stored_instant(changed.deactivated_at)),
            updated_at: Set(changed.updated_at.as_millis()),
            ..Default::default()
        };
        let update = Entity::update_many().set(row).filter(self.within(Column::TenantId));
        let done = update.filter(Column::Id.eq(changed.row())).exec(self.connection).await?;
        self.wallet_addresses_changed();
        must_be_one(done.rows_affected, "wallet_addresses", changed.row())
    }

    /// Deactivates every wallet address of this scope that is active.
    pub async fn deactivate_every_wallet_address(&self, now: Timestamp) -> Result<(), Error> {
        let changed = ActiveModel {
            deactivated_at: Set(Some(now.as_millis())),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        let update = Entity::update_many().set(changed).filter(self.within(Column::TenantId));
        let still_active = sea_orm::Condition::any()
            .add(Column::DeactivatedAt.is_null())
            .add(Column::DeactivatedAt.gt(now.as_millis()));
        update.filter(still_active).exec(self.connection).await?;
        self.wallet_addresses_changed();
        Ok(())
    }

    /// Replaces the properties of a wallet address of this scope.
    pub async fn replace_additional_properties(
        &self,
        id: WalletAddressId,
        properties: &[AdditionalProperty],
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        // Under the address' lock, so that two replacements at once do not mix.
        self.locked_wallet_address(id).await?.ok_or_else(|| Error::inconsistent("wallet_addresses", "id", id))?;
        let old = property_row::Entity::delete_many().filter(property_row::Column::WalletAddressId.eq(id.as_uuid()));
        old.exec(self.connection).await?;
        let rows = (0..).zip(properties).map(|(position, property)| property_row::ActiveModel {
            id: Set(entropy.uuid()),
            wallet_address_id: Set(id.as_uuid()),
            position: Set(position),
            key: Set(property.key.clone()),
            value: Set(property.value.clone()),
            visible_in_open_payments: Set(property.visible_in_open_payments),
        });
        if !properties.is_empty() {
            property_row::Entity::insert_many(rows).exec_without_returning(self.connection).await?;
        }
        self.wallet_addresses_changed();
        Ok(())
    }

    /// Stores a new key of a wallet address that the caller has read within this scope. A second key of the same name
    /// that is not revoked is a unique violation.
    pub async fn insert_wallet_address_key(&self, new: &WalletAddressKey) -> Result<(), Error> {
        let row = key_row::ActiveModel {
            id: Set(new.id.as_uuid()),
            wallet_address_id: Set(new.wallet_address_id.as_uuid()),
            kid: Set(new.kid.clone()),
            x: Set(new.x.clone()),
            revoked: Set(new.revoked),
            created_at: Set(new.created_at.as_millis()),
            updated_at: Set(new.created_at.as_millis()),
        };
        key_row::Entity::insert(row).exec_without_returning(self.connection).await?;
        self.wallet_addresses_changed();
        Ok(())
    }

    /// Revokes a key that the caller has read within this scope. A repetition changes nothing.
    pub async fn revoke_wallet_address_key(&self, id: WalletAddressKeyId, now: Timestamp) -> Result<(), Error> {
        let revoked =
            key_row::ActiveModel { revoked: Set(true), updated_at: Set(now.as_millis()), ..Default::default() };
        let update = key_row::Entity::update_many().set(revoked).filter(key_row::Column::Id.eq(id.as_uuid()));
        update.exec(self.connection).await?;
        self.wallet_addresses_changed();
        Ok(())
    }
}

fn active(of: &WalletAddress) -> Result<ActiveModel, Error> {
    Ok(ActiveModel {
        id: Set(of.id.as_uuid()),
        tenant_id: Set(of.tenant_id.as_uuid()),
        asset_id: Set(of.asset.id.as_uuid()),
        address: Set(of.address.clone()),
        public_name: Set(of.public_name.clone()),
        total_events_amount: Set(stored_amount("the total of events", of.total_events_amount)?),
        process_at: Set(stored_instant(of.process_at)),
        deactivated_at: Set(stored_instant(of.deactivated_at)),
        created_at: Set(of.created_at.as_millis()),
        updated_at: Set(of.updated_at.as_millis()),
    })
}
