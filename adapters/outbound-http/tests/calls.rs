//! Calls against a real server on the loopback interface.
//! Which addresses are public is tested beside the code.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Redirect;
use axum::routing::{any, get, post};
use clock::{ManualClock, Timestamp};
use http_signatures::{Freshness, SignedRequest, Signer, SigningKey, TargetOrigin, verify};
use outbound_http::{Outbound, OutboundConfig, OutboundError, Request, Strangers};
use url::Url;

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

fn url(address: SocketAddr, path: &str) -> Url {
    format!("http://{address}{path}").parse().unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_718_000_000_000)))
}

fn development() -> Outbound {
    Outbound::new(OutboundConfig::development(), clock()).unwrap()
}

fn guarded(except: &[&str]) -> Outbound {
    let except_hosts = except.iter().map(ToString::to_string).collect();
    let strangers = Strangers::PublicAddresses { except_hosts };
    Outbound::new(OutboundConfig { strangers, ..OutboundConfig::default() }, clock()).unwrap()
}

#[tokio::test]
async fn a_signed_request_verifies_at_the_server_that_receives_it() {
    let signer = Arc::new(Signer::new(SigningKey::from_seed(&[7; 32]), "key-1").unwrap());
    let jwk = signer.jwk().clone();
    let check = async move |method: Method, OriginalUri(uri): OriginalUri, headers: HeaderMap, body: Bytes| {
        let target = TargetOrigin::Host.target_uri(uri.path_and_query().unwrap().as_str(), &headers).unwrap();
        let request = SignedRequest { method: method.as_str(), target_uri: &target, headers: &headers, body: &body };
        let now = Timestamp::from_millis(1_718_000_000_000);
        match verify(request, &jwk, Freshness::default(), now) {
            Ok(_) => (StatusCode::OK, String::new()),
            Err(error) => (StatusCode::UNAUTHORIZED, error.to_string()),
        }
    };
    let address = serve(Router::new().route("/{*path}", any(check))).await;
    let body = serde_json::json!({"b": 1, "a": "é"});
    for request in [
        Request::post_json(url(address, "/a?x=%20y"), &body).unwrap(),
        Request::get(url(address, "/b")).authorization("GNAP token"),
        Request::post(url(address, "/c/complete")).authorization("GNAP token"),
        Request::post_json(format!("https://{address}/d#part").parse().unwrap(), &body).unwrap(),
    ] {
        let response = development().send(request.signed(signer.clone())).await.unwrap();
        assert_eq!(response.status, StatusCode::OK, "{}", response.excerpt());
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_whether_announced_or_streamed() {
    let streamed = || async {
        let chunks = (0..10).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 100])));
        Body::from_stream(futures::stream::iter(chunks))
    };
    let router = Router::new().route("/known", get(|| async { vec![0_u8; 1000] })).route("/streamed", get(streamed));
    let address = serve(router).await;
    for path in ["/known", "/streamed"] {
        let fits = development().send(Request::get(url(address, path)).limit(1000)).await.unwrap();
        assert_eq!(fits.body.len(), 1000);
        let refused = development().send(Request::get(url(address, path)).limit(999)).await;
        assert!(matches!(refused, Err(OutboundError::TooLarge { limit: 999, .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn only_the_beginning_of_an_answer_is_read_if_only_its_status_counts() {
    let chunks = || (0..10).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 100])));
    let streamed = move || async move { Body::from_stream(futures::stream::iter(chunks())) };
    let router = Router::new().route("/known", get(|| async { vec![0_u8; 1000] })).route("/streamed", get(streamed));
    let address = serve(router).await;
    for (path, limit, read) in [("/known", 150, 150), ("/streamed", 150, 150), ("/streamed", 5000, 1000)] {
        let request = Request::get(url(address, path)).beginning_of_answer(limit);
        let response = development().send(request).await.unwrap();
        assert_eq!((response.status, response.body.len()), (StatusCode::OK, read), "{path} {limit}");
    }
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let address = serve(Router::new().route("/", get(std::future::pending::<()>))).await;
    let result = development().send(Request::get(url(address, "/")).deadline(Duration::from_millis(50))).await;
    assert!(matches!(&result, Err(error @ OutboundError::Timeout { .. }) if !error.is_unsent()), "{result:?}");
}

#[tokio::test]
async fn without_a_listener_there_is_a_connection_error_and_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let result = development().send(Request::get(url(address, "/"))).await;
    assert!(matches!(&result, Err(error @ OutboundError::Connect { .. }) if error.is_unsent()), "{result:?}");
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_for_and_never_beyond_the_number_allowed() {
    let router = Router::new()
        .route("/first", get(|| async { Redirect::temporary("/second") }))
        .route("/second", get(|| async { Redirect::permanent("/last") }))
        .route("/last", get(|| async { "arrived" }));
    let address = serve(router).await;
    let first = || Request::get(url(address, "/first"));
    assert_eq!(development().send(first()).await.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(development().send(first().redirects(1)).await.unwrap().status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(development().send(first().redirects(2)).await.unwrap().body, "arrived");
    let with_token = first().redirects(2).authorization("GNAP token");
    assert_eq!(development().send(with_token).await.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn a_strangers_url_does_not_reach_private_addresses_by_number_or_by_name() {
    let address = serve(Router::new().fallback(|| async { "inside" })).await;
    let port = address.port();
    for private in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://localhost:{port}/"),
    ] {
        let result = guarded(&[]).send(Request::get(private.parse().unwrap())).await;
        assert!(matches!(result, Err(OutboundError::AddressRefused { .. })), "{private}: {result:?}");
    }
    let plain = guarded(&[]).send(Request::get("http://example.com/".parse().unwrap())).await;
    assert!(matches!(plain, Err(OutboundError::Url { .. })), "{plain:?}");
}

#[tokio::test]
async fn the_operators_urls_and_exempt_hosts_are_called_wherever_they_lead() {
    let address = serve(Router::new().fallback(|| async { "inside" })).await;
    let client = guarded(&["localhost"]);
    let configured = client.send(Request::get(url(address, "/")).configured()).await.unwrap();
    assert_eq!(configured.body, "inside");
    let exempt = format!("http://localhost:{}/", address.port()).parse().unwrap();
    assert_eq!(client.send(Request::get(exempt)).await.unwrap().body, "inside");
}

#[tokio::test]
async fn unusable_urls_are_refused_before_any_connection() {
    for unusable in ["ftp://example.com/", "https://user:secret@example.com/", "data:text/plain,a"] {
        let result = development().send(Request::get(unusable.parse().unwrap())).await;
        let Err(OutboundError::Url { url, .. }) = result else { panic!("{unusable}: {result:?}") };
        assert!(!url.contains("secret"));
    }
}

#[tokio::test]
async fn sequential_calls_share_one_connection() {
    type Seen = Arc<Mutex<HashSet<SocketAddr>>>;
    let note = async |State(seen): State<Seen>, ConnectInfo(peer): ConnectInfo<SocketAddr>, _: Uri, body: Bytes| {
        seen.lock().unwrap().insert(peer);
        body
    };
    let seen = Seen::default();
    let address = serve(Router::new().route("/", post(note)).with_state(seen.clone())).await;
    let client = development();
    for _ in 0..50 {
        let request = Request::post(url(address, "/")).body(Bytes::from_static(&[1; 600]));
        assert_eq!(client.send(request).await.unwrap().body.len(), 600);
    }
    assert_eq!(seen.lock().unwrap().len(), 1);
}
