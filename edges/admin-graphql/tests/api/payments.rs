//! Payments of both kinds in one list, and events that are requested before a worker announces them.
//! Whole payments are in `flows`.

use std::time::Duration;

use axum::Router;
use clock::{Clock, Stopwatch};
use money::{Asset, AssetAmount};
use payments_model::grant_limits::GrantLimits;
use serde_json::{Value, json};
use testkit::{TestDatabase, block_on, on_each_database};

use super::bench::{Bench, OPERATOR, TENANT, request, send_to};

const LIST: &str = "query($filter: PaymentFilter, $order: SortOrder, $first: Int, $after: String, $last: Int, $before: String) {
    payments(filter: $filter, sortOrder: $order, first: $first, after: $after, last: $last, before: $before) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { id type state walletAddressId metadata ... on BasePayment { client } ... on Model { createdAt } tenant { id } } }
    }
}";

async fn address(bench: &Bench, asset: &Value, name: &str) -> Value {
    let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
    bench.mutate(OPERATOR, create, json!({ "assetId": asset, "address": name })).await["walletAddress"]["id"].clone()
}

/// Ann pays Bob three times; the payments of both kinds, oldest first.
async fn paid(bench: &Bench) -> (Vec<Value>, Value, Value) {
    let asset = bench
        .mutate(OPERATOR, "createAsset: CreateAssetInput { asset { id } }", json!({ "code": "USD", "scale": 2 }))
        .await["asset"]["id"]
        .clone();
    let (ann, bob) = (address(bench, &asset, "ann").await, address(bench, &asset, "bob").await);
    let amount = json!({ "value": 100, "assetCode": "USD", "assetScale": 2 });
    let mut made = Vec::new();
    for number in 0..3 {
        bench.clock.advance(Duration::from_secs(1));
        let input = json!({ "walletAddressId": bob, "incomingAmount": amount, "metadata": { "number": number } });
        let incoming = bench
            .mutate(OPERATOR, "createIncomingPayment: CreateIncomingPaymentInput { payment { id url } }", input)
            .await["payment"]
            .clone();
        let input = json!({ "walletAddressId": ann, "incomingPayment": incoming["url"] });
        bench.clock.advance(Duration::from_secs(1));
        let create = "createOutgoingPaymentFromIncomingPayment: CreateOutgoingPaymentFromIncomingPaymentInput { payment { id } }";
        let outgoing = bench.mutate(OPERATOR, create, input).await["payment"]["id"].clone();
        made.extend([incoming["id"].clone(), outgoing]);
    }
    (made, ann, bob)
}

