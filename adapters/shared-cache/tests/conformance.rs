//! What both caches must do alike, run against each.
//!
//! Redis runs as a throw-away server on a socket of its own. Where the binary is missing, that is said loudly.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{ManualClock, SystemClock, Timestamp};
use shared_cache::{CacheError, InProcessCache, InProcessLimits, RedisCache, RedisSettings, SharedCache};
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

    assert_eq!(cache.add("total", 5, MINUTE).await.unwrap(), 5);
    assert_eq!(cache.add("total", -7, MINUTE).await.unwrap(), -2);
    assert_eq!(cache.get("total").await.unwrap(), Some(text("-2")));
    assert!(matches!(cache.add("lock", 1, MINUTE).await, Err(CacheError::NotCountable { .. })));
    cache.add("high", i64::MAX, MINUTE).await.unwrap();
    assert!(matches!(cache.add("high", 1, MINUTE).await, Err(CacheError::NotCountable { .. })));
    assert_eq!(cache.get("high").await.unwrap(), Some(i64::MAX.to_string().into()));
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
    a_waiter_gets_the_published_value(cache.clone(), cache).await;
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
