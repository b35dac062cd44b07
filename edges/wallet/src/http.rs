//! The wallet's machine paths: webhooks, rates, balances, health; and one page that says what this is.
//!
//! No login: balances are served in the playground only.

use admin_signature::{Signature, canonical};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use outside_text::{Bounds, check_json, check_line};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::inbox::ReceivedEvent;
use crate::wallet::{Unsigned, Wallet, WebhookVerification};

const BODY_MAX: usize = 1024 * 1024;

/// The longest name of a type of event.
const KIND_MAX: usize = 255;

/// The HTTP surface of `wallet`.
pub fn router(wallet: Wallet) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/webhooks", post(receive_webhook))
        .route("/rates", get(rates))
        .route("/balances", get(balances))
        .route("/healthz", get(|| async { "OK" }))
        .with_state(wallet)
}

/// `POST /webhooks`: 200 once the event is written down, 401 for a bad signature, 400 for a body that is no event,
/// 503 if it cannot be written down (the instance then repeats it).
async fn receive_webhook(State(wallet): State<Wallet>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match http_kit::read_body(body, BODY_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is not JSON").into_response();
    };
    let signature = head.headers.get("rafiki-signature").and_then(|value| value.to_str().ok());
    if let Err(reason) = verify(&wallet, signature, &body) {
        tracing::warn!(
            reason,
            "webhook refused with 401; SIGNATURE_SECRET and SIGNATURE_VERSION of the backend must be \
             WEBHOOK_SIGNATURE_SECRET (without it SIGNATURE_SECRET) and WEBHOOK_SIGNATURE_VERSION here"
        );
        return (StatusCode::UNAUTHORIZED, reason).into_response();
    }
    if let Err(unfit) = check_json("body", &body, Bounds::EVENT) {
        return (StatusCode::BAD_REQUEST, unfit.to_string()).into_response();
    }
    let Some(event) = read(body) else {
        return (StatusCode::BAD_REQUEST, "an event has an id (UUID), a type and data").into_response();
    };
    match wallet.inbox().receive(event).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "webhook not written down");
            (StatusCode::SERVICE_UNAVAILABLE, "not written down; send it again").into_response()
        }
    }
}

fn verify(wallet: &Wallet, signature: Option<&str>, body: &Value) -> Result<(), String> {
    let WebhookVerification { secret, version, tolerance, unsigned } = wallet.verification();
    let header = match (signature, unsigned) {
        (Some(header), _) => header,
        (None, Unsigned::Refused) => return Err("the header Rafiki-Signature is missing".to_owned()),
        (None, Unsigned::Believed) => {
            tracing::warn!(
                "a webhook without a signature is believed, because this is development; set SIGNATURE_SECRET at the \
                 backend, and WEBHOOK_SIGNATURE_SECRET here, to the same value"
            );
            return Ok(());
        }
    };
    // Only the three members of an event are signed, whatever else a body carries.
    let mut signed = serde_json::Map::new();
    for name in ["data", "id", "type"] {
        if let Some(value) = body.get(name) {
            signed.insert(name.to_owned(), value.clone());
        }
    }
    let canonical = canonical(&Value::Object(signed));
    Signature::parse(header, *version)
        .and_then(|signature| signature.verify(secret, wallet.clock().now(), *tolerance, &canonical))
        .map_err(|error| error.to_string())
}

fn read(body: Value) -> Option<ReceivedEvent> {
    let id = Uuid::try_parse(body.get("id")?.as_str()?).ok()?;
    let kind = body.get("type")?.as_str().filter(|kind| check_line(kind, KIND_MAX).is_ok())?.to_owned();
    body.get("data")?.as_object()?;
    Some(ReceivedEvent { id, kind, body })
}

/// `GET /`: a page for a person who opens the address in a browser.
async fn page(State(wallet): State<Wallet>) -> Html<String> {
    let name = escaped(wallet.display_name());
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title><h1>{name}</h1>\
         <p>The account-servicing entity of an Interledger instance. It has no pages for customers yet; programs use \
         its paths:</p><ul><li><a href=\"/balances\">/balances</a>: the accounts of the playground</li>\
         <li><a href=\"/rates?base=USD\">/rates?base=USD</a>: exchange rates</li>\
         <li><a href=\"/healthz\">/healthz</a>: whether it is well</li>\
         <li>/webhooks: takes the events of the instance</li></ul></html>\n"
    ))
}

/// Text as it may stand in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[derive(Deserialize)]
struct RatesQuery {
    base: Option<String>,
}

/// `GET /rates?base=USD`
async fn rates(State(wallet): State<Wallet>, Query(query): Query<RatesQuery>) -> Response {
    let base = query.base.unwrap_or_else(|| "USD".to_owned());
    match serde_json::to_string(&wallet.rates().of(&base)) {
        Ok(document) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// One account in `GET /balances`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BalanceDocument {
    id: Uuid,
    name: String,
    #[serde(rename = "walletAddressID")]
    wallet_address_id: Option<Uuid>,
    wallet_address: Option<String>,
    balance: String,
    held: String,
    asset_code: String,
    asset_scale: u8,
}

/// `GET /balances`
async fn balances(State(wallet): State<Wallet>) -> Response {
    match wallet.balances().await {
        Ok(balances) => {
            let documents: Vec<BalanceDocument> = balances
                .into_iter()
                .map(|(account, balance)| BalanceDocument {
                    id: account.id,
                    name: account.name,
                    wallet_address_id: account.wallet_address_id,
                    wallet_address: account.wallet_address_url,
                    balance: balance.posted.to_string(),
                    held: balance.held.to_string(),
                    asset_code: account.asset.code.to_string(),
                    asset_scale: account.asset.scale,
                })
                .collect();
            Json(documents).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "balances cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
