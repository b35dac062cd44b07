//! Quotes.

use gnap::{AccessType, Action};
use money::AssetAmount;
use open_payments_api::CreateQuoteError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_backend::{quote, usd};
use crate::world::{ALICE, Call, RECEIVER, TENANT, World, refused};

async fn world() -> World {
    let world = World::new().await;
    world.grant(AccessType::Quote, &[Action::Create, Action::Read]);
    world
}

fn create() -> Call {
    let amount = json!({"value": "1030", "assetCode": "USD", "assetScale": 2});
    let body = json!({"walletAddress": ALICE, "receiver": RECEIVER, "method": "ilp", "debitAmount": amount});
    Call::post(format!("/{TENANT}/quotes"), &body)
}

fn shown() -> Value {
    json!({
        "id": format!("https://wallet.example/{TENANT}/quotes/{}", Uuid::from_u128(0x22)),
        "walletAddress": ALICE,
        "receiver": RECEIVER,
        "receiveAmount": {"value": "900", "assetCode": "EUR", "assetScale": 2},
        "debitAmount": {"value": "1030", "assetCode": "USD", "assetScale": 2},
        "method": "ilp",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2026-01-01T00:05:00.000Z",
    })
}

#[tokio::test]
async fn a_quote_is_made_and_read_again_by_its_creator() {
    let world = world().await;
    let answer = world.ask(create()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, shown()));
    let client = world.client.clone();
    world.backend(|state| state.quote = Some(payments_model::Quote { client: Some(client), ..quote() }));
    let read = || Call::get(format!("/{TENANT}/quotes/{}", Uuid::from_u128(0x22)));
    let answer = world.ask(read()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown()));
    world.backend(|state| state.quote = Some(quote()));
    assert_eq!(world.ask(read()).await.refusal(), refused(404, "Quote does not exist"));
    let unknown = world.ask(Call::get(format!("/{TENANT}/quotes/x"))).await;
    assert_eq!(unknown.refusal(), refused(401, "Unauthorized"));
    assert_eq!(unknown.json()["error"]["details"]["description"], "Failed to get wallet address from quote");
}

#[tokio::test]
async fn every_refusal_to_quote_has_its_status() {
    use CreateQuoteError as Refusal;
    let world = world().await;
    for (refusal, status, description) in [
        (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
        (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
        (Refusal::InvalidAmount, 400, "invalid amount"),
        (Refusal::InvalidReceiver, 400, "invalid receiver"),
        (Refusal::CouldNotFetchRates, 500, "could not convert between assets"),
        (Refusal::NoPath("rate probe failed".into()), 502, "no path to the receiver"),
    ] {
        world.backend(|state| state.refuse_quote = Some(refusal));
        assert_eq!(world.ask(create()).await.refusal(), refused(status, description));
    }
    let min_send_amount = Some(AssetAmount { value: 12, asset: usd() });
    world.backend(|state| state.refuse_quote = Some(Refusal::NonPositiveReceiveAmount { min_send_amount }));
    let answer = world.ask(create()).await;
    assert_eq!(answer.refusal(), refused(400, "non-positive receive amount; send at least 0.12 USD"));
    let least = json!({"value": "12", "assetCode": "USD", "assetScale": 2});
    assert_eq!(answer.json()["error"]["details"], json!({"minSendAmount": least}));
}
