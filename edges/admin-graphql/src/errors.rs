//! The one place where refusals become GraphQL errors: message and `extensions.code`.
//! Errors of the transport and of the syntax are in `http-kit`.

use async_graphql::{Error, ErrorExtensions};
use payments::administration as a;
use payments::{self as p, Unavailable};
use payments_model::accounting::TransferError;
use payments_model::grant_limits::GrantRefused;
use payments_model::page::PageError;
use serde_json::{Value, json};
use webhooks as w;

/// The codes that clients evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BadUserInput,
    Conflict,
    Duplicate,
    Forbidden,
    Inactive,
    Internal,
    NotFound,
    Timeout,
}

impl Code {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Conflict => "CONFLICT",
            Self::Duplicate => "DUPLICATE",
            Self::Forbidden => "FORBIDDEN",
            Self::Inactive => "INACTIVE",
            Self::Internal => "INTERNAL_SERVER_ERROR",
            Self::NotFound => "NOT_FOUND",
            Self::Timeout => "TIMEOUT",
        }
    }
}

/// A refusal as a client sees it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    message: String,
    code: Code,
    details: Option<Value>,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>, code: Code) -> Self {
        Self { message: message.into(), code, details: None }
    }

    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn too_large(amount: u64) -> Self {
        Self::new(format!("{amount} is larger than 9223372036854775807"), Code::BadUserInput)
    }

    /// The answer is unknown, because another institution does not answer.
    pub(crate) fn away() -> Self {
        Self::new(p::CreateReceiverError::Away.to_string(), Code::Internal)
    }

    /// An internal error: it is logged, and its cause is not shown to the client.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "an Admin API request failed");
        Self::new("Internal server error", Code::Internal)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::new(refusal.message).extend_with(|_, extensions| {
            extensions.set("code", refusal.code.as_str());
            if let Some(details) = refusal.details.and_then(|json| async_graphql::Value::from_json(json).ok()) {
                extensions.set("details", details);
            }
        })
    }
}

/// A nullable field becomes null when it is refused, and the other fields stay. The library does this for an error
/// inside the value, but an error in place of the value would make the whole parent null.
pub(crate) async fn nullable<T>(
    field: impl Future<Output = async_graphql::Result<Option<T>>>,
) -> Option<async_graphql::Result<T>> {
    // On the heap, because the futures of use cases are large and a document nests many of them.
    Box::pin(field).await.transpose()
}

impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        Self::internal(&error)
    }
}

impl From<payments_store::Error> for Refusal {
    fn from(error: payments_store::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<shared_cache::CacheError> for Refusal {
    fn from(error: shared_cache::CacheError) -> Self {
        Self::internal(&error)
    }
}

impl From<PageError> for Refusal {
    fn from(error: PageError) -> Self {
        Self::new(error.to_string(), Code::Internal)
    }
}

/// Maps an operation's errors, `E` in the patterns, to codes. A store that did not answer is only logged.
macro_rules! codes {
    ($($error:path { $($variant:pat => $code:ident),* $(,)? })*) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                use $error as E;
                match &error {
                    E::Unavailable(cause) => Self::internal(cause),
                    $($variant => Self::new(error.to_string(), Code::$code),)*
                }
            }
        })*
    };
}

