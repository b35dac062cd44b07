//! The wallet against an instance that the test plays: the events it gets, its effects, and each only once.
//! The real instance is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::{Json, Router, routing::post};
use card::{Chip, ChipKey, PinKey, PinRule, Tap};
use clock::{Clock, ManualClock};
use http_kit::{ServiceCallers, ServiceIdentities};
use ledger::MemoryLedger;
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_auth::Service;
use testkit::TestDatabase;
use tower::ServiceExt;
use uuid::Uuid;
use wallet::seed::{CLOUD_NINE, Seed};
use wallet::{CardVerification, EventVerification, FeePolicy, NewCard, Ports, Unsigned, Wallet, WalletSettings};

const SECRET: &str = "shared";

/// The instance. It records requests and has their results.
#[derive(Default)]
struct Instance {
    calls: Mutex<Vec<(String, Value)>>,
    assets: Mutex<HashMap<String, Value>>,
    addresses: Mutex<HashMap<String, Value>>,
    peers: Mutex<HashMap<String, Value>>,
    deposits: Mutex<HashMap<String, Value>>,
    /// Errors to answer with, by operation.
    errors: Mutex<HashMap<String, Value>>,
    payment_state: Mutex<&'static str>,
}

impl Instance {
    fn refuse(&self, operation: &str, code: &str) {
        let error = json!({"message": code, "extensions": {"code": code}});
        self.errors.lock().unwrap().insert(operation.to_owned(), error);
    }

    fn calls_of(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, input)| input.clone()).collect()
    }

    fn mutations(&self) -> usize {
        self.calls.lock().unwrap().iter().filter(|(_, input)| !input.is_null()).count()
    }

    fn answer(&self, operation: &str, variables: &Value) -> Value {
        let input = &variables["input"];
        self.calls.lock().unwrap().push((operation.to_owned(), input.clone()));
        if let Some(error) = self.errors.lock().unwrap().get(operation) {
            return json!({"errors": [error], "data": null});
        }
        let id = || Uuid::from_u128(u128::try_from(self.calls.lock().unwrap().len()).unwrap() + (1 << 80)).to_string();
        let data = match operation {
            "AssetByCodeAndScale" => {
                let found = self.assets.lock().unwrap().get(variables["code"].as_str().unwrap()).cloned();
                json!({"assetByCodeAndScale": found})
            }
            "CreateAsset" => {
                let asset = json!({"id": id(), "code": input["code"], "scale": input["scale"], "liquidity": "0", "sendingFee": null});
                self.assets.lock().unwrap().insert(input["code"].as_str().unwrap().to_owned(), asset.clone());
                json!({"createAsset": {"asset": asset}})
            }
            "SetFee" => {
                for asset in self.assets.lock().unwrap().values_mut().filter(|asset| asset["id"] == input["assetId"]) {
                    asset["sendingFee"] = input["fee"].clone();
                }
                json!({"setFee": {"fee": {"id": id()}}})
            }
            "ConsoleFees" => {
                let assets = self.assets.lock().unwrap();
                let asset = assets.values().find(|asset| asset["id"] == variables["id"]).unwrap();
                let fees: Vec<Value> = Some(&asset["sendingFee"])
                    .into_iter()
                    .filter(|fee| !fee.is_null())
                    .map(|fee| {
                        json!({"node": {"id": Uuid::from_u128(3), "type": "SENDING", "fixed": fee["fixed"],
                        "basisPoints": fee["basisPoints"], "createdAt": "2026-01-01T00:00:00.000Z"}})
                    })
                    .collect();
                json!({"asset": {"fees": {"edges": fees, "pageInfo": {"hasNextPage": false, "hasPreviousPage": false}}}})
            }
            "DepositAsset" | "DepositPeer" => {
                let transfer = input["id"].as_str().unwrap().to_owned();
                if self.deposits.lock().unwrap().insert(transfer, input.clone()).is_some() {
                    return json!({"errors": [{"message": "Transfer already exists", "extensions": {"code": "DUPLICATE"}}]});
                }
                json!({})
            }
            "PeerByAddressAndAsset" => {
                let address = variables["staticIlpAddress"].as_str().unwrap();
                json!({"peerByAddressAndAsset": self.peers.lock().unwrap().get(address).cloned()})
            }
            "CreatePeer" => {
                let peer = json!({"id": id(), "staticIlpAddress": input["staticIlpAddress"], "name": input["name"],
                    "liquidity": "0", "http": {"outgoing": {"endpoint": input["http"]["outgoing"]["endpoint"]}}});
                let address = input["staticIlpAddress"].as_str().unwrap().to_owned();
                self.peers.lock().unwrap().insert(address, peer.clone());
                json!({"createPeer": {"peer": peer}})
            }
            "WalletAddressByUrl" => {
                let url = variables["url"].as_str().unwrap();
                json!({"walletAddressByUrl": self.addresses.lock().unwrap().get(url).cloned()})
            }
            "CreateWalletAddress" => {
                let asset = self.assets.lock().unwrap().values().find(|a| a["id"] == input["assetId"]).cloned();
                let address =
                    json!({"id": id(), "address": input["address"], "publicName": input["publicName"], "asset": asset});
                self.addresses.lock().unwrap().insert(input["address"].as_str().unwrap().to_owned(), address.clone());
                json!({"createWalletAddress": {"walletAddress": address}})
            }
            "OutgoingPayment" => {
                let usd = json!({"value": "617", "assetCode": "USD", "assetScale": 2});
                json!({"outgoingPayment": {"id": variables["id"], "walletAddressId": Uuid::nil(),
                    "state": *self.payment_state.lock().unwrap(), "error": null, "stateAttempts": 0, "debitAmount": usd,
                    "receiveAmount": usd, "sentAmount": usd, "receiver": "", "metadata": null}})
            }
            _ => json!({}),
        };
        json!({"data": data})
    }
}

