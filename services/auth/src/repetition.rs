//! Requests for a token that a client sends again with the same `Idempotency-Key`, because no answer has reached it.
//!
//! The token of the answer is stored, sealed with the token that the client has shown, of which only a hash is stored.
//! So who reads the database cannot use it. What may be asked is in `tokens` and `continue_grant`.

use auth_model::{Grant, Issued, SecretHash};
use auth_store::{AuthUnit, KeptAnswer};
use gnap::TokenValue;
use sealed_text::{Place, Sealer};
use uuid::Uuid;

use crate::{Auth, StoreError};

/// A request that may be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeatable<'a> {
    /// The token that is exchanged, or the grant that is continued.
    asked: Uuid,
    /// The digest of key and body.
    request: SecretHash,
    /// What the client has shown.
    shown: &'a TokenValue,
}

impl<'a> Repeatable<'a> {
    /// A request with this key and body.
    pub(crate) fn new(asked: Uuid, key: &str, body: &[u8], shown: &'a TokenValue) -> Self {
        // A key has no line breaks, because it comes from a header.
        let request = SecretHash::of(&format!("{key}\n{}", String::from_utf8_lossy(body)));
        Self { asked, request, shown }
    }

    fn sealer(&self) -> Sealer {
        // The hash of the token itself is stored, so this is the hash of another text.
        let key = SecretHash::of(&format!("the answer to who shows {}", self.shown.expose()));
        Sealer::new(Some(key.as_bytes()), &[])
    }
}

impl Auth {
    /// Keeps a new token for the repetition of the request that gets it, in the unit that stores the token.
    pub(crate) async fn keep_for(
        &self,
        request: Option<Repeatable<'_>>,
        issued: &Issued,
        work: &AuthUnit,
    ) -> Result<(), StoreError> {
        let Some(request) = request else { return Ok(()) };
        let token = issued.token.management_id;
        let place = Place::TokenAnswer(token.as_uuid());
        let Ok(sealed) = request.sealer().seal(issued.value.expose(), place, &*self.inner.entropy) else {
            return Ok(());
        };
        work.keep_answer(&KeptAnswer { asked: request.asked, request: request.request, token, sealed }).await
    }

    /// The token that this request got before. There is none if the client shows something else, and if the token was
    /// exchanged or revoked since.
    pub(crate) async fn kept_for(
        &self,
        request: Option<Repeatable<'_>>,
    ) -> Result<Option<(Grant, Issued)>, StoreError> {
        let Some(request) = request else { return Ok(None) };
        let Some(kept) = self.inner.store.get_answer(request.asked, request.request).await? else { return Ok(None) };
        let place = Place::TokenAnswer(kept.token.management_id.as_uuid());
        let Ok(value) = request.sealer().open(&kept.sealed, place) else { return Ok(None) };
        Ok(Some((kept.grant, Issued { token: kept.token, value: value.into() })))
    }

    /// As it was told before, with the lifetime that is left.
    pub(crate) fn access_token_again(&self, grant: &Grant, issued: &Issued) -> gnap::AccessToken {
        let left = issued.token.expires_at.saturating_since(self.inner.clock.now());
        gnap::AccessToken { expires_in: Some(left.as_secs()), ..self.access_token(grant, issued) }
    }
}
