//! Stores the token of each peering request that was not answered yet.
//!
//! It does not store peers: a peer is stored when the other node has answered.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::{AssetId, Secret, TenantAsset};
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::rows::peering_asked_for::{ActiveModel, Column, Entity};
use crate::scope::Scope;

impl Scope<'_, WriteTransaction> {
    /// The token to send to `url`: the token of an earlier request without an answer, or else `token`, which is then
    /// stored.
    pub async fn ask_for_peering(
        &self,
        asset: &TenantAsset,
        url: &str,
        token: &Secret,
        now: Timestamp,
    ) -> Result<Secret, Error> {
        self.must_reach(asset.tenant_id)?;
        let row = ActiveModel {
            tenant_id: Set(asset.tenant_id.as_uuid()),
            asset_id: Set(asset.id.as_uuid()),
            peering_url: Set(url.to_owned()),
            token: Set(token.expose().to_owned()),
            created_at: Set(now.as_millis()),
        };
        let columns = [Column::TenantId, Column::AssetId, Column::PeeringUrl];
        let there = OnConflict::columns(columns).do_nothing().to_owned();
        Entity::insert(row).on_conflict(there).exec_without_returning(self.connection).await?;
        let key = (asset.tenant_id.as_uuid(), asset.id.as_uuid(), url.to_owned());
        let row = Entity::find_by_id(key).filter(self.within(Column::TenantId)).one(self.connection).await?;
        Ok(row.map_or_else(|| token.clone(), |row| Secret::new(row.token)))
    }

    /// Removes the token of an answered request, so that the next request sends another token.
    pub async fn peering_answered(&self, asset: AssetId, url: &str) -> Result<(), Error> {
        let done = Entity::delete_many().filter(self.within(Column::TenantId));
        let done = done.filter(Column::AssetId.eq(asset.as_uuid())).filter(Column::PeeringUrl.eq(url));
        done.exec(self.connection).await.map(drop)?;
        Ok(())
    }
}
