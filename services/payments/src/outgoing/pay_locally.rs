//! Delivering a payment within this instance, by one movement in the ledger.
//!
//! The movement's id is derived from the payment, so it is made once, however often it is tried. The ledger decides in
//! the same chain how much the receiver takes.

use clock::Timestamp;
use connector::LocalAccountId;
use ledger::{CreateTransferResult, NewTransfer, TransferId};
use payments_model::accounting::{Movement, Settling, Side, TransferError};
use payments_model::local_delivery::debit_for_part_ceil;
use payments_model::outgoing_payment::{AttemptFailure, Progress};
use payments_model::quote::{MethodAmounts, QuoteMethod};
use payments_model::receiver::ReceiverLocation;
use payments_model::{IncomingPayment, IncomingPaymentId, OutgoingPayment, Receiver};

use crate::incoming::expectations;
use crate::incoming::expectations::Ready;
use crate::ledger_totals::amount_of;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// No packet waits for a reply here, so the note may take as long as it needs.
const FAR_FUTURE: Timestamp = Timestamp::from_millis(i64::MAX);

/// A movement has at most two legs. One of them credits the receiver.
const LEGS_MOST: u64 = 2;

/// Why an attempt to deliver a payment did not succeed.
#[derive(Debug)]
pub(crate) enum DeliveryError {
    /// The attempt failed.
    Failed(AttemptFailure),
    /// The database, the ledger or the cache did not answer, so the job is done again.
    Unavailable(Unavailable),
}

impl From<AttemptFailure> for DeliveryError {
    fn from(failure: AttemptFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unavailable> for DeliveryError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

/// A local delivery that was made.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) moved: Progress,
    /// The receiver, whose row does not have the credit yet.
    pub(crate) to: IncomingPaymentId,
}

/// The result of the movement of a local delivery.
enum Moved {
    /// It was made.
    Made,
    /// It was made before, perhaps with other amounts.
    Before,
    /// The receiver takes less than this.
    NotExpected,
    /// It was refused for another reason.
    Refused(TransferError),
}

impl Payments {
    /// Moves the money. The caller notes the credit. Failures of a local delivery are final.
    pub(crate) async fn pay_locally(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        amounts: MethodAmounts,
    ) -> Result<Delivered, DeliveryError> {
        let found = match receiver.location {
            ReceiverLocation::Local { tenant: Some(tenant), id } => self.own_incoming_payment(tenant, id).await?,
            ReceiverLocation::Local { tenant: None, .. } | ReceiverLocation::Remote(_) => None,
        };
        let Some(incoming) = found else {
            return Err(AttemptFailure::fatal("Incoming payment not found from receiver").into());
        };
        if incoming.takes_money(self.settings().approval(), self.now()).is_err() {
            return Err(takes_no_money().into());
        }

        let moved = self.move_what_is_expected(payment, &incoming, amounts).await?;
        Ok(Delivered { moved, to: incoming.id })
    }

    /// Notes what a payment received by a local delivery. If the database does not answer, the note is made later.
    pub(crate) async fn note_delivery_to(&self, incoming: IncomingPaymentId) {
        self.0.parts.receivers.note_in_time(LocalAccountId::IncomingPayment(incoming), FAR_FUTURE).await;
    }

    /// Pays `amounts`. If other payers were faster, pays only the part that the receiver still takes, and debits in
    /// proportion.
    async fn move_what_is_expected(
        &self,
        payment: &OutgoingPayment,
        incoming: &IncomingPayment,
        amounts: MethodAmounts,
    ) -> Result<Progress, DeliveryError> {
        let Ready { mut left, mut opening } = expectations::prepare(self.ledger(), incoming).await?;

        for attempt in 0.. {
            let receive = amounts.receive.min(left);
            if receive == 0 {
                break;
            }
            let part = MethodAmounts { debit: debit_for_part_ceil(amounts, receive), receive };

            match self.move_locally(payment, incoming, part, opening.take(), attempt).await? {
                Moved::Made => return Ok(Progress { debited: part.debit, delivered: part.receive }),
                Moved::Before => {
                    let made = self.local_delivery_made(payment).await?;
                    return made.ok_or_else(|| AttemptFailure::retryable("an earlier delivery is not found").into());
                }
                Moved::NotExpected => left = expectations::look(self.ledger(), incoming.id).await?.left.unwrap_or(0),
                Moved::Refused(error @ (TransferError::InsufficientBalance | TransferError::InsufficientLiquidity)) => {
                    return Err(AttemptFailure::fatal(error.to_string()).into());
                }
                Moved::Refused(error) => {
                    tracing::error!(%error, payment.id = %payment.id(), "the ledger refused a local delivery");
                    return Err(AttemptFailure::fatal("Unknown error while trying to create transfer").into());
                }
            }
        }

        Err(takes_no_money().into())
    }

    /// Tries once to move `amounts`, after the `opening` of the receiver's expectation. `attempt` is the number of
    /// earlier tries that were refused because the receiver takes less.
    async fn move_locally(
        &self,
        payment: &OutgoingPayment,
        incoming: &IncomingPayment,
        amounts: MethodAmounts,
        opening: Option<NewTransfer>,
        attempt: u64,
    ) -> Result<Moved, Unavailable> {
        let (from, to) = (payment.quote.asset.in_ledger(), incoming.asset.in_ledger());
        let source = Side { account: payment.id().into(), asset: from, amount: amounts.debit };
        let destination = Side { account: incoming.id.into(), asset: to, amount: amounts.receive };

        let id = movement_id(payment);
        let movement = match Movement::between(id, source, destination, Settling::AtOnce) {
            Ok(movement) => movement.with_expectation(incoming.expectation().take(id, attempt, amounts.receive)),
            Err(error) => return Ok(Moved::Refused(error)),
        };

        let before = opening.iter().count();
        let transfers = opening.into_iter().chain(movement.legs.iter().copied());
        let mut results = self.ledger().submit(transfers.collect()).await?;
        let results = results.split_off(before);

        Ok(match movement.outcome(&results) {
            Ok(()) if results.first() == Some(&CreateTransferResult::Exists) => Moved::Before,
            Ok(()) => Moved::Made,
            Err(TransferError::NotExpected) => Moved::NotExpected,
            // Another process may have made it with other amounts. A refused id has no transfer, so this is checked.
            Err(TransferError::TransferExists) if self.local_delivery_made(payment).await?.is_some() => Moved::Before,
            Err(error) => Moved::Refused(error),
        })
    }

    /// What a local delivery moved, if an earlier attempt made it and did not note it.
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
        // Legs that do not end in the payer's own liquidity pool end at the receiver.
        let delivered = made.iter().filter(|leg| !pools.contains(&leg.credit_account_id)).map(|leg| leg.amount).sum();
        if let Ok(ReceiverLocation::Local { id, .. }) =
            ReceiverLocation::parse(&payment.quote.receiver, &self.settings().open_payments_url)
        {
            self.note_delivery_to(id).await;
        }
        Ok(Some(Progress { debited: amount_of(debited), delivered: amount_of(delivered) }))
    }
}

fn takes_no_money() -> AttemptFailure {
    AttemptFailure::fatal("Incoming Payment cannot be expired or completed")
}

fn movement_id(payment: &OutgoingPayment) -> TransferId {
    TransferId::derived_once(payment.id().as_uuid(), "local delivery")
}
