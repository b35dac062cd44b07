//! A simulated Admin API for tests and design: two tenants, a few assets, peers and addresses, and many payments.
//!
//! It checks signatures and counts mutations by their idempotency keys. It has no rules about money.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use admin_signature::{canonical, sign};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const OPERATOR: Uuid = Uuid::from_u128(0x438f_a74a_fa7d_4317_9ced_dde3_2ece_1787);
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e11_a74a_fa7d_4317_9ced_dde3_2ece_1001);
pub(crate) const OPERATOR_SECRET: &str = "the operator's secret of this test";
pub(crate) const TENANT_SECRET: &str = "the tenant's secret of this test";
pub(crate) const ASSET: Uuid = Uuid::from_u128(0xa55e_7000_0000_4000_8000_0000_0000_0001);
pub(crate) const PEER: Uuid = Uuid::from_u128(0x9ee7_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const ADDRESS: Uuid = Uuid::from_u128(0xadd7_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const ADDRESS_HERE: Uuid = Uuid::from_u128(0xadd7_0000_0000_4000_8000_0000_0000_00ff);
pub(crate) const DELIVERY: Uuid = Uuid::from_u128(0xde11_0000_0000_4000_8000_0000_0000_0000);
pub(crate) const ENDPOINT: Uuid = Uuid::from_u128(0xe4d0_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const GRANT: Uuid = Uuid::from_u128(0x96a4_0000_0000_4000_8000_0000_0000_0000);
pub(crate) const OUTGOING: Uuid = Uuid::from_u128(0x0bad_0000_0000_4000_8000_0000_0000_0000);
pub(crate) const INCOMING: Uuid = Uuid::from_u128(0x0bad_0000_0000_4000_8000_0000_0000_0001);

/// The number of payments.
pub(crate) const PAYMENTS: u128 = 60;
const STATES_OUT: [&str; 6] = ["FUNDING", "COMPLETED", "COMPLETED", "SENDING", "FAILED", "COMPLETED"];
const STATES_IN: [&str; 4] = ["COMPLETED", "PENDING", "COMPLETED", "EXPIRED"];

/// How the fake treats the next mutation.
#[derive(Clone, Debug, Default)]
pub(crate) enum Mood {
    #[default]
    Good,
    Refuse(&'static str, &'static str),
    /// It takes effect and gets no answer.
    Silent,
}

/// The fake itself.
pub(crate) struct Fake {
    pub(crate) now: Timestamp,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) empty: Mutex<bool>,
    /// It knows the API of Rafiki 2.4 only.
    pub(crate) is_original: Mutex<bool>,
    /// The scale in the document of that wallet address.
    pub(crate) document_scale: Mutex<u8>,
    /// Where it listens. One more wallet address is there.
    pub(crate) here: Mutex<String>,
    /// Whether the watch over the ledger has found a fault.
    pub(crate) ledger_alarm: Mutex<bool>,
    /// The authorization server refuses the signature of documents that begin so.
    pub(crate) auth_refuses: Mutex<Option<&'static str>>,
    calls: Mutex<Vec<(String, Value)>>,
    /// The states of outgoing payments that mutations have changed.
    states: Mutex<BTreeMap<Uuid, &'static str>>,
    /// The payments whose money was withdrawn.
    withdrawn: Mutex<BTreeSet<String>>,
    /// Mutations that took effect, by key.
    done: Mutex<BTreeMap<String, String>>,
    secrets: Mutex<BTreeMap<String, String>>,
}

impl Fake {
    pub(crate) fn new(now: Timestamp) -> Arc<Self> {
        let secrets = [(OPERATOR.to_string(), OPERATOR_SECRET), (TENANT.to_string(), TENANT_SECRET)];
        Arc::new(Self {
            now,
            mood: Mutex::default(),
            empty: Mutex::new(false),
            is_original: Mutex::new(false),
            document_scale: Mutex::new(2),
            here: Mutex::default(),
            ledger_alarm: Mutex::new(false),
            auth_refuses: Mutex::default(),
            calls: Mutex::default(),
            states: Mutex::default(),
            withdrawn: Mutex::default(),
            done: Mutex::default(),
            secrets: Mutex::new(secrets.into_iter().map(|(id, secret)| (id, secret.to_owned())).collect()),
        })
    }

    /// The inputs of the calls of an operation.
    pub(crate) fn calls_of(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, input)| input.clone()).collect()
    }

    /// The operations that were called since the last time.
    pub(crate) fn called(&self) -> Vec<String> {
        self.calls.lock().unwrap().drain(..).map(|(name, _)| name).collect()
    }

    /// How many mutations took effect.
    pub(crate) fn effects(&self) -> usize {
        self.done.lock().unwrap().len()
    }

    /// From now on the operator signs with another secret.
    pub(crate) fn change_secret(&self, secret: &str) {
        self.secrets.lock().unwrap().insert(OPERATOR.to_string(), secret.to_owned());
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let routes = Router::new().route("/graphql", post(answer)).route("/auth/graphql", post(answer_of_auth));
        let routes = routes
            .route("/healthz", get(async || "OK"))
            .route("/health", get(health))
            .route("/accounts/here", get(wallet_address))
            .route("/accounts/here/jwks.json", get(keys))
            .route("/consent", get(async || "Who is asking?"))
            .route("/ledger/accounts", post(accounts));
        routes.with_state(Arc::clone(self))
    }

    fn is_signed(&self, headers: &HeaderMap, body: &Value) -> Option<Uuid> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let (tenant, signature) = (text("tenant-id")?, text("signature")?);
        let secret = self.secrets.lock().unwrap().get(tenant)?.clone();
        let at = signature.strip_prefix("t=")?.split(',').next()?.trim().parse().ok()?;
        let right = sign(&secret, 1, Timestamp::from_millis(at), &canonical(body));
        (right == signature).then(|| tenant.parse().unwrap())
    }

    fn at(&self, minutes: u64) -> String {
        (self.now - std::time::Duration::from_secs(minutes * 60 + 7)).to_string()
    }

    fn until(&self, minutes: u64) -> String {
        (self.now + std::time::Duration::from_mins(minutes)).to_string()
    }

    fn tenant(&self, id: Uuid) -> Value {
        let (name, email) = if id == OPERATOR {
            ("Cloud Nine Wallet", Some("operations@cloud-nine.example"))
        } else {
            ("Corner Shop", None)
        };
        json!({"id": id, "publicName": name, "email": email, "idpConsentUrl": self.consent_url(id), "createdAt": self.at(60_000),
               "deletedAt": null, "settings": [{"key": "WEBHOOK_URL", "value": "https://shop.example/webhooks"}]})
    }

    fn consent_url(&self, tenant: Uuid) -> Option<String> {
        (tenant == TENANT).then(|| format!("{}/consent", self.here.lock().unwrap()))
    }

    fn asset(&self, n: u128) -> Value {
        let (code, scale, held, threshold) = [
            ("USD", 2, "1234567850", Some("100000")),
            ("EUR", 2, "48211", Some("50000")),
            ("BTC", 8, "210000000", None),
        ][usize::try_from(n).unwrap() % 3];
        json!({"id": Uuid::from_u128(ASSET.as_u128() + n), "code": code, "scale": scale, "liquidity": held,
               "withdrawalThreshold": null, "liquidityThreshold": threshold, "createdAt": self.at(50_000),
               "tenant": {"id": OPERATOR, "publicName": "Cloud Nine Wallet"},
               "sendingFee": {"fixed": "25", "basisPoints": 150}, "receivingFee": null})
    }

    fn peer(&self, n: u128) -> Value {
        let (name, address, held) =
            [("Happy Life Bank", "test.happy-life-bank", "9000000"), ("Global Bank", "test.global", "120")]
                [usize::try_from(n).unwrap() % 2];
        json!({"id": Uuid::from_u128(PEER.as_u128() + n), "name": name, "staticIlpAddress": address,
               "maxPacketAmount": "1000000", "liquidity": held, "liquidityThreshold": if n == 0 { "2500000" } else { "10000" }, "routes": [address],
               "http": {"outgoing": {"endpoint": "https://connector.happy-life.example", "authToken": "the token of the peer"}},
               "asset": self.asset(0), "createdAt": self.at(40_000),
               "tenant": {"id": OPERATOR, "publicName": "Cloud Nine Wallet"}})
    }

    fn terms(&self, n: u128) -> Value {
        let down = n == 1;
        let soon = (self.now + std::time::Duration::from_hours(20)).to_string();
        json!({"incomingTokens": [{"id": "97a3a4318ee10c2f", "expiresAt": null}, {"id": "0b1c2d3e4f5a6b7c", "expiresAt": soon}],
               "outgoingTokens": [{"id": "5d41402abc4b2a76", "expiresAt": null}], "packetsPerSecond": if down { json!(null) } else { json!(200) },
               "packetBurst": null, "incomingThroughput": {"amount": "5000000", "seconds": 86400}, "outgoingThroughput": null, "weight": 1,
               "health": {"state": if down { "DOWN" } else { "UP" }, "since": self.at(300), "lastSuccessAt": self.at(if down { 9 } else { 1 }),
                          "lastErrorAt": down.then(|| self.at(2)), "lastError": down.then_some("no answer within 5 s"), "interruptions": if down { "3" } else { "0" },
                          "certificateExpiresAt": (!down).then(|| soon.clone())},
               "tls": (!down).then(|| json!({"subject": "CN=rafiki.example", "expiresAt": soon, "authorities": null}))})
    }

    /// A wallet address that can be asked.
    fn address_here(&self) -> Value {
        let mut address = self.address(0);
        address["id"] = json!(ADDRESS_HERE);
        address["address"] = json!(format!("{}/accounts/here", self.here.lock().unwrap()));
        address
    }

    fn address(&self, n: u128) -> Value {
        let (path, name) =
            [("gfranklin", "Grace Franklin"), ("bhamchest", "Bert Hamchest"), ("wbdc", "World's Best Donut Company")]
                [usize::try_from(n).unwrap() % 3];
        json!({"id": Uuid::from_u128(ADDRESS.as_u128() + n), "address": format!("https://cloud-nine.example/accounts/{path}"),
               "publicName": name, "status": if n == 1 { "INACTIVE" } else { "ACTIVE" }, "liquidity": if n == 0 { "250" } else { "0" },
               "asset": self.asset(0), "createdAt": self.at(30_000), "tenant": {"id": OPERATOR, "publicName": "Cloud Nine Wallet"},
               "additionalProperties": [{"key": "city", "value": "Lisbon", "visibleInOpenPayments": true}],
               "walletAddressKeys": {"edges": [{"node": {"id": Uuid::from_u128(0x4e7), "revoked": false, "createdAt": self.at(29_000),
                   "jwk": {"kid": "keyid-97a3a431-8ee1", "x": "ubqoInifJ5sssIPPnQR1gVPfmoZnJtPhTkyMXNoJF_8"}}}]}})
    }

    fn payment(&self, n: u128) -> Value {
        let place = usize::try_from(n).unwrap();
        let outgoing = n.is_multiple_of(2);
        let state = if outgoing { STATES_OUT[place / 2 % 6] } else { STATES_IN[place / 2 % 4] };
        let changed = self.states.lock().unwrap().get(&Uuid::from_u128(OUTGOING.as_u128() + n)).copied();
        let state = changed.unwrap_or(state);
        json!({"id": Uuid::from_u128(OUTGOING.as_u128() + n), "type": if outgoing { "OUTGOING" } else { "INCOMING" }, "state": state,
               "amount": {"value": if outgoing { "106567" } else { "50000" }, "assetCode": "USD", "assetScale": 2},
               "walletAddressId": Uuid::from_u128(ADDRESS.as_u128() + n % 3), "liquidity": "0",
               "metadata": {"description": format!("Invoice {}", 1000 + n)}, "createdAt": self.at(u64::try_from(n).unwrap() * 21),
               "tenant": {"id": OPERATOR, "publicName": "Cloud Nine Wallet"}})
    }

    fn outgoing(&self, n: u128) -> Value {
        let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let mut payment = self.payment(n);
        let sent = match payment["state"].as_str().unwrap() {
            "COMPLETED" => 104_500,
            "SENDING" => 61_200,
            "FAILED" => 20_000,
            _ => 0,
        };
        let held = match payment["state"].as_str().unwrap() {
            "SENDING" => 43_300,
            "FAILED" => 84_500,
            "COMPLETED" => 150,
            _ => 0,
        };
        let more = json!({"client": null, "error": null, "stateAttempts": 0, "debitAmount": usd(106_567), "receiveAmount": usd(104_000),
            "sentAmount": usd(sent), "liquidity": held.to_string(), "receiver": format!("https://happy-life.example/incoming-payments/{}", Uuid::from_u128(n)),
            "grantId": null, "quote": {"id": payment["id"], "receiver": "https://happy-life.example/incoming-payments/1",
                "expiresAt": self.at(0), "debitAmount": usd(106_567), "receiveAmount": usd(104_000)}});
        payment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payment
    }

    /// How a payment went: the rate falls a little, and some packets are refused.
    fn course(&self, n: u128) -> Value {
        let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let payment = self.outgoing(n);
        let sent: u64 = payment["sentAmount"]["value"].as_str().unwrap().parse().unwrap();
        let stretches = (0..12_u64).map(|at| {
            let (debited, refused) = (sent / 12, if at % 5 == 2 { 3 } else { 0 });
            json!({"from": (self.now - std::time::Duration::from_millis(9_000 - at * 700)).to_string(), "fulfilled": "8", "rejected": refused.to_string(),
                   "debited": debited.to_string(), "delivered": (debited * (9_990 - at * 4) / 10_000).to_string()})
        });
        let delivered = sent - sent / 12 * 12 * 32 / 10_000;
        let rejected = json!([{"code": "T04", "count": "4"}, {"code": "F08", "count": "2"}]);
        let went = match payment["state"].as_str().unwrap() {
            "FUNDING" => Value::Null,
            _ => {
                json!({"deliveredAmount": usd(delivered), "rejected": rejected, "stretches": stretches.collect::<Vec<_>>()})
            }
        };
        let fee = json!({"fixed": "25", "basisPoints": 150});
        let quote = json!({"feeAmount": usd(1_624), "fee": fee, "slippageMargin": usd(943), "foundRate": "0.999", "leastRate": "0.98901"});
        json!({"quote": quote, "delivery": went})
    }

    fn incoming(&self, n: u128) -> Value {
        let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let mut payment = self.payment(n);
        let more = json!({"url": format!("https://cloud-nine.example/incoming-payments/{}", payment["id"].as_str().unwrap()), "client": null,
            "expiresAt": (self.now + std::time::Duration::from_hours(1)).to_string(), "incomingAmount": usd(50_000),
            "receivedAmount": usd(50_000), "liquidity": "50000", "senderWalletAddress": null, "cancellationReason": null, "cancelledAt": null});
        payment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payment
    }

    fn event(&self, n: u128) -> Value {
        let payment = self.payment(n / 6 * 2 + n % 2);
        let kinds = match (payment["type"].as_str().unwrap(), payment["state"].as_str().unwrap()) {
            ("INCOMING", _) => ["incoming_payment.completed", "incoming_payment.created", "incoming_payment.created"],
            (_, "COMPLETED") => ["outgoing_payment.completed", "outgoing_payment.funded", "outgoing_payment.created"],
            (_, "FAILED") => ["outgoing_payment.failed", "outgoing_payment.funded", "outgoing_payment.created"],
            (_, "SENDING") => ["outgoing_payment.funded", "outgoing_payment.created", "outgoing_payment.created"],
            (_, "CANCELLED") => ["outgoing_payment.cancelled", "outgoing_payment.created", "outgoing_payment.created"],
            _ => ["outgoing_payment.created"; 3],
        };
        json!({"id": Uuid::from_u128(0xe7e7_0000 + n), "type": kinds[usize::try_from(n / 2 % 3).unwrap()],
               "data": {"id": payment["id"], "debitAmount": {"value": "106567", "assetCode": "USD", "assetScale": 2}},
               "createdAt": self.at(u64::try_from(n).unwrap() * 5), "tenant": {"id": OPERATOR, "publicName": "Cloud Nine Wallet"}})
    }

    fn delivery(&self, n: u128) -> Value {
        let (state, code, reason) = match n % 8 {
            3 => ("EXHAUSTED", Some(503), Some("answered 503")),
            5 => ("PENDING", None, Some("no answer within 2 s")),
            6 => ("QUARANTINED", Some(500), Some("answered 500")),
            _ => ("DELIVERED", Some(200), None),
        };
        let attempts = if reason.is_some() { 3 } else { 1 };
        let history = (1..=attempts).map(|number| {
            json!({"number": number, "beganAt": self.at(u64::try_from(n).unwrap() * 5 + 10 - number), "durationMs": 84 * number,
                   "statusCode": code, "body": reason.map(|_| "{\"error\": \"maintenance\"}"), "error": reason})
        });
        json!({"id": Uuid::from_u128(DELIVERY.as_u128() + n), "eventId": self.event(n)["id"], "event": self.event(n), "recipient": "TENANT",
               "tenantId": OPERATOR, "endpointId": if n.is_multiple_of(2) { OPERATOR } else { ENDPOINT }, "state": state, "attempts": attempts,
               "statusCode": code, "reason": reason,
               "nextAttemptAt": (state == "PENDING").then(|| (self.now + std::time::Duration::from_mins(4)).to_string()),
               "createdAt": self.at(u64::try_from(n).unwrap() * 5 + 10), "updatedAt": self.at(u64::try_from(n).unwrap() * 5),
               "history": history.collect::<Vec<_>>()})
    }

    fn endpoint(&self, n: u128) -> Value {
        if n == 0 {
            return json!({"id": OPERATOR, "tenantId": OPERATOR, "isDefault": true, "url": null, "eventTypes": [], "hasOwnSecret": false,
                          "previousSecretUntil": null, "pausedSince": self.at(40), "waitingDeliveries": "1204", "createdAt": self.at(60_000), "updatedAt": self.at(60_000)});
        }
        json!({"id": ENDPOINT, "tenantId": OPERATOR, "isDefault": false, "url": "https://reports.cloud-nine.example/rafiki",
               "eventTypes": ["outgoing_payment.completed", "outgoing_payment.failed"], "hasOwnSecret": true,
               "pausedSince": null, "waitingDeliveries": "0",
               "previousSecretUntil": (self.now + std::time::Duration::from_hours(20)).to_string(),
               "createdAt": self.at(9_000), "updatedAt": self.at(90)})
    }

    fn grant(&self, n: u128) -> Value {
        let (state, reason) =
            [("FINALIZED", Some("ISSUED")), ("PENDING", None), ("FINALIZED", Some("REVOKED")), ("APPROVED", None)]
                [usize::try_from(n).unwrap() % 4];
        let usd = json!({"value": "500000", "assetCode": "USD", "assetScale": 2});
        let pay = json!({"identifier": "https://cloud-nine.example/accounts/gfranklin", "type": "outgoing-payment",
            "actions": ["create", "read", "list"],
            "limits": {"receiver": null, "debitAmount": usd, "receiveAmount": null, "interval": "R/2026-01-01T00:00:00Z/P1M"}});
        let quote = json!({"identifier": null, "type": "quote", "actions": ["create", "read"], "limits": null});
        json!({"id": Uuid::from_u128(GRANT.as_u128() + n), "client": "https://happy-life.example/shop", "access": [pay, quote],
               "subject": {"sub_ids": []}, "state": state, "finalizationReason": reason,
               "createdAt": self.at(u64::try_from(n).unwrap() * 200 + 3), "tenantId": OPERATOR})
    }

    /// The account of the first peer over three days: packets take from it, others bring some back, and twice it is filled.
    /// The lines do not go back to its beginning.
    fn account_of_peer(&self) -> Value {
        let line = |n: u64, kind: &str, amount: u64, minutes: u64, sides: [Uuid; 2]| {
            json!({"id": Uuid::from_u128(0x9e0 + u128::from(n)), "debitAccountId": sides[0], "creditAccountId": sides[1],
                   "amount": amount.to_string(), "transferType": kind, "state": "POSTED", "createdAt": self.at(minutes), "expiresAt": null})
        };
        let (to, from) = ([PEER, ASSET], [ASSET, PEER]);
        // Every hour and a half something is sent, and every fourth time something comes back.
        let sent = (0..44).map(|n| line(n, "TRANSFER", 118_000 + n % 7 * 23_750, 30 + n * 96, to));
        let back = (0..11).map(|n| line(100 + n, "TRANSFER", 64_500 + n % 3 * 41_000, 75 + n * 384, from));
        let filled = [(200, 5_200_000, 1_250), (201, 3_900_000, 3_020)]
            .map(|(n, amount, at)| line(n, "DEPOSIT", amount, at, from));
        json!({"debits": sent.collect::<Vec<_>>(), "credits": filled.into_iter().chain(back).collect::<Vec<_>>()})
    }

    fn account_of(&self, id: &Value) -> Value {
        if *id == json!(PEER) { self.account_of_peer() } else { self.account() }
    }

    fn account(&self) -> Value {
        let transfer = |n: u128, kind: &str, state: &str, amount: &str, minutes: u64| {
            json!({"id": Uuid::from_u128(0x7e0 + n), "debitAccountId": ASSET, "creditAccountId": Uuid::from_u128(PEER.as_u128() + n),
                   "amount": amount, "transferType": kind, "state": state, "createdAt": self.at(minutes), "expiresAt": null})
        };
        // The lines add up to what the first asset holds.
        json!({"debits": [transfer(0, "TRANSFER", "POSTED", "104500", 90), transfer(1, "WITHDRAWAL", "PENDING", "2500", 90)],
               "credits": [transfer(2, "DEPOSIT", "POSTED", "1234568283", 5_000), transfer(1, "DEPOSIT", "POSTED", "106567", 90)]})
    }

    fn listed(&self, nodes: Vec<Value>, variables: &Value) -> Value {
        let nodes = if *self.empty.lock().unwrap() { Vec::new() } else { nodes };
        let place = |cursor: &Value| nodes.iter().position(|node| node["id"] == *cursor);
        let begin = place(&variables["after"]).map_or(0, |at| at + 1);
        let end = place(&variables["before"]).unwrap_or(nodes.len());
        let (mut from, mut to) = (begin, end);
        if let Some(first) = variables["first"].as_u64() {
            to = to.min(from + usize::try_from(first).unwrap());
        } else if let Some(last) = variables["last"].as_u64() {
            from = from.max(to.saturating_sub(usize::try_from(last).unwrap()));
        }
        let page = &nodes[from..to];
        json!({"edges": page.iter().map(|node| json!({"node": node, "cursor": node["id"]})).collect::<Vec<_>>(),
               "pageInfo": {"startCursor": page.first().map(|node| node["id"].clone()), "endCursor": page.last().map(|node| node["id"].clone()),
                            "hasPreviousPage": from > 0, "hasNextPage": to < nodes.len()}})
    }

    fn one(variables: &Value, first: Uuid, most: u128, make: impl Fn(u128) -> Value) -> Value {
        let id = variables["id"].as_str().and_then(|id| id.parse::<Uuid>().ok()).unwrap_or_default().as_u128();
        match id.checked_sub(first.as_u128()) {
            Some(n) if n < most => make(n),
            _ => Value::Null,
        }
    }

    fn query(&self, name: &str, variables: &Value, tenant: Uuid) -> Value {
        match name {
            "Whoami" => json!({"whoami": {"id": tenant, "isOperator": tenant == OPERATOR}}),
            "TenantSecret" => {
                let secret = self.secrets.lock().unwrap().get(variables["id"].as_str().unwrap()).cloned();
                json!({"tenant": {"apiSecret": secret.filter(|_| tenant == OPERATOR)}})
            }
            "ConsoleTenant" => {
                let known = [OPERATOR, TENANT].into_iter().find(|id| variables["id"] == json!(id));
                json!({"tenant": known.map(|id| self.tenant(id))})
            }
            "ConsoleTenants" => {
                json!({"tenants": self.listed(vec![self.tenant(OPERATOR), self.tenant(TENANT)], variables)})
            }
            "ConsoleAssets" => json!({"assets": self.listed((0..3).map(|n| self.asset(n)).collect(), variables)}),
            "ConsoleAsset" => json!({"asset": Self::one(variables, ASSET, 3, |n| self.asset(n))}),
            "ConsoleFees" => {
                let fee = json!({"id": Uuid::from_u128(0xfee), "type": "SENDING", "fixed": "25", "basisPoints": 150, "createdAt": self.at(20_000)});
                json!({"asset": {"fees": self.listed(vec![fee], &json!({}))}})
            }
            "ConsolePeers" => json!({"peers": self.listed((0..2).map(|n| self.peer(n)).collect(), variables)}),
            "ConsolePeer" | "PeerOutgoingToken" => json!({"peer": Self::one(variables, PEER, 2, |n| self.peer(n))}),
            "ConsolePeerTerms" => json!({"peer": Self::one(variables, PEER, 2, |n| self.terms(n))}),
            "ConsoleExchangeRates" => {
                let rates = json!([{"assetCode": "EUR", "rate": "0.8134"}, {"assetCode": "JPY", "rate": "147"}]);
                let table = json!({"base": "USD", "since": self.at(3), "until": self.until(12), "rates": rates});
                json!({"exchangeRates": {"source": "https://rates.example/", "tables": [table]}})
            }
            "ConsoleConvertedAmount" => {
                // There is no rate of the third asset.
                let known = variables["destination"] != json!(Uuid::from_u128(ASSET.as_u128() + 2));
                json!({"convertedAmount": known.then(|| json!({"value": "8134", "assetCode": "EUR", "assetScale": 2}))})
            }
            "ConsolePeersHealth" => {
                let peer = |n| json!({"id": Uuid::from_u128(PEER.as_u128() + n), "health": self.terms(n)["health"]});
                json!({"peers": self.listed((0..2).map(peer).collect(), variables)})
            }
            "ConsoleWalletAddresses" => {
                json!({"walletAddresses": self.listed((0..3).map(|n| self.address(n)).collect(), variables)})
            }
            "ConsoleWalletAddress" if variables["id"] == json!(ADDRESS_HERE) => {
                json!({"walletAddress": self.address_here()})
            }
            "ConsoleWalletAddress" => json!({"walletAddress": Self::one(variables, ADDRESS, 3, |n| self.address(n))}),
            "ConsoleHeld" => {
                let held = |n: u128| {
                    let mut payment = if n.is_multiple_of(2) { self.outgoing(n) } else { self.incoming(n) };
                    let taken = self.withdrawn.lock().unwrap().contains(payment["id"].as_str().unwrap());
                    if taken {
                        payment["liquidity"] = json!("0");
                    }
                    payment
                };
                json!({"payments": self.listed((0..12).map(held).collect(), &json!({}))})
            }
            "WalletAddressByUrl" => {
                let found = (0..3).map(|n| self.address(n)).find(|address| address["address"] == variables["url"]);
                json!({"walletAddressByUrl": found})
            }
            "ConsolePayments" | "ConsolePaymentsWithoutAmount" | "ConsolePaymentStates" => {
                let wanted = &variables["filter"]["type"]["in"];
                let fits = |payment: &Value| wanted.as_array().is_none_or(|kinds| kinds.contains(&payment["type"]));
                json!({"payments": self.listed((0..PAYMENTS).map(|n| self.payment(n)).filter(fits).collect(), variables)})
            }
            "ConsoleOutgoingPayment" | "ConsoleOutgoingPaymentState" => {
                json!({"outgoingPayment": Self::one(variables, OUTGOING, PAYMENTS, |n| if n.is_multiple_of(2) { self.outgoing(n) } else { Value::Null })})
            }
            "ConsolePaymentCourse" => {
                json!({"outgoingPayment": Self::one(variables, OUTGOING, PAYMENTS, |n| if n.is_multiple_of(2) { self.course(n) } else { Value::Null })})
            }
            "ConsoleIncomingPayment" | "ConsoleIncomingPaymentState" => {
                json!({"incomingPayment": Self::one(variables, OUTGOING, PAYMENTS, |n| if n % 2 == 1 { self.incoming(n) } else { Value::Null })})
            }
            "ConsoleQuote" => {
                let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
                json!({"quote": Self::one(variables, Uuid::from_u128(0x9007), 1, |_| json!({"id": Uuid::from_u128(0x9007), "walletAddressId": ADDRESS,
                    "receiver": "https://happy-life.example/incoming-payments/1", "debitAmount": usd(106_567), "receiveAmount": usd(104_000),
                    "createdAt": self.at(1), "expiresAt": (self.now + std::time::Duration::from_mins(5)).to_string()}))})
            }
            "ConsoleLiquidity" => {
                let of = |name: &str, list: &str| self.query(name, &json!({"first": 100}), tenant)[list].take();
                json!({"assets": of("ConsoleAssets", "assets"), "peers": of("ConsolePeers", "peers")})
            }
            "ConsoleWebhookEvents" | "ConsoleWebhookEventIds" => {
                let wanted = &variables["filter"]["type"]["in"];
                let fits = |event: &Value| wanted.as_array().is_none_or(|kinds| kinds.contains(&event["type"]));
                json!({"webhookEvents": self.listed((0..40).map(|n| self.event(n)).filter(fits).collect(), variables)})
            }
            "ConsoleWebhookDeliveries" | "ConsoleWebhookDeliveryStates" => {
                let filter = &variables["filter"];
                let fits = |delivery: &Value| {
                    filter["states"].as_array().is_none_or(|states| states.contains(&delivery["state"]))
                        && filter["types"].as_array().is_none_or(|kinds| kinds.contains(&delivery["event"]["type"]))
                        && (filter["subjectId"].is_null() || filter["subjectId"] == delivery["event"]["data"]["id"])
                };
                json!({"webhookDeliveries": self.listed((0..40).map(|n| self.delivery(n)).filter(fits).collect(), variables)})
            }
            "ConsoleWebhookDelivery" | "ConsoleWebhookDeliveryState" => {
                json!({"webhookDelivery": Self::one(variables, DELIVERY, 40, |n| self.delivery(n))})
            }
            "ConsoleWebhookEndpoints" => json!({"webhookEndpoints": [self.endpoint(0), self.endpoint(1)]}),
            "ConsoleGrants" => json!({"grants": self.listed((0..4).map(|n| self.grant(n)).collect(), variables)}),
            "ConsoleGrantTokens" => {
                let good = u32::from(variables["id"] == json!(GRANT));
                let ends = (good > 0).then(|| (self.now + std::time::Duration::from_mins(9)).to_string());
                json!({"grant": {"tokens": {"good": good, "lastEndsAt": ends}}})
            }
            "ConsoleGrant" => json!({"grant": Self::one(variables, GRANT, 4, |n| self.grant(n))}),
            "ConsoleSpending" => {
                let grant = Uuid::from_u128(GRANT.as_u128());
                let of = |n: u128| {
                    let mut payment = self.outgoing(n * 2);
                    payment["grantId"] = json!(grant);
                    payment
                };
                json!({"outgoingPayments": self.listed((0..4).map(of).collect(), variables)})
            }
            "ConsoleAccount" => json!({"accountingTransfers": self.account_of(&variables["id"])}),
            "ConsoleLatestTransfers" => {
                let accounts = variables["accounts"].as_array().unwrap();
                json!({"latestTransfers": accounts.iter().map(|id| self.account_of(id)).collect::<Vec<_>>()})
            }
            "ConsoleAccounts" => {
                let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
                let wanted = names.into_iter().filter(|name| variables[format!("{name}Wanted")] == json!(true));
                wanted.map(|name| (name.to_owned(), self.account())).collect::<serde_json::Map<_, _>>().into()
            }
            "ConsoleOverview" => {
                let of = |name: &str, filter: Value| self.query(name, &json!({"first": 100, "filter": filter}), tenant);
                let mut peers = of("ConsolePeers", Value::Null)["peers"].take();
                for (n, edge) in (0..).zip(peers["edges"].as_array_mut().unwrap()) {
                    edge["node"]["health"] = self.terms(n)["health"].clone();
                }
                let open = json!({"states": ["PENDING", "QUARANTINED", "EXHAUSTED"]});
                json!({"payments": of("ConsolePayments", Value::Null)["payments"], "peers": peers,
                       "assets": of("ConsoleAssets", Value::Null)["assets"],
                       "open": of("ConsoleWebhookDeliveries", open)["webhookDeliveries"],
                       "exchangeRates": of("ConsoleExchangeRates", Value::Null)["exchangeRates"],
                       "alarms": of("ConsoleWebhookEvents", json!({"type": {"in": ["ledger.alarm"]}}))["webhookEvents"]})
            }
            "ConsoleSearch" => {
                let lists = [
                    ("ConsoleWalletAddresses", "walletAddresses"),
                    ("ConsolePeers", "peers"),
                    ("ConsoleAssets", "assets"),
                    ("ConsolePayments", "payments"),
                    ("ConsoleWebhookEvents", "webhookEvents"),
                ];
                let of = |(name, list): (&str, &str)| {
                    (list.to_owned(), self.query(name, &json!({"first": 100}), tenant)[list].take())
                };
                lists.into_iter().map(of).collect::<serde_json::Map<_, _>>().into()
            }
            "Receiver" => {
                json!({"receiver": {"id": variables["id"], "walletAddressUrl": "https://happy-life.example/pfry", "completed": false,
                "expiresAt": null, "incomingAmount": null, "receivedAmount": {"value": "0", "assetCode": "USD", "assetScale": 2}}})
            }
            other => panic!("the fake does not know {other}"),
        }
    }
}

