//! Creating a quote: what a payment would cost and deliver, and whether it is possible.
//!
//! The amounts of each payment method are in `quote_methods`.

use directory::UnreadableFee;
use money::{AssetAmount, Ratio};
use payments_model::fee::{Fee, FeeKind};
use payments_model::quote::{FeeTerms, MethodAmounts, QuoteMethod, QuotePlan, QuoteRefused, QuoteRequest};
use payments_model::{Origin, Quote, QuoteId, Receiver, TenantId, WalletAddress, WalletAddressId};

use crate::made_before::Made;
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The id of the quote is derived from this name and the request.
const STEP: &str = "quote";

/// The input from which a quote is created.
#[derive(Clone, Debug)]
pub struct NewQuote {
    /// The paying wallet address.
    pub wallet_address_id: WalletAddressId,
    /// The URL of the incoming payment.
    pub receiver: String,
    /// Which amount is fixed.
    pub request: QuoteRequest,
    /// The Open Payments client that asks.
    pub client: Option<String>,
}

/// Why a quote was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateQuoteError {
    /// The tenant does not have this wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The wallet address is inactive.
    #[error("inactive wallet address")]
    InactiveWalletAddress,
    /// An amount is zero, too large, in the wrong asset, or more than the receiver still expects.
    #[error("invalid amount")]
    InvalidAmount,
    /// The receiver does not exist or accepts no money.
    #[error("invalid receiver")]
    InvalidReceiver,
    /// The institution of the receiver does not answer, so it is unknown whether the receiver accepts money.
    #[error("the receiver's institution does not answer now; try again later")]
    ReceiverAway,
    /// Nothing would be delivered.
    #[error("non-positive receive amount{}", least(.min_send_amount.as_ref()))]
    NonPositiveReceiveAmount {
        /// The smallest debit amount that would deliver something, if it is known.
        min_send_amount: Option<AssetAmount>,
    },
    /// There is no exchange rate for the two assets now.
    #[error("could not convert between assets")]
    CouldNotFetchRates,
    /// The receiver belongs to another tenant of this instance, and the two tenants are not peers.
    #[error(
        "the receiver belongs to another tenant of this instance; tenants pay each other as peers: each creates the \
         other's ILP address as a peer, with liquidity up to the amount that the other may owe"
    )]
    TenantsNotPeered,
    /// The path to the receiver does not work. The code is that of a failed payment.
    #[error("the receiver cannot be paid over Interledger now: {code}")]
    Path {
        /// The code.
        code: String,
    },
    /// The database, the ledger or the cache did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The least working amount, for the text of an error.
fn least(amount: Option<&AssetAmount>) -> String {
    amount.map(|amount| format!("; send at least {amount}")).unwrap_or_default()
}

impl From<QuoteRefused> for CreateQuoteError {
    fn from(refused: QuoteRefused) -> Self {
        match refused {
            QuoteRefused::InvalidAmount => Self::InvalidAmount,
            QuoteRefused::NonPositiveReceiveAmount => Self::NonPositiveReceiveAmount { min_send_amount: None },
        }
    }
}

impl From<payments_store::Error> for CreateQuoteError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Why a payment method cannot make a quote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MethodError {
    /// Nothing would be delivered. The method needs at least this amount before fees.
    #[error("non-positive receive amount")]
    NonPositive { min_send: Option<u64> },
    #[error("could not convert between assets")]
    CouldNotFetchRates,
    #[error("invalid amount")]
    TooLarge,
    #[error("the two tenants are not peers")]
    TenantsNotPeered,
    #[error("{0}")]
    Path(String),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The amounts that a payment method offers.
#[derive(Clone, Debug)]
pub(crate) struct MethodQuote {
    pub(crate) amounts: MethodAmounts,
    pub(crate) rate: Ratio,
    pub(crate) method: QuoteMethod,
}

impl Payments {
    /// Creates a quote. It never changes, and is good for one outgoing payment until it expires.
    pub async fn create_quote(&self, tenant: TenantId, new: NewQuote) -> Result<Quote, CreateQuoteError> {
        self.create_quote_once(tenant, new, Origin::Alone).await
    }

