//! The money of the original is in a TigerBeetle cluster: the result is that of a move from its tables.
//! A recorded journal stands in for the cluster, unless the tests have a real one.

use std::sync::Arc;
use std::time::Duration;

use clock::Timestamp;
use ledger::{
    Account, AccountId, JournalPage, Ledger, LedgerFuture, LedgerJournal, NewAccount, NewTransfer, Placed, Transfer,
    TransferId, TransferState,
};
use ledger_tigerbeetle::TigerBeetleLedger;
use moving::{History, Money, carry_over, examine, since_of};
use payments_model::accounting::{AccountKind, DEPOSIT, LedgerAsset, TRANSFER, WITHDRAWAL};
use rafiki_fixture::Institution;
use serde_json::Value;
use testkit::{Dialect, block_on};
use uuid::Uuid;

use crate::places::{OldPlaces, OurPlaces, assert_same, contents, pass, silent};

/// The records of a page, fewer than there are.
const PAGE: usize = 40;

/// What a cluster would have recorded.
#[derive(Default)]
struct Recorded {
    accounts: Vec<Placed<Account>>,
    transfers: Vec<Placed<Transfer>>,
}

impl LedgerJournal for Recorded {
    fn journal_of_accounts(&self, from: u64) -> LedgerFuture<'_, JournalPage<Account>> {
        Box::pin(async move { Ok(page(&self.accounts, from)) })
    }

    fn journal_of_transfers(&self, from: u64) -> LedgerFuture<'_, JournalPage<Transfer>> {
        Box::pin(async move { Ok(page(&self.transfers, from)) })
    }
}

fn page<T: Copy>(all: &[Placed<T>], from: u64) -> JournalPage<T> {
    let records: Vec<_> = all.iter().filter(|record| record.place >= from).take(PAGE).copied().collect();
    let next = records.last().filter(|_| records.len() == PAGE).map(|record| record.place + 1);
    JournalPage { records, next }
}

const ACCOUNTS: &str = r#"
SELECT row_to_json(r)::text FROM (
    SELECT l.*, a.id AS asset FROM "ledgerAccounts" l JOIN assets a ON a.ledger = l.ledger ORDER BY l."createdAt", l.id
) r"#;

const TRANSFERS: &str = r#"
SELECT row_to_json(r)::text FROM (
    SELECT t.*, d.type AS "debitType", d."accountRef" AS "debitRef", c.type AS "creditType",
        c."accountRef" AS "creditRef", floor(extract(epoch FROM t."createdAt") * 1000)::bigint AS at,
        ceil(extract(epoch FROM t."expiresAt" - t."createdAt"))::int AS seconds,
        t.state = 'PENDING' AND t."expiresAt" < now() AS over
    FROM "ledgerTransfers" t
    JOIN "ledgerAccounts" d ON d.id = t."debitAccountId" JOIN "ledgerAccounts" c ON c.id = t."creditAccountId"
    ORDER BY t."createdAt", CASE t.type WHEN 'DEPOSIT' THEN 0 WHEN 'WITHDRAWAL' THEN 2 ELSE 1 END, t.id
) r"#;

async fn rows(old: &OldPlaces, sql: &str) -> Vec<Value> {
    let rows = old.backend.bulk_query(sql, []).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.try_get_by_index::<String>(0).unwrap()).unwrap()).collect()
}

fn uuid(row: &Value, column: &str) -> Uuid {
    row[column].as_str().unwrap().parse().unwrap()
}

fn ledger_of(row: &Value) -> u32 {
    u32::try_from(row["ledger"].as_u64().unwrap()).unwrap()
}

fn account(row: &Value) -> NewAccount {
    let asset = LedgerAsset { id: uuid(row, "asset").into(), ledger: ledger_of(row) };
    let owner = AccountId::from(uuid(row, "accountRef"));
    match row["type"].as_str().unwrap() {
        "SETTLEMENT" => asset.account(asset.settlement_account(), AccountKind::Settlement),
        "LIQUIDITY_ASSET" => asset.account(owner, AccountKind::Asset),
        "LIQUIDITY_PEER" => asset.account(owner, AccountKind::Peer),
        "LIQUIDITY_INCOMING" => asset.account(owner, AccountKind::Incoming),
        "LIQUIDITY_OUTGOING" => asset.account(owner, AccountKind::Outgoing),
        "LIQUIDITY_WEB_MONETIZATION" => asset.account(owner, AccountKind::WebMonetization),
        other => panic!("{other}"),
    }
}

/// A transfer as the original would submit it to a cluster, and what settles it.
fn transfers(row: &Value) -> Vec<NewTransfer> {
    let side = |kind: &str, owner: &str| match row[kind].as_str().unwrap() {
        "SETTLEMENT" => AccountId::from_u128(ledger_of(row).into()),
        _ => AccountId::from(uuid(row, owner)),
    };
    let code = match row["type"].as_str() {
        None => TRANSFER,
        Some("DEPOSIT") => DEPOSIT,
        Some(_) => WITHDRAWAL,
    };
    let (debit, credit) = (side("debitType", "debitRef"), side("creditType", "creditRef"));
    let (id, amount) = (TransferId::from(uuid(row, "transferRef")), row["amount"].as_u64().unwrap());
    let transfer = NewTransfer::single(id, debit, credit, amount.into(), ledger_of(row), code);
    let Some(seconds) = row["seconds"].as_u64() else { return vec![transfer] };

    let pending = transfer.into_pending(u32::try_from(seconds).unwrap().max(1));
    let end = TransferId::derived_once(id.as_uuid(), "end");
    match row["state"].as_str().unwrap() {
        "POSTED" => vec![pending, NewTransfer::post(end, id)],
        "VOIDED" => vec![pending, NewTransfer::void(end, id)],
        _ => vec![pending],
    }
}

