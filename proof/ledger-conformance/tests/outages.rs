//! Commits that fail: every caller gets a true answer, a repetition finds out, and the ledger continues.
//! Killed processes are in `crashes`.

mod line;

use std::sync::Arc;

use clock::{Clock, SystemClock};
use ledger::{
    AccountFlags, AccountId, CreateTransferResult as R, Ledger, LedgerUnavailable, NewAccount, NewTransfer, TransferId,
    TransferState,
};
use ledger_sql::SqlLedger;
use sqlx::{Connection, Executor, PgConnection};
use testkit::TestDatabase;

use crate::line::{Line, Loss, Point};

const CALLERS: u128 = 16;
const ROUNDS: u128 = 20;

async fn open(url: &str) -> Arc<SqlLedger> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Arc::new(SqlLedger::open(url, clock).await.expect("the ledger opens"))
}

async fn create_accounts(ledger: &dyn Ledger) {
    let account = |id| NewAccount {
        id: AccountId::from_u128(id),
        ledger: 1,
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    };
    ledger.create_accounts(vec![account(1), account(2)]).await.expect("an answer");
}

fn transfer(id: u128) -> NewTransfer {
    let [debit, credit] = [1, 2].map(AccountId::from_u128);
    NewTransfer::single(TransferId::from_u128(id), debit, credit, 1, 1, 1)
}

async fn submit(ledger: &dyn Ledger, transfer: NewTransfer) -> Result<R, LedgerUnavailable> {
    Ok(ledger.submit(vec![transfer]).await?[0])
}

async fn exists(ledger: &dyn Ledger, id: u128) -> bool {
    ledger.transfers(vec![TransferId::from_u128(id)]).await.expect("an answer")[0].is_some()
}

/// As many transfers are stored as were made, the totals match them, and the journal is correct.
async fn sound(url: &str, made: u128) {
    let ledger = open(url).await;
    let listed = ledger.transfers_of(AccountId::from_u128(1), usize::MAX).await.expect("an answer");
    let holds = listed.iter().filter(|transfer| transfer.state == TransferState::Pending).count() as u128;
    let account = ledger.accounts(vec![AccountId::from_u128(1)]).await.expect("an answer")[0].expect("an account");
    assert_eq!((account.debits_pending, account.debits_posted), (holds, made - holds));
    assert_eq!(listed.len() as u128, made);
    drop(ledger);
    let report = ledger_verify::verify(url).await.expect("it can be read");
    assert!(report.sound, "{report:?}");
}

/// An engine whose connection is cut at the next message of this kind.
async fn about_to(point: Point, line: &Line, other: &dyn Ledger, made: &mut u128) -> Arc<SqlLedger> {
    let ledger = open(line.url()).await;
    let mut make = async |ledger: &dyn Ledger| {
        *made += 1;
        assert_eq!(submit(ledger, transfer(*made)).await.expect("an answer"), R::Created);
    };
    make(ledger.as_ref()).await;
    if point == Point::Commit {
        // Another process has written, so the round is repeated in a transaction that holds the lock.
        make(other).await;
    }
    ledger
}

const CASES: [(Point, Loss); 6] = [
    (Point::Statement, Loss::Request),
    (Point::Statement, Loss::Answer),
    (Point::Statement, Loss::Either),
    (Point::Commit, Loss::Request),
    (Point::Commit, Loss::Answer),
    (Point::Commit, Loss::Either),
];

#[tokio::test]
async fn a_connection_cut_at_a_commit_is_replaced_and_the_journal_asked() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let line = Line::to(database.url()).await;
    let other = open(database.url()).await;
    create_accounts(other.as_ref()).await;
    let mut made = 0;
    for (point, loss) in CASES {
        let ledger = about_to(point, &line, other.as_ref(), &mut made).await;
        line.cut(point, loss);
        made += 1;
        let answer = submit(ledger.as_ref(), transfer(made)).await;
        assert_eq!(line.cuts_left(), 0, "{point:?} {loss:?}");
        assert_eq!(answer.expect("an answer"), R::Created, "{point:?} {loss:?}");
        assert!(exists(other.as_ref(), made).await, "{point:?} {loss:?}");
        assert_eq!(submit(ledger.as_ref(), transfer(made)).await.expect("an answer"), R::Exists);
    }
    sound(database.url(), made).await;
}

