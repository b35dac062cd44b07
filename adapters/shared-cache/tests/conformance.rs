//! What all caches must do alike, run against each.
//!
//! Redis runs as a throw-away server on a socket of its own. Where the binary is missing, that is said loudly.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, ManualClock, SystemClock, Timestamp};
use shared_cache::{
    CacheError, DatabaseCache, DatabaseLimits, InProcessCache, InProcessLimits, MIGRATIONS, RedisCache, RedisSettings,
    SharedCache,
};
use testkit::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const MINUTE: Duration = Duration::from_mins(1);

struct RedisServer {
    process: Child,
    _folder: tempfile::TempDir,
    cache: RedisCache,
    other: RedisCache,
}

/// A server of its own with two clients, or `None` where no binary is installed.
async fn redis_server() -> Option<RedisServer> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let started = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut process) = started else {
        eprintln!("SKIPPED against Redis: no redis-server binary on the PATH (Debian package redis-server)");
        return None;
    };
    let settings = RedisSettings {
        url: format!("redis+unix://{}", socket.display()).parse().unwrap(),
        tls: None,
        time_limit: Duration::from_secs(5),
    };
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        if line.contains("ready to accept connections") || line.contains("Ready to accept connections") {
            break;
        }
    }
    // Read on to the end, so that the server never blocks on a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    let cache = RedisCache::connect(settings.clone()).await.unwrap();
    let other = RedisCache::connect(settings).await.unwrap();
    Some(RedisServer { process, _folder: folder, cache, other })
}

fn in_process() -> SharedCache {
    SharedCache::InProcess(InProcessCache::new(Arc::new(SystemClock), InProcessLimits::default()))
}

fn text(value: &'static str) -> Bytes {
    Bytes::from_static(value.as_bytes())
}

async fn values_are_kept_locked_and_counted(cache: SharedCache) {
    assert_eq!(cache.get("a").await.unwrap(), None);
    cache.set("a", text("1"), MINUTE).await.unwrap();
    cache.set("a", text("2"), MINUTE).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), Some(text("2")));

    assert!(cache.set_if_absent("lock", text("me"), MINUTE).await.unwrap());
    assert!(!cache.set_if_absent("lock", text("you"), MINUTE).await.unwrap());
    assert!(!cache.remove_if("lock", b"you").await.unwrap());
    assert!(cache.remove_if("lock", b"me").await.unwrap());
    assert!(!cache.remove_if("lock", b"me").await.unwrap());
    assert!(cache.set_if_absent("lock", text("you"), MINUTE).await.unwrap());

    assert!(cache.use_up("nonce", Some(b"me"), MINUTE).await.unwrap());
    assert!(cache.use_up("nonce", Some(b"me"), MINUTE).await.unwrap());
    assert!(!cache.use_up("nonce", Some(b"you"), MINUTE).await.unwrap());
    assert!(!cache.use_up("nonce", None, MINUTE).await.unwrap());
    assert!(cache.use_up("other nonce", None, MINUTE).await.unwrap());
    assert!(!cache.use_up("other nonce", None, MINUTE).await.unwrap());

    assert_eq!(cache.add("total", 5, MINUTE).await.unwrap(), 5);
    assert_eq!(cache.add("total", -7, MINUTE).await.unwrap(), -2);
    assert_eq!(cache.get("total").await.unwrap(), Some(text("-2")));
    assert!(matches!(cache.add("lock", 1, MINUTE).await, Err(CacheError::NotCountable { .. })));
    cache.add("high", i64::MAX, MINUTE).await.unwrap();
    assert!(matches!(cache.add("high", 1, MINUTE).await, Err(CacheError::NotCountable { .. })));
    assert_eq!(cache.get("high").await.unwrap(), Some(i64::MAX.to_string().into()));
}

