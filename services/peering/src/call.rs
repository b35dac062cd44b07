//! Sends one request to another node's peering URL.
//!
//! It does not judge the answer.

use std::time::Duration;

use auto_peering::{PeeringReply, PeeringRequest, Refusal};
use outbound_http::{Outbound, OutboundError, Request};
use payments_model::Secret;
use url::Url;

/// The time-out of a request.
const DEADLINE: Duration = Duration::from_secs(10);

/// The origin of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChosenBy {
    /// The operator chose it. It may name any host.
    Operator,
    /// A tenant chose it, so the address guard applies.
    Tenant,
}

/// Why a request was not granted.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no connection.
    Nobody,
    /// The node refused in the form of the protocol.
    Refused(Refusal),
    /// The status was a success, but the answer cannot be read.
    Unusable,
    /// Another error, as text for the log.
    Failed(String),
}

/// Sends the request to `url`; `proof` is a token of the existing peering.
pub(crate) async fn call(
    http: &Outbound,
    url: &Url,
    chosen_by: ChosenBy,
    request: &PeeringRequest,
    proof: Option<&Secret>,
) -> Result<PeeringReply, CallError> {
    let failed = |error: &dyn std::fmt::Display| CallError::Failed(error.to_string());
    let mut call = Request::post_json(url.clone(), &request.to_json()).map_err(|error| failed(&error))?;
    call = call.deadline(DEADLINE);

    if chosen_by == ChosenBy::Operator {
        call = call.configured();
    }
    if let Some(proof) = proof {
        call = call.authorization(&format!("Bearer {}", proof.expose()));
    }

    let answer = http.send(call).await.map_err(|error| match error {
        OutboundError::Connect { .. } => CallError::Nobody,
        other => failed(&other),
    })?;

    if answer.status.is_success() {
        return PeeringReply::parse(&answer.body).map_err(|_| CallError::Unusable);
    }
    match Refusal::parse(&answer.body) {
        Some(refusal) => Err(CallError::Refused(refusal)),
        None => Err(failed(&format!("status {}", answer.status))),
    }
}
