//! The cluster answers like the model: one request at a time, concurrently, and in batches longer than a request.
//! A cluster that does not answer is in `absence`.

use std::sync::Arc;

use clock::{Clock, ManualClock, SystemClock};
use ledger::{AccountId, CreateAccountResult, CreateTransferResult, Ledger, NewTransfer, TransferId, TransferState};
use ledger_conformance::{Scope, callers_at_once, payers_at_once, same_answers};
use testkit::{TigerBeetle, eventually};

use crate::{account, fresh_base, ledger_of, names};

#[tokio::test]
async fn the_ledger_on_tigerbeetle_answers_like_the_model() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let clock = ManualClock::at(SystemClock.now());
    for seed in 0..25 {
        let scope = Scope { base: fresh_base(), time: false };
        let ledger = ledger_of(&cluster).await;
        same_answers(ledger, &clock, seed, 120, scope, async |ledger| ledger).await.expect("the cluster answers");
    }
}

#[tokio::test]
async fn callers_at_once_on_tigerbeetle_move_exactly_what_they_were_told() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let engines: [Arc<dyn Ledger>; 2] = [Arc::new(ledger_of(&cluster).await), Arc::new(ledger_of(&cluster).await)];
    callers_at_once(&engines, 64, fresh_base()).await.expect("the cluster answers");
}

#[tokio::test]
async fn payers_at_once_on_tigerbeetle_pay_what_is_expected() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let engines: [Arc<dyn Ledger>; 2] = [Arc::new(ledger_of(&cluster).await), Arc::new(ledger_of(&cluster).await)];
    let base = fresh_base();
    // The settlement account's id is the ledger number, so that must be new as well.
    let number = u32::try_from(base >> 64 & 0x3fff_ffff).expect("30 bits") + 1_000;
    payers_at_once(&engines, 16, base, number).await.expect("the cluster answers");
}

#[tokio::test]
async fn a_batch_longer_than_a_request_is_cut_between_its_chains() {
    const COUNT: u128 = 9_000;
    let Some(cluster) = TigerBeetle::any() else { return };
    let ledger = ledger_of(&cluster).await;
    let base = fresh_base();
    let number = |number: u128| AccountId::from_u128(base + number);
    let accounts: Vec<_> = (0..COUNT).map(|n| account(number(n + 1), 1)).collect();
    let created = ledger.create_accounts(accounts.clone()).await.expect("an answer");
    assert_eq!(created, vec![CreateAccountResult::Created; accounts.len()]);
    assert!(
        ledger.create_accounts(accounts).await.expect("an answer").iter().all(|r| *r == CreateAccountResult::Exists)
    );

    // Chains of three; the second transfer of the last one is refused, and with it the chain.
    let transfers: Vec<_> = (0..COUNT)
        .map(|n| {
            let credit = if n == COUNT - 2 { AccountId::from_u128(base + COUNT + 9) } else { number(n + 1) };
            let id = TransferId::from_u128(base + (1 << 32) + n);
            let transfer = NewTransfer::single(id, number((n + 1) % COUNT + 1), credit, 1, 1, 1);
            if n % 3 == 2 { transfer } else { transfer.into_linked() }
        })
        .collect();
    let made = ledger.submit(transfers).await.expect("an answer");
    let (chains, last) = made.split_at(made.len() - 3);
    assert!(chains.iter().all(|result| *result == CreateTransferResult::Created));
    use CreateTransferResult as R;
    assert_eq!(last, [R::LinkedEventFailed, R::CreditAccountNotFound, R::LinkedEventFailed]);
    let ids = (0..COUNT).map(|n| number(n + 1)).collect();
    let found = ledger.accounts(ids).await.expect("an answer");
    let debits: u128 = found.iter().flatten().map(|account| account.debits_posted).sum();
    assert_eq!((found.len(), debits), (9_000, COUNT - 3));

    let endless = (0..COUNT).map(|n| {
        let id = TransferId::from_u128(base + (2 << 32) + n);
        NewTransfer::single(id, number(1), number(2), 1, 1, 1).into_linked()
    });
    let refused = ledger.submit(endless.collect()).await.expect_err("no request holds it");
    assert!(refused.reason.contains("chain"), "{refused}");
}

#[tokio::test]
async fn a_reservation_runs_out_by_the_clusters_clock() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let ledger = ledger_of(&cluster).await;
    let ([debit, credit], id) = names(fresh_base());
    ledger.create_accounts(vec![account(debit, 1), account(credit, 1)]).await.expect("an answer");
    let hold = NewTransfer::single(id(1), debit, credit, 5, 1, 1).into_pending(1);
    assert_eq!(ledger.submit(vec![hold]).await.expect("an answer"), [CreateTransferResult::Created]);
    let state = async || {
        let found = ledger.transfers(vec![id(1)]).await.expect("an answer");
        found[0].expect("it was made").state
    };
    assert_eq!(state().await, TransferState::Pending);
    eventually("it runs out", async || state().await == TransferState::Expired).await;
    let late = vec![NewTransfer::post(id(2), id(1)), NewTransfer::void(id(3), id(1))];
    let refused = ledger.submit(late).await.expect("an answer");
    assert_eq!(refused, [CreateTransferResult::PendingTransferExpired; 2]);
    // The cluster releases an expired reservation a moment later.
    let pending = async || {
        let found = ledger.accounts(vec![debit, credit]).await.expect("an answer");
        found.iter().flatten().map(|account| account.debits_pending + account.credits_pending).sum::<u128>()
    };
    eventually("it is given back", async || pending().await == 0).await;
}

#[tokio::test]
async fn asking_for_a_state_changes_nothing() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let ledger = ledger_of(&cluster).await;
    let ([debit, credit], id) = names(fresh_base());
    ledger.create_accounts(vec![account(debit, 1), account(credit, 1)]).await.expect("an answer");
    let hold = |number| NewTransfer::single(id(number), debit, credit, 5, 1, 1).into_pending_for_ever();
    ledger.submit(vec![hold(1), hold(2), hold(3)]).await.expect("an answer");
    let settled = vec![NewTransfer::post(id(4), id(2)), NewTransfer::void(id(5), id(3))];
    ledger.submit(settled).await.expect("an answer");
    let accounts = ledger.accounts(vec![debit, credit]).await.expect("an answer");
    for _ in 0..3 {
        let found = ledger.transfers((1..=5).map(&id).collect()).await.expect("an answer");
        let states: Vec<_> = found.into_iter().flatten().map(|transfer| transfer.state).collect();
        use TransferState as S;
        assert_eq!(states, [S::Pending, S::Posted, S::Voided, S::Single, S::Single]);
        assert_eq!(ledger.accounts(vec![debit, credit]).await.expect("an answer"), accounts);
    }
    let posted = ledger.submit(vec![NewTransfer::post(id(6), id(1))]).await.expect("an answer");
    assert_eq!(posted, [CreateTransferResult::Created]);
}
