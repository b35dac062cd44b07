//! The second phase of a pending withdrawal: posting or voiding it.
//!
//! A withdrawal belongs to the tenant of its asset. Other tenants cannot settle it.

use ledger::{Account, CreateTransferResult, NewTransfer, TransferId};
use payments_model::AssetId;
use payments_model::accounting::{TransferError, WITHDRAWAL, accepted};
use uuid::Uuid;

use super::assets::from_store;
use super::liquidity::transfer_id;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// Why a withdrawal was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The ledger refused.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(SettleError);

impl Administration {
    /// Makes a pending withdrawal final.
    pub async fn post_withdrawal(&self, caller: Caller, id: &str) -> Result<(), SettleError> {
        let pending = self.pending_withdrawal(caller, id).await?;
        let post = TransferId::derived_once(pending.as_uuid(), "post");
        self.settle(NewTransfer::post(post, pending)).await
    }

    /// Releases the amount of a pending withdrawal.
    pub async fn void_withdrawal(&self, caller: Caller, id: &str) -> Result<(), SettleError> {
        let pending = self.pending_withdrawal(caller, id).await?;
        let void = TransferId::derived_once(pending.as_uuid(), "void");
        self.settle(NewTransfer::void(void, pending)).await
    }

    async fn settle(&self, transfer: NewTransfer) -> Result<(), SettleError> {
        let posts = transfer.flags.post_pending_transfer;
        for result in self.ledger.submit(vec![transfer]).await.map_err(Unavailable::from)? {
            match result {
                // It was settled before, or it was final from the start.
                CreateTransferResult::Exists | CreateTransferResult::PendingTransferNotPending => {
                    return Err(if posts { TransferError::AlreadyPosted } else { TransferError::AlreadyVoided }.into());
                }
                other => accepted(other)?,
            }
        }
        Ok(())
    }

    /// The withdrawal that a client means by `id`. After a void or a time-out this is its latest attempt.
    async fn pending_withdrawal(&self, caller: Caller, id: &str) -> Result<TransferId, SettleError> {
        let named = transfer_id(id)?;
        let latest = self.attempts(named.as_uuid()).await?.last;
        let found = latest.filter(|found| found.created.code == WITHDRAWAL).ok_or(TransferError::UnknownTransfer)?;
        let account = self.account(found.created.debit_account_id).await?;
        let account = account.ok_or(TransferError::UnknownTransfer)?;
        if !self.reaches(caller, &account).await? {
            return Err(TransferError::UnknownTransfer.into());
        }
        Ok(found.created.id)
    }

    /// Whether the asset of the account is within the caller's reach. Deleted assets count.
    async fn reaches(&self, caller: Caller, account: &Account) -> Result<bool, Unavailable> {
        let asset = AssetId::from_uuid(Uuid::from_u128(account.created.user_data_128));
        let asset = caller.reach(&self.store).asset_even_deleted(asset).await?;
        Ok(asset.is_some())
    }
}
