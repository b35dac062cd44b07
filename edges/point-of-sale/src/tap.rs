//! Handles one tap step by step, until it is certain whether the money has arrived.
//!
//! Every step may be interrupted and repeated. A tap fails only after its incoming payment is closed. From then on
//! nothing arrives, and the received amount decides.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, AdminError, CreatedIncomingPayment, ErrorCode, IncomingPaymentState};
use async_trait::async_trait;
use clock::{Clock, Entropy};
use jobs::{Backoff, Done, Failure, Handler, Job, NewJob, Worker, WorkerSettings};
use uuid::Uuid;

use crate::asked_card::{CardAnswer, PayerSide, Undecided};
use crate::outcome::{Failed, Outcome};
use crate::refund;
use crate::store::{self, Store, StoredTap, TapState};
use crate::wire::CardRequest;

pub(crate) const QUEUE: &str = "taps";
/// How often the state is read, in case the webhook is late or lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 64,
    lane_concurrency: 64,
    places_in_lanes: 256,
    lease: Duration::from_secs(5),
    backoff: Backoff { step: Duration::from_millis(250), most_steps: 8 },
};

pub(crate) fn worker(work: TapWorker, entropy: Arc<dyn Entropy>) -> Worker {
    let (database, clock) = (work.store.database().clone(), Arc::clone(&work.clock));
    Worker::new(database, clock, entropy, QUEUE, Arc::new(work), SETTINGS)
}

#[derive(Clone)]
pub(crate) struct TapWorker {
    pub(crate) store: Store,
    pub(crate) admin: AdminClient,
    pub(crate) payer_side: PayerSide,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long an incoming payment is open after the deadline of its tap.
    pub(crate) margin: Duration,
    /// The part of the time that is kept for the money to arrive.
    pub(crate) settlement_reserve: Duration,
}

/// What to do after a step.
enum Next {
    /// The state has changed. Continue at once.
    Go(TapState),
    /// Wait for the next look.
    Wait,
    /// The tap has its result. If only a part arrived, it is refunded.
    End(Outcome, Leftover),
}

/// What arrived for a tap that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leftover {
    Nothing,
    Something,
}

/// Why a step must be repeated.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Card(#[from] Undecided),
}

#[async_trait]
impl Handler for TapWorker {
    #[tracing::instrument(name = "pos.tap.advance", skip_all, fields(tap.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let id = Uuid::try_parse(job.key())?;
        let Some(mut kept) = self.store.find(id).await? else { return Ok(Done::Complete) };
        loop {
            match self.next(&kept).await? {
                Next::Go(state) => {
                    self.store.advance(id, &state).await?;
                    kept.state = state;
                }
                Next::Wait => {
                    let now = self.clock.now();
                    return Ok(Done::RunAgain((now + LOOK_EVERY).min(kept.deadline.max(now))));
                }
                Next::End(outcome, leftover) => {
                    self.settle(job, id, &outcome, leftover).await?;
                    return Ok(Done::Settled);
                }
            }
        }
    }
}

impl TapWorker {
    async fn settle(&self, job: &Job, id: Uuid, outcome: &Outcome, leftover: Leftover) -> Result<(), Failure> {
        tracing::info!(tap.id = %id, ?outcome, "tap ended");
        let now = self.clock.now();
        let transaction = self.store.database().begin().await?;
        let is_first = store::settle(&transaction, id, outcome, now).await?;
        if is_first && leftover == Leftover::Something && store::ask_refund(&transaction, id).await? {
            jobs::enqueue(&transaction, NewJob::new(refund::QUEUE, id, now))?;
        }
        job.complete(&transaction);
        transaction.commit().await?;
        Ok(())
    }

    async fn next(&self, kept: &StoredTap) -> Result<Next, NotYet> {
        match &kept.state {
            TapState::Received | TapState::Creating { .. } if self.is_late(kept) => {
                let told = "this institution could not begin in time; nothing was asked of the card";
                Ok(Next::End(Outcome::failed(Failed::SettlementTimeout, told), Leftover::Nothing))
            }
            TapState::Received => self.meet(kept).await,
            TapState::Creating { card_service, receiver } => self.create(kept, card_service, *receiver).await,
            TapState::Asking { incoming, .. } if self.is_late(kept) => {
                let because = Outcome::failed(Failed::IssuerTimeout, "the card service did not decide in time");
                Ok(Next::Go(TapState::Closing { incoming: incoming.clone(), because }))
            }
            TapState::Asking { card_service, incoming } => self.ask(kept, card_service, incoming).await,
            TapState::Awaiting { incoming } => self.look(kept, incoming).await,
            TapState::Closing { incoming, because } => self.close(kept, incoming, because).await,
            TapState::Settled { outcome } => Ok(Next::End(outcome.clone(), Leftover::Nothing)),
        }
    }

