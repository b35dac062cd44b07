//! Processes that die after the effect of a mutation and before its result is stored. The mutation is repeated under
//! its key, gets the same result, and nothing is made twice.

use std::future::pending;
use std::time::Duration;

use clock::Clock;
use idempotency::{Api, Asked, Keys, KeysSettings, Once, Patience};
use payments::{Beside, NewIncomingPayment};
use payments_model::{IncomingPayment, InitiatedBy};
use serde_json::{Value, json};
use testkit::on_each_database;

use super::bench::{Bench, OPERATOR};

/// The accounts of a payment.
struct Ground {
    asset: Value,
    ann: Value,
    /// The receiver of the money.
    receiver: Value,
}

async fn ground(bench: &Bench) -> Ground {
    let create = "createAsset: CreateAssetInput { asset { id } }";
    let asset = bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await["asset"]["id"].clone();
    let mut addresses = Vec::new();
    for name in ["ann", "bob"] {
        let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id address } }";
        let made = bench.mutate(OPERATOR, create, json!({ "assetId": asset, "address": name })).await;
        addresses.push(made["walletAddress"].clone());
    }
    let create = "createReceiver: CreateReceiverInput { receiver { id } }";
    let receiver = bench.mutate(OPERATOR, create, json!({ "walletAddressUrl": addresses[1]["address"] })).await;
    Ground { asset, ann: addresses.swap_remove(0), receiver: receiver["receiver"]["id"].clone() }
}

fn usd(value: &str) -> Value {
    json!({ "value": value, "assetCode": "USD", "assetScale": 2 })
}

async fn quote(bench: &Bench, there: &Ground) -> Value {
    let create = "createQuote: CreateQuoteInput { quote { id } }";
    let input = json!({ "walletAddressId": there.ann["id"], "receiver": there.receiver, "debitAmount": usd("100") });
    bench.mutate(OPERATOR, create, input).await["quote"]["id"].clone()
}

/// Deletes all stored keys, as if the process had died before it stored a result and its claim had expired.
async fn forget_keys(bench: &Bench) {
    let database = bench.institution.parts.store.database();
    let forgotten = database.execute("DELETE FROM shared_values WHERE name LIKE 'idempotency:%'", []).await.unwrap();
    assert_eq!(forgotten, 1, "there was one key");
}

