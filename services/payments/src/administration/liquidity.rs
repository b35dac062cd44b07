//! Deposits to and withdrawals from assets, peers and wallet addresses.
//!
//! The caller names the transfer; the ledger recognises a repetition by that name and refuses it.

use ledger::{AccountId, CreateTransferResult, NewTransfer, TransferId};
use payments_model::accounting::{LedgerAsset, TransferError, accepted};
use payments_model::quote::LARGEST_AMOUNT;
use payments_model::{AssetId, PeerId, WalletAddress, WalletAddressId};
use uuid::Uuid;

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// Who holds liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An asset's own liquidity.
    Asset(AssetId),
    /// A peer.
    Peer(PeerId),
}

/// Why liquidity was not moved.
#[derive(Debug, thiserror::Error)]
pub enum LiquidityError {
    /// Nothing was to be moved.
    #[error("Transfer amount is zero")]
    AmountZero,
    /// The caller has no such asset.
    #[error("Unknown asset")]
    UnknownAsset,
    /// The caller has no such peer.
    #[error("Unknown peer")]
    UnknownPeer,
    /// The caller has no such wallet address.
    #[error("Unknown wallet address")]
    UnknownWalletAddress,
    /// Nothing was ever paid to the wallet address itself.
    #[error("missing incoming payment wallet address")]
    NoAccount,
    /// The caller has no such incoming payment, or it has not ended with money.
    #[error("Unknown incoming payment")]
    UnknownIncomingPayment,
    /// The caller has no such outgoing payment, or it has not ended.
    #[error("Unknown outgoing payment")]
    UnknownOutgoingPayment,
    /// The ledger refused.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(LiquidityError);

/// An account whose liquidity is moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) asset: LedgerAsset,
    pub(super) account: AccountId,
}

impl Administration {
    /// Moves money from the outside world to an asset or a peer.
    pub async fn deposit(&self, caller: Caller, holder: Holder, amount: u64, id: &str) -> Result<(), LiquidityError> {
        let id = checked(amount, id)?;
        let held = self.held(caller, holder).await?;
        self.transfer_once(held.asset.deposit(id, held.account, amount)).await
    }

    /// Moves money from an asset or a peer to the outside world: at once, or pending for `timeout_seconds`.
    pub async fn withdraw(
        &self,
        caller: Caller,
        holder: Holder,
        amount: u64,
        id: &str,
        timeout_seconds: u64,
    ) -> Result<(), LiquidityError> {
        let id = checked(amount, id)?;
        let held = self.held(caller, holder).await?;
        let timeout = timeout(timeout_seconds)?;
        // Asked first, because a refusal for want of money spends the client's id.
        if self.balance(held.account).await?.is_some_and(|balance| balance < amount) {
            return Err(TransferError::InsufficientBalance.into());
        }
        self.transfer_once(held.asset.withdrawal(id, held.account, amount, timeout)).await
    }

    /// Moves everything a wallet address holds to the outside world; answers how much it was.
    pub async fn withdraw_from_wallet_address(
        &self,
        caller: Caller,
        id: WalletAddressId,
        transfer: &str,
        timeout_seconds: u64,
    ) -> Result<(WalletAddress, u64), LiquidityError> {
        let address = caller.reach(&self.store).wallet_address(id).await?;
        let address = address.ok_or(LiquidityError::UnknownWalletAddress)?;
        let amount = self.balance(address.id.into()).await?.ok_or(LiquidityError::NoAccount)?;
        let transfer = checked(amount, transfer)?;
        let timeout = timeout(timeout_seconds)?;
        let asset = address.asset.in_ledger();
        self.transfer_once(asset.withdrawal(transfer, address.id.into(), amount, timeout)).await?;
        Ok((address, amount))
    }

    async fn held(&self, caller: Caller, holder: Holder) -> Result<Held, LiquidityError> {
        let reach = caller.reach(&self.store);
        Ok(match holder {
            Holder::Asset(id) => {
                let asset = reach.asset(id).await?.ok_or(LiquidityError::UnknownAsset)?;
                Held { asset: asset.in_ledger(), account: id.into() }
            }
            Holder::Peer(id) => {
                let peer = reach.peer(id).await?.ok_or(LiquidityError::UnknownPeer)?;
                Held { asset: peer.ledger_asset(), account: id.into() }
            }
        })
    }

    /// Makes one transfer whose repetition is refused.
    pub(super) async fn transfer_once(&self, transfer: NewTransfer) -> Result<(), LiquidityError> {
        let results = self.ledger.submit(vec![transfer]).await.map_err(Unavailable::from)?;
        for result in results {
            if result == CreateTransferResult::Exists {
                return Err(TransferError::TransferExists.into());
            }
            accepted(result)?;
        }
        Ok(())
    }
}

/// Refuses nothing, too much, and names that are no version 4 UUID.
fn checked(amount: u64, id: &str) -> Result<TransferId, LiquidityError> {
    if amount == 0 {
        return Err(LiquidityError::AmountZero);
    }
    if amount > LARGEST_AMOUNT {
        return Err(TransferError::InvalidAmount.into());
    }
    Ok(transfer_id(id)?)
}

/// A transfer id given by a client: a version 4 UUID.
pub(super) fn transfer_id(text: &str) -> Result<TransferId, TransferError> {
    let id = Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 4);
    id.map(TransferId::from).ok_or(TransferError::InvalidId)
}

pub(super) fn timeout(seconds: u64) -> Result<u32, TransferError> {
    u32::try_from(seconds).map_err(|_| TransferError::InvalidTimeout)
}
