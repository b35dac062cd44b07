//! Every operation on data of a tenant, called by a client of another tenant, by a client of the operator, and without
//! a token.
//!
//! The list of operations is that of the routes. An operation without a case fails the test. The operator has no
//! special rights here: its clients are clients of another tenant.

use open_payments_api::{OPERATIONS, Operation};
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::world::{ALICE, Call, OTHER_TENANT, TENANT, World, url_of};

/// The permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Every caller gets the same answer.
    ToAll,
    /// Every caller, but without a token only the payment methods are shown.
    PublicPart,
    /// Clients with a token of the tenant.
    ToOwnClients,
    /// Any token; the answer is about the token's own grant.
    ToTheGrant,
}

/// The right that an operation needs, and its permissions.
fn case(operation: &Operation) -> Option<(Open, &'static str, &'static str)> {
    Some(match operation.name {
        "health" | "wallet address" | "wallet address keys" => (Open::ToAll, "", ""),
        "create incoming payment" => (Open::ToOwnClients, "incoming-payment", "create"),
        "list incoming payments" => (Open::ToOwnClients, "incoming-payment", "list-all"),
        "get incoming payment" => (Open::PublicPart, "incoming-payment", "read-all"),
        "complete incoming payment" => (Open::ToOwnClients, "incoming-payment", "complete"),
        "create quote" => (Open::ToOwnClients, "quote", "create"),
        "get quote" => (Open::ToOwnClients, "quote", "read-all"),
        "create outgoing payment" => (Open::ToOwnClients, "outgoing-payment", "create"),
        "list outgoing payments" => (Open::ToOwnClients, "outgoing-payment", "list-all"),
        "get outgoing payment" => (Open::ToOwnClients, "outgoing-payment", "read-all"),
        "get outgoing payment grant" => (Open::ToTheGrant, "outgoing-payment", "create"),
        _ => return None,
    })
}

/// The owner's resources.
struct Things {
    incoming: String,
    quote: String,
    outgoing: String,
}

impl Things {
    async fn made(world: &World) -> Self {
        Self {
            incoming: world.incoming(None).await.to_string(),
            quote: world.quote(None).await.to_string(),
            outgoing: world.outgoing(None).await.to_string(),
        }
    }

    fn call(&self, operation: &Operation, tenant: &str) -> Call {
        let id = match operation.path {
            path if path.contains("incoming") => &self.incoming,
            path if path.contains("quotes") => &self.quote,
            _ => &self.outgoing,
        };
        let address = ALICE.strip_prefix("https://wallet.example").unwrap();
        let path = operation.path.replace("{tenant}", tenant).replace("{id}", id).replace("{address}", address);
        match operation.name {
            "create incoming payment" => Call::post(path, &json!({"walletAddress": ALICE})),
            "create quote" => {
                let receiver = url_of("incoming-payments", &self.incoming);
                Call::post(path, &json!({"walletAddress": ALICE, "receiver": receiver, "method": "ilp"}))
            }
            "create outgoing payment" => {
                Call::post(path, &json!({"walletAddress": ALICE, "quoteId": url_of("quotes", &self.quote)}))
            }
            "complete incoming payment" => Call::post(path, &json!({})),
            name if name.starts_with("list") => Call::get(format!("{path}?wallet-address={ALICE}")),
            _ => Call::get(path),
        }
    }

    /// Data that other tenants must not see.
    fn are_told_in(&self, text: &str) -> bool {
        [&self.quote, &self.outgoing].into_iter().any(|id| text.contains(id.as_str()))
    }
}

/// A token of `tenant` with exactly the needed right, which names the owner's wallet address.
fn token(world: &World, tenant: &str, kind: &str, action: &str) -> Value {
    json!({
        "active": true, "grant": "a foreign grant", "client": {"walletAddress": world.client}, "tenantId": tenant,
        "access": [{"type": kind, "actions": [action], "identifier": ALICE}],
    })
}

/// The number of rows of every kind.
async fn counts(world: &World) -> [u64; 4] {
    let count = async |table| world.institution.count(table, "1 = 1").await;
    [
        count("incoming_payments").await,
        count("quotes").await,
        count("outgoing_payments").await,
        world.institution.count("incoming_payments", "state = 'COMPLETED'").await,
    ]
}

on_each_database! {
    async fn every_operation_keeps_tenants_apart(database) {
        let world = World::on(database).await;
        let things = Things::made(&world).await;
        let before = counts(&world).await;
        for operation in OPERATIONS {
            let (open, kind, action) = case(&operation).unwrap_or_else(|| panic!("{} has no case", operation.name));
            // With a token of another tenant at the owner's place, and at the other tenant's own place.
            // What is not at that place is answered with 401, as Rafiki 2.4 does, or with 404.
            for (place, statuses) in [(TENANT, &[403][..]), (OTHER_TENANT, &[401, 403, 404])] {
                world.introspection(token(&world, OTHER_TENANT, kind, action));
                let told = world.ask(things.call(&operation, place)).await;
                let status = told.status.as_u16();
                let what = format!("{} at {place}: {status} {}", operation.name, told.text);
                match open {
                    Open::ToAll => assert_eq!(status, 200, "{what}"),
                    Open::ToTheGrant => assert_eq!(told.json(), json!({"spentDebitAmount": null, "spentReceiveAmount": null})),
                    // At its own place the other tenant has a list, and nothing of the owner's is in it.
                    Open::ToOwnClients if status == 200 && place == OTHER_TENANT => {
                        assert_eq!(told.json()["result"], json!([]), "{what}");
                    }
                    Open::PublicPart | Open::ToOwnClients => assert!(statuses.contains(&status), "{what}"),
                }
                // A refusal may repeat the id that was asked for.
                assert!(status != 200 || !things.are_told_in(&told.text), "{what}");
            }
        }
        assert_eq!(counts(&world).await, before, "a client of another tenant changed something");
    }

    async fn an_unauthorized_client_gets_only_what_is_public(database) {
        let world = World::on(database).await;
        let things = Things::made(&world).await;
        let before = counts(&world).await;
        for operation in OPERATIONS {
            let (open, ..) = case(&operation).unwrap_or_else(|| panic!("{} has no case", operation.name));
            let told = world.send(things.call(&operation, TENANT)).await;
            let status = told.status.as_u16();
            let what = format!("{}: {status} {}", operation.name, told.text);
            match open {
                Open::ToAll => assert_eq!(status, 200, "{what}"),
                Open::PublicPart => {
                    let shown = told.json();
                    let mut members: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
                    members.sort_unstable();
                    assert_eq!(members, ["authServer", "receivedAmount"], "{what}");
                }
                // Rafiki 2.4 looks for the headers of a signature first, and so is their absence told here.
                Open::ToOwnClients | Open::ToTheGrant if status == 400 => {
                    assert!(told.text.contains("must have required property 'signature"), "{what}");
                }
                Open::ToOwnClients | Open::ToTheGrant => assert_eq!(status, 401, "{what}"),
            }
        }
        assert_eq!(counts(&world).await, before, "nobody changed something");
    }
}