on_each_database! {
    async fn a_mutation_repeated_after_its_process_died_is_answered_with_what_was_made(database) {
        let bench = Bench::open(database).await;
        let there = ground(&bench).await;
        let address = there.ann["id"].clone();
        let mutations = [
            (
                "createIncomingPayment: CreateIncomingPaymentInput { payment { id } }",
                json!({ "walletAddressId": address, "incomingAmount": usd("500") }),
                "incoming_payments",
            ),
            (
                "createReceiver: CreateReceiverInput { receiver { id } }",
                json!({ "walletAddressUrl": there.ann["address"], "incomingAmount": usd("500") }),
                "incoming_payments",
            ),
            (
                "createQuote: CreateQuoteInput { quote { id } }",
                json!({ "walletAddressId": address, "receiver": there.receiver, "debitAmount": usd("100") }),
                "quotes",
            ),
            (
                "createOutgoingPayment: CreateOutgoingPaymentInput { payment { id } }",
                json!({ "walletAddressId": address, "quoteId": quote(&bench, &there).await }),
                "outgoing_payments",
            ),
            (
                "createOutgoingPaymentFromIncomingPayment: CreateOutgoingPaymentFromIncomingPaymentInput { payment { id } }",
                json!({ "walletAddressId": address, "incomingPayment": there.receiver, "debitAmount": usd("100") }),
                "outgoing_payments",
            ),
            (
                "setFee: SetFeeInput { fee { id } }",
                json!({ "assetId": there.asset, "type": "SENDING", "fee": { "fixed": 1, "basisPoints": 0 } }),
                "fees",
            ),
        ];
        for (mutation, mut input, table) in mutations {
            input["idempotencyKey"] = json!("k");
            let events = async || bench.institution.count("webhook_events", "1 = 1").await;
            let before = bench.institution.count(table, "1 = 1").await;
            let first = bench.mutate(OPERATOR, mutation, input.clone()).await;
            let told = events().await;
            forget_keys(&bench).await;
            bench.clock.advance(Duration::from_mins(1));

            let second = bench.mutate(OPERATOR, mutation, input.clone()).await;
            assert_eq!(second, first, "{mutation}");
            assert_eq!(bench.institution.count(table, "1 = 1").await, before + 1, "{mutation}");
            assert_eq!(events().await, told, "{mutation}");
            forget_keys(&bench).await;
        }
    }

    async fn a_payment_that_was_made_is_answered_though_its_receiver_has_ended_since(database) {
        let bench = Bench::open(database).await;
        let there = ground(&bench).await;
        let create = "createOutgoingPaymentFromIncomingPayment: CreateOutgoingPaymentFromIncomingPaymentInput { payment { id } }";
        let input = json!({
            "walletAddressId": there.ann["id"], "incomingPayment": there.receiver, "debitAmount": usd("100"), "idempotencyKey": "k",
        });
        let first = bench.mutate(OPERATOR, create, input.clone()).await;
        forget_keys(&bench).await;
        let complete = "completeReceiver: CompleteReceiverInput { receiver { completed } }";
        bench.mutate(OPERATOR, complete, json!({ "incomingPaymentUrl": there.receiver })).await;
        assert_eq!(bench.mutate(OPERATOR, create, input).await, first);
    }

    async fn a_key_that_was_forgotten_after_its_time_makes_something_new(database) {
        let bench = Bench::open(database).await;
        let there = ground(&bench).await;
        let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { id } }";
        let input = json!({ "walletAddressId": there.ann["id"], "idempotencyKey": "k" });
        let first = bench.mutate(OPERATOR, create, input.clone()).await;
        bench.clock.advance(Duration::from_hours(24) + Duration::from_secs(1));
        let second = bench.mutate(OPERATOR, create, input.clone()).await;
        assert_ne!(second, first);
        assert_eq!(bench.mutate(OPERATOR, create, input).await, second);
    }

    async fn a_process_killed_between_effect_and_note_leaves_what_a_repetition_finds(database) {
        let bench = Bench::open(database).await;
        let there = ground(&bench).await;
        let settings = KeysSettings { kept: Duration::from_hours(24), lease: Duration::from_secs(2) };
        let asked = Asked { api: Api::Admin, owner: &["tenant"], key: "k", content: &[b"content"] };
        let create = async |process: &institution::Institution| -> IncomingPayment {
            let keys = Keys::new(process.parts.cache.clone(), process.parts.entropy.clone(), settings);
            let new = NewIncomingPayment {
                wallet_address_id: there.ann["id"].as_str().unwrap().parse().unwrap(),
                incoming_amount: None,
                expires_at: None,
                metadata: None,
                client: None,
                initiated_by: InitiatedBy::Admin,
                sender_wallet_address: None,
            };
            let origin = keys.origin(asked, bench.clock.now());
            process.payments.create_incoming_payment_once(OPERATOR, new, origin, Beside::nothing()).await.unwrap()
        };
        let keys_of = |process: &institution::Institution| {
            Keys::new(process.parts.cache.clone(), process.parts.entropy.clone(), settings)
        };

        // The process is killed after the payment was made and before its result was stored.
        let effect = tokio::sync::Mutex::new(None);
        let is_made = tokio::sync::Notify::new();
        let dying = async {
            *effect.lock().await = Some(create(&bench.institution).await.id);
            is_made.notify_one();
            pending::<Result<(), std::convert::Infallible>>().await
        };
        let keys = keys_of(&bench.institution);
        tokio::select! {
            _ = keys.once(asked, Patience::None, dying, |()| ()) => unreachable!("it never ends"),
            () = is_made.notified() => {}
        }
        let first = effect.lock().await.take().unwrap();

        bench.clock.advance(settings.lease);
        let other = bench.institution.another_process().await;
        let again = async { Ok::<_, std::convert::Infallible>(create(&other).await) };
        let Once::Now(second) = keys_of(&other).once(asked, Patience::None, again, |payment| payment.id).await.unwrap()
        else {
            panic!("nothing was noted, so the action runs again");
        };
        assert_eq!(second.id, first);
        assert_eq!(bench.institution.count("incoming_payments", "1 = 1").await, 2, "that of the ground, and this one");
    }
}