async fn health(State(fake): State<Arc<Fake>>) -> Response {
    let alarm =
        json!({"id": "1", "kind": "sum", "reason": "the accounts of ledger 1 add up to 5", "detectedAt": fake.at(7)});
    let has_alarm = *fake.ledger_alarm.lock().unwrap();
    let alarms = if has_alarm { vec![alarm] } else { Vec::new() };
    let ledger = json!({"monitor": "here", "reason": null, "lastLookAt": fake.at(1), "alarmCount": alarms.len(), "alarms": alarms});
    let status = if has_alarm { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(json!({"status": "ok", "instance": {}, "ledger": ledger}))).into_response()
}

/// The document of the wallet address that can be asked, or its SPSP credentials.
async fn wallet_address(State(fake): State<Arc<Fake>>, headers: HeaderMap) -> Response {
    if headers["accept"] == "application/spsp4+json" {
        let credentials = json!({"destination_account": "test.cloud-nine.abc", "shared_secret": "a-secret-for-payers", "receipts_enabled": false});
        return ([("content-type", "application/spsp4+json")], credentials.to_string()).into_response();
    }
    let id = format!("{}/accounts/here", fake.here.lock().unwrap());
    let scale = *fake.document_scale.lock().unwrap();
    Json(json!({"id": id, "assetCode": "USD", "assetScale": scale, "authServer": "https://auth.cloud-nine.example"}))
        .into_response()
}

