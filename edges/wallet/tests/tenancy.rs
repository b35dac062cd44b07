//! The tenant of a tenant's wallet: made once with the operator's secret, found again by its own, and brought up to date.
//! The real instance is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::{Arc, Mutex};

use admin_client::{AdminClient, Credentials};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use clock::Clock;
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use uuid::Uuid;
use wallet::seed::SeedTenant;
use wallet::{Tenancy, TenancyError};

const OPERATOR: Uuid = Uuid::from_u128(1);
const TENANT: Uuid = Uuid::from_u128(2);

/// An instance with at most one tenant.
#[derive(Default)]
struct Instance {
    tenant: Mutex<Option<Value>>,
    /// Whether the tenant has another secret than the wallet.
    is_of_somebody_else: Mutex<bool>,
    /// Who asked for which change.
    changes: Mutex<Vec<(Uuid, String)>>,
}

async fn graphql(
    State(instance): State<Arc<Instance>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let caller: Uuid = headers["tenant-id"].to_str().unwrap().parse().unwrap();
    let mut tenant = instance.tenant.lock().unwrap();
    let is_unknown = tenant.is_none() || *instance.is_of_somebody_else.lock().unwrap();
    if caller == TENANT && is_unknown {
        return (StatusCode::UNAUTHORIZED, Json(json!({})));
    }
    let name = body["query"].as_str().unwrap().split([' ', '(']).nth(1).unwrap().to_owned();
    let input = &body["variables"]["input"];
    if name != "ConsoleTenant" {
        instance.changes.lock().unwrap().push((caller, name.clone()));
    }
    let data = match name.as_str() {
        "ConsoleTenant" => match &*tenant {
            Some(tenant) => json!({"tenant": tenant}),
            None => return refused("NOT_FOUND"),
        },
        "CreateTenant" => {
            if tenant.is_some() {
                return refused("DUPLICATE");
            }
            *tenant = Some(json!({"id": input["id"], "publicName": input["publicName"], "email": null,
                "idpConsentUrl": input["idpConsentUrl"], "createdAt": "2026-01-01T00:00:00.000Z", "deletedAt": null,
                "settings": input["settings"]}));
            json!({"createTenant": {"tenant": {"id": input["id"]}}})
        }
        "UpdateTenant" => {
            let tenant = tenant.as_mut().unwrap();
            for name in ["publicName", "idpConsentUrl"] {
                tenant[name] = input[name].clone();
            }
            json!({"updateTenant": {"tenant": {"id": TENANT}}})
        }
        "CreateTenantSettings" => {
            let mut settings = tenant.as_ref().unwrap()["settings"].as_array().unwrap().clone();
            for setting in input["settings"].as_array().unwrap() {
                settings.retain(|known| known["key"] != setting["key"]);
                settings.push(setting.clone());
            }
            tenant.as_mut().unwrap()["settings"] = json!(settings);
            json!({"createTenantSettings": {"settings": settings}})
        }
        other => panic!("{other}"),
    };
    (StatusCode::OK, Json(json!({"data": data})))
}

fn refused(code: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::OK, Json(json!({"errors": [{"message": code, "extensions": {"code": code}}], "data": null})))
}

async fn wallet(instance: &Arc<Instance>) -> Tenancy {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap());
    let app = Router::new().route("/graphql", post(graphql)).with_state(Arc::clone(instance));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let clock = testkit::manual_clock() as Arc<dyn Clock>;
    let client = |tenant_id, secret: &str| {
        let credentials = Credentials { tenant_id, secret: secret.to_owned(), signature_version: 1 };
        let http = Outbound::new(OutboundConfig::development(), Arc::clone(&clock)).unwrap();
        AdminClient::new(url.parse().unwrap(), credentials, http, Arc::clone(&clock))
    };
    Tenancy {
        operator: client(OPERATOR, "of the operator"),
        own: client(TENANT, "of the tenant"),
        tenant: SeedTenant {
            id: TENANT,
            api_secret: "of the tenant".to_owned(),
            public_name: Some("Ten".to_owned()),
            idp_consent_url: Some("http://ten/mock-idp/".to_owned()),
            idp_secret: Some("of the provider".to_owned()),
            wallet_address_prefix: "https://nine.example/ten".parse().unwrap(),
            webhook_url: "http://ten/webhooks".parse().unwrap(),
        },
    }
}

#[tokio::test]
async fn a_tenant_is_made_once_found_again_and_brought_up_to_date() {
    let instance = Arc::new(Instance::default());
    let mut wallet = wallet(&instance).await;
    let changes = || std::mem::take(&mut *instance.changes.lock().unwrap());
    // Two processes of the wallet at once, and a later start.
    let (one, other) = tokio::join!(wallet.ensure(), wallet.ensure());
    one.unwrap();
    other.unwrap();
    let made = changes();
    assert!(made.iter().all(|(by, what)| *by == OPERATOR && what == "CreateTenant") && !made.is_empty(), "{made:?}");
    let kept = instance.tenant.lock().unwrap().clone().unwrap();
    let setting = |key: &str| {
        let kept = instance.tenant.lock().unwrap().clone().unwrap();
        let settings = kept["settings"].as_array().unwrap().clone();
        settings.into_iter().find(|setting| setting["key"] == key).unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(setting("WALLET_ADDRESS_URL"), "https://nine.example/ten");
    wallet.ensure().await.unwrap();
    assert!(changes().is_empty(), "a later start changes nothing");
    assert_eq!(*instance.tenant.lock().unwrap(), Some(kept));

    wallet.tenant.webhook_url = "http://elsewhere/webhooks".parse().unwrap();
    wallet.tenant.public_name = Some("Cloud Ten".to_owned());
    wallet.ensure().await.unwrap();
    assert_eq!(changes(), [(TENANT, "UpdateTenant".to_owned()), (TENANT, "CreateTenantSettings".to_owned())]);
    assert_eq!(setting("WEBHOOK_URL"), "http://elsewhere/webhooks");
    assert_eq!(setting("WALLET_ADDRESS_URL"), "https://nine.example/ten");
}

#[tokio::test]
async fn the_tenant_of_somebody_else_or_a_deleted_one_is_not_taken() {
    let instance = Arc::new(Instance::default());
    let wallet = wallet(&instance).await;
    wallet.ensure().await.unwrap();
    *instance.is_of_somebody_else.lock().unwrap() = true;
    assert!(matches!(wallet.ensure().await, Err(TenancyError::OtherSecret(TENANT))));
    instance.tenant.lock().unwrap().as_mut().unwrap()["deletedAt"] = json!("2026-01-02T00:00:00.000Z");
    assert!(matches!(wallet.ensure().await, Err(TenancyError::Deleted(TENANT))));
    assert_eq!(instance.changes.lock().unwrap().len(), 1, "only the one that made it");
}
