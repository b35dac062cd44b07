//! Every action of every resource, asked for by everybody: who gets an answer, and who is told what.

use gnap::{AccessType, Action};
use payments_model::incoming_payment::IncomingState;
use payments_model::outgoing_payment::OutgoingState;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_backend::{incoming, outgoing, quote};
use crate::world::{ALICE, Call, NOW, OTHER_TENANT, RECEIVER, TENANT, World, signer};

const INCOMING: Uuid = Uuid::from_u128(0x11);
const QUOTE: Uuid = Uuid::from_u128(0x22);
const BOB: &str = "https://wallet.example/accounts/bob";

/// An operation of the API and the right it needs.
struct Operation {
    kind: AccessType,
    action: Action,
    /// What it answers to whom it serves.
    served: u16,
    call: fn() -> Call,
    /// What it is about: nothing yet, one resource that somebody created, or a list.
    about: About,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Nothing,
    One,
    Many,
}

fn operations() -> Vec<Operation> {
    use About::{Many, Nothing, One};
    use AccessType::{IncomingPayment, OutgoingPayment, Quote};
    let at = |kind, action, served, about, call: fn() -> Call| Operation { kind, action, served, call, about };
    vec![
        at(IncomingPayment, Action::Create, 201, Nothing, || {
            Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}))
        }),
        at(IncomingPayment, Action::Read, 200, One, || Call::get(format!("/{TENANT}/incoming-payments/{INCOMING}"))),
        at(IncomingPayment, Action::List, 200, Many, || {
            Call::get(format!("/{TENANT}/incoming-payments?wallet-address={ALICE}"))
        }),
        at(IncomingPayment, Action::Complete, 200, One, || {
            Call::post(format!("/{TENANT}/incoming-payments/{INCOMING}/complete"), &Value::Null)
        }),
        at(Quote, Action::Create, 201, Nothing, || {
            let body = json!({"walletAddress": ALICE, "receiver": RECEIVER, "method": "ilp"});
            Call::post(format!("/{TENANT}/quotes"), &body)
        }),
        at(Quote, Action::Read, 200, One, || Call::get(format!("/{TENANT}/quotes/{QUOTE}"))),
        at(OutgoingPayment, Action::Create, 201, Nothing, || {
            let quote = format!("https://wallet.example/{TENANT}/quotes/{QUOTE}");
            Call::post(format!("/{TENANT}/outgoing-payments"), &json!({"walletAddress": ALICE, "quoteId": quote}))
        }),
        at(OutgoingPayment, Action::Read, 200, One, || Call::get(format!("/{TENANT}/outgoing-payments/{QUOTE}"))),
        at(OutgoingPayment, Action::List, 200, Many, || {
            Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}"))
        }),
    ]
}

/// A world where everything there is was created by `creator`.
async fn world(creator: Creator) -> World {
    let world = World::new().await;
    let creator = match creator {
        Creator::TheCaller => Some(world.client.clone()),
        Creator::AnotherClient => Some("https://other.example/app".to_owned()),
        Creator::TheAdminApi => None,
    };
    world.backend(|state| {
        state.incoming = Some(incoming(IncomingState::Pending));
        state.incoming.as_mut().unwrap().client.clone_from(&creator);
        state.quote = Some(quote());
        state.quote.as_mut().unwrap().client.clone_from(&creator);
        state.outgoing = Some(outgoing(OutgoingState::Funding));
        state.outgoing.as_mut().unwrap().client = creator;
    });
    world
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Creator {
    TheCaller,
    AnotherClient,
    TheAdminApi,
}

/// What introspection says of the caller's token.
fn token(world: &World, kind: AccessType, actions: &[Action], identifier: &str, tenant: &str) -> Value {
    json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client}, "tenantId": tenant,
        "access": [{"type": kind, "actions": actions, "identifier": identifier}],
    })
}

/// The action with the wider ones its kind of resource knows, complete included where it is not the one.
fn widened(operation: &Operation) -> Vec<Action> {
    let all = [operation.action, Action::ReadAll, Action::ListAll];
    all.into_iter().filter(|action| operation.kind.allows(*action)).collect()
}

