//! Deposits to and withdrawals from assets, peers and wallet addresses.
//!
//! The caller chooses the id of the transfer. The ledger refuses an id that was used before.

use ledger::{AccountId, CreateTransferResult, NewTransfer, TransferId};
use payments_model::accounting::{LedgerAsset, TransferError, accepted};
use payments_model::quote::LARGEST_AMOUNT;
use payments_model::{AssetId, PeerId, WalletAddress, WalletAddressId};
use uuid::Uuid;

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The owner of a liquidity account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An asset.
    Asset(AssetId),
    /// A peer.
    Peer(PeerId),
}

/// Why liquidity was not moved.
#[derive(Debug, thiserror::Error)]
pub enum LiquidityError {
    /// The amount is zero.
    #[error("Transfer amount is zero")]
    AmountZero,
    /// The caller does not have this asset.
    #[error("Unknown asset")]
    UnknownAsset,
    /// The caller does not have this peer.
    #[error("Unknown peer")]
    UnknownPeer,
    /// The caller does not have this wallet address.
    #[error("Unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address has no account, because no money was ever paid straight to it.
    #[error("missing incoming payment wallet address")]
    NoAccount,
    /// The caller does not have this incoming payment, or it has not ended, or it received nothing.
    #[error("Unknown incoming payment")]
    UnknownIncomingPayment,
    /// The caller does not have this outgoing payment, or it has not ended.
    #[error("Unknown outgoing payment")]
    UnknownOutgoingPayment,
    /// The caller expects another amount than is there.
    #[error("The amount changed meanwhile: {expected} was expected, and {there} is there; look at it and ask again")]
    AmountChanged {
        /// What the caller expects.
        expected: u64,
        /// What would be withdrawn.
        there: u64,
    },
    /// The ledger refused.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The database or the ledger did not answer.
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
    /// Moves money from the settlement account to an asset or a peer.
    pub async fn deposit(&self, caller: Caller, holder: Holder, amount: u64, id: &str) -> Result<(), LiquidityError> {
        let id = checked(amount, id)?;
        let held = self.held(caller, holder).await?;
        self.transfer_once(held.asset.deposit(id, held.account, amount)).await
    }

    /// Moves money from an asset or a peer to the settlement account: at once, or pending for `timeout_seconds`.
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
        // Checked first: if the ledger refuses a transfer for lack of money, its id cannot be used again.
        if self.balance(held.account).await?.is_some_and(|balance| balance < amount) {
            return Err(TransferError::InsufficientBalance.into());
        }
        self.transfer_once(held.asset.withdrawal(id, held.account, amount, timeout)).await
    }

    /// Moves the whole balance of a wallet address to the settlement account, and returns the amount. Refused if it is not
    /// the `expected` one.
    pub async fn withdraw_from_wallet_address(
        &self,
        caller: Caller,
        id: WalletAddressId,
        transfer: &str,
        timeout_seconds: u64,
        expected: Option<u64>,
    ) -> Result<(WalletAddress, u64), LiquidityError> {
        let address = caller.reach(&self.store).wallet_address(id).await?;
        let address = address.ok_or(LiquidityError::UnknownWalletAddress)?;
        let amount = self.balance(address.id.into()).await?.ok_or(LiquidityError::NoAccount)?;
        check_expected(expected, amount)?;
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

    /// Makes one transfer. A repetition is refused.
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

/// Refuses another amount than the caller expects.
pub(super) fn check_expected(expected: Option<u64>, there: u64) -> Result<(), LiquidityError> {
    match expected {
        Some(expected) if expected != there => Err(LiquidityError::AmountChanged { expected, there }),
        _ => Ok(()),
    }
}

/// Refuses zero, amounts that are too large, and ids that are not UUIDs of version 4.
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
