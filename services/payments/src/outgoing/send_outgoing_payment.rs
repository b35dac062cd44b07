//! One attempt to deliver an outgoing payment, as a leased job.
//!
//! No database transaction is open while anything crosses the network. Packets of earlier attempts whose outcome is
//! unknown come first. The last transaction holds the new state, its event and the end of the job.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Timestamp;
use jobs::{Done, Failure, Handler, Job};
use ledger::TransferId;
use payments_model::grant_limits::PaymentEnd;
use payments_model::outgoing_payment::{AttemptFailure, LifecycleError, OutgoingState, Progress};
use payments_model::quote::QuoteMethod;
use payments_model::sending::{NextStep, next_step};
use payments_model::webhook_event::EventType;
use payments_model::{OutgoingPayment, OutgoingPaymentId, Receiver};
use payments_store::Unit;
use telemetry::payment_span;
use tracing::Instrument;
use uuid::Uuid;
use webhooks::Audience;

use crate::ledger_totals::amount_of;
use crate::outgoing::at_hand::Funded;
use crate::outgoing::grant_spending;
use crate::outgoing::outgoing_events::{EventMoney, outgoing_event};
use crate::outgoing::packet_list::Begun;
use crate::outgoing::pay_locally::DeliveryError;
use crate::outgoing::pay_over_ilp::{Counted, Resumed};
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The result of an attempt.
enum AttemptResult {
    /// The whole amount has arrived.
    Delivered,
    /// The amount has not arrived, for this reason.
    Failed(AttemptFailure),
    /// Packets with unknown outcome exist. Nothing is decided before their outcome is known.
    Unresolved,
}

/// What is known of the time before an attempt.
enum BeforeIt {
    /// Packets may have been sent, or a local delivery may have been made.
    Unknown,
    /// Nothing was sent.
    Nothing,
    /// Nothing was sent, and the first packet has been written.
    FirstPacketMade(Box<Begun>),
}

/// The amounts of a payment at its end, and the time of that end.
#[derive(Clone, Copy)]
struct Ended {
    sent: u64,
    balance: u64,
    delivered: u64,
    at: Timestamp,
}

/// The number of a job's first attempt.
const FIRST: u32 = 1;

/// The id of an attempt in the rows of its packets.
fn attempt_id(id: OutgoingPaymentId, attempt: u32) -> Uuid {
    TransferId::derived(id.as_uuid(), "sending attempt", attempt.into()).as_uuid()
}

fn failed(error: LifecycleError) -> DeliveryError {
    DeliveryError::Failed(error.into())
}

fn over_ilp(paid: Result<(), AttemptFailure>, counted: &Counted) -> AttemptResult {
    match paid {
        Ok(()) => AttemptResult::Delivered,
        Err(_) if counted.unresolved => AttemptResult::Unresolved,
        Err(failure) => AttemptResult::Failed(failure),
    }
}

/// Where the row of a payment comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowOrigin {
    /// This process wrote it a moment ago.
    AtHand,
    /// It was read from the database.
    Database,
}

impl Payments {
    async fn send(&self, job: &Job) -> Result<Done, Failure> {
        let Some((payment, before_it, origin)) = self.payment_to_send(job).await? else { return Ok(Done::Complete) };
        if !matches!(payment.state, OutgoingState::Sending(_)) {
            return Ok(Done::Complete);
        }

        let mut counted = Counted::default();
        let ended = match self.deliver(job, &payment, before_it, &mut counted).await {
            Ok(ended) => ended,
            Err(DeliveryError::Failed(failure)) => AttemptResult::Failed(failure),
            Err(DeliveryError::Unavailable(error)) => return Err(error.into()),
        };
        self.0.receivers.forget(&payment.quote.receiver);

        if origin == RowOrigin::AtHand
            && !counted.row_has_changed
            && let Some(done) = self.note_end_of_known(job, &payment, &ended, &mut counted).await?
        {
            return Ok(done);
        }
        self.note(job, &payment, ended, counted).await
    }

    /// The payment of the job; `None` if it does not exist. If this process funded it a moment ago, its copy is used,
    /// unless another process has taken the job.
    async fn payment_to_send(&self, job: &Job) -> Result<Option<(OutgoingPayment, BeforeIt, RowOrigin)>, Failure> {
        let id: OutgoingPaymentId = job.key().parse()?;
        let at_hand = if job.attempt() == FIRST { self.0.at_hand.take_funded(id) } else { None };
        let Some(Funded { payment, begun }) = at_hand else {
            let found = self.store().every_tenant().outgoing_payment(id).await?;
            return Ok(found.map(|payment| (payment, BeforeIt::Unknown, RowOrigin::Database)));
        };
        let before_it = match begun {
            Some(begun) if begun.is_recent(self.wall()) => BeforeIt::FirstPacketMade(Box::new(begun)),
            Some(_) => BeforeIt::Unknown,
            None => BeforeIt::Nothing,
        };
        Ok(Some((payment, before_it, RowOrigin::AtHand)))
    }

