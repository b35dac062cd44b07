//! Refusals as HTTP answers: the one place where they get a status (open-payments section 3).

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_kit::BodyError;
use open_payments::{ErrorBody, ErrorDetail, InvalidRequest, Metadata, PageRequestError};
use serde_json::Value;

use crate::backend::{
    BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError,
    CreateQuoteError,
};

/// An answer that is not the one hoped for.
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
    /// Outside of it: what never reached an operation, and faults of this side.
    Plain(StatusCode, &'static str),
}

impl ApiError {
    pub(crate) const NOT_FOUND: Self = Self::Plain(StatusCode::NOT_FOUND, "Not Found");
    pub(crate) const BAD_REQUEST: Self = Self::Plain(StatusCode::BAD_REQUEST, "Bad Request");
    const INTERNAL: Self = Self::Plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

    pub(crate) fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self::Told { status, description: description.into(), details: None, challenge: None }
    }

    /// A request that does not fit its description in the specification.
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

impl From<PageRequestError> for ApiError {
    fn from(error: PageRequestError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<BackendError> for ApiError {
    fn from(error: BackendError) -> Self {
        tracing::error!(%error, "an Open Payments request could not be answered");
        Self::INTERNAL
    }
}

impl From<CreateIncomingPaymentError> for ApiError {
    fn from(error: CreateIncomingPaymentError) -> Self {
        use CreateIncomingPaymentError as Error;
        let status = match error {
            Error::InvalidExpiry | Error::InvalidAmount | Error::InactiveWalletAddress => StatusCode::BAD_REQUEST,
            Error::UnknownWalletAddress => StatusCode::NOT_FOUND,
            Error::ActionNotPerformed => StatusCode::FORBIDDEN,
            Error::Backend(error) => return error.into(),
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
            Error::Backend(error) => return error.into(),
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
            Error::NoPath(reason) => {
                tracing::warn!(%reason, "a quote found no path to its receiver");
                Self::new(StatusCode::BAD_GATEWAY, "no path to the receiver")
            }
            Error::Backend(error) => error.into(),
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
            Error::UnderWay => StatusCode::CONFLICT,
            // The grant, not the server, is at fault: it cannot allow any payment.
            Error::InsufficientGrant | Error::OnlyOneGrantAmountAllowed | Error::InvalidInterval => {
                StatusCode::FORBIDDEN
            }
            Error::Backend(error) => return error.into(),
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
                let mut response =
                    (status, Json(ErrorBody { error: ErrorDetail { code, description, details } })).into_response();
                if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, value);
                }
                response
            }
        }
    }
}
