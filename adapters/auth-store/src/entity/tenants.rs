//! Rows of `tenants`.
//! Where tenants come from is in `services/auth`.

use auth_model::{IdentityProvider, Rotated, Tenant, TenantId};
use clock::Timestamp;
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
    pub old_api_secret: Option<String>,
    pub old_api_secret_until: Option<i64>,
    pub old_idp_secret_hash: Option<Vec<u8>>,
    pub old_idp_secret_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn into_tenant(self) -> Result<Tenant, Error> {
        let old_idp_secret = match (&self.old_idp_secret_hash, self.old_idp_secret_until) {
            (Some(secret), Some(until)) => {
                let hash = super::hash(secret, "tenants", "old_idp_secret_hash", self.id)?;
                Some((hash, Timestamp::from_millis(until)))
            }
            _ => None,
        };
        let identity_provider = match (&self.idp_consent_url, &self.idp_secret_hash) {
            (Some(url), Some(secret)) => Some(IdentityProvider {
                consent_url: Url::parse(url).map_err(|_| Error::inconsistent("tenants", "idp_consent_url", self.id))?,
                secret: Rotated {
                    current: super::hash(secret, "tenants", "idp_secret_hash", self.id)?,
                    before: old_idp_secret,
                },
            }),
            _ => None,
        };
        let old_api_secret = self.old_api_secret.zip(self.old_api_secret_until.map(Timestamp::from_millis));
        let api_secret = Rotated { current: self.api_secret, before: old_api_secret };
        Ok(Tenant { id: TenantId::from_uuid(self.id), identity_provider, api_secret })
    }
}
