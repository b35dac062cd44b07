//! Conversion between the ledger's types and the cluster's: the same terms in other types.
//!
//! Instants are nanoseconds there and milliseconds here.

use clock::Timestamp;
use ledger::{
    Account, AccountFlags, AccountId, CreateAccountResult, CreateTransferResult, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferFlags, TransferId, TransferState,
};
use tigerbeetle as tb;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// A result of the same name; one of another name is a newer cluster's.
macro_rules! by_name {
    ($status:expr, $from:ty, $to:ty, [$($name:ident),* $(,)?]) => {
        match $status {
            $(<$from>::$name => Ok(<$to>::$name),)*
            other => Err(LedgerUnavailable { reason: format!("the TigerBeetle cluster answered {other:?}") }),
        }
    };
}

pub(crate) fn account_result(status: tb::CreateAccountStatus) -> Result<CreateAccountResult, LedgerUnavailable> {
    by_name!(
        status,
        tb::CreateAccountStatus,
        CreateAccountResult,
        [
            Created,
            Exists,
            LinkedEventFailed,
            LinkedEventChainOpen,
            IdMustNotBeZero,
            IdMustNotBeIntMax,
            ExistsWithDifferentFlags,
            ExistsWithDifferentUserData128,
            ExistsWithDifferentUserData64,
            ExistsWithDifferentUserData32,
            ExistsWithDifferentLedger,
            ExistsWithDifferentCode,
            FlagsAreMutuallyExclusive,
            LedgerMustNotBeZero,
            CodeMustNotBeZero,
        ]
    )
}

pub(crate) fn transfer_result(status: tb::CreateTransferStatus) -> Result<CreateTransferResult, LedgerUnavailable> {
    by_name!(
        status,
        tb::CreateTransferStatus,
        CreateTransferResult,
        [
            Created,
            Exists,
            LinkedEventFailed,
            LinkedEventChainOpen,
            IdMustNotBeZero,
            IdMustNotBeIntMax,
            IdAlreadyFailed,
            ExistsWithDifferentFlags,
            ExistsWithDifferentPendingId,
            ExistsWithDifferentTimeout,
            ExistsWithDifferentDebitAccountId,
            ExistsWithDifferentCreditAccountId,
            ExistsWithDifferentAmount,
            ExistsWithDifferentUserData128,
            ExistsWithDifferentUserData64,
            ExistsWithDifferentUserData32,
            ExistsWithDifferentLedger,
            ExistsWithDifferentCode,
            FlagsAreMutuallyExclusive,
            DebitAccountIdMustNotBeZero,
            DebitAccountIdMustNotBeIntMax,
            CreditAccountIdMustNotBeZero,
            CreditAccountIdMustNotBeIntMax,
            AccountsMustBeDifferent,
            PendingIdMustBeZero,
            PendingIdMustNotBeZero,
            PendingIdMustNotBeIntMax,
            PendingIdMustBeDifferent,
            TimeoutReservedForPendingTransfer,
            LedgerMustNotBeZero,
            CodeMustNotBeZero,
            DebitAccountNotFound,
            CreditAccountNotFound,
            AccountsMustHaveTheSameLedger,
            TransferMustHaveTheSameLedgerAsAccounts,
            PendingTransferNotFound,
            PendingTransferNotPending,
            PendingTransferHasDifferentDebitAccountId,
            PendingTransferHasDifferentCreditAccountId,
            PendingTransferHasDifferentLedger,
            PendingTransferHasDifferentCode,
            ExceedsPendingTransferAmount,
            PendingTransferHasDifferentAmount,
            PendingTransferAlreadyPosted,
            PendingTransferAlreadyVoided,
            PendingTransferExpired,
            OverflowsDebitsPending,
            OverflowsCreditsPending,
            OverflowsDebitsPosted,
            OverflowsCreditsPosted,
            OverflowsDebits,
            OverflowsCredits,
            OverflowsTimeout,
            ExceedsCredits,
            ExceedsDebits,
        ]
    )
}

pub(crate) fn account(new: &NewAccount) -> tb::Account {
    let flags = new.flags;
    let bits =
        [flags.linked, flags.debits_must_not_exceed_credits, flags.credits_must_not_exceed_debits, flags.history];
    tb::Account {
        id: new.id.as_u128(),
        user_data_128: new.user_data_128,
        user_data_64: new.user_data_64,
        user_data_32: new.user_data_32,
        ledger: new.ledger,
        code: new.code,
        flags: tb::AccountFlags(flag_bits(bits)),
        ..tb::Account::default()
    }
}

