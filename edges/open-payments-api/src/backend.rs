//! What the listener needs of the backend, in the backend's own types.
//!
//! One trait with one real implementation and one for this crate's tests, so that every answer of the API can be shown
//! without a database behind it.

use async_trait::async_trait;
use clock::Timestamp;
use money::AssetAmount;
use open_payments::ReceiptRequest;
use payments::Source;
use payments_model::grant_limits::{GrantLimits, Spent};
use payments_model::incoming_payment::Metadata;
use payments_model::page::{Page, PageRequest};
use payments_model::quote::QuoteRequest;
use payments_model::receiver::IlpMethod;
use payments_model::wallet_address::{AdditionalProperty, WalletAddress, WalletAddressKey};
use payments_model::{
    IncomingPayment, IncomingPaymentId, OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId, WalletAddressId,
};
use web_url::WalletAddressUrl;

/// The backend could not do as asked; nothing is wrong with the request.
#[derive(Debug, thiserror::Error)]
#[error("the backend is unavailable: {0}")]
pub struct BackendError(pub String);

/// What to do about a wallet address nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Nothing.
    Now,
    /// Tell the account-servicing entity and wait a little for it to create one.
    Wait {
        /// The URL as the request spells it.
        as_written: &'a str,
        /// Who asks: of what one source asks for, only so much is told.
        source: Source<'a>,
    },
}

/// A resource with its wallet address and what the ledger says.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// The resource.
    pub resource: T,
    /// Whose it is.
    pub wallet_address: WalletAddress,
    /// What was received or sent; 0 for quotes.
    pub moved: u64,
}

/// What an incoming payment is created from.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIncomingPayment {
    /// Where the money goes.
    pub wallet_address: WalletAddressId,
    /// How much is expected; `None` is open-ended.
    pub incoming_amount: Option<AssetAmount>,
    /// When it stops accepting money; `None` is as late as allowed.
    pub expires_at: Option<Timestamp>,
    /// What the client attached.
    pub metadata: Option<Metadata>,
    /// Who creates it.
    pub client: String,
}

/// What a quote is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct NewQuote {
    /// Who would pay.
    pub wallet_address: WalletAddressId,
    /// The URL of the incoming payment, as submitted.
    pub receiver: String,
    /// Which amount is fixed.
    pub amount: QuoteRequest,
    /// Who asks.
    pub client: String,
}

/// What an outgoing payment is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOutgoingPayment {
    /// Who pays.
    pub wallet_address: WalletAddressId,
    /// What is paid.
    pub source: OutgoingSource,
    /// What the client attached.
    pub metadata: Option<Metadata>,
    /// Who creates it.
    pub client: String,
    /// Under which grant.
    pub grant: TokenGrant,
}

/// What an outgoing payment pays.
#[derive(Clone, Debug, PartialEq)]
pub enum OutgoingSource {
    /// A quote.
    Quote(QuoteId),
    /// A fixed amount to an incoming payment.
    IncomingPayment {
        /// Its URL.
        receiver: String,
        /// What is paid, fees included.
        debit_amount: AssetAmount,
    },
}

/// The grant behind a token, as far as spending goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenGrant {
    /// As introspection names it.
    pub id: String,
    /// What may be spent; `None` is without limits.
    pub limits: Option<GrantLimits>,
}

/// What a grant has spent; `None` is nothing recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantSpent {
    /// In the payer's asset.
    pub debit: Option<AssetAmount>,
    /// In the receivers' asset.
    pub receive: Option<AssetAmount>,
}