#[tokio::test]
async fn who_created_it_is_served_with_just_the_action() {
    for operation in operations() {
        let world = world(Creator::TheCaller).await;
        world.introspection(token(&world, operation.kind, &[operation.action], ALICE, TENANT));
        let answer = world.ask((operation.call)()).await;
        assert_eq!(
            answer.status.as_u16(),
            operation.served,
            "{:?} {:?}: {}",
            operation.kind,
            operation.action,
            answer.text
        );
        if operation.about == About::Many {
            world.backend(|state| assert_eq!(state.listed.as_ref().unwrap().0, Some(world.client.clone())));
        }
    }
}

#[tokio::test]
async fn what_others_created_does_not_exist_for_who_may_not_see_all() {
    for creator in [Creator::AnotherClient, Creator::TheAdminApi] {
        for operation in operations().into_iter().filter(|operation| operation.about == About::One) {
            let world = world(creator).await;
            world.introspection(token(&world, operation.kind, &[operation.action], ALICE, TENANT));
            let answer = world.ask((operation.call)()).await;
            assert_eq!(answer.refusal().0, 404, "{:?} {:?}: {}", operation.kind, operation.action, answer.text);
        }
    }
}

#[tokio::test]
async fn who_may_see_all_sees_all_but_completes_only_its_own() {
    for operation in operations() {
        let world = world(Creator::AnotherClient).await;
        world.introspection(token(&world, operation.kind, &widened(&operation), ALICE, TENANT));
        let answer = world.ask((operation.call)()).await;
        let expected = if operation.action == Action::Complete { 404 } else { operation.served };
        assert_eq!(answer.status.as_u16(), expected, "{:?} {:?}: {}", operation.kind, operation.action, answer.text);
        if operation.about == About::Many {
            world.backend(|state| assert_eq!(state.listed.as_ref().unwrap().0, None));
        }
    }
}

#[tokio::test]
async fn a_token_for_anything_else_serves_for_nothing() {
    for operation in operations() {
        let world = world(Creator::TheCaller).await;
        let (kind, action) = (operation.kind, operation.action);
        let other_kind = if kind == AccessType::Quote { AccessType::IncomingPayment } else { AccessType::Quote };
        let other_action = if action == Action::Create { Action::Read } else { Action::Create };
        for (what, told) in [
            ("another kind of resource", token(&world, other_kind, &[Action::Create, Action::Read], ALICE, TENANT)),
            ("another action", token(&world, kind, &[other_action], ALICE, TENANT)),
            ("another wallet address", token(&world, kind, &[action], BOB, TENANT)),
            ("another tenant", token(&world, kind, &[action], ALICE, OTHER_TENANT)),
            ("nothing any more", json!({"active": false})),
        ] {
            world.introspection(told);
            let answer = world.ask((operation.call)()).await;
            assert_eq!(answer.refusal().0, 403, "{what}: {kind:?} {action:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn without_a_token_or_signature_only_the_public_part_is_told() {
    for operation in operations() {
        let world = world(Creator::TheCaller).await;
        world.introspection(token(&world, operation.kind, &[operation.action], ALICE, TENANT));
        let is_public = (operation.kind, operation.action) == (AccessType::IncomingPayment, Action::Read);

        let anonymous = world.send((operation.call)().only_signed(&signer(), NOW)).await;
        let expected = if is_public { 200 } else { 401 };
        assert_eq!(anonymous.status.as_u16(), expected, "{:?} {:?}", operation.kind, operation.action);
        if is_public {
            let told = anonymous.json();
            let members: Vec<&String> = told.as_object().unwrap().keys().collect();
            assert_eq!(members, ["receivedAmount", "authServer"]);
        }

        let unsigned = world.send((operation.call)().token()).await;
        assert!(matches!(unsigned.status.as_u16(), 400 | 401), "{:?} {:?}", operation.kind, operation.action);
    }
}
