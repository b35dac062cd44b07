//! The law, row by row: each transfer with the result it must have.
//!
//! Broader runs against an independent model are in `ledger-conformance`.

use std::time::Duration;

use clock::Timestamp;
use ledger::CreateTransferResult as R;
use ledger::{AccountFlags, AccountId, CreateAccountResult, Head, NewAccount, NewTransfer, TransferId, WorkingSet};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn account(id: u128, ledger: u32) -> NewAccount {
    NewAccount {
        id: AccountId::from_u128(id),
        ledger,
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    }
}

/// Accounts 1 and 2 without limits, 3 may not be overdrawn, 4 may not be overpaid; 9 is of another ledger.
fn set() -> WorkingSet {
    let mut set = WorkingSet::new(Head::default());
    let mut limited = [account(3, 1), account(4, 1)];
    limited[0].flags.debits_must_not_exceed_credits = true;
    limited[1].flags.credits_must_not_exceed_debits = true;
    let accounts = [account(1, 1), account(2, 1), limited[0], limited[1], account(9, 2)];
    assert_eq!(set.create_accounts(NOW, &accounts), [CreateAccountResult::Created; 5]);
    set
}

fn t(id: u128, debit: u128, credit: u128, amount: u128) -> NewTransfer {
    let [debit, credit] = [debit, credit].map(AccountId::from_u128);
    NewTransfer::single(TransferId::from_u128(id), debit, credit, amount, 1, 1)
}

fn post(id: u128, pending: u128) -> NewTransfer {
    NewTransfer::post(TransferId::from_u128(id), TransferId::from_u128(pending))
}

fn void(id: u128, pending: u128) -> NewTransfer {
    NewTransfer::void(TransferId::from_u128(id), TransferId::from_u128(pending))
}

fn run(set: &mut WorkingSet, rows: &[(NewTransfer, R)]) {
    for (row, (transfer, expected)) in rows.iter().enumerate() {
        assert_eq!(set.create_transfers(NOW, &[*transfer]), [*expected], "row {row}: {transfer:?}");
    }
}

/// Debits pending, debits posted, credits pending, credits posted.
fn balances(set: &WorkingSet, id: u128) -> [u128; 4] {
    let account = set.account(AccountId::from_u128(id)).expect("a known account").account;
    [account.debits_pending, account.debits_posted, account.credits_pending, account.credits_posted]
}

#[test]
fn every_refusal_comes_in_its_order() {
    let with = |mut transfer: NewTransfer, change: fn(&mut NewTransfer)| {
        change(&mut transfer);
        transfer
    };
    let max = u128::MAX;
    run(
        &mut set(),
        &[
            (t(0, 0, 0, 0), R::IdMustNotBeZero),
            (t(max, 0, 0, 0), R::IdMustNotBeIntMax),
            (t(1, 0, 0, 0), R::DebitAccountIdMustNotBeZero),
            (t(1, max, 0, 0), R::DebitAccountIdMustNotBeIntMax),
            (t(1, 1, 0, 0), R::CreditAccountIdMustNotBeZero),
            (t(1, 1, max, 0), R::CreditAccountIdMustNotBeIntMax),
            (t(1, 1, 1, 0), R::AccountsMustBeDifferent),
            (with(t(1, 1, 2, 0), |t| t.pending_id = TransferId::from_u128(5)), R::PendingIdMustBeZero),
            (with(t(1, 1, 2, 0), |t| t.timeout_seconds = 1), R::TimeoutReservedForPendingTransfer),
            (with(t(1, 1, 2, 0), |t| (t.ledger, t.code) = (0, 0)), R::LedgerMustNotBeZero),
            (with(t(1, 1, 2, 0), |t| t.code = 0), R::CodeMustNotBeZero),
            (t(101, 77, 2, 1), R::DebitAccountNotFound),
            (t(102, 1, 77, 1), R::CreditAccountNotFound),
            (t(1, 1, 9, 1), R::AccountsMustHaveTheSameLedger),
            (with(t(1, 1, 2, 1), |t| t.ledger = 2), R::TransferMustHaveTheSameLedgerAsAccounts),
            (t(103, 3, 4, 1), R::ExceedsCredits),
            (t(104, 1, 4, 1), R::ExceedsDebits),
            (t(104, 1, 2, 1), R::IdAlreadyFailed),
            (t(1, 1, 2, 0), R::Created),
            (t(1, 1, 2, 0), R::Exists),
        ],
    );
}

