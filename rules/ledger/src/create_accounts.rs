//! The rules for creating accounts: every refusal in TigerBeetle's order, then the one write.
//!
//! It stores nothing: engines do.

use clock::Timestamp;

use crate::chain::{Law, execute};
use crate::{Account, CreateAccountResult, NewAccount, WorkingSet};

impl WorkingSet {
    /// Creates accounts in order. A linked chain is created as a whole or not at all. There is one result per request.
    pub fn create_accounts(&mut self, now: Timestamp, accounts: &[NewAccount]) -> Vec<CreateAccountResult> {
        let law = Law {
            linked: |account: &NewAccount| account.flags.linked,
            create,
            refused: |_, _, _, _| {},
            created: CreateAccountResult::Created,
            linked_failed: CreateAccountResult::LinkedEventFailed,
            chain_open: CreateAccountResult::LinkedEventChainOpen,
        };
        execute(self, now, accounts, &law)
    }
}

fn create(set: &mut WorkingSet, now: Timestamp, new: &NewAccount) -> CreateAccountResult {
    use CreateAccountResult as R;

    match new.id.as_u128() {
        0 => return R::IdMustNotBeZero,
        u128::MAX => return R::IdMustNotBeIntMax,
        _ => {}
    }

    if let Some(existing) = set.account(new.id) {
        return exists(new, &existing.account.created);
    }
    if new.flags.debits_must_not_exceed_credits && new.flags.credits_must_not_exceed_debits {
        return R::FlagsAreMutuallyExclusive;
    }
    if new.ledger == 0 {
        return R::LedgerMustNotBeZero;
    }
    if new.code == 0 {
        return R::CodeMustNotBeZero;
    }

    set.add_account(
        now,
        Account {
            created: *new,
            debits_pending: 0,
            debits_posted: 0,
            credits_pending: 0,
            credits_posted: 0,
            timestamp: now,
        },
    );
    R::Created
}

fn exists(new: &NewAccount, old: &NewAccount) -> CreateAccountResult {
    use CreateAccountResult as R;
    if new.flags != old.flags {
        R::ExistsWithDifferentFlags
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
