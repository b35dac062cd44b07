//! Tenants brought in line at a stand-in authorization server over real HTTP.
//! The authorization server's side is tested in `auth-api`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::{Arc, Mutex};

use auth_service::{AuthService, MirrorError, TenantMirror};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use clock::{SystemClock, Timestamp};
use outbound_http::{Outbound, OutboundConfig};
use payments_model::{Secret, Tenant, TenantId};
use service_identity::CallerProof;

/// What it was asked, and how it answers in turn.
#[derive(Clone, Default)]
struct Script {
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

async fn answer(State(script): State<Script>, request: Request) -> StatusCode {
    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
    assert_eq!(authorization, "Bearer service secret");
    let line = format!("{} {}", request.method(), request.uri().path());
    let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
    script.asked.lock().unwrap().push(format!("{line} {}", String::from_utf8(body.to_vec()).unwrap()));
    StatusCode::from_u16(script.answers.lock().unwrap().remove(0)).unwrap()
}

const ID: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";

fn tenant() -> Tenant {
    let now = Timestamp::from_millis(1_700_000_000_000);
    Tenant {
        id: ID.parse().unwrap(),
        api_secret: Secret::new("s"),
        email: None,
        public_name: None,
        idp_consent_url: Some("https://idp.example/".into()),
        idp_secret: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}

async fn bring(tenant: &Tenant, operator: TenantId, answers: &[u16]) -> (Result<(), MirrorError>, Vec<String>) {
    let script = Script { answers: Arc::new(Mutex::new(answers.to_vec())), ..Script::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let outbound = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
    let service = AuthService::new(outbound, &url, CallerProof::secret("service secret"), operator);
    let result = service.bring_in_line(tenant).await;
    let asked = script.asked.lock().unwrap().clone();
    (result, asked)
}

fn somebody() -> TenantId {
    "438fa74a-fa7d-4317-9ced-dde32ece1787".parse().unwrap()
}

#[tokio::test]
async fn a_tenant_that_is_there_is_changed_and_one_that_is_not_is_made() {
    let changed = format!(
        r#"PATCH /base/tenant/{ID} {{"apiSecret":"s","idpConsentUrl":"https://idp.example/","idpSecret":null}}"#
    );
    let (result, asked) = bring(&tenant(), somebody(), &[204]).await;
    result.unwrap();
    assert_eq!(asked, std::slice::from_ref(&changed));
    let (result, asked) = bring(&tenant(), somebody(), &[404, 204]).await;
    result.unwrap();
    let made = format!(
        r#"POST /base/tenant {{"apiSecret":"s","id":"{ID}","idpConsentUrl":"https://idp.example/","idpSecret":null}}"#
    );
    assert_eq!(asked[0], changed);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(asked[1].strip_prefix("POST /base/tenant ").unwrap()).unwrap(),
        serde_json::from_str::<serde_json::Value>(made.strip_prefix("POST /base/tenant ").unwrap()).unwrap()
    );
}

#[tokio::test]
async fn a_deleted_tenant_is_deleted_and_one_that_is_gone_is_in_line() {
    let deleted = Tenant { deleted_at: Some(Timestamp::from_millis(1_700_000_000_000)), ..tenant() };
    for answer in [204, 404] {
        let (result, asked) = bring(&deleted, somebody(), &[answer]).await;
        result.unwrap();
        assert_eq!(asked, [format!(r#"DELETE /base/tenant/{ID} {{"deletedAt":"2023-11-14T22:13:20.000Z"}}"#)]);
    }
}

#[tokio::test]
async fn of_the_operator_only_what_is_set_here_is_sent_and_never_its_secret() {
    let (result, asked) = bring(&tenant(), tenant().id, &[204]).await;
    result.unwrap();
    assert_eq!(asked, [format!(r#"PATCH /base/tenant/{ID} {{"idpConsentUrl":"https://idp.example/"}}"#)]);
}

#[tokio::test]
async fn what_is_not_done_says_why() {
    assert!(matches!(bring(&tenant(), somebody(), &[401]).await.0, Err(MirrorError::NotTrusted)));
    assert!(matches!(bring(&tenant(), somebody(), &[500]).await.0, Err(MirrorError::Refused { status: 500, .. })));
    assert!(matches!(bring(&tenant(), somebody(), &[404, 409]).await.0, Err(MirrorError::Refused { status: 409, .. })));
}
