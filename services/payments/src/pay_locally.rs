//! Delivering a payment within this instance: one movement in the ledger (payments section 6.2).
//!
//! The movement's id is derived from the payment, so it is made once however often it is tried.

use ledger::TransferId;
use payments_model::accounting::{AccountKind, Movement, Side, TransferError};
use payments_model::outgoing_payment::{AttemptFailure, Progress};
use payments_model::quote::{MethodAmounts, QuoteMethod};
use payments_model::receiver::ReceiverLocation;
use payments_model::{IncomingPayment, OutgoingPayment, Receiver};

use crate::ledger_totals::amount_of;
use crate::{Payments, Unavailable};

/// A movement has at most two legs; the one that credits the receiver is among them.
const LEGS_MOST: u64 = 2;

impl Payments {
    /// Moves the money. Failures of a local delivery are final.
    pub(crate) async fn pay_locally(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        amounts: MethodAmounts,
    ) -> Result<Result<Progress, AttemptFailure>, Unavailable> {
        let found = match receiver.location {
            ReceiverLocation::Local { tenant: Some(tenant), id } => {
                self.store().tenant(tenant).incoming_payment(id).await?
            }
            ReceiverLocation::Local { tenant: None, .. } | ReceiverLocation::Remote(_) => None,
        };
        let Some(incoming) = found else {
            return Ok(Err(AttemptFailure::fatal("Incoming payment not found from receiver")));
        };
        if incoming.receivable(receiver.received_amount, self.now()).is_err() {
            return Ok(Err(AttemptFailure::fatal("Incoming Payment cannot be expired or completed")));
        }
        match self.move_locally(payment, &incoming, amounts).await? {
            Ok(()) => {}
            Err(error @ (TransferError::InsufficientBalance | TransferError::InsufficientLiquidity)) => {
                return Ok(Err(AttemptFailure::fatal(error.to_string())));
            }
            Err(error) => {
                tracing::error!(%error, payment.id = %payment.id(), "local delivery refused by the ledger");
                return Ok(Err(AttemptFailure::fatal("Unknown error while trying to create transfer")));
            }
        }
        // The nudge may be lost with this process; the start looks for credits nobody noted.
        self.0.parts.receivers.note_credit(incoming.id).await?;
        Ok(Ok(Progress { debited: amounts.debit, delivered: amounts.receive }))
    }

    async fn move_locally(
        &self,
        payment: &OutgoingPayment,
        incoming: &IncomingPayment,
        amounts: MethodAmounts,
    ) -> Result<Result<(), TransferError>, Unavailable> {
        let from = payment.quote.asset.in_ledger();
        let to = incoming.asset.in_ledger();
        let account = to.account(incoming.id.into(), AccountKind::Incoming);
        self.ledger().create_accounts(vec![account]).await?;
        let source = Side { account: payment.id().into(), asset: from, amount: amounts.debit };
        let destination = Side { account: incoming.id.into(), asset: to, amount: amounts.receive };
        let movement = match Movement::between(movement_id(payment), source, destination, 0) {
            Ok(movement) => movement,
            Err(error) => return Ok(Err(error)),
        };
        let results = self.ledger().submit(movement.legs.clone()).await?;
        Ok(movement.outcome(&results))
    }

    /// What a local delivery moved, if it was made by an attempt that could not note it.
    pub(crate) async fn local_delivery_made(&self, payment: &OutgoingPayment) -> Result<Option<Progress>, Unavailable> {
        if payment.quote.method != QuoteMethod::Local {
            return Ok(None);
        }
        let ids = (0..LEGS_MOST).map(|leg| TransferId::derived(movement_id(payment).as_uuid(), "leg", leg)).collect();
        let made = self.ledger().transfers(ids).await?;
        let made: Vec<_> = made.into_iter().flatten().map(|transfer| transfer.created).collect();
        if made.is_empty() {
            return Ok(None);
        }
        let own = payment.id().into();
        let pools = [payment.quote.asset.in_ledger().liquidity_account()];
        let debited = made.iter().filter(|leg| leg.debit_account_id == own).map(|leg| leg.amount).sum();
        // The legs that do not end in the payer's own liquidity pool end at the receiver.
        let delivered = made.iter().filter(|leg| !pools.contains(&leg.credit_account_id)).map(|leg| leg.amount).sum();
        if let Ok(ReceiverLocation::Local { id, .. }) =
            ReceiverLocation::parse(&payment.quote.receiver, &self.settings().open_payments_url)
        {
            self.0.parts.receivers.note_credit(id).await?;
        }
        Ok(Some(Progress { debited: amount_of(debited), delivered: amount_of(delivered) }))
    }
}

fn movement_id(payment: &OutgoingPayment) -> TransferId {
    TransferId::derived(payment.id().as_uuid(), "local delivery", 0)
}
