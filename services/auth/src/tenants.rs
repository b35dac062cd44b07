//! Creates, changes and deletes tenants as the backend reports them.
//!
//! It does not decide about tenants: the backend does.

use auth_model::TenantId;
use auth_store::{TenantChange, TenantData};
use clock::Timestamp;

use crate::{Auth, StoreError};

/// Why a tenant is not changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// A tenant with this id exists, or existed.
    #[error("a tenant with this id exists")]
    Duplicate,
    /// There is no such tenant.
    #[error("Not Found")]
    NotFound,
    /// The secret is the operator's, so another tenant cannot have it.
    #[error("apiSecret is the operator's; give the tenant one of its own")]
    OperatorSecret,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for TenantError {
    fn from(error: StoreError) -> Self {
        if error.is_unique_violation() { Self::Duplicate } else { Self::Store(error) }
    }
}

impl Auth {
    /// Adds a tenant.
    #[tracing::instrument(name = "auth.tenant.create", skip_all, fields(tenant.id = %tenant.id))]
    pub async fn create_tenant(&self, tenant: &TenantData) -> Result<(), TenantError> {
        self.check_secret(tenant.id, Some(&tenant.api_secret))?;
        Ok(self.inner.store.create_tenant(tenant, self.inner.clock.now()).await?)
    }

    /// A new id, for a tenant that was sent without one.
    pub fn fresh_tenant_id(&self) -> TenantId {
        TenantId::random(&*self.inner.entropy)
    }

    /// Changes a tenant.
    #[tracing::instrument(name = "auth.tenant.update", skip_all, fields(tenant.id = %id))]
    pub async fn update_tenant(&self, id: TenantId, change: TenantChange) -> Result<(), TenantError> {
        self.check_secret(id, change.api_secret.as_ref())?;
        let now = self.inner.clock.now();
        let changed = self.inner.store.update_tenant(id, change, now, now + self.inner.settings.secret_overlap).await?;
        if changed { Ok(()) } else { Err(TenantError::NotFound) }
    }

    fn check_secret(&self, tenant: TenantId, secret: Option<&String>) -> Result<(), TenantError> {
        let operator = &self.inner.settings.operator;
        if tenant != operator.id && secret == Some(&operator.api_secret) {
            return Err(TenantError::OperatorSecret);
        }
        Ok(())
    }

    /// Deletes a tenant. Its grants and tokens are no longer valid.
    #[tracing::instrument(name = "auth.tenant.delete", skip_all, fields(tenant.id = %id))]
    pub async fn delete_tenant(&self, id: TenantId, deleted_at: Timestamp) -> Result<(), TenantError> {
        let deleted = self.inner.store.delete_tenant(id, deleted_at, self.inner.clock.now()).await?;
        if deleted { Ok(()) } else { Err(TenantError::NotFound) }
    }
}
