//! Equal requests with and without an idempotency key.

use gnap::{AccessType, Action};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{ALICE, Answer, Call, RECEIVER, TENANT, World, refused, signer};

const QUOTE: Uuid = Uuid::from_u128(0x22);

fn incoming() -> Call {
    Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}))
}

fn quote() -> Call {
    let body = json!({"walletAddress": ALICE, "receiver": RECEIVER, "method": "ilp"});
    Call::post(format!("/{TENANT}/quotes"), &body)
}

fn outgoing() -> Call {
    let quote = format!("https://wallet.example/{TENANT}/quotes/{QUOTE}");
    Call::post(format!("/{TENANT}/outgoing-payments"), &json!({"walletAddress": ALICE, "quoteId": quote}))
}

/// Every operation that creates something, and the right it needs.
fn creations() -> [(AccessType, fn() -> Call); 3] {
    [(AccessType::IncomingPayment, incoming), (AccessType::Quote, quote), (AccessType::OutgoingPayment, outgoing)]
}

async fn keyed(world: &World, call: Call, key: &str) -> Answer {
    world.ask(call.header("idempotency-key", key)).await
}

fn made(world: &World) -> usize {
    world.backend.state.lock().unwrap().creations
}

#[tokio::test]
async fn equal_requests_in_one_second_are_as_many_requests() {
    for (kind, create) in creations() {
        let world = World::new().await;
        world.grant(kind, &[Action::Create]);
        for _ in 0..3 {
            assert_eq!(world.ask(create()).await.status.as_u16(), 201);
        }
        assert_eq!(made(&world), 3, "{kind:?}");
    }
}

#[tokio::test]
async fn a_repetition_under_a_key_is_answered_like_the_first_and_acts_no_more() {
    for (kind, create) in creations() {
        let world = World::new().await;
        world.grant(kind, &[Action::Create]);
        let first = keyed(&world, create(), "k").await;
        world.clock.advance(std::time::Duration::from_secs(3));
        let second = keyed(&world, create(), "k").await;
        let id = |answer: &Answer| (answer.status.as_u16(), answer.json()["id"].clone());
        assert_eq!(id(&first).0, 201, "{}", first.text);
        assert_eq!(id(&second), id(&first), "{kind:?}");
        assert_eq!(made(&world), 1, "{kind:?}");
        assert_eq!(keyed(&world, create(), "l").await.status.as_u16(), 201);
        assert_eq!(made(&world), 2, "another key is another request");
    }
}

#[tokio::test]
async fn a_key_is_refused_for_other_content() {
    let world = World::new().await;
    assert_eq!(keyed(&world, incoming(), "k").await.status.as_u16(), 201);
    let other: Value = json!({"walletAddress": ALICE, "metadata": {"note": "another"}});
    let other = Call::post(format!("/{TENANT}/incoming-payments"), &other);
    let told = "this Idempotency-Key was used for another request; send a new key with a new request";
    assert_eq!(keyed(&world, other, "k").await.refusal(), refused(422, told));
    assert_eq!(made(&world), 1);
}

#[tokio::test]
async fn a_key_belongs_to_the_client_that_sent_it() {
    let world = World::new().await;
    assert_eq!(keyed(&world, incoming(), "k").await.status.as_u16(), 201);
    let access = json!([{"type": "incoming-payment", "actions": ["create"], "identifier": ALICE}]);
    let client = json!({"jwk": signer().jwk()});
    world.introspection(json!({"active": true, "grant": "grant-2", "client": client, "access": access}));
    assert_eq!(keyed(&world, incoming(), "k").await.status.as_u16(), 201);
    assert_eq!(made(&world), 2);
}

#[tokio::test]
async fn a_request_that_was_refused_may_come_again_under_its_key() {
    let world = World::new().await;
    let refusal = open_payments_api::CreateIncomingPaymentError::InvalidAmount;
    world.backend(|state| state.refuse_incoming = Some(refusal));
    assert_eq!(keyed(&world, incoming(), "k").await.refusal(), refused(400, "invalid amount"));
    assert_eq!(keyed(&world, incoming(), "k").await.status.as_u16(), 201);
    assert_eq!(made(&world), 1);
}

#[tokio::test]
async fn completing_under_a_key_answers_again_what_would_be_a_conflict_without() {
    let world = World::new().await;
    world.grant(AccessType::IncomingPayment, &[Action::Create, Action::Complete]);
    let created = world.ask(incoming()).await.json()["id"].as_str().unwrap().to_owned();
    let path = created.strip_prefix("https://wallet.example").unwrap().to_owned() + "/complete";
    let complete = || Call::post(path.clone(), &Value::Null);
    assert_eq!(keyed(&world, complete(), "k").await.status.as_u16(), 200);
    let conflict = open_payments_api::CompleteIncomingPaymentError::WrongState;
    world.backend(|state| state.refuse_complete = Some(conflict));
    assert_eq!(keyed(&world, complete(), "k").await.status.as_u16(), 200);
    assert_eq!(world.ask(complete()).await.refusal(), refused(409, "wrong state"));
}

#[tokio::test]
async fn an_unusable_key_is_refused_before_anything_happens() {
    let world = World::new().await;
    let told = "Idempotency-Key must be sent once, with 1 to 255 printable characters";
    for key in ["", " ", &"k".repeat(256)] {
        assert_eq!(keyed(&world, incoming(), key).await.refusal(), refused(400, told), "{key:?}");
    }
    assert_eq!(keyed(&world, incoming(), &"k".repeat(255)).await.status.as_u16(), 201);
    assert_eq!(made(&world), 1);
}

#[tokio::test]
async fn a_request_whose_client_hangs_up_is_carried_out() {
    let world = World::new().await;
    {
        let mut answer = std::pin::pin!(world.send(incoming().signed(&world)));
        let begun = std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context).is_pending()));
        assert!(begun.await, "it waits for the authorization server when its client hangs up");
    }
    let carried_out = async {
        while made(&world) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), carried_out).await.unwrap();
}