fn ids(page: &Value) -> Vec<Value> {
    page["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["id"].clone()).collect()
}

on_each_database! {
    async fn both_kinds_are_in_one_list_in_the_order_in_which_they_were_made(database) {
        let bench = Bench::open(database).await;
        let (made, ann, bob) = paid(&bench).await;
        let list = async |variables: Value| bench.run(OPERATOR, LIST, variables).await["data"]["payments"].clone();
        let newest_first: Vec<_> = made.iter().rev().cloned().collect();
        let all = list(json!({})).await;
        assert_eq!(ids(&all), newest_first);
        let node = &all["edges"][0]["node"];
        assert_eq!((&node["type"], &node["state"], &node["walletAddressId"]), (&json!("OUTGOING"), &json!("FUNDING"), &ann));
        assert_eq!(node["tenant"]["id"], json!(OPERATOR));
        let node = &all["edges"][1]["node"];
        assert_eq!((&node["type"], &node["state"], &node["metadata"]), (&json!("INCOMING"), &json!("PENDING"), &json!({ "number": 2 })));

        for (order, all) in [("DESC", &newest_first), ("ASC", &made)] {
            let mut after = Value::Null;
            let mut seen = Vec::new();
            loop {
                let page = list(json!({ "order": order, "first": 4, "after": after })).await;
                assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(!seen.is_empty()));
                seen.extend(ids(&page));
                assert_eq!(page["pageInfo"]["hasNextPage"], json!(seen.len() < all.len()));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == json!(false) {
                    break;
                }
            }
            assert_eq!(&seen, all);
            let back = list(json!({ "order": order, "last": 2, "before": all[3] })).await;
            assert_eq!(ids(&back), all[1..3]);
            assert_eq!((&back["pageInfo"]["hasPreviousPage"], &back["pageInfo"]["hasNextPage"]), (&json!(true), &json!(true)));
        }
        let unknown = list(json!({ "after": bench.uuid() })).await;
        assert_eq!(ids(&unknown), [Value::Null; 0]);

        let outgoing: Vec<_> = newest_first.iter().step_by(2).cloned().collect();
        let incoming: Vec<_> = newest_first.iter().skip(1).step_by(2).cloned().collect();
        for (filter, expected) in [
            (json!({ "type": { "in": ["OUTGOING"] } }), &outgoing),
            (json!({ "type": { "notIn": ["OUTGOING"] } }), &incoming),
            (json!({ "walletAddressId": { "in": [bob] } }), &incoming),
            (json!({ "walletAddressId": { "notIn": [bob] } }), &outgoing),
            (json!({ "type": { "in": [] } }), &newest_first),
            (json!({ "type": { "in": ["NONE"] } }), &Vec::new()),
            (json!({ "type": { "in": ["INCOMING"] }, "walletAddressId": { "in": [ann] } }), &Vec::new()),
        ] {
            assert_eq!(&ids(&list(json!({ "filter": filter })).await), expected, "{filter}");
        }
        let theirs = bench.run(TENANT, LIST, json!({})).await["data"]["payments"].clone();
        assert_eq!(ids(&theirs), [Value::Null; 0]);
    }

    async fn incoming_payments_are_listed_by_their_state_and_the_time_of_their_creation(database) {
        let bench = Bench::open(database).await;
        let start = bench.clock.now();
        let (made, _, bob) = paid(&bench).await;
        let incoming: Vec<_> = made.iter().step_by(2).cloned().collect();
        let at = |seconds: u64| json!((start + Duration::from_secs(seconds)).to_string());
        let query = "query($id: String!, $filter: IncomingPaymentFilter) {
            incomingPayments(filter: $filter, sortOrder: ASC) { edges { node { id } } }
            walletAddress(id: $id) { incomingPayments(filter: $filter, sortOrder: ASC) { edges { node { id } } } }
        }";
        // They were created in the first, third and fifth second.
        for (filter, expected) in [
            (json!({}), &incoming[..]),
            (json!({ "state": { "in": ["PENDING"] } }), &incoming[..]),
            (json!({ "state": { "notIn": ["PENDING"] } }), &[]),
            (json!({ "state": { "in": ["COMPLETED", "EXPIRED"] } }), &[]),
            (json!({ "from": at(3) }), &incoming[1..]),
            (json!({ "to": at(3) }), &incoming[..1]),
            (json!({ "from": at(2), "to": at(5), "state": { "in": ["PENDING"] } }), &incoming[1..2]),
            (json!({ "from": at(6) }), &[]),
        ] {
            let found = bench.run(OPERATOR, query, json!({ "id": bob, "filter": filter })).await["data"].clone();
            assert_eq!(ids(&found["incomingPayments"]), expected, "{filter}");
            assert_eq!(ids(&found["walletAddress"]["incomingPayments"]), expected, "{filter}");
        }
        let wrong = bench.run(OPERATOR, query, json!({ "id": bob, "filter": { "from": "yesterday" } })).await;
        assert_eq!(wrong["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{wrong}");
    }

    async fn due_events_of_own_wallet_addresses_are_announced_on_demand(database) {
        let bench = Bench::open(database).await;
        let asset = json!({ "code": "USD", "scale": 2, "withdrawalThreshold": 10 });
        let asset = bench.mutate(OPERATOR, "createAsset: CreateAssetInput { asset { id } }", asset).await["asset"]["id"].clone();
        let addresses = [address(&bench, &asset, "ann").await, address(&bench, &asset, "bob").await, address(&bench, &asset, "eve").await];
        let queue = payments::queues::WEB_MONETIZATION_QUEUE;
        let unit = bench.institution.parts.store.begin().await.unwrap();
        for (late, address) in addresses.iter().enumerate() {
            let at = bench.clock.now() + Duration::from_secs(if late == 2 { 600 } else { 1 });
            jobs::enqueue(unit.transaction(), jobs::NewJob::new(queue, address.as_str().unwrap(), at)).unwrap();
        }
        unit.commit().await.unwrap();

        let trigger = "triggerWalletAddressEvents: TriggerWalletAddressEventsInput { count }";
        let count = async |tenant, limit: i32| bench.mutate(tenant, trigger, json!({ "limit": limit })).await["count"].clone();
        assert_eq!(count(OPERATOR, 10).await, json!(0), "nothing is due yet");
        bench.clock.advance(Duration::from_secs(2));
        assert_eq!(count(TENANT, 10).await, json!(0), "another tenant has none");
        assert_eq!(count(OPERATOR, 0).await, json!(0));
        assert_eq!(count(OPERATOR, 1).await, json!(1));
        assert_eq!(count(OPERATOR, 10).await, json!(1));
        assert_eq!(count(OPERATOR, 10).await, json!(0), "what is done is done");
        let refused = bench.refused(OPERATOR, trigger, json!({ "limit": -1 })).await;
        assert_eq!(refused, ("limit must not be negative".into(), "BAD_USER_INPUT".into()));
    }
}

