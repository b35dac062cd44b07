//! A sound ledger is found sound, and whatever is changed in its tables is noticed, on both databases.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock, Timestamp};
use ledger::{AccountFlags, AccountId, Ledger, NewAccount, NewTransfer, TransferId};
use ledger_sql::SqlLedger;
use ledger_verify::{ConservationMonitor, Report, verify};
use sqlx::{Connection, Executor, PgConnection};
use testkit::TestDatabase;

fn account(id: u128, code: u16) -> NewAccount {
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

fn transfer(id: u128, debit: u128, credit: u128, amount: u128, code: u16) -> NewTransfer {
    let [debit, credit] = [debit, credit].map(AccountId::from_u128);
    NewTransfer::single(TransferId::from_u128(id), debit, credit, amount, 1, code)
}

/// Deposits, reservations of every fate, a spent id, and enough movements for a waypoint.
async fn fill(url: &str) {
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

fn assert_sound(report: &Report) {
    assert_eq!((&report.first_bad, report.faults.as_slice()), (&None, &[][..]));
    assert!(report.sound);
    assert_eq!((report.entries, report.accounts, report.pending_transfers), (313, 3, 1));
    assert_eq!(report.peer_movement, "30");
    let totals = &report.ledgers[0];
    assert_eq!((totals.debits_posted, totals.debits_pending), (1370, 1));
    assert_eq!((totals.credits_posted, totals.credits_pending), (1370, 1));
}

async fn sqlite() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("ledger.db").display().to_string();
    let url = format!("sqlite:{path}");
    fill(&url).await;
    (folder, path, url)
}

#[tokio::test]
async fn a_sound_file_is_found_sound_and_its_report_reads_as_json() {
    let (_folder, _, url) = sqlite().await;
    let report = verify(&url).await.expect("it can be read");
    assert_sound(&report);
    let json = serde_json::to_value(&report).expect("it serialises");
    assert_eq!(json["firstBad"], serde_json::Value::Null);
    assert_eq!(json["ledgers"][0]["debitsPosted"], "1370");
    assert_eq!(json["peerMovement"], "30");
}

#[tokio::test]
async fn a_file_in_use_can_be_verified() {
    let (_folder, _, url) = sqlite().await;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_660_000)));
    let ledger = SqlLedger::open(&url, clock).await.expect("it opens");
    assert_sound(&verify(&url).await.expect("it can be read"));
    ledger.submit(vec![transfer(5000, 1, 2, 1, 2)]).await.expect("an answer");
    assert_eq!(verify(&url).await.expect("it can be read").entries, 314);
    ledger.close().await;
}

#[tokio::test]
async fn a_sound_ledger_on_postgres_is_found_sound_and_a_changed_one_is_not() {
    let Some(database) = TestDatabase::postgres().await else { return };
    fill(database.url()).await;
    assert_sound(&verify(database.url()).await.expect("it can be read"));
    let mut monitor = ConservationMonitor::new(database.url());
    assert_eq!(monitor.look().await.expect("it can be read"), []);
    let flip = "UPDATE ledger_journal SET record = set_byte(record, 20, get_byte(record, 20) # 1) WHERE seq = 40";
    let mut connection = PgConnection::connect(database.url()).await.expect("it connects");
    connection.execute(flip).await.expect("one row changes");
    let report = verify(database.url()).await.expect("it can be read");
    assert_eq!(report.first_bad.expect("it is noticed").seq, 40);
    assert_eq!(monitor.look().await.expect("it can be read").len(), 1);
}

/// Each statement changes a sound file in one place.
#[tokio::test]
async fn whatever_is_changed_in_a_file_is_noticed() {
    let (_folder, path, url) = sqlite().await;
    let flip = |table: &str, column: &str, at: usize, key: &str| {
        format!(
            "UPDATE {table} SET {column} = unhex(substr(hex({column}), 1, 2 * {at}) || \
             CASE substr(hex({column}), 2 * {at} + 1, 2) WHEN '00' THEN '01' ELSE '00' END || \
             substr(hex({column}), 2 * {at} + 3)) WHERE {key}"
        )
    };
    let sound = std::fs::read(&path).expect("the file can be read");
    let journal = [
        (flip("journal", "record", 0, "seq = 1"), 1),
        (flip("journal", "record", 30, "seq = 200"), 200),
        (flip("journal", "hash", 31, "seq = 313"), 313),
        ("DELETE FROM journal WHERE seq = 100".to_owned(), 100),
        ("UPDATE journal SET seq = -1 WHERE seq = 7".to_owned(), 1),
    ];
    for (change, seq) in journal {
        std::fs::write(&path, &sound).expect("the file can be written");
        rusqlite::Connection::open(&path).expect("it opens").execute_batch(&change).expect("it changes");
        let report = verify(&url).await.expect("it can be read");
        assert!(!report.sound);
        assert_eq!(report.first_bad.expect(&change).seq, seq, "{change}");
        let alarms = ConservationMonitor::new(&url).look().await.expect("it can be read");
        assert_ne!(alarms, [], "{change}");
    }
    let tables = [
        flip("accounts", "state", 40, "rowid_of_two"),
        "DELETE FROM accounts WHERE hex(id) LIKE '%03'".to_owned(),
        "DELETE FROM journal WHERE seq = 313".to_owned(),
        "DELETE FROM settlements WHERE pending = (SELECT min(pending) FROM settlements)".to_owned(),
        "UPDATE settlements SET state = 3 WHERE state = 1".to_owned(),
        "DELETE FROM timeouts".to_owned(),
        "INSERT INTO timeouts VALUES (5, 5)".to_owned(),
        "UPDATE waypoints SET seq = seq + 1".to_owned(),
        "INSERT INTO transfer_ids VALUES (x'00000000000000000000000000000001', 5)".to_owned(),
    ];
    for change in tables {
        let change = change.replace("rowid_of_two", "hex(id) LIKE '%02'");
        std::fs::write(&path, &sound).expect("the file can be written");
        rusqlite::Connection::open(&path).expect("it opens").execute_batch(&change).expect("it changes");
        let report = verify(&url).await.expect("it can be read");
        assert!(!report.sound, "{change}");
        assert_eq!(report.first_bad, None);
    }
}

#[tokio::test]
async fn a_changed_balance_raises_an_alarm() {
    let (_folder, path, url) = sqlite().await;
    let mut monitor = ConservationMonitor::new(&url);
    assert_eq!(monitor.look().await.expect("it can be read"), []);
    let other =
        "UPDATE accounts SET state = (SELECT state FROM accounts WHERE hex(id) LIKE '%02') WHERE hex(id) LIKE '%03'";
    rusqlite::Connection::open(&path).expect("it opens").execute_batch(other).expect("it changes");
    let alarms = monitor.look().await.expect("it can be read");
    assert!(alarms.iter().any(|alarm| alarm.reason.contains("sum to zero")), "{alarms:?}");
    assert!(alarms.iter().any(|alarm| alarm.reason.contains("stored totals")), "{alarms:?}");
}
