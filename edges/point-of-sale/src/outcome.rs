//! The results of presented cards, and the answers to terminals.
//!
//! A terminal of the original gets the original's answers to successful requests.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_kit::RetryAfter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// The final result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The whole amount has arrived.
    Approved,
    /// The cryptogram is wrong.
    InvalidSignature,
    /// Nothing was paid, or the paid part is refunded.
    Failed { code: Failed, description: String },
}

/// Why nothing was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failed {
    /// The payer's wallet address does not answer, or does not exist.
    SenderUnreachable,
    /// The payer's institution has no card service.
    NoCardService,
    /// The payee's wallet address does not belong to this institution.
    UnknownReceiver,
    /// This institution refused the payment.
    InvalidRequest,
    /// The payer's institution refused.
    CardDeclined,
    /// The payer's institution did not answer in time.
    IssuerTimeout,
    /// The payer's institution approved, and the money did not arrive in time.
    SettlementTimeout,
}

impl Failed {
    fn status(self) -> StatusCode {
        match self {
            Self::SenderUnreachable => StatusCode::BAD_GATEWAY,
            Self::NoCardService | Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::UnknownReceiver => StatusCode::NOT_FOUND,
            Self::CardDeclined => StatusCode::PAYMENT_REQUIRED,
            Self::IssuerTimeout | Self::SettlementTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Advice for the person at the terminal.
    fn advice(self) -> &'static str {
        match self {
            Self::SenderUnreachable | Self::IssuerTimeout | Self::SettlementTimeout => "present the card again",
            Self::NoCardService | Self::CardDeclined => "pay in another way",
            Self::UnknownReceiver | Self::InvalidRequest => "check the terminal's settings",
        }
    }
}

impl Outcome {
    pub(crate) fn failed(code: Failed, description: impl Into<String>) -> Self {
        Self::Failed { code, description: description.into() }
    }

    /// Its name in metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::InvalidSignature => "invalid_signature",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The ids of a tap in answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) id: Uuid,
    pub(crate) incoming_payment: Option<Uuid>,
    /// Whether the terminal knows these ids. Terminals of the original do not.
    pub(crate) given_by_terminal: bool,
}

impl Names {
    fn add_to(self, body: &mut Value) {
        body["requestId"] = json!(self.id);
        if let Some(incoming) = self.incoming_payment {
            body["incomingPaymentId"] = json!(incoming);
        }
    }

    fn with_location(self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        let id = self.id.to_string();
        for (name, value) in
            [(header::LOCATION, format!("/payments/{id}")), (HeaderName::from_static("rafiki-request-id"), id.clone())]
        {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The answer to the terminal.
pub(crate) fn answer(outcome: &Outcome, names: Names) -> Response {
    let result = |code: &str| {
        let mut body = json!({"result": {"code": code}});
        if names.given_by_terminal {
            names.add_to(&mut body);
        }
        Json(body).into_response()
    };
    names.with_location(match outcome {
        Outcome::Approved => result("approved"),
        Outcome::InvalidSignature => result("invalid_signature"),
        Outcome::Failed { code, description } => {
            let advice = code.advice();
            let mut body =
                json!({"error": {"code": code, "description": description, "retryable": false, "advice": advice}});
            names.add_to(&mut body);
            (code.status(), Json(body)).into_response()
        }
    })
}

/// The answer while there is no result.
pub(crate) fn not_known_yet(names: Names) -> Response {
    let description = "it is not known yet whether the payment is made; send the same request again, or ask the URL in \
                       Location";
    let mut body = json!({"error": {"code": "unknown", "description": description, "retryable": true}});
    names.add_to(&mut body);
    let wait = RetryAfter(Duration::from_secs(1));
    names.with_location((StatusCode::GATEWAY_TIMEOUT, wait, Json(body)).into_response())
}

/// A refusal before anything was stored.
pub(crate) fn refusal(status: StatusCode, code: &str, description: impl std::fmt::Display) -> Response {
    let retryable = status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS;
    let body = json!({"error": {"code": code, "description": description.to_string(), "retryable": retryable}});
    if retryable {
        return (status, RetryAfter(Duration::from_secs(1)), Json(body)).into_response();
    }
    (status, Json(body)).into_response()
}
