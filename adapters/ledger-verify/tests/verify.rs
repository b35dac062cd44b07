//! A sound ledger is found sound, and whatever is changed in its tables is noticed, on both databases.
//! The monitor that runs all the time is tested in `monitor`.

mod stored;

use std::time::Duration;

use clock::Timestamp;
use ledger::{AccountId, Ledger, LedgerQueries};
use ledger_sql::Journal;
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
async fn every_change_in_a_file_is_noticed() {
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

/// Every file of a folder with its content.
fn folder(path: &std::path::Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(path)
        .expect("a folder")
        .map(|entry| entry.expect("a file"))
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("it can be read")))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_changed_balance_is_told_in_words() {
    let (_folder, path, url) = sqlite().await;
    let totals: Vec<u8> = {
        let connection = rusqlite::Connection::open(&path).expect("it opens");
        connection
            .query_row("SELECT state FROM accounts WHERE hex(id) LIKE '%02'", [], |row| row.get(0))
            .expect("a row")
    };
    let before = ledger::AccountState::decode(&totals).expect("a state");
    let after = ledger::Account { credits_posted: before.account.credits_posted + 114, ..before.account };
    let mut state = Vec::new();
    ledger::AccountState { account: after, ..before }.encode(&mut state);
    change(&path, &format!("UPDATE accounts SET state = x'{}' WHERE hex(id) LIKE '%02'", hex::encode(state)));
    let report = verify(&url).await.expect("it can be read");
    let (stored, journal) = (after.credits_posted, before.account.credits_posted);
    let expected = format!("account {}: stored {stored} credited, journal says {journal}", before.account.created.id);
    assert_eq!(report.faults, [expected]);
}

#[tokio::test]
async fn the_evidence_is_left_as_it_is() {
    let (folder_of, _, url) = sqlite().await;
    let before = folder(folder_of.path());
    assert_sound(&verify(&url).await.expect("it can be read"));
    assert_eq!(folder(folder_of.path()), before, "of a ledger at rest");

    // As a process that was killed leaves it: some of it in the log.
    let copies = tempfile::tempdir().expect("a folder");
    let running = reopen(&url).await;
    running.submit(vec![transfer(5000, 1, 2, 1, 2)]).await.expect("an answer");
    for suffix in ["", "-wal", "-shm"] {
        let source = folder_of.path().join(format!("ledger.db{suffix}"));
        std::fs::copy(source, copies.path().join(format!("copy{suffix}"))).expect("a copy");
    }
    running.close().await;
    let url = format!("sqlite:{}", copies.path().join("copy").display());
    let before = folder(copies.path());
    assert_eq!(verify(&url).await.expect("it can be read").entries, 314);
    assert_eq!(folder(copies.path()), before, "of a killed process, with its index");
    std::fs::remove_file(copies.path().join("copy-shm")).expect("it is there");
    let before = folder(copies.path());
    assert_eq!(verify(&url).await.expect("it can be read").entries, 314);
    assert_eq!(folder(copies.path()), before, "of a killed process, without its index");
}

#[tokio::test]
async fn a_database_that_is_no_ledger_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = async |name: &str| {
        let url = format!("sqlite:{}", folder.path().join(name).display());
        verify(&url).await.expect_err("it is no ledger").to_string()
    };
    assert!(error("none.db").await.ends_with("is not a ledger: there is no such file"));
    std::fs::write(folder.path().join("empty.db"), "").expect("a file");
    assert!(error("empty.db").await.ends_with("is not a ledger: the file is empty"));
    std::fs::write(folder.path().join("letter.db"), "Dear Sir or Madam,").expect("a file");
    assert!(error("letter.db").await.ends_with("is not a ledger: it is not a SQLite database"));
    let other = rusqlite::Connection::open(folder.path().join("other.db")).expect("a file");
    other.execute_batch("CREATE TABLE customers (id)").expect("a table");
    assert!(error("other.db").await.contains("without a ledger's journal"));
    assert!(!folder.path().join("none.db").exists());
    if let Some(database) = TestDatabase::postgres().await {
        let error = verify(database.url()).await.expect_err("it is no ledger").to_string();
        assert!(error.contains("is not a ledger: it has no journal"), "{error}");
    }
}

/// Commands read the journal, because a ledger in a file belongs to one process.
async fn assert_same_past(url: &str) {
    let ledger = reopen(url).await;
    let mut journal = Journal::open(url).await.expect("it can be read");
    let entries = journal.page(0, 1000).await.expect("it can be read");
    assert_eq!(entries.len(), 313);
    let mut instants: Vec<Timestamp> = entries.iter().map(|found| found.entry.timestamp).collect();
    instants.dedup();
    let mut told = 0;
    for at in instants.iter().flat_map(|at| [*at - Duration::from_millis(1), *at, *at + Duration::from_millis(1)]) {
        for id in [1, 2, 3].map(AccountId::from_u128) {
            let states = journal.accounts(&[id]).await.expect("it can be read");
            let read = journal.balances_at(&states[0], at).await.expect("it can be read");
            assert_eq!(read, ledger.balances_at(id, at).await.expect("an answer"), "{id} at {at}");
            told += usize::from(read.is_some_and(|balances| balances.credits_posted > 0));
        }
    }
    assert!(told > 0, "some balances are not zero");
    ledger.close().await;
}

#[tokio::test]
async fn a_file_tells_the_same_past_as_its_ledger() {
    let (_folder, _, url) = sqlite().await;
    assert_same_past(&url).await;
}

#[tokio::test]
async fn a_server_tells_the_same_past_as_its_ledger() {
    let Some(database) = TestDatabase::postgres().await else { return };
    fill(database.url()).await;
    assert_same_past(database.url()).await;
}
