//! The suite on the engines that need only this machine.
//! A TigerBeetle cluster is in `tigerbeetle`.

use std::sync::Arc;

use clock::{Clock, ManualClock, Timestamp};
use ledger::{
    AccountFlags, AccountId, CreateTransferResult, Ledger, LedgerQueries, MemoryLedger, NewAccount, NewTransfer,
    TransferId,
};
use ledger_conformance::{
    Generator, Model, Scope, Step, callers_at_once, payers_at_once, same_answers, same_past, totals_of_two_ledgers,
};
use ledger_sql::{LAYOUT, OpenLedgerError, SqlLedger};
use ledger_verify::{ConservationMonitor, ScanLimits};
use sqlx::{Connection as _, Executor as _};
use testkit::TestDatabase;

const SCOPE: Scope = Scope { base: 1 << 64, time: true };

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)))
}

async fn sql(url: &str, clock: &Arc<ManualClock>) -> SqlLedger {
    SqlLedger::open(url, Arc::clone(clock) as Arc<dyn Clock>).await.expect("the ledger opens")
}

/// Runs seeds against a SQL ledger that is closed and reopened during the run.
async fn sql_answers_like_the_model(url: &str, seeds: std::ops::Range<u64>, steps: usize) {
    let clock = clock();
    for seed in seeds {
        let scope = Scope { base: u128::from(seed + 1) << 64, ..SCOPE };
        let ledger = sql(url, &clock).await;
        let again = async |ledger: SqlLedger| {
            ledger.close().await;
            sql(url, &clock).await
        };
        same_answers(ledger, &clock, seed, steps, scope, again).await.expect("the ledger answers").close().await;
    }
}

#[tokio::test]
async fn the_ledger_in_memory_answers_like_the_model() {
    for seed in 0..150 {
        let clock = clock();
        let ledger = MemoryLedger::new(Arc::clone(&clock) as Arc<dyn Clock>);
        same_answers(ledger, &clock, seed, 150, SCOPE, async |ledger| ledger).await.expect("it always answers");
    }
}

#[tokio::test]
async fn the_ledger_on_sqlite_answers_like_the_model() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    sql_answers_like_the_model(&url, 0..25, 120).await;
}

#[tokio::test]
async fn the_ledger_on_postgres_answers_like_the_model() {
    let Some(database) = TestDatabase::postgres().await else { return };
    sql_answers_like_the_model(database.url(), 0..25, 120).await;
}

#[tokio::test]
async fn callers_at_once_on_sqlite_move_exactly_what_they_were_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ledger = sql(&format!("sqlite:{}", folder.path().join("ledger.db").display()), &clock()).await;
    callers_at_once(&[Arc::new(ledger)], 64, 1 << 64).await.expect("the ledger answers");
}

#[tokio::test]
async fn callers_at_once_in_memory_move_exactly_what_they_were_told() {
    callers_at_once(&[Arc::new(MemoryLedger::new(clock()))], 64, 1 << 64).await.expect("it always answers");
}

#[tokio::test]
async fn callers_at_once_of_three_engines_share_one_ledger_on_postgres() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let clock = clock();
    let mut engines: Vec<Arc<dyn Ledger>> = Vec::new();
    for _ in 0..3 {
        engines.push(Arc::new(sql(database.url(), &clock).await));
    }
    callers_at_once(&engines, 96, 1 << 64).await.expect("the ledger answers");
}

#[tokio::test]
async fn an_account_that_was_missing_is_found_once_another_engine_has_created_it() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let clock = clock();
    let (reader, writer) = (sql(database.url(), &clock).await, sql(database.url(), &clock).await);
    let [debit, credit] = [1, 2].map(AccountId::from_u128);
    let found = async |id| reader.accounts(vec![id]).await.expect("the ledger answers")[0];

    assert_eq!(found(credit).await, None);
    let flags = AccountFlags::default();
    let account = |id| NewAccount { id, ledger: 1, code: 1, flags, user_data_128: 0, user_data_64: 0, user_data_32: 0 };
    writer.create_accounts(vec![account(debit), account(credit)]).await.expect("the ledger answers");
    assert_eq!(found(credit).await.expect("the account").credits_posted, 0);

    for (id, sum) in [(1, 5), (2, 10), (3, 15)] {
        let transfer = NewTransfer::single(TransferId::from_u128(id), debit, credit, 5, 1, 1);
        writer.submit(vec![transfer]).await.expect("the ledger answers");
        assert_eq!(found(credit).await.expect("the account").credits_posted, sum);
    }
}

#[tokio::test]
async fn a_ledger_of_a_later_program_on_postgres_is_left_alone() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let clock = clock();
    sql(database.url(), &clock).await.close().await;
    let mut connection = sqlx::PgConnection::connect(database.url()).await.expect("the server answers");
    // A later layout that has no waypoints.
    for statement in ["UPDATE ledger_layout SET version = version + 1", "DROP TABLE ledger_waypoints"] {
        connection.execute(statement).await.expect("the server does it");
    }
    let refused = SqlLedger::open(database.url(), clock).await.expect_err("it is of a later program");
    assert!(matches!(refused, OpenLedgerError::Newer { found } if found == LAYOUT + 1), "{refused}");
    let made = sqlx::query_scalar("SELECT to_regclass('ledger_waypoints') IS NOT NULL").fetch_one(&mut connection);
    let made: bool = made.await.expect("the server answers");
    assert!(!made, "nothing was made in it");
}

