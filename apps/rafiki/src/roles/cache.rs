//! The cache a role shares with its other processes, or keeps to itself.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use config::{RedisSettings, Secret};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, RedisCache, RedisTls, SharedCache};

use crate::failure::Failure;

/// How long Redis may take for connecting and for each command.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// What counters of strangers' requests may take in one process. Apart from the rest, so that strangers cannot fill it.
const COUNTERS: InProcessLimits = InProcessLimits { entries: 1 << 17, bytes: 32 << 20 };

/// Counts what strangers do, together with the role's other processes where they share a server.
pub(crate) fn limiter(cache: &SharedCache, clock: Arc<dyn Clock>) -> Limiter {
    let counters = match cache {
        SharedCache::InProcess(_) => SharedCache::InProcess(InProcessCache::new(Arc::clone(&clock), COUNTERS)),
        shared @ SharedCache::Redis(_) => shared.clone(),
    };
    Limiter::new(counters, clock)
}

/// Redis if it is configured, else the memory of this process.
pub(crate) async fn open_cache(redis: Option<&RedisSettings>, clock: Arc<dyn Clock>) -> Result<SharedCache, Failure> {
    let Some(redis) = redis else {
        return Ok(SharedCache::InProcess(InProcessCache::new(clock, InProcessLimits::default())));
    };
    let url = redis.url.expose().parse().map_err(|error| Failure::start("REDIS_URL", error))?;
    let pem = |secret: &Secret| secret.expose().as_bytes().to_vec();
    let client = redis.certificate_pem.as_ref().zip(redis.key_pem.as_ref());
    let tls = (redis.ca_pem.is_some() || client.is_some()).then(|| RedisTls {
        authority: redis.ca_pem.as_ref().map(pem),
        client: client.map(|(certificate, key)| (pem(certificate), pem(key))),
    });
    let settings = shared_cache::RedisSettings { url, tls, time_limit: TIME_LIMIT };
    RedisCache::connect(settings).await.map(SharedCache::Redis).map_err(|error| Failure::start("Redis", error))
}
