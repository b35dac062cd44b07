//! The listener that the other processes of the wallet call: questions to the modules of this process, their pages, and
//! whether the other modules answer.
//!
//! Every caller proves who it is. Browsers come through the process of the users, which passes their requests on.

use std::mem;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_kit::{Access, Declared, Need, ServiceCallers, parse_json_body, read_body, refuse_browsers, require_service};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::modules::{Module, Port, answer_of};
use crate::pages;
use crate::wallet::Wallet;

/// The most octets of a question.
const QUESTION_MAX: usize = 1024 * 1024;

/// The routes of the modules of this process. Callers prove who they are to each.
pub fn router(wallet: &Wallet, modules: impl IntoIterator<Item = (Module, ServiceCallers)>) -> Router {
    let mut all = Router::new();
    let mut rest = Router::new().declare("/ready", Access::Service, get(ready));
    for (module, callers) in modules {
        let own = mem::take(&mut rest).with_state(wallet.clone()).merge(of(wallet, module));
        let wanted = module.wanted();
        let need = Need { service: wanted.service, scopes: wanted.scopes };
        all = all.merge(require_service(own, callers, need));
    }
    refuse_browsers(all.declare("/healthz", Access::Health, get(|| async { "OK" })))
}

/// The questions to a module, and its pages.
fn of(wallet: &Wallet, module: Module) -> Router {
    let asked = match module {
        Module::Users => Router::new().declare("/modules/users", Access::Service, post(users)),
        Module::Agreements => Router::new().declare("/modules/agreements", Access::Service, post(agreements)),
        Module::Accounts => Router::new().declare("/modules/accounts", Access::Service, post(accounts)),
        Module::Payments => Router::new().declare("/modules/payments", Access::Service, post(payments)),
    };
    let pages = match wallet.pages() {
        // Its pages are on the public listener.
        None => Router::new(),
        Some(_) if module == Module::Users => Router::new(),
        Some(core) => pages::behind_the_front(Arc::clone(core), module),
    };
    asked.with_state(wallet.clone()).merge(pages)
}

/// `POST /modules/users`
async fn users(State(wallet): State<Wallet>, body: Body) -> Response {
    answer(&wallet.modules().users.0, body).await
}

/// `POST /modules/agreements`
async fn agreements(State(wallet): State<Wallet>, body: Body) -> Response {
    answer(&wallet.modules().agreements.0, body).await
}

/// `POST /modules/accounts`
async fn accounts(State(wallet): State<Wallet>, body: Body) -> Response {
    answer(&wallet.modules().accounts.0, body).await
}

/// `POST /modules/payments`
async fn payments(State(wallet): State<Wallet>, body: Body) -> Response {
    answer(&wallet.modules().payments.0, body).await
}

/// 200 with the answer, 400 for what is no question, 502 if the instance did not answer, 503 if this module could not.
async fn answer<Q: DeserializeOwned>(port: &Port<Q>, body: Body) -> Response {
    let Port::Here(module) = port else { return StatusCode::NOT_FOUND.into_response() };
    let body = match read_body(body, QUESTION_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    match parse_json_body(&body) {
        Err(unfit) => (StatusCode::BAD_REQUEST, unfit).into_response(),
        Ok(asked) => {
            let (status, answer) = answer_of(module.answer(asked).await);
            (status, Json(answer)).into_response()
        }
    }
}

/// Whether the other modules answer.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    away: Vec<Away>,
}

#[derive(Debug, Serialize)]
struct Away {
    module: &'static str,
    reason: String,
}

/// `GET /ready`: 200, or 503 with the modules that do not answer.
async fn ready(State(wallet): State<Wallet>) -> Response {
    let mut away = Vec::new();
    for module in Module::ALL {
        let Some(link) = wallet.links().to(module) else { continue };
        if let Err(error) = link.is_there().await {
            away.push(Away { module: module.as_str(), reason: error.to_string() });
        }
    }
    let ready = away.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, away })).into_response()
}
