//! Questions to a stand-in authorization server over real HTTP.
//! The server's own answers are tested in `auth-api`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use clock::SystemClock;
use gnap::{AccessType, Action, RequiredAccess, TokenInfo};
use outbound_http::{Outbound, OutboundConfig};
use token_introspection::{IntrospectionClient, IntrospectionError};

async fn answering(status: u16, body: &'static str) -> IntrospectionClient {
    let answer = async move |headers: HeaderMap, asked: String| {
        let expected = r#"{"access_token":"t","access":[{"type":"quote","actions":["create"],"identifier":"https://w.example/alice"}]}"#;
        assert_eq!((asked.as_str(), headers["authorization"].to_str().unwrap()), (expected, "Bearer s"));
        (StatusCode::from_u16(status).unwrap(), body)
    };
    client(Router::new().route("/", post(answer))).await
}

/// A client of this server.
async fn client(server: Router) -> IntrospectionClient {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });
    let outbound = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
    IntrospectionClient::new(outbound, url).secret("s".into())
}

async fn ask(client: IntrospectionClient) -> Result<TokenInfo, IntrospectionError> {
    let identifier = "https://w.example/alice".parse().unwrap();
    client.introspect("t", vec![RequiredAccess::one(AccessType::Quote, Action::Create, Some(identifier))]).await
}

#[tokio::test]
async fn active_and_inactive_tokens_are_answers() {
    assert_eq!(ask(answering(200, r#"{"active":false}"#).await).await.unwrap(), TokenInfo::Inactive);
    let active = answering(
        200,
        r#"{"active":true,"grant":"g","access":[{"type":"quote","actions":["create","read-all"]}],
            "client":{"walletAddress":"https://c.example/app"},"tenantId":"438fa74a-fa7d-4317-9ced-dde32ece1787","more":1}"#,
    );
    let TokenInfo::Active(token) = ask(active.await).await.unwrap() else { panic!("inactive") };
    assert_eq!((token.grant.as_str(), token.access.len()), ("g", 1));
    assert_eq!(token.client.identity(), "https://c.example/app");
}

#[tokio::test]
async fn a_question_that_one_process_of_the_server_cannot_answer_is_asked_twice_more() {
    // The statuses of the answers, how often the server is asked, and whether there is an answer in the end.
    for (statuses, asked, answered) in [
        ([503, 200, 200], 2, true),
        ([502, 503, 200], 3, true),
        ([503, 503, 503], 3, false),
        ([429, 200, 200], 1, false),
        ([401, 200, 200], 1, false),
        ([200, 200, 200], 1, true),
    ] {
        let count = Arc::new(AtomicU16::new(0));
        let told = Arc::clone(&count);
        let answer = async move || {
            let number = told.fetch_add(1, Ordering::SeqCst);
            (StatusCode::from_u16(statuses[usize::from(number)]).unwrap(), r#"{"active":false}"#)
        };
        let result = ask(client(Router::new().route("/", post(answer))).await).await;
        assert_eq!((count.load(Ordering::SeqCst), result.is_ok()), (asked, answered), "{statuses:?}");
    }
}

#[tokio::test]
async fn trouble_of_the_server_and_unusable_answers_are_told_apart() {
    assert!(ask(answering(503, "").await).await.unwrap_err().is_unavailable());
    for (status, body) in [(400, "Bad Request"), (200, "{}"), (200, r#"{"active":true}"#), (200, "garbage")] {
        let error = ask(answering(status, body).await).await.unwrap_err();
        assert!(!error.is_unavailable(), "{error}");
    }
}
