//! A backend with one institution and its Admin API, and a client that signs.
//! It tests nothing itself.

use std::sync::Arc;
use std::time::Duration;

use admin_graphql::{AdminApiParts, AdminApiSettings};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use clock::{Clock, ManualClock};
use institution::{CacheIn, Institution, Setup};
use ledger::Ledger;
use payments::{NewOutgoingPayment, PaymentGrant, PaymentOf};
use payments_model::TenantId;
use payments_model::grant_limits::GrantLimits;
use serde_json::{Value, json};
use testkit::TestDatabase;
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) use institution::OPERATOR;

pub(crate) const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(2));
/// A tenant that has the operator's secret.
pub(crate) const TWIN: TenantId = TenantId::from_uuid(Uuid::from_u128(3));

pub(crate) struct Bench {
    pub(crate) api: Router,
    pub(crate) institution: Institution,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) async fn open(database: TestDatabase) -> Self {
        let clock = testkit::manual_clock();
        let setup = Setup::new("bank", clock.clone());
        Self::of(database, clock, setup).await
    }

    /// A bench with this ledger.
    pub(crate) async fn open_on(database: TestDatabase, clock: Arc<ManualClock>, ledger: Arc<dyn Ledger>) -> Self {
        let setup = Setup { ledger, ..Setup::new("bank", clock.clone()) };
        Self::of(database, clock, setup).await
    }

    async fn of(database: TestDatabase, clock: Arc<ManualClock>, setup: Setup) -> Self {
        let setup = Setup { cache: CacheIn::Database, secret_of: secret, ..setup };
        let institution = Institution::open(database, setup).await;
        for tenant in [TENANT, TWIN] {
            institution.add_tenant(tenant).await;
        }
        Self { api: api(&institution), institution, clock }
    }

    /// The API as a second process on the same database and ledger serves it.
    pub(crate) async fn another_process(&self) -> Router {
        api(&self.institution.another_process().await)
    }

    pub(crate) fn uuid(&self) -> String {
        self.institution.parts.entropy.uuid().to_string()
    }

    /// The signature of `body` by `tenant` now. The clock advances, so that no two signatures are equal.
    pub(crate) fn sign(&self, tenant: TenantId, body: &Value) -> String {
        self.clock.advance(Duration::from_millis(1));
        admin_signature::sign(&secret(tenant), 1, self.clock.now(), &admin_signature::canonical(body))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        send_to(&self.api, request).await
    }

    /// Sends `body` signed by `tenant`.
    pub(crate) async fn post(&self, tenant: TenantId, body: &Value) -> (StatusCode, Value) {
        let (status, text) = self.send(request(tenant, &self.sign(tenant, body), body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Runs a document; the answer's `data` and `errors`.
    pub(crate) async fn run(&self, tenant: TenantId, query: &str, variables: Value) -> Value {
        let (status, answer) = self.post(tenant, &json!({ "query": query, "variables": variables })).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Runs a mutation of one input that succeeds; its payload.
    pub(crate) async fn mutate(&self, tenant: TenantId, mutation: &str, input: Value) -> Value {
        let answer = self.run(tenant, &document(mutation), json!({ "input": input })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        let (_, payload) = answer["data"].as_object().unwrap().iter().next().unwrap();
        payload.clone()
    }

    /// One wallet address pays another 1.00 under a grant with these limits. Returns the id of the payment.
    pub(crate) async fn pay_under_grant(&self, [payer, payee]: [&Value; 2], limits: GrantLimits) -> Value {
        let amount = json!({ "value": 100, "assetCode": "USD", "assetScale": 2 });
        let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { url } }";
        let input = json!({ "walletAddressId": payee, "incomingAmount": amount });
        let receiver = self.mutate(OPERATOR, create, input).await["payment"]["url"].clone();
        let input = json!({ "walletAddressId": payer, "receiver": receiver });
        let made = self.mutate(OPERATOR, "createQuote: CreateQuoteInput { quote { id } }", input).await;
        let new = NewOutgoingPayment {
            wallet_address_id: payer.as_str().unwrap().parse().unwrap(),
            source: PaymentOf::Quote(made["quote"]["id"].as_str().unwrap().parse().unwrap()),
            client: None,
            grant: Some(PaymentGrant { id: "a grant".to_owned(), limits: Some(limits) }),
            metadata: None,
            card: None,
        };
        let created = self.institution.payments.create_outgoing_payment(OPERATOR, new).await.unwrap();
        json!(created.payment.id().to_string())
    }

    /// Runs a mutation of one input that is refused; the message and code.
    pub(crate) async fn refused(&self, tenant: TenantId, mutation: &str, input: Value) -> (String, String) {
        let answer = self.run(tenant, &document(mutation), json!({ "input": input })).await;
        let error = &answer["errors"][0];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (text(&error["message"]), text(&error["extensions"]["code"]))
    }
}

fn api(process: &Institution) -> Router {
    api_with(process, AdminApiSettings::new(OPERATOR))
}

pub(crate) fn api_with(process: &Institution, settings: AdminApiSettings) -> Router {
    admin_graphql::router(AdminApiParts {
        administration: process.administration.clone(),
        directory: process.parts.directory.clone(),
        payments: process.payments.clone(),
        webhooks: process.webhook_administration(),
        peering: process.peering.clone(),
        identities: http_kit::ServiceIdentities::default(),
        cache: process.parts.cache.clone(),
        clock: process.parts.clock.clone(),
        entropy: process.parts.entropy.clone(),
        settings,
    })
}

pub(crate) async fn send_to(api: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// `createAsset: CreateAssetInput { asset { id } }` as a document.
fn document(mutation: &str) -> String {
    let (head, selection) = mutation.split_once('{').unwrap();
    let (name, input) = head.split_once(':').unwrap();
    format!("mutation($input: {}!) {{ {name}(input: $input) {{{selection} }}", input.trim())
}

pub(crate) fn request(tenant: TenantId, signature: &str, body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header("content-type", "application/json")
        .header("tenant-id", tenant.to_string())
        .header("signature", signature)
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn secret(tenant: TenantId) -> String {
    let owner = if tenant == TWIN { OPERATOR } else { tenant };
    format!("secret of {owner}")
}
