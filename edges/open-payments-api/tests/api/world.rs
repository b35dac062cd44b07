//! The listener over a real institution, a simulated authorization server, and a client that signs.
//!
//! Two people have accounts: Alice, the owner of the tested payments, in dollars, and Carol in euro.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Form;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::{get, post};
use clock::{Clock, ManualClock, SystemEntropy, Timestamp};
use gnap::{AccessType, Action};
use http_kit::ShutdownGate;
use http_signatures::{Freshness, Signer, SigningKey, TargetOrigin};
use institution::{Institution, Setup};
use money::{Asset, AssetAmount};
use open_payments_api::{
    BearerTokens, OpenPaymentsApi, OpenPaymentsApiParts, OpenPaymentsSettings, WrongGuesses, router,
};
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use payments::administration::{NewWalletAddress, WalletAddressChange, WalletAddressStatus};
use payments::{NewIncomingPayment, NewOutgoingPayment, NewQuote, PaymentOf};
use payments_model::fee::FeeKind;
use payments_model::quote::QuoteRequest;
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{IncomingPaymentId, InitiatedBy, OutgoingPaymentId, QuoteId, WalletAddress};
use serde_json::{Value, json};
use service_identity::{
    ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, SecretPlace, TokenJudge,
};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use testkit::TestDatabase;
use token_introspection::IntrospectionClient;
use tower::ServiceExt;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub(crate) const TENANT: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";
/// The issuer of tokens of OAuth 2.0, and their audience.
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://wallet.example";
pub(crate) const OTHER_TENANT: &str = "538fa74a-fa7d-4317-9ced-dde32ece1788";
pub(crate) const ALICE: &str = "https://wallet.example/accounts/alice";
/// A client that is not the caller.
pub(crate) const STRANGER: &str = "https://other.example/app";
/// The cost of one payment for Alice besides its amount.
const FEE: u64 = 30;

/// The next answer of introspection, and its last request.
#[derive(Debug, Default)]
pub(crate) struct Authority {
    pub(crate) answer: Value,
    pub(crate) asked: Value,
    pub(crate) status: Option<u16>,
    /// What a provider of OAuth 2.0 says about its tokens. Others are not active.
    pub(crate) bearer: HashMap<String, Value>,
    /// The status of the provider.
    pub(crate) provider_status: Option<u16>,
    /// How often the provider was asked.
    pub(crate) provider_asked: u32,
}

pub(crate) struct World {
    pub(crate) institution: Institution,
    pub(crate) alice: WalletAddress,
    carol: WalletAddress,
    pub(crate) authority: Arc<Mutex<Authority>>,
    pub(crate) signer: Signer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: ShutdownGate,
    /// The client's wallet address, whose keys are served.
    pub(crate) client: String,
    /// The provider of OAuth 2.0.
    pub(crate) provider: ProviderSettings,
    server: SocketAddr,
    service: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id at the end of the URL of a resource.
    pub(crate) fn id(&self) -> String {
        let url = self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned();
        url.rsplit('/').next().unwrap().to_owned()
    }

