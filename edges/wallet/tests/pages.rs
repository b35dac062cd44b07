//! The customers' pages against an instance that the test plays: signing up, sending once, consent, and whose is what.
//! The real instance is tested with the binary, and the pages in a real browser.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock};
use http_kit::{EventVerification, ServiceCallers, ServiceIdentities, Unsigned};
use ledger::MemoryLedger;
use outbound_http::{Outbound, OutboundConfig};
use sealed_text::Sealer;
use serde_json::{Value, json};
use service_auth::{Service, Wanted};
use service_identity::ServiceProofs;
use testkit::{TestDatabase, on_each_database};
use tower::ServiceExt;
use uuid::Uuid;
use wallet::seed::Seed;
use wallet::{
    Accent, CardVerification, ChallengeSettings, ConsentSettings, Cookies, FeePolicy, Lifetimes, PageSettings, Ports,
    Post, Verification, Wallet, WalletSettings,
};

#[path = "pages/account_closing.rs"]
mod account_closing;
#[path = "authenticator/mod.rs"]
mod authenticator;
#[path = "pages/contacts.rs"]
mod contacts;
#[expect(dead_code, reason = "each program of tests uses a part of it")]
#[path = "hydra/mod.rs"]
mod hydra;
#[path = "pages/keys.rs"]
mod keys;
#[path = "pages/leaving.rs"]
mod leaving;
#[path = "pages/letters.rs"]
mod letters;
#[path = "pages/opening.rs"]
mod opening;
#[path = "pages/operators.rs"]
mod operators;
#[path = "pages/ownership.rs"]
mod ownership;
#[path = "pages/passkeys.rs"]
mod passkeys;
#[path = "pages/reach.rs"]
mod reach;
#[path = "pages/requests.rs"]
mod requests;
#[path = "pages/second_factor.rs"]
mod second_factor;
#[path = "pages/two_processes.rs"]
mod two_processes;

use self::hydra::{ADMIN_TOKEN, Hydra, PROVIDER};

const PASSWORD: &str = "a rainy day in march";
const HOME: &str = "http://localhost:3030";
const IDP_SECRET: &str = "only the wallet knows this";

/// The instance and the authorization server.
#[derive(Default)]
struct Instance {
    calls: Mutex<Vec<(String, Value)>>,
    addresses: Mutex<BTreeSet<String>>,
    /// Whether outgoing payments are refused.
    refuses: Mutex<bool>,
    decisions: Mutex<Vec<String>>,
    /// Those that wallet addresses were given, in their order.
    statuses: Mutex<Vec<String>>,
    /// The addresses that are switched off.
    inactive: Mutex<BTreeSet<String>>,
    /// Whether the operator has written that addresses shall stay off.
    kept_off: Mutex<bool>,
    /// The keys under which a status was given before.
    known: Mutex<BTreeSet<String>>,
    /// Operations, and given statuses, that fail for a reason of the instance.
    fails: Mutex<BTreeSet<&'static str>>,
    /// The keys that were published, and those that were revoked.
    keys: Mutex<Vec<Value>>,
    revoked: Mutex<BTreeSet<String>>,
    /// Whether the same key comes a moment before each key that is published.
    overtaken: Mutex<bool>,
    /// State and received amount of every incoming payment, if it is not one that has got a part.
    incoming: Mutex<Option<(&'static str, u64)>>,
    asked: Mutex<Value>,
    /// The fees that were set, the oldest first.
    fees: Mutex<Vec<Value>>,
}

fn usd(value: u64) -> Value {
    json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2})
}

