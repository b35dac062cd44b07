//! Funding an outgoing payment, and cancelling it before it is funded.
//!
//! The ledger decides which of the two came first. The deposit has the id of the event that asked for it. Cancelling
//! uses up the same id with a deposit of zero. So a cancelled payment can never be funded.

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job, NewJob};
use ledger::{CreateTransferResult, NewTransfer, TransferId};
use payments_model::accounting::{AccountKind, TransferError, accepted};
use payments_model::grant_limits::PaymentEnd;
use payments_model::outgoing_payment::{CardPaymentFailure, OutgoingRefused, OutgoingState};
use payments_model::quote::QuoteMethod;
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{InitiatedBy, OutgoingPayment, OutgoingPaymentId, TenantId, WebhookEventId};
use payments_store::Unit;
use sealed_text::{Place, TooLong};
use telemetry::payment_span;
use tracing::Instrument;
use url::Url;
use webhooks::Audience;

use crate::administration::Caller;
use crate::beside::Beside;
use crate::outgoing::at_hand::{Funded, Unfunded};
use crate::outgoing::grant_spending;
use crate::outgoing::outgoing_events::{EventMoney, outgoing_event};
use crate::outgoing::packet_list::Begun;
use crate::queues::{FUNDING_QUEUE, SENDING_QUEUE};
use crate::quotes::quote_methods::ilp_destination;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The sender's data for the receiver must fit into one packet beside the other frames.
const LONGEST_DATA: usize = 30_000;

/// The reason that a card service gets when a payment will not be made.
const UNFUNDED: &str = "the quote expired before the payment was funded";

/// What a payment that was never funded spends of its grant.
const NOTHING_SPENT: PaymentEnd = PaymentEnd::Failed { sent: 0, delivered: 0 };

/// Why a payment was not funded or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum FundOutgoingPaymentError {
    /// The tenant does not have this payment.
    #[error("unknown payment")]
    UnknownPayment,
    /// The payment does not wait for a deposit.
    #[error("wrong state")]
    WrongState,
    /// The amount is not exactly the debit amount.
    #[error("invalid amount")]
    InvalidAmount,
    /// The data for the receiver does not fit into a packet.
    #[error("dataToTransmit is longer than {LONGEST_DATA} octets")]
    DataTooLong,
    /// The ledger refused the deposit.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The database or the ledger did not answer.
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

/// A payment's deposit according to the ledger.
enum Deposit {
    /// The deposit was made.
    Made,
    /// The deposit was not made, and can no longer be made.
    Forgone,
}

