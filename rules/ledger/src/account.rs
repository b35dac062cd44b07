//! Accounts and the results of creating them.
//!
//! It does not know their owners: the caller knows which payment or peer an account belongs to.

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::AccountId;

/// The restrictions of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of TigerBeetle's model, by their names")]
pub struct AccountFlags {
    /// It is created only if the next account of the batch is created.
    pub linked: bool,
    /// Debits, pending ones included, may never exceed posted credits.
    pub debits_must_not_exceed_credits: bool,
    /// Credits, pending ones included, may never exceed posted debits.
    pub credits_must_not_exceed_debits: bool,
    /// The balance after every transfer is kept, so that past balances can be queried.
    pub history: bool,
}

/// An account to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// The ledger (asset number) that it belongs to. Transfers never cross ledgers. It is never 0.
    pub ledger: u32,
    /// The kind of account, for reports. It is never 0.
    pub code: u16,
    /// Its restrictions.
    pub flags: AccountFlags,
    /// Free for the caller, for example the asset's id.
    pub user_data_128: u128,
    /// Free for the caller.
    pub user_data_64: u64,
    /// Free for the caller.
    pub user_data_32: u32,
}

/// An account with its balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// As it was created.
    pub created: NewAccount,
    /// Debits reserved by pending transfers.
    pub debits_pending: u128,
    /// Final debits.
    pub debits_posted: u128,
    /// Credits reserved by pending transfers.
    pub credits_pending: u128,
    /// Final credits.
    pub credits_posted: u128,
    /// When it was created.
    pub timestamp: Timestamp,
}

impl Account {
    /// The amount that may still be debited from a credit-balance account: posted credits − posted and pending debits.
    pub fn credit_balance(&self) -> u128 {
        self.credits_posted.saturating_sub(self.debits_posted).saturating_sub(self.debits_pending)
    }

    /// The balance of a debit-balance (settlement) account: posted and pending debits − posted credits.
    pub fn debit_balance(&self) -> u128 {
        self.debits_posted.saturating_add(self.debits_pending).saturating_sub(self.credits_posted)
    }

    /// Whether a further debit of `amount` would break the account's limit. The sums must not overflow.
    pub(crate) fn would_exceed_credits(&self, amount: u128) -> bool {
        self.created.flags.debits_must_not_exceed_credits
            && self.debits_pending + self.debits_posted + amount > self.credits_posted
    }

    /// Whether a further credit of `amount` would break the account's limit. The sums must not overflow.
    pub(crate) fn would_exceed_debits(&self, amount: u128) -> bool {
        self.created.flags.credits_must_not_exceed_debits
            && self.credits_pending + self.credits_posted + amount > self.debits_posted
    }
}

/// The result of a requested account. There is exactly one per request, in TigerBeetle's order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CreateAccountResult {
    /// It was created.
    Created,
    /// It exists exactly as requested.
    Exists,
    /// Another event of its linked chain failed.
    LinkedEventFailed,
    /// The last account of a batch was linked to nothing.
    LinkedEventChainOpen,
    /// Id 0.
    IdMustNotBeZero,
    /// Id 2^128−1.
    IdMustNotBeIntMax,
    /// It exists with other flags.
    ExistsWithDifferentFlags,
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
    /// Both balance limits at once.
    FlagsAreMutuallyExclusive,
    /// Ledger 0.
    LedgerMustNotBeZero,
    /// Code 0.
    CodeMustNotBeZero,
}
