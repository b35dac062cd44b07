//! Ledgers filled for the tests of this crate, and ways to damage a file.
//! It tests nothing itself.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock, Timestamp};
use ledger::{AccountFlags, AccountId, Ledger, NewAccount, NewTransfer, TransferId};
use ledger_sql::SqlLedger;

pub(crate) fn account(id: u128, code: u16) -> NewAccount {
    NewAccount {
        id: AccountId::from_u128(id),
        ledger: 1,
        code,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    }
}

pub(crate) fn transfer(id: u128, debit: u128, credit: u128, amount: u128, code: u16) -> NewTransfer {
    let [debit, credit] = [debit, credit].map(AccountId::from_u128);
    NewTransfer::single(TransferId::from_u128(id), debit, credit, amount, 1, code)
}

/// 313 entries: deposits, reservations of every fate, a spent id, and enough movements for a waypoint.
pub(crate) async fn fill(url: &str) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let ledger = SqlLedger::open(url, Arc::clone(&clock) as Arc<dyn Clock>).await.expect("it opens");
    ledger.create_accounts(vec![account(1, 2), account(2, 3), account(3, 5)]).await.expect("an answer");
    let batch = vec![
        transfer(1, 1, 2, 1000, 2),
        transfer(2, 3, 2, 50, 1),
        transfer(3, 2, 3, 20, 1).into_pending(60),
        transfer(4, 2, 3, 30, 1).into_pending(60),
        transfer(5, 2, 3, 40, 1).into_pending(60),
        transfer(6, 2, 3, 1, 1).into_pending(600),
        NewTransfer::post(TransferId::from_u128(7), TransferId::from_u128(3)),
        NewTransfer::void(TransferId::from_u128(8), TransferId::from_u128(4)),
        transfer(9, 2, 77, 1, 1),
    ];
    ledger.submit(batch).await.expect("an answer");
    clock.advance(Duration::from_mins(1));
    ledger.submit((1000..1300).map(|id| transfer(id, 1, 3, 1, 2)).collect()).await.expect("an answer");
    ledger.close().await;
}

/// The ledger again, some time after it was filled.
pub(crate) async fn reopen(url: &str) -> SqlLedger {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_660_000)));
    SqlLedger::open(url, clock).await.expect("it opens")
}

pub(crate) async fn sqlite() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("ledger.db").display().to_string();
    let url = format!("sqlite:{path}");
    fill(&url).await;
    (folder, path, url)
}

/// A statement that changes one octet of a column in a file.
pub(crate) fn flip(table: &str, column: &str, at: usize, key: &str) -> String {
    format!(
        "UPDATE {table} SET {column} = unhex(substr(hex({column}), 1, 2 * {at}) || \
         CASE substr(hex({column}), 2 * {at} + 1, 2) WHEN '00' THEN '01' ELSE '00' END || \
         substr(hex({column}), 2 * {at} + 3)) WHERE {key}"
    )
}

/// Changes a file behind its owner's back.
pub(crate) fn change(path: &str, statement: &str) {
    rusqlite::Connection::open(path).expect("it opens").execute_batch(statement).expect(statement);
}
