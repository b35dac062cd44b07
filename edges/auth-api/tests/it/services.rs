//! Services with tokens at the listeners of the authorization server: identity providers and the Admin API.
//! How tokens are judged is tested in `service-identity`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock, SeededEntropy};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_kit::ServiceIdentities;
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_auth::Ways;
use service_identity::{
    ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, SecretPlace, TokenJudge,
};
use testkit::TestDatabase;

use crate::harness::{Answer, Browser, IDP_SECRET, Interaction, OPERATOR, Server, call, outgoing};

const OTHER: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";

/// A provider whose tokens are `<audience>|<scopes>|<tenant>`.
async fn provider() -> (String, Arc<AtomicBool>) {
    let away = Arc::new(AtomicBool::new(false));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({"issuer": issuer, "introspection_endpoint": format!("{issuer}/introspect")});
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server", get(move || async move { Json(metadata) }))
        .route("/introspect", post(introspect))
        .with_state(Arc::clone(&away));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (issuer, away)
}

async fn introspect(State(away): State<Arc<AtomicBool>>, body: String) -> (StatusCode, Json<Value>) {
    if away.load(Ordering::SeqCst) {
        return (StatusCode::BAD_GATEWAY, Json(json!({})));
    }
    let token = url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "token").unwrap().1;
    let parts: Vec<&str> = token.split('|').collect();
    let [audience, scope, tenant] = parts[..] else { return (StatusCode::OK, Json(json!({"active": false}))) };
    let scope = scope.replace('+', " ");
    let told = json!({"active": true, "aud": audience, "scope": scope, "tenant": tenant, "client_id": "test"});
    (StatusCode::OK, Json(told))
}

async fn server() -> (Server, Arc<AtomicBool>) {
    let (issuer, away) = provider().await;
    let server = Server::with_own(TestDatabase::sqlite().await, |api, (_, clock)| {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
        let http = Outbound::new(OutboundConfig::default(), Arc::clone(&clock)).unwrap();
        let settings = ProviderSettings { issuer: issuer.parse().ok(), ..ProviderSettings::default() };
        let provider = Provider::new(settings, http, Arc::clone(&clock));
        let credential = Credential::Secret("s".to_owned(), SecretPlace::Header);
        let identity = ClientIdentity { id: "auth".to_owned(), credential };
        let judging = JudgeSettings { tenant_claim: "tenant".to_owned(), ..JudgeSettings::default() };
        let judge = TokenJudge::new(provider, identity, judging, clock, Arc::new(SeededEntropy::new(3)));
        api.admin.identities =
            ServiceIdentities { ways: Ways::SHARED_SECRET.and(Ways::TOKEN).into(), judge: Some(judge) };
    })
    .await;
    (server, away)
}

fn shown(token: &str, more: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in more {
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    headers
}

#[tokio::test]
async fn an_identity_provider_may_show_a_token_which_is_good_for_its_own_tenant() {
    let (server, away) = server().await;
    let grant = server.signed("POST", &format!("/{OPERATOR}"), None, Some(&outgoing())).await.json();
    let Interaction { id, nonce, start, .. } = Interaction::of(&grant);
    server.browse(&mut Browser::default(), &start).await;

    let api = &server.routers.interaction;
    let path = format!("/grant/{id}/{nonce}");
    let ask = async |token: String| call(api, "GET", &path, shown(&token, &[]), String::new()).await;
    let status = |answer: Answer| answer.status.as_u16();
    assert_eq!(status(ask(format!("auth-idp|idp:read|{OTHER}")).await), 401, "another tenant's");
    assert_eq!(status(ask(format!("auth-idp|idp:decide|{OPERATOR}")).await), 403);
    assert_eq!(status(ask(format!("auth-admin|idp:read|{OPERATOR}")).await), 401, "for another service");
    assert_eq!(status(ask("guess".to_owned()).await), 401);
    away.store(true, Ordering::SeqCst);
    let told = ask(format!("auth-idp|idp:read|{OPERATOR}")).await;
    assert_eq!((told.status.as_u16(), told.header("retry-after").is_some()), (503, true));
    away.store(false, Ordering::SeqCst);
    let told = ask(format!("auth-idp|idp:read|{OPERATOR}")).await;
    assert_eq!((told.status.as_u16(), told.json()["grantId"].is_string()), (200, true), "{}", told.text);
    assert_eq!(status(ask(format!("auth-idp|idp:read+operator|{OTHER}")).await), 200);

    let decide = async |token: String| {
        call(api, "POST", &format!("{path}/accept"), shown(&token, &[]), String::new()).await.status.as_u16()
    };
    assert_eq!(decide(format!("auth-idp|idp:read|{OPERATOR}")).await, 403);
    assert_eq!(decide(format!("auth-idp|idp:decide|{OTHER}")).await, 401);
    assert_eq!(decide(format!("auth-idp|idp:decide|{OPERATOR}")).await, 202);

    // The secret is as good as before.
    let mut secret = HeaderMap::new();
    secret.insert("x-idp-secret", HeaderValue::from_static(IDP_SECRET));
    assert_eq!(call(api, "GET", &path, secret, String::new()).await.status, 200);
}

#[tokio::test]
async fn a_token_opens_those_fields_of_the_admin_api_that_its_scopes_allow_for_its_tenant() {
    let (server, _) = server().await;
    let api = &server.routers.admin;
    let ask = async |token: &str, query: &str, more: &[(&'static str, &str)]| {
        let headers = shown(token, &[&[("tenant-id", OPERATOR)], more].concat());
        call(api, "POST", "/graphql", headers, json!({"query": query}).to_string()).await
    };
    let grants = "{ grants { edges { node { id } } } }";
    let revoke = "mutation { revokeGrant(input: {grantId: \"x\"}) { id } }";
    let read = format!("auth-admin|grants:read|{OPERATOR}");
    let answer = ask(&read, grants, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.json()["errors"].is_null()), (200, true), "{}", answer.text);
    let refused = ask(&read, revoke, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("revokeGrant")), (403, true));
    assert_eq!(ask(&format!("auth-admin|grants:read|{OTHER}"), grants, &[]).await.status, 403);
    assert_eq!(ask(&format!("backend-admin|grants:read|{OPERATOR}"), grants, &[]).await.status, 401);
    // With a signature beside it, both must be right.
    let wrong = format!("t=1767225600000, v1={}", "0".repeat(64));
    assert_eq!(ask(&read, grants, &[("signature", &wrong)]).await.status, 401);
}
