//! One attempt to deliver an outgoing payment, done as a leased job.
//!
//! No database transaction is open while anything crosses the network. Packets of earlier attempts whose outcome is
//! unknown are settled first; what the last step changes is one transaction with its event and the end of the job.

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job};
use ledger::TransferId;
use payments_model::grant_limits::PaymentEnd;
use payments_model::outgoing_payment::{AttemptFailure, LifecycleError, OutgoingState, Progress};
use payments_model::sending::{NextStep, next_step};
use payments_model::webhook_event::EventType;
use payments_model::{OutgoingPayment, OutgoingPaymentId, Receiver};
use uuid::Uuid;
use webhooks::Audience;

use crate::ledger_totals::amount_of;
use crate::outgoing::grant_spending;
use crate::outgoing::outgoing_events::outgoing_event;
use crate::outgoing::pay_over_ilp::{Counted, Resumed};
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// How an attempt ended.
enum Attempt {
    /// Everything has arrived.
    Delivered,
    /// It has not, and this is why.
    Failed(AttemptFailure),
    /// Packets are out whose outcome is unknown: nothing is decided before they are settled.
    Unresolved,
}

impl Payments {
    async fn send(&self, job: &Job) -> Result<Done, Failure> {
        let id: OutgoingPaymentId = job.key().parse()?;
        let Some(payment) = self.store().every_tenant().outgoing_payment(id).await? else { return Ok(Done::Complete) };
        if !matches!(payment.state, OutgoingState::Sending(_)) {
            return Ok(Done::Complete);
        }
        let attempt = TransferId::derived(id.as_uuid(), "sending attempt", job.attempt().into()).as_uuid();
        let mut counted = Counted::default();
        let ended = self.attempt(&payment, attempt, &mut counted).await?;
        self.note(job, &payment, ended, counted).await
    }

    async fn attempt(
        &self,
        payment: &OutgoingPayment,
        attempt: Uuid,
        counted: &mut Counted,
    ) -> Result<Attempt, Unavailable> {
        if self.resume_packets(payment, counted).await? == Resumed::Unresolved {
            return Ok(Attempt::Unresolved);
        }
        if let Some(moved) = self.local_delivery_made(payment).await? {
            counted.progress = moved;
            return Ok(Attempt::Delivered);
        }
        let receiver = match self.receiver_now(payment).await? {
            Ok(receiver) => receiver,
            Err(failure) => return Ok(Attempt::Failed(failure)),
        };
        let with_progress = payment.clone().with_progress(counted.total(payment));
        let Ok(payment) = with_progress else { return Ok(Attempt::Failed(LifecycleError::BadState.into())) };
        let address = self.wallet_address_of(payment.quote.tenant_id, payment.quote.wallet_address_id).await?;
        let Some(address) = address else { return Ok(Attempt::Failed(LifecycleError::BadState.into())) };
        let account = self.account(payment.id()).await?;
        let debited = account.map(|account| amount_of(account.debits_posted));
        let step = next_step(&payment, &address.asset.asset, debited, receiver.as_ref(), self.now());
        match (step, receiver) {
            (Ok(NextStep::Complete), _) => Ok(Attempt::Delivered),
            (Ok(NextStep::PayLocally(amounts)), Some(receiver)) => {
                Ok(match self.pay_locally(&payment, &receiver, amounts).await? {
                    Ok(moved) => {
                        counted.progress = moved;
                        Attempt::Delivered
                    }
                    Err(failure) => Attempt::Failed(failure),
                })
            }
            (Ok(NextStep::PayOverIlp { max_source, min_delivery, details }), Some(receiver)) => {
                let limits = (max_source, min_delivery, details);
                let paid = self.pay_over_ilp(&payment, &receiver, attempt, limits, counted).await?;
                Ok(match paid {
                    Ok(()) => Attempt::Delivered,
                    Err(_) if counted.unresolved => Attempt::Unresolved,
                    Err(failure) => Attempt::Failed(failure),
                })
            }
            (Ok(_), None) => Ok(Attempt::Failed(LifecycleError::ReceiverUnavailable.into())),
            (Err(error), _) => Ok(Attempt::Failed(error.into())),
        }
    }

