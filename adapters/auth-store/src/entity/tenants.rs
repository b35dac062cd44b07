//! Rows of `tenants`.

use auth_model::{IdentityProvider, Tenant, TenantId};
use database::Error;
use sea_orm::entity::prelude::*;
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub idp_consent_url: Option<String>,
    pub idp_secret_hash: Option<Vec<u8>>,
    pub api_secret: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn into_tenant(self) -> Result<Tenant, Error> {
        let identity_provider = match (&self.idp_consent_url, &self.idp_secret_hash) {
            (Some(url), Some(secret)) => Some(IdentityProvider {
                consent_url: Url::parse(url).map_err(|_| Error::inconsistent("tenants", "idp_consent_url", self.id))?,
                secret: super::hash(secret, "tenants", "idp_secret_hash", self.id)?,
            }),
            _ => None,
        };
        Ok(Tenant { id: TenantId::from_uuid(self.id), identity_provider, api_secret: self.api_secret })
    }
}
