//! A provider that takes connections and says nothing: callers do not wait for it one after the other.
//! What a document says is tested beside its code.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use clock::{Clock, Timestamp};
use oauth_provider::{Places, PublishedError, PublishedKeys, PublishedMetadata};
use outbound_http::{Outbound, OutboundConfig, Request};
use serde_json::json;
use service_auth::{Jws, signing_input, with_signature};
use tokio::time::Instant;
use url::Url;

const MINUTE: Duration = Duration::from_mins(1);

/// The time of the runtime, which passes while somebody waits.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH + self.0.elapsed()
    }
}

#[derive(Default)]
struct Provider {
    asked: AtomicUsize,
    is_away: AtomicBool,
}

struct Scene {
    provider: Arc<Provider>,
    base: Url,
    clock: Arc<dyn Clock>,
    http: Outbound,
}

async fn answer(State((provider, base)): State<(Arc<Provider>, Url)>, place: Uri) -> String {
    provider.asked.fetch_add(1, Ordering::SeqCst);
    if provider.is_away.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if place.path() == "/keys" { json!({"keys": []}).to_string() } else { json!({"issuer": base}).to_string() }
}

impl Scene {
    /// A provider that answers, and a clock that stands still unless somebody waits.
    async fn start() -> Self {
        let provider = Arc::new(Provider::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let app = Router::new().fallback(answer).with_state((Arc::clone(&provider), base.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        tokio::time::pause();
        let clock: Arc<dyn Clock> = Arc::new(RuntimeClock(Instant::now()));
        let http = Outbound::new(OutboundConfig::default(), Arc::clone(&clock)).unwrap();
        Self { provider, base, clock, http }
    }

    fn goes_away(&self) {
        self.provider.is_away.store(true, Ordering::SeqCst);
    }

    fn comes_back(&self) {
        self.provider.is_away.store(false, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.provider.asked.load(Ordering::SeqCst)
    }

    fn metadata(&self) -> PublishedMetadata {
        PublishedMetadata::new(self.base.clone(), Places::OpenId, self.http.clone(), Arc::clone(&self.clock))
    }
}

/// The results of four callers at the same time, and how many seconds they have waited in all.
async fn four<T>(call: impl AsyncFn() -> T) -> ([T; 4], u64) {
    let start = Instant::now();
    let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
    ([a, b, c, d], start.elapsed().as_secs())
}

#[tokio::test]
async fn metadata_of_a_silent_provider_is_asked_for_once_however_many_wait() {
    let scene = Scene::start().await;
    let metadata = scene.metadata();
    scene.goes_away();
    let (results, waited) = four(|| metadata.get()).await;
    assert!(results.iter().all(|result| matches!(result, Err(PublishedError::NoAnswer(_)))), "{results:?}");
    assert_eq!((scene.asked(), waited), (1, 2), "it is asked once, and nobody waits longer than that takes");
    assert!(metadata.get().await.is_err());
    assert_eq!(scene.asked(), 1, "it is not asked again at once");

    scene.comes_back();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(metadata.get().await.is_ok());
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn old_metadata_is_used_while_the_provider_is_silent_and_one_caller_at_a_time_asks() {
    let scene = Scene::start().await;
    let metadata = scene.metadata();
    metadata.get().await.unwrap();
    scene.goes_away();
    tokio::time::advance(60 * MINUTE).await;
    let start = Instant::now();
    let (asking, ()) = tokio::join!(metadata.get(), async {
        for _ in 0..3 {
            assert!(metadata.get().await.is_ok());
        }
        assert_eq!(start.elapsed().as_secs(), 0, "the others do not wait");
        assert!(metadata.known().is_some());
    });
    assert!(asking.is_ok());
    assert_eq!((scene.asked(), start.elapsed().as_secs()), (2, 2));
    let (results, waited) = four(|| metadata.get()).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((scene.asked(), waited), (2, 0), "the failure is remembered");
}

#[tokio::test]
async fn keys_of_a_silent_provider_are_asked_for_once_and_old_ones_are_not_used() {
    let scene = Scene::start().await;
    let keys = PublishedKeys::new(scene.http.clone(), Arc::clone(&scene.clock));
    let text = with_signature(&signing_input(&json!({"alg": "EdDSA", "kid": "k"}), &json!({})), b"x");
    let token = Jws::read(&text).unwrap();
    let place = scene.base.join("keys").unwrap();
    let get = || keys.for_token(&token, async { Ok::<_, PublishedError>(Request::get(place.clone()).configured()) });

    get().await.unwrap();
    tokio::time::advance(Duration::from_secs(29)).await;
    get().await.unwrap();
    assert_eq!(scene.asked(), 1, "unknown keys are asked for seldom");

    scene.goes_away();
    for passed in [Duration::from_secs(1), 10 * MINUTE] {
        tokio::time::advance(passed).await;
        let before = scene.asked();
        let (results, waited) = four(get).await;
        assert!(results.iter().all(|result| matches!(result, Err(PublishedError::NoAnswer(_)))), "{results:?}");
        assert_eq!((scene.asked() - before, waited), (1, 2), "after {passed:?}");
    }
    scene.comes_back();
    assert!(get().await.is_err(), "it was asked a moment ago");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(get().await.is_ok());
}
