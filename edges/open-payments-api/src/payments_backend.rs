//! The listener's backend: the payments service and the look-up of wallet addresses.

use async_trait::async_trait;
use open_payments::ReceiptRequest;
use payments::{PaymentGrant, PaymentOf, Payments, ReceivedPayment, SentPayment, Unavailable, WalletAddressLookup};
use payments_model::grant_limits::{GrantRefused, Spent};
use payments_model::page::{Page, PageRequest};
use payments_model::receiver::IlpMethod;
use payments_model::wallet_address::{AdditionalProperty, WalletAddress, WalletAddressKey};
use payments_model::{
    IncomingPayment, IncomingPaymentId, InitiatedBy, OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId,
    WalletAddressId,
};
use payments_store::{IncomingPaymentFilter, OutgoingPaymentFilter};
use stream::ReceiptSetup;
use web_url::WalletAddressUrl;

use crate::backend::{
    Backend, BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError,
    CreateQuoteError, Found, GrantSpent, Lookup, NewIncomingPayment, NewOutgoingPayment, NewQuote, OutgoingSource,
    TokenGrant,
};

/// The real backend.
#[derive(Clone)]
pub struct PaymentsBackend {
    payments: Payments,
    addresses: WalletAddressLookup,
}

impl std::fmt::Debug for PaymentsBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentsBackend").finish_non_exhaustive()
    }
}

impl PaymentsBackend {
    /// The backend over these services.
    pub fn new(payments: Payments, addresses: WalletAddressLookup) -> Self {
        Self { payments, addresses }
    }

    async fn with_address<T>(
        &self,
        tenant: TenantId,
        address: WalletAddressId,
        resource: T,
        moved: u64,
    ) -> Result<Option<Found<T>>, BackendError> {
        let wallet_address = self.addresses.of_resource(tenant, address).await?;
        Ok(wallet_address.map(|wallet_address| Found { resource, wallet_address, moved }))
    }
}

#[async_trait]
impl Backend for PaymentsBackend {
    async fn ping(&self) -> Result<(), BackendError> {
        Ok(self.addresses.ping().await?)
    }

    async fn wallet_address(
        &self,
        url: &WalletAddressUrl,
        lookup: Lookup<'_>,
    ) -> Result<Option<WalletAddress>, BackendError> {
        Ok(match lookup {
            Lookup::Now => self.addresses.find(url).await?,
            Lookup::Wait { as_written, source } => self.addresses.find_or_wait(url, as_written, source).await?,
        })
    }

    async fn public_properties(&self, address: &WalletAddress) -> Result<Vec<AdditionalProperty>, BackendError> {
        Ok(self.addresses.public_properties(address).await?)
    }

    async fn keys(&self, address: &WalletAddress) -> Result<Vec<WalletAddressKey>, BackendError> {
        Ok(self.addresses.keys(address).await?)
    }

    async fn spsp_credentials(
        &self,
        address: &WalletAddress,
        receipts: Option<ReceiptRequest>,
    ) -> Result<Option<IlpMethod>, BackendError> {
        let receipts = receipts.map(|ReceiptRequest { nonce, secret }| ReceiptSetup { nonce, secret });
        let issued = self.payments.spsp_credentials(address, receipts).await?;
        Ok(issued.map(|credentials| IlpMethod {
            ilp_address: credentials.address.to_string(),
            shared_secret: credentials.shared_secret.as_bytes().to_vec(),
        }))
    }

    async fn incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<Option<Found<IncomingPayment>>, BackendError> {
        let found = self.payments.incoming_payment(Some(tenant), id).await?;
        let Some(ReceivedPayment { payment, received, .. }) = found else { return Ok(None) };
        self.with_address(tenant, payment.wallet_address_id, payment, received).await
    }

