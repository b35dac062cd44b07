//! The rules for creating transfers: every refusal in TigerBeetle's order, then the writes, which cannot fail.
//!
//! It stores nothing: engines do.

use clock::Timestamp;

use crate::chain::{Law, execute};
use crate::{Account, Cause, CreateTransferResult, NewTransfer, Recorded, TransferState, WorkingSet};

impl WorkingSet {
    /// Creates transfers in order. A linked chain is created as a whole or not at all. There is one result per request.
    ///
    /// Reservations due at `now` must have been expired before (see [`WorkingSet::expire`]).
    pub fn create_transfers(&mut self, now: Timestamp, transfers: &[NewTransfer]) -> Vec<CreateTransferResult> {
        let law = Law {
            linked: |transfer: &NewTransfer| transfer.flags.linked,
            create,
            refused: |set, now, transfer: &NewTransfer, result: CreateTransferResult| {
                if result.is_transient() {
                    set.spend_id(now, transfer.id);
                }
            },
            created: CreateTransferResult::Created,
            linked_failed: CreateTransferResult::LinkedEventFailed,
            chain_open: CreateTransferResult::LinkedEventChainOpen,
        };
        execute(self, now, transfers, &law)
    }
}

fn create(set: &mut WorkingSet, now: Timestamp, new: &NewTransfer) -> CreateTransferResult {
    use CreateTransferResult as R;
    match new.id.as_u128() {
        0 => return R::IdMustNotBeZero,
        u128::MAX => return R::IdMustNotBeIntMax,
        _ => {}
    }
    match set.transfer(new.id) {
        Some(Recorded::Made { transfer, .. }) => return exists(set, new, &transfer.created),
        Some(Recorded::Spent) => return R::IdAlreadyFailed,
        None => {}
    }
    if new.flags.post_pending_transfer || new.flags.void_pending_transfer {
        settle(set, now, new)
    } else {
        transfer(set, now, new)
    }
}

/// The fault in the fields of a transfer that is neither a post nor a void.
fn fault_of_transfer(new: &NewTransfer) -> Option<CreateTransferResult> {
    use CreateTransferResult as R;
    match new.debit_account_id.as_u128() {
        0 => return Some(R::DebitAccountIdMustNotBeZero),
        u128::MAX => return Some(R::DebitAccountIdMustNotBeIntMax),
        _ => {}
    }
    match new.credit_account_id.as_u128() {
        0 => return Some(R::CreditAccountIdMustNotBeZero),
        u128::MAX => return Some(R::CreditAccountIdMustNotBeIntMax),
        _ => {}
    }

    if new.credit_account_id == new.debit_account_id {
        Some(R::AccountsMustBeDifferent)
    } else if new.pending_id.as_u128() != 0 {
        Some(R::PendingIdMustBeZero)
    } else if !new.flags.pending && new.timeout_seconds != 0 {
        Some(R::TimeoutReservedForPendingTransfer)
    } else if new.ledger == 0 {
        Some(R::LedgerMustNotBeZero)
    } else if new.code == 0 {
        Some(R::CodeMustNotBeZero)
    } else {
        None
    }
}

fn transfer(set: &mut WorkingSet, now: Timestamp, new: &NewTransfer) -> CreateTransferResult {
    use CreateTransferResult as R;
    if let Some(fault) = fault_of_transfer(new) {
        return fault;
    }

    let Some(debit) = set.account(new.debit_account_id) else { return R::DebitAccountNotFound };
    let Some(credit) = set.account(new.credit_account_id) else { return R::CreditAccountNotFound };
    if debit.account.created.ledger != credit.account.created.ledger {
        return R::AccountsMustHaveTheSameLedger;
    }
    if new.ledger != debit.account.created.ledger {
        return R::TransferMustHaveTheSameLedgerAsAccounts;
    }

    if let Some(refusal) = overflow(new, &debit.account, &credit.account) {
        return refusal;
    }
    if new.expires_at(now).is_err() {
        return R::OverflowsTimeout;
    }
    if debit.account.would_exceed_credits(new.amount) {
        return R::ExceedsCredits;
    }
    if credit.account.would_exceed_debits(new.amount) {
        return R::ExceedsDebits;
    }

    // From here it must succeed: every sum below was checked above.
    let pending = new.flags.pending;
    set.add_transfer(now, Cause::Made, *new, |debit, credit| {
        if pending {
            debit.debits_pending += new.amount;
            credit.credits_pending += new.amount;
        } else {
            debit.debits_posted += new.amount;
            credit.credits_posted += new.amount;
        }
    });
    R::Created
}

