//! Creating an outgoing payment from a quote.
//!
//! One transaction writes the payment, its reservation under the grant, its event, and the job that cancels it if it is
//! not funded. No money moves.

use jobs::NewJob;
use payments_model::grant_limits::{GrantRefused, Spent};
use payments_model::incoming_payment::Metadata;
use payments_model::outgoing_payment::{CardDetails, OutgoingState};
use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{InitiatedBy, Origin, OutgoingPayment, Quote, QuoteId, TenantId, WalletAddressId, WebhookEvent};
use telemetry::payment_span;
use tracing::Instrument;
use webhooks::Audience;

use crate::beside::Beside;
use crate::made_before::Made;
use crate::outgoing::at_hand::Unfunded;
use crate::outgoing::grant_spending::{PaymentGrant, ReserveError, reserve};
use crate::outgoing::outgoing_events::{EventMoney, outgoing_event};
use crate::queues::FUNDING_QUEUE;
use crate::quotes::create_quote::{CreateQuoteError, NewQuote};
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The id of the creation's event is derived from this name and the request. The id of the payment is the quote's id,
/// and another request may have paid that quote. The event belongs to this request alone.
const STEP: &str = "outgoing payment created";

/// The input from which an outgoing payment is created.
#[derive(Clone, Debug)]
pub struct NewOutgoingPayment {
    /// The paying wallet address.
    pub wallet_address_id: WalletAddressId,
    /// What it is created from.
    pub source: PaymentOf,
    /// The Open Payments client that creates it.
    pub client: Option<String>,
    /// The grant under which it is created.
    pub grant: Option<PaymentGrant>,
    /// Metadata from the client.
    pub metadata: Option<Metadata>,
    /// The card flow that it belongs to.
    pub card: Option<CardDetails>,
}

/// What an outgoing payment is created from.
#[derive(Clone, Debug)]
pub enum PaymentOf {
    /// A quote.
    Quote(QuoteId),
    /// An incoming payment and a fixed amount. The quote is created first.
    IncomingPayment {
        /// The URL of the incoming payment.
        receiver: String,
        /// Which amount is fixed.
        request: QuoteRequest,
    },
}

/// A new payment.
#[derive(Clone, Debug)]
pub struct CreatedOutgoingPayment {
    /// The payment.
    pub payment: OutgoingPayment,
    /// What was spent under its grant before it; zero if the grant has no amount limit.
    pub spent_before: Spent,
}

/// Why an outgoing payment was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateOutgoingPaymentError {
    /// The tenant does not have this wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address is inactive.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// The tenant does not have this quote.
    #[error("unknown quote")]
    UnknownQuote,
    /// The quote was used, belongs to another wallet address, is too old, or its receiver no longer accepts money.
    #[error("invalid quote")]
    InvalidQuote,
    /// The institution of the receiver does not answer, so it is unknown whether the receiver still accepts money.
    #[error("the receiver's institution does not answer now; try again later")]
    ReceiverAway,
    /// The grant does not allow it.
    #[error(transparent)]
    Grant(GrantRefused),
    /// The quote could not be created.
    #[error(transparent)]
    Quote(CreateQuoteError),
    /// The database, the ledger or the cache did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for CreateOutgoingPaymentError {
    fn from(error: payments_store::Error) -> Self {
        // Either the quote has a payment already, or the request has its event. Nothing else of a payment is unique.
        if error.is_unique_violation() { Self::InvalidQuote } else { Self::Unavailable(error.into()) }
    }
}

impl From<ReserveError> for CreateOutgoingPaymentError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Refused(refused) => Self::Grant(refused),
            ReserveError::Database(error) => error.into(),
        }
    }
}

impl Payments {
    /// Creates a payment that waits for its deposit.
    pub async fn create_outgoing_payment(
        &self,
        tenant: TenantId,
        new: NewOutgoingPayment,
    ) -> Result<CreatedOutgoingPayment, CreateOutgoingPaymentError> {
        self.create_outgoing_payment_once(tenant, new, Origin::Alone, Beside::nothing()).await
    }

    /// As [`Payments::create_outgoing_payment`], for a request that may be repeated. A repetition gets the payment of
    /// the first request. `beside` is written in the transaction of the payment, which is the only effect.
    pub async fn create_outgoing_payment_once(
        &self,
        tenant: TenantId,
        new: NewOutgoingPayment,
        origin: Origin,
        beside: Beside<'_>,
    ) -> Result<CreatedOutgoingPayment, CreateOutgoingPaymentError> {
        let at_hand = match &new.source {
            PaymentOf::Quote(id) => self.0.at_hand.take_quote(tenant, *id),
            PaymentOf::IncomingPayment { .. } => None,
        };
        // A quote at hand has no payment of this process. If it has one of another process, the database refuses a second.
        let origin = if at_hand.is_some() {
            origin
        } else {
            match self.outgoing_payment_made_by(tenant, origin).await? {
                Made::Before(created) => return Ok(created),
                Made::NotYet(origin) => origin,
            }
        };
        match self.pay_quote(tenant, new, at_hand, origin, beside).await {
            // Another request, or a faster repetition of this one, has used the quote.
            Err(CreateOutgoingPaymentError::InvalidQuote) => match self.outgoing_payment_made_by(tenant, origin).await?
            {
                Made::Before(created) => Ok(created),
                Made::NotYet(_) => Err(CreateOutgoingPaymentError::InvalidQuote),
            },
            written => written,
        }
    }