    /// The receiver, `None` if it positively does not exist. Not knowing is a failure worth another attempt.
    async fn receiver_now(
        &self,
        payment: &OutgoingPayment,
    ) -> Result<Result<Option<Receiver>, AttemptFailure>, Unavailable> {
        let url = &payment.quote.receiver;
        // A first attempt follows the quote closely; any other has a reason to look again.
        let resolved = if payment.state_attempts() == 0 {
            self.recent_receiver(url).await
        } else {
            self.resolve_receiver(url).await
        };
        match resolved {
            Ok(receiver) => Ok(Ok(Some(receiver))),
            Err(ResolveReceiverError::NotFound) => Ok(Ok(None)),
            Err(ResolveReceiverError::Unavailable(error)) => Err(error),
            Err(error) => Ok(Err(AttemptFailure::retryable(error.to_string()))),
        }
    }

    /// Writes how an attempt ended, with its event, and settles the job.
    async fn note(
        &self,
        job: &Job,
        before: &OutgoingPayment,
        ended: Attempt,
        counted: Counted,
    ) -> Result<Done, Failure> {
        self.0.receivers.forget(&before.quote.receiver);
        let account = self.account(before.id()).await?;
        let (sent, balance) =
            account.map_or((0, 0), |account| (amount_of(account.debits_posted), amount_of(account.credit_balance())));
        let now = self.now();
        let unit = self.begin().await?;
        let scope = unit.tenant(before.quote.tenant_id);
        for known in &counted.settled {
            scope.count_packets(known.payment, known.attempt, &known.sequences, known.moved).await?;
        }
        let found = scope.locked_outgoing_payment(before.id()).await?;
        let Some(payment) = found.filter(|payment| matches!(payment.state, OutgoingState::Sending(_))) else {
            return Ok(Done::Complete);
        };
        let delivered = payment.require_sending()?.progress.delivered.max(counted.progress.delivered);
        let after = match ended {
            Attempt::Delivered => payment.try_map(|payment| payment.complete(sent, now))?,
            Attempt::Failed(failure) => {
                tracing::info!(payment.id = %before.id(), failure.description, failure.retryable, "attempt failed");
                let attempts_max = self.settings().outgoing_attempts_max;
                payment.try_map(|payment| payment.attempt_failed(failure, attempts_max, sent, now))?
            }
            Attempt::Unresolved => {
                let at = now + payments_model::retry::pause_after(job.attempt());
                job.retry(unit.transaction(), at, "packets are out whose outcome is unknown").await?;
                unit.commit().await?;
                return Ok(Done::Settled);
            }
        };
        if let Some(at) = after.next_attempt_at() {
            job.retry(unit.transaction(), at, "the attempt failed").await?;
        } else {
            let completed = matches!(after.state, OutgoingState::Completed { .. });
            let (end, event_type) = if completed {
                (PaymentEnd::Completed { delivered }, EventType::OutgoingPaymentCompleted)
            } else {
                (PaymentEnd::Failed { sent, delivered }, EventType::OutgoingPaymentFailed)
            };
            grant_spending::settle(&unit, &after, end, now).await?;
            let event = outgoing_event(&after, event_type, sent, balance, Some(balance), now, self.entropy());
            self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(after.quote.tenant_id)).await?;
            scope.forget_packets_in_flight(before.id()).await?;
            job.complete(unit.transaction()).await?;
        }
        scope.update_outgoing_payment(&after).await?;
        let state = after.into_inner().state;
        unit.commit().await?;
        self.0.counts.ended(&state);
        Ok(Done::Settled)
    }

    /// Does the jobs of payments under way.
    pub fn sending_handler(&self) -> Arc<dyn Handler> {
        Arc::new(SendingHandler(self.clone()))
    }
}

impl Counted {
    /// How far the payment has come with what was settled since it was read.
    pub(crate) fn total(&self, payment: &OutgoingPayment) -> Progress {
        let recorded = payment.require_sending().map(|sending| sending.progress).unwrap_or_default();
        self.settled.iter().fold(recorded, |total, known| Progress {
            debited: total.debited.saturating_add(known.moved.debited),
            delivered: total.delivered.saturating_add(known.moved.delivered),
        })
    }
}

struct SendingHandler(Payments);

#[async_trait]
impl Handler for SendingHandler {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.0.send(job).await
    }
}