fn overflow(new: &NewTransfer, debit: &Account, credit: &Account) -> Option<CreateTransferResult> {
    use CreateTransferResult as R;
    let overflows = |total: u128| total.checked_add(new.amount).is_none();
    if new.flags.pending && overflows(debit.debits_pending) {
        Some(R::OverflowsDebitsPending)
    } else if new.flags.pending && overflows(credit.credits_pending) {
        Some(R::OverflowsCreditsPending)
    } else if overflows(debit.debits_posted) {
        Some(R::OverflowsDebitsPosted)
    } else if overflows(credit.credits_posted) {
        Some(R::OverflowsCreditsPosted)
    } else if overflows(debit.debits_pending + debit.debits_posted) {
        Some(R::OverflowsDebits)
    } else if overflows(credit.credits_pending + credit.credits_posted) {
        Some(R::OverflowsCredits)
    } else {
        None
    }
}

/// The fault in the fields of a post or void.
fn fault_of_settlement(new: &NewTransfer) -> Option<CreateTransferResult> {
    use CreateTransferResult as R;
    let flags = new.flags;
    if flags.post_pending_transfer && flags.void_pending_transfer || flags.pending {
        return Some(R::FlagsAreMutuallyExclusive);
    }
    match new.pending_id.as_u128() {
        0 => return Some(R::PendingIdMustNotBeZero),
        u128::MAX => return Some(R::PendingIdMustNotBeIntMax),
        _ => {}
    }
    if new.pending_id == new.id {
        Some(R::PendingIdMustBeDifferent)
    } else if new.timeout_seconds != 0 {
        Some(R::TimeoutReservedForPendingTransfer)
    } else {
        None
    }
}

/// The first difference between a post or void and the transfer that it settles.
fn difference(new: &NewTransfer, pending: &NewTransfer) -> Option<CreateTransferResult> {
    use CreateTransferResult as R;
    let amount = settled_amount(new, pending.amount);
    if new.debit_account_id.as_u128() != 0 && new.debit_account_id != pending.debit_account_id {
        Some(R::PendingTransferHasDifferentDebitAccountId)
    } else if new.credit_account_id.as_u128() != 0 && new.credit_account_id != pending.credit_account_id {
        Some(R::PendingTransferHasDifferentCreditAccountId)
    } else if new.ledger != 0 && new.ledger != pending.ledger {
        Some(R::PendingTransferHasDifferentLedger)
    } else if new.code != 0 && new.code != pending.code {
        Some(R::PendingTransferHasDifferentCode)
    } else if amount > pending.amount {
        Some(R::ExceedsPendingTransferAmount)
    } else if new.flags.void_pending_transfer && amount < pending.amount {
        Some(R::PendingTransferHasDifferentAmount)
    } else {
        None
    }
}

