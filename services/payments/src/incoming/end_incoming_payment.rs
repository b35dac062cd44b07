//! The end of incoming payments: completion by a client, or expiry.
//!
//! A payment that ends with its last credit is in `credit_notes`.

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job};
use payments_model::incoming_payment::IncomingRefused;
use payments_model::{IncomingPayment, IncomingPaymentId, TenantId};
use payments_store::{Locked, Unit};

use crate::incoming::expectations;
use crate::incoming::incoming_events::announce;
use crate::ledger_totals::amount_of;
use crate::queues::EXPIRY_QUEUE;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// Why an incoming payment was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteIncomingPaymentError {
    /// The payment does not exist.
    #[error("unknown payment")]
    UnknownPayment,
    /// It has already been completed or has expired.
    #[error("wrong state")]
    WrongState,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<IncomingRefused> for CompleteIncomingPaymentError {
    fn from(_: IncomingRefused) -> Self {
        Self::WrongState
    }
}

impl From<payments_store::Error> for CompleteIncomingPaymentError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Payments {
    /// Ends the payment. The same transaction writes the event with the received amount.
    ///
    /// The ledger closes the payment first. So the total in the event is final, even if credits arrive at the same
    /// time. If the process ends in between, a repeated call or the expiry writes the event.
    pub async fn complete_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<IncomingPayment, CompleteIncomingPaymentError> {
        let found = self.store().tenant(tenant).incoming_payment(id).await?;
        let found = found.ok_or(CompleteIncomingPaymentError::UnknownPayment)?;
        found.clone().complete(self.now())?;
        let total = expectations::close(self.ledger(), &found).await?;
        let unit = self.begin().await?;
        let locked = unit.tenant(tenant).locked_incoming_payment(id).await?;
        let locked = locked.ok_or(CompleteIncomingPaymentError::UnknownPayment)?;
        let completed = locked.try_map(|payment| payment.complete(self.now()))?;
        jobs::cancel(unit.transaction(), EXPIRY_QUEUE, id);
        let completed = self.write_end(&unit, completed, total).await?;
        unit.commit().await?;
        self.tell_end(&completed, total);
        Ok(completed)
    }

    /// The posted total of an incoming payment.
    pub async fn received(&self, id: IncomingPaymentId) -> Result<u64, Unavailable> {
        Ok(self.account(id).await?.map_or(0, |account| amount_of(account.credits_posted)))
    }

    /// Writes the end of a payment and its event. `total` is the received amount, which is final.
    pub(crate) async fn write_end(
        &self,
        unit: &Unit,
        mut ended: Locked<'_, IncomingPayment>,
        total: u64,
    ) -> Result<IncomingPayment, payments_store::Error> {
        announce(&self.0.parts.webhooks, unit, &mut ended, total, self.now(), self.entropy()).await?;
        unit.every_tenant().update_incoming_payment(&ended)?;
        Ok(ended.into_inner())
    }

    /// Updates this process's memory after the commit that ended a payment.
    pub(crate) fn tell_end(&self, ended: &IncomingPayment, total: u64) {
        self.0.parts.receivers.count_end(ended, total);
        self.0.parts.receivers.forget(ended.id);
    }

    async fn expire(&self, job: &Job) -> Result<Done, Failure> {
        let id: IncomingPaymentId = job.key().parse()?;
        let found = self.store().every_tenant().incoming_payment(id).await?;
        let Some(found) = found.filter(IncomingPayment::is_open) else { return Ok(Done::Complete) };
        if self.now() < found.expires_at {
            return Ok(Done::RunAgain(found.expires_at));
        }
        let total = expectations::close(self.ledger(), &found).await?;
        let unit = self.begin().await?;
        let locked = unit.every_tenant().locked_incoming_payment(id).await?;
        let Some(locked) = locked.filter(|payment| payment.is_open()) else { return Ok(Done::Complete) };
        let expired = locked.try_map(|payment| payment.expire(total, self.now()))?;
        job.complete(unit.transaction());
        let expired = self.write_end(&unit, expired, total).await?;
        unit.commit().await?;
        self.tell_end(&expired, total);
        Ok(Done::Settled)
    }

    /// Handles the jobs of incoming payments that have expired.
    pub fn expiry_handler(&self) -> Arc<dyn Handler> {
        Arc::new(ExpiryHandler(self.clone()))
    }
}

struct ExpiryHandler(Payments);

#[async_trait]
impl Handler for ExpiryHandler {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.0.expire(job).await
    }
}
