//! Balances of ledger accounts, for display.
//! Moving money is in `liquidity`.

use ledger::{Account, AccountId};

use super::Administration;
use crate::unavailable::Unavailable;

impl Administration {
    /// The ledger accounts with these ids; `None` for an account that does not exist yet.
    pub async fn accounts(&self, ids: Vec<AccountId>) -> Result<Vec<Option<Account>>, Unavailable> {
        Ok(self.ledger.accounts(ids).await?)
    }

    /// What can still be taken from an account; `None` if it does not exist yet.
    pub async fn balance(&self, id: AccountId) -> Result<Option<u64>, Unavailable> {
        let account = self.account(id).await?;
        Ok(account.map(|account| shown(account.credit_balance())))
    }

    pub(super) async fn account(&self, id: AccountId) -> Result<Option<Account>, Unavailable> {
        Ok(self.ledger.accounts(vec![id]).await?.pop().flatten())
    }
}

/// The ledger counts in 128 bits. Displayed amounts have 64.
pub(super) fn shown(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}
