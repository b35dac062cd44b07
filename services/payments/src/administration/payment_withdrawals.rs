//! Withdrawals of what events announced: of ended payments, and of money paid straight to wallet addresses.
//!
//! The transfer bears the id of the event that announced the money, and takes just that. After a void, a time-out or a
//! refusal the next attempt bears an id derived from it, so the money can be fetched again, and never twice.

use ledger::{AccountId, CreateTransferResult, Transfer, TransferId, TransferState};
use payments_model::accounting::{LedgerAsset, TransferError, accepted};
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, WebhookEvent, WebhookEventId};
use uuid::Uuid;

use super::liquidity::timeout;
use super::{Administration, Caller, LiquidityError};
use crate::unavailable::Unavailable;

/// A payment whose money is to be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentToWithdraw {
    /// What was announced of an incoming payment.
    Incoming(IncomingPaymentId),
    /// All that is left of an outgoing payment.
    Outgoing(OutgoingPaymentId),
}

impl Administration {
    /// Moves an ended payment's money to the outside world: at once, or pending for `timeout_seconds`.
    ///
    /// Of an incoming payment that is what its events announced and was not withdrawn yet, of an outgoing payment all
    /// that is left.
    pub async fn withdraw_from_payment(
        &self,
        caller: Caller,
        payment: PaymentToWithdraw,
        timeout_seconds: u64,
    ) -> Result<(), LiquidityError> {
        let timeout = timeout(timeout_seconds)?;
        let reach = caller.reach(&self.store);
        match payment {
            PaymentToWithdraw::Incoming(id) => {
                let unknown = LiquidityError::UnknownIncomingPayment;
                let Some(found) = reach.incoming_payment(id).await? else { return Err(unknown) };
                let types = [EventType::IncomingPaymentCompleted, EventType::IncomingPaymentExpired];
                let events = reach.events_about(Subject::IncomingPayment(id), &types).await?;
                if events.is_empty() {
                    return Err(unknown);
                }
                self.withdraw_all_announced(found.asset.in_ledger(), &events, timeout).await
            }
            PaymentToWithdraw::Outgoing(id) => {
                let unknown = LiquidityError::UnknownOutgoingPayment;
                let Some(found) = reach.outgoing_payment(id).await? else { return Err(unknown) };
                let types = [EventType::OutgoingPaymentCompleted, EventType::OutgoingPaymentFailed];
                let event = reach.latest_event(Subject::OutgoingPayment(id), &types).await?.ok_or(unknown)?;
                let balance = self.balance(id.into()).await?.unwrap_or(0);
                let withdrawal =
                    Withdrawal { event: event.id, asset: found.quote.asset.in_ledger(), account: id.into(), timeout };
                self.withdraw_for(withdrawal, balance).await
            }
        }
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
        let withdrawal =
            Withdrawal { event: event.id, asset: asset.in_ledger(), account: announced.account, timeout: 0 };
        self.withdraw_for(withdrawal, announced.amount).await
    }

    /// Makes the withdrawals of these events that were not made yet; refused if all of them were.
    async fn withdraw_all_announced(
        &self,
        asset: LedgerAsset,
        events: &[WebhookEvent],
        timeout: u32,
    ) -> Result<(), LiquidityError> {
        let mut outcome = Err(TransferError::TransferExists.into());
        for event in events {
            let Some(announced) = event.withdrawal else { continue };
            let withdrawal = Withdrawal { event: event.id, asset, account: announced.account, timeout };
            match self.withdraw_for(withdrawal, announced.amount).await {
                Err(LiquidityError::Transfer(TransferError::TransferExists)) => {}
                Ok(()) => outcome = Ok(()),
                Err(error) => return Err(error),
            }
        }
        outcome
    }

    /// Makes the withdrawal of an event, once: refused if an attempt stands or waits to be posted.
    async fn withdraw_for(&self, withdrawal: Withdrawal, amount: u64) -> Result<(), LiquidityError> {
        let Withdrawal { event, asset, account, timeout } = withdrawal;
        let attempts = self.attempts(event.as_uuid()).await?;
        if attempts.last.is_some_and(|last| !is_undone(last.state)) {
            return Err(TransferError::TransferExists.into());
        }
        // Asked first, because a refusal for want of money spends the id of its attempt.
        if amount == 0 || self.balance(account).await?.is_none_or(|balance| balance < amount) {
            return Err(TransferError::InsufficientBalance.into());
        }
        for attempt in attempts.next.. {
            let id = attempt_id(event.as_uuid(), attempt);
            let results = self.ledger.submit(vec![asset.withdrawal(id, account, amount, timeout)]).await;
            match results.map_err(Unavailable::from)?.first() {
                // Refused before; this id can never be used, so nobody has made a withdrawal with it.
                Some(CreateTransferResult::IdAlreadyFailed) => {}
                Some(CreateTransferResult::Exists) | None => break,
                Some(other) => return Ok(accepted(*other)?),
            }
        }
        Err(TransferError::TransferExists.into())
    }

    /// What was tried of the withdrawal named `cause`.
    ///
    /// An id that was refused for want of money leaves no transfer, so a gap does not end the search at once.
    pub(super) async fn attempts(&self, cause: Uuid) -> Result<Attempts, Unavailable> {
        /// Attempts looked at together, and the longest gap.
        const STRETCH: u64 = 16;
        let mut found = Attempts { last: None, next: 0 };
        for first in (0..).map(|stretch| stretch * STRETCH) {
            let ids = (first..first + STRETCH).map(|attempt| attempt_id(cause, attempt)).collect();
            let stretch = self.ledger.transfers(ids).await?;
            let Some(at) = stretch.iter().rposition(Option::is_some) else { break };
            found = Attempts { last: stretch[at], next: first + at as u64 + 1 };
        }
        Ok(found)
    }
}

/// A withdrawal to be made.
#[derive(Clone, Copy, Debug)]
struct Withdrawal {
    /// Which event announced its money.
    event: WebhookEventId,
    asset: LedgerAsset,
    account: AccountId,
    /// 0: at once.
    timeout: u32,
}

/// The attempts at one withdrawal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    /// The latest the ledger made.
    pub(super) last: Option<Transfer>,
    /// The number of the next; it may be spent.
    next: u64,
}

/// Whether an attempt moved nothing in the end.
fn is_undone(state: TransferState) -> bool {
    matches!(state, TransferState::Voided | TransferState::Expired)
}

/// The id of an attempt at the withdrawal named `cause`: the first bears that name itself.
fn attempt_id(cause: Uuid, attempt: u64) -> TransferId {
    if attempt == 0 { TransferId::from(cause) } else { TransferId::derived(cause, "withdrawal", attempt) }
}
