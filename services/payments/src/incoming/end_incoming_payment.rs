//! The end of incoming payments: completed by their owner, or expired.
//!
//! Not the end that the last credit brings: that is noted with the credit.

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
    /// There is no such payment.
    #[error("unknown payment")]
    UnknownPayment,
    /// It is completed or expired already.
    #[error("wrong state")]
    WrongState,
    /// Nothing could be written.
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
    /// Nothing more is expected of this payment; what was received is announced in the same transaction.
    ///
    /// The ledger closes it first: the total that is announced is final, whoever was paying meanwhile. If the process
    /// dies in between, the call repeated, or the expiry, announces it.
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

    /// What was credited to an incoming payment for good.
    pub async fn received(&self, id: IncomingPaymentId) -> Result<u64, Unavailable> {
        Ok(self.account(id).await?.map_or(0, |account| amount_of(account.credits_posted)))
    }

    /// Writes the end of a payment and its announcement. `total` is what it has received, and final.
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

    /// Lets this process know of an end that was written and committed.
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

    /// Does the jobs of incoming payments whose time is over.
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
