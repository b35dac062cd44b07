//! Every route of every listener, called without a proof and with wrong ones. The routes are those of `docs/routes.md`,
//! which is made of the declarations in the sources.
//!
//! The provider of tokens is a stub in this process, so that every kind of token can be shown, and so that it can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use outbound_http::{Request, Response};
use serde_json::{Value, json};
use testkit::{free_ports, until};
use tokio::runtime::Runtime;
use url::Url;
use url::form_urlencoded::parse;

use crate::asking::outbound;
use crate::institutions::{Institutions, SIDES, Side, Storage};
use crate::role_process::RoleProcess;
use crate::separate::environment::secrets;

const LIST: &str = include_str!("../../../../docs/routes.md");
/// Tables that count requests, and jobs that the playground's own start leaves.
const NOT_COUNTED: [&str; 3] = ["cache_entries", "jobs", "sqlite_sequence"];
const SOMEBODY: &str = "0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111";

/// A provider whose tokens say themselves what they are: `stub_` and the answer of introspection in hexadecimal.
struct Provider {
    issuer: String,
    away: AtomicBool,
}

impl Provider {
    fn start(runtime: &Runtime) -> Arc<Self> {
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self { issuer, away: AtomicBool::new(false) });
        let app = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/token", post(token))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&provider));
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        provider
    }

    fn token(&self, audience: &str, scope: &str, seconds: i64) -> String {
        let now = clock::Clock::now(&clock::SystemClock).as_millis() / 1000;
        sealed(&json!({
            "active": true, "iss": self.issuer, "client_id": "test", "aud": audience, "scope": scope,
            "exp": now + seconds,
        }))
    }
}

fn sealed(answer: &Value) -> String {
    let digits = answer.to_string().bytes().fold(String::new(), |digits, octet| format!("{digits}{octet:02x}"));
    format!("stub_{digits}")
}

fn opened(token: &str) -> Option<Value> {
    let digits = token.strip_prefix("stub_")?;
    let octet = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let octets: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(octet).collect();
    serde_json::from_slice(&octets?).ok()
}

async fn metadata(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({"issuer": issuer, "token_endpoint": format!("{issuer}/token"),
        "introspection_endpoint": format!("{issuer}/introspect")}))
}

/// Gives what is asked for. Clients may act for every tenant.
async fn token(State(provider): State<Arc<Provider>>, body: String) -> Json<Value> {
    let member = |name: &str| parse(body.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    let scope = format!("{} operator", member("scope").unwrap_or_default());
    let token = provider.token(&member("audience").unwrap_or_default(), &scope, 300);
    Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
}

async fn introspect(State(provider): State<Arc<Provider>>, body: String) -> (StatusCode, Json<Value>) {
    if provider.away.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({})));
    }
    let token = parse(body.as_bytes()).find(|(name, _)| name == "token").map(|(_, value)| value.into_owned());
    let known = token.as_deref().and_then(opened);
    (StatusCode::OK, Json(known.unwrap_or_else(|| json!({"active": false}))))
}

/// A route that services call.
struct Case {
    /// The crate and the path in the list of routes.
    route: (&'static str, &'static str),
    method: Method,
    url: Url,
    body: Option<Value>,
    audience: &'static str,
    good: &'static str,
    too_little: &'static str,
    /// The answer to a good token.
    let_in: u16,
}

struct Scene {
    runtime: Runtime,
    provider: Arc<Provider>,
    two: Institutions,
    tenant: String,
    /// The modules of a wallet, as processes of their own.
    modules: Vec<RoleProcess>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.modules.iter_mut().for_each(RoleProcess::kill);
    }
}

