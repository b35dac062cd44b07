//! How a presented card ended, and how that is said to a terminal.
//!
//! Who sends what the original's terminals send gets, when it went well, what the original answers.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_kit::RetryAfter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How it ended, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The whole amount has arrived.
    Approved,
    /// The chip's signature does not hold.
    InvalidSignature,
    /// Nothing was paid, or what was paid goes back.
    Failed { code: Failed, description: String },
}

/// Why nothing was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failed {
    /// The payer's wallet address does not answer, or is none.
    SenderUnreachable,
    /// The payer's institution pays by no cards.
    NoCardService,
    /// The payee's wallet address is none of this institution.
    UnknownReceiver,
    /// This institution does not take the payment as it is asked for.
    InvalidRequest,
    /// The payer's institution refused.
    CardDeclined,
    /// The payer's institution did not decide in time.
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

    /// What the person at the terminal may do.
    fn advice(self) -> &'static str {
        match self {
            Self::SenderUnreachable | Self::IssuerTimeout | Self::SettlementTimeout => "present the card again",
            Self::NoCardService | Self::CardDeclined => "pay in another way",
            Self::UnknownReceiver | Self::InvalidRequest => "set the terminal right",
        }
    }
}

impl Outcome {
    pub(crate) fn failed(code: Failed, description: impl Into<String>) -> Self {
        Self::Failed { code, description: description.into() }
    }

    /// The name under which it is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::InvalidSignature => "invalid_signature",
            Self::Failed { .. } => "failed",
        }
    }
}

/// What names a presentation in answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) id: Uuid,
    pub(crate) incoming_payment: Option<Uuid>,
    /// Whether the terminal knows of these names, or is one of the original's.
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

/// The answer while it is not known how it ends.
pub(crate) fn not_known_yet(names: Names) -> Response {
    let description = "it is not known yet whether the payment is made; send the same request again, or ask the URL in \
                       Location";
    let mut body = json!({"error": {"code": "unknown", "description": description, "retryable": true}});
    names.add_to(&mut body);
    let wait = RetryAfter(Duration::from_secs(1));
    names.with_location((StatusCode::GATEWAY_TIMEOUT, wait, Json(body)).into_response())
}

/// A refusal before anything was written down.
pub(crate) fn refusal(status: StatusCode, code: &str, description: impl std::fmt::Display) -> Response {
    let retryable = status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS;
    let body = json!({"error": {"code": code, "description": description.to_string(), "retryable": retryable}});
    if retryable {
        return (status, RetryAfter(Duration::from_secs(1)), Json(body)).into_response();
    }
    (status, Json(body)).into_response()
}
