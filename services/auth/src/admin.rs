//! Reads and revokes grants for operators and tenants.
//!
//! Everything here takes a [`Scope`]: a tenant never sees the grants of another tenant.

use auth_model::{Grant, GrantId, Tenant, TenantId};
use auth_store::{GrantFilter, GrantPage, Page, Scope, SortOrder};

use crate::{Auth, StoreError};

/// Why a grant is not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeGrantError {
    /// There is no such grant in scope.
    #[error("Revoke grant was not successful")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// The tenant that the request names. Its secret verifies the signature.
    pub async fn get_tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.inner.store.get_tenant(id).await
    }

    /// The data that an authenticated tenant may see. The operator sees everything, other tenants their own data.
    ///
    /// The operator is recognised by its id, not by its secret: two tenants may have the same secret by mistake.
    pub fn scope_of(&self, tenant: &Tenant) -> Scope {
        if tenant.id == self.inner.settings.operator.id { Scope::All } else { Scope::Tenant(tenant.id) }
    }

    /// A page of grants; `None` if it refers to an unknown grant.
    #[tracing::instrument(name = "auth.grant.list", skip_all)]
    pub async fn list_grants(
        &self,
        scope: Scope,
        filter: &GrantFilter,
        order: SortOrder,
        page: Page,
    ) -> Result<Option<GrantPage>, StoreError> {
        self.inner.store.list_grants(scope, filter, order, page).await
    }

    /// A grant in scope.
    #[tracing::instrument(name = "auth.grant.get", skip_all, fields(grant.id = %id))]
    pub async fn get_grant(&self, scope: Scope, id: GrantId) -> Result<Option<Grant>, StoreError> {
        Ok(self.inner.store.get_grant(id).await?.filter(|grant| scope.includes(grant.tenant)))
    }

    /// Revokes a grant and its tokens. It may be repeated.
    #[tracing::instrument(name = "auth.grant.revoke", skip_all, fields(grant.id = %id))]
    pub async fn revoke_grant(&self, scope: Scope, id: GrantId) -> Result<(), RevokeGrantError> {
        let now = self.inner.clock.now();
        let work = self.inner.store.begin().await?;
        let grant = work.lock_grant(id).await?.filter(|grant| scope.includes(grant.tenant));
        let grant = grant.ok_or(RevokeGrantError::NotFound)?;
        let before = grant.state;
        let grant = grant.map(Grant::revoke);
        work.save_grant(&grant, now).await?;
        work.record_event(self.event_between(before, &grant, now)).await?;
        work.revoke_tokens_of(grant.id, now).await?;
        Ok(work.commit().await?)
    }
}
