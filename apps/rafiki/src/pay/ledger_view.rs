//! The accounts of an institution's ledger as its backend shows them to its operator, and what moved between two looks.
//!
//! The wire type is shared with the role that serves it; see `roles::ledger_view`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountView {
    /// Its id.
    pub(crate) id: Uuid,
    /// The number of its ledger.
    pub(crate) ledger: u32,
    /// The ledger's asset.
    pub(crate) asset_code: String,
    /// Decimal places.
    pub(crate) asset_scale: u8,
    /// What it is, for people: `settlement`, `peer Happy Life Bank`, `outgoing payment`, …
    pub(crate) name: String,
    /// Posted credits less posted debits.
    #[serde(with = "text")]
    pub(crate) balance: i128,
    /// Reserved by pending transfers, either way.
    #[serde(with = "text")]
    pub(crate) pending: u128,
}

mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An account whose balance changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) institution: String,
    pub(crate) account: AccountView,
    pub(crate) before: i128,
}

impl Moved {
    pub(crate) fn change(&self) -> i128 {
        self.account.balance - self.before
    }
}

/// What changed between two looks at one institution.
pub(crate) fn moved(institution: &str, before: &[AccountView], after: &[AccountView]) -> Vec<Moved> {
    let earlier: BTreeMap<Uuid, i128> = before.iter().map(|account| (account.id, account.balance)).collect();
    let changed = |account: &AccountView| {
        let before = earlier.get(&account.id).copied().unwrap_or(0);
        (before != account.balance).then(|| Moved {
            institution: institution.to_owned(),
            account: account.clone(),
            before,
        })
    };
    after.iter().filter_map(changed).collect()
}

/// The sum of changes in each ledger of each institution; all zero when no money was made or lost.
pub(crate) fn sums(moved: &[Moved]) -> BTreeMap<(String, u32), i128> {
    let mut sums = BTreeMap::new();
    for one in moved {
        *sums.entry((one.institution.clone(), one.account.ledger)).or_insert(0) += one.change();
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: u128, balance: i128) -> AccountView {
        AccountView {
            id: Uuid::from_u128(id),
            ledger: 1,
            asset_code: "USD".to_owned(),
            asset_scale: 2,
            name: "x".to_owned(),
            balance,
            pending: 0,
        }
    }

    #[test]
    fn only_what_changed_is_told_and_new_accounts_began_empty() {
        let before = [account(1, -100), account(2, 100), account(3, 7)];
        let after = [account(1, -150), account(2, 100), account(3, 7), account(4, 50)];
        let moved = moved("Bank", &before, &after);
        let changes: Vec<_> = moved.iter().map(|m| (m.before, m.change())).collect();
        assert_eq!(changes, [(-100, -50), (0, 50)]);
        assert_eq!(sums(&moved).into_values().collect::<Vec<_>>(), [0]);
    }
}
