//! `POST /ledger/accounts`: the operator reads balances, to check what a payment moved.
//!
//! Rafiki 2.4 has no such route. A request is signed as for the Admin API, with the operator's secret. A peer's account
//! also shows why the last exchange failed.

use http_kit::{Access, Declared, ServiceIdentities, ShownCertificate, unproven};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use admin_signature::Audience;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use clock::Clock;
use connector::PeerFailure;
use idempotency::{NotAccepted, SignedRequests};
use ledger::{Account, AccountId, Ledger};
use payments_model::{PeerId, Secret, TenantAsset, TenantId};
use payments_store::Store;
use serde::Deserialize;
use serde_json::Value;
use service_auth::{Scope, Service};
use service_identity::Refusal;
use shared_cache::SharedCache;
use uuid::Uuid;

use crate::account_view::AccountView;

/// The last exchange of this process with a peer that failed.
pub type LastFailure = Arc<dyn Fn(PeerId) -> Option<PeerFailure> + Send + Sync>;

/// How requests are signed, and with whose secret.
#[derive(Clone, Debug)]
pub struct LedgerViewSettings {
    /// The operator's tenant id.
    pub operator: TenantId,
    /// Its secret.
    pub secret: Secret,
    /// The number after `v` in signatures.
    pub signature_version: u32,
    /// How long a signature is valid.
    pub signature_lifetime: Duration,
}

/// The dependencies of the view.
#[derive(Clone)]
pub struct LedgerView {
    /// Assets and peers.
    pub store: Store,
    /// Balances.
    pub ledger: Arc<dyn Ledger>,
    /// Why a peer's last exchange failed.
    pub last_failure: LastFailure,
    /// Remembers used signatures.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How requests are signed.
    pub settings: LedgerViewSettings,
    /// The services that act for the operator.
    pub identities: ServiceIdentities,
}

#[derive(Clone)]
struct View {
    identities: ServiceIdentities,
    store: Store,
    ledger: Arc<dyn Ledger>,
    last_failure: LastFailure,
    operator: Uuid,
    secret: Secret,
    requests: SignedRequests,
}

#[derive(Deserialize)]
struct Question {
    /// Payments whose accounts are shown, incoming or outgoing.
    #[serde(default)]
    payments: Vec<Uuid>,
}

/// What a service must be allowed to see the accounts.
const OPERATOR: &[Scope] = &[Scope::Operator];

impl LedgerView {
    /// The route, for the Admin listener.
    pub fn router(self) -> Router {
        let Self { store, ledger, last_failure, cache, clock, settings, identities } = self;
        let requests = SignedRequests {
            audience: Audience::LedgerView,
            version: settings.signature_version,
            lifetime: settings.signature_lifetime,
            cache,
            clock,
        };
        let (operator, secret) = (settings.operator.as_uuid(), settings.secret);
        let view = View { identities, store, ledger, last_failure, operator, secret, requests };
        Router::new().declare("/ledger/accounts", Access::Operator, post(accounts)).with_state(view)
    }
}

async fn accounts(
    State(view): State<View>,
    certificate: ShownCertificate,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    match view.service(&headers, &certificate).await {
        Ok(Some(())) => {}
        Ok(None) if !view.identities.secrets(Service::BackendAdmin) => return unproven(Refusal::Missing, OPERATOR),
        Ok(None) => return view.signed(&headers, body).await,
        Err(refusal) => return unproven(refusal, OPERATOR),
    }
    view.answer(body).await
}

impl View {
    /// Whether a service calls that acts for the operator; `None`: no service calls.
    async fn service(&self, headers: &HeaderMap, certificate: &ShownCertificate) -> Result<Option<()>, Refusal> {
        let shown = self.identities.principal(headers, None, certificate, Service::BackendAdmin).await?;
        let Some(principal) = shown else { return Ok(None) };
        principal.needs(OPERATOR)?;
        Ok(Some(()))
    }

