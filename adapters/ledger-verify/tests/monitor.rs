//! A monitor reports nothing about a correct ledger in use, and reports every falsified value once.
//! The full replay is tested in `verify`.

mod stored;

use std::collections::BTreeSet;

use ledger::{Ledger, chain_hash};
use ledger_verify::{Alarm, AlarmKind, ConservationMonitor, Scan, ScanLimits, VerifyError};
use rusqlite::Connection as File;
use sqlx::{Connection, Executor, PgConnection};
use testkit::TestDatabase;

use crate::stored::{account, change, fill, flip, reopen, sqlite, transfer};

/// Far below what the ledger holds, so that nothing is covered by one scan.
const FEW: ScanLimits = ScanLimits { new_entries: 20, old_entries: 50, accounts: 2 };
/// Looks that together cover everything twice.
const ROUNDS: usize = 16;

fn monitor(url: &str) -> ConservationMonitor {
    ConservationMonitor::within(url, FEW).expect("the URL is a ledger's")
}

async fn scan(monitor: &mut ConservationMonitor) -> Scan {
    monitor.scan().await.expect("it can be read")
}

/// All alarms of a monitor in two rounds over everything.
async fn new_alarms(monitor: &mut ConservationMonitor) -> Vec<Alarm> {
    let mut new_alarms = Vec::new();
    for _ in 0..ROUNDS {
        new_alarms.extend(scan(monitor).await.alarms);
    }
    new_alarms
}

fn kinds(alarms: &[Alarm]) -> BTreeSet<AlarmKind> {
    alarms.iter().map(|alarm| alarm.kind).collect()
}

async fn is_silent_and_bounded_while_money_moves(url: &str) {
    let ledger = reopen(url).await;
    let mut monitor = monitor(url);
    assert_eq!(scan(&mut monitor).await.new_entries, 0, "what is there at first is the past");
    ledger.create_accounts((10..30).map(|id| account(id, 1)).collect()).await.expect("an answer");
    let mut read = 0;
    for round in 0..40 {
        let id = 10_000 + round * 10;
        let batch = vec![
            transfer(id, 1, 10 + round % 20, 7, 2),
            transfer(id + 1, 2, 3, 1, 1).into_pending(60),
            ledger::NewTransfer::post(ledger::TransferId::from_u128(id + 2), ledger::TransferId::from_u128(id + 1)),
        ];
        ledger.submit(batch).await.expect("an answer");
        let seen = scan(&mut monitor).await;
        assert_eq!((seen.alarms.as_slice(), seen.faults), (&[][..], 0));
        assert!(seen.new_entries <= 22 && seen.old_entries <= 50 && seen.accounts <= 2, "{seen:?}");
        read += seen.new_entries;
    }
    assert_eq!(read, 20 + 3 * 40, "every new entry was read once");
    ledger.close().await;
}

#[tokio::test]
async fn over_a_file_in_use_a_monitor_is_silent_and_each_scan_is_bounded() {
    let (_folder, _, url) = sqlite().await;
    is_silent_and_bounded_while_money_moves(&url).await;
}

#[tokio::test]
async fn over_postgres_in_use_a_monitor_is_silent_and_each_scan_is_bounded() {
    let Some(database) = TestDatabase::postgres().await else { return };
    fill(database.url()).await;
    is_silent_and_bounded_while_money_moves(database.url()).await;
}

