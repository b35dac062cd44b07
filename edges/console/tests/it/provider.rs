//! Signing in at a sign-in provider that this test plays: who is let in, as whom, and whose answers are refused.
//! The check of tokens is tested in `openid-connect`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use admin_client::Credentials;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clock::{Clock, Timestamp};
use console::{ProviderRole, ProviderSettings};
use openid_connect::ClientSettings;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::browser::{Browser, Shown, World};
use crate::fake::{OPERATOR, OPERATOR_SECRET, PEER, TENANT};

/// A provider with one account.
pub(crate) struct Provider {
    address: String,
    key: Mutex<(String, EcdsaKeyPair)>,
    /// The claims of the next ID token.
    claims: Mutex<Value>,
    /// The challenge that the next code was given for.
    challenge: Mutex<String>,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
}

impl Provider {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self {
            address,
            key: Mutex::new(("one".to_owned(), new_key())),
            claims: Mutex::new(Value::Null),
            challenge: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    pub(crate) fn settings(&self) -> ProviderSettings {
        let roles = [
            ("operators", ProviderRole::Operator),
            ("auditors", ProviderRole::OperatorReads),
            ("shop", ProviderRole::Tenant(TENANT)),
        ];
        ProviderSettings {
            client: ClientSettings {
                issuer: self.address.parse().unwrap(),
                client_id: "the console".to_owned(),
                client_secret: Some("a secret & more".to_owned()),
                redirect_url: "https://console.example/sign-in/callback".parse().unwrap(),
                scopes: "openid profile".to_owned(),
            },
            claim: "groups".to_owned(),
            roles: roles.map(|(value, role)| (value.to_owned(), role)).to_vec(),
            operator: Credentials { tenant_id: OPERATOR, secret: OPERATOR_SECRET.to_owned(), signature_version: 1 },
        }
    }

    /// The person allows the console at `url`: from now on a code gives a token with these claims besides the usual.
    fn allow(&self, url: &Url, now: Timestamp, claims: &Value) {
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((&*asked["response_type"], &*asked["code_challenge_method"]), ("code", "S256"));
        assert_eq!(asked["redirect_uri"], "https://console.example/sign-in/callback");
        self.challenge.lock().unwrap().clone_from(&asked["code_challenge"]);
        let mut all = json!({"iss": self.address, "aud": "the console", "sub": "7", "nonce": asked["nonce"],
            "iat": now.as_secs(), "exp": now.as_secs() + 300});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        *self.claims.lock().unwrap() = all;
    }

    fn change_key(&self) {
        *self.key.lock().unwrap() = ("two".to_owned(), new_key());
    }
}

async fn configuration(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", provider.address);
    Json(json!({"issuer": provider.address, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "userinfo_endpoint": at("/userinfo")}))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let (kid, key) = &*provider.key.lock().unwrap();
    let point = key.public_key().as_ref();
    let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let key = json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": text(&point[1..33]), "y": text(&point[33..])});
    Json(json!({"keys": [key]}))
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let client = format!("Basic {}", STANDARD.encode("the+console:a+secret+%26+more"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if headers["authorization"] != client || challenge != *provider.challenge.lock().unwrap() || form["code"] != "good"
    {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    let (kid, key) = &*provider.key.lock().unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "ES256", "kid": kid})), part(&provider.claims.lock().unwrap()));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let id_token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    Json(json!({"id_token": id_token, "access_token": "an access token", "token_type": "Bearer"})).into_response()
}

/// The groups of the account are told here only, as many providers do.
async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer an access token");
    let claims = provider.claims.lock().unwrap();
    Json(json!({"sub": claims["sub"], "groups": claims["told_later"], "name": "A name that is not signed"}))
}

/// Goes to the provider. Returns the address there.
async fn leave(browser: &mut Browser<'_>) -> Url {
    let shown = browser.get("/sign-in/provider?next=%2Fpayments").await;
    shown.location.unwrap_or_else(|| panic!("{}", shown.html)).parse().unwrap()
}

fn state(url: &Url) -> String {
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

async fn signs_in(world: &World, browser: &mut Browser<'_>, claims: &Value) -> Shown {
    let url = leave(browser).await;
    world.provider.as_ref().unwrap().allow(&url, world.clock.now(), claims);
    browser.get(&format!("/sign-in/callback?code=good&state={}", state(&url))).await
}

#[tokio::test]
async fn a_person_signs_in_with_an_own_account_and_the_log_has_the_name() {
    let world = World::with_provider().await;
    let mut browser = world.stranger();
    assert!(browser.get("/sign-in").await.html.contains("Sign in with your own account"));
    let shown = signs_in(&world, &mut browser, &json!({"name": "Ann", "groups": ["operators"]})).await;
    assert_eq!(shown.location.as_deref(), Some("/payments"), "{}", shown.html);
    assert!(browser.cookie("attempt").is_none(), "an attempt ends once");
    let page = browser.get("/tenants").await;
    assert!(page.html.contains(">Ann</span>") && page.html.contains("Add tenant"), "{}", page.html);
    assert!(world.log().contains("\"person\":\"Ann\""));
    assert!(!browser.cookie("session").unwrap().contains(OPERATOR_SECRET));
}

#[tokio::test]
async fn a_claim_decides_what_a_person_may_do() {
    let world = World::with_provider().await;
    let mut auditor = world.stranger();
    signs_in(&world, &mut auditor, &json!({"told_later": ["auditors"]})).await;
    assert!(auditor.get("/assets").await.html.contains("Read-only"), "the groups come with the person's document");

    let mut keeper = world.stranger();
    signs_in(&world, &mut keeper, &json!({"groups": "shop", "told_later": ["operators"]})).await;
    let shown = keeper.get("/tenants").await;
    assert!(shown.html.contains(&TENANT.to_string()) && !shown.html.contains("Add tenant"), "what is signed counts");

    let mut nobody = world.stranger();
    let shown = signs_in(&world, &mut nobody, &json!({"groups": ["staff"]})).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.html.contains("you have no right here") && nobody.cookie("session").is_none());
}