impl Scene {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let provider = Provider::start(&runtime);
        let variables = [("OAUTH_ISSUER", provider.issuer.as_str())];
        let two = Institutions::start_as(Storage::Sqlite, &["--service-auth", "token"], &variables).unwrap();
        let tenant = two.facts(Side::CloudNine)["tenantId"].as_str().unwrap().to_owned();
        Self { runtime, provider, two, tenant, modules: Vec::new() }
    }

    /// Starts the modules of a wallet beside that of the playground.
    fn start_modules(&mut self) {
        let first = free_ports();
        let folder = self.two.data_dir().join("cloud-nine");
        let at = |number: u16| format!("http://localhost:{}", first + number);
        for (number, role) in (0..).zip(["users", "agreements", "accounts", "payments"]) {
            let ports = vec![("PORT", first + 10 + number), ("WALLET_MODULES_PORT", first + number)];
            let mut process = RoleProcess::new("wallet", &folder, ports, role);
            process.variables = vec![
                ("WALLET_ROLE", role.to_owned()),
                ("WALLET_USERS_URL", at(0)),
                ("WALLET_AGREEMENTS_URL", at(1)),
                ("WALLET_ACCOUNTS_URL", at(2)),
                ("WALLET_PAYMENTS_URL", at(3)),
                ("DATABASE_URL", format!("sqlite:{}", folder.join(format!("module-{number}.db")).display())),
            ];
            let ready = process.launch();
            process.assert_ready(ready);
            self.modules.push(process);
        }
    }

    /// A URL of the listener of a module.
    fn module_url(&self, number: usize, path: &str) -> Url {
        let ports = &self.modules[number].ports;
        let port = ports.iter().find(|(name, _)| *name == "WALLET_MODULES_PORT").unwrap().1;
        format!("http://localhost:{port}{path}").parse().unwrap()
    }

    /// A URL of a listener of Cloud Nine.
    fn url(&self, role: &str, port: &str, path: &str) -> Url {
        let file = self.two.data_dir().join(format!("cloud-nine/{role}.env"));
        let text = std::fs::read_to_string(file).unwrap();
        let port = text.lines().find_map(|line| line.strip_prefix(&format!("{port}="))).unwrap();
        format!("http://localhost:{}{path}", port.trim_matches(['"', '\''])).parse().unwrap()
    }

    /// What the roles of both institutions keep secret.
    fn secrets(&self) -> BTreeSet<String> {
        SIDES.into_iter().flat_map(|side| secrets(&self.two.data_dir().join(side.slug()))).collect()
    }

    /// How many rows each table of Cloud Nine has, but those that count requests or repeat work.
    fn rows(&self) -> BTreeMap<String, i64> {
        let facts = self.two.facts(Side::CloudNine);
        let names =
            ["databaseUrl", "authDatabaseUrl", "walletDatabaseUrl", "cardDatabaseUrl", "posDatabaseUrl", "ledgerUrl"];
        let mut rows = BTreeMap::new();
        for name in names {
            let file = facts[name].as_str().unwrap().trim_start_matches("sqlite:").to_owned();
            let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
            let file = rusqlite::Connection::open_with_flags(file, flags).unwrap();
            let mut tables = file.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
            let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            for table in tables.into_iter().filter(|table| !NOT_COUNTED.contains(&table.as_str())) {
                let count = file.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap();
                rows.insert(format!("{name} {table}"), count);
            }
        }
        assert!(rows.len() > 30, "{rows:?}");
        rows
    }

    fn call(&self, method: &Method, url: &Url, body: Option<&Value>, token: Option<&str>) -> Response {
        let mut request = Request::new(method.clone(), url.clone()).configured();
        if let Some(body) = body {
            request = request.header("content-type".parse().unwrap(), "application/json".parse().unwrap());
            request = request.body(body.to_string().into());
        }
        request = request.header("tenant-id".parse().unwrap(), self.tenant.parse().unwrap());
        if let Some(token) = token {
            request = request.authorization(&format!("Bearer {token}"));
        }
        self.runtime.block_on(outbound().send(request)).unwrap()
    }

    fn cases(&self) -> Vec<Case> {
        let asset = json!({"query": "mutation { createAsset(input: {code: \"ZZZ\", scale: 1}) { asset { id } } }"});
        let grants = json!({"query": "{ grants { edges { node { id } } } }"});
        let tenant = json!({"id": SOMEBODY, "apiSecret": "s"});
        let event = json!({"id": SOMEBODY, "type": "x.y", "data": {}});
        let of = |route, method, url, body, audience, good, too_little, let_in| Case {
            route,
            method,
            url,
            body,
            audience,
            good,
            too_little,
            let_in,
        };
        let of_nobody = |question: &str| Some(json!({question: {"user": SOMEBODY}}));
        let service = |path: &str| self.url("auth", "SERVICE_API_PORT", path);
        let somebody = format!("/tenant/{SOMEBODY}");
        vec![
            of(
                ("admin-graphql", "/graphql"),
                Method::POST,
                self.url("backend", "ADMIN_PORT", "/graphql"),
                Some(asset),
                "backend-admin",
                "assets:write operator",
                "cards:pay operator",
                200,
            ),
            of(
                ("operator-api", "/grant-events"),
                Method::POST,
                self.url("backend", "ADMIN_PORT", "/grant-events"),
                Some(json!({})),
                "backend-admin",
                "grants:notify",
                "payments:write",
                400,
            ),
            of(
                ("auth-api", "/graphql"),
                Method::POST,
                self.url("auth", "ADMIN_PORT", "/graphql"),
                Some(grants),
                "auth-admin",
                "grants:read operator",
                "grants:revoke operator",
                200,
            ),
            of(
                ("operator-api", "/ledger/accounts"),
                Method::POST,
                self.url("backend", "ADMIN_PORT", "/ledger/accounts"),
                Some(json!({})),
                "backend-admin",
                "operator",
                "admin:*",
                200,
            ),
            of(
                ("auth-api", "/grant/{id}/{nonce}"),
                Method::GET,
                self.url("auth", "INTERACTION_PORT", &format!("/grant/{SOMEBODY}/nonce")),
                None,
                "auth-idp",
                "idp:read operator",
                "idp:decide operator",
                404,
            ),
            of(
                ("auth-api", "/grant/{id}/{nonce}/{choice}"),
                Method::POST,
                self.url("auth", "INTERACTION_PORT", &format!("/grant/{SOMEBODY}/nonce/accept")),
                None,
                "auth-idp",
                "idp:decide operator",
                "idp:read operator",
                404,
            ),
            of(
                ("auth-api", "/"),
                Method::POST,
                self.url("auth", "INTROSPECTION_PORT", "/"),
                Some(json!({"access_token": "x"})),
                "auth-introspection",
                "token:introspect",
                "tenants:write",
                200,
            ),
            of(
                ("auth-api", "/tenant/{id}"),
                Method::PATCH,
                service(&somebody),
                Some(json!({"apiSecret": "t"})),
                "auth-service",
                "tenants:write",
                "tenants:read",
                404,
            ),
            of(
                ("auth-api", "/tenant/{id}/grant/{grant}"),
                Method::GET,
                service(&format!("{somebody}/grant/{SOMEBODY}")),
                None,
                "auth-service",
                "tenants:read",
                "rates:read",
                404,
            ),
            of(
                ("auth-api", "/tenant"),
                Method::POST,
                service("/tenant"),
                Some(tenant),
                "auth-service",
                "tenants:write",
                "tenants:read",
                204,
            ),
            of(
                ("wallet", "/webhooks"),
                Method::POST,
                self.url("wallet", "PORT", "/webhooks"),
                Some(event.clone()),
                "wallet-hooks",
                "hooks:send",
                "rates:read",
                200,
            ),
            of(
                ("wallet", "/modules/users"),
                Method::POST,
                self.module_url(0, "/modules/users"),
                of_nobody("is_active"),
                "wallet-users",
                "users:read",
                "agreements:use",
                200,
            ),
            of(
                ("wallet", "/modules/agreements"),
                Method::POST,
                self.module_url(1, "/modules/agreements"),
                of_nobody("forget"),
                "wallet-agreements",
                "agreements:use",
                "users:read",
                200,
            ),
            of(
                ("wallet", "/modules/accounts"),
                Method::POST,
                self.module_url(2, "/modules/accounts"),
                of_nobody("of_user"),
                "wallet-accounts",
                "accounts:use",
                "agreements:use",
                200,
            ),
            of(
                ("wallet", "/modules/payments"),
                Method::POST,
                self.module_url(3, "/modules/payments"),
                of_nobody("open_requests"),
                "wallet-payments",
                "payments:use",
                "accounts:use",
                200,
            ),
            of(
                ("wallet", "/ready"),
                Method::GET,
                self.module_url(1, "/ready"),
                None,
                "wallet-agreements",
                "agreements:use",
                "users:read",
                200,
            ),
            of(
                ("card-service", "/webhook"),
                Method::POST,
                self.url("card-service", "CARD_SERVICE_PORT", "/webhook"),
                Some(event.clone()),
                "card-hooks",
                "hooks:send",
                "rates:read",
                400,
            ),
            of(
                ("point-of-sale", "/webhook"),
                Method::POST,
                self.url("point-of-sale", "PORT", "/webhook"),
                Some(event),
                "pos-hooks",
                "hooks:send",
                "rates:read",
                200,
            ),
            of(
                ("rates-service", "/rates"),
                Method::GET,
                self.url("wallet", "PORT", "/rates?base=USD"),
                None,
                "rates",
                "rates:read",
                "hooks:send",
                200,
            ),
            of(
                ("rates-service", "/{tenant}/rates"),
                Method::GET,
                self.url("wallet", "PORT", &format!("/{SOMEBODY}/rates?base=USD")),
                None,
                "rates",
                "rates:read",
                "hooks:send",
                404,
            ),
        ]
    }
}

