//! The cache a role shares with its other processes, and with itself after a restart.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use config::{DatabaseUrl, RedisSettings, Secret};
use database::{Database, Dialect, Durability, Options};
use shared_cache::{
    DatabaseCache, DatabaseLimits, InProcessCache, InProcessLimits, Limiter, MIGRATIONS, RedisCache, RedisTls,
    SharedCache,
};

use super::waiting::{Patience, Tried, until_done};
use crate::failure::Failure;

/// How long Redis may take for connecting and for each command.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// What values that strangers cause may take in one process.
const LOSSY: InProcessLimits = InProcessLimits { entries: 1 << 17, bytes: 32 << 20 };

/// Counts what strangers do, together with the role's other processes where they share a Redis server.
pub(crate) fn limiter(cache: &SharedCache, clock: Arc<dyn Clock>) -> Limiter {
    Limiter::new(lossy(cache, Arc::clone(&clock)), clock)
}

/// Counts what strangers do in this process alone.
pub(crate) fn memory_limiter(clock: Arc<dyn Clock>) -> Limiter {
    Limiter::new(SharedCache::InProcess(InProcessCache::new(Arc::clone(&clock), LOSSY)), clock)
}

/// Redis if it is configured, else a table in the role's database at `url`; beside it, if that is a file.
pub(crate) async fn open_cache(
    redis: Option<&RedisSettings>,
    url: &DatabaseUrl,
    database: &Database,
    clock: Arc<dyn Clock>,
) -> Result<SharedCache, Failure> {
    let Some(redis) = redis else {
        let database = match database.dialect() {
            Dialect::Postgres => database.clone(),
            Dialect::Sqlite => open_file(&url.sibling("shared")).await?,
        };
        return Ok(SharedCache::Database(DatabaseCache::new(database, clock, DatabaseLimits::default())));
    };
    connect(redis).await
}

/// Redis, once it has answered.
pub(crate) async fn connect(redis: &RedisSettings) -> Result<SharedCache, Failure> {
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

/// Waits until the cache answers, if there is one to wait for.
pub(crate) async fn for_cache(redis: Option<&RedisSettings>, patience: Patience) -> Result<(), Failure> {
    let Some(redis) = redis else { return Ok(()) };
    until_done(patience, || async {
        match connect(redis).await {
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

/// For what strangers cause and may be lost without harm: Redis where the role has it, else the memory of this process,
/// so that nobody outside makes a database write.
pub(crate) fn lossy(shared: &SharedCache, clock: Arc<dyn Clock>) -> SharedCache {
    match shared {
        SharedCache::Redis(_) => shared.clone(),
        SharedCache::Database(_) | SharedCache::InProcess(_) => {
            SharedCache::InProcess(InProcessCache::new(clock, LOSSY))
        }
    }
}

/// Makes the table where the role's database holds it.
pub(crate) async fn migrate(database: &Database) -> Result<(), database::Error> {
    match database.dialect() {
        Dialect::Postgres => database.migrate(&MIGRATIONS).await.map(|_| ()),
        Dialect::Sqlite => Ok(()),
    }
}

/// A file of its own, so that nobody waits for the one writer of the role's file, and without waiting for the disk: what
/// is remembered here outlives the process, and a loss of power takes its last moments along.
async fn open_file(url: &DatabaseUrl) -> Result<Database, Failure> {
    let failed = |error| Failure::start("the shared values", format!("{error} ({url})"));
    let options = Options { durability: Durability::ProcessEnd, sqlite_readers: 1, ..Options::default() };
    let database = Database::connect(url.expose(), &options).await.map_err(failed)?;
    database.migrate(&MIGRATIONS).await.map_err(failed)?;
    Ok(database)
}
