//! `rafiki clock`: two institutions as two processes, whose time is moved while they run.
//! How a clock is moved is tested in `clock`, which times count in `test_clock`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admin_client::Key;
use clock::{Stopwatch, SystemEntropy};
use http::{Method, StatusCode};
use http_signatures::{Signer, SigningKey};
use outbound_http::{Outbound, Request};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;

use crate::asking::{client, outbound};
use crate::institutions::{Institutions, Run, Side, Storage, rafiki};

const SOON: Duration = Duration::from_mins(1);

pub(crate) fn clock(two: &Institutions, arguments: &[&str]) -> Run {
    two.rafiki("clock", &[arguments, &["--json"]].concat())
}

/// How many seconds each institution is ahead.
pub(crate) fn ahead(run: &Run) -> Vec<u64> {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let all = run.json["institutions"].as_array().unwrap();
    all.iter().map(|one| one["reading"]["aheadMs"].as_u64().unwrap() / 1000).collect()
}

fn soon<T>(ask: impl Fn() -> Option<T>) -> T {
    let mut answer = None;
    testkit::block_on(async {
        answer = testkit::until(SOON, || async { ask() }).await;
    });
    answer.unwrap()
}

/// The variables of a role of the playground.
fn variables(two: &Institutions, side: Side, role: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(two.data_dir().join(side.slug()).join(format!("{role}.env"))).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// A client of Open Payments whose key is published, and what it asks with.
pub(crate) struct Client {
    identity: String,
    signer: Arc<Signer>,
    http: Outbound,
    /// How many requests it has sent.
    sent: AtomicU32,
}

impl Client {
    pub(crate) async fn publish(two: &Institutions, side: Side, account: &str) -> Self {
        let admin = client(&two.facts(side));
        let identity = two.address(side, account);
        let signer = Arc::new(Signer::new(SigningKey::random(&SystemEntropy), "monthly").unwrap());
        let jwk = serde_json::to_value(signer.jwk()).unwrap();
        let key = Key { kid: "monthly".to_owned(), x: jwk["x"].as_str().unwrap().to_owned() };
        let address = admin.wallet_address_by_url(&identity).await.unwrap().unwrap();
        admin.create_wallet_address_key(address.id, &key).await.unwrap();
        Self { identity, signer, http: outbound(), sent: AtomicU32::new(0) }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = Url::parse(&url.replacen("https:", "http:", 1)).unwrap();
        let mut request = match body {
            Some(body) => Request { method, ..Request::post_json(url, &body).unwrap() },
            None => Request { method, ..Request::get(url) },
        };
        if let Some(token) = token {
            request = request.authorization(&format!("GNAP {token}"));
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.http.send(request.configured().signed(self.signer.clone())).await.unwrap();
        (answer.status, answer.json().unwrap_or(Value::Null))
    }

    pub(crate) async fn grant(&self, url: &str, access: Value, interact: Option<Value>) -> Value {
        let mut body = json!({"access_token": {"access": [access]}, "client": self.identity});
        if let Some(interact) = interact {
            body["interact"] = interact;
        }
        let (status, answer) = self.call(Method::POST, url, None, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}")).to_owned()
}

/// The owner opens the page and consents.
async fn consent(two: &Institutions, side: Side, redirect: &str) {
    let auth = variables(two, side, "auth");
    let page = outbound().send(Request::get(Url::parse(redirect).unwrap()).configured()).await.unwrap();
    let cookies: Vec<String> = page
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let path = Url::parse(redirect).unwrap().path().replacen("/interact/", "", 1);
    let accept = format!("http://localhost:{}/grant/{path}/accept", auth["INTERACTION_PORT"]);
    let accept = Request::post(Url::parse(&accept).unwrap())
        .configured()
        .header("x-idp-secret".parse().unwrap(), auth["IDENTITY_SERVER_SECRET"].parse().unwrap());
    assert!(outbound().send(accept).await.unwrap().status.is_success());
    let finish = format!("{}/finish", redirect.split('?').next().unwrap());
    let finish = Request::get(Url::parse(&finish).unwrap())
        .configured()
        .header("cookie".parse().unwrap(), cookies.join("; ").parse().unwrap());
    let finished = outbound().send(finish).await.unwrap();
    assert_eq!(finished.status, StatusCode::ACCEPTED, "{}", finished.excerpt());
}

/// A client of the one institution, the document of `owner` at the other one, and the token with which the client may spend
/// there within `limits`, because the owner consented.
pub(crate) fn granted(two: &Institutions, runtime: &Runtime, owner: &str, limits: Value) -> (Client, Value, Value) {
    let (client, at, asked) = runtime.block_on(async {
        let client = Client::publish(two, Side::HappyLife, "pfry").await;
        let plain = Url::parse(&owner.replacen("https:", "http:", 1)).unwrap();
        let page = outbound().send(Request::get(plain).configured()).await.unwrap();
        let at: Value = page.json().unwrap();
        let access = json!({
            "type": "outgoing-payment", "actions": ["create", "read"], "identifier": owner, "limits": limits,
        });
        let asked = client.grant(&text(&at, "/authServer"), access, Some(json!({"start": ["redirect"]}))).await;
        consent(two, Side::CloudNine, &text(&asked, "/interact/redirect")).await;
        (client, at, asked)
    });
    // A client that polls waits a few seconds, which the clock may pass.
    ahead(&clock(two, &["advance", "10s"]));
    let (uri, value) = (text(&asked, "/continue/uri"), text(&asked, "/continue/access_token/value"));
    let (status, granted) = runtime.block_on(client.call(Method::POST, &uri, Some(&value), None));
    assert_eq!(status, 200, "{granted}");
    (client, at, granted)
}

#[test]
fn a_monthly_grant_is_exercised_for_twelve_months_in_seconds_and_not_twice_a_month() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let runtime = Runtime::new().unwrap();
    let (owner, payee) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::CloudNine, "bhamchest"));
    let start = text(&clock(&two, &["show"]).json, "/institutions/0/reading/now");
    let limits = json!({
        "debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2},
        "interval": format!("R11/{start}/P1M"),
    });
    let (client, at, mut token) = granted(&two, &runtime, &owner, limits);

    client.sent.store(0, Ordering::Relaxed);
    let watch = Stopwatch::start();
    let (mut rotating, mut paying, mut moving) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for month in 1..=12 {
        let step = Stopwatch::start();
        // The token of the month before has expired; the grant has not.
        let rotated = runtime.block_on(client.call(Method::POST, &text(&token, "/access_token/manage"), None, None));
        assert_eq!(rotated.0, 200, "month {month}: {}", rotated.1);
        token = rotated.1;
        let value = text(&token, "/access_token/value");
        rotating += step.elapsed();
        let step = Stopwatch::start();
        let paid = runtime.block_on(pay(&two, &client, &at, &value, &owner, &payee));
        assert_eq!(paid.0, 201, "month {month}: {}", paid.1);
        paying += step.elapsed();
        if month == 6 {
            let again = runtime.block_on(pay(&two, &client, &at, &value, &owner, &payee));
            assert_eq!(again.0, 403, "a second payment in month {month}: {}", again.1);
        }
        let step = Stopwatch::start();
        ahead(&clock(&two, &["advance", "1mo"]));
        moving += step.elapsed();
    }
    // A month is a rotation, a payment and one move of the clock. A payment is a grant, a quote and an outgoing payment. So
    // nothing was asked twice, and nothing was waited for.
    assert_eq!(client.sent.load(Ordering::Relaxed), 12 + 13 * 3);
    println!("twelve months took {:?}: rotating {rotating:?}, paying {paying:?}, moving {moving:?}", watch.elapsed());

    runtime.block_on(async {
        let (status, rotated) = client.call(Method::POST, &text(&token, "/access_token/manage"), None, None).await;
        assert_eq!(status, 200, "{rotated}");
        let value = text(&rotated, "/access_token/value");
        let (status, refused) = pay(&two, &client, &at, &value, &owner, &payee).await;
        assert_eq!(status, 403, "the twelve months are over: {refused}");
    });
}