    fn is_late(&self, kept: &StoredTap) -> bool {
        self.clock.now() >= kept.deadline
    }

    /// Finds payer and payee.
    async fn meet(&self, kept: &StoredTap) -> Result<Next, NotYet> {
        let request = &kept.request;
        let Some(receiver) = self.admin.wallet_address_by_url(&request.receiver_wallet_address).await? else {
            let told = format!("this institution has no wallet address {}", request.receiver_wallet_address);
            return Ok(Next::End(Outcome::failed(Failed::UnknownReceiver, told), Leftover::Nothing));
        };
        Ok(match self.payer_side.card_service(&request.sender_wallet_address).await {
            Ok(card_service) => Next::Go(TapState::Creating { card_service, receiver: receiver.id }),
            Err(outcome) => Next::End(outcome, Leftover::Nothing),
        })
    }

    /// Creates the incoming payment, or finds the one that an earlier attempt created with the same key.
    async fn create(&self, kept: &StoredTap, card_service: &str, receiver: Uuid) -> Result<Next, NotYet> {
        let (request, key) = (&kept.request, format!("tap {}", kept.id));
        let expires_at = kept.deadline + self.margin;
        let sender = &request.sender_wallet_address;
        let created = self.admin.create_card_incoming_payment(receiver, &request.amount, sender, expires_at, &key);
        match created.await {
            Ok(incoming) => Ok(Next::Go(TapState::Asking { card_service: card_service.to_owned(), incoming })),
            Err(error) if error.is_temporary() => Err(error.into()),
            Err(error) => Ok(Next::End(Outcome::failed(Failed::InvalidRequest, error.to_string()), Leftover::Nothing)),
        }
    }

    async fn ask(
        &self,
        kept: &StoredTap,
        card_service: &str,
        incoming: &CreatedIncomingPayment,
    ) -> Result<Next, NotYet> {
        let request = CardRequest {
            request_id: kept.id,
            signature: &kept.request.signature,
            payload: &kept.request.payload,
            amount: &kept.request.amount,
            sender_wallet_address: &kept.request.sender_wallet_address,
            incoming_payment_url: &incoming.url,
            timestamp: kept.request.timestamp,
        };
        let wait = kept.deadline.saturating_since(self.clock.now());
        let decide_by = kept.deadline.saturating_sub(self.settlement_reserve);
        let closing = |because| Next::Go(TapState::Closing { incoming: incoming.clone(), because });
        match self.payer_side.pay(card_service, &request, decide_by, wait).await {
            Ok(CardAnswer::Approved) => Ok(Next::Go(TapState::Awaiting { incoming: incoming.clone() })),
            Ok(CardAnswer::Refused(because)) => Ok(closing(because)),
            Err(Undecided::Unusable(error)) => Ok(closing(Outcome::failed(Failed::NoCardService, error.to_string()))),
            Err(error @ Undecided::AskAgain(_)) => Err(error.into()),
        }
    }

    async fn look(&self, kept: &StoredTap, incoming: &CreatedIncomingPayment) -> Result<Next, NotYet> {
        let found = self.admin.incoming_payment(incoming.id).await?;
        if found.received_amount.value >= kept.request.amount.value {
            return Ok(Next::End(Outcome::Approved, Leftover::Nothing));
        }
        let is_open = matches!(found.state, IncomingPaymentState::Pending | IncomingPaymentState::Processing);
        if is_open && !self.is_late(kept) {
            return Ok(Next::Wait);
        }
        let because = Outcome::failed(Failed::SettlementTimeout, "the money did not arrive in time");
        Ok(Next::Go(TapState::Closing { incoming: incoming.clone(), because }))
    }

    /// Closes the incoming payment. After this nothing arrives, and the received amount decides.
    async fn close(
        &self,
        kept: &StoredTap,
        incoming: &CreatedIncomingPayment,
        because: &Outcome,
    ) -> Result<Next, NotYet> {
        let mut found = self.admin.incoming_payment(incoming.id).await?;
        if matches!(found.state, IncomingPaymentState::Pending | IncomingPaymentState::Processing) {
            match self.admin.complete_receiver(&incoming.url).await {
                Ok(_) => {}
                // It ended by itself at this moment.
                Err(error) if error.is(&ErrorCode::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            found = self.admin.incoming_payment(incoming.id).await?;
            if matches!(found.state, IncomingPaymentState::Pending | IncomingPaymentState::Processing) {
                return Ok(Next::Wait);
            }
        }

        let received = found.received_amount.value;
        if received >= kept.request.amount.value {
            return Ok(Next::End(Outcome::Approved, Leftover::Nothing));
        }
        let leftover = if received == 0 { Leftover::Nothing } else { Leftover::Something };
        Ok(Next::End(because.clone(), leftover))
    }
}
