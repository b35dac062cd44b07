//! The statements that a list and a wait cost, counted in the log of a database server. They do not grow with the list.
//! What a payment costs is counted in the end-to-end tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clock::Clock;
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, MemoryLedger, NewAccount,
    NewTransfer, Transfer, TransferId,
};
use money::{Asset, AssetAmount};
use payments_bench::StatementLog;
use payments_model::grant_limits::GrantLimits;
use payments_model::peer_health::{PeerHealth, PeerState};
use serde_json::{Value, json};
use testkit::{PostgresServer, TestDatabase, block_on};

use super::bench::{Bench, OPERATOR};

/// A page of payments with all that comes from other tables.
const LIST: &str = "query { outgoingPayments(first: 100) { edges { node {
    id state grantId delivery { deliveredAmount { value } }
    spentDebitAmount { value } spentReceiveAmount { value }
    quote { feeAmount { value } fee { id fixed basisPoints } slippageMargin { value } foundRate leastRate }
} } } }";

/// Runs `test` on a database server of its own, whose log has no statements of others.
fn on_own_server(test: impl AsyncFnOnce(&Bench, &PostgresServer)) {
    if std::env::var_os("TEST_WITHOUT_POSTGRES").is_some() {
        return;
    }
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let server = PostgresServer::start_in(folder.path(), &["fsync=off"]).unwrap();
        let bench = Bench::open(TestDatabase::on_server(&server.url()).await).await;
        test(&bench, &server).await;
    });
}

/// Two wallet addresses in one asset, which has a fee.
async fn addresses(bench: &Bench) -> [Value; 2] {
    let create = "createAsset: CreateAssetInput { asset { id } }";
    let asset = bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await["asset"]["id"].clone();
    let fee = json!({ "assetId": asset, "type": "SENDING", "fee": { "fixed": 1, "basisPoints": 100 } });
    bench.mutate(OPERATOR, "setFee: SetFeeInput { fee { id } }", fee).await;
    let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
    let mut made = [Value::Null, Value::Null];
    for (name, place) in ["ann", "bob"].into_iter().zip(&mut made) {
        let input = json!({ "assetId": asset, "address": name });
        *place = bench.mutate(OPERATOR, create, input).await["walletAddress"]["id"].clone();
    }
    made
}

/// Ann pays Bob under a grant.
async fn pay(bench: &Bench, [ann, bob]: &[Value; 2]) {
    let limit = AssetAmount { value: 1_000_000, asset: Asset::new("USD", 2).unwrap() };
    let limits = GrantLimits { debit_amount: Some(limit), ..GrantLimits::default() };
    bench.pay_under_grant([ann, bob], limits).await;
}

/// The answer to a document, and how many of its statements are about these tables.
async fn counted(bench: &Bench, server: &PostgresServer, document: &str, tables: &[&str]) -> (Value, usize) {
    let log = StatementLog::start(server).await.unwrap();
    let mut answer = bench.run(OPERATOR, document, json!({})).await;
    let counted = log.stop().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{answer}");
    let about = |texts: &std::collections::BTreeMap<String, usize>| {
        let counts = texts.iter().filter(|(text, _)| tables.iter().any(|table| text.contains(table)));
        counts.map(|(_, count)| *count).sum::<usize>()
    };
    (answer["data"].take(), counted.values().map(|of| about(&of.texts)).sum())
}

/// The payments of the list, and how many statements about grants and fees the list cost.
async fn listed(bench: &Bench, server: &PostgresServer) -> (Vec<Value>, usize) {
    let (data, count) = counted(bench, server, LIST, &["outgoing_payment_grant_spendings", "fees"]).await;
    (data["outgoingPayments"]["edges"].as_array().unwrap().clone(), count)
}

#[test]
fn a_list_asks_once_for_what_payments_spent_of_their_grants_and_for_their_fees_however_long_it_is() {
    on_own_server(async |bench, server| {
        let addresses = addresses(bench).await;
        pay(bench, &addresses).await;
        let (few, for_few) = listed(bench, server).await;
        for _ in 0..24 {
            pay(bench, &addresses).await;
        }
        let (many, for_many) = listed(bench, server).await;

        assert_eq!((few.len(), many.len()), (1, 25));
        for edge in &many {
            let node = &edge["node"];
            assert_eq!(
                (&node["spentDebitAmount"]["value"], &node["spentReceiveAmount"]["value"]),
                (&json!("102"), &json!("100"))
            );
            assert_eq!(
                (&node["quote"]["feeAmount"]["value"], &node["quote"]["fee"]["basisPoints"]),
                (&json!("2"), &json!(100))
            );
        }
        assert!(for_few > 0, "nothing was counted");
        // Questions of the same time are one statement. How many are under way at once depends on the machine.
        assert!(for_many <= 12, "{for_few} statements for one payment, {for_many} for 25");
    });
}