#[test]
fn a_repetition_learns_what_differs() {
    let original = {
        let mut transfer = t(1, 1, 2, 10).into_pending(60);
        (transfer.user_data_128, transfer.user_data_64, transfer.user_data_32) = (7, 8, 9);
        transfer
    };
    let but = |change: fn(&mut NewTransfer)| {
        let mut transfer = original;
        change(&mut transfer);
        transfer
    };
    run(
        &mut set(),
        &[
            (original, R::Created),
            (but(|t| t.flags.pending = false), R::ExistsWithDifferentFlags),
            (but(|t| t.pending_id = TransferId::from_u128(3)), R::ExistsWithDifferentPendingId),
            (but(|t| t.timeout_seconds = 61), R::ExistsWithDifferentTimeout),
            (but(|t| t.debit_account_id = AccountId::from_u128(3)), R::ExistsWithDifferentDebitAccountId),
            (but(|t| t.credit_account_id = AccountId::from_u128(3)), R::ExistsWithDifferentCreditAccountId),
            (but(|t| t.amount = 11), R::ExistsWithDifferentAmount),
            (but(|t| t.user_data_128 = 0), R::ExistsWithDifferentUserData128),
            (but(|t| t.user_data_64 = 0), R::ExistsWithDifferentUserData64),
            (but(|t| t.user_data_32 = 0), R::ExistsWithDifferentUserData32),
            (but(|t| t.ledger = 2), R::ExistsWithDifferentLedger),
            (but(|t| t.code = 2), R::ExistsWithDifferentCode),
            (original, R::Exists),
        ],
    );
}

#[test]
fn a_settlement_is_refused_in_order_and_made_once() {
    let with = |mut transfer: NewTransfer, change: fn(&mut NewTransfer)| {
        change(&mut transfer);
        transfer
    };
    let mut set = set();
    run(
        &mut set,
        &[
            (t(1, 1, 2, 10).into_pending(60), R::Created),
            (t(2, 1, 2, 5), R::Created),
            (with(post(3, 1), |t| t.flags.void_pending_transfer = true), R::FlagsAreMutuallyExclusive),
            (with(post(3, 1), |t| t.flags.pending = true), R::FlagsAreMutuallyExclusive),
            (post(3, 0), R::PendingIdMustNotBeZero),
            (post(3, u128::MAX), R::PendingIdMustNotBeIntMax),
            (post(3, 3), R::PendingIdMustBeDifferent),
            (with(post(3, 1), |t| t.timeout_seconds = 1), R::TimeoutReservedForPendingTransfer),
            (post(30, 99), R::PendingTransferNotFound),
            (post(3, 2), R::PendingTransferNotPending),
            (
                with(post(3, 1), |t| t.debit_account_id = AccountId::from_u128(2)),
                R::PendingTransferHasDifferentDebitAccountId,
            ),
            (
                with(post(3, 1), |t| t.credit_account_id = AccountId::from_u128(1)),
                R::PendingTransferHasDifferentCreditAccountId,
            ),
            (with(post(3, 1), |t| t.ledger = 2), R::PendingTransferHasDifferentLedger),
            (with(post(3, 1), |t| t.code = 2), R::PendingTransferHasDifferentCode),
            (with(post(3, 1), |t| t.amount = 11), R::ExceedsPendingTransferAmount),
            (with(void(3, 1), |t| t.amount = 9), R::PendingTransferHasDifferentAmount),
            (with(post(3, 1), |t| t.amount = 4), R::Created),
            (with(post(3, 1), |t| t.amount = 4), R::Exists),
            (post(3, 1), R::ExistsWithDifferentAmount),
            (post(4, 1), R::PendingTransferAlreadyPosted),
            (void(4, 1), R::PendingTransferAlreadyPosted),
            (t(5, 1, 2, 10).into_pending_for_ever(), R::Created),
            (void(6, 5), R::Created),
            (post(7, 5), R::PendingTransferAlreadyVoided),
        ],
    );
    assert_eq!(balances(&set, 1), [0, 9, 0, 0]);
    assert_eq!(balances(&set, 2), [0, 0, 0, 9]);
}

