//! Token introspection (RFC 7662): gives a resource server the data of a token.
//!
//! It makes one query. It caches nothing, so a revocation takes effect at once.

use auth_model::SecretHash;
use gnap::{ActiveToken, IntrospectionRequest, TokenInfo};

use crate::{Auth, StoreError};

/// Why introspection gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Whether a token is valid, its client, and which of its rights cover the required ones.
    #[tracing::instrument(name = "auth.token.introspect", skip_all)]
    pub async fn introspect(&self, question: &IntrospectionRequest) -> Result<TokenInfo, IntrospectError> {
        let token = SecretHash::of(question.access_token.expose());
        let (now, lifetimes) = (self.inner.clock.now(), &self.inner.settings.terms.lifetimes);
        let found = self.inner.store.get_grant_by_token(token, now).await?;
        // Also if the greatest age was made shorter after the token was issued.
        let Some(grant) = found.filter(|grant| !grant.is_too_old(lifetimes, now)) else {
            return Ok(TokenInfo::Inactive);
        };
        let required = question.access.as_deref().unwrap_or_default();
        let access = required.iter().filter_map(|required| required.best_of(&grant.access)).cloned().collect();
        Ok(TokenInfo::Active(ActiveToken {
            grant: grant.id.to_string(),
            access,
            client: grant.client,
            tenant_id: Some(grant.tenant.to_string()),
        }))
    }
}
