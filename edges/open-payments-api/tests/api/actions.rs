//! Every action of every resource, requested by every kind of client, with the expected answer.
//! Who may see what of another tenant is in `matrix`.

use gnap::{AccessType, Action};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, QuoteId};
use serde_json::{Value, json};

use crate::world::{ALICE, Call, NOW, OTHER_TENANT, STRANGER, TENANT, World, signer, url_of};

const BOB: &str = "https://wallet.example/accounts/bob";

/// The existing data, all created by one client.
struct There {
    world: World,
    incoming: IncomingPaymentId,
    quote: QuoteId,
    outgoing: OutgoingPaymentId,
    receiver: String,
}

/// An operation of the API and the right it needs.
struct Operation {
    kind: AccessType,
    action: Action,
    /// The expected answer to permitted callers.
    served: u16,
    call: fn(&There) -> Call,
    /// Its subject: nothing yet, one resource of another client, or a list.
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
    let at = |kind, action, served, about, call: fn(&There) -> Call| Operation { kind, action, served, call, about };
    vec![
        at(IncomingPayment, Action::Create, 201, Nothing, |_| {
            Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}))
        }),
        at(IncomingPayment, Action::Read, 200, One, |there| {
            Call::get(format!("/{TENANT}/incoming-payments/{}", there.incoming))
        }),
        at(IncomingPayment, Action::List, 200, Many, |_| {
            Call::get(format!("/{TENANT}/incoming-payments?wallet-address={ALICE}"))
        }),
        at(IncomingPayment, Action::Complete, 200, One, |there| {
            Call::post(format!("/{TENANT}/incoming-payments/{}/complete", there.incoming), &Value::Null)
        }),
        at(Quote, Action::Create, 201, Nothing, |there| {
            let amount = json!({"value": "1030", "assetCode": "USD", "assetScale": 2});
            let body =
                json!({"walletAddress": ALICE, "receiver": there.receiver, "method": "ilp", "debitAmount": amount});
            Call::post(format!("/{TENANT}/quotes"), &body)
        }),
        at(Quote, Action::Read, 200, One, |there| Call::get(format!("/{TENANT}/quotes/{}", there.quote))),
        at(OutgoingPayment, Action::Create, 201, Nothing, |there| {
            let quote = url_of("quotes", there.quote);
            Call::post(format!("/{TENANT}/outgoing-payments"), &json!({"walletAddress": ALICE, "quoteId": quote}))
        }),
        at(OutgoingPayment, Action::Read, 200, One, |there| {
            Call::get(format!("/{TENANT}/outgoing-payments/{}", there.outgoing))
        }),
        at(OutgoingPayment, Action::List, 200, Many, |_| {
            Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}"))
        }),
    ]
}

/// Everything was created by `creator`, except one payment of each kind.
async fn there(creator: Creator) -> There {
    let world = World::new().await;
    let creator = match creator {
        Creator::TheCaller => Some(world.client.clone()),
        Creator::AnotherClient => Some(STRANGER.to_owned()),
        Creator::TheAdminApi => None,
    };
    let client = creator.as_deref();
    let third = Some("https://third.example/app");
    world.incoming(third).await;
    world.outgoing(third).await;
    let (incoming, quote, outgoing) =
        (world.incoming(client).await, world.quote(client).await, world.outgoing(client).await);
    There { incoming, quote, outgoing, receiver: world.receiver().await, world }
}