async fn graphql(State(instance): State<Arc<Instance>>, Json(body): Json<Value>) -> Json<Value> {
    let document = body["query"].as_str().unwrap();
    let name = document.split([' ', '(']).nth(1).unwrap();
    Json(instance.answer(name, &body["variables"]))
}

struct Bench {
    instance: Arc<Instance>,
    wallet: Wallet,
    clock: Arc<ManualClock>,
    _database: TestDatabase,
}

impl Bench {
    async fn new() -> Self {
        Self::on(TestDatabase::sqlite().await).await
    }

    async fn on(database: TestDatabase) -> Self {
        Self::with(database, Unsigned::Refused, FeePolicy::FeePlusSent).await
    }

    async fn that_thinks_of_unsigned(unsigned: Unsigned) -> Self {
        Self::with(TestDatabase::sqlite().await, unsigned, FeePolicy::FeePlusSent).await
    }

    async fn with(database: TestDatabase, unsigned: Unsigned, fee_policy: FeePolicy) -> Self {
        let instance = Arc::new(Instance::default());
        *instance.payment_state.lock().unwrap() = "SENDING";
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/graphql", listener.local_addr().unwrap()).parse().unwrap();
        let app = Router::new().route("/graphql", post(graphql)).with_state(Arc::clone(&instance));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

        let clock = testkit::manual_clock();
        let dyn_clock = || Arc::clone(&clock) as Arc<dyn Clock>;
        let http = Outbound::new(OutboundConfig::development(), dyn_clock()).unwrap();
        let credentials = Credentials { tenant_id: Uuid::nil(), secret: SECRET.to_owned(), signature_version: 1 };
        Wallet::migrate(&database).await.unwrap();
        let settings = WalletSettings {
            display_name: "Bank & <Sons>".to_owned(),
            open_payments_url: "https://localhost:3000".parse().unwrap(),
            webhooks: EventVerification {
                identities: ServiceIdentities::default(),
                service: Service::WalletHooks,
                secrets: vec![SECRET.to_owned()],
                version: 1,
                tolerance: Duration::from_mins(5),
                unsigned,
            },
            fee_policy,
            holds_are_old: Duration::from_mins(3),
            auto_create_address: true,
            liquidity_topup: 1_000_000,
            liquidity_topup_day_max: None,
            cards: CardVerification::Required,
            key_x: Some("Tk8WHUFjv9XUxXzv2OxMjoF9alvTVB1D1dcFMT47ThQ".to_owned()),
            pages: None,
        };
        let ports = Ports {
            database: (*database).clone(),
            ledger: Arc::new(MemoryLedger::new(dyn_clock())),
            admin: AdminClient::new(endpoint, credentials, http, dyn_clock()),
            clock: dyn_clock(),
            entropy: testkit::entropy(1),
        };
        let mut seed = Seed::from_yaml(CLOUD_NINE).unwrap();
        seed.cards.push(issued(&chip()));
        let wallet = Wallet::new(settings, seed, ports);
        Self { instance, wallet, clock, _database: database }
    }

