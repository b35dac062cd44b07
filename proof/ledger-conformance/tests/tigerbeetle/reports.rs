//! Queries of the past, and the sums over the cluster's accounts.
//! Transfers are in `law`.

use std::time::Duration;

use clock::{Entropy, SystemEntropy, Timestamp};
use ledger::{
    AccountId, Balances, CreateTransferResult, Ledger, LedgerQueries, NewTransfer, PAGE_MAX, TransferId, TransferState,
};
use ledger_conformance::totals_of_two_ledgers;
use ledger_tigerbeetle::TigerBeetleLedger;
use testkit::{TigerBeetle, eventually};

use crate::{account, fresh_base, ledger_of, names};

/// Unused ledger numbers.
fn fresh_numbers() -> [u32; 2] {
    let octets = SystemEntropy.uuid().into_bytes();
    let number = |at: usize| u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3] | 0x80]);
    [number(0), number(9)]
}

async fn balances(ledger: &TigerBeetleLedger, accounts: [AccountId; 2]) -> [Balances; 2] {
    let found = ledger.accounts(accounts.to_vec()).await.expect("an answer");
    [0, 1].map(|side| found[side].expect("it exists").balances())
}

async fn made_at(ledger: &TigerBeetleLedger, id: TransferId) -> Timestamp {
    ledger.transfers(vec![id]).await.expect("an answer")[0].expect("it was made").timestamp
}

#[tokio::test]
async fn the_past_of_accounts_with_and_without_history_and_of_expired_holds_is_shown() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let ledger = ledger_of(&cluster).await;
    let ([first, second], id) = names(fresh_base());
    let mut with_history = account(first, 1);
    with_history.flags.history = true;
    ledger.create_accounts(vec![with_history, account(second, 1)]).await.expect("an answer");
    let there = |number, amount| NewTransfer::single(id(number), first, second, amount, 1, 1);
    let back = |number, amount| NewTransfer::single(id(number), second, first, amount, 1, 1);
    let steps = [
        there(1, 100),
        back(2, 30).into_pending_for_ever(),
        there(3, 40).into_pending_for_ever(),
        there(4, 20).into_pending(3),
        NewTransfer { amount: 7, ..NewTransfer::post(id(5), id(3)) },
        NewTransfer::void(id(6), id(2)),
        there(7, 1).into_pending_for_ever(),
    ];
    // The state after each step.
    let mut moments: Vec<(Timestamp, [Balances; 2])> = Vec::new();
    for step in steps {
        assert_eq!(ledger.submit(vec![step]).await.expect("an answer"), [CreateTransferResult::Created]);
        moments.push((made_at(&ledger, step.id).await, balances(&ledger, [first, second]).await));
    }
    let held = made_at(&ledger, id(4)).await;
    let after = async || ledger.transfers(vec![id(4)]).await.expect("an answer")[0].expect("made").state;
    eventually("it runs out", async || after().await == TransferState::Expired).await;
    eventually("it is given back", async || balances(&ledger, [first, second]).await[0].debits_pending == 1).await;
    moments.push((held + Duration::from_millis(3001), balances(&ledger, [first, second]).await));
    assert!(moments.is_sorted_by_key(|(at, _)| *at), "the machine is too slow for this test");

    let truth = |at: Timestamp| moments.iter().rev().find(|(since, _)| *since <= at).map(|(_, balances)| *balances);
    let instants = moments.iter().flat_map(|(at, _)| [*at - Duration::from_millis(1), *at]);
    // Within the millisecond of the expiry both answers are correct.
    let instants = instants.filter(|at| *at != held + Duration::from_secs(3));
    for at in instants.chain([held + Duration::from_millis(2999), held + Duration::from_mins(1)]) {
        let expected = truth(at).unwrap_or_default();
        for (side, account) in [first, second].into_iter().enumerate() {
            let told = ledger.balances_at(account, at).await.expect("an answer");
            assert_eq!(told.unwrap_or_default(), expected[side], "side {side} at {at}");
        }
    }
    let hour_before = held - Duration::from_hours(1);
    assert_eq!(ledger.balances_at(first, hour_before).await.expect("an answer"), None);
    assert_eq!(ledger.balances_at(AccountId::from_u128(u128::MAX - 1), held).await.expect("an answer"), None);

    let whole = ledger.account_transfers(first, None, PAGE_MAX).await.expect("an answer");
    let listed: Vec<_> = whole.transfers.iter().map(|transfer| transfer.created.id).collect();
    assert_eq!(listed, (1..=7).rev().map(&id).collect::<Vec<_>>());
    let (mut pages, mut from) = (Vec::new(), None);
    loop {
        let page = ledger.account_transfers(first, from, 2).await.expect("an answer");
        assert!(page.transfers.len() <= 2);
        pages.extend(page.transfers);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(pages, whole.transfers);
}

#[tokio::test]
async fn the_totals_on_tigerbeetle_are_the_sums_of_every_ledger() {
    let Some(cluster) = TigerBeetle::any() else { return };
    let ledger = ledger_of(&cluster).await;
    let totals = totals_of_two_ledgers(&ledger, fresh_base(), fresh_numbers()).await.expect("an answer");
    if cluster.is_own() {
        assert!(totals.of_one_instant && totals.are_balanced(), "{totals:?}");
        assert_eq!(totals.ledgers.len(), 2);
    }
}

#[tokio::test]
async fn the_totals_of_more_accounts_than_an_answer_holds_are_of_one_instant_while_nothing_moves() {
    let Some(cluster) = TigerBeetle::own() else { return };
    let ledger = ledger_of(&cluster).await;
    let base = fresh_base();
    let accounts = (1..=9_000).map(|number| account(AccountId::from_u128(base + number), 3));
    ledger.create_accounts(accounts.collect()).await.expect("an answer");
    let ([debit, credit], id) = names(base);
    ledger.submit(vec![NewTransfer::single(id(1), debit, credit, 5, 3, 1)]).await.expect("an answer");
    let totals = ledger.totals().await.expect("an answer");
    assert!(totals.of_one_instant && totals.are_balanced(), "{totals:?}");
    assert_eq!((totals.ledgers[0].accounts, totals.ledgers[0].sums.debits_posted), (9_000, 5));
}
