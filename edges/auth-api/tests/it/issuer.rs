//! The built-in issuer: tokens, introspection, revocation and metadata, as services use them.
//! How a service uses a provider is tested in `service-identity`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use auth::{Issuer, IssuerClient, IssuerSettings, new_client_secret};
use axum::Router;
use base64::Engine;
use clock::{ManualClock, SeededEntropy};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use service_auth::{Jws, Scope, Service};
use service_identity::{CallerCertificate, RoleNames};
use testkit::{PrivateAuthority, TestDatabase, on_each_database};
use token_keys::{KeySet, SigningKey, Verdict};

use crate::harness::{Answer, Server, call, post_over, with_secret};

const ISSUER: &str = "http://auth.internal:3011";

/// Keys of this test only.
const TEST_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MC4CAQAwBQYDK2VwBCIEIKz0GX+WVbMsq5VOphYXuCV8vS752LrQBNIcwhzeLRWM\n\
-----END PRIVATE KEY-----";
const OTHER_TEST_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+NbV6Wfs9UXs3IFU\n\
DcEygpobPsJym1adtGxNP5LW0g2hRANCAAS+meFr3s8hPkSOBFtOQhCIE5dQqrRg\n\
5oMk3oKjXGTxWLiBkUBfbuB+7erRnFTZ7TBpOUfxYBjK/Io40VVXRV3H\n\
-----END PRIVATE KEY-----";

/// Two secrets of one client, with their hashes. A hash costs much on purpose, so they are made once.
fn secrets() -> &'static [(String, String); 2] {
    static SECRETS: OnceLock<[(String, String); 2]> = OnceLock::new();
    SECRETS.get_or_init(|| {
        let entropy = SeededEntropy::new(99);
        [new_client_secret(&entropy).unwrap(), new_client_secret(&entropy).unwrap()]
    })
}

fn clients() -> Vec<IssuerClient> {
    let [(_, old), (_, new)] = secrets();
    let card = IssuerClient {
        id: "card".to_owned(),
        secrets: vec![new.clone(), old.clone()],
        certificate_names: Vec::new(),
        tenant: Some("tenant-1".to_owned()),
        access: BTreeMap::from([(Service::BackendAdmin, vec![Scope::CardsPay, Scope::PaymentsRead])]),
        serves: vec![Service::CardHooks],
    };
    let backend = IssuerClient {
        id: "back end".to_owned(),
        secrets: vec![old.clone()],
        certificate_names: Vec::new(),
        tenant: None,
        access: BTreeMap::from([(Service::CardHooks, vec![Scope::HooksSend])]),
        serves: vec![Service::BackendAdmin],
    };
    let till = IssuerClient {
        id: "till".to_owned(),
        secrets: Vec::new(),
        certificate_names: vec!["urn:rafiki:role:card-service".to_owned(), "urn:uuid:tenant-1".to_owned()],
        ..card.clone()
    };
    vec![card, backend, till]
}

/// The certificate of a caller, as its listener has verified it.
fn certificate(names: &[&str]) -> CallerCertificate {
    let made = PrivateAuthority::default().certify_as("a role", names, (3000, 1, 1));
    CallerCertificate::of_chain([&*made.der()], &RoleNames::default()).unwrap()
}

async fn server(database: TestDatabase) -> Server {
    server_with(database, Vec::new()).await
}

async fn server_with(database: TestDatabase, keys: Vec<Arc<SigningKey>>) -> Server {
    server_of(database, clients(), keys).await
}

async fn server_of(database: TestDatabase, clients: Vec<IssuerClient>, keys: Vec<Arc<SigningKey>>) -> Server {
    Server::with_own(database, |api, (store, clock)| {
        let lifetime = Duration::from_mins(5);
        let settings = IssuerSettings { issuer: ISSUER.to_owned(), lifetime, clients, keys };
        let (clock, entropy) = (Arc::<ManualClock>::clone(clock), Arc::new(SeededEntropy::new(5)));
        api.issuer = Some(Issuer::new(settings, store.clone(), clock, entropy, api.limiter.clone()).unwrap());
        api.services = with_secret("the other secret", "service-secret", &api.limiter);
    })
    .await
}

