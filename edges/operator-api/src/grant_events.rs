//! `POST /grant-events`: the authorization server hands over events about grants.
//!
//! Rafiki 2.4 has no such route. Callers show the secret that both roles share. An event may be handed over again.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clock::Timestamp;
use http_kit::{Access, Declared, Need, RetryAfter, ServiceCallers, read_body, refuse_browsers, require_service};
use payments_model::TenantId;
use serde::Deserialize;
use serde_json::Value;
use service_auth::{Scope, Service};
use uuid::Uuid;
use webhooks::{GrantEvent, GrantEventError, GrantEventRecorder};

/// The largest event, in octets. A grant has three rights at most.
const BODY_MAX: usize = 64 * 1024;
/// The pause before the next attempt after the database failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The dependencies of the route.
#[derive(Clone, Debug)]
pub struct GrantEventReceiver {
    /// Records the events.
    pub recorder: GrantEventRecorder,
    /// How callers prove who they are.
    pub callers: ServiceCallers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandedOver {
    id: Uuid,
    r#type: String,
    tenant_id: TenantId,
    created_at: Timestamp,
    data: Value,
}

impl GrantEventReceiver {
    /// The route, for the Admin listener.
    pub fn router(self) -> Router {
        let route = Router::new().declare("/grant-events", Access::Service, post(take)).with_state(self.recorder);
        let need = Need { service: Service::BackendAdmin, scopes: &[Scope::GrantsNotify] };
        refuse_browsers(require_service(route, self.callers, need))
    }
}

async fn take(State(recorder): State<GrantEventRecorder>, request: Request) -> Response {
    let body = match read_body(request.into_body(), BODY_MAX).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    let Some(event) = event(&body) else {
        let message = "an event about a grant has id, type, tenantId, createdAt, and data with access";
        return (StatusCode::BAD_REQUEST, message).into_response();
    };
    match recorder.record(event).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error @ GrantEventError::Type) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Err(GrantEventError::Unavailable(error)) => {
            tracing::error!(%error, "an event about a grant was not recorded; the authorization server tries again");
            (StatusCode::SERVICE_UNAVAILABLE, RetryAfter(AGAIN), "Service Unavailable").into_response()
        }
    }
}

