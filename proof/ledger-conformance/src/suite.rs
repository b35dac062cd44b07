//! The runs: an engine compared with the model, and many concurrent callers.
//!
//! The caller opens an engine and reopens it after a restart.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock};
use ledger::{
    AccountFlags, AccountId, Balances, CreateTransferResult, Ledger, LedgerQueries, LedgerTotals, LedgerUnavailable,
    NewAccount, NewTransfer, Totals, Transfer, TransferId,
};

use crate::{Generator, Model, Scope, Step};

/// Drives the engine and the model through `steps` steps of `seed` and compares every answer.
///
/// `restart` takes the engine and gives one that continues where it stopped.
pub async fn same_answers<L: Ledger, F: Future<Output = L>>(
    mut ledger: L,
    clock: &ManualClock,
    seed: u64,
    steps: usize,
    scope: Scope,
    restart: impl Fn(L) -> F,
) -> Result<L, LedgerUnavailable> {
    let mut model = Model::default();
    let mut generator = Generator::new(seed, scope);

    for step in 0..steps {
        let context = || format!("seed {seed}, step {step}");
        match generator.step() {
            Step::Accounts(batch) => {
                let expected = model.create_accounts(clock.now(), &batch);
                assert_eq!(ledger.create_accounts(batch.clone()).await?, expected, "{}: {batch:#?}", context());
            }
            Step::Transfers(batch) => {
                let expected = model.create_transfers(clock.now(), &batch);
                assert_eq!(ledger.submit(batch.clone()).await?, expected, "{}: {batch:#?}", context());
            }
            Step::Wait(time) => clock.advance(time),
            Step::Look => look(&ledger, &model, clock, scope, &context()).await?,
            Step::Restart => ledger = restart(ledger).await,
        }
    }

    look(&ledger, &model, clock, scope, &format!("seed {seed}, at the end")).await?;
    Ok(ledger)
}

