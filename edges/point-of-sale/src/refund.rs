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

use crate::store::{self, Refund, Store, StoredTap};

pub(crate) const QUEUE: &str = "refunds";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// About twelve hours with the back-off below. The instance knows the keys of its payments for longer.
const ATTEMPTS_MAX: u32 = 300;
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
                // A secret that is not accepted may be one that is being replaced.
                Err(error)
                    if (error.is_temporary() || matches!(error, AdminError::Unauthorized))
                        && job.attempt() < ATTEMPTS_MAX =>
                {
                    return Err(error.into());
                }
                Err(error) => Next::End(Refund::Failed { reason: error.to_string() }),
            };

            match next {
                Next::Go(refund) => {
                    self.store.advance_refund(id, &refund).await?;
                    kept.refund = Some(refund);
                }
                Next::Wait => return Ok(Done::RunAgain(self.clock.now() + LOOK_EVERY)),
                Next::End(refund) => {
                    if let Refund::Failed { reason } = &refund {
                        tracing::error!(tap.id = %id, reason, "a refund failed; a person must look into it");
                    }
                    let transaction = self.store.database().begin().await?;
                    store::settle_refund(&transaction, id, &refund, self.clock.now()).await?;
                    job.complete(&transaction);
                    transaction.commit().await?;
                    return Ok(Done::Settled);
                }
            }
        }
    }
}

impl RefundWork {
    async fn next(&self, kept: &StoredTap, refund: &Refund, attempt: u32) -> Result<Next, AdminError> {
        match refund {
            Refund::Asked => self.expect(kept, attempt).await,
            Refund::Expected { receiver } => self.pay(kept, receiver).await,
            Refund::Paying { payment } => self.look(*payment).await,
            Refund::Done { .. } | Refund::Failed { .. } => Ok(Next::End(refund.clone())),
        }
    }

    /// Creates the incoming payment at the payer's institution.
    async fn expect(&self, kept: &StoredTap, attempt: u32) -> Result<Next, AdminError> {
        let received = self.received(kept).await?;
        if received.value == 0 {
            return Ok(Next::End(Refund::Failed { reason: "nothing was received".to_owned() }));
        }
        let payer = &kept.request.sender_wallet_address;
        let key = |step: &str| format!("{} refund {step}", kept.id);
        // If the payer has another currency, the incoming payment has no amount.
        let exact = self.admin.create_receiver_once(payer, Some(&received), &key("receiver")).await;
        let receiver = match exact {
            Ok(receiver) => receiver,
            Err(error @ (AdminError::Unreachable { .. } | AdminError::Unauthorized)) => return Err(error),
            // The payer's institution may be away. It may also refuse the currency, and Rafiki 2.4 tells both alike.
            Err(error) if error.is_temporary() && attempt < EXACT_ATTEMPTS => return Err(error),
            Err(_) => self.admin.create_receiver_once(payer, None, &key("open receiver")).await?,
        };
        Ok(Next::Go(Refund::Expected { receiver: receiver.id }))
    }

    async fn pay(&self, kept: &StoredTap, receiver: &str) -> Result<Next, AdminError> {
        let received = self.received(kept).await?;
        let address = self.admin.wallet_address_by_url(&kept.request.receiver_wallet_address).await?;
        let Some(address) = address else {
            return Ok(Next::End(Refund::Failed {
                reason: "the merchant's wallet address no longer exists".to_owned(),
            }));
        };
        let asks_for_amount = self.admin.receiver(receiver).await?.incoming_amount.is_some();
        let debit = if asks_for_amount { None } else { Some(&received) };
        let key = format!("{} refund payment", kept.id);
        let payment = self.admin.pay_incoming_payment(address.id, receiver, debit, None, &key).await?;
        Ok(Next::Go(Refund::Paying { payment: payment.id }))
    }

    async fn look(&self, payment: Uuid) -> Result<Next, AdminError> {
        let found = self.admin.outgoing_payment(payment).await?;
        let failed = |why: &str| {
            let told = found.metadata.as_ref().and_then(|metadata| metadata["cancellationReason"].as_str());
            let reason = found.error.as_deref().or(told).unwrap_or("no reason was given");
            Next::End(Refund::Failed { reason: format!("payment {payment} {why}: {reason}") })
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