    async fn signed(&self, headers: &HeaderMap, body: Value) -> Response {
        match self.accept(headers, &body).await {
            Ok(true) => self.answer(body).await,
            Ok(false) => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            Err(error) => {
                tracing::error!(%error, "used signatures cannot be stored");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }

    async fn answer(&self, body: Value) -> Response {
        let Ok(question) = serde_json::from_value::<Question>(body) else {
            return (StatusCode::BAD_REQUEST, "payments must be a list of ids").into_response();
        };
        match self.read(&question.payments).await {
            Ok(accounts) => Json(accounts).into_response(),
            Err(error) => {
                tracing::warn!(error, "the ledger could not be read");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
    /// Whether the operator signed the request, and the signature is new.
    async fn accept(&self, headers: &HeaderMap, body: &Value) -> Result<bool, shared_cache::CacheError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let tenant = text("tenant-id").and_then(|id| Uuid::try_parse(id).ok());
        let (Some(header), true) = (text("signature"), tenant == Some(self.operator)) else { return Ok(false) };
        match self.requests.accept(header, self.operator, [self.secret.expose()], body).await {
            Ok(()) => Ok(true),
            Err(NotAccepted::Cache(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Every asset's own accounts, every peer's, and those of the named payments.
    async fn read(&self, payments: &[Uuid]) -> Result<Vec<AccountView>, String> {
        let text = |error: database::Error| error.to_string();
        let all = self.store.every_tenant();
        let assets = all.all_assets().await.map_err(text)?;
        let mut names: Vec<(AccountId, String)> = Vec::new();
        for asset in &assets {
            let in_ledger = asset.in_ledger();
            names.push((in_ledger.settlement_account(), format!("settlement {}", asset.asset.code)));
            names.push((in_ledger.liquidity_account(), format!("liquidity {}", asset.asset.code)));
        }
        let mut failures: HashMap<Uuid, String> = HashMap::new();
        for peer in all.all_peers().await.map_err(text)? {
            if let Some(failure) = (self.last_failure)(peer.id) {
                failures.insert(peer.id.as_uuid(), described(&failure));
            }
            let name = peer.name.unwrap_or(peer.static_ilp_address);
            names.push((peer.id.into(), format!("peer {name}")));
        }
        names.extend(payments.iter().map(|id| (AccountId::from(*id), String::new())));
        let found = self.ledger.accounts(names.iter().map(|(id, _)| *id).collect()).await;
        let found = found.map_err(|error| error.to_string())?;
        let views = names.into_iter().zip(found).filter_map(|((_, name), account)| view(name, &account?, &assets));
        Ok(views.map(|view| AccountView { last_failure: failures.get(&view.id).cloned(), ..view }).collect())
    }
}

fn described(failure: &PeerFailure) -> String {
    let since = if failure.answered_since { "; it answers now" } else { "" };
    format!("{}: {}{since}", failure.at, failure.reason)
}

fn view(name: String, account: &Account, assets: &[TenantAsset]) -> Option<AccountView> {
    let ledger = account.created.ledger;
    let asset = assets.iter().find(|asset| asset.in_ledger().ledger == ledger)?;
    let name = if name.is_empty() { kind(account.created.code).to_owned() } else { name };
    Some(AccountView {
        id: account.created.id.as_uuid(),
        ledger,
        asset_code: asset.asset.code.to_string(),
        asset_scale: asset.asset.scale,
        name,
        debits: account.debits_posted,
        credits: account.credits_posted,
        pending: account.debits_pending.saturating_add(account.credits_pending),
        last_failure: None,
    })
}

/// The owner of an account with this code (payments-model, `AccountKind`).
fn kind(code: u16) -> &'static str {
    match code {
        1 => "wallet address",
        4 => "incoming payment",
        5 => "outgoing payment",
        _ => "account",
    }
}

#[cfg(test)]
mod tests {
    use admin_signature::{canonical, sign};
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use clock::Timestamp;
    use ledger::{MemoryLedger, TransferId};
    use money::Asset;
    use payments_model::accounting::AccountKind;
    use payments_model::peer::PeerHistory;
    use payments_model::peer_terms::PeerTerms;
    use payments_model::{AssetId, Peer};
    use serde_json::json;
    use shared_cache::{InProcessCache, InProcessLimits};
    use testkit::{TestDatabase, block_on};
    use tower::ServiceExt;

    use super::*;

    const OPERATOR: Uuid = Uuid::from_u128(0x4000_0000_8000_0000_0000_0000_0001);
    const ASSET: Uuid = Uuid::from_u128(7);
    const PEER: Uuid = Uuid::from_u128(8);
    const SECRET: &str = "the operator's secret";

    struct Scene {
        api: Router,
        clock: Arc<dyn Clock>,
        _database: TestDatabase,
    }

    /// A dollar asset of the operator with 500 of liquidity, and a peer that answers with errors.
    async fn scene() -> Scene {
        let database = TestDatabase::sqlite().await;
        let clock = testkit::fixed_clock();
        let store = Store::open((*database).clone()).await.unwrap();
        let operator = TenantId::from_uuid(OPERATOR);

        let unit = store.begin().await.unwrap();
        unit.every_tenant().ensure_operator(operator, &Secret::new(SECRET), clock.now()).await.unwrap();
        let scope = unit.tenant(operator);

        let asset = TenantAsset {
            id: AssetId::from_uuid(ASSET),
            tenant_id: operator,
            ledger: scope.take_ledger_number().await.unwrap(),
            asset: Asset::new("USD", 2).unwrap(),
            withdrawal_threshold: None,
            liquidity_threshold: None,
            created_at: clock.now(),
            updated_at: clock.now(),
            deleted_at: None,
        };
        scope.insert_asset(&asset).await.unwrap();

        let peer = Peer {
            id: PeerId::from_uuid(PEER),
            tenant_id: operator,
            asset: asset.clone(),
            static_ilp_address: "test.peer".to_owned(),
            outgoing: None,
            history: PeerHistory::default(),
            max_packet_amount: None,
            name: None,
            liquidity_threshold: None,
            routes: Vec::new(),
            terms: PeerTerms::default(),
            created_at: clock.now(),
            updated_at: clock.now(),
        };
        scope.insert_peer(&peer).await.unwrap();
        unit.commit().await.unwrap();

        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&clock)));
        let in_ledger = asset.in_ledger();
        ledger.create_accounts(in_ledger.own_accounts()).await.unwrap();
        ledger.create_accounts(vec![in_ledger.account(PEER.into(), AccountKind::Peer)]).await.unwrap();
        let deposit = in_ledger.deposit(TransferId::from_u128(1), in_ledger.liquidity_account(), 500);
        ledger.submit(vec![deposit]).await.unwrap();

        let cache = SharedCache::InProcess(InProcessCache::new(Arc::clone(&clock), InProcessLimits::default()));
        let failure = PeerFailure { at: clock.now(), reason: "status 500".to_owned(), answered_since: false };
        let last_failure: LastFailure = Arc::new(move |_| Some(failure.clone()));
        let settings = LedgerViewSettings {
            operator,
            secret: Secret::new(SECRET),
            signature_version: 1,
            signature_lifetime: Duration::from_secs(30),
        };

        let identities = ServiceIdentities::default();
        let view = LedgerView { store, ledger, last_failure, cache, clock: Arc::clone(&clock), settings, identities };
        let api = view.router();
        Scene { api, clock, _database: database }
    }

    impl Scene {
        async fn ask(&self, tenant: Uuid, secret: &str, at: Timestamp, body: &Value) -> (StatusCode, Value) {
            let header = sign(secret, 1, at, &canonical(body));
            self.send(tenant, &header, body.to_string()).await
        }

        async fn send(&self, tenant: Uuid, signature: &str, body: String) -> (StatusCode, Value) {
            let request = Request::post("/ledger/accounts")
                .header("content-type", "application/json")
                .header("tenant-id", tenant.to_string())
                .header("signature", signature)
                .body(Body::from(body))
                .unwrap();
            let response = self.api.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let octets = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, serde_json::from_slice(&octets).unwrap_or(Value::Null))
        }
    }

    #[test]
    fn the_operator_sees_the_balances_of_its_assets_and_of_the_payments_it_names() {
        block_on(async {
            let scene = scene().await;
            let (status, all) = scene.ask(OPERATOR, SECRET, scene.clock.now(), &json!({})).await;
            assert_eq!(status, StatusCode::OK);
            let balances_of = |name: &str| {
                let account = all.as_array().unwrap().iter().find(|account| account["name"] == name).unwrap();
                (account["debits"].as_str().unwrap().to_owned(), account["credits"].as_str().unwrap().to_owned())
            };
            assert_eq!(balances_of("settlement USD"), ("500".to_owned(), "0".to_owned()));
            assert_eq!(balances_of("liquidity USD"), ("0".to_owned(), "500".to_owned()));
            let (_, named) = scene.ask(OPERATOR, SECRET, scene.clock.now(), &json!({"payments": [ASSET]})).await;
            assert_eq!(named.as_array().unwrap().len(), all.as_array().unwrap().len() + 1, "{named}");
        });
    }

    #[test]
    fn a_peers_account_shows_why_the_peer_did_not_answer() {
        block_on(async {
            let scene = scene().await;
            let (_, all) = scene.ask(OPERATOR, SECRET, scene.clock.now(), &json!({})).await;
            for account in all.as_array().unwrap() {
                let expected = if account["name"] == "peer test.peer" {
                    json!(format!("{}: status 500", scene.clock.now()))
                } else {
                    Value::Null
                };
                assert_eq!(account["lastFailure"], expected, "{account}");
            }
        });
    }

    #[test]
    fn an_account_that_does_not_exist_is_left_out() {
        block_on(async {
            let scene = scene().await;
            let unknown = json!({"payments": [Uuid::from_u128(999)]});
            let (status, accounts) = scene.ask(OPERATOR, SECRET, scene.clock.now(), &unknown).await;
            assert_eq!((status, accounts.as_array().unwrap().len()), (StatusCode::OK, 3), "{accounts}");
        });
    }

    #[test]
    fn a_caller_that_is_not_the_operator_or_signs_wrongly_sees_nothing() {
        block_on(async {
            let scene = scene().await;
            let (body, now) = (json!({}), scene.clock.now());
            let refused = (StatusCode::UNAUTHORIZED, Value::Null);
            assert_eq!(scene.ask(OPERATOR, "another secret", now, &body).await, refused);
            assert_eq!(scene.ask(Uuid::from_u128(2), SECRET, now, &body).await, refused);
            let old = now.saturating_sub(Duration::from_secs(31));
            assert_eq!(scene.ask(OPERATOR, SECRET, old, &body).await, refused);
            assert_eq!(scene.send(OPERATOR, "", body.to_string()).await, refused);
            let signed = sign(SECRET, 1, now, &canonical(&body));
            let other = json!({"payments": [ASSET]}).to_string();
            assert_eq!(scene.send(OPERATOR, &signed, other).await, refused, "signed was another body");
            let version = sign(SECRET, 2, now, &canonical(&body));
            assert_eq!(scene.send(OPERATOR, &version, body.to_string()).await, refused);
        });
    }

    #[test]
    fn a_question_is_answered_once() {
        block_on(async {
            let scene = scene().await;
            let body = json!({});
            let signed = sign(SECRET, 1, scene.clock.now(), &canonical(&body));
            assert_eq!(scene.send(OPERATOR, &signed, body.to_string()).await.0, StatusCode::OK);
            assert_eq!(scene.send(OPERATOR, &signed, body.to_string()).await.0, StatusCode::UNAUTHORIZED);
        });
    }

    #[test]
    fn a_malformed_question_is_refused_as_such() {
        block_on(async {
            let scene = scene().await;
            for body in [json!({"payments": "all"}), json!({"payments": ["x"]}), json!([1]), json!("payments")] {
                let (status, _) = scene.ask(OPERATOR, SECRET, scene.clock.now(), &body).await;
                assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            }
            assert_eq!(scene.send(OPERATOR, "", "{".to_owned()).await.0, StatusCode::BAD_REQUEST);
        });
    }
}