    async fn seeded() -> Self {
        let bench = Self::new().await;
        bench.wallet.seed().await.unwrap();
        bench
    }

    fn address_id(&self, slug: &str) -> String {
        let url = format!("https://localhost:3000/accounts/{slug}");
        self.instance.addresses.lock().unwrap()[&url]["id"].as_str().unwrap().to_owned()
    }

    /// Sends the signed event, and handles it.
    async fn tell(&self, event: &Value) {
        assert_eq!(self.post(event, Some(SECRET)).await, StatusCode::OK);
        self.wallet.work_due().await.unwrap();
    }

    async fn post(&self, event: &Value, secret: Option<&str>) -> StatusCode {
        let mut request = Request::post("/webhooks").header("content-type", "application/json");
        if let Some(secret) = secret {
            let header = admin_signature::sign(secret, 1, self.clock.now(), &admin_signature::canonical(event));
            request = request.header("rafiki-signature", header);
        }
        let request = request.body(Body::from(event.to_string())).unwrap();
        wallet::http::router(self.wallet.clone(), ServiceCallers::Anybody).oneshot(request).await.unwrap().status()
    }

    /// Balance and hold of an account.
    async fn balance(&self, slug: &str) -> (u64, u64) {
        let response = wallet::http::router(self.wallet.clone(), ServiceCallers::Anybody)
            .oneshot(Request::get("/balances").body(Body::empty()).unwrap())
            .await;
        let body = axum::body::to_bytes(response.unwrap().into_body(), usize::MAX).await.unwrap();
        let accounts: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let url = format!("https://localhost:3000/accounts/{slug}");
        let account = accounts.iter().find(|account| account["walletAddress"] == json!(url)).unwrap();
        let read = |name: &str| account[name].as_str().unwrap().parse().unwrap();
        (read("balance"), read("held"))
    }

    fn outgoing(&self, event: u128, kind: &str, slug: &str, debit: u64, sent: u64) -> Value {
        let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let left = if kind == "created" { 0 } else { debit - sent };
        json!({"id": Uuid::from_u128(event), "type": format!("outgoing_payment.{kind}"), "data": {
            "id": Uuid::from_u128(900), "walletAddressId": self.address_id(slug), "client": null, "state": "FUNDING",
            "receiver": "https://x.example/incoming-payments/1", "debitAmount": usd(debit), "receiveAmount": usd(500),
            "sentAmount": usd(sent), "stateAttempts": 0, "createdAt": "2026-03-01T10:00:00.000Z",
            "balance": left.to_string()}})
    }

    fn incoming(&self, event: u128, kind: &str, slug: &str, received: u64) -> Value {
        json!({"id": Uuid::from_u128(event), "type": format!("incoming_payment.{kind}"), "data": {
            "id": Uuid::from_u128(800), "walletAddressId": self.address_id(slug), "client": null,
            "createdAt": "2026-03-01T10:00:00.000Z", "expiresAt": "2026-03-01T11:00:00.000Z", "completed": true,
            "receivedAmount": {"value": received.to_string(), "assetCode": "USD", "assetScale": 2}}})
    }

    fn streamed(&self, event: u128, slug: &str, received: u64) -> Value {
        json!({"id": Uuid::from_u128(event), "type": "wallet_address.web_monetization", "data": {"walletAddress": {
            "id": self.address_id(slug), "createdAt": "2026-03-01T10:00:00.000Z",
            "receivedAmount": {"value": received.to_string(), "assetCode": "USD", "assetScale": 2}}}})
    }
}

/// The chip of Grace Franklin.
fn chip() -> Chip {
    Chip {
        number: "4000123412341234".parse().unwrap(),
        wallet_address: "https://localhost:3000/accounts/gfranklin".to_owned(),
        key: ChipKey::ecdsa(&[9; 32]).unwrap(),
        pin_key: PinKey::new([5; 16]),
    }
}