/// Pays five dollars under the grant: incoming payment, quote, outgoing payment.
pub(crate) async fn pay(
    two: &Institutions,
    client: &Client,
    at: &Value,
    token: &str,
    owner: &str,
    payee: &str,
) -> (StatusCode, Value) {
    let admin = crate::asking::client(&two.facts(Side::CloudNine));
    let receiver = admin.create_receiver(payee, None, None, None).await.unwrap();
    let access = json!({"type": "quote", "actions": ["create", "read"]});
    let quoting = client.grant(&text(at, "/authServer"), access, None).await;
    let body = json!({
        "walletAddress": owner, "receiver": receiver.id, "method": "ilp",
        "debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2},
    });
    let quotes = format!("{}/quotes", text(at, "/resourceServer"));
    let (status, quote) =
        client.call(Method::POST, &quotes, Some(&text(&quoting, "/access_token/value")), Some(body)).await;
    assert_eq!(status, 201, "{quote}");
    let payments = format!("{}/outgoing-payments", text(at, "/resourceServer"));
    let body = json!({"walletAddress": owner, "quoteId": quote["id"]});
    client.call(Method::POST, &payments, Some(token), Some(body)).await
}

#[test]
fn payments_expire_and_requests_are_signed_and_believed_after_the_clock_has_moved() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    let (from, to) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let runtime = Runtime::new().unwrap();
    let open = runtime.block_on(client(&two.facts(Side::CloudNine)).create_receiver(&to, None, None, None)).unwrap().id;
    let id: uuid::Uuid = open.rsplit('/').next().unwrap().parse().unwrap();
    let state = || {
        let query = format!("{{ incomingPayment(id: \"{id}\") {{ state }} }}");
        let told = two.admin(&[&query, "--at", "happy"]).json;
        told.pointer("/data/incomingPayment/state").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    assert_eq!(state(), "PENDING");

    let before = ahead(&clock(&two, &["show"]));
    let moved = ahead(&clock(&two, &["advance", "1y"]));
    assert_eq!(before, [0, 0]);
    assert!(moved[0] == moved[1] && (365..=366).contains(&(moved[0] / 86_400)), "{moved:?}");
    // A payment that expired without money is not shown any more.
    soon(|| (state() != "PENDING").then_some(()));

    // Nobody else's clock has moved: what is signed now is believed, and money arrives.
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    two.assert_conserved();
}

