//! `POST` and `DELETE /continue/{id}`: a client continues its grant, or cancels it.
//!
//! It does not parse HTTP.

use auth_model::{ContinueRefusal, Grant, GrantState, Progress};
use gnap::{Client, ContinueResponse, ContinueStep, InvalidBody, TokenValue};
use http_signatures::SignedRequest;
use shared_cache::TooMany;

use crate::repetition::Repeatable;
use crate::{Auth, ClientError, StoreError};

/// Why a continuation fails.
#[derive(Debug, thiserror::Error)]
pub enum ContinueError {
    /// The body is not a continuation.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// No valid grant has this id and continuation token.
    #[error("invalid grant")]
    NoGrant,
    /// The request is not signed by the grant's client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The grant cannot continue in this way, or not now.
    #[error(transparent)]
    Refused(#[from] ContinueRefusal),
    /// The client has sent too many requests.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a grant is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No valid grant has this id and continuation token.
    #[error("invalid grant")]
    NoGrant,
    /// The request is not signed by the grant's client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The client has sent too many requests.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The common cases of both errors.
enum Unidentified {
    NoGrant,
    Client(ClientError),
    TooMany(TooMany),
    Store(StoreError),
}

impl From<Unidentified> for ContinueError {
    fn from(error: Unidentified) -> Self {
        match error {
            Unidentified::NoGrant => Self::NoGrant,
            Unidentified::Client(error) => Self::Client(error),
            Unidentified::TooMany(refused) => Self::TooMany(refused),
            Unidentified::Store(error) => Self::Store(error),
        }
    }
}

impl From<Unidentified> for CancelError {
    fn from(error: Unidentified) -> Self {
        match error {
            Unidentified::NoGrant => Self::NoGrant,
            Unidentified::Client(error) => Self::Client(error),
            Unidentified::TooMany(refused) => Self::TooMany(refused),
            Unidentified::Store(error) => Self::Store(error),
        }
    }
}

impl Auth {
    /// Returns the token if the owner has consented, or asks the client to wait. With a `key`, a repetition of the request
    /// that got the token gets the same one.
    #[tracing::instrument(name = "auth.grant.continue", skip_all, fields(continue.id = id))]
    pub async fn continue_grant(
        &self,
        id: &str,
        token: &TokenValue,
        key: Option<&str>,
        request: SignedRequest<'_>,
    ) -> Result<ContinueResponse, ContinueError> {
        let step = ContinueStep::parse(request.body)?;
        let found = self.continued_grant(id, token, request).await?;
        let repeatable = key.map(|key| Repeatable::new(found.continuation.id.as_uuid(), key, request.body, token));
        let (settings, now) = (&self.inner.settings, self.inner.clock.now());

        let work = self.inner.store.begin().await?;
        let locked = work.lock_grant(found.id).await?.ok_or(ContinueError::NoGrant)?;

        let progress = match (*locked).clone().proceed(&step, &settings.terms, now, &*self.inner.entropy) {
            Err(refusal) if locked.state == GrantState::Issued => {
                drop(locked);
                drop(work);
                return self.continued_before(repeatable, token).await?.ok_or_else(|| refusal.into());
            }
            decided => decided?,
        };
        match progress {
            Progress::Pending(grant) => {
                let saved = locked.map(|_| grant);
                work.save_grant(&saved, now).await?;
                let grant = saved.into_inner();
                work.commit().await?;
                let r#continue = self.continuation(&grant, token, Some(self.wait_seconds()));
                Ok(ContinueResponse { access_token: None, subject: None, r#continue })
            }
            Progress::Issued(grant, issued) => {
                if let Some(issued) = &issued {
                    work.add_token(&issued.token).await?;
                    self.keep_for(repeatable, issued, &work).await?;
                }
                let saved = locked.map(|_| grant);
                work.save_grant(&saved, now).await?;
                let grant = saved.into_inner();
                work.commit().await?;
                Ok(ContinueResponse {
                    access_token: issued.map(|issued| self.access_token(&grant, &issued)),
                    r#continue: self.continuation(&grant, token, None),
                    subject: grant.subject,
                })
            }
        }
    }

    /// The answer that the first of two equal requests got.
    async fn continued_before(
        &self,
        request: Option<Repeatable<'_>>,
        token: &TokenValue,
    ) -> Result<Option<ContinueResponse>, StoreError> {
        let kept = self.kept_for(request).await?;
        Ok(kept.map(|(grant, issued)| ContinueResponse {
            access_token: Some(self.access_token_again(&grant, &issued)),
            r#continue: self.continuation(&grant, token, None),
            subject: grant.subject,
        }))
    }

    /// Revokes the grant and its tokens at the client's request.
    #[tracing::instrument(name = "auth.grant.cancel", skip_all, fields(continue.id = id))]
    pub async fn cancel_grant(
        &self,
        id: &str,
        token: &TokenValue,
        request: SignedRequest<'_>,
    ) -> Result<(), CancelError> {
        let found = self.continued_grant(id, token, request).await?;
        let now = self.inner.clock.now();
        let work = self.inner.store.begin().await?;
        let grant = work.lock_grant(found.id).await?.filter(|grant| grant.state != GrantState::Revoked);
        let grant = grant.ok_or(CancelError::NoGrant)?;
        let before = grant.state;
        let grant = grant.map(Grant::revoke);
        work.save_grant(&grant, now).await?;
        work.record_event(self.event_between(before, &grant, now)).await?;
        work.revoke_tokens_of(grant.id, now).await?;
        Ok(work.commit().await?)
    }

    /// The valid grant with this id and token, if its client signed the request.
    async fn continued_grant(
        &self,
        id: &str,
        token: &TokenValue,
        request: SignedRequest<'_>,
    ) -> Result<Grant, Unidentified> {
        let checked = request.check_headers().map_err(|error| Unidentified::Client(ClientError::Headers(error)))?;
        let found = match id.parse() {
            Ok(id) => self.inner.store.get_grant_by_continuation(id).await.map_err(Unidentified::Store)?,
            Err(_) => None,
        };
        let grant = found
            .filter(|grant| grant.state != GrantState::Revoked && grant.continuation.token.matches(token.expose()))
            .ok_or(Unidentified::NoGrant)?;
        self.authenticate(&checked, &grant.client).await.map_err(Unidentified::Client)?;
        self.count_continuation(&grant.client).await.map_err(Unidentified::TooMany)?;
        Ok(grant)
    }

    /// Counts a request about a grant that a client holds. Called after the client is verified, so that no other client
    /// can use up its count.
    pub(crate) async fn count_continuation(&self, client: &Client) -> Result<(), TooMany> {
        self.inner.limiter.take(&self.inner.settings.continuations_per_client, &client.identity()).await
    }
}
