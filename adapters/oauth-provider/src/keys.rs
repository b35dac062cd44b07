//! The provider's public keys as this process knows them: fetched, kept, and fetched again for an unknown key.
//!
//! The check of a signature is in `token-keys`; claims are judged by the caller.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::{Outbound, Request};
use service_auth::Jws;
use token_keys::{KeySet, Verdict};
use tokio::sync::Mutex;

use crate::PublishedError;

/// How long keys are used before they are fetched again.
const LIFE: Duration = Duration::from_mins(10);
/// Tokens with unknown keys cause a fetch this often.
const REFRESH: Duration = Duration::from_secs(30);
/// After a failure, the provider is not asked for this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most of a document that is read.
const DOCUMENT_MAX: usize = 256 * 1024;

/// The keys of one provider. Clones share what was read.
#[derive(Clone, Debug)]
pub struct PublishedKeys {
    http: Outbound,
    clock: Arc<dyn Clock>,
    cached: Arc<Mutex<Cached>>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: Arc<KeySet>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl PublishedKeys {
    /// No keys yet.
    pub fn new(http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, cached: Arc::default() }
    }

    /// The keys to judge a token with. `request` is awaited only if keys have to be fetched: it asks for them. A key that is
    /// not known causes a fetch, but seldom.
    pub async fn for_token<E: From<PublishedError>>(
        &self,
        token: &Jws<'_>,
        request: impl Future<Output = Result<Request, E>>,
    ) -> Result<Arc<KeySet>, E> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.wall();
        let is_fresh = cached.fetched_at.is_some_and(|at| now < at + LIFE);
        if is_fresh {
            let tried_recently = cached.tried_at.is_some_and(|at| now < at + REFRESH);
            if tried_recently || cached.keys.judge(token) != Verdict::UnknownKey {
                return Ok(Arc::clone(&cached.keys));
            }
        }
        // While the provider does not answer, callers do not wait for it one after the other.
        if !is_fresh && cached.tried_at.is_some_and(|at| now < at + MOMENT) {
            return Err(PublishedError::NoAnswer("its keys were asked for a moment ago".to_owned()).into());
        }
        cached.tried_at = Some(now);
        let keys = Arc::new(self.fetch(request.await?).await?);
        *cached = Cached { keys: Arc::clone(&keys), fetched_at: Some(now), tried_at: Some(now) };
        Ok(keys)
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
