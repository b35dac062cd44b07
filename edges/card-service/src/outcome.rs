//! The results of payment requests, and their HTTP answers.
//!
//! Status codes are the original's wherever its points of sale use them. All bodies have one form.

use admin_client::{AdminError, ErrorCode};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http_kit::RetryAfter;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use axum::http::StatusCode;

/// The final result of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The payment was funded.
    Approved,
    /// The cryptogram is wrong.
    InvalidSignature,
    /// The customer's institution refused.
    Declined { code: Declined, description: String },
    /// There was no decision in time. The payment was cancelled.
    TimedOut,
}

/// Why an institution refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Declined {
    /// The account-servicing entity refused.
    InvalidRequest,
    /// The wallet address does not exist here.
    UnknownWalletAddress,
    /// The wallet address is inactive.
    InactiveWalletAddress,
    /// The incoming payment does not exist, or accepts no money.
    InvalidReceiver,
    /// The incoming payment has another amount.
    AmountMismatch,
    /// Nothing of this amount would arrive.
    InvalidAmount,
    /// There is no exchange rate between the two currencies.
    NoRates,
    /// The card service may not pay from this wallet address.
    NotAllowed,
    /// The instance could not create the payment.
    CreationFailed,
    /// The payment was created and failed.
    PaymentFailed,
}

impl Declined {
    fn status(self) -> StatusCode {
        match self {
            Self::UnknownWalletAddress => StatusCode::NOT_FOUND,
            Self::CreationFailed | Self::NoRates | Self::NotAllowed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::InvalidRequest
            | Self::InactiveWalletAddress
            | Self::InvalidReceiver
            | Self::AmountMismatch
            | Self::InvalidAmount
            | Self::PaymentFailed => StatusCode::BAD_REQUEST,
        }
    }
}

impl Outcome {
    pub(crate) fn declined(code: Declined, description: impl Into<String>) -> Self {
        Self::Declined { code, description: description.into() }
    }

    /// The result that follows from a refusal of the Admin API.
    pub(crate) fn of_refusal(error: &AdminError) -> Self {
        let code = match error {
            error if error.is_about_rates() => Declined::NoRates,
            error if error.is_about_the_amount() => Declined::InvalidAmount,
            AdminError::Unauthorized | AdminError::Refused { code: ErrorCode::Forbidden, .. } => Declined::NotAllowed,
            AdminError::Refused { code: ErrorCode::Inactive, .. } => Declined::InactiveWalletAddress,
            AdminError::Refused { code: ErrorCode::BadUserInput | ErrorCode::NotFound, .. } => {
                Declined::InvalidReceiver
            }
            _ => Declined::CreationFailed,
        };
        Self::declined(code, error.to_string())
    }

    /// The answer to the point of sale.
    pub(crate) fn answer(&self, request_id: Uuid) -> Response {
        match self {
            Self::Approved => {
                let body = json!({"requestId": request_id, "result": {"code": "approved"}});
                (StatusCode::CREATED, Json(body)).into_response()
            }
            Self::InvalidSignature => {
                let result = json!({"code": "invalid_signature", "description": "Invalid card signature"});
                (StatusCode::CREATED, Json(json!({"requestId": request_id, "result": result}))).into_response()
            }
            Self::Declined { code, description } => refusal(code.status(), &json!(code), description, Retry::Never),
            Self::TimedOut => {
                let told = "no decision came in time; the payment was cancelled and will not be made";
                refusal(StatusCode::GATEWAY_TIMEOUT, &json!("timed_out"), told, Retry::Never)
            }
        }
    }
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It will fail again.
    Never,
    /// It may be sent again.
    Later,
}

/// A refusal in the common form.
pub(crate) fn refusal(
    status: StatusCode,
    code: &serde_json::Value,
    description: impl std::fmt::Display,
    retry: Retry,
) -> Response {
    let retryable = retry == Retry::Later;
    let body = json!({"error": {"code": code, "description": description.to_string(), "retryable": retryable}});
    if retryable {
        return (status, RetryAfter(std::time::Duration::from_secs(1)), Json(body)).into_response();
    }
    (status, Json(body)).into_response()
}
