//! Incoming payments, from creation to completion.
//!
//! The statuses of refusals are tested beside their table.

use gnap::{AccessType, Action};
use payments_model::IncomingPaymentId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{ALICE, Answer, Call, OTHER_TENANT, STRANGER, TENANT, World, refused, url_of};

fn create_in(tenant: &str) -> Call {
    let amount = json!({"value": "2500", "assetCode": "USD", "assetScale": 2});
    let body = json!({"walletAddress": ALICE, "incomingAmount": amount, "metadata": {"invoice": "7"}, "expiresAt": "2026-01-01T01:00:00Z"});
    Call::post(format!("/{tenant}/incoming-payments"), &body)
}

/// A world in which the caller has created a payment and may do `action` to it.
async fn world_with(action: Action) -> (World, IncomingPaymentId) {
    let world = World::new().await;
    world.grant(AccessType::IncomingPayment, &[action]);
    let id = world.incoming(Some(&world.client)).await;
    (world, id)
}

fn read(id: IncomingPaymentId) -> Call {
    Call::get(format!("/{TENANT}/incoming-payments/{id}"))
}

fn shown(id: impl std::fmt::Display, completed: bool, received: &str) -> Value {
    json!({
        "id": url_of("incoming-payments", id),
        "walletAddress": ALICE,
        "incomingAmount": {"value": "2500", "assetCode": "USD", "assetScale": 2},
        "receivedAmount": {"value": received, "assetCode": "USD", "assetScale": 2},
        "completed": completed,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2026-01-01T01:00:00.000Z",
    })
}

/// The one payment method in the answer: an address at this institution, and 32 octets in unpadded base64url.
fn is_payable(answer: &Answer) -> bool {
    let told = answer.json()["methods"].clone();
    let [method] = told.as_array().unwrap_or_else(|| panic!("no methods: {}", answer.text)).as_slice() else {
        return false;
    };
    let text = |name: &str| method[name].as_str().unwrap_or_default().to_owned();
    let secret = text("sharedSecret");
    let alphabet = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text("type") == "ilp"
        && text("ilpAddress").starts_with("test.wallet.")
        && (secret.len(), secret.chars().all(alphabet)) == (43, true)
}

fn without_methods(answer: &Answer) -> Value {
    let mut told = answer.json();
    told.as_object_mut().unwrap().remove("methods");
    told
}

#[tokio::test]
async fn a_created_payment_is_told_with_the_ways_to_pay_it() {
    let world = World::new().await;
    let answer = world.ask(create_in(TENANT)).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let mut expected = shown(answer.id(), false, "0");
    expected["metadata"] = json!({"invoice": "7"});
    assert_eq!(without_methods(&answer), expected);
    assert!(is_payable(&answer), "{}", answer.text);
    let stored = world.institution.payments.incoming_payment(None, answer.id().parse().unwrap()).await.unwrap();
    assert_eq!(stored.unwrap().payment.client, Some(world.client.clone()));
}

#[tokio::test]
async fn what_cannot_be_expected_is_refused_with_its_reason() {
    let world = World::new().await;
    let euro = json!({"value": "2500", "assetCode": "EUR", "assetScale": 2});
    for (member, value, description) in
        [("expiresAt", json!("2025-12-31T23:59:59Z"), "invalid expiresAt"), ("incomingAmount", euro, "invalid amount")]
    {
        let mut body = json!({"walletAddress": ALICE});
        body[member] = value;
        let call = Call::post(format!("/{TENANT}/incoming-payments"), &body);
        assert_eq!(world.ask(call).await.refusal(), refused(400, description));
    }
}

#[tokio::test]
async fn a_wallet_address_of_another_tenant_is_unknown() {
    let world = World::new().await;
    for tenant in [OTHER_TENANT, "not-a-tenant"] {
        assert_eq!(world.ask(create_in(tenant)).await.refusal(), refused(404, "unknown wallet address"));
    }
}

#[tokio::test]
async fn an_unknown_or_inactive_wallet_address_is_a_bad_request_and_the_unknown_one_is_told() {
    let world = World::new().await;
    world.deactivate_alice().await;
    assert_eq!(world.ask(create_in(TENANT)).await.refusal(), refused(400, "Could not get wallet address"));
    assert_eq!(world.told_of_unknown_addresses().await, 0);
    let moved = "https://wallet.example/moved";
    let access = json!([{"type": "incoming-payment", "actions": ["create"], "identifier": moved}]);
    let client = json!({"walletAddress": world.client});
    world.introspection(json!({"active": true, "grant": "grant-1", "client": client, "access": access}));
    let call = Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": moved}));
    assert_eq!(world.ask(call).await.refusal(), refused(400, "Could not get wallet address"));
    assert_eq!(world.told_of_unknown_addresses().await, 1);
}

#[tokio::test]
async fn without_a_token_is_shown_what_arrived_and_which_server_gives_grants() {
    let (world, id) = world_with(Action::Read).await;
    world.pay(id, 1234).await;
    let answer = world.send(read(id)).await;
    let received = json!({"value": "1234", "assetCode": "USD", "assetScale": 2});
    assert_eq!(
        answer.json(),
        json!({"receivedAmount": received, "authServer": format!("https://auth.example/{TENANT}")})
    );
    assert_eq!(world.send(read(id).token()).await.refusal().0, 401);
}

