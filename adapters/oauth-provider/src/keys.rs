//! The provider's public keys as this process knows them: fetched, kept, and fetched again for an unknown key.
//!
//! The check of a signature is in `token-keys`; claims are judged by the caller.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use outbound_http::{Outbound, Request};
use service_auth::Jws;
use token_keys::{KeySet, Verdict};

use crate::PublishedError;
use crate::kept::{Kept, Known, Next};

/// How long keys are used before they are fetched again.
const LIFE: Duration = Duration::from_mins(10);
/// Tokens with unknown keys cause a fetch this often.
const REFRESH: Duration = Duration::from_secs(30);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most of a document that is read.
const DOCUMENT_MAX: usize = 256 * 1024;

/// The keys of one provider. Clones share what was read.
#[derive(Clone, Debug)]
pub struct PublishedKeys {
    http: Outbound,
    kept: Arc<Kept<KeySet>>,
}

impl PublishedKeys {
    /// No keys yet.
    pub fn new(http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { http, kept: Arc::new(Kept::new(clock)) }
    }

    /// The keys to judge a token with. `request` is awaited only if keys have to be fetched: it asks for them. A key that is
    /// not known causes a fetch, but seldom. Tokens of known keys do not wait for it.
    pub async fn for_token<E: From<PublishedError>>(
        &self,
        token: &Jws<'_>,
        request: impl Future<Output = Result<Request, E>>,
    ) -> Result<Arc<KeySet>, E> {
        let read = async { Ok(self.fetch(request.await?).await) };
        let next = |known: &Known<KeySet>, now| {
            let is_known = |keys: &Arc<KeySet>| keys.judge(token) != Verdict::UnknownKey;
            let usable = known.within(LIFE, now).filter(is_known).or_else(|| known.within(REFRESH, now));
            match (usable, known.failure(now)) {
                (Some(keys), _) => Next::Use(Ok(keys)),
                // Keys that are too old may be of a provider that has replaced them since. They are not used.
                (None, Some(failure)) => Next::Use(Err(failure)),
                (None, None) => Next::Read,
            }
        };
        self.kept.get(next, read).await
    }

    async fn fetch(&self, request: Request) -> Result<KeySet, PublishedError> {
        let answer = self.http.send(request.deadline(DEADLINE).limit(DOCUMENT_MAX)).await;
        let answer = answer.map_err(|error| PublishedError::NoAnswer(error.to_string()))?;
        if answer.status.as_u16() != 200 {
            return Err(PublishedError::NoAnswer(format!("its keys: status {}", answer.status)));
        }
        answer.json().map_err(|error| PublishedError::Unusable(format!("its keys cannot be read: {error}")))
    }
}