on_each_database! {
    async fn a_payment_tells_what_it_counts_for_the_limits_of_its_grant(database) {
        let bench = Bench::open(database).await;
        let (made, ann, bob) = paid(&bench).await;
        let limit = AssetAmount { value: 1000, asset: Asset::new("USD", 2).unwrap() };
        let limits = GrantLimits { receive_amount: Some(limit), ..GrantLimits::default() };
        let under_grant = bench.pay_under_grant([&ann, &bob], limits).await;

        let query = "query($id: String!) { outgoingPayment(id: $id) {
            spentDebitAmount { value assetCode assetScale } spentReceiveAmount { value } } }";
        let counts = async |id: &Value| bench.run(OPERATOR, query, json!({ "id": id })).await["data"]["outgoingPayment"].clone();
        let reserved = counts(&under_grant).await;
        assert_eq!(reserved["spentDebitAmount"], json!({ "value": "100", "assetCode": "USD", "assetScale": 2 }));
        assert_eq!(reserved["spentReceiveAmount"]["value"], "100");
        assert_eq!(counts(&made[1]).await, json!({ "spentDebitAmount": null, "spentReceiveAmount": null }));

        let cancel = "cancelOutgoingPayment: CancelOutgoingPaymentInput { payment { id } }";
        bench.mutate(OPERATOR, cancel, json!({ "id": under_grant })).await;
        assert_eq!(counts(&under_grant).await["spentReceiveAmount"]["value"], "0", "it ended and nothing arrived");
    }
}

on_each_database! {
    async fn a_payment_in_the_list_of_both_kinds_has_its_amount(database) {
        let bench = Bench::open(database).await;
        paid(&bench).await;
        let list = "query { payments { edges { node { type amount { value assetCode assetScale } } } } }";
        let answer = bench.run(OPERATOR, list, json!({})).await;
        let edges = answer["data"]["payments"]["edges"].as_array().unwrap();
        assert_eq!(edges.len(), 6, "{answer}");
        let amount = json!({ "value": "100", "assetCode": "USD", "assetScale": 2 });
        assert!(edges.iter().all(|edge| edge["node"]["amount"] == amount), "{answer}");
    }

    async fn a_query_waits_for_a_change_if_it_is_asked_to(database) {
        let bench = Bench::open(database).await;
        let body = |known: &Value| {
            let wait = json!({ "known": known, "seconds": 10 });
            json!({ "query": "{ assets { edges { node { code } } } }", "extensions": { "waitForChange": wait } })
        };
        let (_, first) = bench.post(OPERATOR, &body(&Value::Null)).await;
        let mark = &first["extensions"]["change"]["mark"];
        assert!(mark.is_string(), "{first}");
        let create = "createAsset: CreateAssetInput { asset { id } }";
        let (asked, changed) = (body(mark), json!({ "code": "USD", "scale": 2 }));
        let ((_, second), _) = tokio::join!(bench.post(OPERATOR, &asked), bench.mutate(OPERATOR, create, changed));
        assert_eq!(second["data"]["assets"]["edges"], json!([{ "node": { "code": "USD" } }]));
        assert_ne!(&second["extensions"]["change"]["mark"], mark);
    }

    async fn a_movement_of_the_ledger_is_a_change(database) {
        let bench = Bench::open(database).await;
        let asset = usd(&bench).await;
        let (before, after) = seen_by(&bench.api, &bench, async || deposit(&bench, &asset).await).await;
        assert_ne!(before, after);
    }
}

#[test]
fn a_change_that_another_process_made_is_seen_at_once() {
    block_on(async {
        let Some(database) = TestDatabase::postgres().await else { return };
        let bench = Bench::open(database).await;
        let (asset, other) = (usd(&bench).await, bench.another_process().await);
        let (before, after) = seen_by(&other, &bench, async || deposit(&bench, &asset).await).await;
        assert_ne!(before, after, "money was moved");
        let (before, after) = seen_by(&other, &bench, async || set_threshold(&bench, &asset).await).await;
        assert_ne!(before, after, "only a row was changed");
    });
}

async fn usd(bench: &Bench) -> Value {
    let create = "createAsset: CreateAssetInput { asset { id } }";
    bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await["asset"]["id"].clone()
}

async fn deposit(bench: &Bench, asset: &Value) {
    let deposit = "depositAssetLiquidity: DepositAssetLiquidityInput { success }";
    let input = json!({ "id": bench.uuid(), "assetId": asset, "amount": "500", "idempotencyKey": bench.uuid() });
    bench.mutate(OPERATOR, deposit, input).await;
}

async fn set_threshold(bench: &Bench, asset: &Value) {
    let update = "updateAsset: UpdateAssetInput { asset { id } }";
    let threshold = bench.clock.now().as_millis().to_string();
    bench.mutate(OPERATOR, update, json!({ "id": asset, "liquidityThreshold": threshold })).await;
}

/// What `api` says about liquidity before `change`, and after a wait in which `change` is made, perhaps more than once. The
/// answer comes long before the wait is over.
async fn seen_by(api: &Router, bench: &Bench, change: impl AsyncFn()) -> (Value, Value) {
    let ask = async |known: &Value| {
        let wait = json!({ "known": known, "seconds": 20 });
        let query = "{ assets { edges { node { liquidity liquidityThreshold } } } }";
        let body = json!({ "query": query, "extensions": { "waitForChange": wait } });
        let (_, text) = send_to(api, request(OPERATOR, &bench.sign(OPERATOR, &body), &body)).await;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let before = ask(&Value::Null).await;
    let began = Stopwatch::start();
    let after = testkit::answered_while(ask(&before["extensions"]["change"]["mark"]), change).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    (before["data"].clone(), after["data"].clone())
}
