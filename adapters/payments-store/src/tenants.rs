//! Tenants and their settings.
//! Which values a setting may have is decided in `services/payments`.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use database::{Database, Error, Locked, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{Secret, Tenant, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::convert::{Place, instant, stored_instant};
use crate::paging::Paging;
use crate::readable::readable;
use crate::rows::tenant::{ActiveModel, Column, Entity, Model};
use crate::rows::{tenant_old_secret as old_secret_row, tenant_setting as setting_row};
use crate::scope::{Scope, must_be_one};

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// A secret that was replaced, and until when it is accepted beside its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldSecret {
    /// The secret.
    pub secret: Secret,
    /// Until then.
    pub until: Timestamp,
}

fn tenant(row: Model) -> Tenant {
    Tenant {
        id: TenantId::from_uuid(row.id),
        api_secret: Secret::new(row.api_secret),
        email: row.email,
        public_name: row.public_name,
        idp_consent_url: row.idp_consent_url,
        idp_secret: row.idp_secret.map(Secret::new),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
        deleted_at: instant(row.deleted_at),
    }
}

fn active(tenant: &Tenant) -> ActiveModel {
    ActiveModel {
        id: Set(tenant.id.as_uuid()),
        api_secret: Set(tenant.api_secret.expose().to_owned()),
        email: Set(tenant.email.clone()),
        public_name: Set(tenant.public_name.clone()),
        idp_consent_url: Set(tenant.idp_consent_url.clone()),
        idp_secret: Set(tenant.idp_secret.as_ref().map(|secret| secret.expose().to_owned())),
        created_at: Set(tenant.created_at.as_millis()),
        updated_at: Set(tenant.updated_at.as_millis()),
        deleted_at: Set(stored_instant(tenant.deleted_at)),
    }
}

/// The tenants with these ids, in their order. One statement, however many there are.
pub(crate) async fn of_ids(database: Database, ids: Vec<TenantId>) -> Result<Vec<Option<Tenant>>, Error> {
    let wanted: BTreeSet<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = Entity::find().filter(Column::Id.is_in(wanted)).all(database.reader()).await?;
    let found: BTreeMap<TenantId, Tenant> = rows.into_iter().map(tenant).map(|tenant| (tenant.id, tenant)).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The tenant with this id, deleted or not.
    pub async fn find_tenant(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        let found = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::Id)).one(self.connection).await?;
        Ok(found.map(tenant))
    }

    /// A page of the tenants, deleted ones included.
    pub async fn tenants(&self, request: PageRequest) -> Result<Page<Tenant>, Error> {
        let select = Entity::find().filter(self.within(Column::Id));
        PAGING.page(self.connection, select, request).await?.try_map(|row| Ok(tenant(row)))
    }

    /// Every tenant that is not deleted, for directories kept in memory.
    pub async fn all_tenants(&self) -> Result<Vec<Tenant>, Error> {
        let live = Entity::find().filter(self.within(Column::Id)).filter(Column::DeletedAt.is_null());
        readable(self.connection, &live, |row| Ok(tenant(row))).await
    }

    /// The settings of `tenant`, ordered by key.
    pub async fn settings(&self, tenant: TenantId) -> Result<Vec<Setting>, Error> {
        let rows = setting_row::Entity::find()
            .filter(self.within(setting_row::Column::TenantId))
            .filter(setting_row::Column::TenantId.eq(tenant.as_uuid()))
            .filter(setting_row::Column::DeletedAt.is_null())
            .order_by_asc(setting_row::Column::Key)
            .all(self.connection)
            .await?;
        rows.into_iter().map(setting).collect()
    }

    /// One setting of `tenant`.
    pub async fn setting(&self, tenant: TenantId, key: SettingKey) -> Result<Option<String>, Error> {
        let row = setting_row::Entity::find_by_id((tenant.as_uuid(), key.as_str().to_owned()))
            .filter(self.within(setting_row::Column::TenantId))
            .filter(setting_row::Column::DeletedAt.is_null())
            .one(self.connection)
            .await?;
        Ok(row.map(|row| row.value))
    }

    /// Every secret that was replaced and may still be used until an instant; for directories kept in memory.
    pub async fn all_old_secrets(&self) -> Result<Vec<(TenantId, OldSecret)>, Error> {
        let rows = old_secret_row::Entity::find().filter(self.within(old_secret_row::Column::TenantId));
        let rows = rows.all(self.connection).await?;
        let old = |row: old_secret_row::Model| {
            let secret = OldSecret { secret: Secret::new(row.secret), until: Timestamp::from_millis(row.until) };
            (TenantId::from_uuid(row.tenant_id), secret)
        };
        Ok(rows.into_iter().map(old).collect())
    }

    /// Every setting that is not deleted, with its tenant, for directories kept in memory.
    pub async fn all_settings(&self) -> Result<Vec<(TenantId, Setting)>, Error> {
        let rows = setting_row::Entity::find()
            .filter(self.within(setting_row::Column::TenantId))
            .filter(setting_row::Column::DeletedAt.is_null());
        readable(self.connection, &rows, |row| Ok((TenantId::from_uuid(row.tenant_id), setting(row)?))).await
    }
}

