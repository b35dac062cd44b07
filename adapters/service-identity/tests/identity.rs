//! Tokens that are fetched and tokens that are judged, with a provider that counts, fails and comes back.
//! The built-in issuer is tested in `auth-api`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use outbound_http::{Outbound, OutboundConfig, PartyTls, Request};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use service_auth::{Jws, Scope, Service, Wanted, Ways, signing_input, with_signature};
use service_identity::{
    CallError, CallerCertificate, ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, Refusal,
    RoleNames, SecretPlace, ServiceProofs, ServiceTokens, SigningKey, TokenError, TokenJudge, TokenSettings,
    Validation, bearer,
};
use testkit::PrivateAuthority;

const NOW: i64 = 1_767_225_600;

/// A provider with set answers.
#[derive(Default)]
struct Stub {
    token: Mutex<(u16, Value)>,
    introspection: Mutex<(u16, Value)>,
    keys: Mutex<Value>,
    fetched: AtomicUsize,
    introspected: AtomicUsize,
    keys_fetched: AtomicUsize,
    last_form: Mutex<String>,
}

struct Scene {
    stub: Arc<Stub>,
    base: String,
    clock: Arc<ManualClock>,
    http: Outbound,
}

async fn issue(State(stub): State<Arc<Stub>>, body: String) -> (StatusCode, Json<Value>) {
    let number = stub.fetched.fetch_add(1, Ordering::SeqCst);
    *stub.last_form.lock().unwrap() = body;
    let (status, mut answer) = stub.token.lock().unwrap().clone();
    if answer["access_token"] == "numbered" {
        answer["access_token"] = json!(format!("token-{number}"));
    }
    tokio::task::yield_now().await;
    (StatusCode::from_u16(status).unwrap(), Json(answer))
}

async fn introspect(State(stub): State<Arc<Stub>>) -> (StatusCode, Json<Value>) {
    stub.introspected.fetch_add(1, Ordering::SeqCst);
    let (status, answer) = stub.introspection.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), Json(answer))
}

async fn keys(State(stub): State<Arc<Stub>>) -> Json<Value> {
    stub.keys_fetched.fetch_add(1, Ordering::SeqCst);
    Json(stub.keys.lock().unwrap().clone())
}

/// A callee that accepts every token but one.
async fn callee(headers: HeaderMap) -> StatusCode {
    let refused = headers.get(AUTHORIZATION) == Some(&HeaderValue::from_static("Bearer token-0"));
    if refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK }
}

impl Scene {
    async fn start() -> Self {
        let stub = Arc::new(Stub::default());
        *stub.token.lock().unwrap() = (200, token("numbered"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": base, "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/keys"),
            "introspection_endpoint": format!("{base}/introspect"),
            "mtls_endpoint_aliases": {"token_endpoint": format!("{base}/mtls/token")},
        });
        let app = Router::new()
            .route("/token", post(issue))
            .route("/introspect", post(introspect))
            .route("/keys", get(keys))
            .route("/callee", get(callee))
            // Only OpenID Connect's place has the metadata, so both places are tried.
            .route("/.well-known/openid-configuration", get(move || async move { Json(metadata) }))
            .with_state(Arc::clone(&stub));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW * 1000)));
        let http = Outbound::new(OutboundConfig::default(), Arc::<ManualClock>::clone(&clock)).unwrap();
        Self { stub, base, clock, http }
    }

    fn provider(&self) -> Provider {
        let settings = ProviderSettings { issuer: self.base.parse().ok(), ..ProviderSettings::default() };
        Provider::new(settings, self.http.clone(), self.clock())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    fn tokens(&self) -> ServiceTokens {
        self.tokens_as(Credential::Secret("secret".to_owned(), SecretPlace::Form), TokenSettings::default())
    }

    fn tokens_as(&self, credential: Credential, settings: TokenSettings) -> ServiceTokens {
        let identity = ClientIdentity { id: "me".to_owned(), credential };
        ServiceTokens::new(self.provider(), identity, settings, self.clock(), Arc::new(SeededEntropy::new(1)))
    }

    fn judge(&self, validation: Validation) -> TokenJudge {
        let identity = ClientIdentity {
            id: "me".to_owned(),
            credential: Credential::Secret("secret".to_owned(), SecretPlace::Header),
        };
        let settings = JudgeSettings { validation, tenant_claim: "tenant".to_owned(), names: TokenSettings::default() };
        TokenJudge::new(self.provider(), identity, settings, self.clock(), Arc::new(SeededEntropy::new(1)))
    }

    fn fetched(&self) -> usize {
        self.stub.fetched.load(Ordering::SeqCst)
    }

    fn says(&self, status: u16, answer: Value) {
        *self.stub.introspection.lock().unwrap() = (status, answer);
    }

    fn issues(&self, status: u16, answer: Value) {
        *self.stub.token.lock().unwrap() = (status, answer);
    }
}

