//! The client against a stand-in institution over real HTTP, which verifies every signature.
//! The published clients are tested in `proof/interop`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock, Timestamp};
use gnap::{AccessType, Action};
use http_signatures::{Freshness, Jwk, SignedRequest, Signer, SigningKey, TargetOrigin, verify};
use open_payments::{CreateIncomingPayment, PublicIncomingPayment};
use open_payments_client::{
    ClientError, GrantError, KeyLookupError, KeySets, KeySetsConfig, OpenPaymentsClient, PublicResources, RetryPolicy,
};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_718_000_000_000);
const CLIENT: &str = "https://client.example/app";

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    // Identifiers are https; development carries them over http.
    format!("https://{address}")
}

fn public(clock: Arc<dyn Clock>) -> PublicResources {
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
    let policy = RetryPolicy { first_pause: Duration::from_millis(1), ..RetryPolicy::default() };
    PublicResources::new(outbound, policy, clock)
}

fn signer() -> Arc<Signer> {
    Arc::new(Signer::new(SigningKey::from_seed(&[3; 32]), "key-1").unwrap())
}

fn client() -> OpenPaymentsClient {
    OpenPaymentsClient::new(public(Arc::new(ManualClock::at(NOW))), CLIENT, signer())
}

async fn require_signature(State(key): State<Jwk>, request: HttpRequest, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let target = TargetOrigin::Host.target_uri(parts.uri.path(), &parts.headers).unwrap();
    let signed =
        SignedRequest { method: parts.method.as_str(), target_uri: &target, headers: &parts.headers, body: &body };
    match verify(signed, &key, Freshness::default(), NOW) {
        Ok(_) => next.run(HttpRequest::from_parts(parts, body.into())).await,
        Err(error) => (StatusCode::IM_A_TEAPOT, error.to_string()).into_response(),
    }
}

fn payment(completed: bool, received: &str) -> Value {
    json!({
        "id": "https://b.example/t/incoming-payments/1", "walletAddress": "https://b.example/bob",
        "receivedAmount": {"value": received, "assetCode": "USD", "assetScale": 2}, "completed": completed,
        "createdAt": "2026-01-31T12:00:00.000Z", "methods": [{"type": "ilp", "ilpAddress": "g.b", "sharedSecret": "c2VjcmV0"}],
    })
}

fn token_of(headers: &HeaderMap) -> &str {
    headers.get("authorization").map_or("", |value| value.to_str().unwrap())
}

async fn institution() -> String {
    let create = async |headers: HeaderMap, Json(body): Json<Value>| match token_of(&headers) {
        "GNAP good" if body["walletAddress"] == "https://b.example/bob" => {
            (StatusCode::CREATED, Json(payment(false, "0")))
        }
        "GNAP odd" => (StatusCode::CREATED, Json(payment(false, "7"))),
        _ => (StatusCode::FORBIDDEN, Json(json!({"error": {"code": "403", "description": "Insufficient Grant"}}))),
    };
    let grant = async |Path(path): Path<String>, Json(body): Json<Value>| {
        assert_eq!(body["client"], json!({"walletAddress": CLIENT}));
        assert_eq!(
            body["access_token"],
            json!({"access": [{"type": "incoming-payment", "actions": ["create", "read-all"]}]})
        );
        match path.as_str() {
            "silent" => Json(json!({
                "access_token": {"value": "good", "manage": "https://m.example/token/1", "expires_in": 600, "access": [{"new": 1}]},
                "continue": {"uri": "x", "access_token": {"value": "c"}},
            })),
            _ => Json(
                json!({"interact": {"redirect": "x", "finish": "y"}, "continue": {"uri": "x", "access_token": {"value": "c"}}}),
            ),
        }
    };
    let rotate = async |headers: HeaderMap| match token_of(&headers) {
        "GNAP good" if headers["idempotency-key"] == "key-1" => {
            Ok(Json(json!({"access_token": {"value": "better", "manage": "m", "access": []}})))
        }
        _ => Err(StatusCode::NOT_FOUND),
    };
    let router = Router::new()
        .route("/incoming-payments", post(create))
        .route("/incoming-payments/1", get(async || Json(payment(false, "5"))))
        .route("/incoming-payments/1/complete", post(async || Json(payment(true, "5"))))
        .route("/auth/{tenant}", post(grant))
        .route("/token/1", post(rotate).delete(async || StatusCode::NO_CONTENT))
        .layer(from_fn_with_state(signer().jwk().clone(), require_signature));
    serve(router).await
}