impl Instance {
    fn count(&self, operation: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(name, _)| name == operation).count()
    }

    fn answer(&self, operation: &str, variables: &Value) -> Value {
        let input = &variables["input"];
        self.calls.lock().unwrap().push((operation.to_owned(), input.clone()));
        let asset = json!({"id": Uuid::from_u128(1), "code": "USD", "scale": 2, "liquidity": "0", "sendingFee": null});
        let number = u128::try_from(self.calls.lock().unwrap().len()).unwrap();
        let address = |url: &Value| json!({"id": id_of(url.as_str().unwrap()), "address": url, "publicName": "x", "asset": asset});
        if self.fails.lock().unwrap().contains(operation) {
            return json!({"errors": [{"message": "fails", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]});
        }
        let data = match operation {
            "Assets" => {
                json!({"assets": {"edges": [{"node": asset}], "pageInfo": {"hasNextPage": false, "endCursor": null}}})
            }
            "ConsoleAsset" if variables["id"] == json!(Uuid::from_u128(1)) => {
                let mut asset = asset;
                asset["liquidity"] = json!("700");
                asset["liquidityThreshold"] = json!("1000");
                asset["sendingFee"] = self.fees.lock().unwrap().last().cloned().unwrap_or(Value::Null);
                json!({"asset": asset})
            }
            "ConsoleFees" => {
                let fee = |fee: &Value| {
                    json!({"node": {"id": Uuid::from_u128(3), "type": "SENDING", "fixed": fee["fixed"],
                        "basisPoints": fee["basisPoints"], "createdAt": "2026-01-01T00:00:00.000Z"}})
                };
                let fees: Vec<Value> = self.fees.lock().unwrap().iter().rev().map(fee).collect();
                json!({"asset": {"fees": {"edges": fees,
                    "pageInfo": {"hasNextPage": false, "hasPreviousPage": false, "endCursor": null}}}})
            }
            "SetFee" => {
                self.fees.lock().unwrap().push(input["fee"].clone());
                json!({"setFee": {"fee": {"id": Uuid::from_u128(3)}}})
            }
            "ConsoleExchangeRates" => json!({"exchangeRates": {"source": "http://rates.example", "tables": [
                {"base": "USD", "since": "2026-01-01T00:00:00.000Z", "until": "2026-01-01T00:00:15.000Z",
                    "rates": [{"assetCode": "EUR", "rate": "0.9"}, {"assetCode": "MXN", "rate": "20.5"}]}]}}),
            "AssetByCodeAndScale" => json!({"assetByCodeAndScale": asset}),
            "WalletAddressByUrl" => {
                let known = self.addresses.lock().unwrap().contains(variables["url"].as_str().unwrap());
                json!({"walletAddressByUrl": known.then(|| address(&variables["url"]))})
            }
            "CreateWalletAddress" => {
                self.addresses.lock().unwrap().insert(input["address"].as_str().unwrap().to_owned());
                json!({"createWalletAddress": {"walletAddress": address(&input["address"])}})
            }
            "CreateReceiver" => json!({"createReceiver": {"receiver": {
                "id": "https://other.example/incoming-payments/1", "walletAddressUrl": input["walletAddressUrl"],
                "completed": false, "incomingAmount": input["incomingAmount"], "receivedAmount": usd(0), "expiresAt": null}}}),
            "CreateQuote" => json!({"createQuote": {"quote": {"id": Uuid::from_u128((1 << 90) + number),
                "receiver": input["receiver"], "debitAmount": usd(1_300), "receiveAmount": usd(1_250),
                "expiresAt": "2026-01-01T00:55:00.000Z"}}}),
            "CreateOutgoingPayment" if *self.refuses.lock().unwrap() => {
                return json!({"errors": [{"message": "quote expired", "extensions": {"code": "BAD_USER_INPUT"}}]});
            }
            "CreateIncomingPayment" => {
                let id = id_of(&format!("{}", input["idempotencyKey"]));
                json!({"createIncomingPayment": {"payment": {"id": id, "url": format!("https://localhost:3000/incoming-payments/{id}")}}})
            }
            "IncomingPayment" => {
                let (state, received) = self.incoming.lock().unwrap().unwrap_or(("PROCESSING", 500));
                json!({"incomingPayment": {"id": variables["id"], "walletAddressId": Uuid::from_u128(9),
                "state": state, "liquidity": "0", "incomingAmount": usd(2_000), "receivedAmount": usd(received)}})
            }
            "ConsoleWalletAddress" => {
                let revoked = self.revoked.lock().unwrap();
                let mut keys: Vec<Value> = self
                    .keys
                    .lock()
                    .unwrap()
                    .iter()
                    .rev()
                    .filter(|key| key["address"] == variables["id"])
                    .map(|key| {
                        json!({"node": {
                    "id": key["id"], "revoked": revoked.contains(key["id"].as_str().unwrap()),
                    "createdAt": "2026-01-01T00:00:00.000Z", "jwk": key["jwk"]}})
                    })
                    .collect();
                keys.push(json!({"node": {"id": Uuid::from_u128(6), "revoked": false,
                    "createdAt": "2026-01-01T00:00:00.000Z", "jwk": {"kid": "k", "x": "x"}}}));
                let is_off = self.inactive.lock().unwrap().contains(variables["id"].as_str().unwrap());
                json!({"walletAddress": {"id": variables["id"], "address": "https://localhost:3000/accounts/nora",
                "publicName": null, "status": if is_off { "INACTIVE" } else { "ACTIVE" }, "createdAt": "2026-01-01T00:00:00.000Z", "tenant": null,
                "additionalProperties": if *self.kept_off.lock().unwrap() {
                    json!([{"key": "keptOff", "value": "see letter 12", "visibleInOpenPayments": false}])
                } else {
                    json!([])
                },
                "asset": {"id": Uuid::from_u128(1), "code": "USD", "scale": 2}, "walletAddressKeys": {"edges": keys}}})
            }
            "UpdateWalletAddress" => {
                let id = input["id"].as_str().unwrap().to_owned();
                let Some(status) = input["status"].as_str() else {
                    return json!({"data": {"updateWalletAddress": {"walletAddress": {"id": id}}}});
                };
                if self.fails.lock().unwrap().contains(status) {
                    return json!({"errors": [{"message": "fails", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]});
                }
                if input["idempotencyKey"]
                    .as_str()
                    .is_some_and(|key| !self.known.lock().unwrap().insert(key.to_owned()))
                {
                    return json!({"data": {"updateWalletAddress": {"walletAddress": {"id": id}}}});
                }
                self.statuses.lock().unwrap().push(status.to_owned());
                let mut inactive = self.inactive.lock().unwrap();
                let _ = if status == "ACTIVE" { inactive.remove(&id) } else { inactive.insert(id) };
                json!({"updateWalletAddress": {"walletAddress": {"id": input["id"]}}})
            }
            "ConsoleGrants" => {
                json!({"grants": {"edges": [], "pageInfo": {"hasNextPage": false, "hasPreviousPage": false, "endCursor": null}}})
            }
            "ConsoleGrant" => json!({"grant": {"id": variables["id"], "client": "https://shop.example/",
                "access": [{"identifier": "https://localhost:3000/accounts/nora", "type": "outgoing-payment", "actions": ["create"],
                    "limits": {"receiver": null, "debitAmount": usd(500), "receiveAmount": null, "interval": null}}],
                "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
                "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}}),
            "CreateWalletAddressKey" => {
                let id = Uuid::from_u128((3 << 90) + number);
                self.keys
                    .lock()
                    .unwrap()
                    .push(json!({"id": id, "jwk": input["jwk"], "address": input["walletAddressId"]}));
                if *self.overtaken.lock().unwrap() {
                    return json!({"errors": [{"message": "there is one", "extensions": {"code": "DUPLICATE"}}]});
                }
                json!({"createWalletAddressKey": {"walletAddressKey": {"id": id}}})
            }
            "RevokeWalletAddressKey" => {
                self.revoked.lock().unwrap().insert(input["id"].as_str().unwrap().to_owned());
                json!({"revokeWalletAddressKey": {"walletAddressKey": {"id": input["id"]}}})
            }
            "CompleteReceiver" => json!({"completeReceiver": {"receiver": {
                "id": input["incomingPaymentUrl"], "walletAddressUrl": "https://localhost:3000/accounts/nora", "completed": true,
                "incomingAmount": usd(2_000), "receivedAmount": usd(0), "expiresAt": null}}}),
            "ConsoleAsset" | "OutgoingPayment" => {
                return json!({"errors": [{"message": "none", "extensions": {"code": "NOT_FOUND"}}]});
            }
            "CreateOutgoingPayment" => json!({"createOutgoingPayment": {"payment": {"id": input["quoteId"],
                "walletAddressId": input["walletAddressId"], "state": "FUNDING", "error": null, "stateAttempts": 0,
                "debitAmount": usd(1_300), "receiveAmount": usd(1_250), "sentAmount": usd(0), "receiver": "r", "metadata": null}}}),
            _ => json!({}),
        };
        json!({"data": data})
    }
}

fn id_of(url: &str) -> Uuid {
    Uuid::from_u128(url.bytes().fold(7, |sum: u128, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}

async fn graphql(State(instance): State<Arc<Instance>>, Json(body): Json<Value>) -> Json<Value> {
    let name = body["query"].as_str().unwrap().split([' ', '(']).nth(1).unwrap().to_owned();
    Json(instance.answer(&name, &body["variables"]))
}

async fn grant(State(instance): State<Arc<Instance>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    if headers["x-idp-secret"] != IDP_SECRET {
        return (StatusCode::UNAUTHORIZED, Json(json!({})));
    }
    (StatusCode::OK, Json(instance.asked.lock().unwrap().clone()))
}

async fn decide(
    State(instance): State<Arc<Instance>>,
    Path((_, _, choice)): Path<(String, String, String)>,
) -> StatusCode {
    let mut asked = instance.asked.lock().unwrap();
    if asked["state"] != "PENDING" {
        return StatusCode::BAD_REQUEST;
    }
    asked["state"] = json!("DECIDED");
    instance.decisions.lock().unwrap().push(choice);
    StatusCode::ACCEPTED
}

/// Makes a wallet on the same database, with this public address and seed.
type MakeWallet = dyn Fn(&str, u64) -> Wallet;

struct Bench {
    instance: Arc<Instance>,
    hydra: Arc<Hydra>,
    wallet: Wallet,
    clock: Arc<ManualClock>,
    payee: String,
    database: TestDatabase,
    /// Makes a wallet at an address, with entropy of its own.
    make: Box<MakeWallet>,
}

impl Bench {
    async fn on(database: TestDatabase, verification: Verification) -> Self {
        Self::with_post(database, verification, Post::Log).await
    }

    /// A playground at this address.
    async fn at(database: TestDatabase, url: &str) -> Self {
        let mut bench = Self::playground(database).await;
        bench.wallet = (bench.make)(url, 1);
        bench
    }

    /// Another process of the same wallet.
    fn another_wallet(&self) -> Wallet {
        (self.make)(HOME, 2)
    }

    async fn with_post(database: TestDatabase, verification: Verification, leaving: Post) -> Self {
        let instance = Arc::new(Instance::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let bob = json!({"id": format!("https://{here}/bob"), "publicName": "Bob <b>", "assetCode": "USD", "assetScale": 2,
            "authServer": "https://auth.example", "resourceServer": "https://other.example"});
        let app = Router::new()
            .route("/graphql", post(graphql))
            .route("/bob", get(move || async move { Json(bob) }))
            .route("/grant/{id}/{nonce}", get(grant))
            .route("/grant/{id}/{nonce}/{choice}", post(decide))
            .with_state(Arc::clone(&instance));
        let hydra = Arc::new(Hydra::default());
        let app = app.merge(hydra.router());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

        let clock = testkit::manual_clock();
        let of_wallets = Arc::clone(&clock);
        let dyn_clock = move || Arc::clone(&of_wallets) as Arc<dyn Clock>;
        let http = Outbound::new(OutboundConfig::development(), dyn_clock()).unwrap();
        let credentials = Credentials { tenant_id: Uuid::nil(), secret: "s".to_owned(), signature_version: 1 };
        Wallet::migrate(&database).await.unwrap();
        let base = move |path: &str| format!("http://{here}{path}").parse().unwrap();
        let opened = (*database).clone();
        let make = Box::new(move |url: &str, seed_of_entropy: u64| {
            let pages = PageSettings {
                public_url: url.parse().unwrap(),
                lifetimes: Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) },
                verification,
                post: leaving.clone(),
                sealer: Sealer::new(Some(&[7; 32]), &[]),
                cookies: Cookies::Plain,
                accent: Accent::Teal,
                playground: verification == Verification::None,
                one_click: vec![wallet::OneClick { email: "boss@example.com".to_owned(), name: "The Boss".to_owned() }],
                operators: vec!["Boss@example.com".to_owned()],
                consent: Some(ConsentSettings {
                    auth_server: "http://auth.example".parse().unwrap(),
                    interactions: base(""),
                    secret: Some(IDP_SECRET.to_owned()),
                    proof: ServiceProofs::default().of(Wanted::WALLET_CONSENT, None),
                }),
                challenges: Some(ChallengeSettings {
                    provider: PROVIDER.parse().unwrap(),
                    admin: base(""),
                    token: Some(ADMIN_TOKEN.to_owned()),
                    tenant: Uuid::nil(),
                    audience: "https://localhost:3000".to_owned(),
                }),
                grants: Some(AdminClient::of_auth(base("/graphql"), credentials.clone(), http.clone(), dyn_clock())),
                http: http.clone(),
            };
            let settings = WalletSettings {
                display_name: "Bank".to_owned(),
                open_payments_url: "https://localhost:3000".parse().unwrap(),
                webhooks: EventVerification {
                    identities: ServiceIdentities::default(),
                    service: Service::WalletHooks,
                    secrets: vec!["s".to_owned()],
                    version: 1,
                    tolerance: Duration::from_mins(5),
                    unsigned: Unsigned::Refused,
                },
                fee_policy: FeePolicy::FeePlusSent,
                holds_are_old: Duration::from_mins(3),
                auto_create_address: true,
                liquidity_topup: 0,
                liquidity_topup_day_max: None,
                cards: CardVerification::Required,
                key_x: None,
                pages: Some(pages),
            };
            let ports = Ports {
                database: opened.clone(),
                ledger: Arc::new(MemoryLedger::new(dyn_clock())),
                admin: AdminClient::new(base("/graphql"), credentials.clone(), http.clone(), dyn_clock()),
                clock: dyn_clock(),
                entropy: testkit::entropy(seed_of_entropy),
            };
            let rates = "rates: {USD: {EUR: 0.9, MXN: 19}, EUR: {USD: 1.1}}";
            let users = format!("users: [{{email: boss@example.com, displayName: The Boss, password: {PASSWORD}}}]");
            let seed = Seed::from_yaml(&format!("{rates}\n{users}")).unwrap();
            Wallet::new(settings, seed, ports)
        });
        Self { instance, hydra, wallet: make(HOME, 1), clock, payee: format!("https://{here}/bob"), database, make }
    }

    async fn playground(database: TestDatabase) -> Self {
        Self::on(database, Verification::None).await
    }

    fn browser(&self) -> Browser<'_> {
        Browser { bench: self, wallet: self.wallet.clone(), cookie: None, asked: None }
    }

    /// Somebody with an account of 500.00 USD. Returns the id of the account too.
    async fn customer(&self, slug: &str) -> (Browser<'_>, String) {
        let mut browser = self.browser();
        assert_eq!(browser.sign_up(slug).await.location, "/?said=welcome");
        let fields = [("asset", "USD/2"), ("name", "Everyday"), ("path", slug)];
        let opened = browser.send("/accounts/open", "/accounts/open", &fields).await;
        let account = opened.location.strip_prefix("/accounts/").unwrap().split('?').next().unwrap().to_owned();
        let page = format!("/accounts/{account}");
        let credited = browser.send(&page, &format!("{page}/top-up"), &[("amount", "500.00")]).await;
        assert!(credited.location.ends_with("said=top-up"), "{}", credited.text);
        (browser, account)
    }
}

struct Answer {
    status: StatusCode,
    location: String,
    text: String,
}

#[derive(Clone)]
struct Browser<'b> {
    bench: &'b Bench,
    wallet: Wallet,
    cookie: Option<String>,
    /// The cookie of a browser that was asked for a passkey.
    asked: Option<String>,
}

impl Browser<'_> {
    async fn call(&mut self, request: Request<Body>) -> Answer {
        let router = wallet::http::router(self.wallet.clone(), ServiceCallers::Anybody);
        let response = router.oneshot(request).await.unwrap();
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            if pair.contains("_passkey=") {
                self.asked = Some(pair.to_owned());
            } else if pair.starts_with("wallet_session") {
                self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
            }
        }
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, location) = (response.status(), header("location"));
        assert!(!header("content-security-policy").contains("unsafe"), "a page without a strict policy");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, location, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    fn cookies(&self) -> String {
        self.cookie.iter().chain(&self.asked).map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path).header("cookie", self.cookies());
        self.call(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path).header("cookie", self.cookies());
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    /// The hidden fields of the form on `page` that is sent to `action`.
    async fn hidden(&mut self, page: &str, action: &str) -> Vec<(String, String)> {
        let text = self.get(page).await.text;
        let form = text.split(&format!("action=\"{action}\"")).nth(1).unwrap_or_else(|| panic!("{action}: {text}"));
        let form = form.split("</form>").next().unwrap();
        let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"").unwrap();
                (name.to_owned(), rest.split('"').next().unwrap().to_owned())
            })
            .collect()
    }

    /// Fills in the form on `page` that is sent to `action`, and sends it.
    async fn send(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let hidden = self.hidden(page, action).await;
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(fields);
        self.post(action, &all).await
    }

    async fn sign_up(&mut self, slug: &str) -> Answer {
        let email = format!("{slug}@example.com");
        let fields =
            [("name", "Nora Neu"), ("email", &email), ("password", PASSWORD), ("again", PASSWORD), ("terms", "yes")];
        self.post("/sign-up", &fields).await
    }

    async fn sign_in(&mut self, slug: &str, password: &str) -> Answer {
        let email = format!("{slug}@example.com");
        self.post("/sign-in", &[("email", &email), ("password", password)]).await
    }

    /// Prepares a payment of 12.50 USD. Returns the address of its draft.
    async fn draft(&mut self, account: &str) -> String {
        let payee = self.bench.payee.clone();
        let draft = self.send("/send", "/send", &[("to", &payee), ("account", account)]).await;
        assert_eq!(draft.status, StatusCode::SEE_OTHER, "{}", draft.text);
        let fields = [("amount", "12.50"), ("fixed", "receive"), ("note", "Lunch")];
        let quoted = self.send(&draft.location, &draft.location, &fields).await;
        assert_eq!(quoted.location, format!("{}/review", draft.location), "{}", quoted.text);
        draft.location
    }

    async fn balance(&mut self) -> String {
        let text = self.get("/").await.text;
        text.split("class=\"big\">").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    }
}

