//! Transfers between accounts of one ledger, and the results of creating them.
//!
//! A transfer is single-phase, or *pending* and later *posted*, *voided* or expired.

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, TransferId};

/// The kind of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of TigerBeetle's model, by their names")]
pub struct TransferFlags {
    /// It is made only if the next transfer of the batch is made.
    pub linked: bool,
    /// Reserves the amount until it is posted, voided or timed out.
    pub pending: bool,
    /// Posts the transfer named by `pending_id`.
    pub post_pending_transfer: bool,
    /// Voids the transfer named by `pending_id`.
    pub void_pending_transfer: bool,
}

/// A transfer to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTransfer {
    /// Its id; a repetition with the same content answers `Exists` and moves nothing.
    pub id: TransferId,
    /// The debited account. For a post or void: 0, or the account of the pending transfer.
    pub debit_account_id: AccountId,
    /// The credited account. For a post or void: 0, or the account of the pending transfer.
    pub credit_account_id: AccountId,
    /// The amount. A post of `u128::MAX` posts the whole pending amount, and a smaller amount posts a part. A void has
    /// 0 or the whole amount.
    pub amount: u128,
    /// For a post or void: the pending transfer. Otherwise 0.
    pub pending_id: TransferId,
    /// The ledger of both accounts. For a post or void: 0, or that of the pending transfer.
    pub ledger: u32,
    /// The code of its kind. For a post or void: 0, or that of the pending transfer.
    pub code: u16,
    /// Its flags.
    pub flags: TransferFlags,
    /// Seconds until a pending transfer expires; 0 means never. Only for pending transfers.
    pub timeout_seconds: u32,
    /// Free for the caller. For a post or void, 0 keeps the pending transfer's.
    pub user_data_128: u128,
    /// Free for the caller. For a post or void, 0 keeps the pending transfer's.
    pub user_data_64: u64,
    /// Free for the caller. For a post or void, 0 keeps the pending transfer's.
    pub user_data_32: u32,
}

impl NewTransfer {
    /// A single-phase transfer.
    pub fn single(id: TransferId, debit: AccountId, credit: AccountId, amount: u128, ledger: u32, code: u16) -> Self {
        Self {
            id,
            debit_account_id: debit,
            credit_account_id: credit,
            amount,
            pending_id: TransferId::from_u128(0),
            ledger,
            code,
            flags: TransferFlags::default(),
            timeout_seconds: 0,
            user_data_128: 0,
            user_data_64: 0,
            user_data_32: 0,
        }
    }

    /// The same transfer as a reservation that never expires.
    pub fn into_pending_for_ever(self) -> Self {
        self.into_pending(0)
    }

    /// The same transfer as a reservation that expires after `timeout_seconds`, or never if that is 0.
    pub fn into_pending(mut self, timeout_seconds: u32) -> Self {
        self.flags.pending = true;
        self.timeout_seconds = timeout_seconds;
        self
    }

    /// Posts the whole of a pending transfer.
    pub fn post(id: TransferId, pending: TransferId) -> Self {
        let nobody = AccountId::from_u128(0);
        let mut transfer = Self::single(id, nobody, nobody, u128::MAX, 0, 0);
        transfer.pending_id = pending;
        transfer.flags.post_pending_transfer = true;
        transfer
    }

    /// Voids a pending transfer.
    pub fn void(id: TransferId, pending: TransferId) -> Self {
        let nobody = AccountId::from_u128(0);
        let mut transfer = Self::single(id, nobody, nobody, 0, 0, 0);
        transfer.pending_id = pending;
        transfer.flags.void_pending_transfer = true;
        transfer
    }

    /// The same transfer, linked to the next of its batch.
    pub fn into_linked(mut self) -> Self {
        self.flags.linked = true;
        self
    }
}

/// An instant is too large for a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transfer would expire after the last possible timestamp")]
pub(crate) struct ExpiryOverflow;

impl NewTransfer {
    /// When it expires if made at `now`; `None` if never.
    pub(crate) fn expires_at(&self, now: Timestamp) -> Result<Option<Timestamp>, ExpiryOverflow> {
        if self.timeout_seconds == 0 {
            return Ok(None);
        }
        let at = now.as_millis().checked_add(i64::from(self.timeout_seconds) * 1000).ok_or(ExpiryOverflow)?;
        Ok(Some(Timestamp::from_millis(at)))
    }
}

impl Transfer {
    /// The first instant at which a reservation no longer holds; `None` if it never expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.created.expires_at(self.timestamp).ok().flatten()
    }
}

/// The state of a recorded transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransferState {
    /// It was made at once, or it is the record of a post or void.
    Single,
    /// It is reserved and undecided.
    Pending,
    /// A reservation that was posted.
    Posted,
    /// A reservation that was voided.
    Voided,
    /// A reservation that has expired.
    Expired,
}

/// A recorded transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The transfer as recorded. Accounts, ledger, code and amount of a post or void are those of its pending transfer.
    pub created: NewTransfer,
    /// Its state.
    pub state: TransferState,
    /// When it was made.
    pub timestamp: Timestamp,
}

