//! Processes are killed while they commit. Answered transfers are stored exactly once, and the journal is correct.
//! Failing commits without a crash are in `outages`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clock::SystemClock;
use ledger::{AccountId, Ledger, TransferId, TransferState};
use ledger_sql::SqlLedger;
use testkit::TestDatabase;

/// A victim that is killed after at least `answers` answered transfers.
fn killed_after(answers: usize, url: &str, first: u128) -> Vec<u128> {
    let mut victim = victim(url, first);
    let mut lines = BufReader::new(victim.stdout.take().expect("its output is piped")).lines();
    let mut promised: Vec<u128> = lines.by_ref().take(answers).map(|line| created(&line.expect("a line"))).collect();
    victim.kill().expect("it can be killed");
    victim.wait().expect("it ends");
    // The remaining output counts too. Its last line may be cut off.
    promised.extend(lines.map_while(Result::ok).filter(|line| line.ends_with("Created")).map(|line| created(&line)));
    promised
}

fn victim(url: &str, first: u128) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ledger-victim"))
        .args([url, &first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts")
}

fn created(line: &str) -> u128 {
    let (id, result) = line.split_once(' ').expect("an id and a result");
    assert_eq!(result, "Created", "{line}");
    id.parse().expect("a number")
}

/// Every answered transfer is stored, and the balances are the sum of the stored transfers.
async fn nothing_lost_or_doubled(url: &str, promised: &[u128]) {
    assert!(!promised.is_empty());
    let ledger = SqlLedger::open(url, Arc::new(SystemClock)).await.expect("it opens after the crash");
    let ids: Vec<_> = promised.iter().map(|id| TransferId::from_u128(*id)).collect();
    let found = ledger.transfers(ids).await.expect("an answer");
    assert!(found.iter().all(Option::is_some), "a promised transfer is lost");
    let listed = ledger.transfers_of(AccountId::from_u128(1), usize::MAX).await.expect("an answer");
    let count = |state| listed.iter().filter(|transfer| transfer.state == state).count() as u128;
    let accounts = ledger.accounts(vec![AccountId::from_u128(1), AccountId::from_u128(2)]).await.expect("an answer");
    let balances: Vec<_> = accounts.into_iter().flatten().map(|account| account.balances()).collect();
    assert_eq!(
        (balances[0].debits_posted, balances[0].debits_pending),
        (count(TransferState::Posted), count(TransferState::Pending))
    );
    assert_eq!(
        (balances[1].credits_posted, balances[1].credits_pending),
        (balances[0].debits_posted, balances[0].debits_pending)
    );
    ledger.close().await;
    let report = ledger_verify::verify(url).await.expect("it can be read");
    assert!(report.sound, "{report:?}");
}

#[tokio::test]
async fn a_process_killed_on_sqlite_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    let mut promised = Vec::new();
    for (round, answers) in [7, 150, 33, 400].into_iter().enumerate() {
        promised.extend(killed_after(answers, &url, (round as u128 + 1) << 32));
        nothing_lost_or_doubled(&url, &promised).await;
    }
}

/// A limit on file sizes simulates a full disk. A caller with this error has stored nothing.
#[tokio::test]
async fn a_process_whose_disk_is_full_has_answered_nothing_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    for (round, blocks) in [1_000, 2_000, 8_000].into_iter().enumerate() {
        let limits = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let victim = Command::new("sh")
            .args(["-c", &limits, env!("CARGO_BIN_EXE_ledger-victim"), &url, &((round as u128 + 1) << 32).to_string()])
            .output()
            .expect("the victim runs to its end");
        let answers = String::from_utf8(victim.stdout).expect("ids and results");
        let promised: Vec<u128> = answers.lines().map(created).collect();
        nothing_lost_or_doubled(&url, &promised).await;
    }
}

#[tokio::test]
async fn two_processes_on_postgres_of_which_one_is_killed_lose_and_double_nothing() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut promised = Vec::new();
    for round in 0..3u128 {
        let mut survivor = victim(database.url(), (2 * round + 1) << 32);
        promised.extend(killed_after(100, database.url(), (2 * round + 2) << 32));
        let lines = BufReader::new(survivor.stdout.take().expect("its output is piped")).lines();
        promised.extend(lines.take(200).map(|line| created(&line.expect("it goes on"))));
        survivor.kill().expect("it can be killed");
        survivor.wait().expect("it ends");
        nothing_lost_or_doubled(database.url(), &promised).await;
    }
}
