//! Checks the secret of an identity provider, and limits guesses: by one source, and by many sources together.
//!
//! After each wrong guess a source has to wait longer. Sources that have never shown the right secret of a tenant share
//! a limit of a few attempts a minute. They are counted before the secret is compared, so parallel guesses are counted
//! too. A source that has shown the right secret is not counted. So an attacker with many addresses cannot lock out the
//! provider. Only a provider with a new address may have to wait for the next minute.

use std::time::Duration;

use auth_model::{IdentityProvider, TenantId};
use bytes::Bytes;
use clock::Timestamp;
use shared_cache::{Lockout, Rate, TooMany};

use crate::Auth;

const OF_SOURCE: Lockout = Lockout::of_secrets("idp-secret");
/// How often guesses of a tenant's secret are logged.
const LOGGED: Rate = Rate { name: "idp-secret-logged", at_most: Some(1), within: Duration::from_mins(1) };
/// How long a source is known after it has shown the right secret.
const KNOWN_FOR: Duration = Duration::from_hours(24 * 30);
/// The age at which the mark of a known source is set again. So a source that calls daily stays known.
const RENEWED_AFTER: Duration = Duration::from_hours(24);

/// How the caller proves that it is a tenant's identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderProof<'p> {
    /// The secret that it shows.
    Secret(&'p str),
    /// A token that was accepted, of a service that acts for one tenant.
    Of(TenantId),
    /// A token that was accepted, of a service that acts for every tenant.
    OfEveryTenant,
}

/// Why the secret is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotShown {
    /// It is wrong.
    Wrong,
    /// It was not compared.
    TooMany(TooMany),
}

impl Auth {
    /// Whether `source` may show a secret now. This is checked before anything else, so that a source that is locked
    /// out learns nothing.
    pub(crate) async fn may_show_secret(&self, source: &str) -> Result<(), TooMany> {
        self.inner.limiter.may_try(&OF_SOURCE, source).await
    }

    /// Checks the secret that `source` shows for a tenant. A token cannot be guessed, so nothing is counted for it.
    pub(crate) async fn check_secret_of(
        &self,
        tenant: TenantId,
        provider: &IdentityProvider,
        proof: ProviderProof<'_>,
        source: &str,
    ) -> Result<(), NotShown> {
        let secret = match proof {
            ProviderProof::OfEveryTenant => return Ok(()),
            ProviderProof::Of(own) if own == tenant => return Ok(()),
            ProviderProof::Of(_) => return Err(NotShown::Wrong),
            ProviderProof::Secret(secret) => secret,
        };
        let limiter = &self.inner.limiter;
        let mark = format!("auth:idp-source:{tenant}:{source}");
        let known = self.inner.cache.get(&mark).await.ok().flatten();
        if known.is_none() {
            let taken = limiter.take(&self.inner.settings.provider_secrets_from_new_sources, &tenant.to_string()).await;
            if let Err(refused) = taken {
                self.log_guessing(tenant, source).await;
                return Err(NotShown::TooMany(refused));
            }
        }

        let now = self.inner.clock.now();
        if !provider.secret.is_shown_by(secret, now) {
            tracing::warn!(tenant.id = %tenant, source, "audit: a wrong secret of the identity provider was shown");
            limiter.failed(&OF_SOURCE, source).await;
            return Err(NotShown::Wrong);
        }

        limiter.succeeded(&OF_SOURCE, source).await;
        let is_fresh = known.as_deref().is_some_and(|known| is_fresh(known, now));
        let set_at = Bytes::from(now.as_millis().to_string());
        if !is_fresh && let Err(error) = self.inner.cache.set(&mark, set_at, KNOWN_FOR).await {
            tracing::warn!(%error, "an identity provider's address is not remembered; it counts as a new one");
        }
        Ok(())
    }

    /// Writes one line a minute, so that an attacker cannot fill the log.
    async fn log_guessing(&self, tenant: TenantId, source: &str) {
        if self.inner.limiter.take(&LOGGED, &tenant.to_string()).await.is_ok() {
            tracing::warn!(
                tenant.id = %tenant,
                source,
                "audit: the identity provider's secret is tried from many addresses; new addresses have to wait a minute, \
                 addresses that have shown the right secret do not"
            );
        }
    }
}

/// Whether a mark was set less than a day ago. The content of a mark is the time at which it was set, in milliseconds.
fn is_fresh(mark: &[u8], now: Timestamp) -> bool {
    let set_at = std::str::from_utf8(mark).ok().and_then(|millis| millis.parse::<i64>().ok());
    set_at.is_some_and(|set_at| now.saturating_since(Timestamp::from_millis(set_at)) < RENEWED_AFTER)
}