pub(crate) fn account_found(found: &tb::Account) -> Account {
    let [linked, debits_must_not_exceed_credits, credits_must_not_exceed_debits, history] = flags(found.flags.0);
    Account {
        created: NewAccount {
            id: AccountId::from_u128(found.id),
            ledger: found.ledger,
            code: found.code,
            flags: AccountFlags { linked, debits_must_not_exceed_credits, credits_must_not_exceed_debits, history },
            user_data_128: found.user_data_128,
            user_data_64: found.user_data_64,
            user_data_32: found.user_data_32,
        },
        debits_pending: found.debits_pending,
        debits_posted: found.debits_posted,
        credits_pending: found.credits_pending,
        credits_posted: found.credits_posted,
        timestamp: instant(found.timestamp),
    }
}

pub(crate) fn transfer(new: &NewTransfer) -> tb::Transfer {
    let flags = new.flags;
    let bits = [flags.linked, flags.pending, flags.post_pending_transfer, flags.void_pending_transfer];
    tb::Transfer {
        id: new.id.as_u128(),
        debit_account_id: new.debit_account_id.as_u128(),
        credit_account_id: new.credit_account_id.as_u128(),
        amount: new.amount,
        pending_id: new.pending_id.as_u128(),
        user_data_128: new.user_data_128,
        user_data_64: new.user_data_64,
        user_data_32: new.user_data_32,
        timeout: new.timeout_seconds,
        ledger: new.ledger,
        code: new.code,
        flags: tb::TransferFlags(flag_bits(bits)),
        timestamp: 0,
    }
}

/// A transfer found, as undecided as it was made.
pub(crate) fn transfer_found(found: &tb::Transfer) -> Transfer {
    let created = created(found);
    let state = if created.flags.pending { TransferState::Pending } else { TransferState::Single };
    Transfer { created, state, timestamp: instant(found.timestamp) }
}

fn created(found: &tb::Transfer) -> NewTransfer {
    let [linked, pending, post_pending_transfer, void_pending_transfer] = flags(found.flags.0);
    NewTransfer {
        id: TransferId::from_u128(found.id),
        debit_account_id: AccountId::from_u128(found.debit_account_id),
        credit_account_id: AccountId::from_u128(found.credit_account_id),
        amount: found.amount,
        pending_id: TransferId::from_u128(found.pending_id),
        ledger: found.ledger,
        code: found.code,
        flags: TransferFlags { linked, pending, post_pending_transfer, void_pending_transfer },
        timeout_seconds: found.timeout,
        user_data_128: found.user_data_128,
        user_data_64: found.user_data_64,
        user_data_32: found.user_data_32,
    }
}

/// The millisecond in which an instant of the cluster lies.
pub(crate) fn instant(nanos: u64) -> Timestamp {
    Timestamp::from_millis((nanos / NANOS_PER_MILLI).cast_signed())
}

/// The last nanosecond of a millisecond, for "up to and including".
pub(crate) fn end_of(instant: Timestamp) -> u64 {
    u64::try_from(instant.as_millis()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI).saturating_add(NANOS_PER_MILLI - 1)
}

/// The first four flags, which are the same four on both sides.
fn flag_bits(flags: [bool; 4]) -> u16 {
    flags.iter().enumerate().fold(0, |bits, (bit, set)| bits | u16::from(*set) << bit)
}

fn flags(bits: u16) -> [bool; 4] {
    [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_there_and_back_unchanged() {
        let [debit, credit] = [1, 2].map(AccountId::from_u128);
        let mut hold =
            NewTransfer::single(TransferId::from_u128(7), debit, credit, 5, 6, 8).into_pending(9).into_linked();
        (hold.user_data_128, hold.user_data_64, hold.user_data_32) = (1, 2, 3);
        let post = NewTransfer::post(TransferId::from_u128(8), hold.id);
        let void = NewTransfer::void(TransferId::from_u128(9), hold.id);
        for sent in [hold, post, void] {
            assert_eq!(transfer_found(&transfer(&sent)).created, sent);
        }
        assert_eq!(transfer(&post).flags, tb::TransferFlags::PostPendingTransfer);
        assert_eq!(transfer(&void).flags, tb::TransferFlags::VoidPendingTransfer);
        assert_eq!(transfer(&hold).flags, tb::TransferFlags::Linked | tb::TransferFlags::Pending);
    }

    #[test]
    fn an_account_goes_there_and_back_unchanged() {
        let flags = AccountFlags {
            linked: true,
            debits_must_not_exceed_credits: true,
            history: true,
            ..AccountFlags::default()
        };
        let sent = NewAccount {
            id: AccountId::from_u128(7),
            ledger: 1,
            code: 2,
            flags,
            user_data_128: 3,
            user_data_64: 4,
            user_data_32: 5,
        };
        assert_eq!(account_found(&account(&sent)).created, sent);
        assert_eq!(
            account(&sent).flags,
            tb::AccountFlags::Linked | tb::AccountFlags::DebitsMustNotExceedCredits | tb::AccountFlags::History
        );
    }
}
