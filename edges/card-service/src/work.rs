//! Handles one request step by step: create the payment, read its state, cancel it after the time-out.
//!
//! Every step may be interrupted and repeated. The payment's state at the instance decides. A webhook only makes the
//! worker read it.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, AdminError, CardDetails, ErrorCode, OutgoingPayment, OutgoingPaymentState};
use async_trait::async_trait;
use clock::{Clock, Entropy};
use jobs::{Backoff, Done, Failure, Handler, Job, Worker, WorkerSettings};
use serde_json::json;
use uuid::Uuid;

use crate::outcome::{Declined, Outcome};
use crate::store::{self, RequestState, Store, StoredRequest};
use crate::tenants::Tenants;

pub(crate) const QUEUE: &str = "card requests";

/// How often the state is read, in case the webhook is late or lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 64,
    lane_concurrency: 1,
    places_in_lanes: 0,
    lease: Duration::from_secs(5),
    backoff: Backoff { step: Duration::from_millis(250), most_steps: 8 },
};
/// How often the instance may refuse to create the payment for a reason that passes.
const REFUSALS_MAX: u32 = 3;
/// How long after the deadline it is tried to find out whether a payment exists.
const ASKS_FOR: Duration = Duration::from_hours(1);
/// How long after the deadline a creation is repeated, if no process ran meanwhile. The instance knows the key of a creation
/// for a day. After that a repetition would create another payment.
const REPEATS_FOR: Duration = Duration::from_hours(12);
const TOO_LATE: &str = "The card service got no decision in time.";

pub(crate) fn worker(work: RequestWorker, entropy: Arc<dyn Entropy>) -> Worker {
    let (database, clock) = (work.store.database().clone(), Arc::clone(&work.clock));
    Worker::new(database, clock, entropy, QUEUE, Arc::new(work), SETTINGS)
}

#[derive(Clone)]
pub(crate) struct RequestWorker {
    pub(crate) store: Store,
    pub(crate) tenants: Tenants,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Whether an earlier attempt may have created the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Earlier {
    /// This is the first attempt.
    No,
    /// A process was killed or the instance did not answer, and then it may exist.
    Perhaps,
}

/// What to do after a step.
enum Next {
    /// The state has changed. Continue at once.
    Go(RequestState),
    /// Wait for the next look.
    Wait,
    /// The request has its result.
    End(Outcome),
}

#[async_trait]
impl Handler for RequestWorker {
    #[tracing::instrument(name = "card.request.advance", skip_all, fields(request.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let request_id = Uuid::try_parse(job.key())?;
        let Some(mut kept) = self.store.find(request_id).await? else { return Ok(Done::Complete) };
        let earlier = if kept.state == RequestState::Received { Earlier::No } else { Earlier::Perhaps };
        loop {
            match self.next(&kept, job.attempt(), earlier).await? {
                Next::Go(state) => {
                    self.store.advance(request_id, &state).await?;
                    kept.state = state;
                }
                Next::Wait => {
                    let now = self.clock.now();
                    return Ok(Done::RunAgain((now + LOOK_EVERY).min(kept.deadline.max(now))));
                }
                Next::End(outcome) => {
                    self.settle(job, request_id, outcome).await?;
                    return Ok(Done::Settled);
                }
            }
        }
    }
}

impl RequestWorker {
    async fn settle(&self, job: &Job, request_id: Uuid, outcome: Outcome) -> Result<(), Failure> {
        tracing::info!(request.id = %request_id, ?outcome, "card request ended");
        let transaction = self.store.database().begin().await?;
        store::settle(&transaction, request_id, outcome, self.clock.now()).await?;
        job.complete(&transaction);
        transaction.commit().await?;
        Ok(())
    }

    async fn next(&self, kept: &StoredRequest, attempt: u32, earlier: Earlier) -> Result<Next, AdminError> {
        let admin = self.tenants.of(&kept.request.sender_wallet_address);
        match &kept.state {
            RequestState::Received if self.is_late(kept) => Ok(Next::End(Outcome::TimedOut)),
            RequestState::Received => match self.refused_before(admin, kept).await? {
                Some(outcome) => Ok(Next::End(outcome)),
                None => Ok(Next::Go(RequestState::Creating)),
            },
            RequestState::Creating => self.create(admin, kept, attempt, earlier).await,
            RequestState::Paying { payment } => self.look(admin, kept, *payment).await,
            RequestState::Settled { outcome } => Ok(Next::End(outcome.clone())),
        }
    }

    fn is_late(&self, kept: &StoredRequest) -> bool {
        self.clock.now() >= kept.deadline
    }

    /// Everything that can be refused before a payment exists.
    async fn refused_before(&self, admin: &AdminClient, kept: &StoredRequest) -> Result<Option<Outcome>, AdminError> {
        let request = &kept.request;
        if admin.wallet_address_by_url(&request.sender_wallet_address).await?.is_none() {
            return Ok(Some(Outcome::declined(
                Declined::UnknownWalletAddress,
                format!("this institution has no wallet address {}", request.sender_wallet_address),
            )));
        }
        let receiver = match admin.receiver(&request.incoming_payment_url).await {
            Ok(receiver) => receiver,
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => return Ok(Some(Outcome::declined(Declined::InvalidReceiver, error.to_string()))),
        };
        if receiver.completed || receiver.expires_at.is_some_and(|end| end <= self.clock.now()) {
            let told = "the incoming payment accepts no more money";
            return Ok(Some(Outcome::declined(Declined::InvalidReceiver, told)));
        }
        let agrees = receiver.incoming_amount.as_ref().is_some_and(|asked| request.amount.agrees_with(asked));
        let told = "the amount is not what the incoming payment asks for";
        Ok((!agrees).then(|| Outcome::declined(Declined::AmountMismatch, told)))
    }