/// Why an incoming payment was not created (open-payments section 8.2).
#[derive(Debug, thiserror::Error)]
pub enum CreateIncomingPaymentError {
    /// `expiresAt` is not between now and the longest allowed time from now.
    #[error("invalid expiresAt")]
    InvalidExpiry,
    /// The amount is zero, too large, or not of the wallet address' asset.
    #[error("invalid amount")]
    InvalidAmount,
    /// The tenant has no such wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address takes no payments.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// The account-servicing entity cancelled it, or did not approve it in time.
    #[error("action not performed")]
    ActionNotPerformed,
    /// It could not be decided.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Why an incoming payment was not completed (open-payments section 8.5).
#[derive(Debug, thiserror::Error)]
pub enum CompleteIncomingPaymentError {
    /// There is none.
    #[error("unknown payment")]
    UnknownPayment,
    /// It is completed or expired.
    #[error("wrong state")]
    WrongState,
    /// It could not be decided.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// The least amount that works, for the text of an error.
fn least(amount: Option<&AssetAmount>) -> String {
    amount.map(|amount| format!("; send at least {amount}")).unwrap_or_default()
}

/// Why a quote was not made (open-payments section 9.2).
#[derive(Debug, thiserror::Error)]
pub enum CreateQuoteError {
    /// The tenant has no such wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address makes no payments.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// An amount is zero, of the wrong asset, or more than the receiver expects.
    #[error("invalid amount")]
    InvalidAmount,
    /// The receiver does not exist, is completed, expired, or cannot be paid.
    #[error("invalid receiver")]
    InvalidReceiver,
    /// Nothing would be delivered.
    #[error("non-positive receive amount{}", least(.min_send_amount.as_ref()))]
    NonPositiveReceiveAmount {
        /// The least amount of which something arrives, if known.
        min_send_amount: Option<AssetAmount>,
    },
    /// There is no exchange rate.
    #[error("could not convert between assets")]
    CouldNotFetchRates,
    /// No path to the receiver now.
    #[error("no path to the receiver: {0}")]
    NoPath(String),
    /// It could not be decided.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Why an outgoing payment was not created (open-payments section 10.2).
#[derive(Debug, thiserror::Error)]
pub enum CreateOutgoingPaymentError {
    /// The quote made on the way was refused.
    #[error(transparent)]
    Quote(CreateQuoteError),
    /// The tenant has no such wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address makes no payments.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// There is no such quote.
    #[error("unknown quote")]
    UnknownQuote,
    /// The quote is used, expired, of another wallet address, or its receiver takes no more.
    #[error("invalid quote")]
    InvalidQuote,
    /// The grant does not allow it.
    #[error("unauthorized")]
    InsufficientGrant,
    /// The grant limits both amounts.
    #[error("only one of receiveAmount or debitAmount allowed")]
    OnlyOneGrantAmountAllowed,
    /// The interval of the grant is malformed or lies before one already recorded.
    #[error("invalid interval")]
    InvalidInterval,
    /// It could not be decided.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// The use cases behind the listener.
#[async_trait]
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Whether database and cache answer.
    async fn ping(&self) -> Result<(), BackendError>;

    /// The wallet address with this URL, whatever its tenant; none of a deleted tenant.
    async fn wallet_address(
        &self,
        url: &WalletAddressUrl,
        lookup: Lookup<'_>,
    ) -> Result<Option<WalletAddress>, BackendError>;

    /// The properties the public may see.
    async fn public_properties(&self, address: &WalletAddress) -> Result<Vec<AdditionalProperty>, BackendError>;

    /// The keys that are not revoked.
    async fn keys(&self, address: &WalletAddress) -> Result<Vec<WalletAddressKey>, BackendError>;

    /// Fresh credentials to pay straight to the wallet address; none if its tenant has no ILP address.
    async fn spsp_credentials(
        &self,
        address: &WalletAddress,
        receipts: Option<ReceiptRequest>,
    ) -> Result<Option<IlpMethod>, BackendError>;

    /// An incoming payment of the tenant that is not deleted, with what it received.
    async fn incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<Option<Found<IncomingPayment>>, BackendError>;

    /// Fresh credentials to pay it; none if it cannot be paid.
    async fn payment_methods(&self, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, BackendError>;

    /// Creates an incoming payment.
    async fn create_incoming_payment(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError>;

    /// Completes an incoming payment, and tells what it received.
    async fn complete_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<(IncomingPayment, u64), CompleteIncomingPaymentError>;

    /// Incoming payments of a wallet address with what they received, of one client or of all.
    async fn list_incoming_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(IncomingPayment, u64)>, BackendError>;

    /// Makes a quote.
    async fn create_quote(&self, tenant: TenantId, new: NewQuote) -> Result<Quote, CreateQuoteError>;

    /// A quote of the tenant.
    async fn quote(&self, tenant: TenantId, id: QuoteId) -> Result<Option<Found<Quote>>, BackendError>;

    /// Creates an outgoing payment, and tells what its grant had spent before; nothing if that is not counted.
    async fn create_outgoing_payment(
        &self,
        tenant: TenantId,
        new: NewOutgoingPayment,
    ) -> Result<(OutgoingPayment, Spent), CreateOutgoingPaymentError>;

    /// An outgoing payment of the tenant with what it sent.
    async fn outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
    ) -> Result<Option<Found<OutgoingPayment>>, BackendError>;

    /// Outgoing payments of a wallet address with what they sent, of one client or of all.
    async fn list_outgoing_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(OutgoingPayment, u64)>, BackendError>;

    /// What a grant has spent in its present interval, or ever without one.
    async fn grant_spent(&self, grant: &TokenGrant) -> Result<GrantSpent, BackendError>;
}
