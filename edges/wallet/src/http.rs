//! The wallet's machine paths: webhooks, balances, health; and the pages, or one page that says that there are none. Rates
//! are served by `rates-service`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_kit::{Access, Declared, ServiceCallers};
use serde::Serialize;
use uuid::Uuid;

use crate::pages;
use crate::wallet::Wallet;

/// The routes of `wallet`. Rates are for these callers.
pub fn router(wallet: Wallet, rates: ServiceCallers) -> Router {
    let pages = match wallet.pages() {
        Some(core) if wallet.links().runs().users => pages::router(Arc::clone(core)),
        _ => Router::new().declare("/", Access::Public, get(page)).with_state(wallet.clone()),
    };
    let health = Router::new().declare("/healthz", Access::Health, get(|| async { "OK" }));
    let runs = wallet.links().runs();
    if !runs.accounts && !runs.payments {
        return health.merge(pages);
    }
    let rates = rates_service::http::router(wallet.rates().clone(), rates);
    // Where customers reach the pages, nobody may read the balances of all of them.
    let balances = match wallet.pages() {
        Some(core) if !core.settings.playground => Router::new(),
        _ if !runs.accounts => Router::new(),
        _ => Router::new().declare("/balances", Access::Machine, get(balances)),
    };
    let webhooks = if runs.payments {
        Router::new().declare("/webhooks", Access::Events, post(receive_webhook))
    } else {
        Router::new()
    };
    webhooks.merge(balances).with_state(wallet).merge(health).merge(rates).merge(pages)
}

/// `POST /webhooks`: 200 once the event is stored, 401 for a wrong signature, 400 for an invalid body, 503 if it cannot
/// be stored (the instance then repeats it).
async fn receive_webhook(State(wallet): State<Wallet>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let event = match http_kit::read_event(wallet.verification(), &head, body, wallet.clock().wall()).await {
        Ok(event) => event,
        Err(refused) => return refused.into_response(),
    };
    match wallet.inbox().receive(event).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a webhook was not stored");
            (StatusCode::SERVICE_UNAVAILABLE, "not stored; send it again").into_response()
        }
    }
}

/// `GET /`: a page for a person who opens the address in a browser.
async fn page(State(wallet): State<Wallet>) -> Html<String> {
    let name = escaped(wallet.display_name());
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title><h1>{name}</h1>\
         <p>The account-servicing entity of an Interledger instance. It has no pages for customers here; programs use \
         its paths:</p><ul><li><a href=\"/balances\">/balances</a>: the accounts of the playground</li>\
         <li><a href=\"/rates?base=USD\">/rates?base=USD</a>: exchange rates</li>\
         <li><a href=\"/healthz\">/healthz</a>: whether it works</li>\
         <li>/webhooks: receives the events of the instance</li></ul></html>\n"
    ))
}

/// Escapes text for a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