async fn a_value_is_replaced_by_a_caller_that_knows_it_and_its_waiters_are_woken(
    waiting: SharedCache,
    other: SharedCache,
) {
    assert!(!other.replace_if("claim", b"mine", text("done"), MINUTE).await.unwrap());
    assert!(other.set_if_absent("claim", text("mine"), MINUTE).await.unwrap());
    assert!(!other.replace_if("claim", b"yours", text("done"), MINUTE).await.unwrap());
    let not_mine = |found: &Option<Bytes>| *found != Some(text("mine"));
    assert_eq!(waiting.wait_until("claim", Duration::from_millis(1), not_mine).await.unwrap(), None);
    let waiter = tokio::spawn({
        let waiting = waiting.clone();
        async move { waiting.wait_until("claim", MINUTE, not_mine).await }
    });
    tokio::task::yield_now().await;
    assert!(other.replace_if("claim", b"mine", text("done"), MINUTE).await.unwrap());
    assert_eq!(waiter.await.unwrap().unwrap(), Some(Some(text("done"))));
    let gone = tokio::spawn(async move { waiting.wait_until("claim", MINUTE, Option::is_none).await });
    tokio::task::yield_now().await;
    assert!(other.remove_if("claim", b"done").await.unwrap());
    assert_eq!(gone.await.unwrap().unwrap(), Some(None));
}

async fn a_waiter_gets_the_published_value(waiting: SharedCache, publishing: SharedCache) {
    assert_eq!(waiting.wait_for("decision", Duration::from_millis(1)).await.unwrap(), None);
    let waiter = tokio::spawn({
        let waiting = waiting.clone();
        async move { waiting.wait_for("decision", MINUTE).await }
    });
    tokio::task::yield_now().await;
    publishing.publish("decision", text("yes"), MINUTE).await.unwrap();
    assert_eq!(waiter.await.unwrap().unwrap(), Some(text("yes")));
    assert_eq!(waiting.wait_for("decision", MINUTE).await.unwrap(), Some(text("yes")));
}

#[tokio::test]
async fn the_in_process_cache_does_all_a_shared_cache_does() {
    values_are_kept_locked_and_counted(in_process()).await;
    let cache = in_process();
    a_waiter_gets_the_published_value(cache.clone(), cache.clone()).await;
    a_value_is_replaced_by_a_caller_that_knows_it_and_its_waiters_are_woken(cache.clone(), cache).await;
}

#[tokio::test]
async fn redis_does_all_a_shared_cache_does() {
    let Some(server) = redis_server().await else { return };
    values_are_kept_locked_and_counted(SharedCache::Redis(server.cache.clone())).await;
    a_waiter_gets_the_published_value(
        SharedCache::Redis(server.cache.clone()),
        SharedCache::Redis(server.other.clone()),
    )
    .await;
    a_value_is_replaced_by_a_caller_that_knows_it_and_its_waiters_are_woken(
        SharedCache::Redis(server.cache.clone()),
        SharedCache::Redis(server.other.clone()),
    )
    .await;
}

/// The caches of two processes on one database.
async fn two_on(database: &TestDatabase, clock: Arc<dyn Clock>, limits: DatabaseLimits) -> [SharedCache; 2] {
    database.migrate(&MIGRATIONS).await.unwrap();
    let cache = |database| SharedCache::Database(DatabaseCache::new(database, clock.clone(), limits));
    [cache((**database).clone()), cache(database.connect_again().await)]
}

