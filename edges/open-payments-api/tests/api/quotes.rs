//! Quotes.
//!
//! The statuses of refusals are tested beside their table.

use gnap::{AccessType, Action};
use serde_json::{Value, json};

use crate::world::{ALICE, Call, STRANGER, TENANT, World, refused, url_of};

async fn world() -> World {
    let world = World::new().await;
    world.grant(AccessType::Quote, &[Action::Create, Action::Read]);
    world
}

fn usd(value: &str) -> Value {
    json!({"value": value, "assetCode": "USD", "assetScale": 2})
}

fn create(receiver: &str, debit_amount: Value) -> Call {
    let body = json!({"walletAddress": ALICE, "receiver": receiver, "method": "ilp", "debitAmount": debit_amount});
    Call::post(format!("/{TENANT}/quotes"), &body)
}

fn read(id: impl std::fmt::Display) -> Call {
    Call::get(format!("/{TENANT}/quotes/{id}"))
}

#[tokio::test]
async fn a_quote_is_made_and_read_again_by_its_creator() {
    let world = world().await;
    let receiver = world.receiver().await;
    let made = world.ask(create(&receiver, usd("1030"))).await;
    let id = made.id();
    let shown = json!({
        "id": url_of("quotes", &id),
        "walletAddress": ALICE,
        "receiver": receiver,
        "receiveAmount": {"value": "900", "assetCode": "EUR", "assetScale": 2},
        "debitAmount": usd("1030"),
        "method": "ilp",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2026-01-01T00:05:00.000Z",
    });
    assert_eq!((made.status.as_u16(), made.json()), (201, shown.clone()));
    let answer = world.ask(read(&id)).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown));
    let of_another = world.quote(Some(STRANGER)).await;
    assert_eq!(world.ask(read(of_another)).await.refusal(), refused(404, "Quote does not exist"));
    let unknown = world.ask(read("x")).await;
    assert_eq!(unknown.refusal(), refused(401, "Unauthorized"));
    assert_eq!(unknown.json()["error"]["details"]["description"], "Failed to get wallet address from quote");
}

#[tokio::test]
async fn what_cannot_be_quoted_is_refused_with_its_reason() {
    let world = world().await;
    let receiver = world.receiver().await;
    let foreign = json!({"value": "1030", "assetCode": "EUR", "assetScale": 2});
    assert_eq!(world.ask(create(&receiver, foreign)).await.refusal(), refused(400, "invalid amount"));
    let nobody = url_of("incoming-payments", TENANT);
    assert_eq!(world.ask(create(&nobody, usd("1030"))).await.refusal(), refused(400, "invalid receiver"));
    let answer = world.ask(create(&receiver, usd("30"))).await;
    assert_eq!(answer.refusal(), refused(400, "non-positive receive amount; send at least 0.32 USD"));
    assert_eq!(answer.json()["error"]["details"], json!({"minSendAmount": usd("32")}));
}