#[tokio::test]
async fn the_creator_sees_all_of_it_and_methods_only_while_it_can_be_paid() {
    let (world, id) = world_with(Action::Read).await;
    world.pay(id, 1234).await;
    let answer = world.ask(read(id)).await;
    assert_eq!(without_methods(&answer), shown(id, false, "1234"));
    assert!(is_payable(&answer), "{}", answer.text);

    let (expired, completed) = (id, world.incoming(Some(&world.client)).await);
    world.pay(completed, 2500).await;
    world.clock.advance(std::time::Duration::from_hours(1));
    world.expire_payments().await;
    for (id, is_completed, received) in [(completed, true, "2500"), (expired, false, "1234")] {
        let mut expected = shown(id, is_completed, received);
        expected["methods"] = json!([]);
        assert_eq!(world.ask(read(id)).await.json(), expected);
    }
}

#[tokio::test]
async fn another_clients_payment_does_not_exist_unless_all_may_be_read() {
    let (world, _) = world_with(Action::Read).await;
    let of_another = world.incoming(Some(STRANGER)).await;
    let answer = world.ask(read(of_another)).await;
    assert_eq!(answer.refusal(), refused(404, "Incoming payment does not exist"));
    assert_eq!(answer.json()["error"]["details"]["id"], of_another.to_string());
    world.grant(AccessType::IncomingPayment, &[Action::Create, Action::ReadAll]);
    assert_eq!(world.ask(read(of_another)).await.status.as_u16(), 200);
}

#[tokio::test]
async fn unknown_foreign_and_malformed_ids_look_unauthorised_to_every_caller() {
    let (world, id) = world_with(Action::Read).await;
    for path in [
        format!("/{TENANT}/incoming-payments/{}", Uuid::from_u128(9)),
        format!("/{OTHER_TENANT}/incoming-payments/{id}"),
        format!("/{TENANT}/incoming-payments/not-an-id"),
        format!("/not-a-tenant/incoming-payments/{id}"),
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
    let (world, id) = world_with(Action::Complete).await;
    world.pay(id, 2000).await;
    let complete = |id| Call::post(format!("/{TENANT}/incoming-payments/{id}/complete"), &Value::Null);
    let answer = world.ask(complete(id)).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown(id, true, "2000")));
    assert_eq!(world.ask(complete(id)).await.refusal(), refused(409, "wrong state"));
    let of_another = world.incoming(Some(STRANGER)).await;
    assert_eq!(world.ask(complete(of_another)).await.refusal(), refused(404, "unknown payment"));
}

#[tokio::test]
async fn lists_are_paged_and_restricted_to_the_callers_own_unless_all_may_be_listed() {
    let (world, oldest) = world_with(Action::List).await;
    let mut created = vec![oldest];
    for client in [world.client.clone(), STRANGER.to_owned(), world.client.clone()] {
        world.clock.advance(std::time::Duration::from_millis(1));
        created.push(world.incoming(Some(&client)).await);
    }
    let list = |rest: &str| Call::get(format!("/{TENANT}/incoming-payments?wallet-address={ALICE}{rest}"));
    let page = |answer: &Answer| {
        let told = answer.json();
        let results = told["result"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
        let ids = results.iter().map(|one| one["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        (ids.collect::<Vec<String>>(), told["pagination"].clone())
    };
    let expected = |of: &[usize], has_next: bool, has_previous: bool| {
        let ids: Vec<String> = of.iter().map(|index| created[*index].to_string()).collect();
        let pagination = json!({
            "startCursor": ids.first(), "endCursor": ids.last(),
            "hasNextPage": has_next, "hasPreviousPage": has_previous,
        });
        (ids, pagination)
    };
    // The newest first.
    let first = world.ask(list("&first=2")).await;
    assert_eq!(page(&first), expected(&[3, 1], true, false));
    assert_eq!(first.json()["result"][0].get("methods"), None);
    assert_eq!(page(&world.ask(list(&format!("&cursor={}&first=2", created[1]))).await), expected(&[0], false, true));

    world.grant(AccessType::IncomingPayment, &[Action::ListAll]);
    let before = list(&format!("&cursor={oldest}&last=2"));
    assert_eq!(page(&world.ask(before).await), expected(&[2, 1], true, true));

    let answer = world.ask(list("&last=3")).await;
    assert_eq!(answer.refusal(), refused(400, "last requires cursor"));
    assert_eq!(answer.json()["error"]["details"]["queryParams"], json!({"wallet-address": ALICE, "last": "3"}));
    let answer = world.ask(list("&last=3&first=1")).await;
    assert_eq!(answer.refusal(), refused(400, "first and last are mutually exclusive"));
}

#[tokio::test]
async fn a_list_under_another_tenant_is_empty() {
    let (world, _) = world_with(Action::List).await;
    let answer = world.ask(Call::get(format!("/{OTHER_TENANT}/incoming-payments?wallet-address={ALICE}"))).await;
    assert_eq!(answer.json(), json!({"pagination": {"hasNextPage": false, "hasPreviousPage": false}, "result": []}));
}
