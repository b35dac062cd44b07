//! The provider's public keys as this process knows them: fetched, kept, and fetched again for an unknown key.
//! The check of a signature is in `token-keys`; claims are judged in `judge`.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::Request;
use service_auth::Jws;
use token_keys::{KeySet, Verdict};
use tokio::sync::Mutex;

use crate::provider::{Provider, ProviderError};

/// How long keys are used before they are fetched again.
const LIFE: Duration = Duration::from_mins(10);
/// Tokens with unknown keys cause a fetch this often.
const REFRESH: Duration = Duration::from_secs(30);
/// After a failure, the provider is not asked for this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// The keys of one provider.
#[derive(Debug)]
pub(crate) struct Keys {
    provider: Provider,
    clock: Arc<dyn Clock>,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: KeySet,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureFault {
    /// The keys are not known, because the provider does not answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// No key of the provider has made it.
    #[error("no key of the provider has signed the token")]
    Invalid,
}

impl Keys {
    pub(crate) fn new(provider: Provider, clock: Arc<dyn Clock>) -> Self {
        Self { provider, clock, cached: Mutex::default() }
    }

    /// Whether a key of the provider has signed the token.
    pub(crate) async fn verify(&self, token: &Jws<'_>) -> Result<(), SignatureFault> {
        match self.judge(token).await? {
            Verdict::Good => Ok(()),
            Verdict::Bad | Verdict::UnknownKey | Verdict::UnknownAlgorithm => Err(SignatureFault::Invalid),
        }
    }

    /// The verdict of the keys that are known, if they know the meant one. An unknown key causes a fetch, but seldom.
    async fn judge(&self, token: &Jws<'_>) -> Result<Verdict, ProviderError> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.wall();
        let is_fresh = cached.fetched_at.is_some_and(|at| now < at + LIFE);
        if is_fresh {
            let verdict = cached.keys.judge(token);
            let tried_recently = cached.tried_at.is_some_and(|at| now < at + REFRESH);
            if verdict != Verdict::UnknownKey || tried_recently {
                return Ok(verdict);
            }
        }
        // While the provider does not answer, callers do not wait for it one after the other.
        if !is_fresh && cached.tried_at.is_some_and(|at| now < at + MOMENT) {
            return Err(ProviderError::NoAnswer("its keys were asked for a moment ago".to_owned()));
        }
        cached.tried_at = Some(now);
        let keys = self.fetch().await?;
        *cached = Cached { keys, fetched_at: Some(now), tried_at: Some(now) };
        Ok(cached.keys.judge(token))
    }

    async fn fetch(&self) -> Result<KeySet, ProviderError> {
        let url = self.provider.keys_url().await?;
        let answer = self.provider.http().send(Request::get(url).deadline(DEADLINE).configured()).await;
        let answer = answer.map_err(|error| ProviderError::NoAnswer(error.to_string()))?;
        if answer.status.as_u16() != 200 {
            return Err(ProviderError::NoAnswer(format!("its keys: status {}", answer.status)));
        }
        answer.json().map_err(|error| ProviderError::Unusable(error.to_string()))
    }
}