fn form(authorization: Option<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    if let Some(authorization) = authorization {
        headers.insert("authorization", authorization.parse().unwrap());
    }
    headers
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

async fn post(api: &Router, path: &str, authorization: Option<String>, body: &str) -> Answer {
    call(api, "POST", path, form(authorization), body.to_owned()).await
}

const ASK: &str = "grant_type=client_credentials&audience=backend-admin&scope=cards:pay";

on_each_database! {
    async fn a_client_gets_a_token_that_only_the_service_it_is_for_may_look_up(database) {
        let server = server(database).await;
        let api = &server.routers.service;
        let [(old, _), (new, _)] = secrets();

        // Both secrets of the client are good, in the header and in the form.
        let first = post(api, "/oauth/token", Some(basic("card", old)), ASK).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let second = post(api, "/oauth/token", None, &format!("{ASK}&client_id=card&client_secret={new}")).await;
        assert_eq!((second.status.as_u16(), second.header("cache-control")), (200, Some("no-store")));
        let token = first.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(first.json()["expires_in"], 300);
        assert_ne!(second.json()["access_token"].as_str(), Some(token.as_str()));

        let asked = format!("token={token}&token_type_hint=access_token");
        let known = post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json();
        let expected = json!({"active": true, "iss": ISSUER, "client_id": "card", "sub": "card",
            "aud": "backend-admin", "scope": "cards:pay", "token_type": "Bearer", "tenant": "tenant-1"});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&known[name], value, "{known}");
        }
        let nothing = json!({"active": false});
        assert_eq!(post(api, "/oauth/introspect", Some(basic("card", new)), &asked).await.json(), nothing, "not its service");
        assert_eq!(post(api, "/oauth/introspect", Some(basic("back+end", old)), "token=guess").await.json(), nothing);

        // Only its own client can revoke it.
        assert_eq!(post(api, "/oauth/revoke", Some(basic("back+end", old)), &asked).await.status, 200);
        assert_eq!(post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json()["active"], true);
        assert_eq!(post(api, "/oauth/revoke", Some(basic("card", old)), &asked).await.status, 200);
        assert_eq!(post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json(), nothing);

        let other = second.json()["access_token"].as_str().unwrap().to_owned();
        server.wait(299);
        let asked = format!("token={other}");
        assert_eq!(post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json()["active"], true);
        server.wait(1);
        assert_eq!(post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json(), nothing);
        server.auth.purge().await;
    }

    async fn a_signed_token_is_an_access_token_of_the_standard_and_is_revoked_like_any_other(database) {
        let [present, former] = [TEST_KEY, OTHER_TEST_KEY].map(|pem| {
            Arc::new(SigningKey::from_pem(pem, None).unwrap().named_by_thumbprint())
        });
        let server = server_with(database, vec![Arc::clone(&present), former]).await;
        let api = &server.routers.service;
        let [(old, _), (new, _)] = secrets();
        let metadata = call(api, "GET", "/.well-known/oauth-authorization-server", HeaderMap::new(), String::new()).await;
        assert_eq!(metadata.json()["jwks_uri"], format!("{ISSUER}/oauth/jwks"));
        let published = call(api, "GET", "/oauth/jwks", HeaderMap::new(), String::new()).await;
        assert_eq!((published.status.as_u16(), published.json()["keys"].as_array().unwrap().len()), (200, 2));
        let keys: KeySet = serde_json::from_value(published.json()).unwrap();

        let issued = post(api, "/oauth/token", Some(basic("card", new)), ASK).await;
        let token = issued.json()["access_token"].as_str().unwrap().to_owned();
        let jws = Jws::read(&token).unwrap();
        assert_eq!(keys.judge(&jws), Verdict::Good);
        assert_eq!((jws.header.typ.as_deref(), jws.header.kid.as_deref()), (Some("at+jwt"), present.key_id()));
        for (claim, value) in [("iss", ISSUER), ("sub", "card"), ("client_id", "card"), ("aud", "backend-admin"),
            ("scope", "cards:pay"), ("tenant", "tenant-1")] {
            assert_eq!(jws.claims[claim], value, "{claim}");
        }
        assert_eq!(jws.claims["exp"].as_i64().unwrap() - jws.claims["iat"].as_i64().unwrap(), 300);
        let again = post(api, "/oauth/token", Some(basic("card", new)), ASK).await.json()["access_token"].clone();
        assert_ne!(again.as_str(), Some(&*token), "no two tokens are equal");

        let asked = format!("token={token}");
        let active = async || post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json()["active"].clone();
        assert_eq!(active().await, true);
        assert_eq!(post(api, "/oauth/revoke", Some(basic("card", old)), &asked).await.status, 200);
        assert_eq!(active().await, false);
    }

    async fn a_client_proves_itself_with_its_certificate_and_its_tokens_are_bound_to_it(database) {
        let server = server_with(database, Vec::new()).await;
        let api = &server.routers.service;
        let [(old, _), _] = secrets();
        let ask = format!("{ASK}&client_id=till");
        let own = certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-1", "cards.internal"]);
        let issued = post_over(api, &own, "/oauth/token", &ask).await;
        assert_eq!((issued.status.as_u16(), issued.json()["token_type"].as_str()), (200, Some("Bearer")), "{}", issued.text);
        let asked = format!("token={}", issued.json()["access_token"].as_str().unwrap());
        let known = post(api, "/oauth/introspect", Some(basic("back+end", old)), &asked).await.json();
        assert_eq!(known["cnf"], json!({"x5t#S256": own.thumbprint()}), "{known}");
        assert_eq!((&known["client_id"], &known["tenant"]), (&json!("till"), &json!("tenant-1")));

        // Another certificate with the same names is the same client: certificates are renewed.
        let renewed = certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-1"]);
        assert_eq!(post_over(api, &renewed, "/oauth/token", &ask).await.status, 200);
        for (foreign, form) in [
            (certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-2"]), ask.clone()),
            (certificate(&["urn:rafiki:role:card-service"]), ask.clone()),
            (certificate(&["urn:rafiki:role:backend", "urn:uuid:tenant-1"]), ask.clone()),
            (certificate(&["card-service.evil.example"]), ask.clone()),
            // This client has a secret, and no certificate is known of it.
            (own.clone(), format!("{ASK}&client_id=card")),
            (own.clone(), format!("{ASK}&client_id=nobody")),
            (own.clone(), format!("{ASK}&client_id=till&client_secret=guess")),
        ] {
            let refused = post_over(api, &foreign, "/oauth/token", &form).await;
            assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str()), (401, Some("invalid_client")), "{form}");
        }
        assert_eq!(post(api, "/oauth/token", None, &ask).await.status, 401, "nothing is shown");
        let nameless = post_over(api, &own, "/oauth/token", ASK).await;
        assert_eq!((nameless.status.as_u16(), nameless.json()["error"].as_str()), (400, Some("invalid_request")));
    }

    async fn a_signed_token_says_which_certificate_it_is_bound_to(database) {
        let key = Arc::new(SigningKey::from_pem(TEST_KEY, None).unwrap().named_by_thumbprint());
        let server = server_with(database, vec![key]).await;
        let api = &server.routers.service;
        let [(old, _), _] = secrets();
        let claims = |answer: &Answer| Jws::read(answer.json()["access_token"].as_str().unwrap()).unwrap().claims.clone();
        let own = certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-1"]);
        let bound = post_over(api, &own, "/oauth/token", &format!("{ASK}&client_id=till")).await;
        assert_eq!(claims(&bound)["cnf"], json!({"x5t#S256": own.thumbprint()}));
        let by_secret = post(api, "/oauth/token", Some(basic("card", old)), ASK).await;
        assert!(!claims(&by_secret).contains_key("cnf"), "a client with a secret may call without TLS");
    }

    async fn what_a_client_may_not_have_is_refused_with_the_standards_words(database) {
        let server = server(database).await;
        let api = &server.routers.service;
        let [(old, _), (new, _)] = secrets();
        let card = || Some(basic("card", new));
        let grant = "grant_type=client_credentials";

        for (authorization, body, status, code) in [
            (None, ASK.to_owned(), 401, "invalid_client"),
            (Some(basic("card", "wrong")), ASK.to_owned(), 401, "invalid_client"),
            (Some(basic("nobody", old)), ASK.to_owned(), 401, "invalid_client"),
            (Some(basic("back+end", new)), ASK.to_owned(), 401, "invalid_client"),
            (Some("Bearer x".to_owned()), ASK.to_owned(), 401, "invalid_client"),
            (card(), format!("{ASK}&client_id=card&client_secret={new}"), 400, "invalid_request"),
            (card(), format!("{ASK}&scope=x"), 400, "invalid_request"),
            (card(), grant.to_owned(), 400, "invalid_target"),
            (card(), format!("{grant}&audience=auth-service"), 400, "invalid_target"),
            (card(), format!("{grant}&audience=backend"), 400, "invalid_target"),
            (card(), format!("{grant}&audience=backend-admin&scope=admin:*"), 400, "invalid_scope"),
            (card(), format!("{grant}&audience=backend-admin&scope=cards:pay operator"), 400, "invalid_scope"),
            (card(), "grant_type=password&audience=backend-admin".to_owned(), 400, "unsupported_grant_type"),
            (card(), "audience=backend-admin".to_owned(), 400, "invalid_request"),
            (card(), "x".repeat(20_000), 400, "invalid_request"),
        ] {
            let answer = post(api, "/oauth/token", authorization, &body).await;
            assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (status, Some(code)), "{body:.80}");
        }
        assert_eq!(post(api, "/oauth/introspect", None, "token=x").await.status, 401);
        assert_eq!(post(api, "/oauth/introspect", card(), "").await.status, 400);
        let no_form = call(api, "POST", "/oauth/token", HeaderMap::new(), ASK.to_owned()).await;
        assert_eq!(no_form.status, 400);
        let mut page = form(card());
        page.insert("origin", HeaderValue::from_static("https://evil.example"));
        assert_eq!(call(api, "POST", "/oauth/token", page, ASK.to_owned()).await.status, 403);
        // The issuer's clients do not get into the service API, and its secret does not get into the issuer.
        assert_eq!(call(api, "POST", "/tenant", form(card()), String::new()).await.status, 401);
    }

    async fn guessing_a_secret_is_ended_without_locking_out_the_client_elsewhere(database) {
        let server = server(database).await;
        let api = &server.routers.service;
        let [(old, _), _] = secrets();
        for _ in 0..6 {
            assert_eq!(post(api, "/oauth/token", Some(basic("back+end", "guess")), ASK).await.status, 401);
        }
        let locked = post(api, "/oauth/token", Some(basic("back+end", old)), ASK).await;
        assert_eq!((locked.status.as_u16(), locked.header("retry-after").is_some()), (429, true));
        assert_eq!(post(api, "/oauth/token", Some(basic("card", old)), ASK).await.status, 200);

        // A certificate cannot be guessed, so wrong secrets do not lock it out, and a wrong one locks nobody out.
        let ask = format!("{ASK}&client_id=till");
        let own = certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-1"]);
        for _ in 0..6 {
            let guess = format!("{ask}&client_secret=guess");
            assert_eq!(post(api, "/oauth/token", None, &guess).await.status, 401);
        }
        assert_eq!(post(api, "/oauth/token", None, &format!("{ask}&client_secret=guess")).await.status, 429);
        assert_eq!(post_over(api, &own, "/oauth/token", &ask).await.status, 200);
        let foreign = certificate(&["urn:rafiki:role:card-service", "urn:uuid:tenant-2"]);
        for _ in 0..12 {
            assert_eq!(post_over(api, &foreign, "/oauth/token", &ask).await.status, 401);
        }
        assert_eq!(post_over(api, &own, "/oauth/token", &ask).await.status, 200);

        server.wait(2);
        let again = "grant_type=client_credentials&audience=card-hooks";
        assert_eq!(post(api, "/oauth/token", Some(basic("back+end", old)), again).await.status, 200);
    }
}