    async fn payment_methods(&self, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, BackendError> {
        Ok(self.payments.payment_methods(payment).await?)
    }

    async fn create_incoming_payment(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        let new = payments::NewIncomingPayment {
            wallet_address_id: new.wallet_address,
            incoming_amount: new.incoming_amount,
            expires_at: new.expires_at,
            metadata: new.metadata,
            client: Some(new.client),
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        Ok(self.payments.create_incoming_payment(tenant, new).await?)
    }

    async fn complete_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<(IncomingPayment, u64), CompleteIncomingPaymentError> {
        let completed = self.payments.complete_incoming_payment(tenant, id).await?;
        let received = self.payments.received(id).await.map_err(BackendError::from)?;
        Ok((completed, received))
    }

    async fn list_incoming_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(IncomingPayment, u64)>, BackendError> {
        let filter = IncomingPaymentFilter {
            wallet_address: Some(address.id),
            client: client.map(str::to_owned),
            ..IncomingPaymentFilter::default()
        };
        let page = self.payments.incoming_payments(Some(address.tenant_id), &filter, page).await?;
        page.try_map(|ReceivedPayment { payment, received, .. }| Ok((payment, received)))
    }

    async fn create_quote(&self, tenant: TenantId, new: NewQuote) -> Result<Quote, CreateQuoteError> {
        let new = payments::NewQuote {
            wallet_address_id: new.wallet_address,
            receiver: new.receiver,
            request: new.amount,
            client: Some(new.client),
        };
        Ok(self.payments.create_quote(tenant, new).await?)
    }

    async fn quote(&self, tenant: TenantId, id: QuoteId) -> Result<Option<Found<Quote>>, BackendError> {
        let Some(quote) = self.payments.quote(tenant, id).await? else { return Ok(None) };
        self.with_address(tenant, quote.wallet_address_id, quote, 0).await
    }

    async fn create_outgoing_payment(
        &self,
        tenant: TenantId,
        new: NewOutgoingPayment,
    ) -> Result<(OutgoingPayment, Spent), CreateOutgoingPaymentError> {
        let source = match new.source {
            OutgoingSource::Quote(id) => PaymentOf::Quote(id),
            OutgoingSource::IncomingPayment { receiver, debit_amount } => {
                PaymentOf::IncomingPayment { receiver, debit_amount }
            }
        };
        let new = payments::NewOutgoingPayment {
            wallet_address_id: new.wallet_address,
            source,
            client: Some(new.client),
            grant: Some(PaymentGrant { id: new.grant.id, limits: new.grant.limits }),
            metadata: new.metadata,
            card: None,
        };
        let created = self.payments.create_outgoing_payment(tenant, new).await?;
        Ok((created.payment, created.spent_before))
    }

    async fn outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
    ) -> Result<Option<Found<OutgoingPayment>>, BackendError> {
        let found = self.payments.outgoing_payment(Some(tenant), id).await?;
        let Some(SentPayment { payment, sent, .. }) = found else { return Ok(None) };
        self.with_address(tenant, payment.quote.wallet_address_id, payment, sent).await
    }

    async fn list_outgoing_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(OutgoingPayment, u64)>, BackendError> {
        let filter = OutgoingPaymentFilter {
            wallet_addresses: Some(vec![address.id]),
            client: client.map(str::to_owned),
            ..OutgoingPaymentFilter::default()
        };
        let page = self.payments.outgoing_payments(Some(address.tenant_id), &filter, page).await?;
        page.try_map(|SentPayment { payment, sent, .. }| Ok((payment, sent)))
    }

    async fn grant_spent(&self, grant: &TokenGrant) -> Result<GrantSpent, BackendError> {
        let interval = grant.limits.as_ref().and_then(|limits| limits.interval.as_deref());
        let total = self.payments.grant_spent(&grant.id, interval).await?;
        Ok(total.map(|total| GrantSpent { debit: Some(total.debit), receive: Some(total.receive) }).unwrap_or_default())
    }
}

impl From<Unavailable> for BackendError {
    fn from(error: Unavailable) -> Self {
        Self(error.to_string())
    }
}

impl From<payments::CreateIncomingPaymentError> for CreateIncomingPaymentError {
    fn from(error: payments::CreateIncomingPaymentError) -> Self {
        use payments::CreateIncomingPaymentError as Error;
        match error {
            Error::InvalidExpiry => Self::InvalidExpiry,
            Error::InvalidAmount => Self::InvalidAmount,
            Error::UnknownWalletAddress => Self::UnknownWalletAddress,
            Error::InactiveWalletAddress => Self::InactiveWalletAddress,
            Error::ActionNotPerformed => Self::ActionNotPerformed,
            Error::Unavailable(error) => Self::Backend(error.into()),
        }
    }
}

impl From<payments::CompleteIncomingPaymentError> for CompleteIncomingPaymentError {
    fn from(error: payments::CompleteIncomingPaymentError) -> Self {
        use payments::CompleteIncomingPaymentError as Error;
        match error {
            Error::UnknownPayment => Self::UnknownPayment,
            Error::WrongState => Self::WrongState,
            Error::Unavailable(error) => Self::Backend(error.into()),
        }
    }
}

impl From<payments::CreateQuoteError> for CreateQuoteError {
    fn from(error: payments::CreateQuoteError) -> Self {
        use payments::CreateQuoteError as Error;
        match error {
            Error::UnknownWalletAddress => Self::UnknownWalletAddress,
            Error::InactiveWalletAddress => Self::InactiveWalletAddress,
            Error::InvalidAmount => Self::InvalidAmount,
            Error::InvalidReceiver => Self::InvalidReceiver,
            Error::NonPositiveReceiveAmount { min_send_amount } => Self::NonPositiveReceiveAmount { min_send_amount },
            Error::CouldNotFetchRates => Self::CouldNotFetchRates,
            Error::TenantsNotPeered => Self::NoPath(error.to_string()),
            Error::Path { code } => Self::NoPath(code),
            Error::Unavailable(error) => Self::Backend(error.into()),
        }
    }
}

impl From<payments::CreateOutgoingPaymentError> for CreateOutgoingPaymentError {
    fn from(error: payments::CreateOutgoingPaymentError) -> Self {
        use payments::CreateOutgoingPaymentError as Error;
        match error {
            Error::UnknownWalletAddress => Self::UnknownWalletAddress,
            Error::InactiveWalletAddress => Self::InactiveWalletAddress,
            Error::UnknownQuote => Self::UnknownQuote,
            Error::InvalidQuote => Self::InvalidQuote,
            Error::Grant(GrantRefused::InsufficientGrant) => Self::InsufficientGrant,
            Error::Grant(GrantRefused::OnlyOneGrantAmountAllowed) => Self::OnlyOneGrantAmountAllowed,
            Error::Grant(GrantRefused::InvalidInterval) => Self::InvalidInterval,
            Error::Quote(error) => Self::Quote(error.into()),
            Error::Unavailable(error) => Self::Backend(error.into()),
        }
    }
}
