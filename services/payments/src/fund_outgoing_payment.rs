//! Money for an outgoing payment, and giving it up before there is any.

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job, NewJob};
use ledger::{CreateTransferResult, TransferId};
use payments_model::accounting::{AccountKind, TransferError, accepted};
use payments_model::outgoing_payment::{CardPaymentFailure, OutgoingRefused, OutgoingState};
use payments_model::quote::QuoteMethod;
use payments_model::webhook_event::EventType;
use payments_model::{InitiatedBy, OutgoingPayment, OutgoingPaymentId, TenantId};
use url::Url;
use webhooks::Audience;

use crate::grant_spending;
use crate::ledger_totals::amount_of;
use crate::outgoing_events::outgoing_event;
use crate::queues::SENDING_QUEUE;
use crate::{Payments, Unavailable};

/// What a sender may want the receiver to see has to fit a packet beside everything else in it.
const LONGEST_DATA: usize = 30_000;

/// Why a payment was not funded or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum FundOutgoingPaymentError {
    /// The tenant has no such payment.
    #[error("unknown payment")]
    UnknownPayment,
    /// It does not wait for money.
    #[error("wrong state")]
    WrongState,
    /// It is funded with exactly its debit amount.
    #[error("invalid amount")]
    InvalidAmount,
    /// The data for the receiver does not fit a packet.
    #[error("dataToTransmit is longer than {LONGEST_DATA} octets")]
    DataTooLong,
    /// The ledger refused the deposit.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Something here did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<OutgoingRefused> for FundOutgoingPaymentError {
    fn from(refused: OutgoingRefused) -> Self {
        match refused {
            OutgoingRefused::WrongState => Self::WrongState,
            OutgoingRefused::InvalidAmount => Self::InvalidAmount,
        }
    }
}

impl From<payments_store::Error> for FundOutgoingPaymentError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Payments {
    /// Deposits the payment's debit amount under `transfer`, and lets it be sent.
    ///
    /// A deposit that was made before, but not noted, is a success: repeating the call is harmless until it is noted.
    pub async fn fund_outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        amount: u64,
        transfer: TransferId,
        data_to_transmit: Option<String>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        if data_to_transmit.as_ref().is_some_and(|data| data.len() > LONGEST_DATA) {
            return Err(FundOutgoingPaymentError::DataTooLong);
        }
        let found = self.store().tenant(tenant).outgoing_payment(id).await?;
        let found = found.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        found.require_fundable(amount)?;
        self.deposit(&found, transfer).await?;

