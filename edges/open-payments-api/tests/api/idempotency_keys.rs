//! Equal requests with and without an idempotency key.
//! The storage of keys is tested in `idempotency`.

use gnap::{AccessType, Action};
use serde_json::{Value, json};

use crate::world::{ALICE, Answer, Call, TENANT, World, refused, signer};

fn incoming(_: &str) -> Call {
    Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}))
}

fn quote(receiver: &str) -> Call {
    let amount = json!({"value": "1030", "assetCode": "USD", "assetScale": 2});
    let body = json!({"walletAddress": ALICE, "receiver": receiver, "method": "ilp", "debitAmount": amount});
    Call::post(format!("/{TENANT}/quotes"), &body)
}

fn outgoing(receiver: &str) -> Call {
    let amount = json!({"value": "1030", "assetCode": "USD", "assetScale": 2});
    let body = json!({"walletAddress": ALICE, "incomingPayment": receiver, "debitAmount": amount});
    Call::post(format!("/{TENANT}/outgoing-payments"), &body)
}

/// An operation that creates something: its right, its request for a receiver, and its table.
struct Creation {
    kind: AccessType,
    request: fn(&str) -> Call,
    table: &'static str,
}

fn creations() -> [Creation; 3] {
    [
        Creation { kind: AccessType::IncomingPayment, request: incoming, table: "incoming_payments" },
        Creation { kind: AccessType::Quote, request: quote, table: "quotes" },
        Creation { kind: AccessType::OutgoingPayment, request: outgoing, table: "outgoing_payments" },
    ]
}

impl Creation {
    /// A world in which the caller may call it for this receiver.
    async fn world(&self) -> (World, String) {
        let world = World::new().await;
        world.grant(self.kind, &[Action::Create]);
        let receiver = world.receiver().await;
        (world, receiver)
    }

    /// The number of its resources created by clients.
    async fn made(&self, world: &World) -> u64 {
        made(world, self.table).await
    }
}

/// The number of rows of `table` created by clients.
async fn made(world: &World, table: &str) -> u64 {
    world.institution.count(table, "client IS NOT NULL").await
}

/// A request for an incoming payment.
fn payment() -> Call {
    incoming("")
}

async fn keyed(world: &World, call: Call, key: &str) -> Answer {
    world.ask(call.header("idempotency-key", key)).await
}

#[tokio::test]
async fn equal_requests_in_one_second_are_as_many_requests() {
    for creation in creations() {
        let (world, receiver) = creation.world().await;
        for _ in 0..3 {
            assert_eq!(world.ask((creation.request)(&receiver)).await.status.as_u16(), 201);
        }
        assert_eq!(creation.made(&world).await, 3, "{:?}", creation.kind);
    }
}

#[tokio::test]
async fn a_repetition_under_a_key_is_answered_like_the_first_and_acts_no_more() {
    for creation in creations() {
        let (world, receiver) = creation.world().await;
        let create = || (creation.request)(&receiver);
        let first = keyed(&world, create(), "k").await;
        world.clock.advance(std::time::Duration::from_secs(3));
        let second = keyed(&world, create(), "k").await;
        assert_eq!(first.status.as_u16(), 201, "{}", first.text);
        assert_eq!((second.status, second.id()), (first.status, first.id()), "{:?}", creation.kind);
        assert_eq!(creation.made(&world).await, 1, "{:?}", creation.kind);
        assert_eq!(keyed(&world, create(), "l").await.status.as_u16(), 201);
        assert_eq!(creation.made(&world).await, 2, "another key is another request");
    }
}

#[tokio::test]
async fn a_key_is_refused_for_other_content() {
    let world = World::new().await;
    assert_eq!(keyed(&world, payment(), "k").await.status.as_u16(), 201);
    let other: Value = json!({"walletAddress": ALICE, "metadata": {"note": "another"}});
    let other = Call::post(format!("/{TENANT}/incoming-payments"), &other);
    let told = "this Idempotency-Key was used for another request; send a new key with a new request";
    assert_eq!(keyed(&world, other, "k").await.refusal(), refused(422, told));
    assert_eq!(made(&world, "incoming_payments").await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_the_client_that_sent_it() {
    let world = World::new().await;
    assert_eq!(keyed(&world, payment(), "k").await.status.as_u16(), 201);
    let access = json!([{"type": "incoming-payment", "actions": ["create"], "identifier": ALICE}]);
    let client = json!({"jwk": signer().jwk()});
    world.introspection(json!({"active": true, "grant": "grant-2", "client": client, "access": access}));
    assert_eq!(keyed(&world, payment(), "k").await.status.as_u16(), 201);
    assert_eq!(made(&world, "incoming_payments").await, 2);
}

#[tokio::test]
async fn a_request_that_was_refused_may_come_again_under_its_key() {
    let world = World::new().await;
    let receiver = world.receiver().await;
    let limited_to = |value: &str| {
        let limits = json!({"debitAmount": {"value": value, "assetCode": "USD", "assetScale": 2}});
        world.introspection(json!({
            "active": true, "grant": "grant-1", "client": {"walletAddress": world.client},
            "access": [{"type": "outgoing-payment", "actions": ["create"], "identifier": ALICE, "limits": limits}],
        }));
    };
    limited_to("1029");
    assert_eq!(keyed(&world, outgoing(&receiver), "k").await.refusal(), refused(403, "unauthorized"));
    limited_to("1030");
    assert_eq!(keyed(&world, outgoing(&receiver), "k").await.status.as_u16(), 201);
    assert_eq!(made(&world, "outgoing_payments").await, 1);
}

#[tokio::test]
async fn completing_under_a_key_answers_again_what_would_be_a_conflict_without() {
    let world = World::new().await;
    world.grant(AccessType::IncomingPayment, &[Action::Create, Action::Complete]);
    let created = world.ask(payment()).await.json()["id"].as_str().unwrap().to_owned();
    let path = created.strip_prefix("https://wallet.example").unwrap().to_owned() + "/complete";
    let complete = || Call::post(path.clone(), &Value::Null);
    assert_eq!(keyed(&world, complete(), "k").await.status.as_u16(), 200);
    assert_eq!(keyed(&world, complete(), "k").await.status.as_u16(), 200);
    assert_eq!(world.ask(complete()).await.refusal(), refused(409, "wrong state"));
}

#[tokio::test]
async fn an_unusable_key_is_refused_before_anything_happens() {
    let world = World::new().await;
    let told = "Idempotency-Key must be sent once, with 1 to 255 printable characters";
    for key in ["", " ", &"k".repeat(256)] {
        assert_eq!(keyed(&world, payment(), key).await.refusal(), refused(400, told), "{key:?}");
    }
    assert_eq!(keyed(&world, payment(), &"k".repeat(255)).await.status.as_u16(), 201);
    assert_eq!(made(&world, "incoming_payments").await, 1);
}

#[tokio::test]
async fn a_request_whose_client_hangs_up_is_carried_out() {
    let world = World::new().await;
    {
        let mut answer = std::pin::pin!(world.send(payment().signed(&world)));
        let begun = std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context).is_pending()));
        assert!(begun.await, "it waits for the authorization server when its client hangs up");
    }
    let carried_out = async {
        while made(&world, "incoming_payments").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), carried_out).await.unwrap();
}
