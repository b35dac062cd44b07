//! Properties of the SQLite file only: its owner, restarts, and many callers at once.
//! What every ledger must do is in `ledger-conformance`.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock, Timestamp};
use ledger::{
    AccountFlags, AccountId, CreateAccountResult, CreateTransferResult as R, Ledger, NewAccount, NewTransfer,
    TransferId, TransferState,
};
use ledger_sql::{LAYOUT, OpenLedgerError, SqlLedger};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)))
}

fn account(id: u128) -> NewAccount {
    NewAccount {
        id: AccountId::from_u128(id),
        ledger: 1,
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    }
}

fn transfer(id: u128, amount: u128) -> NewTransfer {
    let [debit, credit] = [1, 2].map(AccountId::from_u128);
    NewTransfer::single(TransferId::from_u128(id), debit, credit, amount, 1, 1)
}

async fn debits(ledger: &dyn Ledger, id: u128) -> [u128; 2] {
    let account =
        ledger.accounts(vec![AccountId::from_u128(id)]).await.expect("an answer")[0].expect("a known account");
    [account.debits_pending, account.debits_posted]
}

#[tokio::test]
async fn a_ledger_in_memory_holds_and_posts() {
    let ledger = SqlLedger::open("sqlite::memory:", clock()).await.unwrap();
    assert_eq!(ledger.create_accounts(vec![account(1), account(2)]).await.unwrap(), [CreateAccountResult::Created; 2]);
    assert_eq!(ledger.submit(vec![transfer(1, 10).into_pending(60)]).await.unwrap(), [R::Created]);
    assert_eq!(debits(&ledger, 1).await, [10, 0]);
    let post = NewTransfer::post(TransferId::from_u128(2), TransferId::from_u128(1));
    assert_eq!(ledger.submit(vec![post]).await.unwrap(), [R::Created]);
    assert_eq!(debits(&ledger, 1).await, [0, 10]);
}

#[tokio::test]
async fn answered_transfers_are_there_after_a_restart_and_reservations_time_out_on_time() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    let clock = clock();
    let ledger = SqlLedger::open(&url, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    ledger.create_accounts(vec![account(1), account(2)]).await.unwrap();
    let first = [transfer(1, 10).into_pending(60), transfer(2, 20).into_pending_for_ever(), transfer(3, 40)];
    assert_eq!(ledger.submit(first.to_vec()).await.unwrap(), [R::Created; 3]);
    drop(ledger);

    clock.advance(Duration::from_mins(1) - Duration::from_millis(1));
    let ledger = SqlLedger::open(&url, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    assert_eq!(debits(&ledger, 1).await, [30, 40]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(debits(&ledger, 1).await, [20, 40]);
    drop(ledger);

    let ledger = SqlLedger::open(&url, clock).await.unwrap();
    assert_eq!(ledger.submit(first.to_vec()).await.unwrap(), [R::Exists; 3]);
    let post = |id, pending| NewTransfer::post(TransferId::from_u128(id), TransferId::from_u128(pending));
    assert_eq!(ledger.submit(vec![post(4, 1), post(5, 2)]).await.unwrap(), [R::PendingTransferExpired, R::Created]);
    let states = ledger.transfers([1, 2, 3, 4].map(TransferId::from_u128).to_vec()).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|found| found.map(|transfer| transfer.state)).collect();
    use TransferState::{Expired, Posted, Single};
    assert_eq!(states, [Some(Expired), Some(Posted), Some(Single), None]);
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    let ledger = SqlLedger::open(&url, clock()).await.unwrap();
    assert!(matches!(SqlLedger::open(&url, clock()).await, Err(OpenLedgerError::InUse { .. })));
    drop(ledger);
    assert!(SqlLedger::open(&url, clock()).await.is_ok());
}

#[tokio::test]
async fn callers_at_the_same_time_cannot_together_overdraw_an_account() {
    let ledger = Arc::new(SqlLedger::open("sqlite::memory:", clock()).await.unwrap());
    let mut limited = account(1);
    limited.flags.debits_must_not_exceed_credits = true;
    ledger.create_accounts(vec![limited, account(2)]).await.unwrap();
    let mut deposit = transfer(1000, 55);
    (deposit.debit_account_id, deposit.credit_account_id) = (deposit.credit_account_id, deposit.debit_account_id);
    ledger.submit(vec![deposit]).await.unwrap();
    let callers = (1..=100).map(|id| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { ledger.submit(vec![transfer(id, 1)]).await.unwrap()[0] })
    });
    let results = futures::future::join_all(callers).await;
    let made = results.iter().filter(|result| *result.as_ref().unwrap() == R::Created).count();
    assert_eq!(made, 55);
    assert_eq!(debits(ledger.as_ref(), 1).await, [0, 55]);
}

#[tokio::test]
async fn a_ledger_of_a_later_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let url = format!("sqlite:{}", file.display());
    SqlLedger::open(&url, clock()).await.unwrap().close().await;
    let connection = rusqlite::Connection::open(&file).unwrap();
    let kept: u32 = connection.query_row("SELECT version FROM ledger_layout", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, LAYOUT);

    connection.execute("UPDATE ledger_layout SET version = version + 1", []).unwrap();
    let refused = SqlLedger::open(&url, clock()).await.unwrap_err();
    assert!(matches!(refused, OpenLedgerError::Newer { found } if found == LAYOUT + 1), "{refused}");
    connection.execute_batch("DROP TABLE ledger_layout").unwrap();
    SqlLedger::open(&url, clock()).await.unwrap().close().await;
}