async fn keys() -> Response {
    Json(json!({"keys": [{"kid": "keyid-97a3a431-8ee1", "kty": "OKP"}]})).into_response()
}

async fn accounts(State(fake): State<Arc<Fake>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if fake.is_signed(&headers, &body) != Some(OPERATOR) {
        return (StatusCode::UNAUTHORIZED, "Unauthorized").into_response();
    }
    let account = |n: u128, name: &str, debits: &str, credits: &str| {
        json!({"id": Uuid::from_u128(ASSET.as_u128() + n), "ledger": 1, "assetCode": "USD", "assetScale": 2, "name": name,
               "debits": debits, "credits": credits, "pending": "2500"})
    };
    let all = json!([
        account(9, "settlement USD", "1243568283", "0"),
        account(0, "liquidity USD", "104500", "1234672783"),
        account(8, "peer Happy Life Bank", "6125000", "15125000")
    ]);
    Json(all).into_response()
}

async fn answer_of_auth(fake: State<Arc<Fake>>, headers: HeaderMap, body: Json<Value>) -> Response {
    let refused = *fake.auth_refuses.lock().unwrap();
    if refused.is_some_and(|begin| body["query"].as_str().unwrap().trim_start().starts_with(begin)) {
        return (StatusCode::UNAUTHORIZED, "Unauthorized").into_response();
    }
    answer(fake, headers, body).await
}