#[tokio::test]
async fn payers_at_once_in_memory_and_on_sqlite_pay_what_is_expected() {
    payers_at_once(&[Arc::new(MemoryLedger::new(clock()))], 16, 1 << 64, 7).await.expect("it always answers");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ledger = sql(&format!("sqlite:{}", folder.path().join("ledger.db").display()), &clock()).await;
    payers_at_once(&[Arc::new(ledger)], 16, 1 << 64, 7).await.expect("the ledger answers");
}

#[tokio::test]
async fn payers_at_once_of_three_engines_on_postgres_pay_what_is_expected() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let clock = clock();
    let mut engines: Vec<Arc<dyn Ledger>> = Vec::new();
    for _ in 0..3 {
        engines.push(Arc::new(sql(database.url(), &clock).await));
    }
    payers_at_once(&engines, 16, 1 << 64, 7).await.expect("the ledger answers");
}

#[test]
fn the_generator_meets_every_answer_but_the_end_of_time() {
    let mut met = std::collections::HashSet::new();
    for seed in 0..400 {
        let clock = clock();
        let mut model = Model::default();
        let mut generator = Generator::new(seed, SCOPE);
        for _ in 0..150 {
            match generator.step() {
                Step::Accounts(batch) => drop(model.create_accounts(clock.now(), &batch)),
                Step::Transfers(batch) => met.extend(model.create_transfers(clock.now(), &batch)),
                Step::Wait(time) => clock.advance(time),
                Step::Look | Step::Restart => {}
            }
        }
    }
    let last = CreateTransferResult::ExceedsDebits as usize;
    assert!(!met.contains(&CreateTransferResult::OverflowsTimeout));
    assert_eq!(met.len(), last, "met: {met:?}");
}

/// Watches a ledger during other work, with scans that never cover all of it, and finds no fault.
struct Watched(ConservationMonitor);

impl Watched {
    fn new(url: &str) -> Self {
        let few = ScanLimits { new_entries: 50, old_entries: 100, accounts: 3 };
        Self(ConservationMonitor::within(url, few).expect("the URL is a ledger's"))
    }

    async fn scan(&mut self) {
        let scan = self.0.scan().await.expect("it can be read");
        assert_eq!((scan.faults, scan.alarms), (0, vec![]));
    }
}

/// The same steps on this ledger and on one in memory. Then their histories are compared.
async fn tells_the_past_like_the_ledger_in_memory(url: &str) {
    let clock = clock();
    let memory = MemoryLedger::new(Arc::clone(&clock) as Arc<dyn Clock>);
    let ledger = sql(url, &clock).await;
    let mut generator = Generator::new(11, SCOPE);
    let mut watched = Watched::new(url);
    for step in 0..600 {
        if step % 5 == 0 {
            watched.scan().await;
        }
        match generator.step() {
            Step::Accounts(batch) => {
                let expected = memory.create_accounts(batch.clone()).await.expect("it always answers");
                assert_eq!(ledger.create_accounts(batch).await.expect("an answer"), expected);
            }
            Step::Transfers(batch) => {
                let expected = memory.submit(batch.clone()).await.expect("it always answers");
                assert_eq!(ledger.submit(batch).await.expect("an answer"), expected);
            }
            Step::Wait(time) => clock.advance(time),
            Step::Look | Step::Restart => {}
        }
    }
    let accounts: Vec<_> = (0..=11).map(|number| AccountId::from_u128(SCOPE.base + number)).collect();
    same_past(&ledger, &memory, &accounts).await.expect("an answer");
    ledger.close().await;
    let report = ledger_verify::verify(url).await.expect("it can be read");
    assert!(report.sound, "{report:?}");
}

#[tokio::test]
async fn the_past_on_sqlite_equals_that_in_memory_and_the_journal_is_correct() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    tells_the_past_like_the_ledger_in_memory(&url).await;
}

#[tokio::test]
async fn the_past_on_postgres_equals_that_in_memory_and_the_journal_is_correct() {
    let Some(database) = TestDatabase::postgres().await else { return };
    tells_the_past_like_the_ledger_in_memory(database.url()).await;
}

/// An engine without other transfers.
async fn tells_its_totals(ledger: impl Ledger + LedgerQueries) {
    let totals = totals_of_two_ledgers(&ledger, SCOPE.base, [7, 5]).await.expect("an answer");
    assert!(totals.of_one_instant && totals.are_balanced(), "{totals:?}");
    assert_eq!(totals.ledgers.len(), 2);
}

#[tokio::test]
async fn the_totals_in_memory_are_the_sums_of_every_ledger() {
    tells_its_totals(MemoryLedger::new(clock())).await;
}

#[tokio::test]
async fn the_totals_on_sqlite_are_the_sums_of_every_ledger() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tells_its_totals(sql(&format!("sqlite:{}", folder.path().join("ledger.db").display()), &clock()).await).await;
}

#[tokio::test]
async fn the_totals_on_postgres_are_the_sums_of_every_ledger() {
    let Some(database) = TestDatabase::postgres().await else { return };
    tells_its_totals(sql(database.url(), &clock()).await).await;
}

#[tokio::test]
async fn the_totals_count_nothing_that_has_run_out() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = clock();
    let ledger = sql(&format!("sqlite:{}", folder.path().join("ledger.db").display()), &clock).await;
    totals_of_two_ledgers(&ledger, SCOPE.base, [7, 5]).await.expect("an answer");
    let [debit, credit] = [1, 2].map(|number| AccountId::from_u128(SCOPE.base + number));
    let hold = NewTransfer::single(TransferId::from_u128(9), debit, credit, 1, 7, 1).into_pending(1);
    ledger.submit(vec![hold]).await.expect("an answer");
    let pending = async || ledger.totals().await.expect("an answer").ledgers[1].sums.debits_pending;
    assert_eq!(pending().await, 41);
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(pending().await, 40);
}