fn setting(row: setting_row::Model) -> Result<Setting, Error> {
    let place = Place { table: "tenant_settings", row: row.tenant_id };
    Ok(Setting { key: place.name("key", &row.key)?, value: row.value })
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The tenant with this id, deleted or not, locked until this unit ends.
    pub async fn locked_tenant(&self, id: TenantId) -> Result<Option<Locked<'t, Tenant>>, Error> {
        let select = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::Id)).lock_exclusive();
        let found = select.one(self.connection).await?;
        Ok(found.map(|row| Locked::read_under_lock(self.connection, id.as_uuid(), tenant(row))))
    }

    /// Stores a new tenant. A second tenant of the same id is a unique violation.
    pub async fn insert_tenant(&self, tenant: &Tenant) -> Result<(), Error> {
        self.must_reach(tenant.id)?;
        Entity::insert(active(tenant)).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Stores changes of a tenant.
    pub async fn update_tenant(&self, tenant: &Locked<'_, Tenant>) -> Result<(), Error> {
        let changed = ActiveModel { id: sea_orm::NotSet, created_at: sea_orm::NotSet, ..active(tenant) };
        let update = Entity::update_many().set(changed).filter(Column::Id.eq(tenant.row()));
        let done = update.exec(self.connection).await?;
        self.directory_changed();
        must_be_one(done.rows_affected, "tenants", tenant.row())
    }

    /// Creates the operator tenant with this secret if it does not exist. A deleted operator stays deleted and is an
    /// error.
    ///
    /// Processes that start together may all call this. One creates the row, the others wait and find it.
    pub async fn ensure_operator(&self, id: TenantId, api_secret: &Secret, now: Timestamp) -> Result<Tenant, Error> {
        self.must_reach(id)?;

        let operator = Tenant {
            id,
            api_secret: api_secret.clone(),
            email: None,
            public_name: None,
            idp_consent_url: None,
            idp_secret: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };

        let unless_there = OnConflict::column(Column::Id).do_nothing().to_owned();
        let made = Entity::insert(active(&operator)).on_conflict(unless_there);
        let made = made.exec_without_returning(self.connection).await? > 0;

        if !made {
            let changed = Entity::update_many()
                .col_expr(Column::ApiSecret, Expr::value(api_secret.expose()))
                .col_expr(Column::UpdatedAt, Expr::value(now.as_millis()))
                .filter(Column::Id.eq(id.as_uuid()))
                .filter(Column::ApiSecret.ne(api_secret.expose()));
            if changed.exec(self.connection).await?.rows_affected == 0 {
                return self.found_operator(id).await;
            }
        }

        self.directory_changed();
        self.found_operator(id).await
    }

    async fn found_operator(&self, id: TenantId) -> Result<Tenant, Error> {
        let operator = self.find_tenant(id).await?.filter(|operator| operator.deleted_at.is_none());
        operator.ok_or_else(|| Error::inconsistent("tenants", "deleted_at", id))
    }

    /// Lets a replaced secret be used until an instant; the one that was replaced before it ends now. `None`: no old
    /// secret is good any more.
    pub async fn keep_old_secret(&self, tenant: TenantId, old: Option<&OldSecret>) -> Result<(), Error> {
        self.must_reach(tenant)?;
        let earlier = old_secret_row::Entity::delete_many();
        earlier.filter(old_secret_row::Column::TenantId.eq(tenant.as_uuid())).exec(self.connection).await?;
        if let Some(old) = old {
            let row = old_secret_row::ActiveModel {
                tenant_id: Set(tenant.as_uuid()),
                secret: Set(old.secret.expose().to_owned()),
                until: Set(old.until.as_millis()),
            };
            old_secret_row::Entity::insert(row).exec_without_returning(self.connection).await?;
        }
        self.directory_changed();
        Ok(())
    }

    /// All values of this setting, with the deleted ones. Another unit that sets a value waits for this one, so that
    /// two tenants cannot take the same value at once.
    pub async fn locked_values(&self, key: SettingKey) -> Result<Vec<(TenantId, String)>, Error> {
        Entity::find().order_by_asc(Column::Id).lock(LockType::NoKeyUpdate).all(self.connection).await?;
        let rows = setting_row::Entity::find()
            .filter(self.within(setting_row::Column::TenantId))
            .filter(setting_row::Column::Key.eq(key.as_str()))
            .all(self.connection)
            .await?;
        Ok(rows.into_iter().map(|row| (TenantId::from_uuid(row.tenant_id), row.value)).collect())
    }

    /// Creates or changes settings of `tenant`. A deleted setting is restored. A wallet address URL of another tenant
    /// is a unique violation.
    pub async fn put_settings(&self, tenant: TenantId, settings: &[Setting], now: Timestamp) -> Result<(), Error> {
        use setting_row::Column as C;
        self.must_reach(tenant)?;
        for setting in settings {
            let row = setting_row::ActiveModel {
                tenant_id: Set(tenant.as_uuid()),
                key: Set(setting.key.as_str().to_owned()),
                value: Set(setting.value.clone()),
                created_at: Set(now.as_millis()),
                updated_at: Set(now.as_millis()),
                deleted_at: Set(None),
            };
            let mut again = OnConflict::columns([C::TenantId, C::Key]);
            again.update_columns([C::Value, C::UpdatedAt, C::DeletedAt]);
            setting_row::Entity::insert(row).on_conflict(again).exec_without_returning(self.connection).await?;
        }
        self.directory_changed();
        Ok(())
    }

    /// Deletes all settings of `tenant`. Its wallet address URL stays reserved.
    pub async fn delete_settings(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        self.must_reach(tenant)?;
        let deleted = setting_row::ActiveModel { deleted_at: Set(Some(now.as_millis())), ..Default::default() };
        setting_row::Entity::update_many()
            .set(deleted)
            .filter(setting_row::Column::TenantId.eq(tenant.as_uuid()))
            .filter(setting_row::Column::DeletedAt.is_null())
            .exec(self.connection)
            .await?;
        self.directory_changed();
        Ok(())
    }
}