    async fn deliver(
        &self,
        job: &Job,
        payment: &OutgoingPayment,
        before_it: BeforeIt,
        counted: &mut Counted,
    ) -> Result<AttemptResult, DeliveryError> {
        let attempt = attempt_id(payment.id(), job.attempt());
        match before_it {
            BeforeIt::FirstPacketMade(begun) => {
                let paid = self.go_on_over_ilp(payment, *begun, counted).await;
                Ok(over_ilp(paid, counted))
            }
            BeforeIt::Nothing => self.attempt(payment, attempt, Some(0), counted).await,
            BeforeIt::Unknown => match self.settle_what_was_before(payment, counted).await? {
                Some(ended) => Ok(ended),
                None => self.attempt(payment, attempt, None, counted).await,
            },
        }
    }

    /// Finds out what earlier attempts moved. Returns `Some` if this attempt ends here.
    async fn settle_what_was_before(
        &self,
        payment: &OutgoingPayment,
        counted: &mut Counted,
    ) -> Result<Option<AttemptResult>, Unavailable> {
        if self.resume_packets(payment, counted).await? == Resumed::Unresolved {
            return Ok(Some(AttemptResult::Unresolved));
        }
        let Some(moved) = self.local_delivery_made(payment).await? else { return Ok(None) };
        counted.progress = moved;
        Ok(Some(AttemptResult::Delivered))
    }

    /// Makes the first packet of a payment that was just funded, if this needs no query and no waiting.
    pub(crate) fn begin_sending(&self, funded: &OutgoingPayment) -> Option<Begun> {
        if funded.quote.method == QuoteMethod::Local {
            return None;
        }
        let receiver = self.0.receivers.get(&funded.quote.receiver, self.now())?;
        match next_step(funded, &funded.quote.asset.asset, Some(0), Some(&receiver), self.now()) {
            Ok(NextStep::PayOverIlp { max_source, min_delivery, details }) => {
                let attempt = attempt_id(funded.id(), FIRST);
                self.begin_over_ilp(funded, &receiver, attempt, (max_source, min_delivery, details))
            }
            Ok(NextStep::Complete | NextStep::PayLocally(_)) | Err(_) => None,
        }
    }

    /// One attempt, after all earlier packets are settled. `debited` is the debit of the payment's account, if it is
    /// known.
    async fn attempt(
        &self,
        payment: &OutgoingPayment,
        attempt: Uuid,
        debited: Option<u64>,
        counted: &mut Counted,
    ) -> Result<AttemptResult, DeliveryError> {
        let receiver = self.receiver_now(payment).await?;
        let with_progress = payment.clone().with_progress(counted.total(payment));
        let payment = with_progress.map_err(|_| failed(LifecycleError::BadState))?;
        let debited = match debited {
            Some(debited) => Some(debited),
            None => self.account(payment.id()).await?.map(|account| amount_of(account.debits_posted)),
        };
        // A wallet address never changes its asset, so the asset of the quote is used.
        let step = next_step(&payment, &payment.quote.asset.asset, debited, receiver.as_ref(), self.now());

        match (step.map_err(failed)?, receiver) {
            (NextStep::Complete, _) => Ok(AttemptResult::Delivered),
            (NextStep::PayLocally(amounts), Some(receiver)) => {
                let delivered = self.pay_locally(&payment, &receiver, amounts).await?;
                counted.progress = delivered.moved;
                counted.to_note = Some(delivered.to);
                Ok(AttemptResult::Delivered)
            }
            (NextStep::PayOverIlp { max_source, min_delivery, details }, Some(receiver)) => {
                let limits = (max_source, min_delivery, details);
                let paid = self.pay_over_ilp(&payment, &receiver, attempt, limits, counted).await;
                Ok(over_ilp(paid, counted))
            }
            (NextStep::PayLocally(_) | NextStep::PayOverIlp { .. }, None) => {
                Err(failed(LifecycleError::ReceiverUnavailable))
            }
        }
    }

    /// The receiver; `None` if it does not exist. If that is unknown, the attempt fails and is repeated.
    async fn receiver_now(&self, payment: &OutgoingPayment) -> Result<Option<Receiver>, DeliveryError> {
        let url = &payment.quote.receiver;
        // A first attempt follows soon after the quote. Any later attempt resolves the receiver again.
        let resolved = if payment.state_attempts() == 0 {
            self.recent_receiver(url).await
        } else {
            self.resolve_receiver(url).await
        };
        match resolved {
            Ok(receiver) => Ok(Some(receiver)),
            Err(ResolveReceiverError::NotFound) => Ok(None),
            Err(ResolveReceiverError::Unavailable(error)) => Err(DeliveryError::Unavailable(error)),
            Err(error) => Err(AttemptFailure::retryable(error.to_string()).into()),
        }
    }