#[tokio::test]
async fn a_payment_is_created_read_and_completed_with_signed_requests() {
    let (server, client) = (institution().await, client());
    let address = serde_json::from_value(json!({
        "id": "https://b.example/bob", "assetCode": "USD", "assetScale": 2, "authServer": "x", "resourceServer": format!("{server}/"),
    }))
    .unwrap();
    let wallet_address = "https://b.example/bob".to_owned();
    let request = CreateIncomingPayment { wallet_address, incoming_amount: None, expires_at: None, metadata: None };
    let created = client.create_incoming_payment(&address, &request, Some("key-1"), "good").await.unwrap();
    assert_eq!(created.methods.unwrap().len(), 1);
    let refused = client.create_incoming_payment(&address, &request, None, "bad").await.unwrap_err();
    assert!(
        matches!(&refused, ClientError::Unauthorized { status: 403, description, .. } if description == "Insufficient Grant")
    );
    let odd = client.create_incoming_payment(&address, &request, None, "odd").await.unwrap_err();
    assert!(matches!(odd, ClientError::Unusable { .. }));

    let url = format!("{server}/incoming-payments/1");
    assert_eq!(client.incoming_payment(&url, "good").await.unwrap().received_amount.value, 5);
    assert!(client.complete_incoming_payment(&url, "good").await.unwrap().completed);
    let unknown = client.incoming_payment(&format!("{server}/incoming-payments/1/x"), "good").await.unwrap_err();
    assert!(matches!(unknown, ClientError::NotFound { .. }) && !unknown.is_transient());
}

#[tokio::test]
async fn a_grant_is_requested_rotated_and_revoked_and_one_needing_consent_is_refused() {
    let (server, client) = (institution().await, client());
    let ask = async |path: &str| {
        let url = format!("{server}/auth/{path}");
        client.request_grant(&url, AccessType::IncomingPayment, &[Action::Create, Action::ReadAll]).await
    };
    let token = ask("silent").await.unwrap();
    assert_eq!((token.value.expose(), token.expires_in), ("good", Some(Duration::from_mins(10))));
    assert!(matches!(ask("interactive").await, Err(GrantError::RequiresInteraction)));
    let manage = format!("{server}/token/1");
    assert_eq!(client.rotate_token(&manage, "good", Some("key-1")).await.unwrap().value.expose(), "better");
    assert!(matches!(
        client.rotate_token(&manage, "old", None).await,
        Err(GrantError::Call(ClientError::NotFound { .. }))
    ));
    client.revoke_token(&manage, "better").await.unwrap();
}

#[tokio::test]
async fn a_read_is_repeated_twice_and_a_write_never() {
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = async |State(calls): State<Arc<AtomicUsize>>, method: Method, uri: Uri, _: Bytes| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        if method == Method::GET && uri.path() == "/heals" && call == 2 {
            return Ok(Json(PublicIncomingPayment { received_amount: None, auth_server: "https://x".into() }));
        }
        Err(StatusCode::SERVICE_UNAVAILABLE)
    };
    let server = serve(Router::new().fallback(answer).with_state(calls.clone())).await;
    assert!(client().public().incoming_payment(&format!("{server}/heals")).await.is_ok());
    assert_eq!(calls.swap(0, Ordering::SeqCst), 3);
    let error = client().public().incoming_payment(&format!("{server}/stays")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(calls.swap(0, Ordering::SeqCst), 3);
    let error = client().rotate_token(&format!("{server}/token"), "t", None).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_document_is_kept_as_its_server_says_and_behind_a_redirect_not_at_all() {
    let document = json!({
        "id": "https://b.example/bob", "assetCode": "USD", "assetScale": 2, "authServer": "https://b.example",
    });
    let answer = move || std::future::ready(([("cache-control", "max-age=60")], Json(document.clone())));
    let moved = async || Redirect::temporary("/bob");
    let server = serve(Router::new().route("/bob", get(answer)).route("/moved", get(moved))).await;
    for (path, seconds) in [("bob", 60), ("moved", 0)] {
        let published = client().public().published_wallet_address(&format!("{server}/{path}")).await.unwrap();
        assert_eq!(published.document.id, "https://b.example/bob");
        assert_eq!(published.may_be_kept, Some(Duration::from_secs(seconds)), "{path}");
    }
}

#[tokio::test]
async fn keys_are_fetched_once_a_minute_and_again_for_a_key_just_published() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let (old, new) = (signer().jwk().clone(), Jwk::new("key-2", *signer().jwk().key()).unwrap());
    let keys = async move |State(fetches): State<Arc<AtomicUsize>>| match fetches.fetch_add(1, Ordering::SeqCst) {
        0 => Json(json!({"keys": [old]})),
        _ => Json(json!({"keys": [old, new, {"kty": "RSA"}]})),
    };
    let server = serve(Router::new().route("/alice/jwks.json", get(keys)).with_state(fetches.clone())).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let sets = KeySets::new(public(clock.clone()), KeySetsConfig::default(), clock.clone());
    let alice = format!("{server}/alice");

    let (first, second) = tokio::join!(sets.find(&alice, "key-1"), sets.find(&alice, "key-1"));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    assert!(sets.find(&alice, "key-2").await.is_ok());
    assert!(matches!(sets.find(&alice, "key-3").await, Err(KeyLookupError::UnknownKey { .. })));
    assert!(sets.find(&alice, "key-1").await.is_ok());
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    clock.advance(Duration::from_mins(1));
    assert!(sets.find(&alice, "key-1").await.is_ok());
    assert_eq!(fetches.load(Ordering::SeqCst), 3);

    let nobody = format!("{server}/nobody");
    assert!(matches!(sets.find(&nobody, "k").await, Err(KeyLookupError::NotRetrieved { .. })));
    let decorated = format!("{server}/alice?x=");
    assert!(matches!(sets.find(&decorated, "key-1").await, Err(KeyLookupError::NotRetrieved { .. })));
}

