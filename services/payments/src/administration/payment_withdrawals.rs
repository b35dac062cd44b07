//! Withdrawals of money that an event has announced: of ended payments, and of money paid straight to wallet addresses.
//!
//! The transfer has the id of the event and takes exactly the announced amount. After a void, a time-out or a refusal
//! the next attempt has an id derived from that one. So the money can be withdrawn again, and never twice.

use ledger::{AccountId, CreateTransferResult, Transfer, TransferId, TransferState};
use payments_model::accounting::{LedgerAsset, TransferError, accepted};
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, WebhookEvent, WebhookEventId};
use uuid::Uuid;

use super::liquidity::{check_expected, timeout};
use super::{Administration, Caller, LiquidityError};
use crate::unavailable::Unavailable;

/// The payment whose money is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentToWithdraw {
    /// The amount that was announced for an incoming payment.
    Incoming(IncomingPaymentId),
    /// The remaining balance of an outgoing payment.
    Outgoing(OutgoingPaymentId),
}

impl Administration {
    /// Moves the money of an ended payment to the settlement account: at once, or pending for `timeout_seconds`.
    ///
    /// For an incoming payment this is the amount that its events announced and that was not withdrawn yet. For an
    /// outgoing payment it is the remaining balance. Refused if it is not the `expected` one.
    pub async fn withdraw_from_payment(
        &self,
        caller: Caller,
        payment: PaymentToWithdraw,
        timeout_seconds: u64,
        expected: Option<u64>,
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
                self.withdraw_all_announced(found.asset.in_ledger(), &events, timeout, expected).await
            }
            PaymentToWithdraw::Outgoing(id) => {
                let unknown = LiquidityError::UnknownOutgoingPayment;
                let Some(found) = reach.outgoing_payment(id).await? else { return Err(unknown) };
                let types = [EventType::OutgoingPaymentCompleted, EventType::OutgoingPaymentFailed];
                let event = reach.latest_event(Subject::OutgoingPayment(id), &types).await?.ok_or(unknown)?;
                let balance = self.balance(id.into()).await?.unwrap_or(0);
                check_expected(expected, balance)?;
                let withdrawal =
                    Withdrawal { event: event.id, asset: found.quote.asset.in_ledger(), account: id.into(), timeout };
                self.withdraw_for(withdrawal, balance).await
            }
        }
    }

    /// Moves the amount that an event announced to the settlement account at once, under the event's id.
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

    /// Makes each withdrawal of these events that was not made yet. Refused if all were made.
    async fn withdraw_all_announced(
        &self,
        asset: LedgerAsset,
        events: &[WebhookEvent],
        timeout: u32,
        expected: Option<u64>,
    ) -> Result<(), LiquidityError> {
        if expected.is_some() {
            check_expected(expected, self.still_announced(events).await?)?;
        }
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

    /// What these events announced and nobody has withdrawn or reserved yet. No event about an ended payment is added
    /// later, so every unit of it is in one of them.
    async fn still_announced(&self, events: &[WebhookEvent]) -> Result<u64, Unavailable> {
        let mut left = 0_u64;
        for event in events {
            let Some(announced) = event.withdrawal else { continue };
            let attempts = self.attempts(event.id.as_uuid()).await?;
            if attempts.last.is_none_or(|last| is_undone(last.state)) {
                left = left.saturating_add(announced.amount);
            }
        }
        Ok(left)
    }

    /// Makes the withdrawal of an event once. Refused if an earlier attempt succeeded or is pending.
    async fn withdraw_for(&self, withdrawal: Withdrawal, amount: u64) -> Result<(), LiquidityError> {
        let Withdrawal { event, asset, account, timeout } = withdrawal;
        let attempts = self.attempts(event.as_uuid()).await?;
        if attempts.last.is_some_and(|last| !is_undone(last.state)) {
            return Err(TransferError::TransferExists.into());
        }
        // Checked first: if the ledger refuses a transfer for lack of money, its id cannot be used again.
        if amount == 0 || self.balance(account).await?.is_none_or(|balance| balance < amount) {
            return Err(TransferError::InsufficientBalance.into());
        }
        for attempt in attempts.next.. {
            let id = attempt_id(event.as_uuid(), attempt);
            let results = self.ledger.submit(vec![asset.withdrawal(id, account, amount, timeout)]).await;
            match results.map_err(Unavailable::from)?.first() {
                // This attempt was refused before, so its id can never be used. The next attempt follows.
                Some(CreateTransferResult::IdAlreadyFailed) => {}
                Some(CreateTransferResult::Exists) | None => break,
                Some(other) => return Ok(accepted(*other)?),
            }
        }
        Err(TransferError::TransferExists.into())
    }

    /// The earlier attempts at the withdrawal named `cause`.
    ///
    /// A refused id leaves no transfer. So the search continues after a gap.
    pub(super) async fn attempts(&self, cause: Uuid) -> Result<Attempts, Unavailable> {
        /// How many attempts are looked up together; also the longest gap that the search bridges.
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

/// A withdrawal to make.
#[derive(Clone, Copy, Debug)]
struct Withdrawal {
    /// The event that announced the money.
    event: WebhookEventId,
    asset: LedgerAsset,
    account: AccountId,
    /// Zero means that the withdrawal is final at once.
    timeout: u32,
}

/// The attempts at one withdrawal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    /// The latest attempt that the ledger accepted.
    pub(super) last: Option<Transfer>,
    /// The number of the next attempt. Its id may be used up by a refusal.
    next: u64,
}

/// Whether a transfer in this state has moved nothing.
fn is_undone(state: TransferState) -> bool {
    matches!(state, TransferState::Voided | TransferState::Expired)
}

/// The id of an attempt at the withdrawal named `cause`. The id of the first attempt is `cause` itself.
fn attempt_id(cause: Uuid, attempt: u64) -> TransferId {
    if attempt == 0 { TransferId::from(cause) } else { TransferId::derived(cause, "withdrawal", attempt) }
}