/// Compares the past of two ledgers that had the same requests.
///
/// `told` must return the same as `reference` for every account, page by page and at every instant of its history.
pub async fn same_past(
    told: &dyn LedgerQueries,
    reference: &dyn LedgerQueries,
    accounts: &[AccountId],
) -> Result<(), LedgerUnavailable> {
    for account in accounts {
        let whole = reference.account_transfers(*account, None, ledger::PAGE_MAX).await?.transfers;
        let (mut pages, mut from) = (Vec::new(), None);
        loop {
            let page = told.account_transfers(*account, from, 7).await?;
            pages.extend(page.transfers);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(pages, whole, "{account}");

        for transfer in &whole {
            let made = transfer.timestamp;
            for at in [made - Duration::from_millis(1), made, transfer.expires_at().unwrap_or(made)] {
                let expected = reference.balances_at(*account, at).await?;
                assert_eq!(told.balances_at(*account, at).await?, expected, "{account} at {at}");
            }
        }
    }
    Ok(())
}

async fn look(
    ledger: &dyn Ledger,
    model: &Model,
    clock: &ManualClock,
    scope: Scope,
    context: &str,
) -> Result<(), LedgerUnavailable> {
    let now = clock.now();
    let mut accounts = model.account_ids();
    accounts.push(AccountId::from_u128(scope.base + 99));
    let mut transfers = model.transfer_ids();
    transfers.push(TransferId::from_u128(scope.base + 99));

    let mut expected: Vec<_> = accounts.iter().map(|id| model.account(now, *id)).collect();
    let mut shown = ledger.accounts(accounts).await?;
    if !scope.time {
        shown.iter_mut().chain(&mut expected).flatten().for_each(|account| account.timestamp = now);
    }
    assert_eq!(shown, expected, "{context}");

    let mut expected: Vec<_> = transfers.iter().map(|id| model.transfer(now, *id)).collect();
    let mut shown = ledger.transfers(transfers).await?;
    if !scope.time {
        shown.iter_mut().chain(&mut expected).flatten().for_each(|transfer| transfer.timestamp = now);
    }
    assert_eq!(shown, expected, "{context}");

    look_at_histories(ledger, model, clock, context).await
}

/// Every account returns its transfers, newest first, and only a part of them with a smaller limit.
async fn look_at_histories(
    ledger: &dyn Ledger,
    model: &Model,
    clock: &ManualClock,
    context: &str,
) -> Result<(), LedgerUnavailable> {
    let now = clock.now();
    for account in model.account_ids() {
        let touches = |transfer: &Transfer| {
            let made = transfer.created;
            let settles = made.flags.post_pending_transfer || made.flags.void_pending_transfer;
            !settles && (made.debit_account_id == account || made.credit_account_id == account)
        };

        let recorded = model.transfer_ids().into_iter().filter_map(|id| model.transfer(now, id));
        let mut expected: Vec<_> =
            recorded.filter(touches).map(|transfer| (transfer.created.id, transfer.state)).collect();

        let shown = ledger.transfers_of(account, usize::MAX).await?;
        assert!(shown.is_sorted_by(|newer, older| newer.timestamp >= older.timestamp), "{context}");
        assert_eq!(ledger.transfers_of(account, 3).await?, shown[..shown.len().min(3)], "{context}");
        let mut shown: Vec<_> = shown.iter().map(|transfer| (transfer.created.id, transfer.state)).collect();
        shown.sort_by_key(|(id, _)| *id);
        expected.sort_by_key(|(id, _)| *id);
        assert_eq!(shown, expected, "{context}");
    }
    Ok(())
}

/// A few accounts in two ledgers with known sums, compared with the engine's totals.
///
/// No other account may use `numbers`. Returns everything that the engine answered.
pub async fn totals_of_two_ledgers<L: Ledger + LedgerQueries>(
    ledger: &L,
    base: u128,
    numbers: [u32; 2],
) -> Result<Totals, LedgerUnavailable> {
    let account = |number: u128| AccountId::from_u128(base + number);
    let new = |number: u128| NewAccount {
        id: account(number),
        ledger: if number <= 3 { numbers[0] } else { numbers[1] },
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    };
    ledger.create_accounts((1..=5).map(new).collect()).await?;

    let id = |number: u128| TransferId::from_u128(base + 100 + number);
    let transfer = |number: u128, debit: u128, credit: u128, amount: u128| {
        let number_of_ledger = new(debit).ledger;
        NewTransfer::single(id(number), account(debit), account(credit), amount, number_of_ledger, 1)
    };
    let part = NewTransfer { amount: 5, ..NewTransfer::post(id(6), id(5)) };
    let made = vec![
        transfer(1, 1, 2, 100),
        transfer(2, 2, 3, 40).into_pending_for_ever(),
        transfer(3, 1, 2, 7).into_pending_for_ever(),
        NewTransfer::void(id(4), id(3)),
        transfer(5, 1, 3, 9).into_pending_for_ever(),
        part,
        transfer(7, 4, 5, u128::MAX),
        transfer(8, 5, 4, u128::MAX),
    ];
    assert_eq!(ledger.submit(made).await?, [CreateTransferResult::Created; 8]);

    let totals = ledger.totals().await?;
    assert!(totals.ledgers.is_sorted_by_key(|totals| totals.ledger), "{totals:?}");
    let told = numbers.map(|number| totals.ledgers.iter().find(|totals| totals.ledger == number).copied());

    let sums = |pending, posted| Balances {
        debits_pending: pending,
        debits_posted: posted,
        credits_pending: pending,
        credits_posted: posted,
    };
    let first = LedgerTotals { ledger: numbers[0], accounts: 3, sums: sums(40, 105) };
    // Twice the largest amount is 2 less than 0.
    let second = LedgerTotals { ledger: numbers[1], accounts: 2, sums: sums(0, u128::MAX - 1) };

    assert_eq!(told, [Some(first), Some(second)]);
    Ok(totals)
}

/// Many callers reserve, post and void over few accounts at once, on as many engines as are given, which share
/// one ledger. In the end nothing is overdrawn and the totals are exactly what the answers say.
pub async fn callers_at_once(engines: &[Arc<dyn Ledger>], callers: u128, base: u128) -> Result<(), LedgerUnavailable> {
    const STAKE: u128 = 1000;
    let account = |number: u128| AccountId::from_u128(base + number);
    let new = |number: u128, limited: bool| NewAccount {
        id: account(number),
        ledger: 1,
        code: 1,
        flags: AccountFlags { debits_must_not_exceed_credits: limited, ..AccountFlags::default() },
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    };

    let Some(first) = engines.first() else { return Ok(()) };
    first.create_accounts(vec![new(1, false), new(2, true), new(3, false)]).await?;
    let id = |caller: u128, step: u128| TransferId::from_u128(base + 100 + caller * 100 + step);
    first.submit(vec![NewTransfer::single(id(callers, 0), account(1), account(2), STAKE, 1, 1)]).await?;

    let runs = (0..callers).map(|caller| {
        let engine = &engines[usize::try_from(caller).unwrap_or(0) % engines.len()];
        async move {
            let mut moved = 0;
            for round in 0..4 {
                let hold =
                    NewTransfer::single(id(caller, round * 3), account(2), account(3), 7, 1, 1).into_pending_for_ever();
                if engine.submit(vec![hold]).await? != [CreateTransferResult::Created] {
                    continue;
                }

                let settle = if caller % 3 == 0 { NewTransfer::void } else { NewTransfer::post };
                let settlement = settle(id(caller, round * 3 + 1), hold.id);
                let repeated = engine.submit(vec![settlement, settlement]).await?;
                assert_eq!(repeated, [CreateTransferResult::Created, CreateTransferResult::Exists]);
                moved += if settlement.flags.post_pending_transfer { 7 } else { 0 };
            }
            Ok::<u128, LedgerUnavailable>(moved)
        }
    });
    let moved: u128 = futures::future::try_join_all(runs).await?.into_iter().sum();

    for engine in engines {
        let shown = engine.accounts(vec![account(2), account(3)]).await?;
        let totals: Vec<_> = shown.into_iter().flatten().map(|a| a.balances()).collect();
        assert_eq!(totals.len(), 2);
        assert_eq!((totals[0].debits_pending, totals[0].debits_posted), (0, moved));
        assert_eq!((totals[1].credits_pending, totals[1].credits_posted), (0, moved));
        assert!(moved <= STAKE);
    }
    Ok(())
}