/// A server whose client publishes `keys` under one name, the next at each fetch and then the last.
async fn changing_keys(control: &'static str, keys: Vec<Jwk>) -> (String, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let answer = async move |State(fetches): State<Arc<AtomicUsize>>| {
        let turn = fetches.fetch_add(1, Ordering::SeqCst).min(keys.len() - 1);
        ([("cache-control", control)], Json(json!({"keys": [keys[turn]]})))
    };
    let server = serve(Router::new().route("/alice/jwks.json", get(answer)).with_state(fetches.clone())).await;
    (format!("{server}/alice"), fetches)
}

fn key(seed: u8) -> Jwk {
    Jwk::new("key-1", SigningKey::from_seed(&[seed; 32]).public_key().unwrap()).unwrap()
}

#[tokio::test]
async fn keys_are_kept_no_longer_than_their_server_says() {
    for (control, kept) in [("public, max-age=10", 10), ("max-age=3600", 60)] {
        let (alice, fetches) = changing_keys(control, vec![key(1), key(2)]).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let sets = KeySets::new(public(clock.clone()), KeySetsConfig::default(), clock.clone());
        clock.advance(Duration::from_secs(1));
        assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(1), "{control}");
        clock.advance(Duration::from_secs(kept - 1));
        assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(1), "{control}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(2), "{control}");
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }
    let (alice, _) = changing_keys("no-cache", vec![key(1), key(2)]).await;
    let sets =
        KeySets::new(public(Arc::new(ManualClock::at(NOW))), KeySetsConfig::default(), Arc::new(ManualClock::at(NOW)));
    assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(1));
    assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(2), "a revoked key is refused at once");
}

#[tokio::test]
async fn look_ups_that_wait_for_a_set_that_may_not_be_kept_share_the_next_fetch() {
    let (alice, fetches) = changing_keys("no-cache", vec![key(1)]).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let sets = Arc::new(KeySets::new(public(clock.clone()), KeySetsConfig::default(), clock));
    let looks: Vec<_> = (0..20)
        .map(|_| {
            let (sets, alice) = (sets.clone(), alice.clone());
            tokio::spawn(async move { sets.find(&alice, "key-1").await.is_ok() })
        })
        .collect();
    for look in looks {
        assert!(look.await.unwrap());
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 2, "the first, and one for all who came while it was under way");
}

#[tokio::test]
async fn a_key_replaced_under_its_name_is_found_after_a_signature_failed_but_not_more_than_once_a_second() {
    let (alice, fetches) = changing_keys("max-age=60", vec![key(1), key(1), key(2)]).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let sets = KeySets::new(public(clock.clone()), KeySetsConfig::default(), clock.clone());
    assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(1));
    assert_eq!(sets.find_again(&alice, "key-1", &key(1)).await, None, "fetched a moment ago");
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(sets.find_again(&alice, "key-1", &key(1)).await, None, "still the same");
    assert_eq!(sets.find_again(&alice, "key-1", &key(1)).await, None);
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(sets.find_again(&alice, "key-1", &key(1)).await, Some(key(2)));
    assert_eq!(sets.find_again(&alice, "key-1", &key(1)).await, Some(key(2)), "known by now");
    assert_eq!(sets.find(&alice, "key-1").await.unwrap(), key(2));
    assert_eq!(fetches.load(Ordering::SeqCst), 3);
}