/// The rows of the list: crate, path, access.
fn routes() -> Vec<(&'static str, &'static str, &'static str)> {
    let rows = LIST.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        (cells[1], cells[2], cells[3])
    })
    .collect()
}

#[test]
fn no_route_of_a_service_lets_anybody_in_who_cannot_prove_it() {
    let mut scene = Scene::start();
    scene.start_modules();
    let cases = scene.cases();
    let listed: BTreeSet<(&str, &str)> = routes()
        .into_iter()
        .filter(|(_, _, access)| matches!(*access, "Service" | "Tenant" | "Events" | "Operator" | "IdentityProvider"))
        .map(|(of, path, _)| (of, path))
        .collect();
    let called: BTreeSet<(&str, &str)> = cases.iter().map(|case| case.route).collect();
    assert_eq!(called, listed, "every route that services call is called here");

    let before = scene.rows();
    for case in &cases {
        let Case { route, method, url, body, audience, good, too_little, .. } = case;
        let provider = &scene.provider;
        let foreign = if *audience == "rates" { "backend-admin" } else { "rates" };
        for (token, expected, what) in [
            (None, 401, "no token"),
            (Some("guess".to_owned()), 401, "an unknown token"),
            (Some(provider.token(audience, good, -60)), 401, "an expired token"),
            (Some(provider.token(foreign, good, 60)), 401, "a token for another service"),
            (Some(provider.token(audience, too_little, 60)), 403, "a token that does not allow it"),
        ] {
            let answer = scene.call(method, url, body.as_ref(), token.as_deref());
            assert_eq!(answer.status.as_u16(), expected, "{route:?} with {what}: {}", answer.excerpt());
        }
        if !matches!(route, ("auth-api", "/graphql")) {
            let mut in_query = url.clone();
            in_query.query_pairs_mut().append_pair("access_token", "x");
            let answer = scene.call(method, &in_query, body.as_ref(), None).status.as_u16();
            assert!(matches!(answer, 400 | 401), "{route:?} with a token in the query: {answer}");
        }
    }

    // While the provider is away, nobody is let in, and everybody is told when to come again.
    scene.provider.away.store(true, Ordering::SeqCst);
    for Case { route, method, url, body, audience, good, .. } in &cases {
        let token = scene.provider.token(audience, good, 60);
        let answer = scene.call(method, url, body.as_ref(), Some(&token));
        assert_eq!(answer.status.as_u16(), 503, "{route:?}: {}", answer.excerpt());
        assert!(answer.headers.contains_key("retry-after"), "{route:?}");
    }
    scene.provider.away.store(false, Ordering::SeqCst);
    assert_eq!(scene.rows(), before, "nothing was done for anybody who was refused");

    // It recovers by itself.
    for Case { route, method, url, body, audience, good, let_in, .. } in &cases {
        let token = scene.provider.token(audience, good, 60);
        let answer = scene.runtime.block_on(until(Duration::from_mins(1), || async {
            let mut request = Request::new(method.clone(), url.clone()).configured();
            if let Some(body) = body {
                request = request.header("content-type".parse().unwrap(), "application/json".parse().unwrap());
                request = request.body(body.to_string().into());
            }
            request = request.header("tenant-id".parse().unwrap(), scene.tenant.parse().unwrap());
            let answer = outbound().send(request.authorization(&format!("Bearer {token}"))).await.ok()?;
            (answer.status.as_u16() != 503).then_some(answer)
        }));
        let answer = answer.unwrap();
        assert_eq!(answer.status.as_u16(), *let_in, "{route:?}: {}", answer.excerpt());
        if route.1 == "/graphql" {
            let told: Value = answer.json().unwrap();
            assert!(told["errors"].is_null(), "{told}");
        }
    }
    assert_calls_are_counted(&scene);
    for side in SIDES {
        assert_eq!(scene.two.stop(side), Some(0));
    }
}

