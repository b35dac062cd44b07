//! A sound ledger is found sound, and whatever is changed in its tables is noticed, on both databases.

mod stored;

use ledger::Ledger;
use ledger_verify::{Report, verify};
use sqlx::{Connection, Executor, PgConnection};
use testkit::TestDatabase;

use crate::stored::{change, fill, flip, reopen, sqlite, transfer};

fn assert_sound(report: &Report) {
    assert_eq!((&report.first_bad, report.faults.as_slice()), (&None, &[][..]));
    assert!(report.sound);
    assert_eq!((report.entries, report.accounts, report.pending_transfers), (313, 3, 1));
    assert_eq!(report.peer_movement, "30");
    let totals = &report.ledgers[0];
    assert_eq!((totals.debits_posted, totals.debits_pending), (1370, 1));
    assert_eq!((totals.credits_posted, totals.credits_pending), (1370, 1));
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
    let ledger = reopen(&url).await;
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
    let flip = "UPDATE ledger_journal SET record = set_byte(record, 20, get_byte(record, 20) # 1) WHERE seq = 40";
    let mut connection = PgConnection::connect(database.url()).await.expect("it connects");
    connection.execute(flip).await.expect("one row changes");
    let report = verify(database.url()).await.expect("it can be read");
    assert_eq!(report.first_bad.expect("it is noticed").seq, 40);
}

/// Each statement changes a sound file in one place.
#[tokio::test]
async fn whatever_is_changed_in_a_file_is_noticed() {
    let (_folder, path, url) = sqlite().await;
    let sound = std::fs::read(&path).expect("the file can be read");
    let journal = [
        (flip("journal", "record", 0, "seq = 1"), 1),
        (flip("journal", "record", 30, "seq = 200"), 200),
        (flip("journal", "hash", 31, "seq = 313"), 313),
        ("DELETE FROM journal WHERE seq = 100".to_owned(), 100),
        ("UPDATE journal SET seq = -1 WHERE seq = 7".to_owned(), 1),
    ];
    for (statement, seq) in journal {
        std::fs::write(&path, &sound).expect("the file can be written");
        change(&path, &statement);
        let report = verify(&url).await.expect("it can be read");
        assert!(!report.sound);
        assert_eq!(report.first_bad.expect(&statement).seq, seq, "{statement}");
    }
    let tables = [
        flip("accounts", "state", 40, "hex(id) LIKE '%02'"),
        "DELETE FROM accounts WHERE hex(id) LIKE '%03'".to_owned(),
        "DELETE FROM journal WHERE seq = 313".to_owned(),
        "DELETE FROM settlements WHERE pending = (SELECT min(pending) FROM settlements)".to_owned(),
        "UPDATE settlements SET state = 3 WHERE state = 1".to_owned(),
        "DELETE FROM timeouts".to_owned(),
        "INSERT INTO timeouts VALUES (5, 5)".to_owned(),
        "UPDATE waypoints SET seq = seq + 1".to_owned(),
        "INSERT INTO transfer_ids VALUES (x'00000000000000000000000000000001', 5)".to_owned(),
    ];
    for statement in tables {
        std::fs::write(&path, &sound).expect("the file can be written");
        change(&path, &statement);
        let report = verify(&url).await.expect("it can be read");
        assert!(!report.sound, "{statement}");
        assert_eq!(report.first_bad, None);
    }
}