#[tokio::test]
async fn an_answer_to_another_attempt_another_browser_or_with_a_wrong_code_signs_nobody_in() {
    let world = World::with_provider().await;
    let provider = world.provider.clone().unwrap();
    let allowed = json!({"groups": ["operators"]});
    let mut browser = world.stranger();
    let url = leave(&mut browser).await;
    provider.allow(&url, world.clock.now(), &allowed);
    let good = format!("/sign-in/callback?code=good&state={}", state(&url));
    assert_eq!(world.stranger().get(&good).await.status, StatusCode::UNPROCESSABLE_ENTITY, "another browser");

    for answer in [
        "/sign-in/callback".to_owned(),
        "/sign-in/callback?code=good".to_owned(),
        "/sign-in/callback?code=good&state=another".to_owned(),
        good.replace("good", "bad"),
        format!("{good}&iss=https%3A%2F%2Fevil.example"),
        good.replace("code=good", "error=access_denied"),
    ] {
        let url = leave(&mut browser).await;
        provider.allow(&url, world.clock.now(), &allowed);
        let first = good.split("state=").nth(1).unwrap();
        let answer = answer.replace(first, &state(&url));
        let shown = browser.get(&answer).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}: {}", shown.html);
        assert!(browser.cookie("session").is_none() && browser.cookie("attempt").is_none(), "{answer}");
    }

    let url = leave(&mut browser).await;
    provider.allow(&url, world.clock.now(), &allowed);
    world.clock.advance(std::time::Duration::from_mins(10));
    let late = browser.get(&format!("/sign-in/callback?code=good&state={}", state(&url))).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "ten minutes are over");
}

#[tokio::test]
async fn a_token_that_is_wrong_or_was_made_for_another_attempt_signs_nobody_in() {
    let world = World::with_provider().await;
    for wrong in [
        json!({"nonce": "another"}),
        json!({"aud": "another"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": 5}),
    ] {
        let mut browser = world.stranger();
        let mut claims = wrong.clone();
        claims["groups"] = json!(["operators"]);
        let shown = signs_in(&world, &mut browser, &claims).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(shown.html.contains("is not accepted") && browser.cookie("session").is_none(), "{}", shown.html);
    }
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found() {
    let world = World::with_provider().await;
    let claims = json!({"groups": ["operators"]});
    let mut ann = world.stranger();
    assert_eq!(signs_in(&world, &mut ann, &claims).await.status, StatusCode::SEE_OTHER);
    world.provider.as_ref().unwrap().change_key();
    world.clock.advance(std::time::Duration::from_mins(1));
    let mut bob = world.stranger();
    assert_eq!(signs_in(&world, &mut bob, &claims).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn two_accounts_are_two_people_and_one_account_is_one() {
    let world = World::with_provider_and_four_eyes().await;
    let person = async |subject: &str| {
        let mut browser = world.stranger();
        signs_in(&world, &mut browser, &json!({"sub": subject, "name": "Ann", "groups": ["operators"]})).await;
        browser
    };
    let mut ann = person("7").await;
    let path = format!("/peers/{PEER}/deposit-liquidity");
    let request = ann.fill(&path, &path, &[("amount", "5000")]).await.location.unwrap();
    let approve = format!("{request}/approve");
    assert!(!person("7").await.get(&request).await.html.contains(&approve), "the same account in another session");
    let mut other = person("8").await;
    assert_eq!(other.fill(&request, &approve, &[]).await.status, StatusCode::SEE_OTHER, "the name is not the person");
    assert_eq!(world.fake.calls_of("DepositPeerLiquidity").len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_and_the_secret_still_signs_in() {
    let mut world = World::new().await;
    assert!(world.stranger().get("/sign-in/provider").await.html.contains("has no sign-in provider"));
    world.provider = Some(Arc::new(Provider {
        address: "http://127.0.0.1:9".to_owned(),
        key: Mutex::new(("one".to_owned(), new_key())),
        claims: Mutex::default(),
        challenge: Mutex::default(),
    }));
    world.start_process();
    let mut browser = world.stranger_at(1);
    let shown = browser.get("/sign-in/provider").await;
    assert!(shown.html.contains("does not answer"), "{}", shown.html);
    browser.sign_in(&OPERATOR.to_string(), OPERATOR_SECRET, &[]).await;
    assert_eq!(browser.get("/payments").await.status, StatusCode::OK);
}