fn issued(chip: &Chip) -> NewCard {
    let pin = PinRule { pin: "1234".parse().unwrap(), key: chip.pin_key.clone(), from: 5000 };
    NewCard { number: chip.number.clone(), account: "accounts/gfranklin".to_owned(), key: chip.key.for_issuer(), pin }
}

/// The event of a payment of 5.00 USD that `chip` signed.
fn tapped(bench: &Bench, event: u128, slug: &str, chip: &Chip, counter: u16) -> Value {
    let unpredictable = [counter.to_be_bytes(), counter.to_be_bytes()].concat().try_into().unwrap();
    let tap = Tap { amount: 500, currency: 840, exponent: 2, unpredictable, counter, pin: None };
    let signed = chip.sign(&tap).unwrap();
    let signature = hex::encode(signed.cryptogram.as_bytes());
    let mut created = bench.outgoing(event, "created", slug, 617, 0);
    created["data"]["id"] = json!(Uuid::from_u128(event + 1000));
    created["data"]["cardDetails"] = json!({"requestId": Uuid::from_u128(event), "initiatedAt": "2026-03-01T10:00:00.000Z",
        "data": {"signature": signature, "payload": signed.to_hex()}});
    created
}

testkit::on_each_database! {
    async fn a_card_pays_once_for_each_purchase_even_if_requests_are_repeated(database) {
        let bench = Bench::on(database).await;
        bench.wallet.seed().await.unwrap();
        let tap = tapped(&bench, 1, "gfranklin", &chip(), 1);
        bench.tell(&tap).await;
        assert_eq!(bench.instance.calls_of("DepositOutgoingPayment").len(), 1);
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617));

        // The same event under another id, as after a crash between decision and deposit. The decision stays.
        let mut again = tap.clone();
        again["id"] = json!(Uuid::from_u128(77));
        bench.tell(&again).await;
        assert_eq!(bench.instance.calls_of("CancelOutgoingPayment").len(), 0);

        // The same card data for another payment are a replay.
        let mut replayed = tap.clone();
        (replayed["id"], replayed["data"]["id"]) = (json!(Uuid::from_u128(78)), json!(Uuid::from_u128(79)));
        bench.tell(&replayed).await;
        let cancelled = bench.instance.calls_of("CancelOutgoingPayment");
        assert_eq!((cancelled.len(), &cancelled[0]["cardPaymentFailureReason"]), (1, &json!("invalid_request")));
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617), "nothing more is held");
    }

    async fn a_chip_that_lies_is_refused_and_uses_nothing_up(database) {
        let bench = Bench::on(database).await;
        bench.wallet.seed().await.unwrap();
        let forged = Chip { key: ChipKey::ecdsa(&[8; 32]).unwrap(), ..chip() };
        bench.tell(&tapped(&bench, 1, "gfranklin", &forged, 9)).await;
        let foreign = tapped(&bench, 2, "bhamchest", &chip(), 9);
        bench.tell(&foreign).await;
        let mut dummy = tapped(&bench, 3, "gfranklin", &chip(), 9);
        dummy["data"]["cardDetails"]["data"] = json!({"signature": "signature", "payload": "payload"});
        bench.tell(&dummy).await;
        let mut other_amount = tapped(&bench, 4, "gfranklin", &chip(), 5);
        other_amount["data"]["receiveAmount"]["value"] = json!("501");
        bench.tell(&other_amount).await;
        let reasons: Vec<Value> = bench.instance.calls_of("CancelOutgoingPayment").iter()
            .map(|input| input["cardPaymentFailureReason"].clone()).collect();
        assert_eq!(reasons, ["invalid_signature", "invalid_request", "invalid_request", "invalid_request"]);
        assert_eq!(bench.instance.calls_of("DepositOutgoingPayment").len(), 0);

        bench.tell(&tapped(&bench, 5, "gfranklin", &chip(), 6)).await;
        assert_eq!(bench.instance.calls_of("DepositOutgoingPayment").len(), 1, "the true card pays all the same");
    }
}

/// Every text of an event, in turn, where JSON pointers find it.
fn texts_of(value: &Value, path: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(path),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| texts_of(member, format!("{path}/{name}"), places));
        }
        _ => {}
    }
}