#[tokio::test]
async fn while_the_server_is_unreachable_no_caller_gets_a_success() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let line = Line::to(database.url()).await;
    let other = open(database.url()).await;
    create_accounts(other.as_ref()).await;
    let mut made = 0;
    for (point, loss) in CASES {
        let ledger = about_to(point, &line, other.as_ref(), &mut made).await;
        line.cut_for_long(point, loss);
        made += 1;
        let unknown = submit(ledger.as_ref(), transfer(made)).await.expect_err("nobody can know");
        assert!(unknown.to_string().contains("repeat the request with the same ids"), "{unknown}");
        submit(ledger.as_ref(), transfer(made)).await.expect_err("the server is still out of reach");
        line.open();
        let stored = exists(other.as_ref(), made).await;
        let repeated = submit(ledger.as_ref(), transfer(made)).await.expect("an answer");
        match loss {
            Loss::Request => assert_eq!((stored, repeated), (false, R::Created), "{point:?}"),
            // Without its `COMMIT` the transaction ends with the connection.
            Loss::Answer => assert_eq!((stored, repeated), (true, R::Exists), "{point:?}"),
            Loss::Either => assert!(matches!(repeated, R::Created | R::Exists), "{point:?}: {repeated:?}"),
        }
    }
    sound(database.url(), made).await;
}

/// Holds and posts with ids of its own, each repeated until it is answered, with `trouble` before every round. Each
/// transfer is answered as created exactly once.
async fn caller(ledger: Arc<SqlLedger>, number: u128, trouble: impl AsyncFn(u128)) {
    for round in 0..ROUNDS {
        trouble(round).await;
        let id = 1000 + (number * ROUNDS + round) * 2;
        let hold = transfer(id).into_pending_for_ever();
        let post = NewTransfer::post(TransferId::from_u128(id + 1), hold.id);
        for step in [hold, post] {
            let mut unsure = false;
            let result = loop {
                match submit(ledger.as_ref(), step).await {
                    Ok(result) => break result,
                    Err(_) => unsure = true,
                }
            };
            assert!(result == R::Created || unsure && result == R::Exists, "{result:?}");
        }
    }
}

#[tokio::test]
async fn callers_whose_connections_are_cut_and_ended_all_the_time_make_every_transfer_once() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let line = Line::to(database.url()).await;
    let engines = [open(line.url()).await, open(line.url()).await];
    create_accounts(engines[0].as_ref()).await;
    let url = database.url();
    let trouble = async |round: u128| {
        if round.is_multiple_of(2) {
            let (point, loss) = CASES[usize::try_from(round / 2).unwrap_or(0) % CASES.len()];
            line.cut(point, loss);
        } else {
            let mut administrator = PgConnection::connect(url).await.expect("it connects");
            administrator
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
                .await
                .expect("it may end them");
        }
    };
    let callers = (0..CALLERS).map(|number| {
        let engine = Arc::clone(&engines[usize::from(number % 2 == 1)]);
        let trouble = &trouble;
        caller(engine, number, async move |round| {
            if number == 0 {
                trouble(round).await;
            }
        })
    });
    futures::future::join_all(callers).await;
    drop(engines);
    assert!(line.cuts_left() < 10, "the line was never cut");
    sound(database.url(), CALLERS * ROUNDS).await;
}

/// Ways in which a commit to a SQLite file fails: a statement fails and the transaction stays open; a statement fails
/// and ends the transaction; the `COMMIT` itself fails.
const FAILURES: [(&str, &str); 3] = [
    ("CREATE TRIGGER refusal AFTER INSERT ON journal BEGIN SELECT RAISE(FAIL, 'no'); END", "DROP TRIGGER refusal"),
    ("CREATE TRIGGER refusal AFTER INSERT ON journal BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "DROP TRIGGER refusal"),
    (
        "CREATE TABLE debts (of INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER refusal AFTER INSERT ON journal BEGIN INSERT INTO debts VALUES (1); END",
        "DROP TRIGGER refusal; DROP TABLE debts",
    ),
];

#[tokio::test]
async fn every_caller_gets_the_error_of_a_failed_commit_on_sqlite_and_the_ledger_continues() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("ledger.db");
    let url = format!("sqlite:{}", path.display());
    let ledger = open(&url).await;
    create_accounts(ledger.as_ref()).await;
    let file = rusqlite::Connection::open(&path).expect("it opens");
    let mut made = 0;
    for (fail, mend) in FAILURES {
        file.execute_batch(fail).expect("it changes");
        let ids = made + 1..=made + CALLERS;
        let refused = ids.clone().map(|id| submit(ledger.as_ref(), transfer(id)));
        for answer in futures::future::join_all(refused).await {
            answer.expect_err("nothing was committed");
        }
        // A transfer that was not made is not found by queries either.
        assert!(!exists(ledger.as_ref(), made + 1).await, "{fail}");
        file.execute_batch(mend).expect("it changes back");
        for id in ids {
            assert_eq!(submit(ledger.as_ref(), transfer(id)).await.expect("an answer"), R::Created, "{fail}");
        }
        made += CALLERS;
    }
    drop(ledger);
    sound(&url, made).await;
}
