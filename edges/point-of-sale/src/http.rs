//! The routes of the point of sale: presented cards, their results, lists, refunds, webhooks, health.
//!
//! Terminals sign their requests. No answer contains data of the tenant.

use admin_client::{AdminError, CardPayments, IncomingPaymentState, PageRequest};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::Timestamp;
use http_kit::{
    Access, ClientAddress, Declared, RetryAfter, ShutdownGate, SignedMessage, answers_in_time, open_to_every_origin,
    refuse_while_draining,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;
use web_url::WalletAddressUrl;

use crate::outcome::{answer, not_known_yet, refusal};
use crate::service::{PointOfSale, Received, RefundAsked};
use crate::store::{Again, Refund, StoredTap};
use crate::terminals::{Caller, NotBelieved};
use crate::wire::TapRequest;

const BODY_MAX: usize = 64 * 1024;
/// The longest page of a list.
const PAGE_MAX: u32 = 100;

/// The routes of `service`. The gate refuses requests while the process ends.
pub fn router(service: PointOfSale, gate: ShutdownGate) -> Router {
    let router = Router::new()
        .declare("/payment", Access::Terminal, post(pay))
        .declare("/payments", Access::Terminal, get(list))
        .declare("/payments/{id}", Access::Terminal, get(status))
        .declare("/payments/{id}/refund", Access::Terminal, post(refund))
        .declare("/totals", Access::Terminal, get(totals))
        .declare("/webhook", Access::Events, post(receive_event))
        .declare("/healthz", Access::Health, get(health))
        .layer(from_fn_with_state(gate, refuse_while_draining))
        .with_state(service);
    open_to_every_origin(router)
}

/// `POST /payment`: answered when it is certain whether the money has arrived.
async fn pay(State(service): State<PointOfSale>, from: ClientAddress, request: Request) -> Response {
    let source = from.source().to_string();
    if let Err(refused) = service.limiter().take(&service.settings().per_source, &source).await {
        let told = refusal(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", refused);
        return (RetryAfter(refused.retry_after), told).into_response();
    }

    let (message, caller) = match believed(&service, request).await {
        Ok(believed) => believed,
        Err(response) => return response,
    };

    let asked = match TapRequest::parse(&message.body) {
        Ok(asked) => asked,
        Err(reason) => return refusal(StatusCode::BAD_REQUEST, "invalid_request", reason),
    };
    if !caller.speaks_for(&asked.merchant()) {
        return foreign_merchant();
    }

    match service.receive(&asked, caller.terminal()).await {
        Ok(Received::Accepted) => {}
        Ok(Received::OtherContent) => {
            return refusal(StatusCode::CONFLICT, "request_id_reused", "requestId was used for another request");
        }
        Err(error) => return unavailable(&error),
    }

    match service.wait(asked.id()).await {
        Ok(Some(kept)) => match kept.outcome() {
            Some(outcome) => answer(outcome, kept.names()),
            None => not_known_yet(kept.names()),
        },
        Ok(None) => refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "send the same request again"),
        Err(error) => unavailable(&error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListQuery {
    receiver_wallet_address: Option<String>,
    sort_order: Option<String>,
    first: Option<u32>,
    last: Option<u32>,
    before: Option<String>,
    after: Option<String>,
    state: Option<IncomingPaymentState>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// `GET /payments`: the card payments to a wallet address, in pages. They may be restricted to a state and a period.
async fn list(State(service): State<PointOfSale>, request: Request) -> Response {
    let (caller, query) = match asked::<ListQuery>(&service, request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };

    let Some(address) = query.receiver_wallet_address.as_deref().and_then(normal) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", "receiverWalletAddress must be a wallet address");
    };
    if !caller.speaks_for(&address) {
        return foreign_merchant();
    }

    let is_order = query.sort_order.as_deref().is_none_or(|order| matches!(order, "ASC" | "DESC"));
    if !is_order || query.first.max(query.last).is_some_and(|size| size > PAGE_MAX) {
        let told = format!("sortOrder is ASC or DESC, first and last are at most {PAGE_MAX}");
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", told);
    }

    let page = PageRequest {
        first: query.first,
        last: query.last,
        after: query.after,
        before: query.before,
        sort_order: query.sort_order,
    };

    let wanted = CardPayments { state: query.state, from: query.from, to: query.to };
    match service.admin().card_incoming_payments(&address, &wanted, &page).await {
        Ok(page) => Json(json!({"result": page.payments, "pagination": page.page_info})).into_response(),
        Err(error @ AdminError::Refused { .. }) if !error.is_temporary() => {
            refusal(StatusCode::BAD_REQUEST, "invalid_request", error)
        }
        Err(error) => {
            tracing::error!(%error, "payments by card cannot be listed");
            refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the backend does not answer; send the request again",
            )
        }
    }
}

/// `GET /payments/{id}`: the result of a tap, by its own id or that of its incoming payment.
async fn status(State(service): State<PointOfSale>, Path(id): Path<String>, request: Request) -> Response {
    match own_tap(&service, &id, request).await {
        Ok(kept) => described(&kept),
        Err(response) => response,
    }
}

/// `POST /payments/{id}/refund`: pays the received amount back to the payer. A repetition shows its progress, and
/// starts a refund again that has failed without paying anything.
async fn refund(State(service): State<PointOfSale>, Path(id): Path<String>, request: Request) -> Response {
    let kept = match own_tap(&service, &id, request).await {
        Ok(kept) => kept,
        Err(response) => return response,
    };
    match service.ask_refund(&kept).await {
        Ok(RefundAsked::Accepted) => match service.store().find(kept.id).await {
            Ok(Some(kept)) => (StatusCode::ACCEPTED, described(&kept)).into_response(),
            Ok(None) => unknown_tap(),
            Err(error) => unavailable(&error),
        },
        Ok(RefundAsked::NotPaid) => {
            refusal(StatusCode::CONFLICT, "not_paid", "only a payment that was approved can be refunded")
        }
        Err(error) => unavailable(&error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TotalsQuery {
    receiver_wallet_address: String,
    from: Timestamp,
    to: Option<Timestamp>,
}

/// `GET /totals`: a merchant's totals between two times, by asset and result. Without an end the period is one day.
async fn totals(State(service): State<PointOfSale>, request: Request) -> Response {
    let (caller, query) = match asked::<TotalsQuery>(&service, request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let Some(merchant) = normal(&query.receiver_wallet_address) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", "receiverWalletAddress must be a wallet address");
    };
    if !caller.speaks_for(&merchant) {
        return foreign_merchant();
    }
    let to = query.to.unwrap_or(query.from + Duration::from_hours(24));
    match service.store().totals(&merchant, query.from, to).await {
        Ok(totals) => {
            let body = json!({"receiverWalletAddress": merchant, "from": query.from, "to": to, "totals": totals});
            Json(body).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /webhook`: an incoming payment ended. The worker of its tap reads its state. Other events are accepted, too.
async fn receive_event(State(service): State<PointOfSale>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let event = match http_kit::read_event(&service.settings().events, &head, body, service.wall()).await {
        Ok(event) => event,
        Err(refused) => return refused.into_response(),
    };
    let incoming = event.body["data"]["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let looked = match incoming.filter(|_| event.kind.starts_with("incoming_payment.")) {
        Some(incoming) => service.look(incoming).await,
        None => Ok(()),
    };
    match looked {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `GET /healthz`
async fn health(State(service): State<PointOfSale>) -> Response {
    answers_in_time(service.ping()).await
}

/// The request and its sender.
async fn believed(service: &PointOfSale, request: Request) -> Result<(SignedMessage, Caller), Response> {
    let terminals = &service.settings().terminals;
    let message = SignedMessage::read(request, terminals.origin(), BODY_MAX).await;
    let message = message.map_err(IntoResponse::into_response)?;
    match terminals.caller(service.store().database(), &message, service.wall()).await {
        Ok(caller) => Ok((message, caller)),
        Err(NotBelieved::Store(error)) => Err(unavailable(&error)),
        Err(error) => Err(refusal(StatusCode::UNAUTHORIZED, "invalid_terminal_signature", error)),
    }
}

/// The sender of a request, and its query. Nobody is told what is wrong with a query before it is known who asks.
async fn asked<Q: DeserializeOwned>(service: &PointOfSale, request: Request) -> Result<(Caller, Q), Response> {
    let query = Query::<Q>::try_from_uri(request.uri());
    let (_, caller) = believed(service, request).await?;
    let Query(query) = query.map_err(|error| refusal(StatusCode::BAD_REQUEST, "invalid_request", error.body_text()))?;
    Ok((caller, query))
}

/// The tap with this id, if the caller may see it.
async fn own_tap(service: &PointOfSale, id: &str, request: Request) -> Result<StoredTap, Response> {
    let (_, caller) = believed(service, request).await?;
    let Ok(id) = Uuid::try_parse(id) else { return Err(unknown_tap()) };
    let store = service.store();
    let found = match store.find(id).await {
        Ok(Some(kept)) => Ok(Some(kept)),
        Ok(None) => store.find_by_incoming_payment(id).await,
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| unavailable(&error))?;
    found.filter(|kept| caller.speaks_for(&kept.merchant)).ok_or_else(unknown_tap)
}

fn described(kept: &StoredTap) -> Response {
    let mut body = json!({
        "requestId": kept.id, "incomingPaymentId": kept.incoming_payment, "amount": kept.request.amount,
        "senderWalletAddress": kept.request.sender_wallet_address, "receiverWalletAddress": kept.merchant,
        "state": kept.outcome().map_or("pending", crate::outcome::Outcome::name),
    });
    if let Some(crate::outcome::Outcome::Failed { code, description }) = kept.outcome() {
        body["error"] = json!({"code": code, "description": description});
    }
    if let Some(refund) = &kept.refund {
        body["refund"] = json!({"state": refund.name()});
        if let Refund::Failed { reason, again } = refund {
            body["refund"]["reason"] = Value::from(reason.as_str());
            body["refund"]["retryable"] = Value::from(*again == Again::Yes);
        }
    }
    Json(body).into_response()
}

fn normal(address: &str) -> Option<String> {
    address.parse::<WalletAddressUrl>().ok().map(|address| address.as_str().to_owned())
}

fn unknown_tap() -> Response {
    refusal(StatusCode::NOT_FOUND, "unknown_payment", "there is no such payment")
}

fn foreign_merchant() -> Response {
    refusal(StatusCode::FORBIDDEN, "foreign_merchant", "this terminal is registered for another wallet address")
}

fn unavailable(error: &database::Error) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "a terminal was not served");
    let told = "the point of sale cannot reach its database; send the same request again";
    refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", told)
}