fn settle(set: &mut WorkingSet, now: Timestamp, new: &NewTransfer) -> CreateTransferResult {
    use CreateTransferResult as R;
    if let Some(fault) = fault_of_settlement(new) {
        return fault;
    }

    let Some(Recorded::Made { seq, transfer: reserved }) = set.transfer(new.pending_id).copied() else {
        return R::PendingTransferNotFound;
    };

    let pending = reserved.created;
    if !pending.flags.pending {
        return R::PendingTransferNotPending;
    }
    if let Some(difference) = difference(new, &pending) {
        return difference;
    }

    match reserved.state {
        TransferState::Pending => {}
        TransferState::Posted => return R::PendingTransferAlreadyPosted,
        TransferState::Voided => return R::PendingTransferAlreadyVoided,
        TransferState::Expired => return R::PendingTransferExpired,
        TransferState::Single => return R::PendingTransferNotPending,
    }
    if reserved.expires_at().is_some_and(|at| at <= now) {
        return R::PendingTransferExpired;
    }

    // From here it must succeed: a reservation holds at least what is released and posted.
    let post = new.flags.post_pending_transfer;
    let amount = settled_amount(new, pending.amount);
    set.settle_state(pending.id, if post { TransferState::Posted } else { TransferState::Voided });

    let created = resolved(new, &pending);
    set.add_transfer(now, Cause::Settled { pending: seq }, created, |debit, credit| {
        debit.debits_pending -= pending.amount;
        credit.credits_pending -= pending.amount;
        if post {
            debit.debits_posted += amount;
            credit.credits_posted += amount;
        }
    });
    R::Created
}

/// The amount that a post or void takes out of a reservation of `pending`.
fn settled_amount(new: &NewTransfer, pending: u128) -> u128 {
    let whole = if new.flags.void_pending_transfer { 0 } else { u128::MAX };
    if new.amount == whole { pending } else { new.amount }
}

/// A settlement's field of 0 means the value of the reservation.
fn or_pending<T: Default + PartialEq>(new: T, pending: T) -> T {
    if new == T::default() { pending } else { new }
}

fn exists(set: &WorkingSet, new: &NewTransfer, old: &NewTransfer) -> CreateTransferResult {
    use CreateTransferResult as R;
    if new.flags != old.flags {
        return R::ExistsWithDifferentFlags;
    }
    if new.pending_id != old.pending_id {
        return R::ExistsWithDifferentPendingId;
    }
    if new.timeout_seconds != old.timeout_seconds {
        return R::ExistsWithDifferentTimeout;
    }
    match set.transfer(new.pending_id) {
        Some(Recorded::Made { transfer, .. }) => same_fields(&resolved(new, &transfer.created), old),
        Some(Recorded::Spent) | None => same_fields(new, old),
    }
}

/// A settlement as it is recorded. Its empty fields have the values of the reservation.
fn resolved(new: &NewTransfer, pending: &NewTransfer) -> NewTransfer {
    NewTransfer {
        debit_account_id: or_pending(new.debit_account_id, pending.debit_account_id),
        credit_account_id: or_pending(new.credit_account_id, pending.credit_account_id),
        amount: settled_amount(new, pending.amount),
        ledger: or_pending(new.ledger, pending.ledger),
        code: or_pending(new.code, pending.code),
        user_data_128: or_pending(new.user_data_128, pending.user_data_128),
        user_data_64: or_pending(new.user_data_64, pending.user_data_64),
        user_data_32: or_pending(new.user_data_32, pending.user_data_32),
        ..*new
    }
}

fn same_fields(new: &NewTransfer, old: &NewTransfer) -> CreateTransferResult {
    use CreateTransferResult as R;
    if new.debit_account_id != old.debit_account_id {
        R::ExistsWithDifferentDebitAccountId
    } else if new.credit_account_id != old.credit_account_id {
        R::ExistsWithDifferentCreditAccountId
    } else if new.amount != old.amount {
        R::ExistsWithDifferentAmount
    } else if new.user_data_128 != old.user_data_128 {
        R::ExistsWithDifferentUserData128
    } else if new.user_data_64 != old.user_data_64 {
        R::ExistsWithDifferentUserData64
    } else if new.user_data_32 != old.user_data_32 {
        R::ExistsWithDifferentUserData32
    } else if new.ledger != old.ledger {
        R::ExistsWithDifferentLedger
    } else if new.code != old.code {
        R::ExistsWithDifferentCode
    } else {
        R::Exists
    }
}
