//! The cache that a role shares with its other processes. It outlives a restart.
//! What is stored in it is decided by its users.

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

/// The most connections to a Postgres server for shared values. Requests of the same time share one.
const CONNECTIONS: u32 = 4;

/// The most memory in one process for values that unknown clients cause.
const LOSSY: InProcessLimits = InProcessLimits { entries: 1 << 17, bytes: 32 << 20 };

/// Counts requests of unknown clients, together with the role's other processes if they share a Redis server.
pub(crate) fn limiter(cache: &SharedCache, clock: Arc<dyn Clock>) -> Limiter {
    Limiter::new(lossy(cache, Arc::clone(&clock)), clock)
}

/// Counts requests of unknown clients in this process alone.
pub(crate) fn memory_limiter(clock: Arc<dyn Clock>) -> Limiter {
    Limiter::new(SharedCache::InProcess(InProcessCache::new(Arc::clone(&clock), LOSSY)), clock)
}

/// Redis if it is configured, else a table in the role's database at `url`; if that is a file, a second file beside it.
pub(crate) async fn open_cache(
    redis: Option<&RedisSettings>,
    url: &DatabaseUrl,
    database: &Database,
    clock: Arc<dyn Clock>,
) -> Result<SharedCache, Failure> {
    let Some(redis) = redis else {
        let cache = |database| DatabaseCache::new(database, clock, DatabaseLimits::default());
        return Ok(SharedCache::Database(match database.dialect() {
            Dialect::Postgres => cache(open_beside(url).await?).written_within(database.clone()),
            Dialect::Sqlite => cache(open_file(&url.sibling("shared")).await?),
        }));
    };
    connect(redis).await
}

/// Connects to Redis and waits for its answer.
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

/// Whether a refusal of Redis, or of the connection to it, needs a change of the configuration.
fn needs_a_person(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["auth", "wrongpass", "noperm", "certificate", "redis_url cannot"].iter().any(|word| reason.contains(word))
}

/// A cache for values that unknown clients cause and that may be lost: Redis if the role has it, else the memory of
/// this process. So no request from outside causes a write to the database.
pub(crate) fn lossy(shared: &SharedCache, clock: Arc<dyn Clock>) -> SharedCache {
    match shared {
        SharedCache::Redis(_) => shared.clone(),
        SharedCache::Database(_) | SharedCache::InProcess(_) => {
            SharedCache::InProcess(InProcessCache::new(clock, LOSSY))
        }
    }
}

/// Creates the table if the role's database holds the cache.
pub(crate) async fn migrate(database: &Database) -> Result<(), database::Error> {
    match database.dialect() {
        Dialect::Postgres => database.migrate(&MIGRATIONS).await.map(|_| ()),
        Dialect::Sqlite => Ok(()),
    }
}

/// Connections of its own, because these commits do not wait for the disk. What they wrote outlives the process; a crash
/// of the database server loses the last moments, as with Redis.
async fn open_beside(url: &DatabaseUrl) -> Result<Database, Failure> {
    let options =
        Options { durability: Durability::ProcessEnd, postgres_connections: CONNECTIONS, ..Options::default() };
    let failed = |error| Failure::start("the shared values", format!("{error} ({url})"));
    Database::connect(url.expose(), &options).await.map_err(failed)
}

/// A separate file, so that it does not use the one writer of the role's file, and does not wait for the disk. Its
/// contents outlive the process; a loss of power loses the last moments.
async fn open_file(url: &DatabaseUrl) -> Result<Database, Failure> {
    let failed = |error| Failure::start("the shared values", format!("{error} ({url})"));
    let options = Options { durability: Durability::ProcessEnd, sqlite_readers: 1, ..Options::default() };
    let database = Database::connect(url.expose(), &options).await.map_err(failed)?;
    database.migrate(&MIGRATIONS).await.map_err(failed)?;
    Ok(database)
}
