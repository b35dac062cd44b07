//! Refunds: the amount received for a tap is paid back to the payer's wallet address, once.
//!
//! The merchant pays. In the payer's own currency the payer gets the whole amount. In another currency the merchant
//! spends exactly what it received, and the payer gets its value.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, AdminError, Amount, OutgoingPaymentState};
use async_trait::async_trait;
use clock::{Clock, Entropy};
use jobs::{Backoff, Done, Failure, Handler, Job, Worker, WorkerSettings};
use uuid::Uuid;

use crate::store::{self, Again, Refund, Store, StoredTap};

pub(crate) const QUEUE: &str = "refunds";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// About twelve hours with the back-off below. The instance knows the keys of its payments for longer.
const ATTEMPTS_MAX: u32 = 300;
/// How long the payment is asked for, also if no process ran meanwhile. The instance knows the key of a creation for a day.
/// After that a repetition would create another payment.
const REPEATS_FOR: Duration = Duration::from_hours(20);
/// How often an incoming payment of the exact amount is tried, if the reason for its refusal may pass.
const EXACT_ATTEMPTS: u32 = 5;
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 16,
    lane_concurrency: 16,
    places_in_lanes: 0,
    lease: Duration::from_secs(15),
    backoff: Backoff { step: Duration::from_secs(1), most_steps: ATTEMPTS_MAX },
};

pub(crate) fn worker(work: RefundWork, entropy: Arc<dyn Entropy>) -> Worker {
    let (database, clock) = (work.store.database().clone(), Arc::clone(&work.clock));
    Worker::new(database, clock, entropy, QUEUE, Arc::new(work), SETTINGS)
}

#[derive(Clone)]
pub(crate) struct RefundWork {
    pub(crate) store: Store,
    pub(crate) admin: AdminClient,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What to do after a step.
enum Next {
    Go(Refund),
    Wait,
    End(Refund),
}

/// Why a step has no result.
struct Stopped {
    error: AdminError,
    /// Whether it is known that nothing was paid.
    again: Again,
}

impl From<AdminError> for Stopped {
    fn from(error: AdminError) -> Self {
        Self { error, again: Again::No }
    }
}

#[async_trait]
impl Handler for RefundWork {
    #[tracing::instrument(name = "pos.refund.advance", skip_all, fields(tap.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let id = Uuid::try_parse(job.key())?;
        let Some(mut kept) = self.store.find(id).await? else { return Ok(Done::Complete) };

        loop {
            let Some(refund) = &kept.refund else { return Ok(Done::Complete) };
            let next = match self.next(&kept, refund, job.attempt()).await {
                Ok(next) => next,
                Err(Stopped { error, .. }) if may_pass(&error) && job.attempt() < ATTEMPTS_MAX => {
                    return Err(error.into());
                }
                Err(Stopped { error, again }) => Next::End(Refund::Failed { reason: error.to_string(), again }),
            };

            let is_stored = match next {
                Next::Go(refund) => self.store.advance_refund(&kept, &refund).await?,
                Next::Wait => return Ok(Done::RunAgain(self.clock.now() + LOOK_EVERY)),
                Next::End(refund) => {
                    if self.ended(job, &kept, &refund).await? {
                        return Ok(Done::Settled);
                    }
                    false
                }
            };
            if !is_stored {
                tracing::warn!("another worker has changed the state of this refund; it counts");
            }
            let Some(stored) = self.store.find(id).await? else { return Ok(Done::Complete) };
            kept = stored;
        }
    }
}

/// Whether the error may be gone at the next attempt. A secret that is not accepted may be one that is being replaced.
fn may_pass(error: &AdminError) -> bool {
    error.is_temporary() || matches!(error, AdminError::Unauthorized)
}