    /// Writes the end of a payment whose row is still equal to `before`, and ends the job. Returns `None` and writes
    /// nothing if the payment has not ended or the row has changed. The receiver of a local delivery gets its note in the
    /// same commit.
    async fn note_end_of_known(
        &self,
        job: &Job,
        before: &OutgoingPayment,
        ended: &AttemptResult,
        counted: &mut Counted,
    ) -> Result<Option<Done>, Failure> {
        let (account, now) = (self.account(before.id()).await?, self.now());
        let (sent, balance) =
            account.map_or((0, 0), |account| (amount_of(account.debits_posted), amount_of(account.credit_balance())));

        let progress = counted.total(before);
        let moved = before.clone().with_progress(progress)?;
        let after = match ended {
            AttemptResult::Delivered => moved.complete(sent, now)?,
            AttemptResult::Failed(failure) => {
                moved.attempt_failed(failure.clone(), self.settings().outgoing_attempts_max, sent, now)?
            }
            AttemptResult::Unresolved => return Ok(None),
        };

        if after.next_attempt_at().is_some() {
            return Ok(None);
        }
        let delivered = progress.delivered.max(counted.progress.delivered);
        let after = after.with_record(&counted.record, delivered);

        let unit = self.begin().await?;
        unit.tenant(after.quote.tenant_id).replace_outgoing_payment(before, &after)?;
        self.write_end_of_outgoing(&unit, job, &after, Ended { sent, balance, delivered, at: now }).await?;

        let committed = match counted.to_note.take() {
            Some(incoming) => self.0.parts.receivers.note_credit_with(incoming, unit.commit()).await,
            None => unit.commit().await,
        };
        match committed {
            Ok(()) => {}
            Err(error) if error.is_overtaken() => return Ok(None),
            Err(error) => return Err(error.into()),
        }

        self.0.counts.ended(&after);
        Ok(Some(Done::Settled))
    }

    /// Writes what follows from the end of a payment.
    async fn write_end_of_outgoing(
        &self,
        unit: &Unit,
        job: &Job,
        after: &OutgoingPayment,
        ended: Ended,
    ) -> Result<(), Failure> {
        let Ended { sent, balance, delivered, at } = ended;
        let (end, event_type) = if matches!(after.state, OutgoingState::Completed { .. }) {
            (PaymentEnd::Completed { delivered }, EventType::OutgoingPaymentCompleted)
        } else {
            (PaymentEnd::Failed { sent, delivered }, EventType::OutgoingPaymentFailed)
        };
        grant_spending::settle(unit, after, end, at).await?;
        let money = EventMoney { sent, balance, withdrawable: Some(balance) };
        let event = outgoing_event(after, event_type, money, at, self.entropy());
        self.0.parts.webhooks.record(unit, &event, &Audience::tenant(after.quote.tenant_id)).await?;
        unit.tenant(after.quote.tenant_id).forget_packets_in_flight(after.id());
        job.complete(unit.transaction());
        Ok(())
    }

    /// Writes the result of an attempt with its event, and ends the job.
    async fn note(
        &self,
        job: &Job,
        before: &OutgoingPayment,
        ended: AttemptResult,
        counted: Counted,
    ) -> Result<Done, Failure> {
        if let Some(incoming) = counted.to_note {
            self.note_delivery_to(incoming).await;
        }

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
        let payment = payment.map(|payment| payment.with_record(&counted.record, delivered));
        let after = match ended {
            AttemptResult::Delivered => payment.try_map(|payment| payment.complete(sent, now))?,
            AttemptResult::Failed(failure) => {
                tracing::info!(payment.id = %before.id(), failure.description, failure.retryable, "attempt failed");
                let attempts_max = self.settings().outgoing_attempts_max;
                payment.try_map(|payment| payment.attempt_failed(failure, attempts_max, sent, now))?
            }
            AttemptResult::Unresolved => {
                let at = now + payments_model::retry::pause_after(job.attempt());
                job.retry(unit.transaction(), at, "the outcome of some packets is unknown");
                if !counted.record.is_empty() {
                    scope.update_outgoing_payment(&payment)?;
                }
                unit.commit().await?;
                return Ok(Done::Settled);
            }
        };

        if let Some(at) = after.next_attempt_at() {
            job.retry(unit.transaction(), at, "the attempt failed");
        } else {
            self.write_end_of_outgoing(&unit, job, &after, Ended { sent, balance, delivered, at: now }).await?;
        }

        scope.update_outgoing_payment(&after)?;
        let after = after.into_inner();
        unit.commit().await?;
        self.0.counts.ended(&after);
        Ok(Done::Settled)
    }

    /// Handles the jobs of payments under way.
    pub fn sending_handler(&self) -> Arc<dyn Handler> {
        Arc::new(SendingHandler(self.clone()))
    }
}

impl Counted {
    /// The progress of the payment, with packets that were settled since it was read.
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
        let payment: OutgoingPaymentId = job.key().parse()?;
        self.0.send(job).instrument(payment_span("payment.send", payment.as_uuid())).await
    }
}
