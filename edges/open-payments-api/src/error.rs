//! Refusals as HTTP answers. Only this file maps them to a status.
//!
//! The form is that of the Open Payments specification. The crate `payments` decides what is refused.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_kit::{BodyError, RetryAfter, WrongGuess};
use open_payments::{ErrorBody, ErrorDetail, InvalidRequest, Metadata, PageRequestError};
use payments::{
    CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError, CreateQuoteError, Unavailable,
};
use serde_json::Value;
use shared_cache::TooMany;
use token_introspection::Refusal;

/// The message for a token that is not active.
pub(crate) const INACTIVE_TOKEN: &str = "Inactive Token";

/// A source sends wrong tokens or signatures too often.
pub(crate) fn too_many(refused: TooMany) -> Response {
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, refused.to_string());
    (RetryAfter(refused.retry_after), error).into_response()
}

/// An answer other than success.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// In the JSON shape of the API.
    Told {
        status: StatusCode,
        description: String,
        details: Option<Metadata>,
        /// The value of `WWW-Authenticate`.
        challenge: Option<String>,
    },
    /// In plain text: the request never reached an operation, or the fault is on this side.
    Plain(StatusCode, &'static str),
}

impl ApiError {
    pub(crate) const NOT_FOUND: Self = Self::Plain(StatusCode::NOT_FOUND, "Not Found");
    pub(crate) const BAD_REQUEST: Self = Self::Plain(StatusCode::BAD_REQUEST, "Bad Request");

    pub(crate) fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self::Told { status, description: description.into(), details: None, challenge: None }
    }

    /// An internal error: it is logged, and its cause is not shown to the client.
    pub(crate) fn fault(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "an Open Payments request could not be answered");
        Self::Plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    /// A request that does not match the specification.
    pub(crate) fn invalid(status: StatusCode, problem: &str) -> Self {
        Self::new(status, format!("Received error validating OpenAPI request: {problem}"))
    }

    pub(crate) fn with(self, name: &str, value: impl Into<Value>) -> Self {
        match self {
            Self::Told { status, description, details, challenge } => {
                let mut details = details.unwrap_or_default();
                details.insert(name.to_owned(), value.into());
                Self::Told { status, description, details: Some(details), challenge }
            }
            plain @ Self::Plain(..) => plain,
        }
    }

    pub(crate) fn challenging(self, value: String) -> Self {
        match self {
            Self::Told { status, description, details, .. } => {
                Self::Told { status, description, details, challenge: Some(value) }
            }
            plain @ Self::Plain(..) => plain,
        }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::Plain(error.status(), "request entity too large"),
            BodyError::TooSlow => Self::Plain(error.status(), "Request Timeout"),
            BodyError::Broken => Self::BAD_REQUEST,
        }
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, &error.to_string())
    }
}

impl From<Refusal> for ApiError {
    /// A token of OAuth 2.0 is not accepted. The challenges are those of RFC 6750 section 3.
    fn from(refusal: Refusal) -> Self {
        let refused = Self::new(refusal.status(), refusal.to_string());
        match refusal {
            Refusal::Malformed | Refusal::Unavailable => refused,
            Refusal::Missing => refused.challenging("Bearer".to_owned()),
            Refusal::InvalidToken => refused.challenging("Bearer error=\"invalid_token\"".to_owned()),
            Refusal::InsufficientScope => refused.challenging("Bearer error=\"insufficient_scope\"".to_owned()),
        }
    }
}

impl From<PageRequestError> for ApiError {
    fn from(error: PageRequestError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        Self::fault(error)
    }
}