/// Payments and deliveries with their tenants, as a console lists them.
const WITH_TENANTS: &str = "query {
    payments(first: 100) { edges { node { id tenant { id publicName } } } }
    webhookDeliveries(first: 100) { edges { node { id event { id type tenant { id publicName } } } } }
}";

#[test]
fn a_list_asks_once_for_the_tenants_and_the_events_of_its_rows_however_long_it_is() {
    on_own_server(async |bench, server| {
        let addresses = addresses(bench).await;
        for _ in 0..25 {
            pay(bench, &addresses).await;
        }
        let rows = |data: &Value, list: &str| data[list]["edges"].as_array().unwrap().clone();
        let (data, tenants) = counted(bench, server, WITH_TENANTS, &["FROM \"tenants\""]).await;
        let (payments, deliveries) = (rows(&data, "payments"), rows(&data, "webhookDeliveries"));
        assert!(payments.len() >= 50 && deliveries.len() >= 50, "{} and {}", payments.len(), deliveries.len());
        assert!(payments.iter().all(|edge| edge["node"]["tenant"]["id"] == json!(OPERATOR)), "{data}");
        assert!(deliveries.iter().all(|edge| edge["node"]["event"]["tenant"]["id"] == json!(OPERATOR)), "{data}");
        let (_, events) = counted(bench, server, WITH_TENANTS, &["FROM \"webhook_events\""]).await;

        // Questions of the same time are one statement. How many are under way at once depends on the machine.
        assert!((1..=12).contains(&tenants), "{tenants} statements for the tenants of 150 rows");
        assert!((1..=8).contains(&events), "{events} statements for the events of {} deliveries", deliveries.len());
    });
}

/// What a console asks for open pages about payments and about liquidity.
const FOLLOWED: [&str; 2] = [
    "query { payments(first: 20) { edges { node { id state } } } }",
    "query { assets(first: 100) { edges { node { id liquidity liquidityThreshold } } } }",
];

/// Asks each of the documents five times at once: whether they have changed, for two seconds. Returns the new marks.
async fn ten_pages(bench: &Bench, known: &[Value; 2]) -> [Value; 2] {
    let ask = |page: usize| {
        let wait = json!({ "known": known[page % 2], "seconds": 2 });
        let body = json!({ "query": FOLLOWED[page % 2], "extensions": { "waitForChange": wait } });
        async move { bench.post(OPERATOR, &body).await.1["extensions"]["change"]["mark"].clone() }
    };
    let mut marks = futures::future::join_all((0..10).map(ask)).await;
    marks.truncate(2);
    marks.try_into().unwrap()
}

#[test]
fn nothing_is_read_while_ten_pages_wait_and_nothing_happens() {
    on_own_server(async |bench, server| {
        let addresses = addresses(bench).await;
        pay(bench, &addresses).await;

        let statements = async |known: &[Value; 2]| {
            let log = StatementLog::start(server).await.unwrap();
            let marks = ten_pages(bench, known).await;
            let counted: usize = log.stop().await.unwrap().values().map(|of| of.statements).sum();
            (marks, counted)
        };
        let (known, at_once) = statements(&[Value::Null, Value::Null]).await;
        let (same, waiting) = statements(&known).await;
        assert_eq!(same, known, "nothing has happened");
        assert!(at_once >= 20, "{at_once} statements, of which each page has a signature and a list");
        // Which questions are asked in one statement depends on the machine. To execute the pages again would add twenty.
        assert!(waiting <= at_once + 10, "{at_once} statements at once, {waiting} while they wait");
    });
}

/// Peers with their health, as the first page of a console asks.
const PEERS: &str = "query { peers(first: 100) { edges { node { id health { state } } } } }";