    /// Creates the payment, or finds the one that an earlier attempt created with the same key.
    async fn create(
        &self,
        admin: &AdminClient,
        kept: &StoredRequest,
        attempt: u32,
        earlier: Earlier,
    ) -> Result<Next, AdminError> {
        let request = &kept.request;
        if self.clock.now() >= kept.deadline + REPEATS_FOR {
            return Ok(unknown(kept, "it was not asked in time"));
        }
        let address = match admin.wallet_address_by_url(&request.sender_wallet_address).await {
            Ok(Some(address)) => address,
            Ok(None) => {
                let told = "the wallet address no longer exists";
                return Ok(Next::End(Outcome::declined(Declined::UnknownWalletAddress, told)));
            }
            Err(error) => return self.ask_on(kept, error),
        };
        let card = CardDetails {
            request_id: request.request_id,
            initiated_at: request.presented_at(),
            data: json!({"signature": request.signature, "payload": request.payload}),
        };
        // Merchant and card holder may have the same institution, and its point of sale uses keys too. So this key has
        // a prefix.
        let (url, key) = (&request.incoming_payment_url, format!("card {}", request.request_id));
        match admin.pay_incoming_payment(address.id, url, None, Some(&card), &key).await {
            Ok(payment) => Ok(Next::Go(RequestState::Paying { payment: payment.id })),
            Err(error) if may_exist(&error, earlier) => self.ask_on(kept, error),
            Err(error) if error.is_temporary() && attempt < REFUSALS_MAX => Err(error),
            Err(error) => Ok(Next::End(Outcome::of_refusal(&error))),
        }
    }

    /// The same creation again later: its answer says whether the payment exists.
    fn ask_on(&self, kept: &StoredRequest, error: AdminError) -> Result<Next, AdminError> {
        if self.clock.now() < kept.deadline + ASKS_FOR {
            return Err(error);
        }
        Ok(unknown(kept, &error.to_string()))
    }

    async fn look(&self, admin: &AdminClient, kept: &StoredRequest, id: Uuid) -> Result<Next, AdminError> {
        let payment = admin.outgoing_payment(id).await?;
        Ok(match payment.state {
            OutgoingPaymentState::Funding if self.is_late(kept) => {
                match admin.cancel_outgoing_payment(id, TOO_LATE).await {
                    Ok(()) => Next::End(Outcome::TimedOut),
                    // The payment was funded or cancelled at this moment. Its state says which.
                    Err(error) if error.is(&ErrorCode::Conflict) => Next::Go(RequestState::Paying { payment: id }),
                    Err(error) => return Err(error),
                }
            }
            OutgoingPaymentState::Funding => Next::Wait,
            OutgoingPaymentState::Sending | OutgoingPaymentState::Completed => Next::End(Outcome::Approved),
            OutgoingPaymentState::Failed => {
                let reason = payment.error.as_deref().unwrap_or("unknown");
                let told = format!("outgoing payment {id} of request {} failed: {reason}", kept.request.request_id);
                Next::End(Outcome::declined(Declined::PaymentFailed, told))
            }
            OutgoingPaymentState::Cancelled => Next::End(cancelled(&payment, kept)),
        })
    }
}

/// The result of a request whose payment may exist, when the backend is not asked any more.
fn unknown(kept: &StoredRequest, reason: &str) -> Next {
    let request_id = kept.request.request_id;
    tracing::error!(request.id = %request_id, reason, "whether a card paid is not known; a person must look into it");
    let told = format!("the backend did not say in time whether it made the payment of request {request_id}");
    Next::End(Outcome::declined(Declined::CreationFailed, told))
}

/// Whether a payment may exist after this error. Then the answer never says that there is none.
fn may_exist(error: &AdminError, earlier: Earlier) -> bool {
    match error {
        AdminError::Unreachable { .. } | AdminError::Unexpected(_) => true,
        // The instance has not looked at the request.
        AdminError::Unauthorized | AdminError::Refused { code: ErrorCode::Forbidden | ErrorCode::Other(_), .. } => {
            earlier == Earlier::Perhaps
        }
        AdminError::Refused { .. } => !error.is_decided(),
    }
}

fn cancelled(payment: &OutgoingPayment, kept: &StoredRequest) -> Outcome {
    let told = |name: &str| payment.metadata.as_ref()?.get(name)?.as_str();
    if told("cardPaymentFailureReason") == Some("invalid_signature") {
        return Outcome::InvalidSignature;
    }
    let reason = told("cardPaymentFailureReason").unwrap_or("unknown");
    let words = told("cancellationReason").map(|words| format!(" ({words})")).unwrap_or_default();
    let (id, request_id) = (payment.id, kept.request.request_id);
    let told = format!("outgoing payment {id} of request {request_id} was cancelled: {reason}{words}");
    Outcome::declined(Declined::InvalidRequest, told)
}