on_each_database! {
    async fn wrong_passwords_are_paused_also_when_they_are_tried_at_the_same_time(database) {
        let bench = Bench::playground(database).await;
        assert_eq!(bench.browser().sign_up("nora").await.location, "/?said=welcome");
        let tries = (0..20).map(|_| async { bench.browser().sign_in("nora", "wrong password").await.status });
        let statuses = futures::future::join_all(tries).await;
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count(), 5);
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
        bench.clock.advance(Duration::from_secs(61));
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/");
    }

    async fn an_unknown_user_and_a_wrong_password_get_the_same_answer(database) {
        let bench = Bench::playground(database).await;
        bench.browser().sign_up("nora").await;
        let wrong = bench.browser().sign_in("nora", "wrong password").await;
        let unknown = bench.browser().sign_in("nobody", "wrong password").await;
        assert_eq!(wrong.status, unknown.status);
        assert_eq!(wrong.text, unknown.text.replace("nobody@", "nora@"));
    }

    async fn without_a_letter_that_is_answered_nobody_signs_in_and_known_addresses_are_not_told(database) {
        let bench = Bench::on(database, Verification::ByLetter).await;
        let first = bench.browser().sign_up("nora").await;
        let second = bench.browser().sign_up("nora").await;
        assert_eq!((first.status, &first.text), (StatusCode::OK, &second.text));
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::FORBIDDEN);
        assert_eq!(bench.browser().post("/verify/0000", &[]).await.status, StatusCode::GONE);
    }

    async fn the_newest_letter_counts_so_nobody_can_keep_an_address_from_its_owner(database) {
        let bench = Bench::on(database, Verification::ByLetter).await;
        bench.browser().sign_up("nora").await;
        let count = async |sql: &str| -> i64 {
            bench.database.bulk_query(sql, []).await.unwrap()[0].try_get_by_index(0).unwrap()
        };
        let (users, letters) = ("SELECT count(*) FROM wallet_users", "SELECT count(*) FROM wallet_one_time_tokens");
        let before = count("SELECT count(*) FROM wallet_users WHERE state = 'pending'").await;
        bench.browser().sign_up("nora").await;
        assert_eq!((before, count(users).await, count(letters).await), (1, 1, 1));
    }

    async fn new_users_of_one_network_address_have_to_wait_after_thirty(database) {
        let bench = Bench::on(database, Verification::ByLetter).await;
        for number in 0..30 {
            assert_eq!(bench.browser().sign_up(&format!("nora{number}")).await.status, StatusCode::OK, "{number}");
        }
        assert_eq!(bench.browser().sign_up("nora30").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_session_ends_unused_after_its_whole_time_and_when_its_user_ends_it(database) {
        let bench = Bench::playground(database).await;
        let mut here = bench.browser();
        here.sign_up("nora").await;
        let mut there = bench.browser();
        there.sign_in("nora", PASSWORD).await;
        assert_eq!(there.get("/").await.status, StatusCode::OK);
        let ended = here.send("/settings", "/settings/sessions", &[("session", "")]).await;
        assert_eq!(ended.location, "/settings?said=session", "{}", ended.text);
        assert_eq!(there.get("/").await.location, "/sign-in");
        bench.clock.advance(Duration::from_mins(29));
        assert_eq!(here.get("/").await.status, StatusCode::OK);
        bench.clock.advance(Duration::from_mins(29));
        assert_eq!(here.get("/").await.status, StatusCode::OK);
        bench.clock.advance(Duration::from_mins(31));
        assert_eq!(here.get("/history").await.location, "/sign-in?next=%2Fhistory");
    }

    async fn a_form_without_its_token_or_with_that_of_another_person_or_page_does_nothing(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        let action = format!("/accounts/{account}/top-up");
        let foreign = eve.hidden("/send", "/send").await.remove(0).1;
        let other_page = nora.hidden("/send", "/send").await.remove(0).1;
        for token in ["", "x", &foreign, &other_page] {
            let refused = nora.post(&action, &[("once", token), ("amount", "1.00")]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{token}");
        }
        assert_eq!(nora.balance().await, "500.00");
    }

    async fn a_form_that_is_sent_twice_adds_money_once(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = format!("/accounts/{account}");
        let action = format!("{page}/top-up");
        let token = nora.hidden(&page, &action).await.remove(0).1;
        for _ in 0..3 {
            nora.post(&action, &[("once", &token), ("amount", "7.00")]).await;
        }
        assert_eq!(nora.balance().await, "507.00");
    }

    async fn a_payment_that_is_confirmed_many_times_is_made_once_and_its_money_is_reserved(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let draft = nora.draft(&account).await;
        let review = format!("{draft}/review");
        let text = nora.get(&review).await.text;
        assert!(text.contains("13.00\u{a0}USD") && text.contains("12.50") && !text.contains("<b>"), "{text}");
        let hidden = nora.hidden(&review, &review).await;
        let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for _ in 0..3 {
            assert_eq!(nora.post(&review, &fields).await.location, format!("{draft}/done"));
            bench.wallet.work_due().await.unwrap();
        }
        assert_eq!(bench.instance.count("CreateOutgoingPayment"), 1);
        assert_eq!(nora.balance().await, "487.00");
        let done = nora.get(&format!("{draft}/done")).await.location;
        assert!(nora.get(&done).await.text.contains("Lunch"));
    }

    async fn a_payment_that_the_instance_refuses_gives_the_money_back(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let draft = nora.draft(&account).await;
        *bench.instance.refuses.lock().unwrap() = true;
        nora.send(&format!("{draft}/review"), &format!("{draft}/review"), &[]).await;
        bench.wallet.work_due().await.unwrap();
        assert!(nora.get(&format!("{draft}/done")).await.text.contains("quote expired"));
        assert_eq!(nora.balance().await, "500.00");
    }

    async fn nobody_reaches_what_belongs_to_somebody_else(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let draft = nora.draft(&account).await;
        nora.send(&format!("{draft}/review"), &format!("{draft}/review"), &[]).await;
        bench.wallet.work_due().await.unwrap();
        let payment = nora.get(&format!("{draft}/done")).await.location;
        let (mut eve, own) = bench.customer("eve").await;
        for path in [format!("/accounts/{account}"), payment, draft.clone(), format!("{draft}/review"), format!("{draft}/done")] {
            assert_ne!(nora.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(eve.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        let payee = bench.payee.clone();
        let stolen = eve.send("/send", "/send", &[("to", &payee), ("account", &account)]).await;
        assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!eve.get("/history").await.text.contains("Lunch"));
        let taken = [("asset", "USD/2"), ("name", "Mine"), ("path", "nora")];
        assert_eq!(eve.send("/accounts/open", "/accounts/open", &taken).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(eve.get(&format!("/accounts/{own}")).await.status, StatusCode::OK);
    }

    async fn a_customer_allows_what_an_application_asks_once_and_never_for_an_address_of_somebody_else(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        let ask = || {
            *bench.instance.asked.lock().unwrap() = json!({"grantId": Uuid::from_u128(5), "state": "PENDING", "clientName": "Shop <x>",
                "clientUri": "https://shop.example/", "access": [{"type": "outgoing-payment", "actions": ["create"],
                "identifier": "https://localhost:3000/accounts/nora", "limits": {"debitAmount": usd(2_000),
                "interval": "R11/2026-01-01T00:00:00Z/P1M"}}]});
        };
        let arrive = |n: u8| format!("/mock-idp/?interactId=i{n}&nonce=n{n}&clientName=Evil&clientUri=https%3A%2F%2Fevil.example");

        ask();
        let page = nora.get(&arrive(1)).await.location;
        let text = nora.get(&page).await.text;
        assert!(text.contains("Pay up to 20.00\u{a0}USD each month") && text.contains("12 times"), "{text}");
        assert!(text.contains("https://shop.example/") && !text.contains("evil") && !text.contains(IDP_SECRET));
        assert!(!text.contains("n1") && !text.contains("<x>"), "the nonce, or a name that is not escaped");
        for _ in 0..2 {
            let hidden = nora.hidden("/send", "/send").await;
            assert_eq!(nora.post(&page, &[("once", &hidden[0].1), ("decision", "allow")]).await.status, StatusCode::FORBIDDEN);
        }
        let allowed = nora.send(&page, &page, &[("decision", "allow")]).await;
        assert_eq!(allowed.location, format!("{page}/done"), "{}", allowed.text);
        let leaving = nora.get(&allowed.location).await.text;
        assert!(leaving.contains("http://auth.example/interact/i1/n1/finish"), "{leaving}");
        assert_eq!(nora.get(&page).await.location, format!("{page}/done"));
        assert_eq!(*bench.instance.decisions.lock().unwrap(), ["accept"]);

        ask();
        let page = eve.get(&arrive(2)).await.location;
        assert_eq!(eve.get(&page).await.status, StatusCode::FORBIDDEN);
        assert_eq!(*bench.instance.decisions.lock().unwrap(), ["accept", "reject"]);
        assert_eq!(nora.get(&page).await.status, StatusCode::NOT_FOUND);
    }
}

#[test]
fn every_text_of_the_pages_has_a_german_one() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &str, end: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.to_str().unwrap().ends_with(end))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    };
    let catalogue =
        ["console.de.txt", "wallet.de.txt"].map(|name| read("../page-kit/words", name).remove(0)).join("\n");
    let lines = catalogue.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<&str> =
        lines.filter_map(|line| Some(line.split_once(" => ").or_else(|| line.split_once(" = "))?.0)).collect();

    let mut texts = BTreeSet::new();
    for source in read("templates", ".html")
        .into_iter()
        .chain(read("src/pages", ".rs"))
        .chain(read("src/letters", ".rs"))
        .chain(read("src/pages/operator", ".rs"))
    {
        for begin in ["f.t(\"", "f.with(\"", "words.t(\"", "words.with(\"", "w.t(\"", "title: \""] {
            texts.extend(source.split(begin).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    texts.extend(
        read("src/letters", "texts.rs")
            .remove(0)
            .split("self.letter(\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned()),
    );
    for source in read("src/users", ".rs")
        .into_iter()
        .chain(read("src/sending", ".rs"))
        .chain(read("src", "customers.rs"))
        .chain(read("src", "requests.rs"))
        .chain(read("src", "keys.rs"))
    {
        texts.extend(source.split("#[error(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    texts.retain(|text| !text.contains("{0}"));
    let missing: Vec<_> = texts.iter().filter(|text| !known.contains(text.as_str())).collect();
    assert!(texts.len() > 150 && missing.is_empty(), "no German: {missing:#?}");
}