fn token(value: &str) -> Value {
    json!({"access_token": value, "token_type": "Bearer", "expires_in": 100})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_share_one_fetch() {
    let scene = Scene::start().await;
    let tokens = scene.tokens();
    let calls = (0..100).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.token(Wanted::RATES).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(&*call.await.unwrap(), "token-0");
    }
    assert_eq!(scene.fetched(), 1);
    let form = scene.stub.last_form.lock().unwrap().clone();
    for member in ["grant_type=client_credentials", "scope=rates%3Aread", "audience=rates", "client_id=me"] {
        assert!(form.contains(member), "{form}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_at_four_fifths_of_its_life_and_each_service_has_its_own() {
    let scene = Scene::start().await;
    let tokens = scene.tokens();
    assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "token-0");
    assert_eq!(&*tokens.token(Wanted::TENANTS).await.unwrap(), "token-1");
    scene.clock.advance(Duration::from_millis(79_999));
    assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "token-0");
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "token-2");
}

#[tokio::test]
async fn while_the_provider_is_away_a_token_is_used_to_its_end_and_then_nothing_is_sent_until_it_is_back() {
    let scene = Scene::start().await;
    let tokens = scene.tokens();
    assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "token-0");
    scene.issues(503, json!({}));
    scene.clock.advance(Duration::from_secs(90));
    for _ in 0..3 {
        assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "token-0", "it is valid for ten more seconds");
    }
    assert_eq!(scene.fetched(), 2, "the provider is not asked again at once");

    scene.clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        assert!(matches!(tokens.token(Wanted::RATES).await, Err(TokenError::Unavailable(_))));
    }
    assert_eq!(scene.fetched(), 3);
    scene.issues(200, token("back"));
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(&*tokens.token(Wanted::RATES).await.unwrap(), "back");
}