impl RefundWork {
    /// Stores the result; `false` if the refund has another state meanwhile.
    async fn ended(&self, job: &Job, kept: &StoredTap, refund: &Refund) -> Result<bool, Failure> {
        if let Refund::Failed { reason, again } = refund {
            tracing::error!(tap.id = %kept.id, reason, ?again, "a refund failed; a person must look into it");
        }
        let transaction = self.store.database().begin().await?;
        let is_stored = matches!(kept.refund, Some(Refund::Done { .. } | Refund::Failed { .. }))
            || store::settle_refund(&transaction, kept, refund, self.clock.now()).await?;
        if is_stored {
            job.complete(&transaction);
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(is_stored)
    }

    async fn next(&self, kept: &StoredTap, refund: &Refund, attempt: u32) -> Result<Next, Stopped> {
        match refund {
            // Nothing is paid before the incoming payment is stored.
            Refund::Asked => self.expect(kept, attempt).await.map_err(|error| Stopped { error, again: Again::Yes }),
            Refund::Expected { since: Some(since), .. } if self.clock.now() >= *since + REPEATS_FOR => {
                Ok(failed("the backend did not say in time whether it made the payment"))
            }
            Refund::Expected { receiver, .. } => self.pay(kept, receiver).await,
            Refund::Paying { payment } => Ok(self.look(*payment).await?),
            Refund::Done { .. } | Refund::Failed { .. } => Ok(Next::End(refund.clone())),
        }
    }

    /// Creates the incoming payment at the payer's institution.
    async fn expect(&self, kept: &StoredTap, attempt: u32) -> Result<Next, AdminError> {
        let received = self.received(kept).await?;
        if received.value == 0 {
            return Ok(failed("nothing was received"));
        }
        let payer = &kept.request.sender_wallet_address;
        // If the payer has another currency, the incoming payment has no amount.
        let exact = self.admin.create_receiver_once(payer, Some(&received), &name(kept, "receiver")).await;
        let receiver = match exact {
            Ok(receiver) => receiver,
            Err(error @ (AdminError::Unreachable { .. } | AdminError::Unauthorized)) => return Err(error),
            // The payer's institution may be away. It may also refuse the currency, and Rafiki 2.4 tells both alike.
            Err(error) if error.is_temporary() && attempt < EXACT_ATTEMPTS => return Err(error),
            Err(_) => self.admin.create_receiver_once(payer, None, &name(kept, "open receiver")).await?,
        };
        Ok(Next::Go(Refund::Expected { receiver: receiver.id, since: Some(self.clock.now()) }))
    }

    async fn pay(&self, kept: &StoredTap, receiver: &str) -> Result<Next, Stopped> {
        let received = self.received(kept).await?;
        let address = self.admin.wallet_address_by_url(&kept.request.receiver_wallet_address).await?;
        let Some(address) = address else {
            return Ok(failed("the merchant's wallet address no longer exists"));
        };
        let asks_for_amount = self.admin.receiver(receiver).await?.incoming_amount.is_some();
        let debit = if asks_for_amount { None } else { Some(&received) };
        let name = name(kept, "payment");
        match self.admin.pay_incoming_payment(address.id, receiver, debit, None, &name).await {
            Ok(payment) => Ok(Next::Go(Refund::Paying { payment: payment.id })),
            Err(error) if error.is_decided() => Err(Stopped { error, again: Again::Yes }),
            Err(error) => Err(error.into()),
        }
    }

    async fn look(&self, payment: Uuid) -> Result<Next, AdminError> {
        let found = self.admin.outgoing_payment(payment).await?;
        let failed = |why: &str| {
            let told = found.metadata.as_ref().and_then(|metadata| metadata["cancellationReason"].as_str());
            let reason = found.error.as_deref().or(told).unwrap_or("no reason was given");
            let again = if found.sent_amount.value == 0 { Again::Yes } else { Again::No };
            Next::End(Refund::Failed { reason: format!("payment {payment} {why}: {reason}"), again })
        };
        Ok(match found.state {
            OutgoingPaymentState::Completed => Next::End(Refund::Done { payment }),
            OutgoingPaymentState::Failed => failed("failed"),
            OutgoingPaymentState::Cancelled => failed("was cancelled"),
            OutgoingPaymentState::Funding | OutgoingPaymentState::Sending => Next::Wait,
        })
    }

    async fn received(&self, kept: &StoredTap) -> Result<Amount, AdminError> {
        match kept.incoming_payment {
            Some(incoming) => Ok(self.admin.incoming_payment(incoming).await?.received_amount),
            None => Ok(Amount { value: 0, ..kept.request.amount.clone() }),
        }
    }
}

/// The idempotency key of a step. When the refund was asked for again, its steps are other ones.
fn name(kept: &StoredTap, step: &str) -> String {
    match kept.refund_round {
        0 => format!("{} refund {step}", kept.id),
        round => format!("{} refund {round} {step}", kept.id),
    }
}

fn failed(reason: &str) -> Next {
    Next::End(Refund::Failed { reason: reason.to_owned(), again: Again::No })
}
