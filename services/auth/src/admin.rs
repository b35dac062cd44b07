//! Reads and revokes grants for operators and tenants.
//!
//! Everything here takes a [`Scope`]: a tenant never sees the grants of another tenant.

use auth_model::{Grant, GrantId, Tenant, TenantId};
use auth_store::{GrantFilter, GrantPage, Page, Scope, SortOrder};
use clock::Timestamp;

use crate::{Auth, StoreError};

/// The tokens of a grant that were not revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokensOfGrant {
    /// How many are good now.
    pub good: u32,
    /// When the last of them ends or has ended. `None` if there is none, or it ended so long ago that it was removed.
    pub last_ends: Option<Timestamp>,
}

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

    /// The tokens of a grant that the caller has read within its scope.
    pub async fn tokens_of(&self, grant: &Grant) -> Result<TokensOfGrant, StoreError> {
        if grant.state.is_over() {
            return Ok(TokensOfGrant::default());
        }
        let (now, lifetimes) = (self.inner.clock.now(), &self.inner.settings.terms.lifetimes);
        let ends = self.inner.store.token_ends_of(grant.id).await?;
        // Also if the greatest age was made shorter after the token was issued.
        let ends: Vec<Timestamp> = ends.into_iter().map(|end| grant.end_of_token(end, lifetimes)).collect();
        let good = ends.iter().filter(|end| **end >= now).count();
        Ok(TokensOfGrant { good: u32::try_from(good).unwrap_or(u32::MAX), last_ends: ends.into_iter().max() })
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
