//! The routes, and the rules for every answer: headers, the origin of forms, sizes.
//!
//! Paths are those of the original console, so that links in runbooks keep working.

use std::future::Future;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_kit::{ShutdownGate, SourceLimit, limit_guesses, read_body, refuse_while_draining};
use shared_cache::TooMany;

use crate::console::Console;
use crate::context::{Answer, Ctx, Problem};
use crate::files;
use crate::pages::{
    accounts, approvals, assets, audit, deliveries, export, fees, grants, home, incoming, ledger_check, liquidity,
    liquidity_overview, live, new_payment, outgoing, payments, peer_terms, peers, preferences, provider, saved_views,
    search, sign_in, tenants, wallet_addresses, wallet_keys, webhook_endpoints, webhook_events,
};
use crate::posted::{FORM_MAX, Posted};

/// Browsers run only our own files, and no other site may frame a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// All routes of the console.
pub fn router(console: Console, gate: ShutdownGate) -> Router {
    let limit = SourceLimit { limiter: console.limiter().clone(), rate: console.settings().sign_ins, refuse: too_many };

    let signing_in = Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-in/one-click", post(sign_in::one_click))
        .route("/sign-in/provider", get(provider::leave))
        .route("/sign-in/callback", get(provider::back));

    let pages = [
        own_pages(),
        payment_pages(),
        asset_pages(),
        peer_pages(),
        wallet_address_pages(),
        ledger_pages(),
        webhook_pages(),
        grant_pages(),
        approval_pages(),
        tenant_pages(),
    ]
    .into_iter()
    .fold(Router::new(), Router::merge);

    let guarded = limit_guesses(signing_in, limit)
        .merge(pages)
        .fallback(get(nothing_here))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(console);

    Router::new()
        .merge(guarded)
        .layer(from_fn(own_forms_only))
        .layer(from_fn_with_state(gate, refuse_while_draining))
        .route("/static/{version}/{name}", get(files::serve))
        .route("/healthz", get(|| async { "OK" }))
        .layer(from_fn(headers))
}

/// The pages about this console and its user.
fn own_pages() -> Router<Console> {
    Router::new()
        .route("/", page(home::page))
        .route("/sign-out", form(home::page, sign_in::sign_out))
        .route("/preferences", form(preferences::page, preferences::save))
        .route("/views", form(saved_views::page, saved_views::save))
        .route("/search", page(search::page))
        .route("/audit", page(audit::page))
        .route("/audit/export", page(audit::export))
        .route("/live", page(live::stream))
        .route("/export/{list}", page(export::export))
}

/// The pages of payments and quotes.
fn payment_pages() -> Router<Console> {
    Router::new()
        .route("/payments", page(payments::list))
        .route("/payments/create", form(new_payment::page, new_payment::create))
        .route("/payments/quotes/{id}", form(new_payment::quote, new_payment::pay))
        .route("/payments/incoming/create", form(new_payment::incoming_page, new_payment::create_incoming))
        .route("/payments/receivers/create", form(new_payment::receiver_page, new_payment::create_receiver))
        .route("/payments/incoming/{id}", page(incoming::page))
        .route("/payments/incoming/{id}/{act}", form(incoming::act_page, incoming::act))
        .route("/payments/outgoing/{id}", page(outgoing::page))
        .route("/payments/outgoing/{id}/{act}", form(outgoing::act_page, outgoing::act))
}

/// The pages of assets and their fees.
fn asset_pages() -> Router<Console> {
    Router::new()
        .route("/assets", page(assets::list))
        .route("/assets/create", form(assets::create_page, assets::create))
        .route("/assets/{id}", form(assets::page, assets::update))
        .route("/assets/{id}/delete", form(assets::page, assets::delete))
        .route("/assets/{id}/fee", form(fees::edit_page, fees::set))
        .route("/assets/{id}/fee-history", page(fees::history))
        .route("/assets/{id}/deposit-liquidity", form(liquidity::asset_deposit_page, liquidity::asset_deposit))
        .route("/assets/{id}/withdraw-liquidity", form(liquidity::asset_withdraw_page, liquidity::asset_withdraw))
}

/// The pages of peers.
fn peer_pages() -> Router<Console> {
    Router::new()
        .route("/peers", page(peers::list))
        .route("/peers/create", form(peers::create_page, peers::create))
        .route("/peers/by-url", form(peers::by_url_page, peers::by_url))
        .route("/peers/{id}", form(peers::page, peers::update))
        .route("/peers/{id}/http", form(peers::page, peers::update_http))
        .route("/peers/{id}/start", page(peer_terms::start))
        .route("/peers/{id}/limits", form(peer_terms::limits_page, peer_terms::set_limits))
        .route("/peers/{id}/tokens/add", form(peer_terms::add_page, peer_terms::add))
        .route("/peers/{id}/tokens/replace", form(peer_terms::replace_page, peer_terms::replace))
        .route("/peers/{id}/tokens/{token}/remove", form(peer_terms::remove_page, peer_terms::remove))
        .route("/peers/{id}/delete", form(peers::page, peers::delete))
        .route("/peers/{id}/deposit-liquidity", form(liquidity::peer_deposit_page, liquidity::peer_deposit))
        .route("/peers/{id}/withdraw-liquidity", form(liquidity::peer_withdraw_page, liquidity::peer_withdraw))
}