testkit::on_each_database! {
    async fn a_database_does_all_a_shared_cache_does(database) {
        let [one, other] = two_on(&database, Arc::new(SystemClock), DatabaseLimits::default()).await;
        values_are_kept_locked_and_counted(one.clone()).await;
        a_waiter_gets_the_published_value(one.clone(), other.clone()).await;
        a_value_is_replaced_by_a_caller_that_knows_it_and_its_waiters_are_woken(one, other).await;
    }

    async fn of_many_at_once_one_finds_a_name_free_and_no_count_is_lost(database) {
        let caches = two_on(&database, Arc::new(SystemClock), DatabaseLimits::default()).await;
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let cache = caches[number % 2].clone();
                tokio::spawn(async move {
                    cache.add("total", 1, MINUTE).await.unwrap();
                    cache.set_if_absent("lock", number.to_string().into(), MINUTE).await.unwrap()
                })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            winners += u32::from(task.await.unwrap());
        }
        assert_eq!((winners, caches[0].get("total").await.unwrap()), (1, Some(text("16"))));
    }

    async fn values_in_a_database_run_out_and_are_removed(database) {
        let clock = testkit::manual_clock();
        let limits = DatabaseLimits { rows: 2, ..DatabaseLimits::default() };
        let [cache, other] = two_on(&database, clock.clone(), limits).await;
        assert!(cache.set_if_absent("a", text("1"), MINUTE).await.unwrap());
        assert_eq!(other.add("total", 5, MINUTE * 3).await.unwrap(), 5);
        clock.advance(Duration::from_millis(59_999));
        assert!(!other.set_if_absent("a", text("2"), MINUTE).await.unwrap());
        clock.advance(Duration::from_millis(1));
        assert_eq!(cache.get("a").await.unwrap(), None);
        assert!(!cache.replace_if("a", b"1", text("2"), MINUTE).await.unwrap());
        assert!(other.set_if_absent("a", text("2"), MINUTE).await.unwrap());

        // Two live rows are the limit: the next look finds the table full, and one after a minute finds room.
        clock.advance(Duration::from_secs(59));
        cache.set("b", text("1"), MINUTE).await.unwrap();
        clock.advance(Duration::from_secs(1));
        let left = database.execute("UPDATE shared_values SET expires_at = expires_at", []).await.unwrap();
        assert_eq!(left, 3, "a, b and the total");
        cache.set("b", text("2"), MINUTE).await.unwrap();
        let left = database.execute("UPDATE shared_values SET expires_at = expires_at", []).await.unwrap();
        assert_eq!(left, 2, "what had run out is gone");
        assert!(matches!(cache.set("c", text("1"), MINUTE).await, Err(CacheError::Full)));
        clock.advance(MINUTE * 2);
        cache.set("c", text("1"), MINUTE).await.unwrap();
    }
}

#[tokio::test]
async fn redis_forgets_what_has_run_out_and_a_count_prolongs_the_life_of_its_counter() {
    let Some(server) = redis_server().await else { return };
    let cache = SharedCache::Redis(server.cache.clone());
    cache.add("total", 5, Duration::from_millis(1)).await.unwrap();
    while cache.get("total").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.add("total", 5, Duration::from_millis(1)).await.unwrap(), 5);
    let again = cache.add("total", 5, MINUTE).await.unwrap();
    assert!(again == 10 || again == 5, "the counter was either alive or had run out: {again}");
    assert!(cache.get("total").await.unwrap().is_some());
}

#[tokio::test]
async fn a_lost_server_is_an_error_and_not_a_wait() {
    let Some(mut server) = redis_server().await else { return };
    server.process.kill().await.unwrap();
    let cache = SharedCache::Redis(server.cache.clone());
    assert!(matches!(cache.get("a").await, Err(CacheError::Unavailable { .. })));
}

#[tokio::test]
async fn in_process_values_run_out_by_the_given_clock() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    cache.add("total", 5, MINUTE).await.unwrap();
    cache.set("a", text("1"), MINUTE).await.unwrap();
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(cache.add("total", 5, MINUTE).await.unwrap(), 10);
    assert_eq!(cache.get("a").await.unwrap(), Some(text("1")));
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.add("total", 5, MINUTE).await.unwrap(), 15);
}

#[tokio::test]
async fn a_full_in_process_cache_refuses_until_something_runs_out() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let limits = InProcessLimits { entries: 2, bytes: 10 };
    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), limits));
    cache.set("a", text("1"), MINUTE).await.unwrap();
    cache.set("b", text("1"), MINUTE * 2).await.unwrap();
    assert!(matches!(cache.set("c", text("1"), MINUTE).await, Err(CacheError::Full)));
    assert!(matches!(cache.set("a", text("123456789"), MINUTE).await, Err(CacheError::Full)));
    cache.set("a", text("12"), MINUTE).await.unwrap();
    clock.advance(MINUTE);
    cache.set("c", text("1"), MINUTE).await.unwrap();
    assert_eq!(cache.get("b").await.unwrap(), Some(text("1")));
}
