//! A server on a new database, a client that signs, and a browser that keeps cookies.
//! It tests nothing itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth::{Auth, AuthSettings, ClientDirectory, GrantEvents, NoSuchClient, Retention, TenantData};
use auth_api::{AdminSettings, ApiSettings, Routers, SameSite, routers};
use auth_model::{ConsentPolicy, FinishUriPolicy, Lifetimes, TenantId, Terms};
use auth_store::AuthStore;
use axum::Router;
use axum::body::{Body, to_bytes};
use clock::{Clock, ManualClock, SeededEntropy};
use database::Database;
use gnap::WebUrl;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_kit::graphql::Introspection;
use http_kit::{CallerSecret, ClientAddress, ServiceCallers, ServiceDoor, ServiceIdentities};
use http_signatures::{Freshness, Jwk, Signer, SigningKey, TargetOrigin};
use serde_json::{Value, json};
use service_identity::CallerCertificate;
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use testkit::TestDatabase;
use tower::ServiceExt;

pub(crate) const OPERATOR: &str = "cf5fd7d3-1eb1-4041-8e43-ba45747e9e5d";
pub(crate) const OPERATOR_SECRET: &str = "operator secret";
pub(crate) const IDP_SECRET: &str = "an idp secret";
pub(crate) const CLIENT: &str = "https://client.example/app";
/// A client that has just replaced its key; the server still knows the old one.
pub(crate) const ROTATED: &str = "https://rotated.example/app";
pub(crate) const ALICE: &str = "https://wallet.example/alice";

/// Clients and the keys they publish.
#[derive(Debug)]
struct Published(BTreeMap<String, Jwk>);

#[async_trait]
impl ClientDirectory for Published {
    async fn key(&self, client: &WebUrl, key_id: &str) -> Result<Jwk, NoSuchClient> {
        if client.as_str() == ROTATED {
            return Ok(Jwk::new(key_id, SigningKey::from_seed(&[9; 32]).public_key().unwrap()).unwrap());
        }
        let found = self.0.get(client.as_str()).filter(|key| key.kid() == key_id);
        found.cloned().ok_or_else(|| NoSuchClient { reason: "not published".to_owned() })
    }

    async fn key_after(&self, client: &WebUrl, key_id: &str, failed: &Jwk) -> Option<Jwk> {
        let known = self.0.get(client.as_str()).filter(|key| key.kid() == key_id);
        known.filter(|key| *key != failed).cloned()
    }

    async fn public_name(&self, client: &WebUrl) -> Result<Option<String>, NoSuchClient> {
        Ok((client.as_str() == CLIENT).then(|| "Alice & Co. +ü".to_owned()))
    }
}

/// A server and its clients.
pub(crate) struct Server {
    pub(crate) auth: Auth,
    pub(crate) routers: Routers,
    pub(crate) store: AuthStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Signer,
    pub(crate) stranger: Signer,
    _database: Option<TestDatabase>,
}

/// What is logged on this thread while it lives.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _listening: tracing::subscriber::DefaultGuard,
}

/// Writes to the end of the lines.
struct ToLines(Arc<Mutex<Vec<u8>>>);

impl Write for ToLines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn of_this_thread() -> Self {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || ToLines(to.clone())).finish();
        Self { lines, _listening: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.lines.lock().unwrap())).unwrap()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?} is not JSON"))
    }

    /// Status, code and description of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), text("code"), text("description"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::FOUND, "{self:?}");
        self.headers["location"].to_str().unwrap().to_owned()
    }
}

pub(crate) fn refused(status: u16, code: &str, description: &str) -> (u16, String, String) {
    (status, code.to_owned(), description.to_owned())
}

/// Callers that show this secret.
pub(crate) fn with_secret(secret: &str, name: &'static str, limiter: &Limiter) -> ServiceCallers {
    let secret = CallerSecret::new([secret], name, limiter.clone());
    ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: ServiceIdentities::default() }))
}

impl Server {
    pub(crate) async fn on(database: TestDatabase) -> Self {
        Self::with(database, |_| {}).await
    }

    pub(crate) async fn with(database: TestDatabase, adjust: impl FnOnce(&mut AuthSettings)) -> Self {
        Self::with_api(database, |settings, _| adjust(settings)).await
    }

    pub(crate) async fn with_api(
        database: TestDatabase,
        adjust: impl FnOnce(&mut AuthSettings, &mut ApiSettings),
    ) -> Self {
        Self::open(Database::clone(&database), Some(database), 1, |settings, api, _| adjust(settings, api)).await
    }