codes! {
    a::CreateAssetError {
        E::ForeignTenant(_) | E::UnknownTenant => BadUserInput,
        E::Duplicate => Duplicate,
    }
    a::UpdateAssetError { E::Unknown => NotFound }
    a::DeleteAssetError {
        E::Unknown => NotFound,
        E::InUse => Forbidden,
    }
    a::SetFeeError {
        E::BasisPoints | E::FixedTooLarge => BadUserInput,
        E::UnknownAsset => NotFound,
    }
    a::CreatePeerError {
        E::InvalidAddress | E::InvalidEndpoint | E::InvalidTerms(_) | E::InvalidInitialLiquidity => BadUserInput,
        E::UnknownAsset => NotFound,
        E::DuplicateToken | E::Duplicate => Duplicate,
    }
    a::UpdatePeerError {
        E::Unknown => NotFound,
        E::InvalidAddress | E::InvalidEndpoint | E::InvalidTerms(_) => BadUserInput,
        E::DuplicateToken | E::Duplicate => Duplicate,
    }
    a::PeerTokenError {
        E::Unknown => NotFound,
        E::Token | E::TooMany | E::Overlap | E::Life | E::NoEndpoint => BadUserInput,
        E::Duplicate => Duplicate,
    }
    a::RemovePeerTokenError { E::UnknownPeer | E::UnknownToken => NotFound }
    a::SetPeerTlsError {
        E::Unknown => NotFound,
        E::Unusable(_) | E::NotHttps => BadUserInput,
        E::NoEncryption => Conflict,
    }
    a::DeletePeerError {
        E::Unknown => NotFound,
        E::HoldsMoney => Conflict,
    }
    a::CreateWalletAddressError {
        E::ForeignTenant(_) | E::InvalidUrl(_) | E::UnknownAsset => BadUserInput,
        E::NoBaseUrl => NotFound,
        E::Duplicate => Duplicate,
    }
    a::UpdateWalletAddressError { E::Unknown => NotFound }
    a::CreateKeyError {
        E::KeyId(_) | E::BlankKeyId | E::X => BadUserInput,
        E::UnknownWalletAddress => NotFound,
        E::Duplicate => Duplicate,
    }
    a::RevokeKeyError { E::Unknown => NotFound }
    a::AccountTransfersError { E::InvalidId => Internal }
    a::LatestTransfersError { E::InvalidId | E::TooMany => BadUserInput }
    a::PutSettingsError { E::Invalid | E::DuplicateWalletAddressUrl | E::DuplicateIlpAddress => BadUserInput }
    a::CreateTenantError {
        E::NotOperator => Forbidden,
        E::InvalidId | E::Unfit(_) | E::Settings(_) => BadUserInput,
        E::Duplicate => Duplicate,
    }
    a::UpdateTenantError {
        E::Foreign | E::Failed => NotFound,
        E::SecretByOperator | E::Unfit(_) => BadUserInput,
    }
    a::DeleteTenantError {
        E::NotOperator | E::IsOperator => Forbidden,
        E::Failed => NotFound,
    }
    w::CreateEndpointError {
        E::Url | E::EventType(_) | E::Secret | E::UnknownTenant => BadUserInput,
        E::TooMany => Conflict,
    }
    w::UpdateEndpointError {
        E::Unknown => NotFound,
        E::Url | E::EventType(_) | E::Default => BadUserInput,
    }
    w::DeleteEndpointError {
        E::Unknown => NotFound,
        E::Default => BadUserInput,
    }
    w::RotateSecretError {
        E::Unknown => NotFound,
        E::Secret | E::Overlap => BadUserInput,
    }
    w::PauseError {
        E::Unknown => NotFound,
        E::UnknownTenant => BadUserInput,
    }
    w::PingError { E::Unknown => NotFound }
    p::CreateIncomingPaymentError {
        E::InvalidExpiry | E::InvalidAmount => BadUserInput,
        E::UnknownWalletAddress => NotFound,
        E::InactiveWalletAddress => Inactive,
        E::ActionNotPerformed => Timeout,
    }
    p::ChangeIncomingPaymentError {
        E::UnknownPayment => NotFound,
        E::WrongState => Conflict,
        E::AlreadyActioned => Forbidden,
    }
    p::DecidePartialPaymentError {
        E::UnknownPayment => NotFound,
        E::WrongState => BadUserInput,
    }
    p::CompleteIncomingPaymentError {
        E::UnknownPayment => NotFound,
        E::WrongState => Conflict,
    }
}

impl From<p::CreateReceiverError> for Refusal {
    fn from(error: p::CreateReceiverError) -> Self {
        use p::CreateReceiverError as E;
        match error {
            E::Unavailable(cause) => Self::internal(&cause),
            E::Away => Self::away(),
            E::UnknownWalletAddress => Self::new("unknown wallet address", Code::NotFound),
            E::Local(error) => error.into(),
            E::Remote(error) => remote(error),
            E::Inactive => Self::new("Could not create receiver from incoming payment", Code::Internal),
        }
    }
}

impl From<p::CompleteReceiverError> for Refusal {
    fn from(error: p::CompleteReceiverError) -> Self {
        use p::CompleteReceiverError as E;
        match error {
            E::Unavailable(cause) => Self::internal(&cause),
            E::UnknownPayment => Self::new("unknown payment", Code::NotFound),
            E::WrongState => Self::new("wrong state", Code::Conflict),
            E::Remote(error) => remote(error),
        }
    }
}

/// The names of the other side's refusals. Their texts go to the log.
fn remote(error: p::ResolveReceiverError) -> Refusal {
    use p::ResolveReceiverError as E;
    tracing::info!(error = &error as &dyn std::error::Error, "another institution refused");
    match error {
        E::Unavailable(cause) => Refusal::internal(&cause),
        _ if error.is_transient() => Refusal::away(),
        E::NotFound => Refusal::new("unknown incoming payment", Code::NotFound),
        E::Grant(_) => Refusal::new("invalid grant for remote incoming payment", Code::Forbidden),
        E::Remote(_) => Refusal::new("invalid remote incoming payment request", Code::BadUserInput),
    }
}