    /// As [`Payments::create_quote`], for a request that may be repeated. A repetition gets the quote of the first
    /// request.
    pub async fn create_quote_once(
        &self,
        tenant: TenantId,
        new: NewQuote,
        origin: Origin,
    ) -> Result<Quote, CreateQuoteError> {
        let origin = match self.quote_made_by(tenant, origin).await? {
            Made::Before(quote) => return Ok(quote),
            Made::NotYet(origin) => origin,
        };

        let quote = self.work_out(tenant, new, origin).await?;
        let unit = self.begin().await?;
        unit.tenant(tenant).insert_quote(&quote)?;

        match unit.commit().await {
            Ok(()) => {
                self.0.at_hand.keep_quote(quote.clone());
                Ok(quote)
            }
            // A repetition was faster.
            Err(error) if error.is_unique_violation() => match self.quote_made_by(tenant, origin).await? {
                Made::Before(quote) => Ok(quote),
                Made::NotYet(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn quote_made_by(&self, tenant: TenantId, origin: Origin) -> Result<Made<Quote>, Unavailable> {
        let Some(id) = origin.known_id(STEP) else { return Ok(Made::NotYet(origin)) };
        Ok(Made::of(self.quote(tenant, id.into()).await?, origin, |quote| quote.created_at))
    }

    /// Makes the requested quote without writing it.
    async fn work_out(&self, tenant: TenantId, new: NewQuote, origin: Origin) -> Result<Quote, CreateQuoteError> {
        use CreateQuoteError as Refused;

        let address = self.wallet_address_of(tenant, new.wallet_address_id).await?;
        let address = address.ok_or(Refused::UnknownWalletAddress)?;
        if !address.is_active(self.now()) {
            return Err(Refused::InactiveWalletAddress);
        }

        // A debit amount is checked before other servers are asked.
        if let QuoteRequest::DebitAmount(amount) = &new.request
            && (amount.value == 0 || amount.asset != address.asset.asset)
        {
            return Err(Refused::InvalidAmount);
        }

        let receiver = match self.recent_receiver(&new.receiver).await {
            Ok(receiver) => receiver,
            Err(ResolveReceiverError::Unavailable(error)) => return Err(error.into()),
            Err(error) => {
                tracing::info!(%error, receiver = new.receiver, "no quote was made, because the receiver was not resolved");
                return Err(if error.is_transient() { Refused::ReceiverAway } else { Refused::InvalidReceiver });
            }
        };

        if !receiver.is_active(self.now()) {
            return Err(Refused::InvalidReceiver);
        }

        let facts = self.0.parts.directory.facts().await?;
        let fee = facts.tenant(tenant).map(|tenant| tenant.fee(address.asset.id, FeeKind::Sending)).transpose();
        let fee = fee.map_err(|UnreadableFee| Unavailable::UnreadableFee)?.flatten();
        let terms = fee.map_or_else(FeeTerms::default, |fee| fee.terms);

        let plan = QuotePlan::new(&new.request, &address.asset.asset, &receiver.amounts(), terms)?;

        // Within one tenant's books a payment is one movement. Another tenant is paid like another institution: the
        // liquidity of its peer limits what it may owe.
        let offered = if receiver.location.is_of(tenant) {
            self.quote_locally(&address, &receiver, plan.target).await
        } else {
            self.quote_over_ilp(&address, &receiver, plan.target).await
        };
        let offered = offered.map_err(|error| refusal(error, &plan, &address))?;

        let id = origin.id(STEP, self.entropy()).into();
        Ok(self.quote_of(id, &address, &receiver, &plan, offered, new, fee)?)
    }

    #[expect(clippy::too_many_arguments, reason = "these are all parts of a quote, and there is one caller")]
    fn quote_of(
        &self,
        id: QuoteId,
        address: &WalletAddress,
        receiver: &Receiver,
        plan: &QuotePlan,
        offered: MethodQuote,
        new: NewQuote,
        fee: Option<&Fee>,
    ) -> Result<Quote, QuoteRefused> {
        let amounts = plan.finish(offered.amounts)?;
        let now = self.now();
        let latest = now + self.settings().quote_lifespan;

        Ok(Quote {
            id,
            tenant_id: address.tenant_id,
            wallet_address_id: address.id,
            asset: address.asset.clone(),
            receiver: new.receiver,
            debit_amount: amounts.debit,
            debit_amount_minus_fees: amounts.debit_minus_fees,
            receive_amount: AssetAmount { value: amounts.receive, asset: receiver.asset.clone() },
            estimated_rate: offered.rate,
            fee_id: fee.map(|fee| fee.id),
            client: new.client,
            method: offered.method,
            expires_at: receiver.expires_at.map_or(latest, |expiry| expiry.min(latest)),
            created_at: now,
        })
    }

    /// The quote with this id.
    pub async fn quote(&self, tenant: TenantId, id: QuoteId) -> Result<Option<Quote>, Unavailable> {
        Ok(self.store().tenant(tenant).quote(id).await?)
    }
}

fn refusal(error: MethodError, plan: &QuotePlan, address: &WalletAddress) -> CreateQuoteError {
    match error {
        MethodError::NonPositive { min_send } => {
            let value = min_send.and_then(|minimum| plan.min_send_amount_ceil(minimum));
            let asset = &address.asset.asset;
            let min_send_amount = value.map(|value| AssetAmount { value, asset: asset.clone() });
            CreateQuoteError::NonPositiveReceiveAmount { min_send_amount }
        }
        MethodError::CouldNotFetchRates => CreateQuoteError::CouldNotFetchRates,
        MethodError::TooLarge => CreateQuoteError::InvalidAmount,
        MethodError::TenantsNotPeered => CreateQuoteError::TenantsNotPeered,
        MethodError::Path(code) => CreateQuoteError::Path { code },
        MethodError::Unavailable(error) => CreateQuoteError::Unavailable(error),
    }
}
