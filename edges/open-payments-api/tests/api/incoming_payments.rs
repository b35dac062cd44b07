//! Incoming payments, from creation to completion.

use gnap::{AccessType, Action};
use open_payments_api::{BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError};
use payments_model::incoming_payment::IncomingState;
use payments_model::page::{PagePosition, PageRequest, SortOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_backend::incoming;
use crate::world::{ALICE, Call, OTHER_TENANT, TENANT, World, refused};

const ID: Uuid = Uuid::from_u128(0x11);

fn create_in(tenant: &str) -> Call {
    let amount = json!({"value": "2500", "assetCode": "USD", "assetScale": 2});
    let body = json!({"walletAddress": ALICE, "incomingAmount": amount, "metadata": {"invoice": "7"}, "expiresAt": "2026-01-01T01:00:00Z"});
    Call::post(format!("/{tenant}/incoming-payments"), &body)
}

async fn world_with(state: IncomingState, action: Action) -> World {
    let world = World::new().await;
    world.grant(AccessType::IncomingPayment, &[action]);
    let client = world.client.clone();
    world.backend(|all| {
        all.incoming = Some(incoming(state));
        all.incoming.as_mut().unwrap().client = Some(client);
    });
    world
}

fn shown(completed: bool, received: &str) -> Value {
    json!({
        "id": format!("https://wallet.example/{TENANT}/incoming-payments/{ID}"),
        "walletAddress": ALICE,
        "incomingAmount": {"value": "2500", "assetCode": "USD", "assetScale": 2},
        "receivedAmount": {"value": received, "assetCode": "USD", "assetScale": 2},
        "completed": completed,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2026-01-01T01:00:00.000Z",
    })
}

fn with_methods(mut shown: Value, methods: Value) -> Value {
    shown["methods"] = methods;
    shown
}

fn methods() -> Value {
    // 32 octets of ff in unpadded base64url.
    json!([{"type": "ilp", "ilpAddress": "test.a.token", "sharedSecret": format!("{}8", "_".repeat(42))}])
}

#[tokio::test]
async fn a_created_payment_is_told_with_the_ways_to_pay_it() {
    let world = World::new().await;
    let answer = world.ask(create_in(TENANT)).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let mut expected = with_methods(shown(false, "0"), methods());
    expected["metadata"] = json!({"invoice": "7"});
    assert_eq!(answer.json(), expected);
    world.backend(|state| assert_eq!(state.incoming.as_ref().unwrap().client, Some(world.client.clone())));
}

#[tokio::test]
async fn every_refusal_to_create_has_its_status() {
    use CreateIncomingPaymentError as Refusal;
    let world = World::new().await;
    for (refusal, status, description) in [
        (Refusal::InvalidExpiry, 400, "invalid expiresAt"),
        (Refusal::InvalidAmount, 400, "invalid amount"),
        (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
        (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
        (Refusal::ActionNotPerformed, 403, "action not performed"),
    ] {
        world.backend(|state| state.refuse_incoming = Some(refusal));
        assert_eq!(world.ask(create_in(TENANT)).await.refusal(), refused(status, description));
    }
    world.backend(|state| state.refuse_incoming = Some(Refusal::Backend(BackendError("down".into()))));
    assert_eq!(world.ask(create_in(TENANT)).await.status.as_u16(), 500);
}

#[tokio::test]
async fn a_wallet_address_of_another_tenant_is_unknown() {
    let world = World::new().await;
    for tenant in [OTHER_TENANT, "not-a-tenant"] {
        assert_eq!(world.ask(create_in(tenant)).await.refusal(), refused(404, "unknown wallet address"));
    }
}

#[tokio::test]
async fn an_unknown_or_inactive_wallet_address_is_a_bad_request_after_waiting() {
    let world = World::new().await;
    world.backend(|state| state.alice.deactivated_at = Some(clock::Timestamp::EPOCH));
    assert_eq!(world.ask(create_in(TENANT)).await.refusal(), refused(400, "Could not get wallet address"));
    world.backend(|state| state.alice.address = "https://wallet.example/moved".into());
    assert_eq!(world.ask(create_in(TENANT)).await.refusal(), refused(400, "Could not get wallet address"));
    world.backend(|state| assert_eq!(state.waited, 1));
}

#[tokio::test]
async fn anybody_may_see_what_arrived_and_whom_to_ask() {
    let world = world_with(IncomingState::Processing, Action::Read).await;
    let answer = world.send(Call::get(format!("/{TENANT}/incoming-payments/{ID}"))).await;
    let received = json!({"value": "1234", "assetCode": "USD", "assetScale": 2});
    assert_eq!(
        answer.json(),
        json!({"receivedAmount": received, "authServer": format!("https://auth.example/{TENANT}")})
    );
    let bad_token = Call::get(format!("/{TENANT}/incoming-payments/{ID}")).token();
    assert_eq!(world.send(bad_token).await.refusal().0, 401);
}

#[tokio::test]
async fn the_creator_sees_all_of_it_and_methods_only_while_it_can_be_paid() {
    for (state, completed, told) in [
        (IncomingState::Processing, false, methods()),
        (IncomingState::Completed, true, json!([])),
        (IncomingState::Expired { deleted_at: None }, false, json!([])),
    ] {
        let world = world_with(state, Action::Read).await;
        let answer = world.ask(Call::get(format!("/{TENANT}/incoming-payments/{ID}"))).await;
        assert_eq!(answer.json(), with_methods(shown(completed, "1234"), told));
    }
}

#[tokio::test]
async fn another_clients_payment_does_not_exist_unless_all_may_be_read() {
    let world = world_with(IncomingState::Pending, Action::Read).await;
    world.backend(|state| state.incoming.as_mut().unwrap().client = Some("https://other.example".into()));
    let read = || Call::get(format!("/{TENANT}/incoming-payments/{ID}"));
    let answer = world.ask(read()).await;
    assert_eq!(answer.refusal(), refused(404, "Incoming payment does not exist"));
    assert_eq!(answer.json()["error"]["details"]["id"], ID.to_string());
    world.grant(AccessType::IncomingPayment, &[Action::Create, Action::ReadAll]);
    assert_eq!(world.ask(read()).await.status.as_u16(), 200);
}

#[tokio::test]
async fn unknown_foreign_and_malformed_ids_look_unauthorised_to_everybody() {
    let world = world_with(IncomingState::Pending, Action::Read).await;
    for path in [
        format!("/{TENANT}/incoming-payments/{}", Uuid::from_u128(9)),
        format!("/{OTHER_TENANT}/incoming-payments/{ID}"),
        format!("/{TENANT}/incoming-payments/not-an-id"),
        format!("/not-a-tenant/incoming-payments/{ID}"),
    ] {
        for answer in [world.send(Call::get(&*path)).await, world.ask(Call::get(&*path)).await] {
            assert_eq!(answer.refusal(), refused(401, "Unauthorized"), "{path}");
            let details = &answer.json()["error"]["details"];
            assert_eq!(details["description"], "Failed to get wallet address from incoming payment");
            assert_eq!(details["id"], path.rsplit('/').next().unwrap());
            assert_eq!(answer.header("www-authenticate"), "");
        }
    }
}

#[tokio::test]
async fn a_payment_is_completed_once() {
    let world = world_with(IncomingState::Processing, Action::Complete).await;
    let complete = || Call::post(format!("/{TENANT}/incoming-payments/{ID}/complete"), &Value::Null);
    let answer = world.ask(complete()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown(true, "2000")));
    world.backend(|state| state.refuse_complete = Some(CompleteIncomingPaymentError::WrongState));
    assert_eq!(world.ask(complete()).await.refusal(), refused(409, "wrong state"));
    world.backend(|state| state.refuse_complete = Some(CompleteIncomingPaymentError::UnknownPayment));
    assert_eq!(world.ask(complete()).await.refusal(), refused(404, "unknown payment"));
}

#[tokio::test]
async fn lists_are_paged_and_restricted_to_the_callers_own_unless_all_may_be_listed() {
    let world = world_with(IncomingState::Pending, Action::List).await;
    let list = |rest: &str| Call::get(format!("/{TENANT}/incoming-payments?wallet-address={ALICE}{rest}"));
    let answer = world.ask(list("&first=2")).await;
    let pagination = json!({"startCursor": ID, "endCursor": ID, "hasNextPage": true, "hasPreviousPage": false});
    assert_eq!(answer.json(), json!({"pagination": pagination, "result": [shown(false, "5")]}));
    let page = |position, size| PageRequest { position, size, order: SortOrder::Descending };
    let own = Some(world.client.clone());
    world.backend(|state| assert_eq!(state.listed, Some((own, page(PagePosition::Start, 2)))));

    world.grant(AccessType::IncomingPayment, &[Action::ListAll]);
    world.ask(list(&format!("&cursor={ID}&last=3"))).await;
    world.backend(|state| assert_eq!(state.listed, Some((None, page(PagePosition::Before(ID), 3)))));

    let answer = world.ask(list("&last=3")).await;
    assert_eq!(answer.refusal(), refused(400, "last requires cursor"));
    assert_eq!(answer.json()["error"]["details"]["queryParams"], json!({"wallet-address": ALICE, "last": "3"}));
    let answer = world.ask(list("&last=3&first=1")).await;
    assert_eq!(answer.refusal(), refused(400, "first and last are mutually exclusive"));
}

#[tokio::test]
async fn a_list_under_another_tenant_is_empty() {
    let world = world_with(IncomingState::Pending, Action::List).await;
    let answer = world.ask(Call::get(format!("/{OTHER_TENANT}/incoming-payments?wallet-address={ALICE}"))).await;
    assert_eq!(answer.json(), json!({"pagination": {"hasNextPage": false, "hasPreviousPage": false}, "result": []}));
}
