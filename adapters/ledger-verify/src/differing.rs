//! Describes the differences between two states of one account that should be equal.
//!
//! Amounts are in the smallest unit of the account's asset, because a ledger does not know its scale.

use ledger::{AccountState, Balances, Posting};

/// The stored state of an account, compared with its state by the journal.
pub(crate) fn account(stored: Option<&AccountState>, journal: Option<&AccountState>) -> String {
    let (stored, journal) = match (stored, journal) {
        (None, None) => return "the row cannot be read, and no entry of the journal creates it".to_owned(),
        (None, Some(_)) => return "the row cannot be read".to_owned(),
        (Some(_), None) => return "the row is stored, but no entry of the journal creates it".to_owned(),
        (Some(stored), Some(journal)) => (stored, journal),
    };
    let mut differences = balances(stored.account.balances(), journal.account.balances());
    differing(&mut differences, "movements", stored.movements.into(), journal.movements.into());
    differing(&mut differences, "as its last entry", stored.last_entry.into(), journal.last_entry.into());
    if stored.account.created != journal.account.created {
        differences.push("its ledger, kind or flags differ from those at its creation".to_owned());
    }
    if stored.account.timestamp != journal.account.timestamp {
        differences.push("the time of its creation differs".to_owned());
    }
    differences.join("; ")
}

/// The state of an account by an entry, compared with its state by the entries before.
pub(crate) fn posting(entry: Posting, before: Posting) -> String {
    let mut differences = balances(entry.balances, before.balances);
    differing(&mut differences, "as the number of the movement", entry.ordinal.into(), before.ordinal.into());
    differing(&mut differences, "as the entry before", entry.previous.into(), before.previous.into());
    differences.join("; ")
}

fn balances(stored: Balances, journal: Balances) -> Vec<String> {
    let mut differences = Vec::new();
    differing(&mut differences, "debited", stored.debits_posted, journal.debits_posted);
    differing(&mut differences, "credited", stored.credits_posted, journal.credits_posted);
    differing(&mut differences, "held to be debited", stored.debits_pending, journal.debits_pending);
    differing(&mut differences, "held to be credited", stored.credits_pending, journal.credits_pending);
    differences
}

fn differing(differences: &mut Vec<String>, what: &str, stored: u128, journal: u128) {
    if stored != journal {
        differences.push(format!("stored {stored} {what}, journal says {journal}"));
    }
}