fn event(body: &[u8]) -> Option<GrantEvent> {
    let handed_over: HandedOver = serde_json::from_slice(body).ok()?;
    let rights = handed_over.data.get("access")?.as_array()?;
    let owners = rights.iter().filter_map(|right| right.get("identifier")?.as_str()).map(str::to_owned).collect();
    Some(GrantEvent {
        id: handed_over.id,
        event_type: handed_over.r#type.parse().ok()?,
        tenant: handed_over.tenant_id,
        owners,
        data: handed_over.data,
        at: handed_over.created_at,
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use directory::Directory;
    use http_kit::{CallerSecret, ServiceDoor, ServiceIdentities};
    use money::Asset;
    use payments_model::webhook_endpoint::{EndpointAddress, EndpointSecrets, Sending, WebhookEndpoint};
    use payments_model::webhook_event::EventType;
    use payments_model::webhook_ladder::{AttemptsMax, RetryLadder};
    use payments_model::{
        AssetId, Secret, TenantAsset, WalletAddress, WalletAddressId, WebhookEndpointId, WebhookEventId,
    };
    use payments_store::Store;
    use serde_json::json;
    use shared_cache::{InProcessCache, InProcessLimits, Limiter, SharedCache};
    use testkit::{TestDatabase, block_on};
    use tower::ServiceExt;
    use url::Url;
    use webhooks::{Targets, Webhooks};

    use super::*;

    const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(0x4000_0000_8000_0000_0000_0000_0001));
    const ADDRESS: &str = "https://bank.example/ann";
    const GRANT: Uuid = Uuid::from_u128(7);

    /// The route of an instance whose operator has an endpoint for events about grants.
    async fn scene() -> (Router, Store, TestDatabase) {
        let database = TestDatabase::sqlite().await;
        let clock = testkit::manual_clock();
        let store = Store::open((*database).clone()).await.unwrap();
        let url = Url::parse("https://bank.example/webhooks").unwrap();
        let unit = store.begin().await.unwrap();
        unit.every_tenant().ensure_operator(OPERATOR, &Secret::new("s"), clock::Clock::now(&*clock)).await.unwrap();
        let endpoint = WebhookEndpoint {
            id: WebhookEndpointId::from_uuid(Uuid::from_u128(9)),
            tenant_id: OPERATOR,
            address: EndpointAddress::Own(url.clone()),
            event_types: vec![EventType::GrantCreated],
            secrets: EndpointSecrets::default(),
            sending: Sending::Running,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        };
        let scope = unit.tenant(OPERATOR);
        scope.insert_webhook_endpoint(&endpoint).await.unwrap();
        let asset = TenantAsset {
            id: AssetId::from_uuid(Uuid::from_u128(3)),
            tenant_id: OPERATOR,
            ledger: scope.take_ledger_number().await.unwrap(),
            asset: Asset::new("USD", 2).unwrap(),
            withdrawal_threshold: None,
            liquidity_threshold: None,
            created_at: endpoint.created_at,
            updated_at: endpoint.created_at,
            deleted_at: None,
        };
        scope.insert_asset(&asset).await.unwrap();
        let address = WalletAddress {
            id: WalletAddressId::from_uuid(Uuid::from_u128(4)),
            tenant_id: OPERATOR,
            address: ADDRESS.to_owned(),
            public_name: None,
            asset,
            total_events_amount: 0,
            process_at: None,
            deactivated_at: None,
            created_at: endpoint.created_at,
            updated_at: endpoint.created_at,
        };
        scope.insert_wallet_address(&address).await.unwrap();
        unit.commit().await.unwrap();

        let targets = Targets {
            default_url: url,
            timeout: Duration::from_secs(2),
            attempts_max: AttemptsMax::Ladder,
            ladder: RetryLadder::default(),
            secret: None,
            signature_version: 1,
            operator: OPERATOR,
            card_service: None,
            point_of_sale: None,
            proofs: service_identity::ServiceProofs::default(),
        };
        let webhooks = Webhooks::new(&targets, None, Directory::new(store.clone()), testkit::entropy(1));
        let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
        let secret = CallerSecret::new(["shared"], "grant-events", Limiter::new(cache, clock));
        let callers =
            ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: ServiceIdentities::default() }));
        let recorder = GrantEventRecorder { store: store.clone(), webhooks };
        (GrantEventReceiver { recorder, callers }.router(), store, database)
    }

    fn handed_over(id: u128, kind: &str) -> Value {
        json!({
            "id": Uuid::from_u128(id), "type": kind, "tenantId": OPERATOR, "createdAt": "2026-01-01T00:00:00.000Z",
            "data": { "id": GRANT, "client": null, "access": [{ "type": "quote", "actions": ["create"] }, { "identifier": ADDRESS }], "createdAt": "2026-01-01T00:00:00.000Z" },
        })
    }

    async fn send(api: &Router, headers: &[(&str, &str)], body: String) -> u16 {
        answer(api, headers, body).await.status().as_u16()
    }

    async fn answer(api: &Router, headers: &[(&str, &str)], body: String) -> Response {
        let mut request = Request::post("/grant-events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        api.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    #[test]
    fn while_the_database_is_away_the_sender_learns_when_to_come_again() {
        block_on(async {
            let (api, store, _database) = scene().await;
            store.database().close().await;
            let shown = [("authorization", "Bearer shared")];
            let answer = answer(&api, &shown, handed_over(1, "grant.created").to_string()).await;
            assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        });
    }

    #[test]
    fn an_event_is_accepted_only_with_the_secret_and_recorded_once() {
        block_on(async {
            let (api, store, _database) = scene().await;
            let shown = ("authorization", "Bearer shared");
            let event = handed_over(1, "grant.created").to_string();
            assert_eq!(send(&api, &[], event.clone()).await, 401);
            assert_eq!(send(&api, &[("authorization", "Bearer guess")], event.clone()).await, 401);
            assert_eq!(send(&api, &[shown, ("origin", "https://evil.example")], event.clone()).await, 403);
            let id = WebhookEventId::from_uuid(Uuid::from_u128(1));
            assert_eq!(store.tenant(OPERATOR).webhook_event(id).await.unwrap(), None);

            for _ in 0..2 {
                assert_eq!(send(&api, &[shown], event.clone()).await, 204);
            }
            let recorded = store.tenant(OPERATOR).webhook_event(id).await.unwrap().unwrap();
            assert_eq!(
                (recorded.event_type, recorded.data["id"].as_str()),
                (EventType::GrantCreated, Some(&*GRANT.to_string()))
            );
            assert_eq!(store.every_tenant().deliveries_of(id).await.unwrap().len(), 1);
        });
    }

    #[test]
    fn a_body_that_is_no_event_about_a_grant_is_refused() {
        block_on(async {
            let (api, _store, _database) = scene().await;
            let mut nameless = handed_over(2, "grant.created");
            nameless["data"] = json!({});
            let large = "x".repeat(BODY_MAX + 1);
            for (body, status) in [
                (String::new(), 400),
                ("[]".to_owned(), 400),
                (nameless.to_string(), 400),
                (handed_over(2, "grant.invented").to_string(), 400),
                (handed_over(2, "ledger.alarm").to_string(), 400),
                (large, 413),
                (handed_over(2, "grant.revoked").to_string(), 204),
            ] {
                assert_eq!(send(&api, &[("authorization", "Bearer shared")], body.clone()).await, status, "{body:.80}");
            }
        });
    }
}
