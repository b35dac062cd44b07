//! The account-servicing entity's decision about an incoming payment, and changes of its metadata.
//!
//! A cancelled payment never accepts money again. Its row stays open until its expiry removes it.

use payments_model::incoming_payment::{Decision, IncomingRefused, Metadata};
use payments_model::{IncomingPayment, IncomingPaymentId, TenantId};

use crate::administration::Caller;
use crate::incoming::expectations;
use crate::queues::EXPIRY_QUEUE;
use crate::service::Payments;
use crate::settings::IncomingApproval;
use crate::unavailable::Unavailable;

/// The topic that wakes callers that wait for a decision.
const DECISIONS: &str = "incoming payment decisions";

/// Why a decision or change was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChangeIncomingPaymentError {
    /// The tenant does not have this payment.
    #[error("unknown payment")]
    UnknownPayment,
    /// It has received money, or it has ended.
    #[error("wrong state")]
    WrongState,
    /// The opposite decision was made before.
    #[error("action already performed")]
    AlreadyActioned,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<IncomingRefused> for ChangeIncomingPaymentError {
    fn from(refused: IncomingRefused) -> Self {
        match refused {
            IncomingRefused::WrongState => Self::WrongState,
            IncomingRefused::AlreadyActioned => Self::AlreadyActioned,
        }
    }
}

impl From<payments_store::Error> for ChangeIncomingPaymentError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Payments {
    /// Approves the payment, so that it can be paid. A repetition changes nothing.
    pub async fn approve_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<IncomingPayment, ChangeIncomingPaymentError> {
        let now = self.now();
        self.change_incoming_payment(tenant, id, |payment| payment.approve(now)).await
    }

    /// Cancels the payment, so that it accepts no more money. A repetition changes nothing.
    ///
    /// The ledger closes the payment first. If money arrived before that, the payment is completed with this money, its
    /// event is written, and the cancellation is refused.
    pub async fn cancel_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
        reason: Option<String>,
    ) -> Result<IncomingPayment, ChangeIncomingPaymentError> {
        use ChangeIncomingPaymentError as Refused;
        let found = self.store().tenant(tenant).incoming_payment(id).await?.ok_or(Refused::UnknownPayment)?;
        found.clone().cancel(reason.clone(), self.now())?;

        if expectations::look(self.ledger(), id).await?.received > 0 {
            return Err(Refused::WrongState);
        }

        let total = expectations::close(self.ledger(), &found).await?;
        let unit = self.begin().await?;
        let locked = unit.tenant(tenant).locked_incoming_payment(id).await?.ok_or(Refused::UnknownPayment)?;

        if total > 0 {
            let completed = locked.try_map(|payment| payment.complete(self.now()))?;
            jobs::cancel(unit.transaction(), EXPIRY_QUEUE, id);
            let completed = self.write_end(&unit, completed, total).await?;
            unit.commit().await?;
            self.tell_end(&completed, total);
            return Err(Refused::WrongState);
        }

        let cancelled = locked.try_map(|payment| payment.cancel(reason, self.now()))?;
        unit.tenant(tenant).update_incoming_payment(&cancelled)?;
        unit.transaction().wake_on_commit(DECISIONS);

        let cancelled = cancelled.into_inner();
        unit.commit().await?;
        self.0.parts.receivers.forget(id);
        Ok(cancelled)
    }

    /// Replaces the metadata of the payment. The operator may do so for every tenant; the payment stays with its
    /// tenant.
    pub async fn update_incoming_payment_metadata(
        &self,
        caller: Caller,
        id: IncomingPaymentId,
        metadata: Option<Metadata>,
    ) -> Result<IncomingPayment, ChangeIncomingPaymentError> {
        let found = caller.reach(self.store()).incoming_payment(id).await?;
        let owner = found.ok_or(ChangeIncomingPaymentError::UnknownPayment)?.tenant_id;
        let now = self.now();
        self.change_incoming_payment(owner, id, |payment| Ok(IncomingPayment { metadata, updated_at: now, ..payment }))
            .await
    }

    async fn change_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
        change: impl FnOnce(IncomingPayment) -> Result<IncomingPayment, IncomingRefused>,
    ) -> Result<IncomingPayment, ChangeIncomingPaymentError> {
        let unit = self.begin().await?;
        let found = unit.tenant(tenant).locked_incoming_payment(id).await?;
        let found = found.filter(|payment| payment.deleted_at().is_none());
        let changed = found.ok_or(ChangeIncomingPaymentError::UnknownPayment)?.try_map(change)?;
        unit.tenant(tenant).update_incoming_payment(&changed)?;
        unit.transaction().wake_on_commit(DECISIONS);
        let changed = changed.into_inner();
        unit.commit().await?;
        self.0.parts.receivers.forget(id);
        Ok(changed)
    }

    /// Waits until this payment is approved or cancelled. If it is not approved in time, it is cancelled and the result
    /// is `None`: the caller never learns the payment's URL, so it must not be paid.
    pub(crate) async fn await_decision(
        &self,
        payment: &IncomingPayment,
        approval: IncomingApproval,
    ) -> Result<Option<IncomingPayment>, Unavailable> {
        let mut decisions = self.store().database().subscribe(DECISIONS);

        let decided = async {
            loop {
                let found = self.store().tenant(payment.tenant_id).incoming_payment(payment.id).await?;
                match found {
                    None => return Ok(None),
                    Some(found) => match found.decision {
                        Some(Decision::Approved { .. }) => return Ok(Some(found)),
                        Some(Decision::Cancelled { .. }) => return Ok(None),
                        None => {}
                    },
                }

                // The timer is for wake-ups of other processes that were lost.
                let _ = tokio::time::timeout(approval.interval, decisions.notified()).await;
            }
        };

        match tokio::time::timeout(approval.timeout, decided).await {
            Ok(decided) => decided,
            Err(_) => self.give_up_undecided(payment).await,
        }
    }

    /// Cancels a payment that was not approved in time. Returns the payment if it was approved at the last moment.
    async fn give_up_undecided(&self, payment: &IncomingPayment) -> Result<Option<IncomingPayment>, Unavailable> {
        let reason = "not approved in time".to_owned();
        match self.cancel_incoming_payment(payment.tenant_id, payment.id, Some(reason)).await {
            Ok(_) | Err(ChangeIncomingPaymentError::WrongState | ChangeIncomingPaymentError::UnknownPayment) => {
                Ok(None)
            }
            Err(ChangeIncomingPaymentError::AlreadyActioned) => {
                Ok(self.store().tenant(payment.tenant_id).incoming_payment(payment.id).await?)
            }
            Err(ChangeIncomingPaymentError::Unavailable(error)) => Err(error),
        }
    }
}