/// The journal of a cluster with the original's money.
async fn recorded(old: &OldPlaces) -> Recorded {
    let mut recorded = Recorded::default();
    for (row, place) in rows(old, ACCOUNTS).await.iter().zip(1..) {
        let record = Account {
            created: account(row),
            debits_pending: 0,
            debits_posted: 0,
            credits_pending: 0,
            credits_posted: 0,
            timestamp: Timestamp::EPOCH,
        };
        recorded.accounts.push(Placed { place, record });
    }

    let mut place = 0;
    for row in rows(old, TRANSFERS).await {
        let timestamp = Timestamp::from_millis(row["at"].as_i64().unwrap());
        let amount = u128::from(row["amount"].as_u64().unwrap());
        for mut created in transfers(&row) {
            place += 1;
            // A cluster shows the amount that a post has moved.
            created.amount = if created.flags.void_pending_transfer { 0 } else { amount };
            let state = if created.flags.pending { TransferState::Pending } else { TransferState::Single };
            recorded.transfers.push(Placed { place, record: Transfer { created, state, timestamp } });
        }
    }
    recorded
}

/// Empties the tables that the original leaves empty if its money is in a cluster.
async fn without_tables(old: &OldPlaces) {
    rafiki_fixture::run(&old.backend, r#"TRUNCATE "ledgerTransfers", "ledgerAccounts""#).await;
}

async fn moves_as_from_tables(institution: Institution, history: History) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let from_tables = OurPlaces::of(Dialect::Sqlite).await.unwrap();
    pass(&old, &from_tables, history).await.unwrap();

    let journal = recorded(&old).await;
    without_tables(&old).await;
    let from_cluster = OurPlaces::of(Dialect::Sqlite).await.unwrap();
    for _ in 0..2 {
        let mut installation = old.open_with(Money::Cluster(&journal), history).await;
        let target = from_cluster.target().await;
        let since = since_of(&from_cluster.backend).await.unwrap();
        let plan = examine(&mut installation, &since, &silent).await.unwrap();
        assert_eq!((plan.lacks_money, plan.refusals.as_slice()), (false, [].as_slice()));
        let report = carry_over(&mut installation, &plan, &target, &silent).await.unwrap();
        installation.close().await;
        drop(target);
        assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
        assert_same(&contents(&from_tables).await, &contents(&from_cluster).await);
    }
    assert!(ledger_verify::verify(&from_cluster.ledger_url()).await.unwrap().sound);
}

#[test]
fn money_in_a_cluster_moves_like_money_in_tables() {
    block_on(moves_as_from_tables(Institution::CloudNine, History::Totals));
}

#[test]
fn money_in_a_cluster_moves_with_its_history() {
    block_on(moves_as_from_tables(Institution::HappyLife, History::Replayed));
}

#[test]
fn a_move_without_its_cluster_reports_that_the_money_is_missing() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        without_tables(&old).await;
        let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        let since = since_of(&ours.backend).await.unwrap_or_default();
        let mut installation = old.open(History::Totals).await;
        assert!(examine(&mut installation, &since, &silent).await.unwrap().lacks_money);
        let nothing = Recorded::default();
        let mut installation = old.open_with(Money::Cluster(&nothing), History::Totals).await;
        assert!(examine(&mut installation, &since, &silent).await.unwrap().lacks_money);
    });
}

async fn fill(cluster: &TigerBeetleLedger, old: &OldPlaces) {
    let accounts: Vec<_> = rows(old, ACCOUNTS).await.iter().map(account).collect();
    let created = cluster.create_accounts(accounts).await.unwrap();
    assert!(created.iter().all(|result| *result == ledger::CreateAccountResult::Created), "{created:?}");
    let mut wanted = Vec::new();
    for row in rows(old, TRANSFERS).await {
        wanted.extend(transfers(&row));
        if row["over"] == true {
            // It has timed out in the original. In our ledger its time-out would only begin.
            let id = TransferId::from(uuid(&row, "transferRef"));
            wanted.push(NewTransfer::void(TransferId::derived_once(id.as_uuid(), "over"), id));
        }
    }
    let made = cluster.submit(wanted.clone()).await.unwrap();
    let refused: Vec<_> = made.iter().zip(&wanted).filter(|(result, _)| !result.is_ok()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Into SQL, and into the same cluster, which is then ours.
#[test]
fn money_in_a_real_cluster_moves_into_sql_and_stays_where_it_is_if_the_cluster_is_ours_too() {
    block_on(async {
        for stays in [false, true] {
            let Some(server) = testkit::TigerBeetle::own() else { return };
            let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
            let join = async || TigerBeetleLedger::join(0, server.addresses(), Duration::from_secs(10)).await.unwrap();
            let cluster = join().await;
            fill(&cluster, &old).await;
            without_tables(&old).await;

            let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
            for _ in 0..2 {
                let mut installation = old.open_with(Money::Cluster(&cluster), History::Totals).await;
                let target = if stays { ours.target_with(Arc::new(join().await)).await } else { ours.target().await };
                let since = since_of(&ours.backend).await.unwrap();
                let plan = examine(&mut installation, &since, &silent).await.unwrap();
                assert_eq!(plan.refusals, []);
                let report = carry_over(&mut installation, &plan, &target, &silent).await.unwrap();
                installation.close().await;
                assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
            }
        }
    });
}