#[tokio::test]
async fn a_monitor_that_is_behind_says_so_and_catches_up() {
    let (_folder, _, url) = sqlite().await;
    let ledger = reopen(&url).await;
    let mut monitor = monitor(&url);
    scan(&mut monitor).await;
    ledger.submit((5000..5050).map(|id| transfer(id, 1, 3, 1, 2)).collect()).await.expect("an answer");
    let seen: Vec<_> = [scan(&mut monitor).await, scan(&mut monitor).await, scan(&mut monitor).await].into();
    assert_eq!(seen.iter().map(|scan| scan.behind).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(seen.iter().map(|scan| scan.new_entries).sum::<u64>(), 50);
    assert!(seen[0].accounts == 0 && seen[2].accounts > 0, "accounts are read where the journal was read to its end");
    ledger.close().await;
}

/// One octet, row or column of every table, and the alarm it causes.
fn changes() -> Vec<(String, &'static [AlarmKind])> {
    use AlarmKind::{AccountDiffers, EntriesMissing, EntryChanged, IndexDiffers, NotConserved};
    let two = "hex(id) LIKE '%02'";
    let decided = "pending = (SELECT min(pending) FROM settlements)";
    vec![
        (flip("journal", "record", 0, "seq = 1"), &[EntryChanged]),
        (flip("journal", "record", 30, "seq = 200"), &[EntryChanged]),
        (flip("journal", "hash", 0, "seq = 200"), &[EntryChanged]),
        (flip("journal", "hash", 31, "seq = 313"), &[EntryChanged]),
        ("DELETE FROM journal WHERE seq = 100".to_owned(), &[EntriesMissing]),
        ("UPDATE journal SET seq = -1 WHERE seq = 7".to_owned(), &[EntriesMissing]),
        // The account's kind, which no movement repeats.
        (flip("accounts", "state", 22, two), &[AccountDiffers]),
        ("DELETE FROM accounts WHERE hex(id) LIKE '%03'".to_owned(), &[AccountDiffers, NotConserved]),
        (flip("transfer_ids", "id", 0, "seq = 50"), &[IndexDiffers]),
        ("UPDATE transfer_ids SET seq = seq + 256 WHERE seq = 50".to_owned(), &[IndexDiffers]),
        (format!("UPDATE settlements SET state = 3 - state WHERE {decided}"), &[IndexDiffers]),
        (format!("DELETE FROM settlements WHERE {decided}"), &[IndexDiffers]),
        ("UPDATE timeouts SET expires_at = expires_at + 1".to_owned(), &[IndexDiffers]),
        ("DELETE FROM timeouts".to_owned(), &[IndexDiffers]),
        ("UPDATE waypoints SET seq = seq + 1 WHERE hex(account) LIKE '%01'".to_owned(), &[IndexDiffers]),
        ("UPDATE waypoints SET ordinal = ordinal + 256 WHERE hex(account) LIKE '%03'".to_owned(), &[IndexDiffers]),
    ]
}

#[tokio::test]
async fn every_single_change_in_a_file_is_reported_once_and_with_the_same_name_after_a_restart() {
    let (_folder, path, url) = sqlite().await;
    // The index is written behind the journal; here it is brought up to date, so that it can be damaged.
    let index = "INSERT INTO transfer_ids SELECT substr(record, 11, 16), seq FROM journal
            WHERE hex(substr(record, 1, 1)) = '02' AND hex(substr(record, 10, 1)) <> '02' AND seq <= 300;
        INSERT INTO transfer_ids SELECT substr(record, 10, 16), seq FROM journal
            WHERE hex(substr(record, 1, 1)) = '03' AND seq <= 300;
        UPDATE indexed SET through = 300";
    change(&path, index);
    let sound = std::fs::read(&path).expect("the file can be read");
    assert_eq!(new_alarms(&mut monitor(&url)).await, []);
    for (statement, kinds_told) in changes() {
        std::fs::write(&path, &sound).expect("the file can be written");
        let mut running = monitor(&url);
        scan(&mut running).await;
        change(&path, &statement);
        let alarms = new_alarms(&mut running).await;
        assert_eq!(kinds(&alarms), kinds_told.iter().copied().collect(), "{statement}: {alarms:?}");
        assert_eq!(alarms.len(), kinds_told.len(), "{statement}: {alarms:?}");
        assert_eq!(new_alarms(&mut running).await, [], "{statement}: reported twice");
        assert!(scan(&mut running).await.faults <= alarms.len() as u64);
        let again: BTreeSet<_> = new_alarms(&mut monitor(&url)).await.into_iter().map(|alarm| alarm.id).collect();
        assert_eq!(again, alarms.iter().map(|alarm| alarm.id).collect(), "{statement}: another name after a restart");
    }
}

#[tokio::test]
async fn an_account_stored_under_another_id_is_reported_as_unknown_and_as_missing() {
    let (_folder, path, url) = sqlite().await;
    change(&path, &flip("accounts", "id", 3, "hex(id) LIKE '%02'"));
    let alarms = new_alarms(&mut monitor(&url)).await;
    assert_eq!((kinds(&alarms), alarms.len()), ([AlarmKind::AccountDiffers].into(), 2), "{alarms:?}");
}

#[tokio::test]
async fn a_changed_balance_breaks_the_sum_and_two_that_cancel_out_are_reported_too() {
    let (_folder, path, url) = sqlite().await;
    // Account 3 has 1 of pending credits and 1 of pending debits of account 2 stands against it.
    let last_octet = |id: &str, value: &str| {
        format!(
            "UPDATE accounts SET state = unhex(substr(hex(state), 1, 2 * (length(state) - 1)) || '{value}') WHERE hex(id) LIKE '%{id}'"
        )
    };
    let octet = |id: &str| -> u8 {
        let query = format!("SELECT state FROM accounts WHERE hex(id) LIKE '%{id}'");
        let state: Vec<u8> = File::open(&path).unwrap().query_row(&query, [], |row| row.get(0)).unwrap();
        *state.last().unwrap()
    };
    // The last octet of a state is the lowest of the posted credits.
    let (two, three) = (octet("02"), octet("03"));
    change(&path, &last_octet("02", &format!("{:02x}", two.wrapping_add(1))));
    let alone = new_alarms(&mut monitor(&url)).await;
    assert_eq!(kinds(&alone), [AlarmKind::AccountDiffers, AlarmKind::NotConserved].into());
    assert!(alone.iter().any(|alarm| alarm.reason.contains("debits less credits are -1 posted")), "{alone:?}");
    change(&path, &last_octet("03", &format!("{:02x}", three.wrapping_sub(1))));
    let both = new_alarms(&mut monitor(&url)).await;
    assert_eq!(kinds(&both), [AlarmKind::AccountDiffers].into());
    assert_eq!(both.len(), 2, "{both:?}");
}

#[tokio::test]
async fn newest_entries_that_vanish_or_become_others_are_reported_by_a_monitor_that_saw_them() {
    let (_folder, path, url) = sqlite().await;
    let sound = std::fs::read(&path).expect("the file can be read");
    let mut running = monitor(&url);
    scan(&mut running).await;
    change(&path, "DELETE FROM journal WHERE seq > 311");
    let alarms = scan(&mut running).await.alarms;
    assert!(kinds(&alarms).contains(&AlarmKind::JournalShortened), "{alarms:?}");

    std::fs::write(&path, &sound).expect("the file can be written");
    let mut running = monitor(&url);
    scan(&mut running).await;
    rewrite_last(&path, |record| record[8] ^= 1);
    let alarms = scan(&mut running).await.alarms;
    assert!(kinds(&alarms).contains(&AlarmKind::JournalRewritten), "{alarms:?}");
}

#[tokio::test]
async fn a_new_entry_that_makes_money_is_reported_although_its_hash_chain_is_correct() {
    let (_folder, path, url) = sqlite().await;
    let mut running = monitor(&url);
    // Not yet seen when it is falsified: the last octet is the lowest of the credit account's posted credits.
    change(&path, "CREATE TABLE later AS SELECT * FROM journal WHERE seq = 313; DELETE FROM journal WHERE seq = 313");
    scan(&mut running).await;
    change(&path, "INSERT INTO journal SELECT * FROM later; DROP TABLE later");
    rewrite_last(&path, |record| *record.last_mut().unwrap() ^= 1);
    let alarms = scan(&mut running).await.alarms;
    assert!(alarms.iter().any(|alarm| alarm.kind == AlarmKind::EntryUnlawful && alarm.reason.contains("entry 313")));
}

/// Falsifies the last entry with a correct hash, like an attacker with knowledge of the chain.
fn rewrite_last(path: &str, falsify: impl Fn(&mut Vec<u8>)) {
    let file = File::open(path).expect("it opens");
    let row = |seq: u64| -> ([u8; 32], Vec<u8>) {
        let query = "SELECT hash, record FROM journal WHERE seq = ?1";
        file.query_row(query, [seq], |row| Ok((row.get(0)?, row.get(1)?))).expect("the entry is there")
    };
    let (before, _) = row(312);
    let (_, mut record) = row(313);
    falsify(&mut record);
    let hash = chain_hash(&before, 313, &record);
    file.execute("UPDATE journal SET hash = ?1, record = ?2 WHERE seq = 313", (hash, record)).expect("it changes");
}

#[tokio::test]
async fn every_single_change_on_postgres_is_reported_once() {
    use AlarmKind::{AccountDiffers, EntriesMissing, EntryChanged, HeadDiffers, IndexDiffers, NotConserved};
    let flip = |column: &str, at: usize| format!("{column} = set_byte({column}, {at}, get_byte({column}, {at}) # 1)");
    let (record, hash, state) = (flip("record", 20), flip("hash", 31), flip("state", 22));
    let two = "id = '00000000-0000-0000-0000-000000000002'";
    let changes: [(String, &[AlarmKind]); 9] = [
        (format!("UPDATE ledger_journal SET {record} WHERE seq = 40"), &[EntryChanged]),
        (format!("UPDATE ledger_journal SET {hash} WHERE seq = 200"), &[EntryChanged]),
        ("DELETE FROM ledger_journal WHERE seq = 100".to_owned(), &[EntriesMissing]),
        (format!("UPDATE ledger_head SET {hash}"), &[HeadDiffers]),
        (format!("UPDATE ledger_accounts SET {state} WHERE {two}"), &[AccountDiffers]),
        (format!("DELETE FROM ledger_accounts WHERE {two}"), &[AccountDiffers, NotConserved]),
        ("UPDATE ledger_transfer_ids SET seq = seq + 1 WHERE seq = 50".to_owned(), &[IndexDiffers]),
        ("DELETE FROM ledger_settlements WHERE state = 1".to_owned(), &[IndexDiffers]),
        ("DELETE FROM ledger_timeouts".to_owned(), &[IndexDiffers]),
    ];
    for (statement, kinds_told) in changes {
        let Some(database) = TestDatabase::postgres().await else { return };
        fill(database.url()).await;
        let mut running = monitor(database.url());
        scan(&mut running).await;
        let mut connection = PgConnection::connect(database.url()).await.expect("it connects");
        connection.execute(sqlx::AssertSqlSafe(statement.clone())).await.expect("it changes");
        let alarms = new_alarms(&mut running).await;
        assert_eq!(kinds(&alarms), kinds_told.iter().copied().collect(), "{statement}: {alarms:?}");
        assert_eq!(alarms.len(), kinds_told.len(), "{statement}: {alarms:?}");
        assert_eq!(new_alarms(&mut running).await, [], "{statement}: reported twice");
    }
}

#[tokio::test]
async fn of_two_monitors_of_one_ledger_on_postgres_one_watches_and_the_other_takes_over() {
    let Some(database) = TestDatabase::postgres().await else { return };
    fill(database.url()).await;
    let (mut first, mut second) = (monitor(database.url()), monitor(database.url()));
    assert!(!scan(&mut first).await.watched_elsewhere);
    assert!(scan(&mut second).await.watched_elsewhere);
    assert!(!scan(&mut first).await.watched_elsewhere, "the watcher stays the watcher");
    drop(first);
    let taking_over = async {
        while scan(&mut second).await.watched_elsewhere {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), taking_over).await.expect("it takes over");
    assert_eq!(new_alarms(&mut second).await, []);
}

#[test]
fn a_ledger_in_memory_is_refused_because_no_other_process_can_see_it() {
    assert!(matches!(ConservationMonitor::new("sqlite::memory:"), Err(VerifyError::InMemory)));
}

#[tokio::test]
async fn a_scan_that_fails_says_why_and_the_next_one_goes_on() {
    let (folder, path, url) = sqlite().await;
    let mut running = monitor(&url);
    scan(&mut running).await;
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).expect("the file can be moved");
    assert!(matches!(running.scan().await, Err(VerifyError::Unavailable(_))));
    std::fs::rename(&elsewhere, &path).expect("the file can be moved back");
    assert_eq!(new_alarms(&mut running).await, []);
}