#[test]
fn a_reservation_holds_until_the_very_millisecond_it_runs_out() {
    let mut set = set();
    let expiry = NOW + Duration::from_mins(1);
    let just_before = expiry - Duration::from_millis(1);
    run(&mut set, &[(t(1, 1, 2, 10).into_pending(60), R::Created), (t(2, 1, 2, 3).into_pending(60), R::Created)]);
    assert!(!set.expire(just_before, TransferId::from_u128(1)));
    assert_eq!(set.create_transfers(just_before, &[post(3, 1)]), [R::Created]);
    assert!(!set.expire(expiry, TransferId::from_u128(1)), "a posted reservation stays posted");
    assert_eq!(set.create_transfers(expiry, &[post(4, 2)]), [R::PendingTransferExpired]);
    assert!(set.expire(expiry, TransferId::from_u128(2)));
    assert!(!set.expire(expiry, TransferId::from_u128(2)), "it expires once");
    assert_eq!(set.create_transfers(expiry, &[void(4, 2)]), [R::PendingTransferExpired]);
    assert_eq!(balances(&set, 1), [0, 10, 0, 0]);
}

#[test]
fn a_chain_stands_or_falls_together_and_leaves_no_trace_when_it_falls() {
    let mut set = set();
    let before = set.head();
    let chain = [t(1, 1, 2, 5).into_linked(), t(2, 1, 1, 5).into_linked(), t(3, 1, 2, 5), t(4, 1, 2, 7)];
    assert_eq!(
        set.create_transfers(NOW, &chain),
        [R::LinkedEventFailed, R::AccountsMustBeDifferent, R::LinkedEventFailed, R::Created]
    );
    assert_eq!(balances(&set, 1), [0, 7, 0, 0]);
    assert_eq!(set.head().seq, before.seq + 1);

    let whole = [t(1, 1, 2, 5).into_linked(), t(3, 1, 2, 5)];
    assert_eq!(set.create_transfers(NOW, &whole), [R::Created, R::Created]);
    assert_eq!(set.create_transfers(NOW, &whole), [R::Exists, R::LinkedEventFailed], "a repetition breaks the chain");
}

#[test]
fn a_chain_left_open_fails_and_a_transient_refusal_in_a_chain_spends_its_own_id_only() {
    let mut set = set();
    assert_eq!(
        set.create_transfers(NOW, &[t(1, 1, 2, 5).into_linked(), t(2, 1, 2, 5).into_linked()]),
        [R::LinkedEventFailed, R::LinkedEventChainOpen]
    );
    assert_eq!(
        set.create_transfers(NOW, &[t(1, 1, 2, 5).into_linked(), t(2, 3, 2, 5)]),
        [R::LinkedEventFailed, R::ExceedsCredits]
    );
    assert_eq!(set.create_transfers(NOW, &[t(1, 1, 2, 5), t(2, 1, 2, 5)]), [R::Created, R::IdAlreadyFailed]);
    assert_eq!(balances(&set, 1), [0, 5, 0, 0]);
}

#[test]
fn a_chain_that_fails_after_a_settlement_leaves_the_reservation_open() {
    let mut set = set();
    run(&mut set, &[(t(1, 1, 2, 10).into_pending(60), R::Created)]);
    assert_eq!(
        set.create_transfers(NOW, &[post(2, 1).into_linked(), t(3, 1, 1, 1)]),
        [R::LinkedEventFailed, R::AccountsMustBeDifferent]
    );
    assert_eq!(balances(&set, 1), [10, 0, 0, 0]);
    run(&mut set, &[(void(4, 1), R::Created)]);
}