testkit::on_each_database! {
    async fn no_text_of_an_event_is_a_fault_of_the_wallet(database) {
        let bench = Bench::on(database).await;
        bench.wallet.seed().await.unwrap();
        let not_found = json!({"id": Uuid::from_u128(700), "type": "wallet_address.not_found",
            "data": {"walletAddressUrl": "https://localhost:3000/accounts/nobody", "note": "n"}});
        let nested = (0..100).fold(json!("x"), |inner, _| json!({ "a": inner }));
        let mut number = 0;
        for event in [bench.outgoing(1, "created", "gfranklin", 617, 0), bench.incoming(2, "completed", "gfranklin", 5), not_found] {
            let mut places = Vec::new();
            texts_of(&event, String::new(), &mut places);
            for place in places {
                for (poison, must_refuse) in [
                    (json!("\0"), true),
                    (json!("a\0b"), true),
                    (json!("x".repeat(40_000)), true),
                    (nested.clone(), true),
                    (json!("\u{202e}\u{1f600}"), false),
                    (json!(""), false),
                ] {
                    number += 1;
                    let mut poisoned = event.clone();
                    poisoned["id"] = json!(Uuid::from_u128(10_000 + number));
                    *poisoned.pointer_mut(&place).unwrap() = poison;
                    let status = bench.post(&poisoned, Some(SECRET)).await;
                    assert!(status.as_u16() < 500, "{place}: {status}");
                    assert!(!must_refuse || status == StatusCode::BAD_REQUEST, "{place}: {status}");
                }
            }
        }
        // Every stored event is handled or kept for a person. None stops the others.
        bench.wallet.work_due().await.unwrap();
        bench.tell(&bench.incoming(3, "completed", "gfranklin", 7)).await;
    }
}

#[test]
fn a_playground_whose_instance_does_not_sign_is_believed_but_a_wrong_signature_never_is() {
    testkit::block_on(async {
        let event = json!({"id": Uuid::from_u128(7), "type": "something.new", "data": {}});
        let strict = Bench::new().await;
        assert_eq!(strict.post(&event, None).await, StatusCode::UNAUTHORIZED);
        let playground = Bench::that_thinks_of_unsigned(Unsigned::Believed).await;
        assert_eq!(playground.post(&event, None).await, StatusCode::OK);
        assert_eq!(playground.post(&event, Some("another secret")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(playground.post(&event, Some(SECRET)).await, StatusCode::OK);
    });
}

#[test]
fn a_browser_that_opens_the_wallet_shows_what_it_is() {
    testkit::block_on(async {
        let bench = Bench::new().await;
        let request = Request::get("/").header("accept", "text/html").body(Body::empty()).unwrap();
        let response =
            wallet::http::router(bench.wallet.clone(), ServiceCallers::Anybody).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert!(page.contains("<h1>Bank &amp; &lt;Sons&gt;</h1>") && page.contains("/balances"), "{page}");
    });
}

#[test]
fn seeding_a_second_time_changes_nothing() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        assert_eq!(bench.instance.calls_of("CreateWalletAddress").len(), 5);
        assert_eq!(bench.instance.calls_of("CreateWalletAddressKey").len(), 5);
        assert_eq!(bench.instance.calls_of("SetFee").len(), 2);
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 0));
        let before = bench.instance.mutations();
        let deposits = bench.instance.deposits.lock().unwrap().len();
        bench.wallet.seed().await.unwrap();
        assert_eq!(bench.instance.deposits.lock().unwrap().len(), deposits);
        // Only the deposits are repeated, because the played instance reports no liquidity.
        assert_eq!(bench.instance.mutations() - before, deposits);
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 0));
    });
}

#[test]
fn a_payment_is_held_funded_settled_and_its_leftover_withdrawn_once_although_events_are_repeated() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        for _ in 0..3 {
            bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
            assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617));
        }
        assert_eq!(bench.instance.calls_of("DepositOutgoingPayment").len(), 1);
        for _ in 0..3 {
            bench.tell(&bench.outgoing(2, "completed", "gfranklin", 617, 500)).await;
            assert_eq!(bench.balance("gfranklin").await, (40_000_000 - 611, 0));
        }
        assert_eq!(bench.instance.calls_of("WithdrawOutgoingPayment").len(), 1);
    });
}