    /// With more that needs the server's own store and clock.
    pub(crate) async fn with_own(
        database: TestDatabase,
        adjust: impl FnOnce(&mut ApiSettings, (&AuthStore, &Arc<ManualClock>)),
    ) -> Self {
        Self::open(Database::clone(&database), Some(database), 1, |_, api, own| adjust(api, own)).await
    }

    /// Two processes on one database, each with a memory of its own; `adjust` is for the second.
    pub(crate) async fn two(database: TestDatabase, adjust: impl FnOnce(&mut AuthSettings)) -> (Self, Self) {
        let second = database.connect_again().await;
        let first = Self::on(database).await;
        (first, Self::open(second, None, 2, |settings, _, _| adjust(settings)).await)
    }

    async fn open(
        database: Database,
        kept: Option<TestDatabase>,
        seed: u64,
        adjust: impl FnOnce(&mut AuthSettings, &mut ApiSettings, (&AuthStore, &Arc<ManualClock>)),
    ) -> Self {
        let clock = testkit::manual_clock();
        let client = Signer::new(SigningKey::from_seed(&[1; 32]), "client-key").unwrap();
        let stranger = Signer::new(SigningKey::from_seed(&[2; 32]), "stranger-key").unwrap();
        let published = [
            (CLIENT, &client),
            (ROTATED, &client),
            ("https://nameless.example", &client),
            ("https://other.example", &stranger),
        ];
        let published = published.into_iter().map(|(url, signer)| (url.to_owned(), signer.jwk().clone()));
        let store = AuthStore::new(database);
        store.migrate().await.unwrap();
        let cache =
            SharedCache::InProcess(InProcessCache::new(Arc::<ManualClock>::clone(&clock), InProcessLimits::default()));
        let limiter = Limiter::new(cache.clone(), Arc::<ManualClock>::clone(&clock));
        let mut api = ApiSettings {
            target_origin: TargetOrigin::Host,
            cookie_keys: auth_api::CookieKeys { present: "cookie key".to_owned(), former: None },
            cookie_same_site: SameSite::Lax,
            admin: AdminSettings {
                signature_version: 1,
                signature_lifetime: Duration::from_secs(30),
                identities: ServiceIdentities::default(),
                cache: cache.clone(),
                introspection: Introspection::Refused,
            },
            services: ServiceCallers::Anybody,
            issuer: None,
            limiter: limiter.clone(),
            grant_requests: Rate::per_minute("grants", 0),
            continuations: Rate::per_minute("continuations", 0),
            introspections: Rate::per_minute("introspections", 0),
            failures: Rate::per_minute("failures", 0),
        };
        let mut settings = settings();
        adjust(&mut settings, &mut api, (&store, &clock));
        let auth = Auth::open(
            settings,
            store.clone(),
            Arc::<ManualClock>::clone(&clock),
            Arc::new(SeededEntropy::new(seed)),
            Arc::new(Published(published.collect())),
            cache,
            limiter,
        );
        let auth = auth.await.unwrap();
        Self { routers: routers(auth.clone(), api), auth, store, clock, client, stranger, _database: kept }
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A signed request with a token and a body, if any.
    pub(crate) async fn signed(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        self.signed_by(&self.client, method, path, token, body).await
    }

    pub(crate) async fn signed_by(
        &self,
        signer: &Signer,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.text_signed_by(signer, method, path, token, &body, HeaderMap::new()).await
    }

    /// A signed POST with this `Idempotency-Key`.
    pub(crate) async fn keyed(
        &self,
        signer: &Signer,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
        key: &str,
    ) -> Answer {
        let key = (http::HeaderName::from_static("idempotency-key"), HeaderValue::try_from(key).unwrap());
        let body = body.map(Value::to_string).unwrap_or_default();
        self.text_signed_by(signer, "POST", path, token, &body, HeaderMap::from_iter([key])).await
    }

    /// A signed request with this body, which need not be JSON.
    pub(crate) async fn signed_text(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        self.text_signed_by(&self.client, method, path, token, body, HeaderMap::new()).await
    }

    async fn text_signed_by(
        &self,
        signer: &Signer,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
        mut headers: HeaderMap,
    ) -> Answer {
        if let Some(token) = token {
            headers.insert("authorization", HeaderValue::try_from(format!("GNAP {token}")).unwrap());
        }
        let url = format!("http://auth.example{path}");
        signer.sign(method, &url, &mut headers, body.as_bytes(), self.clock.now()).unwrap();
        call(&self.routers.auth, method, path, headers, body.to_owned()).await
    }

    pub(crate) async fn request(&self, body: &Value) -> Answer {
        self.signed("POST", &format!("/{OPERATOR}"), None, Some(body)).await
    }

    /// A grant for incoming payments, as approved at once.
    pub(crate) async fn incoming_grant(&self) -> Value {
        let answer = self.request(&incoming()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    /// A grant for outgoing payments, waiting for the owner.
    pub(crate) async fn outgoing_grant(&self) -> Value {
        let answer = self.request(&outgoing()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn introspect(&self, body: &Value) -> Answer {
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        call(&self.routers.introspection, "POST", "/", headers, body.to_string()).await
    }

    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(&json!({"access_token": token})).await.json()["active"].as_bool().unwrap()
    }

    /// A signed Admin API request; its data, or the code of its first error.
    pub(crate) async fn admin(&self, tenant: &str, secret: &str, query: &str) -> Result<Value, String> {
        self.wait_millis(1); // Each request has its own signature.
        let body = json!({"query": query});
        let signed = admin_signature::sign(secret, 1, self.clock.now(), &admin_signature::canonical(&body));
        let answer = self.admin_raw(tenant, &signed, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let mut answer = answer.json();
        match answer.get("errors") {
            Some(errors) => Err(errors[0]["extensions"]["code"].as_str().unwrap().to_owned()),
            None => Ok(answer["data"].take()),
        }
    }

    /// A signed query of the operator to the Admin API. Returns status and answer.
    pub(crate) async fn admin_asks(&self, query: &str, variables: &Value) -> (u16, Value) {
        self.wait_millis(1);
        let body = json!({"query": query, "variables": variables});
        let signed = admin_signature::sign(OPERATOR_SECRET, 1, self.clock.now(), &admin_signature::canonical(&body));
        let answer = self.admin_raw(OPERATOR, &signed, body.to_string()).await;
        (answer.status.as_u16(), answer.json())
    }

    /// The number of stored grants.
    pub(crate) async fn grants(&self) -> usize {
        let page = self.admin(OPERATOR, OPERATOR_SECRET, "{ grants { edges { cursor } } }").await.unwrap();
        page["grants"]["edges"].as_array().unwrap().len()
    }

    pub(crate) async fn admin_raw(&self, tenant: &str, signature: &str, body: String) -> Answer {
        let headers = HeaderMap::from_iter([
            (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (http::HeaderName::from_static("tenant-id"), HeaderValue::try_from(tenant).unwrap()),
            (http::HeaderName::from_static("signature"), HeaderValue::try_from(signature).unwrap()),
        ]);
        call(&self.routers.admin, "POST", "/graphql", headers, body).await
    }

    pub(crate) fn wait_millis(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    pub(crate) async fn browse(&self, browser: &mut Browser, url: &str) -> Answer {
        let path = url.strip_prefix("http://auth.example").unwrap_or(url);
        let mut headers = HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static("*/*"))]);
        if !browser.cookies.is_empty() {
            let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert("cookie", HeaderValue::try_from(pairs.join("; ")).unwrap());
        }
        let answer = call(&self.routers.auth, "GET", path, headers, String::new()).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            browser.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// The identity provider's request about the interaction of a pending grant: `details`, `accept` or `reject`.
    pub(crate) async fn idp(&self, grant: &Value, what: &str, secret: &str) -> Answer {
        self.idp_from(Ipv4Addr::UNSPECIFIED, grant, what, secret).await
    }

    /// As [`Server::idp`], from this address.
    pub(crate) async fn idp_from(&self, from: Ipv4Addr, grant: &Value, what: &str, secret: &str) -> Answer {
        let interaction = Interaction::of(grant);
        let headers = HeaderMap::from_iter([
            (http::HeaderName::from_static("x-idp-secret"), HeaderValue::try_from(secret).unwrap()),
            (http::header::ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let base = format!("/grant/{}/{}", interaction.id, interaction.nonce);
        let (method, path) = if what == "details" { ("GET", base) } else { ("POST", format!("{base}/{what}")) };
        call_from(from, &self.routers.interaction, method, &path, headers, String::new()).await
    }

    /// The requests of the owner: start, `accept` or `reject`, finish. Returns the last answer.
    pub(crate) async fn consent(&self, grant: &Value, choice: &str) -> Answer {
        let mut browser = Browser::default();
        let interaction = Interaction::of(grant);
        self.browse(&mut browser, &interaction.start).await.location();
        assert_eq!(self.idp(grant, choice, IDP_SECRET).await.status, StatusCode::ACCEPTED);
        self.browse(&mut browser, &interaction.finish).await
    }

    /// Path and token of a grant's continuation.
    pub(crate) fn continuation(grant: &Value) -> (String, String) {
        let uri = grant["continue"]["uri"].as_str().unwrap();
        let token = grant["continue"]["access_token"]["value"].as_str().unwrap();
        (uri.strip_prefix("http://auth.example").unwrap().to_owned(), token.to_owned())
    }

    pub(crate) async fn go_on(&self, grant: &Value, body: Option<&Value>) -> Answer {
        let (path, token) = Self::continuation(grant);
        self.signed("POST", &path, Some(&token), body).await
    }
}

/// Cookies by name.
#[derive(Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

/// The URLs of a pending grant's interaction.
pub(crate) struct Interaction {
    pub(crate) id: String,
    pub(crate) nonce: String,
    pub(crate) start: String,
    pub(crate) finish: String,
}

impl Interaction {
    pub(crate) fn of(grant: &Value) -> Self {
        let start = grant["interact"]["redirect"].as_str().unwrap().to_owned();
        let path = start.split('?').next().unwrap();
        let mut parts = path.rsplit('/');
        let nonce = parts.next().unwrap().to_owned();
        let id = parts.next().unwrap().to_owned();
        let finish = format!("{path}/finish");
        Self { id, nonce, start, finish }
    }
}

pub(crate) async fn call(router: &Router, method: &str, path: &str, headers: HeaderMap, body: String) -> Answer {
    call_from(Ipv4Addr::UNSPECIFIED, router, method, path, headers, body).await
}

pub(crate) async fn call_from(
    from: Ipv4Addr,
    router: &Router,
    method: &str,
    path: &str,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    request.extensions_mut().insert(ClientAddress(from.into()));
    answered(router, request).await
}

/// A form that is sent over a connection whose listener has verified this certificate.
pub(crate) async fn post_over(router: &Router, certificate: &CallerCertificate, path: &str, form: &str) -> Answer {
    let mut request = Request::post(path).body(Body::from(form.to_owned())).unwrap();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", kind);
    request.extensions_mut().insert(ClientAddress(Ipv4Addr::UNSPECIFIED.into()));
    request.extensions_mut().insert(certificate.clone());
    answered(router, request).await
}

async fn answered(router: &Router, mut request: Request<Body>) -> Answer {
    request.headers_mut().insert("host", HeaderValue::from_static("auth.example"));
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

pub(crate) fn incoming() -> Value {
    json!({
        "client": {"walletAddress": CLIENT},
        "access_token": {"access": [{"type": "incoming-payment", "actions": ["create", "read"], "identifier": ALICE}]}
    })
}

pub(crate) fn outgoing() -> Value {
    json!({
        "client": {"walletAddress": CLIENT},
        "access_token": {"access": [{
            "type": "outgoing-payment", "actions": ["create", "read"], "identifier": ALICE,
            "limits": {"debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2}}
        }]},
        "interact": {
            "start": ["redirect"],
            "finish": {"method": "redirect", "uri": "https://client.example/back?x=1&y=a%20b", "nonce": "client-nonce"}
        }
    })
}

pub(crate) fn polled() -> Value {
    let mut body = outgoing();
    body["interact"].as_object_mut().unwrap().remove("finish");
    body
}

fn settings() -> AuthSettings {
    AuthSettings {
        secret_overlap: Duration::from_mins(1),
        server_url: "http://auth.example".parse().unwrap(),
        operator: TenantData {
            id: OPERATOR.parse::<TenantId>().unwrap(),
            api_secret: OPERATOR_SECRET.to_owned(),
            idp_consent_url: Some("https://idp.example/consent?theme=dark".parse().unwrap()),
            idp_secret: Some(IDP_SECRET.to_owned()),
        },
        consent: ConsentPolicy::default(),
        terms: Terms {
            token_lifetime: Duration::from_mins(10),
            interaction_lifetime: Duration::from_mins(10),
            continue_wait: Duration::from_secs(5),
            lifetimes: Lifetimes::default(),
        },
        finish_uris: FinishUriPolicy::default(),
        freshness: Freshness::default(),
        grant_requests_per_client: Rate::per_minute("grants-of-client", 0),
        continuations_per_client: Rate::per_minute("continuations-of-client", 0),
        provider_secrets_from_new_sources: Rate::per_minute("idp-secrets", 0),
        grant_events: GrantEvents::Unrecorded,
        retention: Retention { tokens: Duration::from_hours(720), unissued_grants: Duration::from_hours(720) },
    }
}
