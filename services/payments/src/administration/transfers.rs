//! The transfers of a ledger account, for display.
//! Moving money is in `liquidity`.

use ledger::{AccountId, Transfer, TransferState};
use payments_model::AssetId;
use uuid::Uuid;

use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The most transfers that one answer shows.
const MOST: usize = 10_000;

/// The most accounts whose latest transfers one answer shows.
const ACCOUNTS_MOST: usize = 16;
/// The most transfers that one answer shows of each of these accounts.
const LATEST_MOST: usize = 200;

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

/// Why the latest transfers of some accounts are not shown.
#[derive(Debug, thiserror::Error)]
pub enum LatestTransfersError {
    /// One of the texts is neither an id nor a ledger number.
    #[error("wrong format of id")]
    InvalidId,
    /// There are more accounts or transfers than one answer shows.
    #[error("ask for at most 16 accounts, and for at least 1 and at most 200 transfers of each")]
    TooMany,
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
        if !self.is_account_of(caller, id).await? {
            return Ok(AccountTransfers::default());
        }
        let limit = if limit == 0 { MOST } else { limit.min(MOST) };
        let is_full = |shown: &AccountTransfers| shown.debits.len() == limit && shown.credits.len() == limit;
        let newest = self.newest(id, limit.saturating_mul(4), |read| sides(id, read.filter(stands), limit), is_full);
        Ok(newest.await?)
    }

    /// Reads an account from its newest transfer on, first as many as `read`, and more until what is `shown` of them is
    /// full.
    async fn newest(
        &self,
        id: AccountId,
        mut read: usize,
        shown: impl Fn(std::vec::IntoIter<Transfer>) -> AccountTransfers,
        is_full: impl Fn(&AccountTransfers) -> bool,
    ) -> Result<AccountTransfers, Unavailable> {
        loop {
            let transfers = self.ledger.transfers_of(id, read).await.map_err(Unavailable::from)?;
            let all = transfers.len() < read;
            let shown = shown(transfers.into_iter());
            if all || read >= MOST || is_full(&shown) {
                return Ok(shown);
            }
            read = read.saturating_mul(4).min(MOST);
        }
    }

    /// The newest transfers of some of the caller's accounts, at most `limit` of each, both sides together. So no more is
    /// read of an account whose transfers all go one way. Voided and expired transfers are left out. The accounts are named
    /// as for [`account_transfers`](Self::account_transfers), and the answers have their order.
    pub async fn latest_transfers(
        &self,
        caller: Caller,
        accounts: &[String],
        limit: usize,
    ) -> Result<Vec<AccountTransfers>, LatestTransfersError> {
        if accounts.len() > ACCOUNTS_MOST || !(1..=LATEST_MOST).contains(&limit) {
            return Err(LatestTransfersError::TooMany);
        }
        let ids: Option<Vec<AccountId>> = accounts.iter().map(|account| account_id(account)).collect();
        let ids = ids.ok_or(LatestTransfersError::InvalidId)?;
        let of_each = ids.into_iter().map(async |id| {
            if !self.is_account_of(caller, id).await? {
                return Ok(AccountTransfers::default());
            }
            let is_full = |shown: &AccountTransfers| shown.debits.len() + shown.credits.len() == limit;
            Ok(self.newest(id, limit, |read| sides(id, read.filter(stands).take(limit), limit), is_full).await?)
        });
        // The ledger is asked for all accounts at once: it serves them in one round.
        futures::future::try_join_all(of_each).await
    }

    /// Whether the account exists and its asset is one that the caller reaches.
    async fn is_account_of(&self, caller: Caller, id: AccountId) -> Result<bool, Unavailable> {
        let Some(found) = self.account(id).await? else { return Ok(false) };
        let asset = AssetId::from_uuid(Uuid::from_u128(found.created.user_data_128));
        let asset = caller.reach(&self.store).asset_even_deleted(asset).await.map_err(Unavailable::from)?;
        Ok(asset.is_some())
    }
}

fn account_id(text: &str) -> Option<AccountId> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Some(id.into());
    }
    text.parse::<u32>().ok().map(|ledger| AccountId::from_u128(ledger.into()))
}

/// Whether a transfer counts: it was neither voided nor has it expired.
fn stands(transfer: &Transfer) -> bool {
    !matches!(transfer.state, TransferState::Voided | TransferState::Expired)
}

/// The input has the newest transfer first, the result the oldest.
fn sides(account: AccountId, transfers: impl Iterator<Item = Transfer>, limit: usize) -> AccountTransfers {
    let (mut debits, mut credits): (Vec<_>, Vec<_>) =
        transfers.partition(|transfer| transfer.created.debit_account_id == account);
    for side in [&mut debits, &mut credits] {
        side.truncate(limit);
        side.reverse();
    }
    AccountTransfers { debits, credits }
}
