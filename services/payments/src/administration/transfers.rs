//! The transfers of a ledger account, for display.
//! Moving money is in `liquidity`.

use ledger::{AccountId, Transfer, TransferState};
use payments_model::AssetId;
use uuid::Uuid;

use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The most transfers that one answer shows.
const MOST: usize = 10_000;

/// The newest transfers of an account, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountTransfers {
    /// Transfers from the account.
    pub debits: Vec<Transfer>,
    /// Transfers to the account.
    pub credits: Vec<Transfer>,
}

/// The text does not name an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountTransfersError {
    /// It is neither an id nor a ledger number.
    #[error("wrong format of id")]
    InvalidId,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Administration {
    /// The newest transfers of one of the caller's accounts, at most `limit` on each side (0 means the maximum). Voided
    /// and expired transfers are left out. `account` is the id of the account's owner, or the ledger number of an asset
    /// for its settlement account. An unknown or foreign account has no transfers.
    pub async fn account_transfers(
        &self,
        caller: Caller,
        account: &str,
        limit: usize,
    ) -> Result<AccountTransfers, AccountTransfersError> {
        let id = account_id(account).ok_or(AccountTransfersError::InvalidId)?;
        let Some(found) = self.account(id).await? else { return Ok(AccountTransfers::default()) };
        let asset = AssetId::from_uuid(Uuid::from_u128(found.created.user_data_128));
        let asset = caller.reach(&self.store).asset_even_deleted(asset).await.map_err(Unavailable::from)?;
        if asset.is_none() {
            return Ok(AccountTransfers::default());
        }
        let limit = if limit == 0 { MOST } else { limit.min(MOST) };
        let mut read = limit.saturating_mul(4);
        loop {
            let transfers = self.ledger.transfers_of(id, read).await.map_err(Unavailable::from)?;
            let all = transfers.len() < read;
            let shown = sides(id, transfers, limit);
            if all || read >= MOST || (shown.debits.len() == limit && shown.credits.len() == limit) {
                return Ok(shown);
            }
            read = read.saturating_mul(4).min(MOST);
        }
    }
}

fn account_id(text: &str) -> Option<AccountId> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Some(id.into());
    }
    text.parse::<u32>().ok().map(|ledger| AccountId::from_u128(ledger.into()))
}

/// The input has the newest transfer first, the result the oldest.
fn sides(account: AccountId, transfers: Vec<Transfer>, limit: usize) -> AccountTransfers {
    let stands = |transfer: &Transfer| !matches!(transfer.state, TransferState::Voided | TransferState::Expired);
    let standing = transfers.into_iter().filter(stands);
    let (mut debits, mut credits): (Vec<_>, Vec<_>) =
        standing.partition(|transfer| transfer.created.debit_account_id == account);
    for side in [&mut debits, &mut credits] {
        side.truncate(limit);
        side.reverse();
    }
    AccountTransfers { debits, credits }
}
