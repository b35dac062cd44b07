//! The transfers of a ledger account, for showing.

use ledger::{AccountId, Transfer, TransferState};
use payments_model::AssetId;
use uuid::Uuid;

use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// So many are shown at most, whatever is asked for.
const MOST: usize = 10_000;

/// The newest transfers of an account, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountTransfers {
    /// Those that take from it.
    pub debits: Vec<Transfer>,
    /// Those that give to it.
    pub credits: Vec<Transfer>,
}

/// The text names no account.
#[derive(Debug, thiserror::Error)]
pub enum AccountTransfersError {
    /// It is neither an id nor a ledger number.
    #[error("wrong format of id")]
    InvalidId,
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Administration {
    /// The newest transfers of an account of the caller's, at most `limit` of each side (0: as many as are shown at
    /// all); voided and expired ones left out. `account` is its owner's id, or the ledger number of an asset for its
    /// settlement account. An account nobody has, or somebody else has, has none.
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

/// Newest first goes in, oldest first comes out.
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