/// The pages of wallet addresses and their keys.
fn wallet_address_pages() -> Router<Console> {
    Router::new()
        .route("/wallet-addresses", page(wallet_addresses::list))
        .route("/wallet-addresses/create", form(wallet_addresses::create_page, wallet_addresses::create))
        .route("/wallet-addresses/trigger-events", form(wallet_addresses::trigger_page, wallet_addresses::trigger))
        .route("/wallet-addresses/{id}", form(wallet_addresses::page, wallet_addresses::update))
        .route("/wallet-addresses/{id}/properties", form(wallet_addresses::page, wallet_addresses::set_properties))
        .route("/wallet-addresses/{id}/keys/create", form(wallet_keys::create_page, wallet_keys::create))
        .route("/wallet-addresses/{id}/keys/{key}/revoke", form(wallet_keys::revoke_page, wallet_keys::revoke))
        .route(
            "/wallet-addresses/{id}/withdraw-liquidity",
            form(liquidity::wallet_address_page, liquidity::wallet_address),
        )
}

/// The pages of the ledger and of withdrawals that wait.
fn ledger_pages() -> Router<Console> {
    Router::new()
        .route("/liquidity", page(liquidity_overview::page))
        .route("/liquidity/pending/{id}", form(liquidity::pending_page, liquidity::decide))
        .route("/ledger", page(accounts::list))
        .route("/ledger/check", page(ledger_check::page))
        .route("/ledger/{id}", page(accounts::page))
}

/// The pages of events, deliveries and endpoints.
fn webhook_pages() -> Router<Console> {
    Router::new()
        .route("/webhook-events", page(webhook_events::list))
        .route("/webhook-events/data", page(webhook_events::data))
        .route("/webhooks/deliveries", page(deliveries::list))
        .route("/webhooks/deliveries/{id}", form(deliveries::page, deliveries::resend_one))
        .route("/webhooks/resend", form(deliveries::resend_page, deliveries::resend))
        .route("/webhooks/endpoints", page(webhook_endpoints::list))
        .route("/webhooks/endpoints/create", form(webhook_endpoints::create_page, webhook_endpoints::create))
        .route("/webhooks/endpoints/{tenant}/{id}", form(webhook_endpoints::page, webhook_endpoints::update))
        .route("/webhooks/endpoints/{tenant}/{id}/test", form(webhook_endpoints::page, webhook_endpoints::test))
        .route("/webhooks/endpoints/{tenant}/{id}/secret", form(webhook_endpoints::page, webhook_endpoints::rotate))
        .route("/webhooks/endpoints/{tenant}/{id}/delete", form(webhook_endpoints::page, webhook_endpoints::delete))
}

/// The pages of grants.
fn grant_pages() -> Router<Console> {
    Router::new().route("/grants", page(grants::list)).route("/grants/{id}", form(grants::page, grants::revoke))
}

/// The pages of changes that wait for a second person.
fn approval_pages() -> Router<Console> {
    Router::new()
        .route("/approvals", page(approvals::list))
        .route("/approvals/{id}", page(approvals::page))
        .route("/approvals/{id}/{decision}", form(approvals::decided_page, approvals::decide))
}

/// The pages of tenants.
fn tenant_pages() -> Router<Console> {
    Router::new()
        .route("/tenants", page(tenants::list))
        .route("/tenants/create", form(tenants::create_page, tenants::create))
        .route("/tenants/{id}", form(tenants::page, tenants::update))
        .route("/tenants/{id}/start", page(tenants::start))
        .route("/tenants/{id}/identity-provider", form(tenants::page, tenants::update_identity_provider))
        .route("/tenants/{id}/secret", form(tenants::page, tenants::update_secret))
        .route("/tenants/{id}/settings", form(tenants::page, tenants::update_settings))
        .route("/tenants/{id}/delete", form(tenants::page, tenants::delete))
}

/// A page without a form.
fn page<H, F>(handler: H) -> MethodRouter<Console>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    get(move |ctx: Ctx| async move {
        let answer = handler(ctx.clone()).await;
        ctx.answer(answer)
    })
}

/// A page with a form that is sent to the same address.
fn form<H, F, P, Q>(show: H, act: P) -> MethodRouter<Console>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    P: Fn(Ctx, Posted) -> Q + Clone + Send + Sync + 'static,
    Q: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    page(show).post(move |ctx: Ctx, body: Body| async move {
        let answer = match read_body(body, FORM_MAX).await {
            Err(error) => return error.into_response(),
            Ok(body) => match ctx.accept(Posted::read(&body)) {
                Ok(posted) => act(ctx.clone(), posted).await,
                Err(problem) => Err(problem),
            },
        };
        ctx.answer(answer)
    })
}

async fn nothing_here(ctx: Ctx) -> Response {
    ctx.answer(Err(Problem::NotFound("There is no such page.")))
}

fn too_many(refused: TooMany) -> Response {
    let wait = refused.retry_after.as_secs().max(1);
    let text = format!("Too many attempts to sign in from here. Try again in {wait} seconds.");
    (StatusCode::TOO_MANY_REQUESTS, [(http::header::RETRY_AFTER, wait.to_string())], text).into_response()
}

/// A form from another site is refused, whatever its content.
async fn own_forms_only(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !is_own(request.headers()) {
        return (StatusCode::FORBIDDEN, "This form was sent by another site, so nothing was done.").into_response();
    }
    next.run(request).await
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        // The client is a program, not a browser. It still needs the token of a form.
        _ => true,
    }
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
