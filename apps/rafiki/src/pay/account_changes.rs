//! The movements in an institution's ledger between two reads of its accounts.
//! How they are printed is in `receipt`.

use std::collections::BTreeMap;

use operator_api::AccountView;
use uuid::Uuid;

/// An account that moved between two reads, even if its balance is the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) institution: String,
    pub(crate) account: AccountView,
    pub(crate) before: i128,
    pub(crate) debited: u128,
    pub(crate) credited: u128,
}

/// The movements at one institution between two reads.
pub(crate) fn moved(institution: &str, before: &[AccountView], after: &[AccountView]) -> Vec<Moved> {
    let earlier: BTreeMap<Uuid, &AccountView> = before.iter().map(|account| (account.id, account)).collect();
    let change = |account: &AccountView| {
        let (debits, credits, balance) =
            earlier.get(&account.id).map_or((0, 0, 0), |before| (before.debits, before.credits, before.balance()));
        let (debited, credited) = (account.debits.saturating_sub(debits), account.credits.saturating_sub(credits));
        (debited > 0 || credited > 0).then(|| Moved {
            institution: institution.to_owned(),
            account: account.clone(),
            before: balance,
            debited,
            credited,
        })
    };
    after.iter().filter_map(change).collect()
}

/// Whether debits and credits are equal in each ledger of each institution. `false` if no movement was seen.
pub(crate) fn balances(moved: &[Moved]) -> bool {
    let mut ledgers: BTreeMap<(&str, u32), (u128, u128)> = BTreeMap::new();
    for one in moved {
        let sums = ledgers.entry((&one.institution, one.account.ledger)).or_default();
        sums.0 += one.debited;
        sums.1 += one.credited;
    }
    !ledgers.is_empty() && ledgers.values().all(|(debited, credited)| debited == credited)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: u128, debits: u128, credits: u128) -> AccountView {
        AccountView {
            id: Uuid::from_u128(id),
            ledger: 1,
            asset_code: "USD".to_owned(),
            asset_scale: 2,
            name: "x".to_owned(),
            debits,
            credits,
            pending: 0,
            last_failure: None,
        }
    }

    #[test]
    fn only_movements_are_shown_and_new_accounts_began_empty() {
        let before = [account(1, 100, 0), account(2, 0, 100), account(3, 0, 7)];
        let after = [account(1, 150, 50), account(2, 0, 100), account(3, 0, 7), account(4, 50, 50)];
        let moved = moved("Bank", &before, &after);
        let told: Vec<_> = moved.iter().map(|m| (m.before, m.debited, m.credited, m.account.balance())).collect();
        assert_eq!(told, [(-100, 50, 50, -100), (0, 50, 50, 0)]);
        assert!(balances(&moved));
    }

    #[test]
    fn money_made_or_lost_in_one_ledger_is_found() {
        let (before, after) = ([account(1, 100, 0), account(2, 0, 100)], [account(1, 150, 0), account(2, 0, 149)]);
        assert!(!balances(&moved("Bank", &before, &after)));
        assert!(!balances(&[]), "nothing seen proves nothing");
    }
}
