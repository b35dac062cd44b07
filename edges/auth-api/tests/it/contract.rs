//! The contract between a backend and its authorization server, over real HTTP, with the clients that the backend uses.
//!
//! `docs/own-authorization-server.md` describes it. A stub with nothing else passes these tests, and so does ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use auth_service::{AuthService, GrantStanding, Grants, MirrorError, TenantMirror};
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use axum::{Extension, Json, Router};
use clock::SystemClock;
use gnap::{AccessType, Action, RequiredAccess, TokenInfo};
use http::{HeaderMap, StatusCode};
use http_kit::ClientAddress;
use outbound_http::{Outbound, OutboundConfig};
use payments_model::{Secret, Tenant, TenantId};
use serde_json::{Value, json};
use service_identity::CallerProof;
use testkit::TestDatabase;
use token_introspection::IntrospectionClient;
use url::Url;

use crate::harness::{ALICE, CLIENT, Server, incoming, with_secret};

const SECRET: &str = "what backend and authorization server share";
const TENANT: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";

/// An authorization server that is tested.
#[async_trait]
trait UnderTest {
    /// Where tokens are introspected, and where tenants are mirrored.
    fn urls(&self) -> (Url, Url);

    /// Gives a client of the tenant a token to create and read incoming payments of every address.
    async fn token(&self) -> String;
}

