//! Servers are killed and paused, clients are killed and forgotten. Nothing is lost or doubled, and no caller waits for
//! ever.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clock::Stopwatch;
use ledger::{AccountId, CreateTransferResult, Ledger, NewTransfer, TransferId, TransferState};
use ledger_tigerbeetle::TigerBeetleLedger;
use testkit::{TigerBeetle, eventually, until};

use crate::{account, client_of, fresh_base, ledger_of, names};

/// Repeats a transfer with the same id until it is answered: created now, or created by an earlier try without an
/// answer.
async fn until_answered(ledger: &TigerBeetleLedger, transfer: NewTransfer) -> CreateTransferResult {
    let answered = until(Duration::from_mins(2), async || ledger.submit(vec![transfer]).await.ok()).await;
    answered.expect("an answer within two minutes")[0]
}

/// A client that waits at most a second after its session exists, and its accounts.
async fn impatient_client(cluster: &TigerBeetle, accounts: [AccountId; 2]) -> TigerBeetleLedger {
    let accounts = accounts.map(|id| account(id, 1)).to_vec();
    ledger_of(cluster).await.create_accounts(accounts).await.expect("an answer");
    let ledger = client_of(cluster, Duration::from_secs(1)).await;
    // The first request waits for the session, which takes longer on a busy machine.
    eventually("the cluster answers", async || ledger.submit(Vec::new()).await.is_ok()).await;
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_commits_loses_and_doubles_nothing() {
    const CALLERS: u128 = 16;
    const ROUNDS: u128 = 60;
    let Some(mut cluster) = TigerBeetle::own() else { return };
    let ([debit, credit], id) = names(fresh_base());
    let ledger = Arc::new(impatient_client(&cluster, [debit, credit]).await);
    let answered = Arc::new(AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|caller| {
        let (ledger, answered) = (Arc::clone(&ledger), Arc::clone(&answered));
        let ids: Vec<_> = (0..2 * ROUNDS).map(|step| id(caller * 2 * ROUNDS + step)).collect();
        tokio::spawn(async move {
            for ids in ids.chunks(2) {
                let hold = NewTransfer::single(ids[0], debit, credit, 1, 1, 1).into_pending_for_ever();
                for transfer in [hold, NewTransfer::post(ids[1], ids[0])] {
                    let result = until_answered(&ledger, transfer).await;
                    assert!(result.is_ok(), "{result:?}");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for goal in [200, 700, 1300] {
        eventually("work goes on", async || answered.load(Ordering::SeqCst) >= goal).await;
        cluster.kill();
        tokio::task::block_in_place(|| cluster.start());
    }
    for caller in callers {
        caller.await.expect("every caller is answered");
    }
    let found = ledger_of(&cluster).await.accounts(vec![debit, credit]).await.expect("an answer");
    let [debits, credits] = [0, 1].map(|side| found[side].expect("it exists").balances());
    assert_eq!((debits.debits_posted, debits.debits_pending), (CALLERS * ROUNDS, 0));
    assert_eq!((credits.credits_posted, credits.credits_pending), (CALLERS * ROUNDS, 0));
}

#[tokio::test]
async fn a_client_killed_while_it_submits_has_lost_and_doubled_nothing() {
    let Some(cluster) = TigerBeetle::own() else { return };
    let mut promised: Vec<TransferId> = Vec::new();
    for round in 1..=3u128 {
        let mut victim = Command::new(env!("CARGO_BIN_EXE_ledger-victim"))
            .args([&format!("tigerbeetle:{}", cluster.addresses()), &(round << 32).to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the victim starts");
        let lines = BufReader::new(victim.stdout.take().expect("its output is piped")).lines();
        let answers = lines.map_while(Result::ok).take(150 * usize::try_from(round).unwrap_or(1));
        promised.extend(answers.map(|line| {
            let (id, result) = line.split_once(' ').expect("an id and a result");
            assert_eq!(result, "Created", "{line}");
            TransferId::from_u128(id.parse().expect("a number"))
        }));
        victim.kill().expect("it can be killed");
        victim.wait().expect("it ends");
    }
    let ledger = ledger_of(&cluster).await;
    let found = ledger.transfers(promised).await.expect("an answer");
    assert!(found.iter().all(Option::is_some), "a promised transfer is lost");
    let accounts = [1, 2].map(AccountId::from_u128);
    let listed = ledger.transfers_of(accounts[0], usize::MAX).await.expect("an answer");
    let count = |state| listed.iter().filter(|transfer| transfer.state == state).count() as u128;
    let found = ledger.accounts(accounts.to_vec()).await.expect("an answer");
    let [debits, credits] = [0, 1].map(|side| found[side].expect("it exists").balances());
    assert_eq!(
        (debits.debits_posted, debits.debits_pending),
        (count(TransferState::Posted), count(TransferState::Pending))
    );
    assert_eq!((credits.credits_posted, credits.credits_pending), (debits.debits_posted, debits.debits_pending));
}

#[tokio::test]
async fn unanswered_requests_of_a_paused_cluster_take_effect_once_and_callers_get_errors_meanwhile() {
    let Some(cluster) = TigerBeetle::own() else { return };
    let ([debit, credit], id) = names(fresh_base());
    let ledger = impatient_client(&cluster, [debit, credit]).await;

    cluster.pause();
    let transfers = [1, 2, 3].map(|number| NewTransfer::single(id(number), debit, credit, 1, 1, 1));
    for transfer in transfers {
        let refused = ledger.submit(vec![transfer]).await.expect_err("nobody answers");
        assert!(refused.reason.contains("within 1s"), "{refused}");
    }
    let watch = Stopwatch::start();
    let refused = ledger.submit(vec![transfers[0]]).await.expect_err("it is away");
    assert!(refused.reason.contains("has not answered earlier requests"), "{refused}");
    assert!(ledger.accounts(vec![debit]).await.is_err());
    assert!(watch.elapsed() < Duration::from_millis(500), "who asks is told at once");

    cluster.resume();
    eventually("the cluster is back", async || ledger.accounts(vec![debit]).await.is_ok()).await;
    let repeated = ledger.submit(transfers.to_vec()).await.expect("an answer");
    assert_eq!(repeated, [CreateTransferResult::Exists; 3]);
    let found = ledger.accounts(vec![debit]).await.expect("an answer")[0].expect("it exists");
    assert_eq!(found.debits_posted, 3);
}

#[tokio::test]
async fn a_client_the_cluster_has_forgotten_begins_anew() {
    /// More sessions than a cluster keeps.
    const OTHERS: usize = 66;
    let Some(cluster) = TigerBeetle::own() else { return };
    let ledger = ledger_of(&cluster).await;
    let ([debit, credit], id) = names(fresh_base());
    ledger.create_accounts(vec![account(debit, 1), account(credit, 1)]).await.expect("an answer");
    let others = (0..OTHERS).map(async |_| ledger_of(&cluster).await.accounts(vec![debit]).await);
    for looked in futures::future::join_all(others).await {
        assert!(looked.expect("an answer")[0].is_some());
    }
    let transfer = NewTransfer::single(id(1), debit, credit, 1, 1, 1);
    let refused = ledger.submit(vec![transfer]).await.expect_err("its session was ended");
    assert!(refused.reason.contains("ended this session"), "{refused}");
    assert_eq!(ledger.submit(vec![transfer]).await.expect("an answer"), [CreateTransferResult::Created]);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_makes_no_caller_wait_for_ever() {
    // The discard port has no listener.
    let deadline = Duration::from_millis(20);
    let ledger = TigerBeetleLedger::join(0, "127.0.0.1:9", deadline).await.expect("a client can be made");
    let look = async || ledger.accounts(vec![AccountId::from_u128(1)]).await.expect_err("nobody answers").reason;
    for _ in 0..3 {
        let reason = look().await;
        assert!(reason.contains("within"), "{reason}");
    }
    let reason = look().await;
    assert!(reason.contains("has not answered earlier requests"), "{reason}");
    let refused = ledger.submit(Vec::new()).await.expect_err("nobody answers");
    assert!(refused.reason.contains("has not answered earlier requests"), "{refused}");
}