#[test]
fn a_whole_payment_costs_what_the_policy_for_fees_says() {
    testkit::block_on(async {
        for (policy, costs, withdrawals) in
            [(FeePolicy::FeePlusSent, 611, 1), (FeePolicy::FullDebit, 617, 1), (FeePolicy::Compat, 500, 0)]
        {
            let bench = Bench::with(TestDatabase::sqlite().await, Unsigned::Refused, policy).await;
            bench.wallet.seed().await.unwrap();
            bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
            assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617), "{policy:?}");
            bench.tell(&bench.outgoing(2, "completed", "gfranklin", 617, 500)).await;
            assert_eq!(bench.balance("gfranklin").await, (40_000_000 - costs, 0), "{policy:?}");
            assert_eq!(bench.instance.calls_of("WithdrawOutgoingPayment").len(), withdrawals, "{policy:?}");
        }
    });
}

#[test]
fn a_payment_whose_end_event_comes_before_its_first_event_ends_the_same() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.tell(&bench.outgoing(2, "completed", "gfranklin", 617, 500)).await;
        bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
        assert_eq!(bench.balance("gfranklin").await, (40_000_000 - 611, 0));
        assert!(bench.instance.calls_of("DepositOutgoingPayment").is_empty());
    });
}

#[test]
fn a_failed_payment_costs_what_was_delivered_and_no_fee() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
        bench.tell(&bench.outgoing(2, "failed", "gfranklin", 617, 30)).await;
        assert_eq!(bench.balance("gfranklin").await, (40_000_000 - 30, 0));
        assert_eq!(bench.instance.calls_of("WithdrawOutgoingPayment").len(), 1);
    });
}

#[test]
fn a_payment_that_the_account_cannot_pay_is_cancelled_and_holds_nothing() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.tell(&bench.outgoing(1, "created", "broke", 617, 0)).await;
        assert_eq!(bench.balance("broke").await, (50, 0));
        let cancelled = bench.instance.calls_of("CancelOutgoingPayment");
        assert_eq!(cancelled[0]["reason"], "Account does not have enough balance.");
        assert!(bench.instance.calls_of("DepositOutgoingPayment").is_empty());
    });
}

#[test]
fn a_deposit_refused_because_it_was_made_before_keeps_the_hold_and_a_cancelled_payment_gives_it_back() {
    testkit::block_on(async {
        for (state, held) in [("SENDING", 617), ("CANCELLED", 0)] {
            let bench = Bench::seeded().await;
            bench.instance.refuse("DepositOutgoingPayment", "CONFLICT");
            *bench.instance.payment_state.lock().unwrap() = state;
            bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
            assert_eq!(bench.balance("gfranklin").await, (40_000_000, held), "{state}");
        }
    });
}

#[test]
fn a_deposit_that_is_refused_because_the_quote_has_expired_leaves_no_hold_once_the_failure_is_told() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.instance.refuse("DepositOutgoingPayment", "CONFLICT");
        *bench.instance.payment_state.lock().unwrap() = "FAILED";
        bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617));
        bench.tell(&bench.outgoing(2, "failed", "gfranklin", 617, 0)).await;
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 0));
    });
}

#[test]
fn an_event_is_repeated_until_the_instance_is_back() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.instance.refuse("DepositOutgoingPayment", "INTERNAL_SERVER_ERROR");
        bench.tell(&bench.outgoing(1, "created", "gfranklin", 617, 0)).await;
        bench.instance.errors.lock().unwrap().clear();
        assert_eq!(bench.wallet.work_due().await.unwrap(), 0, "the back-off is kept");
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.wallet.work_due().await.unwrap(), 1);
        assert_eq!(bench.instance.calls_of("DepositOutgoingPayment").len(), 2);
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 617));
    });
}

#[test]
fn received_money_is_withdrawn_and_credited_once_also_when_the_withdrawal_was_made_before() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        for _ in 0..3 {
            bench.tell(&bench.incoming(1, "completed", "bhamchest", 500)).await;
        }
        assert_eq!(bench.balance("bhamchest").await, (40_000_500, 0));
        bench.instance.refuse("WithdrawIncomingPayment", "DUPLICATE");
        bench.tell(&bench.incoming(2, "expired", "bhamchest", 500)).await;
        assert_eq!(bench.balance("bhamchest").await, (40_000_500, 0), "another event of the same payment");
    });
}