        match self.note_funds(tenant, id, amount, data_to_transmit).await {
            Err(FundOutgoingPaymentError::WrongState) => {
                // It was given up, or funded by another call, while the deposit was made.
                if let Some(found) = self.store().tenant(tenant).outgoing_payment(id).await? {
                    self.return_unused(&found).await?;
                }
                Err(FundOutgoingPaymentError::WrongState)
            }
            noted => noted,
        }
    }

    async fn note_funds(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        amount: u64,
        data_to_transmit: Option<String>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let now = self.now();
        let unit = self.begin().await?;
        let scope = unit.tenant(tenant);
        let locked = scope.locked_outgoing_payment(id).await?.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        let funded = locked.fund(amount, data_to_transmit, now)?;
        scope.update_outgoing_payment(&funded).await?;
        if funded.initiated_by == InitiatedBy::Card {
            let (event_type, audience) = (EventType::OutgoingPaymentFunded, Audience::card_service());
            let event = outgoing_event(&funded, event_type, 0, amount, Some(amount), now, self.entropy());
            self.0.parts.webhooks.record(&unit, &event, &audience).await?;
        }
        let sending = NewJob::new(SENDING_QUEUE, id, now).in_lane(lane(&funded));
        jobs::enqueue(unit.transaction(), sending).await?;
        unit.commit().await?;
        Ok(funded)
    }

    async fn deposit(&self, payment: &OutgoingPayment, transfer: TransferId) -> Result<(), FundOutgoingPaymentError> {
        let asset = payment.quote.asset.in_ledger();
        let account = payment.id().into();
        let created = self.ledger().create_accounts(vec![asset.account(account, AccountKind::Outgoing)]);
        created.await.map_err(Unavailable::from)?;
        let deposit = asset.deposit(transfer, account, payment.quote.debit_amount);
        let results = self.ledger().submit(vec![deposit]).await.map_err(Unavailable::from)?;
        Ok(accepted(results.into_iter().next().unwrap_or(CreateTransferResult::LinkedEventFailed))?)
    }

    /// Gives a payment up before it was funded.
    pub async fn cancel_outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        reason: Option<String>,
        card_failure: Option<CardPaymentFailure>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let unit = self.begin().await?;
        let found = unit.tenant(tenant).locked_outgoing_payment(id).await?;
        let found = found.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        let cancelled = self.cancel_in(&unit, found, reason, card_failure).await?;
        unit.commit().await?;
        self.return_unused(&cancelled).await?;
        Ok(cancelled)
    }

    async fn cancel_in(
        &self,
        unit: &payments_store::Unit,
        payment: OutgoingPayment,
        reason: Option<String>,
        card_failure: Option<CardPaymentFailure>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let now = self.now();
        let cancelled = payment.cancel(reason, card_failure, now)?;
        unit.tenant(cancelled.quote.tenant_id).update_outgoing_payment(&cancelled).await?;
        grant_spending::settle(unit, &cancelled, false, 0, 0, now).await?;
        if cancelled.initiated_by == InitiatedBy::Card {
            let event_type = EventType::OutgoingPaymentCancelled;
            let event = outgoing_event(&cancelled, event_type, 0, 0, None, now, self.entropy());
            self.0.parts.webhooks.record(unit, &event, &Audience::card_service()).await?;
        }
        Ok(cancelled)
    }

    /// Takes back money that was put on the account of a cancelled payment by a call that came too late.
    async fn return_unused(&self, payment: &OutgoingPayment) -> Result<(), Unavailable> {
        if payment.state != OutgoingState::Cancelled {
            return Ok(());
        }
        let balance = self.account(payment.id()).await?.map_or(0, |account| amount_of(account.credit_balance()));
        if balance == 0 {
            return Ok(());
        }
        let id = TransferId::derived(payment.id().as_uuid(), "return of an unused deposit", 0);
        let withdrawal = payment.quote.asset.in_ledger().withdrawal(id, payment.id().into(), balance, 0);
        let results = self.ledger().submit(vec![withdrawal]).await?;
        tracing::warn!(payment.id = %payment.id(), balance, ?results, "a deposit to a cancelled payment was returned");
        Ok(())
    }

    async fn give_up_unfunded(&self, job: &Job) -> Result<Done, Failure> {
        let id: OutgoingPaymentId = job.key().parse()?;
        let unit = self.begin().await?;
        let found = unit.every_tenant().locked_outgoing_payment(id).await?;
        let Some(payment) = found.filter(|payment| payment.state == OutgoingState::Funding) else {
            return Ok(Done::Complete);
        };
        if !payment.quote.is_expired(self.now()) {
            return Ok(Done::RunAgain(payment.quote.expires_at));
        }
        let reason = "the quote expired before the payment was funded".to_owned();
        let cancelled = self.cancel_in(&unit, payment, Some(reason), None).await?;
        job.complete(unit.transaction()).await?;
        unit.commit().await?;
        self.return_unused(&cancelled).await?;
        Ok(Done::Settled)
    }

    /// Does the jobs of payments whose quote expires before they are funded.
    pub fn unfunded_handler(&self) -> Arc<dyn Handler> {
        Arc::new(UnfundedHandler(self.clone()))
    }
}

/// Whom sending the payment may have to wait for: the institution of the receiver, and what lies on the way to it.
/// Nobody, if it is this one.
fn lane(payment: &OutgoingPayment) -> String {
    if payment.quote.method == QuoteMethod::Local {
        return String::new();
    }
    // A receiver that is no URL fails without waiting for anybody.
    let receiver = Url::parse(&payment.quote.receiver).ok();
    receiver.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

struct UnfundedHandler(Payments);

#[async_trait]
impl Handler for UnfundedHandler {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.0.give_up_unfunded(job).await
    }
}