#[tokio::test]
async fn what_a_provider_says_is_not_believed_blindly() {
    let scene = Scene::start().await;
    let refused = json!({"error": "invalid_client", "error_description": "no such client"});
    for (status, answer) in [
        (401, refused),
        (200, json!({"access_token": "a b", "token_type": "Bearer"})),
        (200, json!({"access_token": "", "token_type": "Bearer"})),
        (200, json!({"access_token": "x", "token_type": "DPoP"})),
        (200, json!({"access_token": "x".repeat(10_000), "token_type": "Bearer"})),
        (200, json!({"token_type": "Bearer"})),
        (200, json!([])),
    ] {
        scene.issues(status, answer.clone());
        let told = scene.tokens().token(Wanted::RATES).await.unwrap_err();
        assert!(matches!(told, TokenError::Refused { .. } | TokenError::Unusable(_)), "{answer} {told}");
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_sent_again() {
    let scene = Scene::start().await;
    let tokens = scene.tokens();
    let call = async || {
        let request = Request::get(format!("{}/callee", scene.base).parse().unwrap()).configured();
        tokens.send(&scene.http, Wanted::RATES, request).await.unwrap().status.as_u16()
    };
    assert_eq!(call().await, 401, "a token that was fetched a moment ago is not renewed");
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!((call().await, scene.fetched()), (200, 2));
    assert_eq!((call().await, scene.fetched()), (200, 2));
}

#[tokio::test]
async fn a_client_with_a_key_signs_a_fresh_assertion() {
    let scene = Scene::start().await;
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(document.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = SigningKey::from_pem(&pem, Some("k1".to_owned())).unwrap();
    assert!(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", None).is_err());

    let names = TokenSettings {
        renamed: HashMap::new(),
        audiences: [(Service::Rates, "https://rates.example".to_owned())].into(),
        scopes: [(Service::Rates, "read".to_owned())].into(),
    };
    let tokens = scene.tokens_as(Credential::Key(Arc::new(key)), names);
    tokens.token(Wanted::RATES).await.unwrap();
    let form = scene.stub.last_form.lock().unwrap().clone();
    assert!(form.contains("resource=https%3A%2F%2Frates.example") && form.contains("scope=read"), "{form}");
    assert!(form.contains("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"));
    let assertion = form.split("client_assertion=").nth(1).unwrap();
    let jws = Jws::read(assertion).unwrap();
    assert_eq!((jws.header.alg.as_str(), jws.header.kid.as_deref()), ("EdDSA", Some("k1")));
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
    public.verify(jws.signed.as_bytes(), &jws.signature).unwrap();
    assert_eq!((jws.claims["iss"].as_str(), jws.claims["aud"].as_str()), (Some("me"), Some(scene.base.as_str())));
    assert_eq!(jws.claims["exp"], json!(NOW + 60));
}

#[tokio::test]
async fn a_token_is_judged_by_issuer_audience_times_and_scopes() {
    let scene = Scene::start().await;
    let good = json!({
        "active": true, "iss": scene.base, "aud": "backend-admin", "client_id": "card", "scope": "cards:pay",
        "tenant": "t", "exp": NOW + 60,
    });
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let judge = scene.judge(Validation::Introspect);
    scene.says(200, good.clone());
    let card = judge.judge("x", Service::BackendAdmin, None).await.unwrap();
    assert_eq!((card.client.as_str(), card.tenant.as_deref()), ("card", Some("t")));
    assert!(card.has(Scope::CardsPay) && !card.has(Scope::Admin));
    assert_eq!(card.needs(&[Scope::Admin, Scope::CardsPay]), Ok(()));
    assert_eq!(card.needs(&[Scope::Admin]), Err(Refusal::InsufficientScope));
    assert_eq!(
        judge.judge("x", Service::AuthAdmin, None).await,
        Err(Refusal::InvalidToken),
        "a token for another service"
    );

    for wrong in [
        json!({"active": false}),
        with("iss", json!("https://other.example")),
        with("aud", json!(["rates"])),
        with("exp", json!(NOW - 31)),
        with("nbf", json!(NOW + 31)),
        with("cnf", json!({"jkt": "x"})),
        with("client_id", Value::Null),
    ] {
        scene.says(200, wrong.clone());
        assert_eq!(judge.judge("x", Service::BackendAdmin, None).await, Err(Refusal::InvalidToken), "{wrong}");
    }
}

/// The certificate of a caller, as its listener has verified it.
fn certificate(names: &[&str]) -> CallerCertificate {
    let made = PrivateAuthority::default().certify_as("a role", names, (3000, 1, 1));
    CallerCertificate::of_chain([&*made.der()], &RoleNames::default()).unwrap()
}

#[tokio::test]
async fn somebody_elses_bound_token_is_worth_nothing_to_whoever_shows_another_certificate_or_none() {
    let scene = Scene::start().await;
    let (own, foreign) =
        (certificate(&["urn:rafiki:role:card-service"]), certificate(&["urn:rafiki:role:card-service"]));
    assert_ne!(own.thumbprint(), foreign.thumbprint());
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    *scene.stub.keys.lock().unwrap() = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]});
    let claims = |thumbprint: &str| {
        json!({"active": true, "iss": scene.base, "aud": "backend-admin", "client_id": "card", "scope": "cards:pay",
            "exp": NOW + 60, "cnf": {"x5t#S256": thumbprint}})
    };
    let signed = |claims: &Value| {
        let text = signing_input(&json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"}), claims);
        with_signature(&text, pair.sign(text.as_bytes()).as_ref())
    };
    let bound = claims(own.thumbprint());
    let token = signed(&bound);
    for validation in [Validation::Introspect, Validation::Jwt, Validation::JwtAndIntrospect] {
        let judge = scene.judge(validation);
        scene.says(200, bound.clone());
        let judged = async |shown| judge.judge(&token, Service::BackendAdmin, shown).await.map(|caller| caller.client);
        assert_eq!(judged(Some(&own)).await, Ok("card".to_owned()), "{validation:?}");
        assert_eq!(judged(Some(&foreign)).await, Err(Refusal::InvalidToken), "{validation:?}");
        assert_eq!(judged(None).await, Err(Refusal::InvalidToken), "{validation:?}");
    }

    // With both checks, the token and the answer about it must agree with the certificate.
    let both = scene.judge(Validation::JwtAndIntrospect);
    scene.says(200, claims(foreign.thumbprint()));
    for shown in [&own, &foreign] {
        assert_eq!(both.judge(&token, Service::BackendAdmin, Some(shown)).await, Err(Refusal::InvalidToken));
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_names_itself_and_asks_where_certificates_are_seen() {
    let scene = Scene::start().await;
    scene.tokens_as(Credential::Certificate, TokenSettings::default()).token(Wanted::RATES).await.unwrap();
    let form = scene.stub.last_form.lock().unwrap().clone();
    assert!(form.contains("client_id=me") && !form.contains("secret") && !form.contains("assertion"), "{form}");
    let provider = scene.provider().for_certificates();
    assert_eq!(provider.token_url().await.unwrap().path(), "/mtls/token");
    assert_eq!(provider.introspection_url().await.unwrap().path(), "/introspect", "it has no other place");
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_not_sent_without_tls() {
    let scene = Scene::start().await;
    let tokens = scene.tokens_as(Credential::Certificate, TokenSettings::default());
    let authority = PrivateAuthority::default();
    let own = authority.certify_as("a role", &["urn:rafiki:role:backend"], (3000, 1, 1));
    let (identity, pem) = (Some((own.certificate.as_str(), own.key.as_str())), authority.pem());
    let secured = scene.http.with_tls(&PartyTls { identity, authorities: Some(&pem) }.read().unwrap()).unwrap();
    let proof = ServiceProofs::new(Ways::TOKEN.into(), Some(tokens), Some(secured)).of(Wanted::RATES, None);
    let send = async |url: &str| proof.send(&scene.http, Request::get(url.parse().unwrap()).configured()).await;

    let refused = send(&format!("{}/callee", scene.base)).await.unwrap_err();
    assert!(matches!(refused, CallError::NeedsTls(Service::Rates)), "{refused}");
    assert!(refused.to_string().contains("change the URL of rates to https"), "{refused}");
    assert_eq!(scene.fetched(), 0, "no token is asked for in vain");
    let url = authority.serve_clients_of(&authority).await;
    assert_eq!(send(&url).await.unwrap().status.as_u16(), 200);
    assert_eq!(scene.fetched(), 1);

    // Tokens of a client with a secret may go without TLS.
    let proof = ServiceProofs::new(Ways::TOKEN.into(), Some(scene.tokens()), None).of(Wanted::RATES, None);
    let request = Request::get(format!("{}/callee", scene.base).parse().unwrap()).configured();
    assert!(proof.send(&scene.http, request).await.is_ok());
}

#[tokio::test]
async fn a_standard_claim_may_name_the_tenant_and_scopes_have_the_providers_names_on_both_sides() {
    let scene = Scene::start().await;
    let names = TokenSettings {
        renamed: [(Scope::CardsPay, "rafiki.cards".to_owned()), (Scope::Operator, "rafiki.all".to_owned())].into(),
        ..TokenSettings::default()
    };
    let credential = || Credential::Secret("secret".to_owned(), SecretPlace::Form);
    scene.tokens_as(credential(), names.clone()).token(Wanted::CARD_PAYMENTS).await.unwrap();
    let form = scene.stub.last_form.lock().unwrap().clone();
    assert!(form.contains("scope=rafiki.cards&"), "{form}");

    let identity = ClientIdentity { id: "me".to_owned(), credential: credential() };
    let settings = JudgeSettings { validation: Validation::Introspect, tenant_claim: "sub".to_owned(), names };
    let entropy = Arc::new(SeededEntropy::new(1));
    let judge = TokenJudge::new(scene.provider(), identity, settings, scene.clock(), entropy);
    // Where a scope has another name, ours means nothing.
    let scopes = "rafiki.cards operator payments:read";
    scene.says(
        200,
        json!({"active": true, "aud": "backend-admin", "client_id": "c", "sub": "tenant-7", "scope": scopes}),
    );
    let principal = judge.judge("x", Service::BackendAdmin, None).await.unwrap();
    assert_eq!(principal.tenant.as_deref(), Some("tenant-7"));
    assert!(principal.has(Scope::CardsPay) && principal.has(Scope::PaymentsRead) && !principal.has(Scope::Operator));
}

#[tokio::test]
async fn an_assertion_is_for_the_issuer_as_the_provider_spells_it() {
    let scene = Scene::start().await;
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(document.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let named = format!("{}/", scene.base);
    let audience = async |settings: ProviderSettings| {
        let key = Arc::new(SigningKey::from_pem(&pem, None).unwrap());
        let identity = ClientIdentity { id: "me".to_owned(), credential: Credential::Key(key) };
        let provider = Provider::new(settings, scene.http.clone(), scene.clock());
        let entropy = Arc::new(SeededEntropy::new(1));
        let tokens = ServiceTokens::new(provider, identity, TokenSettings::default(), scene.clock(), entropy);
        tokens.token(Wanted::RATES).await.unwrap();
        let form = scene.stub.last_form.lock().unwrap().clone();
        let jws = Jws::read(form.split("client_assertion=").nth(1).unwrap()).unwrap().claims;
        jws["aud"].as_str().unwrap().to_owned()
    };
    // Its metadata has no slash at the end of the name.
    let written = |name: &str| ProviderSettings {
        issuer: name.parse().ok(),
        issuer_name: Some(name.to_owned()),
        ..ProviderSettings::default()
    };
    assert_eq!(audience(written(&named)).await, scene.base);
    let token = format!("{}/token", scene.base).parse().ok();
    assert_eq!(
        audience(ProviderSettings { token, ..written(&named) }).await,
        named,
        "without metadata the setting counts"
    );
}

#[tokio::test]
async fn while_the_provider_is_away_nobody_is_believed_and_it_recovers_by_itself() {
    let scene = Scene::start().await;
    let judge = scene.judge(Validation::Introspect);
    let good = json!({"active": true, "aud": "rates", "client_id": "b", "scope": "rates:read", "exp": NOW + 600});
    scene.says(500, good.clone());
    for _ in 0..10 {
        assert_eq!(judge.judge("x", Service::Rates, None).await, Err(Refusal::Unavailable));
    }
    let asked = scene.stub.introspected.load(Ordering::SeqCst);
    assert_eq!(asked, 3, "after three failures in a row it is not asked for a moment");
    scene.says(200, good);
    assert_eq!(judge.judge("x", Service::Rates, None).await, Err(Refusal::Unavailable));
    scene.clock.advance(Duration::from_secs(1));
    assert!(judge.judge("x", Service::Rates, None).await.is_ok());

    let nowhere = ProviderSettings { issuer: "http://127.0.0.1:1".parse().ok(), ..ProviderSettings::default() };
    let provider = Provider::new(nowhere, scene.http.clone(), scene.clock());
    let identity =
        ClientIdentity { id: "me".to_owned(), credential: Credential::Secret("s".to_owned(), SecretPlace::Header) };
    let entropy = Arc::new(SeededEntropy::new(1));
    let judge = TokenJudge::new(provider, identity, JudgeSettings::default(), scene.clock(), entropy);
    assert_eq!(judge.judge("x", Service::Rates, None).await, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn a_signed_token_is_believed_only_as_an_access_token_of_a_known_key() {
    let scene = Scene::start().await;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let jwk = |kid: &str, pair: &Ed25519KeyPair| {
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "use": "sig", "x": x})
    };
    *scene.stub.keys.lock().unwrap() = json!({"keys": [{"kty": "oct", "k": "AAAA"}, jwk("k", &pair)]});
    let claims = json!({
        "iss": scene.base, "aud": ["rates"], "sub": "b", "client_id": "b", "scope": "rates:read", "exp": NOW + 60,
    });
    let signed = |header: Value, claims: &Value, pair: &Ed25519KeyPair| {
        let text = signing_input(&header, claims);
        with_signature(&text, pair.sign(text.as_bytes()).as_ref())
    };
    let access = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "at+jwt"});
    let judge = scene.judge(Validation::Jwt);
    let judged = async |token: &str| judge.judge(token, Service::Rates, None).await.map(|principal| principal.client);

    assert_eq!(judged(&signed(access("EdDSA", "k"), &claims, &pair)).await, Ok("b".to_owned()));
    let mut changed = claims.clone();
    changed["aud"] = json!("backend-admin");
    let mut endless = claims.clone();
    endless["exp"] = Value::Null;
    for wrong in [
        signed(access("EdDSA", "k"), &claims, &other),
        signed(access("none", "k"), &claims, &pair),
        signed(access("HS256", "k"), &claims, &pair),
        signed(access("RS256", "k"), &claims, &pair),
        signed(json!({"alg": "EdDSA", "kid": "k", "typ": "JWT"}), &claims, &pair),
        signed(json!({"alg": "EdDSA", "kid": "k"}), &claims, &pair),
        signed(access("EdDSA", "k"), &changed, &pair),
        signed(access("EdDSA", "k"), &endless, &pair),
        "opaque".to_owned(),
    ] {
        assert_eq!(judged(&wrong).await, Err(Refusal::InvalidToken), "{wrong}");
    }

    // An unknown name of a key causes a fetch, but seldom.
    let fetched = || scene.stub.keys_fetched.load(Ordering::SeqCst);
    let before = fetched();
    for _ in 0..20 {
        assert_eq!(judged(&signed(access("EdDSA", "new"), &claims, &other)).await, Err(Refusal::InvalidToken));
    }
    assert_eq!(fetched(), before);
    *scene.stub.keys.lock().unwrap() = json!({"keys": [jwk("new", &other)]});
    scene.clock.advance(Duration::from_secs(30));
    assert_eq!(judged(&signed(access("EdDSA", "new"), &claims, &other)).await, Ok("b".to_owned()));
    assert_eq!(fetched(), before + 1);

    let both = scene.judge(Validation::JwtAndIntrospect);
    scene.says(200, json!({"active": false}));
    let token = signed(access("EdDSA", "new"), &claims, &other);
    assert_eq!(both.judge(&token, Service::Rates, None).await, Err(Refusal::InvalidToken), "it was revoked");
}

#[test]
fn a_token_is_in_one_header_and_nowhere_else() {
    let read = |values: &[&str], query: Option<&str>| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers, query).map(|token| token.map(str::to_owned))
    };
    assert_eq!(read(&[], None), Ok(None));
    assert_eq!(read(&["bearer x"], Some("a=b")), Ok(Some("x".to_owned())));
    assert_eq!(read(&["Bearer x", "Bearer x"], None), Err(Refusal::Malformed));
    assert_eq!(read(&["Bearer x"], Some("b&access_token=x")), Err(Refusal::Malformed));
    assert_eq!(read(&["GNAP x"], None), Err(Refusal::Missing));
    assert_eq!(read(&["Bearer"], None), Err(Refusal::Missing));
    for odd in ["Bearer ", "Bearer x y"] {
        assert_eq!(read(&[odd], None), Err(Refusal::InvalidToken), "{odd}");
    }
}