/// The result of a requested transfer. There is exactly one per request, in TigerBeetle's order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CreateTransferResult {
    /// It was made.
    Created,
    /// It was made before, exactly as requested.
    Exists,
    /// Another event of its linked chain failed.
    LinkedEventFailed,
    /// The last transfer of a batch was linked to nothing.
    LinkedEventChainOpen,
    /// Id 0.
    IdMustNotBeZero,
    /// Id 2^128−1.
    IdMustNotBeIntMax,
    /// The id was used by a transfer that failed for a transient reason.
    IdAlreadyFailed,
    /// It exists with other flags.
    ExistsWithDifferentFlags,
    /// It exists for another pending transfer.
    ExistsWithDifferentPendingId,
    /// It exists with another time-out.
    ExistsWithDifferentTimeout,
    /// It exists with another debit account.
    ExistsWithDifferentDebitAccountId,
    /// It exists with another credit account.
    ExistsWithDifferentCreditAccountId,
    /// It exists with another amount.
    ExistsWithDifferentAmount,
    /// It exists with another `user_data_128`.
    ExistsWithDifferentUserData128,
    /// It exists with another `user_data_64`.
    ExistsWithDifferentUserData64,
    /// It exists with another `user_data_32`.
    ExistsWithDifferentUserData32,
    /// It exists in another ledger.
    ExistsWithDifferentLedger,
    /// It exists with another code.
    ExistsWithDifferentCode,
    /// More than one of pending, post and void.
    FlagsAreMutuallyExclusive,
    /// Debit account 0.
    DebitAccountIdMustNotBeZero,
    /// Debit account 2^128−1.
    DebitAccountIdMustNotBeIntMax,
    /// Credit account 0.
    CreditAccountIdMustNotBeZero,
    /// Credit account 2^128−1.
    CreditAccountIdMustNotBeIntMax,
    /// Both accounts are one.
    AccountsMustBeDifferent,
    /// A pending id without post or void.
    PendingIdMustBeZero,
    /// A post or void without a pending id.
    PendingIdMustNotBeZero,
    /// Pending id 2^128−1.
    PendingIdMustNotBeIntMax,
    /// A post or void of itself.
    PendingIdMustBeDifferent,
    /// A time-out on a transfer that is not pending.
    TimeoutReservedForPendingTransfer,
    /// Ledger 0.
    LedgerMustNotBeZero,
    /// Code 0.
    CodeMustNotBeZero,
    /// No such debit account.
    DebitAccountNotFound,
    /// No such credit account.
    CreditAccountNotFound,
    /// The accounts are of different ledgers.
    AccountsMustHaveTheSameLedger,
    /// The accounts are of another ledger than the transfer.
    TransferMustHaveTheSameLedgerAsAccounts,
    /// No such pending transfer.
    PendingTransferNotFound,
    /// The named transfer is not pending by kind.
    PendingTransferNotPending,
    /// The pending transfer debits another account.
    PendingTransferHasDifferentDebitAccountId,
    /// The pending transfer credits another account.
    PendingTransferHasDifferentCreditAccountId,
    /// The pending transfer is of another ledger.
    PendingTransferHasDifferentLedger,
    /// The pending transfer has another code.
    PendingTransferHasDifferentCode,
    /// More than the pending transfer reserved.
    ExceedsPendingTransferAmount,
    /// A void of part of the reservation.
    PendingTransferHasDifferentAmount,
    /// Already posted.
    PendingTransferAlreadyPosted,
    /// Already voided.
    PendingTransferAlreadyVoided,
    /// Already expired.
    PendingTransferExpired,
    /// A pending-debits total would overflow.
    OverflowsDebitsPending,
    /// A pending-credits total would overflow.
    OverflowsCreditsPending,
    /// A posted-debits total would overflow.
    OverflowsDebitsPosted,
    /// A posted-credits total would overflow.
    OverflowsCreditsPosted,
    /// Debits in all would overflow.
    OverflowsDebits,
    /// Credits in all would overflow.
    OverflowsCredits,
    /// The expiry instant would overflow.
    OverflowsTimeout,
    /// The debit account has not enough credits.
    ExceedsCredits,
    /// The credit account has not enough debits.
    ExceedsDebits,
}

impl CreateTransferResult {
    /// Whether the transfer exists as requested, made now or before.
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Created | Self::Exists)
    }

    /// Whether the transfer's id is taken, by the same transfer or by another.
    pub fn is_id_taken(self) -> bool {
        matches!(
            self,
            Self::Exists
                | Self::ExistsWithDifferentFlags
                | Self::ExistsWithDifferentPendingId
                | Self::ExistsWithDifferentTimeout
                | Self::ExistsWithDifferentDebitAccountId
                | Self::ExistsWithDifferentCreditAccountId
                | Self::ExistsWithDifferentAmount
                | Self::ExistsWithDifferentUserData128
                | Self::ExistsWithDifferentUserData64
                | Self::ExistsWithDifferentUserData32
                | Self::ExistsWithDifferentLedger
                | Self::ExistsWithDifferentCode
        )
    }

    /// Whether the refusal depended on the state of the ledger. Then the id cannot be used again, and the next attempt
    /// needs another id.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::DebitAccountNotFound
                | Self::CreditAccountNotFound
                | Self::PendingTransferNotFound
                | Self::ExceedsCredits
                | Self::ExceedsDebits
        )
    }
}
