//! The payer's institution: the payer's wallet address, and the card service that it names.
//!
//! Both URLs come from outside. They pass the address guard, with limits of time and size, and redirects are not
//! followed.

use std::sync::Arc;
use std::time::Duration;

use clock::Timestamp;
use http::{HeaderName, HeaderValue, StatusCode};
use http_signatures::Signer;
use outbound_http::{Outbound, OutboundError, Request, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::outcome::{Failed, Outcome};
use crate::wire::CardRequest;

/// Until when an answer can be used, in milliseconds since 1970.
const DEADLINE: HeaderName = HeaderName::from_static("rafiki-deadline");

/// A card service's final answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CardAnswer {
    /// The payment was funded.
    Approved,
    /// The payment will not be made.
    Refused(Outcome),
}

/// Why a card service gave no final answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    /// Requests to it are impossible.
    #[error("{0}")]
    Unusable(OutboundError),
    /// It may answer a later request.
    #[error("the card service did not decide: {0}")]
    AskAgain(String),
}

/// Sends requests to other institutions.
#[derive(Clone, Debug)]
pub(crate) struct PayerSide {
    pub(crate) http: Outbound,
    /// Signs requests to card services.
    pub(crate) signer: Option<Arc<Signer>>,
}

#[derive(Deserialize)]
struct AddressDocument {
    #[serde(rename = "cardService")]
    card_service: Option<Value>,
}

impl PayerSide {
    /// The card service of the payer's wallet address.
    pub(crate) async fn card_service(&self, wallet_address: &str) -> Result<String, Outcome> {
        let unreachable = |reason: String| {
            Outcome::failed(Failed::SenderUnreachable, format!("the payer's wallet address: {reason}"))
        };
        let url = Url::parse(wallet_address).map_err(|error| unreachable(error.to_string()))?;
        let response = self.http.send(Request::get(url)).await.map_err(|error| unreachable(error.to_string()))?;
        if !response.status.is_success() {
            return Err(unreachable(format!("answered {}", response.status)));
        }
        let document: AddressDocument = response.json().map_err(|error| unreachable(error.to_string()))?;
        let service = document.card_service.as_ref().and_then(Value::as_str).filter(|url| Url::parse(url).is_ok());
        service
            .map(str::to_owned)
            .ok_or_else(|| Outcome::failed(Failed::NoCardService, "the payer's wallet address names no card service"))
    }

    /// Sends a payment request, and waits for the answer for at most `wait`.
    pub(crate) async fn pay(
        &self,
        card_service: &str,
        request: &CardRequest<'_>,
        deadline: Timestamp,
        wait: Duration,
    ) -> Result<CardAnswer, Undecided> {
        let again = |reason: String| Undecided::AskAgain(reason);
        let url = format!("{}/payment", card_service.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| again(error.to_string()))?;
        let call = Request::post_json(url, request).map_err(|error| again(error.to_string()))?;
        let mut call = call.header(DEADLINE, HeaderValue::from(deadline.as_millis())).deadline(wait);
        if let Some(signer) = &self.signer {
            call = call.signed(Arc::clone(signer));
        }
        match self.http.send(call).await {
            Ok(response) => read(&response),
            Err(error) if error.is_transient() => Err(again(error.to_string())),
            Err(error) => Err(Undecided::Unusable(error)),
        }
    }
}

fn read(response: &Response) -> Result<CardAnswer, Undecided> {
    let body: Value = response.json().unwrap_or_default();
    let code = body["error"]["code"].as_str();
    let told = || {
        let description = body["error"]["description"].as_str().map(str::to_owned);
        description.unwrap_or_else(|| response.excerpt()).chars().take(500).collect::<String>()
    };
    match response.status {
        status if status.is_success() => match body["result"]["code"].as_str() {
            Some("approved") => Ok(CardAnswer::Approved),
            Some("invalid_signature") => Ok(CardAnswer::Refused(Outcome::InvalidSignature)),
            other => Ok(declined(format!("the card service answered {other:?}"))),
        },
        StatusCode::GATEWAY_TIMEOUT if code == Some("unknown") => Err(Undecided::AskAgain(told())),
        StatusCode::GATEWAY_TIMEOUT => {
            Ok(CardAnswer::Refused(Outcome::failed(Failed::IssuerTimeout, "the card service did not decide in time")))
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Err(Undecided::AskAgain(format!("{} {}", response.status, told())))
        }
        _ => Ok(declined(told())),
    }
}

fn declined(description: String) -> CardAnswer {
    CardAnswer::Refused(Outcome::failed(Failed::CardDeclined, description))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<CardAnswer, Undecided> {
        let body = bytes(body);
        read(&Response { status: StatusCode::from_u16(status).unwrap(), headers: http::HeaderMap::new(), body })
    }

    fn bytes(text: &str) -> axum::body::Bytes {
        axum::body::Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn the_answers_of_the_originals_card_service_are_understood() {
        let id = "5b6ad3f2-0e4e-4d6b-9d3b-0f1f5a3f6f4e";
        let approved = json!({"requestId": id, "result": {"code": "approved"}}).to_string();
        assert_eq!(answer(201, &approved).unwrap(), CardAnswer::Approved);
        let invalid = json!({"requestId": id,
            "result": {"code": "invalid_signature", "description": "Invalid card signature"}})
        .to_string();
        assert_eq!(answer(201, &invalid).unwrap(), CardAnswer::Refused(Outcome::InvalidSignature));
        let refused = json!({"error": {"code": "invalid_request", "description": "no"}}).to_string();
        assert_eq!(answer(400, &refused).unwrap(), declined("no".to_owned()));
        for (status, text) in [(404, "Not Found"), (500, "Internal Server Error"), (406, "Not Acceptable")] {
            assert_eq!(answer(status, text).unwrap(), declined(text.to_owned()));
        }
        let CardAnswer::Refused(Outcome::Failed { code, .. }) = answer(504, "Gateway Timeout").unwrap() else {
            panic!("a time-out")
        };
        assert_eq!(code, Failed::IssuerTimeout);
    }

    #[test]
    fn what_does_not_decide_is_asked_again() {
        let unknown = json!({"error": {"code": "unknown", "description": "not yet", "retryable": true}}).to_string();
        for (status, body) in [(504, unknown.as_str()), (503, "Server is in the process of restarting"), (429, "")] {
            assert!(matches!(answer(status, body), Err(Undecided::AskAgain(_))), "{status}");
        }
    }
}