impl There {
    /// The length of a list of two payments: only those of the creator, or both.
    async fn lists(&self, operation: &Operation) -> Listed {
        let listed = self.world.ask((operation.call)(self)).await.listed_ids();
        let own = [self.incoming.to_string(), self.outgoing.to_string()];
        match listed.as_slice() {
            [one] if own.contains(one) => Listed::Own,
            [_, _] => Listed::All,
            other => panic!("{:?}: {other:?}", operation.kind),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Listed {
    Own,
    All,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Creator {
    TheCaller,
    AnotherClient,
    TheAdminApi,
}

/// The answer of introspection about the caller's token.
fn token(world: &World, kind: AccessType, actions: &[Action], identifier: &str, tenant: &str) -> Value {
    json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client}, "tenantId": tenant,
        "access": [{"type": kind, "actions": actions, "identifier": identifier}],
    })
}

/// The action, together with the wider actions of its kind of resource.
fn widened(operation: &Operation) -> Vec<Action> {
    let all = [operation.action, Action::ReadAll, Action::ListAll];
    all.into_iter().filter(|action| operation.kind.allows(*action)).collect()
}

#[tokio::test]
async fn the_creator_is_served_with_just_the_action() {
    for operation in operations() {
        let there = there(Creator::TheCaller).await;
        there.world.introspection(token(&there.world, operation.kind, &[operation.action], ALICE, TENANT));
        let answer = there.world.ask((operation.call)(&there)).await;
        assert_eq!(
            answer.status.as_u16(),
            operation.served,
            "{:?} {:?}: {}",
            operation.kind,
            operation.action,
            answer.text
        );
        if operation.about == About::Many {
            assert_eq!(there.lists(&operation).await, Listed::Own);
        }
    }
}

#[tokio::test]
async fn what_others_created_does_not_exist_for_a_client_that_may_not_see_all() {
    for creator in [Creator::AnotherClient, Creator::TheAdminApi] {
        for operation in operations().into_iter().filter(|operation| operation.about == About::One) {
            let there = there(creator).await;
            there.world.introspection(token(&there.world, operation.kind, &[operation.action], ALICE, TENANT));
            let answer = there.world.ask((operation.call)(&there)).await;
            assert_eq!(answer.refusal().0, 404, "{:?} {:?}: {}", operation.kind, operation.action, answer.text);
        }
    }
}

#[tokio::test]
async fn a_client_with_list_all_sees_all_but_completes_only_its_own() {
    for operation in operations() {
        let there = there(Creator::AnotherClient).await;
        there.world.introspection(token(&there.world, operation.kind, &widened(&operation), ALICE, TENANT));
        let answer = there.world.ask((operation.call)(&there)).await;
        let expected = if operation.action == Action::Complete { 404 } else { operation.served };
        assert_eq!(answer.status.as_u16(), expected, "{:?} {:?}: {}", operation.kind, operation.action, answer.text);
        if operation.about == About::Many {
            assert_eq!(there.lists(&operation).await, Listed::All);
        }
    }
}

#[tokio::test]
async fn a_token_for_anything_else_serves_for_nothing() {
    for operation in operations() {
        let there = there(Creator::TheCaller).await;
        let (kind, action) = (operation.kind, operation.action);
        let other_kind = if kind == AccessType::Quote { AccessType::IncomingPayment } else { AccessType::Quote };
        let other_action = if action == Action::Create { Action::Read } else { Action::Create };
        for (what, told) in [
            (
                "another kind of resource",
                token(&there.world, other_kind, &[Action::Create, Action::Read], ALICE, TENANT),
            ),
            ("another action", token(&there.world, kind, &[other_action], ALICE, TENANT)),
            ("another wallet address", token(&there.world, kind, &[action], BOB, TENANT)),
            ("another tenant", token(&there.world, kind, &[action], ALICE, OTHER_TENANT)),
            ("nothing any more", json!({"active": false})),
        ] {
            there.world.introspection(told);
            let answer = there.world.ask((operation.call)(&there)).await;
            assert_eq!(answer.refusal().0, 403, "{what}: {kind:?} {action:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn without_a_token_or_signature_only_the_public_part_is_shown() {
    for operation in operations() {
        let there = there(Creator::TheCaller).await;
        there.world.introspection(token(&there.world, operation.kind, &[operation.action], ALICE, TENANT));
        let is_public = (operation.kind, operation.action) == (AccessType::IncomingPayment, Action::Read);

        let anonymous = there.world.send((operation.call)(&there).only_signed(&signer(), NOW)).await;
        let expected = if is_public { 200 } else { 401 };
        assert_eq!(anonymous.status.as_u16(), expected, "{:?} {:?}", operation.kind, operation.action);
        if is_public {
            let told = anonymous.json();
            let members: Vec<&String> = told.as_object().unwrap().keys().collect();
            assert_eq!(members, ["receivedAmount", "authServer"]);
        }

        let unsigned = there.world.send((operation.call)(&there).token()).await;
        assert!(matches!(unsigned.status.as_u16(), 400 | 401), "{:?} {:?}", operation.kind, operation.action);
    }
}