#[tokio::test]
async fn its_metadata_says_where_everything_is() {
    let server = server(TestDatabase::sqlite().await).await;
    let path = "/.well-known/oauth-authorization-server";
    let told: Value = call(&server.routers.service, "GET", path, HeaderMap::new(), String::new()).await.json();
    assert_eq!(told["issuer"], ISSUER);
    assert_eq!(told["token_endpoint"], format!("{ISSUER}/oauth/token"));
    assert_eq!(told["introspection_endpoint"], format!("{ISSUER}/oauth/introspect"));
    assert_eq!(told["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(told["token_endpoint_auth_methods_supported"][2], "tls_client_auth");

    let with_secrets: Vec<_> = clients().into_iter().filter(|client| client.certificate_names.is_empty()).collect();
    let server = server_of(TestDatabase::sqlite().await, with_secrets, Vec::new()).await;
    let told: Value = call(&server.routers.service, "GET", path, HeaderMap::new(), String::new()).await.json();
    assert_eq!(told["token_endpoint_auth_methods_supported"], json!(["client_secret_basic", "client_secret_post"]));
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], false);
}

#[test]
fn a_client_without_a_hashed_secret_stops_the_start() {
    let [(_, hash), _] = secrets();
    for (secrets, good) in
        [(vec![hash.clone()], true), (vec![], false), (vec!["plain".to_owned()], false), (vec![hash.clone(); 3], false)]
    {
        let client = IssuerClient { secrets, ..clients().remove(0) };
        assert_eq!(client.check().is_ok(), good);
    }
}