impl From<CreateIncomingPaymentError> for ApiError {
    fn from(error: CreateIncomingPaymentError) -> Self {
        use CreateIncomingPaymentError as Error;
        let status = match error {
            Error::InvalidExpiry | Error::InvalidAmount | Error::InactiveWalletAddress => StatusCode::BAD_REQUEST,
            Error::UnknownWalletAddress => StatusCode::NOT_FOUND,
            Error::ActionNotPerformed => StatusCode::FORBIDDEN,
            Error::Unavailable(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

impl From<CompleteIncomingPaymentError> for ApiError {
    fn from(error: CompleteIncomingPaymentError) -> Self {
        use CompleteIncomingPaymentError as Error;
        let status = match error {
            Error::UnknownPayment => StatusCode::NOT_FOUND,
            Error::WrongState => StatusCode::CONFLICT,
            Error::Unavailable(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

impl From<CreateQuoteError> for ApiError {
    fn from(error: CreateQuoteError) -> Self {
        use CreateQuoteError as Error;
        let description = error.to_string();
        match error {
            Error::UnknownWalletAddress => Self::new(StatusCode::NOT_FOUND, description),
            Error::InactiveWalletAddress | Error::InvalidAmount | Error::InvalidReceiver => {
                Self::new(StatusCode::BAD_REQUEST, description)
            }
            Error::NonPositiveReceiveAmount { min_send_amount } => {
                let refused = Self::new(StatusCode::BAD_REQUEST, description);
                match min_send_amount.map(|least| serde_json::to_value(open_payments::Amount::from(least))) {
                    Some(Ok(least)) => refused.with("minSendAmount", least),
                    _ => refused,
                }
            }
            Error::CouldNotFetchRates => Self::new(StatusCode::INTERNAL_SERVER_ERROR, description),
            Error::ReceiverAway => Self::new(StatusCode::BAD_GATEWAY, description),
            Error::TenantsNotPeered | Error::Path { .. } => {
                tracing::warn!(reason = description, "a quote found no path to its receiver");
                Self::new(StatusCode::BAD_GATEWAY, "no path to the receiver")
            }
            Error::Unavailable(error) => error.into(),
        }
    }
}

impl From<CreateOutgoingPaymentError> for ApiError {
    fn from(error: CreateOutgoingPaymentError) -> Self {
        use CreateOutgoingPaymentError as Error;
        let status = match error {
            Error::Quote(CreateQuoteError::NonPositiveReceiveAmount { .. }) => {
                return Self::new(StatusCode::BAD_REQUEST, "negative receive amount");
            }
            Error::Quote(error) => return error.into(),
            Error::UnknownWalletAddress | Error::UnknownQuote => StatusCode::NOT_FOUND,
            Error::InactiveWalletAddress | Error::InvalidQuote => StatusCode::BAD_REQUEST,
            Error::ReceiverAway => StatusCode::BAD_GATEWAY,
            // The fault is in the grant: it cannot allow any payment.
            Error::Grant(_) => StatusCode::FORBIDDEN,
            Error::Unavailable(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Plain(status, text) => (status, text).into_response(),
            Self::Told { status, description, details, challenge } => {
                let code = status.as_str().to_owned();
                let is_guess = status == StatusCode::UNAUTHORIZED || description == INACTIVE_TOKEN;
                let mut response =
                    (status, Json(ErrorBody { error: ErrorDetail { code, description, details } })).into_response();
                if is_guess {
                    response.extensions_mut().insert(WrongGuess);
                }
                if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, value);
                }
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use money::{Asset, AssetAmount};
    use payments_model::accounting::TransferError;
    use payments_model::grant_limits::GrantRefused;
    use serde_json::json;

    use super::*;

    /// Status, description and details for the client.
    fn told(error: impl Into<ApiError>) -> (u16, String, Option<Metadata>) {
        match error.into() {
            ApiError::Told { status, description, details, .. } => (status.as_u16(), description, details),
            ApiError::Plain(status, text) => (status.as_u16(), text.to_owned(), None),
        }
    }

    fn shown(status: u16, description: &str) -> (u16, String, Option<Metadata>) {
        (status, description.to_owned(), None)
    }

    fn unavailable() -> Unavailable {
        Unavailable::Refused { what: "a transfer", error: TransferError::InvalidId }
    }

    #[test]
    fn every_refusal_to_create_an_incoming_payment_has_its_status() {
        use CreateIncomingPaymentError as Refusal;
        for (refusal, status, description) in [
            (Refusal::InvalidExpiry, 400, "invalid expiresAt"),
            (Refusal::InvalidAmount, 400, "invalid amount"),
            (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
            (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
            (Refusal::ActionNotPerformed, 403, "action not performed"),
            (Refusal::Unavailable(unavailable()), 500, "Internal Server Error"),
        ] {
            assert_eq!(told(refusal), shown(status, description));
        }
    }

    #[test]
    fn every_refusal_to_complete_an_incoming_payment_has_its_status() {
        use CompleteIncomingPaymentError as Refusal;
        assert_eq!(told(Refusal::UnknownPayment), shown(404, "unknown payment"));
        assert_eq!(told(Refusal::WrongState), shown(409, "wrong state"));
    }

    #[test]
    fn every_refusal_to_quote_has_its_status() {
        use CreateQuoteError as Refusal;
        for (refusal, status, description) in [
            (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
            (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
            (Refusal::InvalidAmount, 400, "invalid amount"),
            (Refusal::InvalidReceiver, 400, "invalid receiver"),
            (Refusal::ReceiverAway, 502, "the receiver's institution does not answer now; try again later"),
            (Refusal::CouldNotFetchRates, 500, "could not convert between assets"),
            (Refusal::Path { code: "RateProbeFailed".into() }, 502, "no path to the receiver"),
            (Refusal::TenantsNotPeered, 502, "no path to the receiver"),
        ] {
            assert_eq!(told(refusal), shown(status, description));
        }
        let min_send_amount = Some(AssetAmount { value: 12, asset: Asset::new("USD", 2).unwrap() });
        let (status, description, details) = told(Refusal::NonPositiveReceiveAmount { min_send_amount });
        assert_eq!((status, &*description), (400, "non-positive receive amount; send at least 0.12 USD"));
        let least = json!({"value": "12", "assetCode": "USD", "assetScale": 2});
        assert_eq!(Value::from(details.unwrap()), json!({"minSendAmount": least}));
    }

    #[test]
    fn every_refusal_to_pay_has_its_status() {
        use CreateOutgoingPaymentError as Refusal;
        let nothing = CreateQuoteError::NonPositiveReceiveAmount { min_send_amount: None };
        for (refusal, status, description) in [
            (Refusal::Quote(CreateQuoteError::InvalidReceiver), 400, "invalid receiver"),
            (Refusal::Quote(nothing), 400, "negative receive amount"),
            (Refusal::UnknownWalletAddress, 404, "unknown wallet address"),
            (Refusal::InactiveWalletAddress, 400, "inactive wallet address"),
            (Refusal::UnknownQuote, 404, "unknown quote"),
            (Refusal::InvalidQuote, 400, "invalid quote"),
            (Refusal::ReceiverAway, 502, "the receiver's institution does not answer now; try again later"),
            (Refusal::Grant(GrantRefused::InsufficientGrant), 403, "unauthorized"),
            (
                Refusal::Grant(GrantRefused::OnlyOneGrantAmountAllowed),
                403,
                "only one of receiveAmount or debitAmount allowed",
            ),
            (Refusal::Grant(GrantRefused::InvalidInterval), 403, "invalid interval"),
        ] {
            assert_eq!(told(refusal), shown(status, description));
        }
    }
}