#[test]
fn a_list_asks_once_for_the_health_of_its_peers_however_many_there_are() {
    on_own_server(async |bench, server| {
        let create = "createAsset: CreateAssetInput { asset { id } }";
        let asset = bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await["asset"]["id"].clone();
        let now = bench.clock.now();
        for number in 0..25 {
            let outgoing = json!({ "authToken": "t", "endpoint": format!("https://peer-{number}.example") });
            let address = format!("test.peer-{number}");
            let input = json!({ "assetId": asset, "staticIlpAddress": address, "http": { "outgoing": outgoing } });
            let peer = bench.mutate(OPERATOR, "createPeer: CreatePeerInput { peer { id } }", input).await;
            let id = peer["peer"]["id"].as_str().unwrap().parse().unwrap();
            let note = PeerHealth {
                state: PeerState::Up,
                since: now,
                last_success: Some(now),
                last_error: None,
                interruptions: 0,
            };
            let unit = bench.institution.parts.store.begin().await.unwrap();
            unit.every_tenant().note_peer_health(id, &note).await.unwrap();
            unit.commit().await.unwrap();
        }
        let (data, count) = counted(bench, server, PEERS, &["FROM \"peer_health\""]).await;
        let peers = data["peers"]["edges"].as_array().unwrap();
        assert!(peers.len() == 25 && peers.iter().all(|edge| edge["node"]["health"]["state"] == "UP"), "{data}");
        // Questions of the same time are one statement. How many are under way at once depends on the machine.
        assert!((1..=4).contains(&count), "{count} statements for the health of 25 peers");
    });
}

/// A ledger that counts how many transfers it is asked for.
struct Counting {
    inner: MemoryLedger,
    asked: Arc<AtomicUsize>,
}

impl Ledger for Counting {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        self.inner.create_accounts(accounts)
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        self.inner.submit(transfers)
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        self.inner.accounts(ids)
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        self.inner.transfers(ids)
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        self.asked.fetch_add(limit, Ordering::Relaxed);
        self.inner.transfers_of(account, limit)
    }
}

#[test]
fn the_latest_transfers_of_accounts_that_only_grow_are_read_no_further_than_they_are_shown() {
    block_on(async {
        let clock = testkit::manual_clock();
        let asked = Arc::new(AtomicUsize::new(0));
        let ledger = Counting { inner: MemoryLedger::new(clock.clone()), asked: Arc::clone(&asked) };
        let bench = Bench::open_on(TestDatabase::sqlite().await, clock, Arc::new(ledger)).await;
        let create = "createAsset: CreateAssetInput { asset { id } }";
        let mut assets = Vec::new();
        for code in ["USD", "EUR"] {
            let asset =
                bench.mutate(OPERATOR, create, json!({ "code": code, "scale": 2 })).await["asset"]["id"].clone();
            for amount in 1..=60 {
                let deposit = "depositAssetLiquidity: DepositAssetLiquidityInput { success }";
                let (id, key) = (bench.uuid(), bench.uuid());
                let input = json!({ "id": id, "assetId": asset, "amount": amount, "idempotencyKey": key });
                bench.mutate(OPERATOR, deposit, input).await;
            }
            assets.push(asset);
        }

        let document = "query Latest($accounts: [String!]!, $limit: Int!) {
            latestTransfers(accountIds: $accounts, limit: $limit) { debits { amount } credits { amount } }
        }";
        let ask = async |accounts: &[Value], limit: i32| {
            bench.run(OPERATOR, document, json!({ "accounts": accounts, "limit": limit })).await
        };
        asked.store(0, Ordering::Relaxed);
        let answer = ask(&assets, 10).await;
        let found = answer["data"]["latestTransfers"].as_array().unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 20, "ten of each account");
        assert_eq!(found.len(), 2);
        for account in found {
            let amounts: Vec<&str> =
                account["credits"].as_array().unwrap().iter().map(|one| one["amount"].as_str().unwrap()).collect();
            assert_eq!(
                amounts,
                ["51", "52", "53", "54", "55", "56", "57", "58", "59", "60"],
                "the newest, oldest first"
            );
            assert_eq!(account["debits"], json!([]));
        }

        for _ in 0..10 {
            let (id, keys) = (bench.uuid(), [bench.uuid(), bench.uuid()]);
            let withdraw = "createAssetLiquidityWithdrawal: CreateAssetLiquidityWithdrawalInput { success }";
            let input =
                json!({ "id": id, "assetId": assets[0], "amount": 1, "timeoutSeconds": 60, "idempotencyKey": keys[0] });
            bench.mutate(OPERATOR, withdraw, input).await;
            let void = "voidLiquidityWithdrawal: VoidLiquidityWithdrawalInput { success }";
            bench.mutate(OPERATOR, void, json!({ "withdrawalId": id, "idempotencyKey": keys[1] })).await;
        }
        assert_eq!(ask(&assets, 10).await, answer, "those that were voided take the place of no other");

        let many = vec![assets[0].clone(); 17];
        for (accounts, limit) in [(&many[..], 10), (&assets[..], 0), (&assets[..], -1), (&assets[..], 201)] {
            let answer = ask(accounts, limit).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{limit}: {answer}");
        }
        let answer = ask(&[json!("no id")], 10).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    });
}