impl From<p::CreateQuoteError> for Refusal {
    fn from(error: p::CreateQuoteError) -> Self {
        use p::CreateQuoteError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::UnknownWalletAddress => Code::NotFound,
            E::InactiveWalletAddress => Code::Inactive,
            E::InvalidAmount | E::InvalidReceiver | E::TenantsNotPeered | E::NonPositiveReceiveAmount { .. } => {
                Code::BadUserInput
            }
            E::CouldNotFetchRates | E::ReceiverAway | E::Path { .. } => Code::Internal,
        };
        let refusal = Self::new(error.to_string(), code);
        match error {
            E::NonPositiveReceiveAmount { min_send_amount: Some(minimum) } => {
                let amount = payments_model::payment_events::amount(minimum.value, &minimum.asset);
                refusal.with_details(json!({ "minSendAmount": amount }))
            }
            _ => refusal,
        }
    }
}

impl From<p::CreateOutgoingPaymentError> for Refusal {
    fn from(error: p::CreateOutgoingPaymentError) -> Self {
        use p::CreateOutgoingPaymentError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::UnknownWalletAddress | E::UnknownQuote => Code::NotFound,
            E::InactiveWalletAddress => Code::Inactive,
            E::InvalidQuote | E::Grant(GrantRefused::OnlyOneGrantAmountAllowed) => Code::BadUserInput,
            E::Grant(GrantRefused::InsufficientGrant) => Code::Forbidden,
            E::ReceiverAway | E::Grant(GrantRefused::InvalidInterval) | E::Quote(_) => Code::Internal,
        };
        match error {
            E::Quote(refused) => Self { details: None, ..refused.into() },
            _ => Self::new(error.to_string(), code),
        }
    }
}

impl From<p::FundOutgoingPaymentError> for Refusal {
    fn from(error: p::FundOutgoingPaymentError) -> Self {
        use p::FundOutgoingPaymentError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::Transfer(error) => return (*error).into(),
            E::UnknownPayment => Code::NotFound,
            E::WrongState => Code::Conflict,
            E::InvalidAmount => return TransferError::InvalidAmount.into(),
            E::DataTooLong => Code::BadUserInput,
        };
        Self::new(error.to_string(), code)
    }
}

impl From<a::LiquidityError> for Refusal {
    fn from(error: a::LiquidityError) -> Self {
        use a::LiquidityError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::Transfer(error) => return (*error).into(),
            E::AmountZero => Code::Forbidden,
            E::NoAccount => Code::Internal,
            E::AmountChanged { .. } => Code::Conflict,
            E::UnknownAsset
            | E::UnknownPeer
            | E::UnknownWalletAddress
            | E::UnknownIncomingPayment
            | E::UnknownOutgoingPayment => Code::NotFound,
        };
        Self::new(error.to_string(), code)
    }
}

impl From<peering::PeerByUrlError> for Refusal {
    fn from(error: peering::PeerByUrlError) -> Self {
        use peering::PeerByUrlError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::UnknownAsset | E::InvalidPeerUrl => Code::NotFound,
            E::InvalidIlpConfiguration | E::PeerUnsupportedAsset | E::InvalidPeeringRequest { .. } => {
                Code::BadUserInput
            }
            E::InvalidPeerIlpConfiguration | E::Liquidity(_) => Code::Internal,
        };
        let refusal = Self::new(error.to_string(), code);
        match error {
            E::InvalidPeeringRequest { reason } => refusal.with_details(json!({ "reason": reason })),
            E::Liquidity(reason) => refusal.with_details(json!({ "reason": reason.to_string() })),
            _ => refusal,
        }
    }
}

impl From<a::SettleError> for Refusal {
    fn from(error: a::SettleError) -> Self {
        match error {
            a::SettleError::Unavailable(cause) => Self::internal(&cause),
            a::SettleError::Transfer(error) => error.into(),
        }
    }
}

impl From<TransferError> for Refusal {
    fn from(error: TransferError) -> Self {
        use TransferError as E;
        let code = match error {
            E::AlreadyPosted | E::AlreadyVoided => Code::Conflict,
            E::InsufficientBalance
            | E::InsufficientDebitBalance
            | E::InsufficientLiquidity
            | E::NotExpected
            | E::DifferentAssets
            | E::SameAccounts
            | E::TransferExpired => Code::Forbidden,
            E::InvalidAmount
            | E::InvalidId
            | E::InvalidTimeout
            | E::InvalidSourceAmount
            | E::InvalidDestinationAmount => Code::BadUserInput,
            E::TransferExists => Code::Duplicate,
            E::UnknownTransfer | E::UnknownSourceAccount | E::UnknownDestinationAccount => Code::NotFound,
            E::UnknownError => Code::Internal,
        };
        Self::new(error.to_string(), code)
    }
}
