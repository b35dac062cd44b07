//! Consent, a quote and a payment against a stand-in institution over real HTTP.
//! Signatures are verified in `client`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{ManualClock, Timestamp};
use gnap::hash::InteractionHash;
use gnap::{AccessItem, AccessType, Action, Actions};
use http_signatures::{Signer, SigningKey};
use open_payments::{CreateQuote, Metadata, QuoteAmount, WalletAddress};
use open_payments_client::{GrantError, OpenPaymentsClient, PendingGrant, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_718_000_000_000);
const BACK: &str = "https://shop.example/orders/1/back";

/// A path that was asked for, with the headers and the body.
type Question = (&'static str, HeaderMap, Value);

/// What the institution was asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Question>>>);

impl Asked {
    fn note(&self, path: &'static str, headers: HeaderMap, body: Value) {
        self.0.lock().unwrap().push((path, headers, body));
    }

    fn last(&self, path: &str) -> (HeaderMap, Value) {
        let all = self.0.lock().unwrap();
        let found =
            all.iter().rev().find(|(asked, ..)| *asked == path).unwrap_or_else(|| panic!("{path} was not asked"));
        (found.1.clone(), found.2.clone())
    }
}

fn client() -> OpenPaymentsClient {
    let clock = Arc::new(ManualClock::at(NOW));
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
    let policy = RetryPolicy { first_pause: Duration::from_millis(1), ..RetryPolicy::default() };
    let signer = Arc::new(Signer::new(SigningKey::from_seed(&[3; 32]), "key-1").unwrap());
    OpenPaymentsClient::new(PublicResources::new(outbound, policy, clock), "https://shop.example/me", signer)
}

async fn institution(asked: Asked, redirect: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let own = base.clone();
    let grant = move |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| async move {
        asked.note("grant", headers, body);
        Json(json!({
            "interact": {"redirect": redirect, "finish": "nonce of the server"},
            "continue": {"uri": format!("{own}/continue"), "access_token": {"value": "go-on"}, "wait": 5},
        }))
    };
    let go_on = async |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| {
        asked.note("continue", headers, body);
        Json(json!({
            "access_token": {"value": "pay", "manage": "https://auth.example/token/1", "expires_in": 600, "access": []},
            "continue": {"uri": "x", "access_token": {"value": "y"}},
        }))
    };
    let give_back = async |State(asked): State<Asked>, headers: HeaderMap| {
        asked.note("given back", headers, Value::Null);
        StatusCode::NO_CONTENT
    };
    let amount = |value: &str| json!({"value": value, "assetCode": "USD", "assetScale": 2});
    let quote = move |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| async move {
        let receiver =
            if body["debitAmount"].is_null() { body["receiver"].clone() } else { json!("https://b.example/x") };
        let quote = json!({
            "id": "https://a.example/quotes/1", "walletAddress": body["walletAddress"], "receiver": receiver,
            "receiveAmount": amount("500"), "debitAmount": amount("612"), "method": "ilp",
            "createdAt": "2026-01-31T12:00:00.000Z",
        });
        asked.note("quotes", headers, body);
        (StatusCode::CREATED, Json(quote))
    };
    let payment = move || {
        json!({
            "id": "https://a.example/outgoing-payments/1", "walletAddress": "https://a.example/alice",
            "receiver": "https://b.example/incoming-payments/1", "receiveAmount": amount("500"),
            "debitAmount": amount("612"), "sentAmount": amount("0"), "failed": false,
            "createdAt": "2026-01-31T12:00:00.000Z",
        })
    };
    let pay = move |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| async move {
        asked.note("outgoing-payments", headers, body);
        (StatusCode::CREATED, Json(payment()))
    };
    let router = Router::new()
        .route("/grant", post(grant))
        .route("/continue", post(go_on).delete(give_back))
        .route("/quotes", post(quote))
        .route("/outgoing-payments", post(pay))
        .route("/outgoing-payments/1", get(move || async move { Json(payment()) }))
        .with_state(asked);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

fn right() -> AccessItem {
    let actions = Actions::try_from(vec![Action::Create]).unwrap();
    let owner = "https://a.example/alice".parse().unwrap();
    AccessItem::new(AccessType::OutgoingPayment, actions, Some(owner), None).unwrap()
}

fn payer(base: &str) -> WalletAddress {
    serde_json::from_value(json!({
        "id": "https://a.example/alice", "assetCode": "USD", "assetScale": 2, "authServer": format!("{base}/grant"),
        "resourceServer": base,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_right_is_used_after_its_owner_came_back_with_the_right_hash() {
    let asked = Asked::default();
    let base = institution(asked.clone(), "https://wallet.example/interact/1").await;
    let client = client();
    let endpoint = format!("{base}/grant");
    let pending = client.request_consent(&endpoint, right(), BACK, "nonce of the client").await.unwrap();
    assert_eq!(pending.redirect, "https://wallet.example/interact/1");
    assert_eq!(pending.wait(), Duration::from_secs(5));
    let (_, body) = asked.last("grant");
    assert_eq!(body["interact"]["finish"]["uri"], BACK);
    assert_eq!(body["client"], json!({"walletAddress": "https://shop.example/me"}));

    // It survives being stored.
    let stored = serde_json::to_string(&pending).unwrap();
    let pending: PendingGrant = serde_json::from_str(&stored).unwrap();
    let hash = InteractionHash {
        client_nonce: "nonce of the client",
        interact_nonce: "nonce of the server",
        interact_ref: "reference",
        grant_endpoint: &endpoint,
    };
    let hash = hash.compute();
    assert!(pending.check_return("another reference", &hash).is_err());
    assert!(pending.check_return("reference", "").is_err());
    let reference = pending.check_return("reference", &hash).unwrap();
    let issued = client.continue_grant(&pending, &reference, "order-1").await.unwrap();
    assert_eq!((issued.value.expose(), issued.expires_in), ("pay", Some(Duration::from_mins(10))));
    let (headers, body) = asked.last("continue");
    assert_eq!(
        (headers["authorization"].to_str().unwrap(), &body["interact_ref"]),
        ("GNAP go-on", &json!("reference"))
    );
    assert_eq!(headers["idempotency-key"], "order-1");
    client.give_back_grant(&pending).await.unwrap();
    assert_eq!(asked.last("given back").0["authorization"], "GNAP go-on");
}

#[tokio::test]
async fn a_server_that_would_send_the_owner_somewhere_else_than_to_the_web_is_not_believed() {
    let base = institution(Asked::default(), "javascript:alert(1)").await;
    let refused = client().request_consent(&format!("{base}/grant"), right(), BACK, "n").await;
    assert!(matches!(refused, Err(GrantError::Call(_))), "{refused:?}");
}

#[tokio::test]
async fn a_quote_is_paid_under_a_key_and_one_for_another_receiver_is_refused() {
    let asked = Asked::default();
    let base = institution(asked.clone(), "https://wallet.example/interact/1").await;
    let (client, payer) = (client(), payer(&base));
    let receiver = "https://b.example/incoming-payments/1".to_owned();
    let mut wanted =
        CreateQuote { wallet_address: payer.id.clone(), receiver: receiver.clone(), amount: QuoteAmount::Receiver };
    let quote = client.create_quote(&payer, &wanted, "t").await.unwrap();
    let (_, body) = asked.last("quotes");
    assert_eq!(body, json!({"walletAddress": payer.id, "receiver": receiver, "method": "ilp"}));
    wanted.amount = QuoteAmount::Debit(quote.debit_amount.clone());
    assert!(client.create_quote(&payer, &wanted, "t").await.is_err(), "it was for another receiver");

    let payment = client.create_outgoing_payment(&payer, &quote.id, &Metadata::new(), "order-1", "pay").await.unwrap();
    let (headers, body) = asked.last("outgoing-payments");
    assert_eq!(headers["idempotency-key"], "order-1");
    assert_eq!((headers["authorization"].to_str().unwrap(), &body["quoteId"]), ("GNAP pay", &json!(quote.id)));
    let url = payment.id.replace("https://a.example", &base);
    assert!(!client.outgoing_payment(&url, "pay").await.unwrap().failed);
}
