//! The routes of the card service: payment requests, their results, webhooks, health.
//!
//! They are public, because points of sale belong to other institutions.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clock::Timestamp;
use http_kit::{
    Access, ClientAddress, Declared, RetryAfter, ShutdownGate, SignedMessage, answers_in_time, open_to_every_origin,
    refuse_while_draining,
};
use serde_json::{Value, json};
use shared_cache::TooMany;
use uuid::Uuid;

use crate::callers::NotBelieved;
use crate::outcome::{Retry, refusal};
use crate::requests::{CardService, Received};
use crate::wire::PaymentRequest;

const BODY_MAX: usize = 64 * 1024;
/// Until when the point of sale can use an answer, in milliseconds since 1970.
const DEADLINE: &str = "rafiki-deadline";

/// The routes of `service`. The gate refuses requests while the process ends.
pub fn router(service: CardService, gate: ShutdownGate) -> Router {
    let router = Router::new()
        .declare("/payment", Access::PointOfSale, post(pay))
        .declare("/payment/{id}", Access::PointOfSale, get(status))
        .declare("/webhook", Access::Events, post(receive_event))
        .declare("/healthz", Access::Health, get(health))
        .layer(from_fn_with_state(gate, refuse_while_draining))
        .with_state(service);
    open_to_every_origin(router)
}

/// `POST /payment`: answered when the account-servicing entity has decided, or after the time-out.
async fn pay(State(service): State<CardService>, from: ClientAddress, request: Request) -> Response {
    let settings = service.settings();
    if !accepts_json(request.headers()) {
        return refusal(StatusCode::NOT_ACCEPTABLE, &json!("not_acceptable"), "answers are JSON", Retry::Never);
    }

    let message = match SignedMessage::read(request, settings.callers.origin(), BODY_MAX).await {
        Ok(message) => message,
        Err(error) => return error.into_response(),
    };

    let asked = match PaymentRequest::parse(&message.body) {
        Ok(asked) => asked,
        Err(reason) => return refusal(StatusCode::BAD_REQUEST, &json!("invalid_request"), reason, Retry::Never),
    };

    if let Err(refused) = service.count_source(&from.source().to_string()).await {
        return too_many(refused);
    }

    let now = service.wall();
    if let Err(error) = settings.callers.check(&message, &asked, now).await {
        return not_believed(&error);
    }
    // Only now: nobody uses up the requests of a card holder with requests that are refused.
    if let Err(refused) = service.count_payer(&asked).await {
        return too_many(refused);
    }
    let known = match service.store().find(asked.request_id).await {
        Ok(known) => known.is_some(),
        Err(error) => return unavailable(&error),
    };
    if !known && !asked.is_fresh(now, settings.timestamp_tolerance) {
        let told = "timestamp is too far from now; compare the clocks, or present the card again";
        return refusal(StatusCode::BAD_REQUEST, &json!("stale_request"), told, Retry::Never);
    }

    match service.receive(&asked, deadline(&message.headers)).await {
        Ok(Received::Accepted) => {}
        Ok(Received::OtherContent) => {
            let told = "requestId was used for another request";
            return refusal(StatusCode::CONFLICT, &json!("request_id_reused"), told, Retry::Never);
        }
        Err(error) => return unavailable(&error),
    }

    answer_when_settled(&service, asked.request_id).await
}

/// `GET /payment/{id}`: the result of a request; 202 while there is none.
async fn status(State(service): State<CardService>, Path(id): Path<Uuid>, request: Request) -> Response {
    let settings = service.settings();
    let message = match SignedMessage::read(request, settings.callers.origin(), BODY_MAX).await {
        Ok(message) => message,
        Err(error) => return error.into_response(),
    };
    // Strangers are not told which requests there are.
    if let Err(error) = settings.callers.demand_signature(&message) {
        return not_believed(&error);
    }
    let kept = match service.store().find(id).await {
        Ok(Some(kept)) => kept,
        Ok(None) => {
            return refusal(StatusCode::NOT_FOUND, &json!("unknown_request"), "no such request", Retry::Never);
        }
        Err(error) => return unavailable(&error),
    };
    if let Err(error) = settings.callers.check(&message, &kept.request, service.wall()).await {
        return not_believed(&error);
    }
    match kept.outcome() {
        Some(outcome) => outcome.answer(id),
        None => (StatusCode::ACCEPTED, axum::Json(json!({"requestId": id, "state": "pending"}))).into_response(),
    }
}

/// `POST /webhook`: the payment of a request was funded or cancelled. The worker reads its state.
async fn receive_event(State(service): State<CardService>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let event = match http_kit::read_event(&service.settings().events, &head, body, service.wall()).await {
        Ok(event) => event,
        Err(refused) => return refused.into_response(),
    };
    if !matches!(event.kind.as_str(), "outgoing_payment.funded" | "outgoing_payment.cancelled") {
        return (StatusCode::BAD_REQUEST, "events are outgoing_payment.funded and outgoing_payment.cancelled")
            .into_response();
    }
    let Some(request_id) = request_of(&event.body["data"]) else {
        return (StatusCode::BAD_REQUEST, "data has an id and cardDetails with a requestId, both UUIDs")
            .into_response();
    };
    match service.look(request_id).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => unavailable(&error),
    }
}

fn request_of(data: &Value) -> Option<Uuid> {
    Uuid::try_parse(data["id"].as_str()?).ok()?;
    let reason = &data["metadata"]["cardPaymentFailureReason"];
    let known = reason.is_null() || matches!(reason.as_str(), Some("invalid_signature" | "invalid_request"));
    Uuid::try_parse(data["cardDetails"]["requestId"].as_str().filter(|_| known)?).ok()
}

/// `GET /healthz`
async fn health(State(service): State<CardService>) -> Response {
    answers_in_time(service.ping()).await
}

async fn answer_when_settled(service: &CardService, request_id: Uuid) -> Response {
    match service.wait(request_id).await {
        Ok(Some(outcome)) => outcome.answer(request_id),
        Ok(None) => {
            let told = "it is not known yet whether the payment is made; send the same request again, or ask \
                        GET /payment/{requestId}";
            refusal(StatusCode::GATEWAY_TIMEOUT, &json!("unknown"), told, Retry::Later)
        }
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &database::Error) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "a card request was not handled");
    let told = "the card service cannot reach its database; send the same request again";
    refusal(StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"), told, Retry::Later)
}

fn too_many(refused: TooMany) -> Response {
    let told = refusal(StatusCode::TOO_MANY_REQUESTS, &json!("too_many_requests"), refused, Retry::Later);
    (RetryAfter(refused.retry_after), told).into_response()
}

fn not_believed(error: &NotBelieved) -> Response {
    refusal(StatusCode::UNAUTHORIZED, &json!("invalid_point_of_sale_signature"), error, Retry::Never)
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(header::ACCEPT) else { return true };
    let accept = accept.to_str().unwrap_or_default();
    let ranges = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    ranges.into_iter().any(|range| matches!(range, "*/*" | "application/*" | "application/json"))
}

fn deadline(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DEADLINE)?.to_str().ok()?.parse().ok().map(Timestamp::from_millis)
}