    /// The ids in a list, sorted.
    pub(crate) fn listed_ids(&self) -> Vec<String> {
        let listed = self.json()["result"].as_array().unwrap_or_else(|| panic!("no list: {}", self.text)).clone();
        let mut ids: Vec<String> =
            listed.iter().map(|one| one["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }

    /// Status and description of a refusal in the JSON shape.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["error"]["code"], self.status.as_str());
        (self.status.as_u16(), body["error"]["description"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn refused(status: u16, description: &str) -> (u16, String) {
    (status, description.to_owned())
}

/// A request, to be sent unchanged or signed first.
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: String::new() }
    }

    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let call = Self { method: Method::POST, path: path.into(), headers: HeaderMap::new(), body };
        call.header("content-type", "application/json")
    }

    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    /// A further line of a header.
    pub(crate) fn also(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn raw_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Adds a token of OAuth 2.0.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn token(self) -> Self {
        self.header("authorization", "GNAP token")
    }

    /// Adds a token and a signature.
    pub(crate) fn signed(self, world: &World) -> Self {
        self.token().only_signed(&world.signer, world.clock.now())
    }

    pub(crate) fn only_signed(mut self, signer: &Signer, now: Timestamp) -> Self {
        let target = format!("http://wallet.example{}", self.path);
        signer.sign(self.method.as_str(), &target, &mut self.headers, self.body.as_bytes(), now).unwrap();
        self
    }
}

pub(crate) fn signer() -> Signer {
    Signer::new(SigningKey::from_seed(&[5; 32]), "key-1").unwrap()
}

/// The key that will replace it.
pub(crate) fn next_signer() -> Signer {
    Signer::new(SigningKey::from_seed(&[6; 32]), "key-2").unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(TestDatabase::sqlite().await).await
    }

    pub(crate) async fn on(database: TestDatabase) -> Self {
        let authority = Arc::new(Mutex::new(Authority::default()));
        let told = authority.clone();
        let introspect = async move |body: Bytes| {
            let mut authority = told.lock().unwrap();
            authority.asked = serde_json::from_slice(&body).unwrap();
            let status = StatusCode::from_u16(authority.status.unwrap_or(200)).unwrap();
            (status, authority.answer.to_string())
        };
        let told = authority.clone();
        let introspect_bearer = async move |Form(form): Form<HashMap<String, String>>| {
            let mut authority = told.lock().unwrap();
            authority.provider_asked += 1;
            let status = StatusCode::from_u16(authority.provider_status.unwrap_or(200)).unwrap();
            let answer = authority.bearer.get(&form["token"]).cloned();
            (status, answer.unwrap_or_else(|| json!({"active": false})).to_string())
        };
        let keys = json!({"keys": [signer().jwk()]}).to_string();
        let server = Router::new()
            .route("/introspect", post(introspect))
            .route("/bearer", post(introspect_bearer))
            .route("/app/jwks.json", get(async move || keys))
            .route("/garbage/jwks.json", get(async || "garbage"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });

        let clock = Arc::new(ManualClock::at(NOW));
        let operator = TENANT.parse().unwrap();
        let institution = Institution::open(database, Setup { operator, ..Setup::new("wallet", clock.clone()) }).await;
        let (alice, carol) = people(&institution).await;
        let gate = ShutdownGate::default();
        let provider = ProviderSettings {
            issuer: Some(ISSUER.parse().unwrap()),
            introspection: Some(format!("http://{address}/bearer").parse().unwrap()),
            ..ProviderSettings::default()
        };
        let service = service(&institution, address, &clock, gate.clone(), None);
        let client = format!("http://{address}/app");
        let world = Self {
            institution,
            alice,
            carol,
            authority,
            signer: signer(),
            clock,
            gate,
            client,
            provider,
            server: address,
            service,
        };
        world.grant(AccessType::IncomingPayment, &[Action::Create]);
        world
    }

    /// The same listener, whose tenants accept tokens of OAuth 2.0.
    pub(crate) fn with_bearer_tokens(mut self, tenants: &[&str]) -> Self {
        self.service = self.listener(&self.institution, tenants);
        self
    }

    /// The listener of a process, whose tenants accept tokens of OAuth 2.0.
    pub(crate) fn listener(&self, institution: &Institution, tenants: &[&str]) -> Router {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let outbound = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
        let provider = Provider::new(self.provider.clone(), outbound, clock.clone());
        let credential = Credential::Secret("secret".to_owned(), SecretPlace::Header);
        let identity = ClientIdentity { id: "backend".to_owned(), credential };
        let judge = TokenJudge::new(provider, identity, JudgeSettings::default(), clock, Arc::new(SystemEntropy));
        let bearer = BearerTokens {
            judge,
            audience: AUDIENCE.to_owned(),
            tenants: tenants.iter().map(|tenant| tenant.parse().unwrap()).collect(),
            tenant_claim: "tenant".to_owned(),
            authorization_claim: "authorization_id".to_owned(),
        };
        service(institution, self.server, &self.clock, self.gate.clone(), Some(bearer))
    }

    /// From now on the provider says this of a token.
    pub(crate) fn bearer(&self, token: &str, answer: Value) {
        self.authority.lock().unwrap().bearer.insert(token.to_owned(), answer);
    }

    /// An incoming payment of Alice's that `client` created: 25 dollars, for an hour.
    pub(crate) async fn incoming(&self, client: Option<&str>) -> IncomingPaymentId {
        let new = NewIncomingPayment {
            wallet_address_id: self.alice.id,
            incoming_amount: Some(usd(2500)),
            expires_at: Some(self.clock.now() + std::time::Duration::from_hours(1)),
            metadata: None,
            client: client.map(str::to_owned),
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        self.institution.payments.create_incoming_payment(self.alice.tenant_id, new).await.unwrap().id
    }

    /// Pays `amount` to an incoming payment of Alice's, from her own account.
    pub(crate) async fn pay(&self, id: IncomingPaymentId, amount: u64) {
        let receiver = url_of("incoming-payments", id);
        let quote = self.quote_to(receiver, QuoteRequest::ReceiveAmount(usd(amount)), None).await;
        let payment = self.outgoing_of(quote, None).await;
        self.send_payment(payment).await;
    }

    /// The URL of an incoming payment of Carol's that takes any amount.
    pub(crate) async fn receiver(&self) -> String {
        let new = NewIncomingPayment {
            wallet_address_id: self.carol.id,
            incoming_amount: None,
            expires_at: None,
            metadata: None,
            client: None,
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        let created = self.institution.payments.create_incoming_payment(self.carol.tenant_id, new).await.unwrap();
        url_of("incoming-payments", created.id)
    }

    /// A quote of `client`: 10.30 dollars of Alice's, of which 9 euro reach Carol.
    pub(crate) async fn quote(&self, client: Option<&str>) -> QuoteId {
        self.quote_to(self.receiver().await, QuoteRequest::DebitAmount(usd(1000 + FEE)), client).await
    }

    async fn quote_to(&self, receiver: String, request: QuoteRequest, client: Option<&str>) -> QuoteId {
        let client = client.map(str::to_owned);
        let new = NewQuote { wallet_address_id: self.alice.id, receiver, request, client };
        self.institution.payments.create_quote(self.alice.tenant_id, new).await.unwrap().id
    }

    /// An outgoing payment of such a quote that `client` created.
    pub(crate) async fn outgoing(&self, client: Option<&str>) -> OutgoingPaymentId {
        self.outgoing_of(self.quote(client).await, client).await
    }

    async fn outgoing_of(&self, quote: QuoteId, client: Option<&str>) -> OutgoingPaymentId {
        let new = NewOutgoingPayment {
            wallet_address_id: self.alice.id,
            source: PaymentOf::Quote(quote),
            client: client.map(str::to_owned),
            grant: None,
            metadata: None,
            card: None,
        };
        self.institution.payments.create_outgoing_payment(self.alice.tenant_id, new).await.unwrap().payment.id()
    }

    /// Funds an outgoing payment and sends it.
    pub(crate) async fn send_payment(&self, id: OutgoingPaymentId) {
        let (payments, tenant) = (&self.institution.payments, self.alice.tenant_id);
        let found = payments.outgoing_payment(Some(tenant), id).await.unwrap().unwrap();
        payments.fund_outgoing_payment(tenant, id, found.payment.quote.debit_amount, None).await.unwrap();
        let lease = std::time::Duration::from_secs(5);
        let worker = self.institution.worker("outgoing payments", payments.sending_handler(), lease);
        assert_eq!(worker.run_due().await.unwrap(), 1);
    }

    /// Ends the incoming payments whose time is over.
    pub(crate) async fn expire_payments(&self) {
        let (handler, lease) = (self.institution.payments.expiry_handler(), std::time::Duration::from_secs(5));
        assert_ne!(self.institution.worker("incoming payments", handler, lease).run_due().await.unwrap(), 0);
    }

    /// Deactivates Alice's wallet address.
    pub(crate) async fn deactivate_alice(&self) {
        let change =
            WalletAddressChange { status: Some(WalletAddressStatus::Inactive), ..WalletAddressChange::default() };
        let (administration, operator) = (&self.institution.administration, self.institution.operator());
        administration.update_wallet_address(operator, self.alice.id, change).await.unwrap();
    }

    /// The number of events about unknown addresses.
    pub(crate) async fn told_of_unknown_addresses(&self) -> u64 {
        self.institution.count("webhook_events", "event_type = 'wallet_address.not_found'").await
    }

    /// From now on introspection answers with these actions.
    pub(crate) fn grant(&self, kind: AccessType, actions: &[Action]) {
        self.introspection(json!({
            "active": true, "grant": "grant-1", "client": {"walletAddress": self.client},
            "access": [{"type": kind, "actions": actions, "identifier": ALICE}],
        }));
    }

    pub(crate) fn introspection(&self, answer: Value) {
        self.authority.lock().unwrap().answer = answer;
    }

    /// From now on introspection answers with this status.
    pub(crate) fn introspection_status(&self, status: u16) {
        self.authority.lock().unwrap().status = Some(status);
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        send_to(&self.service, call).await
    }

    /// Sends it signed.
    pub(crate) async fn ask(&self, call: Call) -> Answer {
        self.send(call.signed(self)).await
    }
}

/// Sends a call to the listener of a process.
pub(crate) async fn send_to(service: &Router, call: Call) -> Answer {
    let mut request = Request::builder().method(call.method).uri(call.path).header("host", "wallet.example");
    let headers = request.headers_mut().unwrap();
    for (name, value) in &call.headers {
        headers.append(name, value.clone());
    }
    let response = service.clone().oneshot(request.body(Body::from(call.body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
}

/// The listener of a process of the institution.
fn service(
    institution: &Institution,
    server: SocketAddr,
    clock: &Arc<ManualClock>,
    gate: ShutdownGate,
    bearer: Option<BearerTokens>,
) -> Router {
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
    let public = PublicResources::new(outbound.clone(), RetryPolicy::default(), clock.clone());
    let client_keys = Arc::new(KeySets::new(public, KeySetsConfig::default(), clock.clone()));
    let url = format!("http://{server}/introspect").parse().unwrap();
    let settings = OpenPaymentsSettings {
        open_payments_url: "https://wallet.example/".into(),
        auth_server_grant_url: "https://auth.example".into(),
        card_service_url: Some("https://cards.example".to_owned()),
        own_wallet_address: "https://wallet.example/.well-known/pay".into(),
        own_keys: vec![signer().jwk().clone(), next_signer().jwk().clone()],
        target: TargetOrigin::Host,
        freshness: Freshness::default(),
        spsp: true,
        wait_for_document: false,
        redirect_html_page: Some("https://pages.example/%wp?url=%ewa".into()),
    };
    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    let limiter = Limiter::new(cache.clone(), clock.clone());
    let api = OpenPaymentsApi::new(OpenPaymentsApiParts {
        payments: institution.payments.clone(),
        addresses: institution.addresses.clone(),
        introspection: IntrospectionClient::new(outbound, url),
        bearer,
        client_keys,
        cache,
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        settings,
    });
    router(api, WrongGuesses { limiter, rate: Rate::per_minute("test", 30) }, gate)
}

pub(crate) fn usd(value: u64) -> AssetAmount {
    AssetAmount { value, asset: Asset::new("USD", 2).unwrap() }
}

/// The public URL of a resource.
pub(crate) fn url_of(collection: &str, id: impl std::fmt::Display) -> String {
    format!("https://wallet.example/{TENANT}/{collection}/{id}")
}

/// Alice and Carol.
async fn people(institution: &Institution) -> (WalletAddress, WalletAddress) {
    let (dollars, euro) = (institution.asset("USD").await, institution.asset("EUR").await);
    let (administration, operator) = (&institution.administration, institution.operator());
    administration.set_fee(operator, dollars.id, FeeKind::Sending, FEE, 0).await.unwrap();
    let property = |key: &str, visible_in_open_payments| AdditionalProperty {
        key: key.to_owned(),
        value: "DE1".to_owned(),
        visible_in_open_payments,
    };
    let new = NewWalletAddress {
        asset_id: dollars.id,
        address: ALICE.to_owned(),
        public_name: None,
        additional_properties: vec![property("iban", true), property("birthplace", false)],
        tenant: None,
    };
    let alice = administration.create_wallet_address(operator, new).await.unwrap();
    (alice, institution.wallet_address(&euro, "/accounts/carol").await)
}
