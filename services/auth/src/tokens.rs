//! `POST` and `DELETE /token/{id}`: a client rotates or revokes an access token.
//!
//! It does not parse HTTP.

use auth_model::{AccessToken, Grant, ManagementId, RotateRefusal};
use gnap::{TokenResponse, TokenValue};
use http_signatures::SignedRequest;
use shared_cache::TooMany;

use crate::repetition::Repeatable;
use crate::{Auth, ClientError, StoreError};

/// Why a token is neither rotated nor revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No unrevoked token has this management id, or another token was presented.
    #[error("invalid access token")]
    NoToken,
    /// The request is not signed by the grant's client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The client has sent too many requests.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The token cannot be rotated.
    #[error(transparent)]
    Refused(#[from] RotateRefusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Replaces a token by a new one with the same rights. If it is rotated several times at once, one rotation
    /// succeeds. With a `key` and the token itself, a repetition of the request gets the same new token.
    #[tracing::instrument(name = "auth.token.rotate", skip_all, fields(management.id = id))]
    pub async fn rotate_token(
        &self,
        id: &str,
        presented: Option<&TokenValue>,
        key: Option<&str>,
        request: SignedRequest<'_>,
    ) -> Result<TokenResponse, TokenError> {
        let managed = id.parse::<ManagementId>().ok();
        let repeatable = managed.zip(key).zip(presented);
        let repeatable =
            repeatable.map(|((managed, key), shown)| Repeatable::new(managed.as_uuid(), key, request.body, shown));
        match self.replaced_token(id, presented, repeatable, request).await {
            // Another request was faster, perhaps the same one.
            Err(refusal @ (TokenError::NoToken | TokenError::Refused(RotateRefusal::Revoked))) => {
                self.replaced_before(repeatable, request).await?.ok_or(refusal)
            }
            other => other,
        }
    }

    async fn replaced_token(
        &self,
        id: &str,
        presented: Option<&TokenValue>,
        repeatable: Option<Repeatable<'_>>,
        request: SignedRequest<'_>,
    ) -> Result<TokenResponse, TokenError> {
        let (token, found) = self.managed_token(id, presented, request).await?;
        let (settings, now) = (&self.inner.settings, self.inner.clock.now());
        let work = self.inner.store.begin().await?;
        let grant = work.lock_grant(found.id).await?.ok_or(RotateRefusal::GrantOver)?;
        let issued = grant.rotate(&settings.terms, now, &*self.inner.entropy)?;
        if !work.revoke_token(token.management_id, now).await? {
            return Err(RotateRefusal::Revoked.into());
        }
        work.add_token(&issued.token).await?;
        self.keep_for(repeatable, &issued, &work).await?;
        let grant = grant.into_inner();
        work.commit().await?;
        Ok(TokenResponse { access_token: self.access_token(&grant, &issued) })
    }

    /// The answer that the first of two equal requests got.
    async fn replaced_before(
        &self,
        repeatable: Option<Repeatable<'_>>,
        request: SignedRequest<'_>,
    ) -> Result<Option<TokenResponse>, TokenError> {
        let Some((grant, issued)) = self.kept_for(repeatable).await? else { return Ok(None) };
        let checked = request.check_headers().map_err(ClientError::Headers)?;
        self.authenticate(&checked, &grant.client).await?;
        self.count_continuation(&grant.client).await?;
        Ok(Some(TokenResponse { access_token: self.access_token_again(&grant, &issued) }))
    }

    /// Revokes a token. The grant does not change.
    #[tracing::instrument(name = "auth.token.revoke", skip_all, fields(management.id = id))]
    pub async fn revoke_token(
        &self,
        id: &str,
        presented: Option<&TokenValue>,
        request: SignedRequest<'_>,
    ) -> Result<(), TokenError> {
        let (token, _) = self.managed_token(id, presented, request).await?;
        let work = self.inner.store.begin().await?;
        if !work.revoke_token(token.management_id, self.inner.clock.now()).await? {
            return Err(TokenError::NoToken);
        }
        Ok(work.commit().await?)
    }

    /// The unrevoked token with this management id and its grant, if the grant's client signed the request.
    ///
    /// Clients need not present the token itself, but a wrong one is refused.
    async fn managed_token(
        &self,
        id: &str,
        presented: Option<&TokenValue>,
        request: SignedRequest<'_>,
    ) -> Result<(AccessToken, Grant), TokenError> {
        let checked = request.check_headers().map_err(ClientError::Headers)?;
        let found = match id.parse() {
            Ok(id) => self.inner.store.get_token_by_management(id).await?,
            Err(_) => None,
        };
        let (token, grant) = found.ok_or(TokenError::NoToken)?;
        if presented.is_some_and(|value| !token.hash.matches(value.expose())) {
            return Err(TokenError::NoToken);
        }
        self.authenticate(&checked, &grant.client).await?;
        self.count_continuation(&grant.client).await?;
        Ok((token, grant))
    }
}
