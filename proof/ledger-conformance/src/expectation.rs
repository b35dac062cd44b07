//! Concurrent payers of a payment with an expected amount, and the end of the payment meanwhile.
//!
//! The chains are those of the product, so the test shows that an engine enforces the limit.

use std::sync::Arc;

use futures::future::join_all;
use ledger::{AccountId, CreateAccountResult, CreateTransferResult as R, Ledger, LedgerUnavailable, TransferId};
use payments_model::accounting::{AccountKind, LedgerAsset, Movement, Settling, Side, TransferError};
use payments_model::{AssetId, Expectation, IncomingPaymentId};

/// The money of each payer, and the amount of each credit.
const STAKE: u64 = 1000;
const PART: u64 = 7;

/// Payers on the given engines, which share one ledger, credit one payment with amount and one without until they are
/// refused. The second payment is closed meanwhile. In the end the first has exactly its amount, and the second the
/// total read at its close.
///
/// `number` must be a ledger number of no other account, and `base` the beginning of unused ids.
pub async fn payers_at_once(
    engines: &[Arc<dyn Ledger>],
    payers: u128,
    base: u128,
    number: u32,
) -> Result<(), LedgerUnavailable> {
    let Some(first) = engines.first() else { return Ok(()) };
    let id = |offset: u128| AccountId::from_u128(base + offset).as_uuid();
    let asset = LedgerAsset { id: AssetId::from_uuid(id(1)), ledger: number };
    let payment = |offset: u128| Expectation::new(asset, IncomingPaymentId::from_uuid(id(offset)));
    let (fixed, open) = (payment(2), payment(3));
    let payer = |n: u128| AccountId::from(id(100 + n));

    let mut accounts = asset.own_accounts();
    accounts.extend((0..payers).map(|n| asset.account(payer(n), AccountKind::Outgoing)));
    accounts.extend(fixed.accounts());
    let created = first.create_accounts(accounts).await?;
    assert!(created.iter().all(|result| *result == CreateAccountResult::Created), "{created:?}");
    let again = first.create_accounts(open.accounts()).await?;
    assert_eq!(again, [CreateAccountResult::Exists, CreateAccountResult::Created, CreateAccountResult::Created]);
    let deposits = (0..payers).map(|n| asset.deposit(TransferId::from(id(1000 + n)), payer(n), STAKE));
    assert!(first.submit(deposits.collect()).await?.iter().all(|result| result.is_ok()));
    let expected = STAKE / PART * PART;
    assert_eq!(first.submit(vec![fixed.open(Some(expected), 0)]).await?, [R::Created]);
    assert_eq!(
        first.submit(vec![fixed.open(Some(expected), 0), fixed.never_open()]).await?,
        [R::Exists, R::ExistsWithDifferentAmount]
    );
    assert_eq!(first.submit(vec![open.open(None, 0)]).await?, [R::Created]);

    let credit = |n: u128, round: u128, to: AccountId, of: Expectation| {
        let movement = TransferId::derived_once(id(10_000 + n * 1000 + round), "credit");
        let source = Side { account: payer(n), asset, amount: PART };
        let made = Movement::between(movement, source, Side { account: to, asset, amount: PART }, Settling::AtOnce);
        made.map(|made| made.with_expectation(of.take(movement, 0, PART)))
    };
    let pay = |n: u128, to: AccountId, of: Expectation, first_round: u128| {
        let engine = &engines[usize::try_from(n).unwrap_or(0) % engines.len()];
        async move {
            for round in first_round.. {
                let Ok(movement) = credit(n, round, to, of) else { break };
                let results = engine.submit(movement.legs.clone()).await?;
                match movement.outcome(&results) {
                    Ok(()) => {}
                    Err(TransferError::NotExpected | TransferError::InsufficientBalance) => break,
                    Err(other) => panic!("{other}: {results:?}"),
                }
            }
            Ok::<_, LedgerUnavailable>(())
        }
    };

    let fixed_account = AccountId::from(id(2));
    for paid in join_all((0..payers / 2).map(|n| pay(n, fixed_account, fixed, 0))).await {
        paid?;
    }
    let found = first.accounts(vec![fixed_account, fixed.account()]).await?;
    assert_eq!(found[0].map(|account| account.credits_posted), Some(expected.into()));
    assert_eq!(found[1].map(|account| account.credit_balance()), Some(0));

    let open_account = AccountId::from(id(3));
    let close = async {
        for attempt in 0.. {
            let found = first.accounts(vec![open_account, open.account()]).await?;
            let [Some(account), Some(left)] = found[..] else { panic!("{found:?}") };
            match u64::try_from(left.credit_balance()).unwrap_or(u64::MAX) {
                0 => return Ok(account.credits_posted),
                left => drop(first.submit(open.close(left, attempt)).await?),
            }
        }
        Ok::<_, LedgerUnavailable>(0)
    };
    let (told, paid) = tokio::join!(close, join_all((payers / 2..payers).map(|n| pay(n, open_account, open, 0))));
    for paid in paid {
        paid?;
    }
    let found = first.accounts(vec![open_account]).await?;
    assert_eq!(found[0].map(|account| account.credits_posted), Some(told?));

    // It was never meant to be paid, so it is filled with zero.
    let unpaid = payment(4);
    first.create_accounts(unpaid.accounts()).await?;
    assert_eq!(first.submit(vec![unpaid.never_open(), unpaid.never_open()]).await?, [R::Created, R::Exists]);
    assert_eq!(first.submit(vec![unpaid.open(None, 0)]).await?, [R::ExistsWithDifferentAmount]);
    Ok(())
}
