//! Outgoing payments and what their grants have spent.
//!
//! The statuses of refusals are tested beside their table.

use gnap::{AccessType, Action};
use payments_model::{OutgoingPayment, OutgoingPaymentId, QuoteId};
use serde_json::{Value, json};

use crate::world::{ALICE, Answer, Call, STRANGER, TENANT, World, refused, url_of};

const INTERVAL: &str = "R/2026-01-01T00:00:00Z/P1M";

async fn world() -> World {
    let world = World::new().await;
    world.grant(AccessType::OutgoingPayment, &[Action::Create, Action::Read, Action::List]);
    world
}

fn usd(value: &str) -> Value {
    json!({"value": value, "assetCode": "USD", "assetScale": 2})
}

fn eur(value: &str) -> Value {
    json!({"value": value, "assetCode": "EUR", "assetScale": 2})
}

fn create(quote_url: &str) -> Call {
    let body = json!({"walletAddress": ALICE, "quoteId": quote_url});
    Call::post(format!("/{TENANT}/outgoing-payments"), &body)
}

fn list() -> Call {
    Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}"))
}

/// From now on introspection answers with a grant that has these limits.
fn limit(world: &World, limits: &Value) {
    world.introspection(json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client},
        "access": [{"type": "outgoing-payment", "actions": ["create"], "identifier": ALICE, "limits": limits}],
    }));
}

async fn stored(world: &World, created: &Answer) -> OutgoingPayment {
    assert_eq!(created.status.as_u16(), 201, "{}", created.text);
    let id: OutgoingPaymentId = created.id().parse().unwrap();
    world.institution.payments.outgoing_payment(None, id).await.unwrap().unwrap().payment
}

async fn shown(world: &World, id: OutgoingPaymentId, sent: &str, failed: bool) -> Value {
    let payment = world.institution.payments.outgoing_payment(None, id).await.unwrap().unwrap().payment;
    json!({
        "id": url_of("outgoing-payments", id),
        "walletAddress": ALICE,
        "quoteId": url_of("quotes", id),
        "receiver": payment.quote.receiver,
        "receiveAmount": eur("900"),
        "debitAmount": usd("1030"),
        "sentAmount": usd(sent),
        "failed": failed,
        "createdAt": "2026-01-01T00:00:00.000Z",
    })
}

#[tokio::test]
async fn a_created_payment_tells_what_its_grant_had_spent() {
    let world = world().await;
    let quoted = async || url_of("quotes", world.quote(None).await);
    limit(&world, &json!({"debitAmount": usd("5000")}));
    let answer = world.ask(create(&quoted().await)).await;
    let mut expected = shown(&world, answer.id().parse().unwrap(), "0", false).await;
    expected["grantSpentReceiveAmount"] = eur("0");
    expected["grantSpentDebitAmount"] = usd("0");
    assert_eq!((answer.status.as_u16(), answer.json()), (201, expected));

    let answer = world.ask(create(&quoted().await)).await.json();
    assert_eq!(answer["grantSpentDebitAmount"], usd("1030"));
    assert_eq!(answer["grantSpentReceiveAmount"], eur("900"));
}

#[tokio::test]
async fn limits_and_client_of_the_token_count_for_what_is_created_with_it() {
    let world = world().await;
    let quote: QuoteId = world.quote(None).await;
    let receiver = world.institution.payments.quote(world.alice.tenant_id, quote).await.unwrap().unwrap().receiver;
    let quote_url = url_of("quotes", quote);
    for limits in [
        json!({"receiver": receiver, "interval": INTERVAL, "debitAmount": usd("500")}),
        json!({"receiver": receiver, "interval": INTERVAL, "receiveAmount": eur("899")}),
        json!({"receiver": world.receiver().await, "interval": INTERVAL, "debitAmount": usd("2060")}),
        json!({"receiver": receiver, "interval": "R0/2025-01-01T00:00:00Z/P1M", "debitAmount": usd("2060")}),
    ] {
        limit(&world, &limits);
        assert_eq!(world.ask(create(&quote_url)).await.refusal().0, 403, "{limits}");
    }

    limit(&world, &json!({"receiver": receiver, "interval": INTERVAL, "debitAmount": usd("2060")}));
    let of_quote = stored(&world, &world.ask(create(&quote_url)).await).await;
    assert_eq!(of_quote.quote.id, quote);
    assert_eq!(of_quote.client, Some(world.client.clone()));
    assert_eq!(of_quote.grant_id.as_deref(), Some("grant-1"));

    let direct = json!({"walletAddress": ALICE, "incomingPayment": receiver, "debitAmount": usd("1030")});
    let direct = world.ask(Call::post(format!("/{TENANT}/outgoing-payments"), &direct)).await;
    let direct = stored(&world, &direct).await;
    assert_eq!((direct.quote.receiver, direct.quote.debit_amount), (receiver, 1030));
    let spent = world.institution.payments.grant_spent("grant-1", Some(INTERVAL)).await.unwrap().unwrap();
    assert_eq!((spent.debit.value, spent.receive.value), (2060, 1800));
}