    async fn pay_quote(
        &self,
        tenant: TenantId,
        new: NewOutgoingPayment,
        at_hand: Option<Quote>,
        origin: Origin,
        beside: Beside<'_>,
    ) -> Result<CreatedOutgoingPayment, CreateOutgoingPaymentError> {
        let quote = self.quote_to_pay(tenant, &new, at_hand).await?;
        let span = payment_span("payment.create", quote.id.as_uuid());
        self.write_payment(quote, new, origin, beside).instrument(span).await
    }

    async fn outgoing_payment_made_by(
        &self,
        tenant: TenantId,
        origin: Origin,
    ) -> Result<Made<CreatedOutgoingPayment>, Unavailable> {
        let Some(id) = origin.known_id(STEP) else { return Ok(Made::NotYet(origin)) };
        let scope = self.store().tenant(tenant);
        let Some(WebhookEvent { subject: Subject::OutgoingPayment(id), .. }) = scope.webhook_event(id.into()).await?
        else {
            return Ok(Made::NotYet(origin));
        };
        let created = match scope.outgoing_payment(id).await? {
            Some(payment) => Some(CreatedOutgoingPayment { spent_before: self.spent_beside(&payment).await?, payment }),
            None => None,
        };
        Ok(Made::of(created, origin, |created| created.payment.created_at))
    }

    /// The quote, if it can be paid now.
    async fn quote_to_pay(
        &self,
        tenant: TenantId,
        new: &NewOutgoingPayment,
        at_hand: Option<Quote>,
    ) -> Result<Quote, CreateOutgoingPaymentError> {
        use CreateOutgoingPaymentError as Refused;

        let quote_id = match &new.source {
            PaymentOf::Quote(id) => *id,
            PaymentOf::IncomingPayment { receiver, request } => {
                let quote = NewQuote {
                    wallet_address_id: new.wallet_address_id,
                    receiver: receiver.clone(),
                    request: request.clone(),
                    client: None,
                };
                self.create_quote(tenant, quote).await.map_err(Refused::Quote)?.id
            }
        };

        let address = self.wallet_address_of(tenant, new.wallet_address_id).await?;
        let address = address.ok_or(Refused::UnknownWalletAddress)?;
        if !address.is_active(self.now()) {
            return Err(Refused::InactiveWalletAddress);
        }

        let quote = match at_hand.or_else(|| self.0.at_hand.take_quote(tenant, quote_id)) {
            Some(quote) => quote,
            None => self.quote(tenant, quote_id).await?.ok_or(Refused::UnknownQuote)?,
        };

        if quote.wallet_address_id != address.id || quote.is_expired(self.now()) {
            return Err(Refused::InvalidQuote);
        }

        self.require_payable(&quote).await?;
        Ok(quote)
    }

    async fn require_payable(&self, quote: &Quote) -> Result<(), CreateOutgoingPaymentError> {
        match self.recent_receiver(&quote.receiver).await {
            Ok(receiver) if receiver.is_active(self.now()) => Ok(()),
            Err(ResolveReceiverError::Unavailable(error)) => Err(error.into()),
            Err(error) if error.is_transient() => {
                tracing::info!(%error, receiver = quote.receiver, "no payment was made, because the receiver was not resolved");
                Err(CreateOutgoingPaymentError::ReceiverAway)
            }
            Ok(_) | Err(_) => Err(CreateOutgoingPaymentError::InvalidQuote),
        }
    }

    async fn write_payment(
        &self,
        quote: Quote,
        new: NewOutgoingPayment,
        origin: Origin,
        beside: Beside<'_>,
    ) -> Result<CreatedOutgoingPayment, CreateOutgoingPaymentError> {
        let now = self.now();

        let initiated_by = match (&new.card, &new.grant) {
            (Some(_), _) => InitiatedBy::Card,
            (None, Some(_)) => InitiatedBy::OpenPayments,
            (None, None) => InitiatedBy::Admin,
        };

        let payment = OutgoingPayment {
            quote,
            client: new.client,
            grant_id: new.grant.as_ref().map(|grant| grant.id.clone()),
            metadata: new.metadata,
            initiated_by,
            card: new.card,
            state: OutgoingState::Funding,
            record: None,
            created_at: now,
            updated_at: now,
        };

        let unit = self.begin().await?;
        let scope = unit.tenant(payment.quote.tenant_id);
        if let Some(grant) = &new.grant {
            scope.ensure_payment_grant(&grant.id, payment.quote.tenant_id, now).await?;
        }
        scope.insert_outgoing_payment(&payment)?;

        let spent_before = match &new.grant {
            Some(grant) => reserve(&unit, grant, &payment, now).await?,
            None => Spent::default(),
        };

        let no_money = EventMoney::default();
        let event = outgoing_event(&payment, EventType::OutgoingPaymentCreated, no_money, now, self.entropy());
        let event = WebhookEvent { id: origin.id(STEP, self.entropy()).into(), ..event };
        self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(payment.quote.tenant_id)).await?;

        let unfunded = NewJob::new(FUNDING_QUEUE, payment.id(), payment.quote.expires_at);
        jobs::enqueue(unit.transaction(), unfunded)?;
        beside.write(&unit, payment.id());
        unit.commit().await?;

        // Kept only after the commit: another payment of this quote may exist, and its deposit has the id of its own
        // event.
        let deposit = event.id.as_uuid().into();
        self.0.at_hand.keep_unfunded(Unfunded { payment: payment.clone(), deposit });

        Ok(CreatedOutgoingPayment { payment, spent_before })
    }
}