impl Payments {
    /// Makes the deposit that the payment's event asks for. If the tenant does not have the payment, there is no such
    /// event. `beside` is written in the transaction that notes the deposit; the ledger has moved the money before.
    pub async fn fund_as_asked(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        data_to_transmit: Option<String>,
        beside: Beside<'_>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        match self.fund_outgoing_payment_in_full(tenant, id, data_to_transmit, beside).await {
            Err(FundOutgoingPaymentError::UnknownPayment) => Err(TransferError::InvalidId.into()),
            funded => funded,
        }
    }

    /// Makes the deposit that the event `event` asks for, within the caller's reach.
    pub async fn fund_event(
        &self,
        caller: Caller,
        event: WebhookEventId,
        beside: Beside<'_>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let event = caller.reach(self.store()).webhook_event(event).await?.ok_or(TransferError::InvalidId)?;
        match (event.event_type, event.subject) {
            (EventType::OutgoingPaymentCreated, Subject::OutgoingPayment(payment)) => {
                self.fund_as_asked(event.tenant_id, payment, None, beside).await
            }
            _ => Err(TransferError::InvalidId.into()),
        }
    }

    /// Deposits the payment's debit amount and lets the payment be sent.
    ///
    /// If the deposit was made before but not noted, the call succeeds. So it may be repeated.
    pub async fn fund_outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        amount: u64,
        data_to_transmit: Option<String>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        must_fit_a_packet(data_to_transmit.as_deref())?;
        let unfunded = self.unfunded(tenant, id).await?;
        let funding = self.fund(unfunded, amount, data_to_transmit, Beside::nothing());
        funding.instrument(payment_span("payment.fund", id.as_uuid())).await
    }

    /// As [`Payments::fund_outgoing_payment`], with the payment's debit amount.
    pub(crate) async fn fund_outgoing_payment_in_full(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        data_to_transmit: Option<String>,
        beside: Beside<'_>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        must_fit_a_packet(data_to_transmit.as_deref())?;
        let unfunded = self.unfunded(tenant, id).await?;
        let amount = unfunded.payment.quote.debit_amount;
        let funding = self.fund(unfunded, amount, data_to_transmit, beside);
        funding.instrument(payment_span("payment.fund", id.as_uuid())).await
    }

    async fn fund(
        &self,
        Unfunded { payment, deposit }: Unfunded,
        amount: u64,
        data_to_transmit: Option<String>,
        beside: Beside<'_>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        payment.require_fundable(amount)?;
        let data_to_transmit = data_to_transmit.map(|data| self.seal(&data, payment.id())).transpose()?;
        self.deposit(&payment, deposit).await?;
        match self.note_funds_of(&payment, amount, data_to_transmit.clone(), beside).await? {
            Some(funded) => Ok(funded),
            None => self.note_funds(payment.quote.tenant_id, payment.id(), amount, data_to_transmit, beside).await,
        }
    }

    /// The data in its stored form.
    fn seal(&self, data: &str, payment: OutgoingPaymentId) -> Result<String, FundOutgoingPaymentError> {
        let sealed = self.sealer().seal(data, Place::DataToTransmit(payment.as_uuid()), self.entropy());
        sealed.map_err(|TooLong| FundOutgoingPaymentError::DataTooLong)
    }

    async fn unfunded(&self, tenant: TenantId, id: OutgoingPaymentId) -> Result<Unfunded, FundOutgoingPaymentError> {
        if let Some(unfunded) = self.0.at_hand.take_unfunded(tenant, id) {
            return Ok(unfunded);
        }
        let found = self.store().tenant(tenant).outgoing_payment(id).await?;
        let payment = found.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        payment.require_fundable(payment.quote.debit_amount)?;
        let deposit = self.deposit_id(&payment).await?;
        Ok(Unfunded { payment, deposit })
    }

    /// Notes the funding of a payment whose row is still equal to `before`. Writes the first packet too, if it can be
    /// made now. Returns `None` and writes nothing if the row has changed.
    async fn note_funds_of(
        &self,
        before: &OutgoingPayment,
        amount: u64,
        data_to_transmit: Option<String>,
        beside: Beside<'_>,
    ) -> Result<Option<OutgoingPayment>, FundOutgoingPaymentError> {
        let funded = before.clone().fund(amount, data_to_transmit, self.now())?;
        let begun = self.begin_sending(&funded);
        let unit = self.begin().await?;
        let scope = unit.tenant(funded.quote.tenant_id);
        scope.replace_outgoing_payment(before, &funded)?;
        let first: Vec<_> = begun.iter().filter_map(Begun::row).collect();
        scope.insert_packets_in_flight(&first)?;
        self.write_what_follows_funds(&unit, &funded, amount).await?;
        beside.write(&unit, funded.id());
        // Kept before the job can run.
        self.0.at_hand.keep_funded(Funded { payment: funded.clone(), begun });
        if let Err(error) = unit.commit().await {
            drop(self.0.at_hand.take_funded(funded.id()));
            return if error.is_overtaken() { Ok(None) } else { Err(error.into()) };
        }
        Ok(Some(funded))
    }

    async fn note_funds(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        amount: u64,
        data_to_transmit: Option<String>,
        beside: Beside<'_>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let now = self.now();
        let unit = self.begin().await?;
        let scope = unit.tenant(tenant);
        let locked = scope.locked_outgoing_payment(id).await?.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        let funded = locked.try_map(|payment| payment.fund(amount, data_to_transmit, now))?;
        scope.update_outgoing_payment(&funded)?;
        self.write_what_follows_funds(&unit, &funded, amount).await?;
        beside.write(&unit, funded.id());
        let funded = funded.into_inner();
        unit.commit().await?;
        Ok(funded)
    }

    /// Writes that the payment is funded and is to be sent.
    async fn write_what_follows_funds(
        &self,
        unit: &Unit,
        funded: &OutgoingPayment,
        amount: u64,
    ) -> Result<(), FundOutgoingPaymentError> {
        let now = self.now();
        if funded.initiated_by == InitiatedBy::Card {
            let (event_type, audience) = (EventType::OutgoingPaymentFunded, Audience::card_service());
            let money = EventMoney { sent: 0, balance: amount, withdrawable: Some(amount) };
            let event = outgoing_event(funded, event_type, money, now, self.entropy());
            self.0.parts.webhooks.record(unit, &event, &audience).await?;
        }
        jobs::cancel(unit.transaction(), FUNDING_QUEUE, funded.id());
        let sending = NewJob::new(SENDING_QUEUE, funded.id(), now).in_lane(self.lane(funded));
        Ok(jobs::enqueue(unit.transaction(), sending)?)
    }

    /// The party that the sending of the payment may have to wait for: the next peer on the way to the receiver. If the
    /// receiver is not in memory, it is the receiver's institution, which is asked first. It is empty for a payment
    /// within this instance.
    fn lane(&self, payment: &OutgoingPayment) -> String {
        let quote = &payment.quote;
        if quote.method == QuoteMethod::Local {
            return String::new();
        }
        let destination = self.0.receivers.get(&quote.receiver, self.now());
        let destination = destination.and_then(|receiver| ilp_destination(&receiver).ok());
        let peer = destination.and_then(|destination| {
            let (connector, ledger) = (&self.0.parts.connector, quote.asset.in_ledger().ledger);
            connector.next_peer(quote.tenant_id, destination.address.as_ref(), ledger)
        });
        // The payment fails without waiting if its receiver is not a URL.
        let host = || Url::parse(&quote.receiver).ok()?.host_str().map(str::to_owned);
        peer.map(|peer| peer.to_string()).or_else(host).unwrap_or_default()
    }

    async fn deposit(&self, payment: &OutgoingPayment, id: TransferId) -> Result<(), FundOutgoingPaymentError> {
        let (asset, account) = (payment.quote.asset.in_ledger(), payment.id().into());
        let deposit = asset.deposit(id, account, payment.quote.debit_amount);
        match self.submit_to(payment, deposit).await? {
            // Cancelling the payment has used up this id.
            CreateTransferResult::ExistsWithDifferentAmount => Err(FundOutgoingPaymentError::WrongState),
            result => Ok(accepted(result)?),
        }
    }

    /// Makes sure that no deposit can be made any more, unless it was made before.
    async fn forgo_deposit(&self, payment: &OutgoingPayment) -> Result<Deposit, FundOutgoingPaymentError> {
        let (asset, account) = (payment.quote.asset.in_ledger(), payment.id().into());
        let nothing = asset.forgone_deposit(self.deposit_id(payment).await?, account);
        match self.submit_to(payment, nothing).await? {
            CreateTransferResult::ExistsWithDifferentAmount => Ok(Deposit::Made),
            result => Ok(accepted(result).map(|()| Deposit::Forgone)?),
        }
    }

    /// Makes one transfer to the payment's account. Creates the account if it does not exist.
    async fn submit_to(
        &self,
        payment: &OutgoingPayment,
        transfer: NewTransfer,
    ) -> Result<CreateTransferResult, Unavailable> {
        let account = payment.quote.asset.in_ledger().account(payment.id().into(), AccountKind::Outgoing);
        // Both requests are sent together, so the ledger commits once. If the ledger handles the transfer first, it is
        // sent again.
        let (accounts, results) =
            tokio::join!(self.ledger().create_accounts(vec![account]), self.ledger().submit(vec![transfer]));
        accounts?;
        let mut result = results?.pop();
        if let Some(CreateTransferResult::CreditAccountNotFound | CreateTransferResult::DebitAccountNotFound) = result {
            result = self.ledger().submit(vec![transfer]).await?.pop();
        }
        Ok(result.unwrap_or(CreateTransferResult::LinkedEventFailed))
    }

    /// The id of the event that asks for the deposit.
    async fn deposit_id(&self, payment: &OutgoingPayment) -> Result<TransferId, FundOutgoingPaymentError> {
        let (subject, created) = (Subject::OutgoingPayment(payment.id()), [EventType::OutgoingPaymentCreated]);
        let asked = self.store().tenant(payment.quote.tenant_id).latest_event(subject, &created).await?;
        Ok(asked.map(|event| event.id.as_uuid().into()).ok_or(TransferError::InvalidId)?)
    }

    /// Cancels a payment before it is funded.
    pub async fn cancel_outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
        reason: Option<String>,
        card_failure: Option<CardPaymentFailure>,
    ) -> Result<OutgoingPayment, FundOutgoingPaymentError> {
        let found = self.store().tenant(tenant).outgoing_payment(id).await?;
        let found = found.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        found.require_fundable(found.quote.debit_amount)?;
        if let Deposit::Made = self.forgo_deposit(&found).await? {
            return Err(FundOutgoingPaymentError::WrongState);
        }

        let now = self.now();
        let unit = self.begin().await?;
        let scope = unit.tenant(tenant);
        let locked = scope.locked_outgoing_payment(id).await?.ok_or(FundOutgoingPaymentError::UnknownPayment)?;
        let cancelled = locked.try_map(|payment| payment.cancel(reason, card_failure, now))?;
        scope.update_outgoing_payment(&cancelled)?;
        grant_spending::settle(&unit, &cancelled, NOTHING_SPENT, now).await?;
        self.tell_card_service_of_the_end(&unit, &cancelled).await?;
        jobs::cancel(unit.transaction(), FUNDING_QUEUE, id);
        let cancelled = cancelled.into_inner();
        unit.commit().await?;
        Ok(cancelled)
    }

    /// Informs the card service, if it waits for this payment, that the payment will not be made.
    async fn tell_card_service_of_the_end(&self, unit: &Unit, cancelled: &OutgoingPayment) -> Result<(), Unavailable> {
        if cancelled.initiated_by == InitiatedBy::Card {
            let event_type = EventType::OutgoingPaymentCancelled;
            let event = outgoing_event(cancelled, event_type, EventMoney::default(), self.now(), self.entropy());
            self.0.parts.webhooks.record(unit, &event, &Audience::card_service()).await?;
        }
        Ok(())
    }

    async fn give_up_unfunded(&self, job: &Job) -> Result<Done, Failure> {
        let id: OutgoingPaymentId = job.key().parse()?;
        let found = self.store().every_tenant().outgoing_payment(id).await?;
        let Some(payment) = found.filter(|payment| payment.state == OutgoingState::Funding) else {
            return Ok(Done::Complete);
        };
        if !payment.quote.is_expired(self.now()) {
            return Ok(Done::RunAgain(payment.quote.expires_at));
        }
        match self.forgo_deposit(&payment).await? {
            Deposit::Forgone => self.fail_unfunded(job, &payment).await,
            // A process made the deposit and ended before its note. The payment fails like one funded too late, and
            // keeps its money.
            Deposit::Made => {
                let (tenant, amount) = (payment.quote.tenant_id, payment.quote.debit_amount);
                match self.note_funds(tenant, id, amount, None, Beside::nothing()).await {
                    Ok(_) | Err(FundOutgoingPaymentError::WrongState) => Ok(Done::Complete),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    async fn fail_unfunded(&self, job: &Job, payment: &OutgoingPayment) -> Result<Done, Failure> {
        let now = self.now();
        let unit = self.begin().await?;
        let scope = unit.tenant(payment.quote.tenant_id);
        let Some(locked) = scope.locked_outgoing_payment(payment.id()).await? else { return Ok(Done::Complete) };
        if locked.state != OutgoingState::Funding {
            return Ok(Done::Complete);
        }
        let given_up = locked.clone().cancel(Some(UNFUNDED.to_owned()), None, now)?;
        let failed = locked.try_map(|payment| payment.expire_unfunded(now))?;
        scope.update_outgoing_payment(&failed)?;
        grant_spending::settle(&unit, &failed, NOTHING_SPENT, now).await?;
        let no_money = EventMoney::default();
        let event = outgoing_event(&failed, EventType::OutgoingPaymentFailed, no_money, now, self.entropy());
        self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(failed.quote.tenant_id)).await?;
        self.tell_card_service_of_the_end(&unit, &given_up).await?;
        job.complete(unit.transaction());
        let failed = failed.into_inner();
        unit.commit().await?;
        self.0.counts.ended(&failed);
        Ok(Done::Settled)
    }

    /// Handles the jobs of payments whose quotes expire before they are funded.
    pub fn unfunded_handler(&self) -> Arc<dyn Handler> {
        Arc::new(UnfundedHandler(self.clone()))
    }
}

fn must_fit_a_packet(data: Option<&str>) -> Result<(), FundOutgoingPaymentError> {
    let is_too_long = data.is_some_and(|data| data.len() > LONGEST_DATA);
    if is_too_long { Err(FundOutgoingPaymentError::DataTooLong) } else { Ok(()) }
}

struct UnfundedHandler(Payments);

#[async_trait]
impl Handler for UnfundedHandler {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.0.give_up_unfunded(job).await
    }
}
