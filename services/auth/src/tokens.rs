//! `POST` and `DELETE /token/{id}`: a client rotates or revokes an access token.
//!
//! It does not parse HTTP.

use auth_model::{AccessToken, Grant, RotateRefusal};
use gnap::{TokenResponse, TokenValue};
use http_signatures::SignedRequest;
use shared_cache::TooMany;

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
    /// succeeds.
    #[tracing::instrument(name = "auth.token.rotate", skip_all, fields(management.id = id))]
    pub async fn rotate_token(
        &self,
        id: &str,
        presented: Option<&TokenValue>,
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
        let grant = grant.into_inner();
        work.commit().await?;
        Ok(TokenResponse { access_token: self.access_token(&grant, &issued) })
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