async fn serve(router: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = router.layer(Extension(ClientAddress([127, 0, 0, 1].into())));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn keeps_the_contract(server: &dyn UnderTest) {
    let http = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
    let (introspection, service) = server.urls();
    let asking = IntrospectionClient::new(http.clone(), introspection.clone()).secret(SECRET.to_owned());
    let proof = |secret: &str| CallerProof::secret(secret);
    let somebody: TenantId = "0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111".parse().unwrap();
    let mirror = AuthService::new(http.clone(), &service, proof(SECRET), somebody);

    // A tenant is new, comes again, and changes.
    let mut tenant = tenant();
    for secret in ["one", "one", "two"] {
        tenant.api_secret = Secret::new(secret);
        mirror.bring_in_line(&tenant).await.unwrap();
    }

    // A token tells what it allows, about what is asked, and nothing more.
    let token = server.token().await;
    let asked = async |kind: AccessType, action: Action, address: Option<&str>| {
        let address = address.map(|address| address.parse().unwrap());
        asking.introspect(&token, vec![RequiredAccess::one(kind, action, address)]).await.unwrap()
    };
    let TokenInfo::Active(read) = asked(AccessType::IncomingPayment, Action::Read, Some(ALICE)).await else {
        panic!("a new token is active")
    };
    assert_eq!((read.client.identity().as_str(), read.access.len()), (CLIENT, 1));
    assert!(read.access[0].actions().contains(Action::Create), "the granted item is told whole");
    assert!(read.tenant_id.is_none_or(|id| id == TENANT));
    let TokenInfo::Active(again) = asked(AccessType::IncomingPayment, Action::Create, None).await else {
        panic!("it is still active")
    };
    assert_eq!(again.grant, read.grant, "a token is always of one grant");
    for (kind, action) in [(AccessType::Quote, Action::Create), (AccessType::IncomingPayment, Action::Complete)] {
        let TokenInfo::Active(nothing) = asked(kind, action, Some(ALICE)).await else { panic!("it is still active") };
        assert_eq!(nothing.access, []);
    }
    let needed = || vec![RequiredAccess::one(AccessType::Quote, Action::Create, None)];
    assert_eq!(asking.introspect("guess", needed()).await.unwrap(), TokenInfo::Inactive);

    // Whoever does not prove it, is told nothing and changes nothing.
    let stranger = IntrospectionClient::new(http.clone(), introspection).secret("guess".to_owned());
    assert!(stranger.introspect(&token, needed()).await.unwrap_err().is_unavailable());
    tenant.deleted_at = Some(clock::Timestamp::from_millis(1_767_225_600_000));
    let foreign = AuthService::new(http, &service, proof("guess"), somebody);
    assert!(matches!(foreign.bring_in_line(&tenant).await, Err(MirrorError::NotTrusted)));
    assert!(matches!(asking.introspect(&token, needed()).await.unwrap(), TokenInfo::Active(_)));

    // The tokens of a deleted tenant are not active. It may be deleted again, and its id does not come back.
    for _ in 0..2 {
        mirror.bring_in_line(&tenant).await.unwrap();
    }
    assert_eq!(asking.introspect(&token, needed()).await.unwrap(), TokenInfo::Inactive);
    tenant.deleted_at = None;
    assert!(matches!(mirror.bring_in_line(&tenant).await, Err(MirrorError::Refused { status: 409, .. })));
}

fn tenant() -> Tenant {
    let now = clock::Timestamp::from_millis(1_767_225_600_000);
    Tenant {
        id: TENANT.parse().unwrap(),
        api_secret: Secret::new("s"),
        email: None,
        public_name: None,
        idp_consent_url: Some("https://idp.example/".into()),
        idp_secret: Some(Secret::new("t")),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}

/// Ours.
struct Ours {
    server: Server,
    urls: (Url, Url),
}

#[async_trait]
impl UnderTest for Ours {
    fn urls(&self) -> (Url, Url) {
        self.urls.clone()
    }

    async fn token(&self) -> String {
        let granted = self.server.signed("POST", &format!("/{TENANT}"), None, Some(&incoming())).await.json();
        granted["access_token"]["value"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn our_authorization_server_keeps_the_contract() {
    let server = Server::with_api(TestDatabase::sqlite().await, |_, api| {
        api.services = with_secret(SECRET, "contract", &api.limiter);
    })
    .await;
    let urls = (serve(server.routers.introspection.clone()).await, serve(server.routers.service.clone()).await);
    keeps_the_contract(&Ours { server, urls }).await;
}

#[tokio::test]
async fn the_backend_is_told_whether_a_grant_of_the_tenant_stands() {
    let server = Server::with_api(TestDatabase::sqlite().await, |_, api| {
        api.services = with_secret(SECRET, "contract", &api.limiter);
    })
    .await;
    let service = serve(server.routers.service.clone()).await;
    let http = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
    let operator: TenantId = "0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111".parse().unwrap();
    let backend = AuthService::new(http.clone(), &service, CallerProof::secret(SECRET), operator);
    backend.bring_in_line(&tenant()).await.unwrap();
    server.signed("POST", &format!("/{TENANT}"), None, Some(&incoming())).await;
    let all = server.admin(TENANT, "s", "{ grants { edges { node { id } } } }").await.unwrap();
    let grant = all["grants"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned();
    let own: TenantId = TENANT.parse().unwrap();

    assert_eq!(backend.standing(own, &grant).await.unwrap(), GrantStanding::Stands);
    for (tenant, grant) in [(operator, grant.as_str()), (own, "0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111"), (own, "../x")] {
        let answer = backend.standing(tenant, grant).await;
        assert!(matches!(answer, Err(MirrorError::Refused { status: 404, .. })), "{grant}: {answer:?}");
    }
    let stranger = AuthService::new(http, &service, CallerProof::secret("guess"), operator);
    assert!(matches!(stranger.standing(own, &grant).await, Err(MirrorError::NotTrusted)));

    server.wait_millis(1);
    let revoke = format!("mutation {{ revokeGrant(input: {{ grantId: \"{grant}\" }}) {{ id }} }}");
    server.admin(TENANT, "s", &revoke).await.unwrap();
    assert_eq!(backend.standing(own, &grant).await.unwrap(), GrantStanding::Ended);
}

/// A stub that knows the contract only.
#[derive(Clone, Default)]
struct Stub {
    tenants: Arc<Mutex<BTreeMap<String, Value>>>,
    deleted: Arc<Mutex<BTreeSet<String>>>,
}

struct StubServer(Url);

#[async_trait]
impl UnderTest for StubServer {
    fn urls(&self) -> (Url, Url) {
        (self.0.clone(), self.0.clone())
    }

    async fn token(&self) -> String {
        "the only token".to_owned()
    }
}

fn is_trusted(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|shown| *shown == format!("Bearer {SECRET}"))
}

async fn introspect(
    State(stub): State<Stub>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if !is_trusted(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({})));
    }
    let lives = stub.tenants.lock().unwrap().contains_key(TENANT);
    if asked["access_token"] != "the only token" || !lives {
        return (StatusCode::OK, Json(json!({"active": false})));
    }
    let item = json!({"type": "incoming-payment", "actions": ["create", "read"]});
    let covers = |needed: &Value| {
        needed["type"] == item["type"]
            && needed["actions"].as_array().is_some_and(|actions| {
                actions.iter().all(|action| item["actions"].as_array().is_some_and(|granted| granted.contains(action)))
            })
    };
    let access: Vec<Value> = asked["access"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|needed| covers(needed))
        .map(|_| item.clone())
        .collect();
    let told = json!({"active": true, "grant": "g", "access": access, "client": {"walletAddress": CLIENT}});
    (StatusCode::OK, Json(told))
}

async fn add(State(stub): State<Stub>, headers: HeaderMap, Json(tenant): Json<Value>) -> StatusCode {
    let id = tenant["id"].as_str().unwrap().to_owned();
    if !is_trusted(&headers) {
        StatusCode::UNAUTHORIZED
    } else if stub.deleted.lock().unwrap().contains(&id) {
        StatusCode::CONFLICT
    } else {
        stub.tenants.lock().unwrap().insert(id, tenant);
        StatusCode::NO_CONTENT
    }
}

async fn change(
    State(stub): State<Stub>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(tenant): Json<Value>,
) -> StatusCode {
    if !is_trusted(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    match stub.tenants.lock().unwrap().get_mut(&id) {
        Some(known) => {
            *known = tenant;
            StatusCode::NO_CONTENT
        }
        None => StatusCode::NOT_FOUND,
    }
}

async fn remove(State(stub): State<Stub>, Path(id): Path<String>, headers: HeaderMap) -> StatusCode {
    if !is_trusted(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    stub.deleted.lock().unwrap().insert(id.clone());
    match stub.tenants.lock().unwrap().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

#[tokio::test]
async fn a_stub_that_knows_only_the_contract_keeps_it() {
    let router = Router::new()
        .route("/", post(introspect))
        .route("/tenant", post(add))
        .route("/tenant/{id}", patch(change).delete(remove))
        .with_state(Stub::default());
    keeps_the_contract(&StubServer(serve(router).await)).await;
}