async fn answer(State(fake): State<Arc<Fake>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let Some(tenant) = fake.is_signed(&headers, &body) else {
        return (StatusCode::UNAUTHORIZED, "Unauthorized").into_response();
    };
    let query = body["query"].as_str().unwrap();
    let mut words = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let (kind, name) = (words.next().unwrap(), words.next().unwrap().to_owned());
    let variables = &body["variables"];
    let input = if variables["input"].is_null() { variables } else { &variables["input"] };
    fake.calls.lock().unwrap().push((name.clone(), input.clone()));
    let ours = [
        "ConsoleOverview",
        "ConsoleLatestTransfers",
        "ConsoleSearch",
        "ConsolePayments",
        "ConsolePeersHealth",
        "ConsoleWebhookDeliveries",
    ];
    if *fake.is_original.lock().unwrap() && ours.contains(&name.as_str()) {
        let error = json!({"message": "Cannot query field \"x\" on type \"Y\".", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}});
        return (StatusCode::BAD_REQUEST, Json(json!({"errors": [error]}))).into_response();
    }
    if kind == "query" {
        return Json(json!({"data": fake.query(&name, variables, tenant)})).into_response();
    }
    let mood = std::mem::take(&mut *fake.mood.lock().unwrap());
    if let Mood::Refuse(code, message) = mood {
        return Json(json!({"data": null, "errors": [{"message": message, "extensions": {"code": code}}]}))
            .into_response();
    }
    let becomes = [
        ("DepositOutgoingPaymentLiquidity", "outgoingPaymentId", "SENDING"),
        ("CancelOutgoingPayment", "id", "CANCELLED"),
    ];
    for (mutation, id, state) in becomes {
        if name == mutation {
            fake.states.lock().unwrap().insert(input[id].as_str().unwrap().parse().unwrap(), state);
        }
    }
    for id in ["outgoingPaymentId", "incomingPaymentId"] {
        if let (true, Some(id)) = (name.ends_with("PaymentWithdrawal"), input[id].as_str()) {
            fake.withdrawn.lock().unwrap().insert(id.to_owned());
        }
    }
    let key = input["idempotencyKey"].as_str().map_or_else(|| format!("{name} {input}"), str::to_owned);
    fake.done.lock().unwrap().insert(key, name.clone());
    if matches!(mood, Mood::Silent) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response();
    }
    let field = name[..1].to_lowercase() + &name[1..];
    let id = |id: Uuid| json!({"id": id});
    let made = json!({"success": true, "asset": id(ASSET), "peer": id(PEER), "fee": id(ASSET), "walletAddress": id(ADDRESS),
        "tenant": id(TENANT), "payment": id(if name.contains("Incoming") && !name.contains("Outgoing") { INCOMING } else { OUTGOING }),
        "quote": id(Uuid::from_u128(0x9007)), "receiver": {"id": "https://happy-life.example/incoming-payments/1"}, "count": 1,
        "walletAddressKey": id(ADDRESS), "withdrawal": id(ADDRESS), "settings": [], "webhookEndpoint": id(ENDPOINT), "webhookEndpoints": [id(ENDPOINT)],
        "source": "https://rates.example/", "table": {"base": "USD", "since": fake.at(0)}, "id": GRANT, "hasMore": false,
        "authToken": if input["authToken"].is_null() { json!("0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c") } else { json!("as given") },
        "secret": if input["secret"].is_null() { "0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c" } else { "as given" },
        "attempt": {"number": 1, "beganAt": fake.at(0), "durationMs": 42, "statusCode": 200, "body": "ok", "error": null}});
    Json(json!({"data": {field: made}})).into_response()
}
