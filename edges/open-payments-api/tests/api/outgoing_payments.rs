//! Outgoing payments and what their grants have spent.

use gnap::{AccessType, Action};
use money::AssetAmount;
use open_payments_api::{CreateOutgoingPaymentError, CreateQuoteError, GrantSpent, OutgoingSource};
use payments_model::OutgoingPayment;
use payments_model::outgoing_payment::OutgoingState;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_backend::{outgoing, usd};
use crate::world::{ALICE, Call, RECEIVER, TENANT, World, refused};

const ID: Uuid = Uuid::from_u128(0x22);

async fn world() -> World {
    let world = World::new().await;
    world.grant(AccessType::OutgoingPayment, &[Action::Create, Action::Read, Action::List]);
    world
}

fn create(quote_id: &str) -> Call {
    let body = json!({"walletAddress": ALICE, "quoteId": quote_id});
    Call::post(format!("/{TENANT}/outgoing-payments"), &body)
}

fn quote_url() -> String {
    format!("https://wallet.example/{TENANT}/quotes/{ID}")
}

fn shown(sent: &str, failed: bool) -> Value {
    json!({
        "id": format!("https://wallet.example/{TENANT}/outgoing-payments/{ID}"),
        "walletAddress": ALICE,
        "quoteId": quote_url(),
        "receiver": RECEIVER,
        "receiveAmount": {"value": "900", "assetCode": "EUR", "assetScale": 2},
        "debitAmount": {"value": "1030", "assetCode": "USD", "assetScale": 2},
        "sentAmount": {"value": sent, "assetCode": "USD", "assetScale": 2},
        "failed": failed,
        "createdAt": "2026-01-01T00:00:00.000Z",
    })
}

#[tokio::test]
async fn a_created_payment_tells_what_its_grant_had_spent() {
    let world = world().await;
    let answer = world.ask(create(&quote_url())).await;
    let mut expected = shown("0", false);
    expected["grantSpentReceiveAmount"] = json!({"value": "0", "assetCode": "EUR", "assetScale": 2});
    expected["grantSpentDebitAmount"] = json!({"value": "0", "assetCode": "USD", "assetScale": 2});
    assert_eq!((answer.status.as_u16(), answer.json()), (201, expected));

    world.backend(|state| state.spent_before.debit = 5);
    let answer = world.ask(create(&quote_url())).await;
    assert_eq!(answer.json()["grantSpentDebitAmount"]["value"], "5");
}

#[tokio::test]
async fn limits_and_client_of_the_token_reach_the_backend() {
    let world = world().await;
    let limits = json!({
        "receiver": RECEIVER, "interval": "R/2026-01-01T00:00:00Z/P1M",
        "debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2},
    });
    world.introspection(json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client},
        "access": [{"type": "outgoing-payment", "actions": ["create"], "identifier": ALICE, "limits": limits}],
    }));
    let created = async |call: Call| {
        assert_eq!(world.ask(call).await.status.as_u16(), 201);
        world.backend.state.lock().unwrap().created_outgoing.take().unwrap()
    };
    let first = created(create(&quote_url())).await;
    assert_eq!(first.client, world.client);
    assert_eq!(first.source, OutgoingSource::Quote(ID.into()));
    let limits = first.grant.limits.clone().unwrap();
    assert_eq!(limits.receiver.as_deref(), Some(RECEIVER));
    assert_eq!(limits.interval.as_deref(), Some("R/2026-01-01T00:00:00Z/P1M"));
    assert_eq!((limits.debit_amount.unwrap().value, limits.receive_amount), (500, None));

    let amount = json!({"value": "1030", "assetCode": "USD", "assetScale": 2});
    let direct = json!({"walletAddress": ALICE, "incomingPayment": RECEIVER, "debitAmount": amount});
    let direct = created(Call::post(format!("/{TENANT}/outgoing-payments"), &direct)).await;
    let debit_amount = AssetAmount { value: 1030, asset: usd() };
    assert_eq!(direct.source, OutgoingSource::IncomingPayment { receiver: RECEIVER.into(), debit_amount });
}

#[tokio::test]
async fn every_refusal_to_pay_has_its_status() {
    use CreateOutgoingPaymentError as Refusal;
    let world = world().await;
    let nothing = CreateQuoteError::NonPositiveReceiveAmount { min_send_amount: None };
    for (refusal, status, description) in [
        (Refusal::Quote(CreateQuoteError::InvalidReceiver), 400, "invalid receiver"),
        (Refusal::Quote(nothing), 400, "negative receive amount"),
        (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
        (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
        (Refusal::UnknownQuote, 404, "unknown quote"),
        (Refusal::InvalidQuote, 400, "invalid quote"),
        (Refusal::InsufficientGrant, 403, "unauthorized"),
        (Refusal::OnlyOneGrantAmountAllowed, 403, "only one of receiveAmount or debitAmount allowed"),
        (Refusal::InvalidInterval, 403, "invalid interval"),
    ] {
        world.backend(|state| state.refuse_outgoing = Some(refusal));
        assert_eq!(world.ask(create(&quote_url())).await.refusal(), refused(status, description));
    }
    let nameless = world.ask(create("https://wallet.example/")).await;
    assert_eq!(nameless.refusal(), refused(400, "Invalid quote id trying to create outgoing payment"));
    let malformed = world.ask(create("https://wallet.example/quotes/x")).await;
    assert_eq!(malformed.refusal(), refused(404, "unknown quote"));
}

#[tokio::test]
async fn a_payment_is_read_by_its_creator_and_listed() {
    let world = world().await;
    let client = world.client.clone();
    world.backend(|state| {
        state.outgoing = Some(OutgoingPayment { client: Some(client), ..outgoing(OutgoingState::Cancelled) });
    });
    let answer = world.ask(Call::get(format!("/{TENANT}/outgoing-payments/{ID}"))).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown("17", true)));
    let list = || Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}"));
    assert_eq!(world.ask(list()).await.status.as_u16(), 200);
    world.backend(|state| assert_eq!(state.listed.as_ref().unwrap().0, Some(world.client.clone())));
    world.grant(AccessType::OutgoingPayment, &[Action::ListAll]);
    assert_eq!(world.ask(list()).await.status.as_u16(), 200);
    world.backend(|state| assert_eq!(state.listed.as_ref().unwrap().0, None));
}

#[tokio::test]
async fn spent_amounts_are_null_until_something_is_recorded() {
    let world = world().await;
    let ask = || Call::get("/any/outgoing-payment-grant");
    assert_eq!(world.ask(ask()).await.json(), json!({"spentDebitAmount": null, "spentReceiveAmount": null}));
    let amount = |value| Some(AssetAmount { value, asset: usd() });
    world.backend(|state| state.spent = GrantSpent { debit: amount(2600), receive: amount(2500) });
    let answer = world.ask(ask()).await;
    assert_eq!(answer.json()["spentDebitAmount"]["value"], "2600");
    assert_eq!(answer.json()["spentReceiveAmount"]["value"], "2500");
    let unsigned = world.send(ask().token()).await;
    assert_eq!(unsigned.refusal(), refused(401, "Signature validation error: missing keyId in signature input"));
    let asked = world.authority.lock().unwrap().asked["access"].clone();
    assert_eq!(asked, json!([{"type": "outgoing-payment", "actions": ["create"]}]));
}