#[tokio::test]
async fn a_quote_that_is_used_unknown_or_no_quote_at_all_is_refused() {
    let world = world().await;
    let quote = url_of("quotes", world.quote(None).await);
    assert_eq!(world.ask(create(&quote)).await.status.as_u16(), 201);
    assert_eq!(world.ask(create(&quote)).await.refusal(), refused(400, "invalid quote"));
    let unknown = world.ask(create(&url_of("quotes", TENANT))).await;
    assert_eq!(unknown.refusal(), refused(404, "unknown quote"));
    let nameless = world.ask(create("https://wallet.example/")).await;
    assert_eq!(nameless.refusal(), refused(400, "Invalid quote id trying to create outgoing payment"));
    let malformed = world.ask(create("https://wallet.example/quotes/x")).await;
    assert_eq!(malformed.refusal(), refused(404, "unknown quote"));
}

#[tokio::test]
async fn a_payment_is_read_by_its_creator_and_listed() {
    let world = world().await;
    let client = world.client.clone();
    let (sent, cancelled) = (world.outgoing(Some(&client)).await, world.outgoing(Some(&client)).await);
    world.send_payment(sent).await;
    let (payments, tenant) = (&world.institution.payments, world.alice.tenant_id);
    payments.cancel_outgoing_payment(tenant, cancelled, None, None).await.unwrap();
    let read = |id: OutgoingPaymentId| Call::get(format!("/{TENANT}/outgoing-payments/{id}"));
    let answer = world.ask(read(sent)).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown(&world, sent, "1000", false).await));
    let answer = world.ask(read(cancelled)).await.json();
    assert_eq!((&answer["failed"], &answer["sentAmount"]), (&json!(true), &usd("0")));

    let of_another = world.outgoing(Some(STRANGER)).await;
    assert_eq!(world.ask(read(of_another)).await.refusal(), refused(404, "Outgoing payment does not exist"));
    let listed = async || world.ask(list()).await.listed_ids();
    let mut own = vec![sent.to_string(), cancelled.to_string()];
    own.sort();
    assert_eq!(listed().await, own);
    world.grant(AccessType::OutgoingPayment, &[Action::ListAll]);
    own.push(of_another.to_string());
    own.sort();
    assert_eq!(listed().await, own);
}

#[tokio::test]
async fn spent_amounts_are_null_until_something_is_recorded() {
    let world = world().await;
    let ask = || Call::get("/any/outgoing-payment-grant");
    limit(&world, &json!({"debitAmount": usd("5000")}));
    assert_eq!(world.ask(ask()).await.json(), json!({"spentDebitAmount": null, "spentReceiveAmount": null}));
    let quote = url_of("quotes", world.quote(None).await);
    assert_eq!(world.ask(create(&quote)).await.status.as_u16(), 201);
    let answer = world.ask(ask()).await;
    assert_eq!(answer.json(), json!({"spentDebitAmount": usd("1030"), "spentReceiveAmount": eur("900")}));
    let unsigned = world.send(ask().token()).await;
    assert_eq!(unsigned.refusal(), refused(401, "Signature validation error: missing keyId in signature input"));
    let asked = world.authority.lock().unwrap().asked["access"].clone();
    assert_eq!(asked, json!([{"type": "outgoing-payment", "actions": ["create"]}]));
}
