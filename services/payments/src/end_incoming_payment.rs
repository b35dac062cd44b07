//! The end of incoming payments: completed by their owner, or expired (payments sections 2.4 and 2.5).

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job};
use payments_model::incoming_payment::IncomingRefused;
use payments_model::{IncomingPayment, IncomingPaymentId, TenantId};

use crate::incoming_events::announce;
use crate::ledger_totals::amount_of;
use crate::{Payments, Unavailable};

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
    pub async fn complete_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<IncomingPayment, CompleteIncomingPaymentError> {
        let total = self.received(id).await?;
        let now = self.now();
        let unit = self.begin().await?;
        let found = unit.tenant(tenant).locked_incoming_payment(id).await?;
        let found = found.filter(|payment| payment.deleted_at().is_none());
        let found = found.ok_or(CompleteIncomingPaymentError::UnknownPayment)?;
        let mut payment = found.try_map(|payment| payment.complete(now))?;
        announce(&self.0.parts.webhooks, &unit, &mut payment, total, now, self.entropy()).await?;
        unit.tenant(tenant).update_incoming_payment(&payment).await?;
        let payment = payment.into_inner();
        unit.commit().await?;
        self.0.parts.receivers.count_end(&payment, total);
        self.ended(id).await;
        Ok(payment)
    }

    /// What was credited to an incoming payment for good.
    pub async fn received(&self, id: IncomingPaymentId) -> Result<u64, Unavailable> {
        Ok(self.account(id).await?.map_or(0, |account| amount_of(account.credits_posted)))
    }

    /// No more packets are taken; one that was being credited meanwhile is announced by itself.
    async fn ended(&self, id: IncomingPaymentId) {
        let receivers = &self.0.parts.receivers;
        receivers.forget(id);
        if let Err(error) = receivers.note_credit(id).await {
            tracing::warn!(%error, payment.id = %id, "late credits are looked for at the next start");
        }
    }

    async fn expire(&self, job: &Job) -> Result<Done, Failure> {
        let id: IncomingPaymentId = job.key().parse()?;
        let total = self.received(id).await?;
        let now = self.now();
        let unit = self.begin().await?;
        let found = unit.every_tenant().locked_incoming_payment(id).await?;
        let Some(payment) = found.filter(|payment| payment.is_open()) else { return Ok(Done::Complete) };
        if now < payment.expires_at {
            return Ok(Done::RunAgain(payment.expires_at));
        }
        let mut payment = payment.try_map(|payment| payment.expire(total, now))?;
        announce(&self.0.parts.webhooks, &unit, &mut payment, total, now, self.entropy()).await?;
        unit.every_tenant().update_incoming_payment(&payment).await?;
        job.complete(unit.transaction()).await?;
        let payment = payment.into_inner();
        unit.commit().await?;
        self.0.parts.receivers.count_end(&payment, total);
        self.ended(id).await;
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
