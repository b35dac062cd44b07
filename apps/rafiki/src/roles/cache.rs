//! The cache a role shares with its other processes, or keeps to itself.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use config::{RedisSettings, Secret};
use shared_cache::{InProcessCache, InProcessLimits, RedisCache, RedisTls, SharedCache};

use super::ground::Ground;
use super::waiting::{Patience, Tried, until_done};
use crate::failure::Failure;

/// How long Redis may take for connecting and for each command.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Waits until the cache answers, if there is one to wait for.
pub(crate) async fn for_cache(
    redis: Option<&RedisSettings>,
    ground: &Ground,
    patience: Patience,
) -> Result<(), Failure> {
    until_done(patience, || async {
        match open_cache(redis, Arc::clone(&ground.clock)).await {
            Ok(_) => Tried::Done(()),
            Err(failure) if needs_a_person(&failure.to_string()) => Tried::Never(failure),
            Err(failure) => Tried::NotYet(failure),
        }
    })
    .await
}

/// Whether a refusal of Redis, or of the way to it, will not pass by itself.
fn needs_a_person(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["auth", "wrongpass", "noperm", "certificate", "redis_url cannot"].iter().any(|word| reason.contains(word))
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