#[test]
fn streamed_money_is_credited_as_announced_also_when_the_answer_of_its_withdrawal_was_lost() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        for _ in 0..3 {
            bench.tell(&bench.streamed(1, "bhamchest", 500)).await;
        }
        assert_eq!(bench.instance.calls_of("WithdrawEvent").len(), 1);
        bench.instance.refuse("WithdrawEvent", "INTERNAL_SERVER_ERROR");
        bench.tell(&bench.streamed(2, "bhamchest", 9)).await;
        assert_eq!(bench.balance("bhamchest").await, (40_000_500, 0));
        // The instance made the withdrawal before it ended.
        bench.instance.refuse("WithdrawEvent", "DUPLICATE");
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.wallet.work_due().await.unwrap(), 1);
        assert_eq!(bench.balance("bhamchest").await, (40_000_509, 0));
    });
}

#[test]
fn an_event_that_cannot_be_dealt_with_waits_for_a_person_and_moves_nothing() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        bench.instance.refuse("WithdrawIncomingPayment", "NOT_FOUND");
        bench.tell(&bench.incoming(1, "completed", "bhamchest", 500)).await;
        assert_eq!(bench.wallet.dead_events().await.unwrap(), 1);
        assert_eq!(bench.balance("bhamchest").await, (40_000_000, 0));
    });
}

#[test]
fn an_unknown_address_of_an_account_is_created_with_its_key_and_a_foreign_one_is_not() {
    testkit::block_on(async {
        let bench = Bench::new().await;
        let usd = json!({"id": Uuid::from_u128(5), "code": "USD", "scale": 2, "liquidity": "1", "sendingFee": null});
        bench.wallet.seed().await.unwrap();
        bench.instance.assets.lock().unwrap().insert("USD".to_owned(), usd);
        bench.instance.addresses.lock().unwrap().clear();
        let before = bench.instance.calls_of("CreateWalletAddress").len();
        let not_found = |event: u128, url: &str| json!({"id": Uuid::from_u128(event), "type": "wallet_address.not_found", "data": {"walletAddressUrl": url}});
        bench.tell(&not_found(1, "https://localhost:3000/Accounts/GFranklin")).await;
        bench.tell(&not_found(2, "https://localhost:3000/accounts/nobody")).await;
        bench.tell(&not_found(3, "https://elsewhere.example/accounts/gfranklin")).await;
        let created = bench.instance.calls_of("CreateWalletAddress");
        assert_eq!(created.len() - before, 1);
        assert_eq!(created.last().unwrap()["address"], "https://localhost:3000/accounts/gfranklin");
    });
}

#[test]
fn low_liquidity_is_topped_up_once_a_minute() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        let before = bench.instance.calls_of("DepositAsset").len();
        let low = |event: u128| {
            json!({"id": Uuid::from_u128(event), "type": "asset.liquidity_low", "data": {
                "id": Uuid::from_u128(77), "asset": {"id": Uuid::from_u128(77), "code": "USD", "scale": 2},
                "liquidityThreshold": "10000", "balance": "9850"}})
        };
        bench.tell(&low(1)).await;
        bench.tell(&low(2)).await;
        assert_eq!(bench.instance.calls_of("DepositAsset").len() - before, 1);
        bench.clock.advance(Duration::from_mins(1));
        bench.tell(&low(3)).await;
        assert_eq!(bench.instance.calls_of("DepositAsset").len() - before, 2);
    });
}

#[test]
fn what_is_not_signed_or_no_event_is_refused_and_an_unknown_type_is_let_pass() {
    testkit::block_on(async {
        let bench = Bench::seeded().await;
        let event = bench.outgoing(1, "created", "gfranklin", 617, 0);
        assert_eq!(bench.post(&event, None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.post(&event, Some("other")).await, StatusCode::UNAUTHORIZED);
        let no_event = json!({"id": "x", "type": "outgoing_payment.created", "data": {}});
        assert_eq!(bench.post(&no_event, Some(SECRET)).await, StatusCode::BAD_REQUEST);
        assert_eq!(bench.wallet.work_due().await.unwrap(), 0);
        let unknown = json!({"id": Uuid::from_u128(3), "type": "weather.changed", "data": {}});
        bench.tell(&unknown).await;
        assert_eq!(bench.wallet.dead_events().await.unwrap(), 0);
        assert_eq!(bench.balance("gfranklin").await, (40_000_000, 0));
    });
}
