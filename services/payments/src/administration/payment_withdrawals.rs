//! Withdrawals from ended payments (payments section 9.2).
//!
//! The transfer bears the id of the event that announced the money. After a void or a time-out the next attempt bears
//! an id derived from it, so the money can be fetched again, and never twice.

use ledger::{AccountId, TransferId, TransferState};
use payments_model::accounting::{LedgerAsset, TransferError};
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, WebhookEventId};
use uuid::Uuid;

use super::balances::shown;
use super::liquidity::timeout;
use super::{Administration, Caller, LiquidityError};

/// A payment whose money is to be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentToWithdraw {
    /// All that was received.
    Incoming(IncomingPaymentId),
    /// All that is left.
    Outgoing(OutgoingPaymentId),
}

impl Administration {
    /// Moves an ended payment's money to the outside world: at once, or pending for `timeout_seconds`.
    pub async fn withdraw_from_payment(
        &self,
        caller: Caller,
        payment: PaymentToWithdraw,
        timeout_seconds: u64,
    ) -> Result<(), LiquidityError> {
        let timeout = timeout(timeout_seconds)?;
        let (asset, account, event) = self.ended_payment(caller, payment).await?;
        let transfer = self.next_attempt(event).await?;
        let found = self.account(account).await?.ok_or(TransferError::InsufficientBalance)?;
        let amount = match payment {
            PaymentToWithdraw::Incoming(_) => shown(found.credits_posted),
            PaymentToWithdraw::Outgoing(_) => shown(found.credit_balance()),
        };
        if amount == 0 {
            return Err(TransferError::InsufficientBalance.into());
        }
        self.transfer_once(asset.withdrawal(transfer, account, amount, timeout)).await
    }

    /// Moves what an event announced to the outside world at once, under the event's own id.
    pub async fn withdraw_what_was_announced(
        &self,
        caller: Caller,
        event: WebhookEventId,
    ) -> Result<(), LiquidityError> {
        let reach = caller.reach(&self.store);
        let event = reach.webhook_event(event).await?.ok_or(TransferError::InvalidId)?;
        let announced = event.withdrawal.ok_or(TransferError::InvalidId)?;
        let asset = reach.asset_even_deleted(announced.asset_id).await?.ok_or(LiquidityError::UnknownAsset)?;
        let transfer = self.next_attempt(event.id).await?;
        self.transfer_once(asset.in_ledger().withdrawal(transfer, announced.account, announced.amount, 0)).await
    }

    /// The payment's account and the newest event that announced its end.
    async fn ended_payment(
        &self,
        caller: Caller,
        payment: PaymentToWithdraw,
    ) -> Result<(LedgerAsset, AccountId, WebhookEventId), LiquidityError> {
        use EventType as E;
        let reach = caller.reach(&self.store);
        let (asset, account, subject, types, unknown) = match payment {
            PaymentToWithdraw::Incoming(id) => {
                let found = reach.incoming_payment(id).await?.ok_or(LiquidityError::UnknownIncomingPayment)?;
                let types = [E::IncomingPaymentCompleted, E::IncomingPaymentExpired];
                let subject = Subject::IncomingPayment(id);
                (found.asset.in_ledger(), id.into(), subject, types, LiquidityError::UnknownIncomingPayment)
            }
            PaymentToWithdraw::Outgoing(id) => {
                let found = reach.outgoing_payment(id).await?.ok_or(LiquidityError::UnknownOutgoingPayment)?;
                let types = [E::OutgoingPaymentCompleted, E::OutgoingPaymentFailed];
                let subject = Subject::OutgoingPayment(id);
                (found.quote.asset.in_ledger(), id.into(), subject, types, LiquidityError::UnknownOutgoingPayment)
            }
        };
        let event = reach.latest_event(subject, &types).await?.ok_or(unknown)?;
        Ok((asset, account, event.id))
    }

    /// The id of the next attempt; refused if one stands or waits to be posted.
    async fn next_attempt(&self, event: WebhookEventId) -> Result<TransferId, LiquidityError> {
        let mut attempt = 0;
        loop {
            let id = attempt_id(event.as_uuid(), attempt);
            match self.transfer(id).await? {
                None => return Ok(id),
                Some(found) if matches!(found.state, TransferState::Voided | TransferState::Expired) => attempt += 1,
                Some(_) => return Err(TransferError::TransferExists.into()),
            }
        }
    }
}

/// The id of an attempt at the withdrawal named `cause`: the first bears that name itself.
pub(super) fn attempt_id(cause: Uuid, attempt: u64) -> TransferId {
    if attempt == 0 { TransferId::from(cause) } else { TransferId::derived(cause, "withdrawal", attempt) }
}