#[test]
fn a_delivery_that_waits_for_hours_is_tried_again_when_the_clock_has_passed_them() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let nobody = "mutation { createWebhookEndpoint(input: {url: \"http://127.0.0.1:1/\"}) { webhookEndpoint { id } } }";
    let made = two.admin(&[nobody, "--at", "cloud"]);
    let endpoint = text(&made.json, "/data/createWebhookEndpoint/webhookEndpoint/id");
    let paid = two.pay(&[
        "--from",
        &two.address(Side::CloudNine, "gfranklin"),
        "--to",
        &two.address(Side::HappyLife, "pfry"),
        "--send",
        "5.00",
    ]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let attempts = || {
        let listed =
            two.rafiki("events", &["list", "--json", "--at", "cloud", "--endpoint", &endpoint, "--oldest-first"]);
        listed.json["deliveries"][0]["attempts"].as_u64().unwrap_or(0)
    };
    soon(|| (attempts() == 1).then_some(()));
    for attempt in 2..=12 {
        ahead(&clock(&two, &["advance", "1d"]));
        soon(|| (attempts() == attempt).then_some(()));
    }
}

#[test]
fn two_moves_at_the_same_time_both_count_and_a_restart_keeps_the_time() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    std::thread::scope(|scope| {
        let moves: Vec<_> = (0..4).map(|_| scope.spawn(|| clock(&two, &["advance", "1d"]).code)).collect();
        assert!(moves.into_iter().all(|moved| moved.join().unwrap() == Some(0)));
    });
    let four_days = ahead(&clock(&two, &["show"]));
    assert_eq!(four_days, [345_600, 345_600]);

    two.kill(Side::HappyLife);
    let alone = clock(&two, &["advance", "1d"]);
    assert_eq!(alone.code, Some(0), "{}", alone.stderr);
    assert_eq!(alone.json["institutions"][1]["reading"], Value::Null, "the killed one does not answer");
    two.restart(Side::HappyLife);
    assert_eq!(ahead(&clock(&two, &["show"])), [432_000, 432_000]);

    let real = ahead(&clock(&two, &["reset"]));
    assert_eq!(real, [0, 0]);
}

#[test]
fn what_cannot_be_done_with_the_clock_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = rafiki(&["clock", "advance", "1mo", "--data-dir", folder.path().to_str().unwrap()]);
    assert!(nowhere.code == Some(3) && nowhere.stderr.contains("start `rafiki dev`"), "{}", nowhere.stderr);

    let two = Institutions::start(Storage::Sqlite).unwrap();
    for arguments in [
        &["advance"][..],
        &["advance", "0s"],
        &["advance", "soon"],
        &["advance", "--to", "2001-01-01T00:00:00Z"],
        &["advance", "1d", "--to", "2901-01-01T00:00:00Z"],
        &["advance", "8000y"],
    ] {
        let refused = clock(&two, arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
    }
    assert_eq!(ahead(&clock(&two, &["show"])), [0, 0]);

    // A page in a browser cannot send the header that the listener wants.
    let url = text(&two.facts(Side::CloudNine), "/clockUrl");
    let runtime = Runtime::new().unwrap();
    let blind = Request::post_json(Url::parse(&url).unwrap(), &json!({"aheadMs": 1})).unwrap().configured();
    assert_eq!(runtime.block_on(outbound().send(blind)).unwrap().status, 403);
}
