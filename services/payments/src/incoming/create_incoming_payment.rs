//! Creating an incoming payment.
//!
//! One transaction writes the payment, its event and the job that ends it. No money moves.

use clock::Timestamp;
use jobs::NewJob;
use money::AssetAmount;
use payments_model::incoming_payment::{IncomingState, Metadata};
use payments_model::quote::LARGEST_AMOUNT;
use payments_model::{
    IncomingPayment, IncomingPaymentId, InitiatedBy, Origin, TenantId, WalletAddress, WalletAddressId,
};
use webhooks::Audience;

use crate::beside::Beside;
use crate::incoming::incoming_events::created_event;
use crate::made_before::Made;
use crate::queues::EXPIRY_QUEUE;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The id of the payment is derived from this name and the request.
const STEP: &str = "incoming payment";

/// The input from which an incoming payment is created.
#[derive(Clone, Debug)]
pub struct NewIncomingPayment {
    /// The wallet address that receives the money.
    pub wallet_address_id: WalletAddressId,
    /// The expected amount; `None` means any amount.
    pub incoming_amount: Option<AssetAmount>,
    /// When it stops accepting money; `None` means the latest allowed time.
    pub expires_at: Option<Timestamp>,
    /// Metadata from the client.
    pub metadata: Option<Metadata>,
    /// The Open Payments client that creates it.
    pub client: Option<String>,
    /// The party that starts the payment.
    pub initiated_by: InitiatedBy,
    /// The payer's wallet address, from a card flow.
    pub sender_wallet_address: Option<String>,
}

/// Why an incoming payment was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateIncomingPaymentError {
    /// `expiresAt` is in the past, or later than the longest allowed lifetime.
    #[error("invalid expiresAt")]
    InvalidExpiry,
    /// The amount is zero, too large, or not in the asset of the wallet address.
    #[error("invalid amount")]
    InvalidAmount,
    /// The tenant does not have this wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address does not accept payments.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// The account-servicing entity cancelled it, or did not approve it in time.
    #[error("action not performed")]
    ActionNotPerformed,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Payments {
    /// Creates an incoming payment. In approval mode, waits for the decision of the account-servicing entity.
    pub async fn create_incoming_payment(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        self.create_incoming_payment_once(tenant, new, Origin::Alone, Beside::nothing()).await
    }

    /// As [`Payments::create_incoming_payment`], for a request that may be repeated. A repetition gets the payment of
    /// the first request. `beside` is written in the transaction of the payment.
    pub async fn create_incoming_payment_once(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
        origin: Origin,
        beside: Beside<'_, IncomingPaymentId>,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        // Most requests are no repetition, and the database refuses an id that is in use. So it is not read before.
        let payment = match self.make_incoming_payment(tenant, new, origin, beside).await {
            Ok(payment) => payment,
            Err(refused) => match self.incoming_payment_made_by(tenant, origin).await? {
                Made::Before(payment) => payment,
                Made::NotYet(_) => return Err(refused),
            },
        };
        match self.settings().incoming_approval {
            None => Ok(payment),
            Some(approval) => {
                let decided = self.await_decision(&payment, approval).await?;
                decided.ok_or(CreateIncomingPaymentError::ActionNotPerformed)
            }
        }
    }

    async fn incoming_payment_made_by(
        &self,
        tenant: TenantId,
        origin: Origin,
    ) -> Result<Made<IncomingPayment>, Unavailable> {
        let Some(id) = origin.known_id(STEP) else { return Ok(Made::NotYet(origin)) };
        let found = self.store().tenant(tenant).incoming_payment(id.into()).await?;
        Ok(Made::of(found, origin, |payment| payment.created_at))
    }

    async fn make_incoming_payment(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
        origin: Origin,
        beside: Beside<'_, IncomingPaymentId>,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        use CreateIncomingPaymentError as Refused;

        let now = self.now();
        let latest = now + self.settings().incoming_payment_expiry_max;
        let expires_at = new.expires_at.unwrap_or(latest);
        if expires_at <= now || expires_at > latest {
            return Err(Refused::InvalidExpiry);
        }

        if new.incoming_amount.as_ref().is_some_and(|amount| !(1..=LARGEST_AMOUNT).contains(&amount.value)) {
            return Err(Refused::InvalidAmount);
        }

        let address = self.wallet_address_of(tenant, new.wallet_address_id).await?;
        let address = address.ok_or(Refused::UnknownWalletAddress)?;
        if !address.is_active(now) {
            return Err(Refused::InactiveWalletAddress);
        }

        if new.incoming_amount.as_ref().is_some_and(|amount| amount.asset != address.asset.asset) {
            return Err(Refused::InvalidAmount);
        }

        let id = origin.id(STEP, self.entropy()).into();
        let payment = new_payment(id, &address, new, expires_at, now);
        match self.write_new(&payment, beside).await {
            Err(Unavailable::Database(error)) if error.is_unique_violation() => {
                self.make_again(tenant, payment, origin, beside).await
            }
            written => Ok(written.map(|()| payment)?),
        }
    }

    /// The id is in use: a faster repetition made the payment, or an unpaid payment of an earlier request had it.
    async fn make_again(
        &self,
        tenant: TenantId,
        payment: IncomingPayment,
        origin: Origin,
        beside: Beside<'_, IncomingPaymentId>,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        match self.incoming_payment_made_by(tenant, origin).await? {
            Made::Before(made) => Ok(made),
            Made::NotYet(_) => {
                let payment = IncomingPayment { id: IncomingPaymentId::random(self.entropy()), ..payment };
                self.write_new(&payment, beside).await?;
                Ok(payment)
            }
        }
    }

    async fn write_new(
        &self,
        payment: &IncomingPayment,
        beside: Beside<'_, IncomingPaymentId>,
    ) -> Result<(), Unavailable> {
        let unit = self.begin().await?;
        unit.tenant(payment.tenant_id).insert_incoming_payment(payment)?;
        let event = created_event(payment, payment.created_at, self.entropy());
        self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(payment.tenant_id)).await?;
        let expiry = NewJob::new(EXPIRY_QUEUE, payment.id, payment.expires_at);
        jobs::enqueue(unit.transaction(), expiry)?;
        beside.write(&unit, payment.id);
        unit.commit().await?;
        if self.settings().incoming_approval.is_none() {
            self.0.parts.receivers.remember_created(payment);
        }
        Ok(())
    }
}

/// The requested payment.
fn new_payment(
    id: IncomingPaymentId,
    address: &WalletAddress,
    new: NewIncomingPayment,
    expires_at: Timestamp,
    now: Timestamp,
) -> IncomingPayment {
    IncomingPayment {
        id,
        tenant_id: address.tenant_id,
        wallet_address_id: address.id,
        asset: address.asset.clone(),
        incoming_amount: new.incoming_amount.map(|amount| amount.value),
        expires_at,
        client: new.client,
        metadata: new.metadata,
        initiated_by: new.initiated_by,
        sender_wallet_address: new.sender_wallet_address,
        decision: None,
        state: IncomingState::Pending,
        announced_amount: 0,
        created_at: now,
        updated_at: now,
    }
}