/// The backend counts who was let in and who was not, by route.
fn assert_calls_are_counted(scene: &Scene) {
    let told = scene.call(&Method::GET, &scene.url("backend", "ADMIN_PORT", "/metrics"), None, None);
    let text = String::from_utf8_lossy(&told.body).into_owned();
    for route in ["/graphql", "/grant-events", "/ledger/accounts"] {
        for status in ["401", "403", "503"] {
            let counted = text.lines().find(|line| {
                line.starts_with("rafiki_calls_total{")
                    && line.contains(&format!("route=\"{route}\""))
                    && line.contains(&format!("status=\"{status}\""))
            });
            assert!(counted.is_some(), "{route} {status}: {text}");
        }
    }
}

/// What a caller shows.
const SHOWN: [&str; 5] =
    ["nothing", "a guess", "an expired token", "a token for another service", "a token of no use here"];

#[test]
fn no_route_answers_a_stranger_with_success_or_does_anything_unless_it_is_declared_open() {
    let scene = Scene::start();
    let listeners = [
        ("open-payments-api", base(&scene, "backend", "OPEN_PAYMENTS_PORT")),
        ("ilp-api", base(&scene, "backend", "CONNECTOR_PORT")),
        ("operator-api", base(&scene, "backend", "ADMIN_PORT")),
        ("admin-graphql", base(&scene, "backend", "ADMIN_PORT")),
        ("auth-api", base(&scene, "auth", "AUTH_PORT")),
        ("auth-api", base(&scene, "auth", "ADMIN_PORT")),
        ("auth-api", base(&scene, "auth", "INTERACTION_PORT")),
        ("auth-api", base(&scene, "auth", "INTROSPECTION_PORT")),
        ("auth-api", base(&scene, "auth", "SERVICE_API_PORT")),
        ("wallet", base(&scene, "wallet", "PORT")),
        ("rates-service", base(&scene, "wallet", "PORT")),
        ("card-service", base(&scene, "card-service", "CARD_SERVICE_PORT")),
        ("point-of-sale", base(&scene, "point-of-sale", "PORT")),
        ("console", base(&scene, "console", "PORT")),
        ("shop", base(&scene, "shop", "PORT")),
    ];
    let provider = &scene.provider;
    let tokens = [
        None,
        Some("guess".to_owned()),
        Some(provider.token("backend-admin", "admin:* operator", -60)),
        Some(provider.token("nowhere", "admin:* operator", 60)),
        Some(provider.token("backend-admin", "", 60)),
    ];
    let open = ["Health", "Public", "Machine", "Node", "Owner"];
    let before = scene.rows();
    let (mut calls, mut let_in, mut told) = (0, Vec::new(), Vec::new());
    let secrets = scene.secrets();
    for (of, path, access) in routes().into_iter().filter(|(_, _, access)| !open.contains(access)) {
        // Identifiers in paths are those of nobody.
        let concrete = path.split('/').map(|part| if part.contains('{') { SOMEBODY } else { part });
        let concrete = concrete.collect::<Vec<_>>().join("/").replace('…', SOMEBODY);
        for (_, base) in listeners.iter().filter(|(name, _)| *name == of) {
            for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE] {
                // A page of the console is the same for every token, because it knows sessions only.
                let shown = if access == "Session" { &tokens[..2] } else { &tokens[..] };
                for (token, what) in shown.iter().zip(SHOWN) {
                    let body = (method != Method::GET).then(|| json!({}));
                    let answer = scene.call(&method, &base.join(&concrete).unwrap(), body.as_ref(), token.as_deref());
                    calls += 1;
                    if let Some(secret) = shown_in(&answer, secrets.iter().chain(token)) {
                        told.push(format!("{method} {path} of {of} with {what} tells {secret}"));
                    }
                    // The public listener has a page at its root.
                    if answer.status.is_success() && !(concrete == "/" && method == Method::GET) {
                        let_in.push(format!("{method} {path} of {of} ({access}) with {what}: {}", answer.status));
                    }
                    if answer.status.is_server_error() && answer.status != StatusCode::SERVICE_UNAVAILABLE {
                        let_in
                            .push(format!("{method} {path} of {of} ({access}) with {what} failed: {}", answer.status));
                    }
                }
            }
        }
    }
    assert!(calls > 1000, "{calls}");
    assert_eq!(let_in, Vec::<String>::new());
    assert_eq!(told, Vec::<String>::new(), "no refusal tells a secret, or repeats the token that was shown");
    assert_eq!(scene.rows(), before, "nothing was done for a stranger");
    for side in SIDES {
        let log = scene.two.log(side);
        let logged = secrets.iter().chain(tokens.iter().flatten()).find(|secret| log.contains(secret.as_str()));
        assert_eq!(logged.filter(|secret| *secret != "guess"), None, "the log of {side:?} has a secret");
    }
}

/// The first of these texts that an answer has in its headers or in its body.
fn shown_in<'a>(answer: &Response, mut texts: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let headers = format!("{:?}", answer.headers);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    // That word is in texts for people, too.
    texts.find(|text| *text != "guess" && (headers.contains(text.as_str()) || body.contains(text.as_str())))
}

fn base(scene: &Scene, role: &str, port: &str) -> Url {
    scene.url(role, port, "/")
}
