//! Tokens that end after a minute, for ten minutes of a clock that the test moves, under calls all the time.
//! When a token is renewed, and what happens while the provider is away, is tested in `identity`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use outbound_http::{Outbound, OutboundConfig, Request};
use serde_json::{Value, json};
use service_auth::Wanted;
use service_identity::{
    ClientIdentity, Credential, Provider, ProviderSettings, SecretPlace, ServiceTokens, TokenSettings,
};

const LIFE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(500);
const TEN_MINUTES: Duration = Duration::from_mins(10);

#[derive(Clone)]
struct Played {
    clock: Arc<ManualClock>,
    issued: Arc<AtomicUsize>,
}

/// Each token says when it ends.
async fn issue(State(played): State<Played>) -> Json<Value> {
    played.issued.fetch_add(1, Ordering::SeqCst);
    let until = played.clock.now().saturating_add(LIFE).as_millis();
    Json(json!({"access_token": format!("until-{until}"), "token_type": "Bearer", "expires_in": LIFE.as_secs()}))
}

/// Refuses tokens that have ended.
async fn callee(State(played): State<Played>, headers: HeaderMap) -> StatusCode {
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let until = shown.strip_prefix("Bearer until-").and_then(|until| until.parse().ok());
    match until.map(Timestamp::from_millis) {
        Some(until) if played.clock.now() < until => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    }
}

#[tokio::test]
async fn for_ten_minutes_no_call_fails_although_each_token_ends_after_a_minute() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let played = Played { clock: Arc::clone(&clock), issued: Arc::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/token", post(issue)).route("/callee", get(callee)).with_state(played.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let http = Outbound::new(OutboundConfig::default(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let at_provider = ProviderSettings { token: format!("{base}/token").parse().ok(), ..ProviderSettings::default() };
    let provider = Provider::new(at_provider, http.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
    let credential = Credential::Secret("secret".to_owned(), SecretPlace::Form);
    let identity = ClientIdentity { id: "me".to_owned(), credential };
    let entropy = Arc::new(SeededEntropy::new(1));
    let of_tokens = Arc::clone(&clock) as Arc<dyn Clock>;
    let tokens = ServiceTokens::new(provider, identity, TokenSettings::default(), of_tokens, entropy);

    let call = async || {
        let request = Request::get(format!("{base}/callee").parse().unwrap()).configured();
        tokens.send(&http, Wanted::RATES, request).await.unwrap().status
    };
    let (mut passed, mut calls) = (Duration::ZERO, 0);
    while passed < TEN_MINUTES {
        let answers = tokio::join!(call(), call(), call(), call());
        for answer in [answers.0, answers.1, answers.2, answers.3] {
            assert_eq!(answer, 200, "after {passed:?}");
            calls += 1;
        }
        clock.advance(STEP);
        passed += STEP;
    }
    assert_eq!(calls, 4_800);
    // Each serves for four fifths of its minute.
    assert_eq!(played.issued.load(Ordering::SeqCst), 600_usize.div_ceil(48));
}