#[test]
fn totals_never_overflow() {
    let half = u128::MAX / 2 + 1;
    let mut set = set();
    run(
        &mut set,
        &[
            (t(1, 1, 2, half).into_pending_for_ever(), R::Created),
            (t(2, 1, 2, half).into_pending_for_ever(), R::OverflowsDebitsPending),
            (t(3, 3, 2, half).into_pending_for_ever(), R::OverflowsCreditsPending),
            (t(4, 1, 2, half), R::OverflowsDebits),
            (t(5, 9, 1, half), R::AccountsMustHaveTheSameLedger),
            (t(6, 4, 2, half), R::OverflowsCredits),
            (post(7, 1), R::Created),
            (t(8, 1, 2, half), R::OverflowsDebitsPosted),
            (t(9, 4, 2, half), R::OverflowsCreditsPosted),
        ],
    );
    let at_the_end_of_time = Timestamp::from_millis(i64::MAX);
    let late = set.create_transfers(at_the_end_of_time, &[t(10, 2, 1, 1).into_pending(1)]);
    assert_eq!(late, [R::OverflowsTimeout]);
}

#[test]
fn accounts_are_refused_in_order() {
    use CreateAccountResult as A;
    let mut set = WorkingSet::new(Head::default());
    let but = |change: fn(&mut NewAccount)| {
        let mut account = account(1, 1);
        change(&mut account);
        account
    };
    let both = |a: &mut NewAccount| {
        (a.flags.debits_must_not_exceed_credits, a.flags.credits_must_not_exceed_debits) = (true, true);
    };
    let rows = [
        (but(|a| a.id = AccountId::from_u128(0)), A::IdMustNotBeZero),
        (but(|a| a.id = AccountId::from_u128(u128::MAX)), A::IdMustNotBeIntMax),
        (but(both), A::FlagsAreMutuallyExclusive),
        (but(|a| (a.ledger, a.code) = (0, 0)), A::LedgerMustNotBeZero),
        (but(|a| a.code = 0), A::CodeMustNotBeZero),
        (but(|_| {}), A::Created),
        (but(|a| a.flags.history = true), A::ExistsWithDifferentFlags),
        (but(|a| a.user_data_128 = 1), A::ExistsWithDifferentUserData128),
        (but(|a| a.user_data_64 = 1), A::ExistsWithDifferentUserData64),
        (but(|a| a.user_data_32 = 1), A::ExistsWithDifferentUserData32),
        (but(|a| a.ledger = 2), A::ExistsWithDifferentLedger),
        (but(|a| a.code = 2), A::ExistsWithDifferentCode),
        (but(|_| {}), A::Exists),
    ];
    for (account, expected) in rows {
        assert_eq!(set.create_accounts(NOW, &[account]), [expected], "{account:?}");
    }
    let mut linked = [account(5, 1), account(6, 0)];
    linked[0].flags.linked = true;
    assert_eq!(set.create_accounts(NOW, &linked), [A::LinkedEventFailed, A::LedgerMustNotBeZero]);
    assert!(set.account(AccountId::from_u128(5)).is_none());
}

#[test]
fn every_entry_survives_its_record_and_carries_the_balances_it_left() {
    let mut set = set();
    run(
        &mut set,
        &[
            (t(1, 1, 2, u128::MAX / 3).into_pending(60), R::Created),
            (post(2, 1), R::Created),
            (t(3, 3, 2, 1), R::ExceedsCredits),
            (t(4, 2, 1, 256).into_pending(u32::MAX), R::Created),
        ],
    );
    set.expire(NOW + Duration::from_secs(u64::from(u32::MAX)), TransferId::from_u128(4));
    let entries = set.take_entries();
    assert_eq!(entries.len(), 10);
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry.seq, index as u64 + 1);
        let mut octets = Vec::new();
        entry.encode(&mut octets);
        assert_eq!(ledger::Entry::decode(entry.seq, &octets).as_ref(), Ok(entry));
        for cut in 0..octets.len() {
            assert!(ledger::Entry::decode(entry.seq, &octets[..cut]).is_err(), "cut at {cut}");
        }
        octets.push(0);
        assert!(ledger::Entry::decode(entry.seq, &octets).is_err());
    }
    let ledger::Event::Moved(last) = entries[9].event else { panic!("an expiry is a movement") };
    assert_eq!(last.cause, ledger::Cause::Expired { pending: 9 });
    assert_eq!((last.debit.previous, last.debit.ordinal), (9, 4));
    assert_eq!(last.debit.balances, set.account(AccountId::from_u128(2)).unwrap().account.balances());
}
