//! The routes, and the rules for every answer: headers, the origin of forms, sizes.
//!
//! Paths are those of the original console, so that links in runbooks keep working.

use std::future::Future;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use http::StatusCode;
use http_kit::{Access, Declared, ShutdownGate, SourceLimit, limit_guesses, read_body, refuse_while_draining};
use page_kit::{own_forms_only, strict_headers};
use shared_cache::TooMany;

use crate::base_path;
use crate::console::Console;
use crate::context::{Answer, Ctx, Problem};
use crate::files;
use crate::pages::{
    accounts, approvals, assets, audit, deliveries, export, fees, grants, health, home, import_addresses, incoming,
    ledger_check, liquidity, liquidity_overview, live, new_payment, outgoing, payments, peer_certificates, peer_terms,
    peers, preferences, provider, rates, saved_views, search, several, sign_in, tenants, wallet_addresses, wallet_keys,
    webhook_endpoints, webhook_events, webhook_signature,
};
use crate::posted::{FORM_MAX, Posted};

/// All routes of the console.
pub fn router(console: Console, gate: ShutdownGate) -> Router {
    let path = console.settings().base_path.clone();
    let limit = SourceLimit { limiter: console.limiter().clone(), rate: console.settings().sign_ins, refuse: too_many };

    let signing_in = Router::new()
        .declare("/sign-in", Access::Public, get(sign_in::page).post(sign_in::sign_in))
        .declare("/sign-in/one-click", Access::Public, post(sign_in::one_click))
        // Paths of the original console.
        .declare("/auth", Access::Public, get(async || Redirect::to("/sign-in")))
        .declare("/auth/login", Access::Public, get(async || Redirect::to("/sign-in")))
        .declare("/auth/recovery", Access::Public, get(async || Redirect::to("/sign-in")))
        .declare("/auth/manual-logout", Access::Public, get(async || Redirect::to("/")))
        .declare("/error", Access::Public, get(sign_in::failed_elsewhere))
        .declare("/errors", Access::Public, get(sign_in::failed_elsewhere))
        .declare("/sign-in/provider", Access::Public, get(provider::leave))
        .declare("/sign-in/callback", Access::Public, get(provider::back));

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

    let pages = Router::new()
        .merge(guarded)
        .layer(from_fn(own_forms_only))
        .layer(from_fn_with_state(gate, refuse_while_draining))
        .declare("/static/{version}/{name}", Access::Public, get(files::serve))
        .declare("/healthz", Access::Health, get(|| async { "OK" }))
        .layer(from_fn(strict_headers));
    base_path::below(&path, pages)
}

/// The pages about this console and its user.
fn own_pages() -> Router<Console> {
    Router::new()
        .declare("/", Access::Session, page(home::page))
        .declare("/sign-out", Access::Session, form(home::page, sign_in::sign_out))
        .declare("/preferences", Access::Session, form(preferences::page, preferences::save))
        .declare("/settings", Access::Session, get(async |_: Ctx| Redirect::to("/preferences")))
        .declare("/views", Access::Session, form(saved_views::page, saved_views::save))
        .declare("/search", Access::Session, page(search::page))
        .declare("/health", Access::Session, page(health::page))
        .declare("/audit", Access::Session, page(audit::page))
        .declare("/audit/export", Access::Session, page(audit::export))
        .declare("/live", Access::Session, page(live::stream))
        .declare("/export/{list}", Access::Session, page(export::export))
}

/// The pages of payments and quotes.
fn payment_pages() -> Router<Console> {
    Router::new()
        .declare("/payments", Access::Session, page(payments::list))
        .declare("/payments/create", Access::Session, form(new_payment::page, new_payment::create))
        .declare("/payments/quotes/{id}", Access::Session, form(new_payment::quote, new_payment::pay))
        .declare(
            "/payments/incoming/create",
            Access::Session,
            form(new_payment::incoming_page, new_payment::create_incoming),
        )
        .declare(
            "/payments/receivers/create",
            Access::Session,
            form(new_payment::receiver_page, new_payment::create_receiver),
        )
        .declare("/payments/incoming/{id}", Access::Session, page(incoming::page))
        .declare("/payments/incoming/{id}/{act}", Access::Session, form(incoming::act_page, incoming::act))
        .declare("/payments/outgoing/{id}", Access::Session, page(outgoing::page))
        .declare("/payments/outgoing/{id}/{act}", Access::Session, form(outgoing::act_page, outgoing::act))
}

/// The pages of assets and their fees.
fn asset_pages() -> Router<Console> {
    Router::new()
        .declare("/assets", Access::Session, page(assets::list))
        .declare("/assets/create", Access::Session, form(assets::create_page, assets::create))
        .declare("/assets/{id}", Access::Session, form(assets::page, assets::update))
        .declare("/assets/{id}/delete", Access::Session, form(assets::page, assets::delete))
        .declare("/assets/{id}/fee", Access::Session, form(fees::edit_page, fees::set))
        .declare("/assets/{id}/fee-history", Access::Session, page(fees::history))
        .declare(
            "/assets/{id}/deposit-liquidity",
            Access::Session,
            form(liquidity::asset_deposit_page, liquidity::asset_deposit),
        )
        .declare(
            "/assets/{id}/withdraw-liquidity",
            Access::Session,
            form(liquidity::asset_withdraw_page, liquidity::asset_withdraw),
        )
}

/// The pages of peers.
fn peer_pages() -> Router<Console> {
    Router::new()
        .declare("/rates", Access::Session, form(rates::page, rates::what_if))
        .declare("/rates/fetch", Access::Session, form(rates::page, rates::fetch))
        .declare("/peers", Access::Session, page(peers::list))
        .declare("/peers/create", Access::Session, form(peers::create_page, peers::create))
        .declare("/peers/by-url", Access::Session, form(peers::by_url_page, peers::by_url))
        .declare("/peers/{id}", Access::Session, form(peers::page, peers::update))
        .declare("/peers/{id}/http", Access::Session, form(peers::page, peers::update_http))
        .declare("/peers/{id}/start", Access::Session, page(peer_terms::start))
        .declare("/peers/{id}/limits", Access::Session, form(peer_terms::limits_page, peer_terms::set_limits))
        .declare("/peers/{id}/certificates", Access::Session, form(peer_certificates::page, peer_certificates::set))
        .declare(
            "/peers/{id}/certificates/remove",
            Access::Session,
            form(peer_certificates::page, peer_certificates::remove),
        )
        .declare("/peers/{id}/tokens/add", Access::Session, form(peer_terms::add_page, peer_terms::add))
        .declare("/peers/{id}/tokens/replace", Access::Session, form(peer_terms::replace_page, peer_terms::replace))
        .declare(
            "/peers/{id}/tokens/{token}/remove",
            Access::Session,
            form(peer_terms::remove_page, peer_terms::remove),
        )
        .declare("/peers/{id}/delete", Access::Session, form(peers::page, peers::delete))
        .declare(
            "/peers/{id}/deposit-liquidity",
            Access::Session,
            form(liquidity::peer_deposit_page, liquidity::peer_deposit),
        )
        .declare(
            "/peers/{id}/withdraw-liquidity",
            Access::Session,
            form(liquidity::peer_withdraw_page, liquidity::peer_withdraw),
        )
}

/// The pages of wallet addresses and their keys.
fn wallet_address_pages() -> Router<Console> {
    Router::new()
        .declare("/wallet-addresses", Access::Session, page(wallet_addresses::list))
        .declare(
            "/wallet-addresses/create",
            Access::Session,
            form(wallet_addresses::create_page, wallet_addresses::create),
        )
        .declare("/wallet-addresses/import", Access::Session, form(import_addresses::page, import_addresses::import))
        .declare(
            "/wallet-addresses/trigger-events",
            Access::Session,
            form(wallet_addresses::trigger_page, wallet_addresses::trigger),
        )
        .declare("/wallet-addresses/deactivate", Access::Session, form(several::deactivate_page, several::deactivate))
        .declare("/wallet-addresses/{id}", Access::Session, form(wallet_addresses::page, wallet_addresses::update))
        .declare("/wallet-addresses/{id}/test", Access::Session, form(wallet_addresses::page, wallet_addresses::test))
        .declare(
            "/wallet-addresses/{id}/properties",
            Access::Session,
            form(wallet_addresses::page, wallet_addresses::set_properties),
        )
        .declare(
            "/wallet-addresses/{id}/keys/create",
            Access::Session,
            form(wallet_keys::create_page, wallet_keys::create),
        )
        .declare(
            "/wallet-addresses/{id}/keys/{key}/revoke",
            Access::Session,
            form(wallet_keys::revoke_page, wallet_keys::revoke),
        )
        .declare(
            "/wallet-addresses/{id}/withdraw-liquidity",
            Access::Session,
            form(liquidity::wallet_address_page, liquidity::wallet_address),
        )
}

/// The pages of the ledger and of withdrawals that wait.
fn ledger_pages() -> Router<Console> {
    Router::new()
        .declare("/liquidity", Access::Session, page(liquidity_overview::page))
        .declare("/liquidity/withdraw-settled", Access::Session, form(several::withdraw_page, several::withdraw))
        .declare("/liquidity/pending/{id}", Access::Session, form(liquidity::pending_page, liquidity::decide))
        .declare("/ledger", Access::Session, page(accounts::list))
        .declare("/ledger/check", Access::Session, page(ledger_check::page))
        .declare("/ledger/{id}", Access::Session, page(accounts::page))
}

/// The pages of events, deliveries and endpoints.
fn webhook_pages() -> Router<Console> {
    Router::new()
        .declare("/webhook-events", Access::Session, page(webhook_events::list))
        .declare("/webhook-events/data", Access::Session, page(webhook_events::data))
        .declare("/webhooks/deliveries", Access::Session, page(deliveries::list))
        .declare("/webhooks/deliveries/several", Access::Session, form(several::resend_page, several::resend))
        .declare("/webhooks/signature", Access::Session, form(webhook_signature::page, webhook_signature::calculate))
        .declare("/webhooks/deliveries/{id}", Access::Session, form(deliveries::page, deliveries::resend_one))
        .declare("/webhooks/resend", Access::Session, form(deliveries::resend_page, deliveries::resend))
        .declare("/webhooks/endpoints", Access::Session, page(webhook_endpoints::list))
        .declare(
            "/webhooks/endpoints/create",
            Access::Session,
            form(webhook_endpoints::create_page, webhook_endpoints::create),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::update),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/pause",
            Access::Session,
            form(webhook_endpoints::list_of, webhook_endpoints::pause_all),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/resume",
            Access::Session,
            form(webhook_endpoints::list_of, webhook_endpoints::resume_all),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}/pause",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::pause),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}/resume",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::resume),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}/test",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::test),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}/secret",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::rotate),
        )
        .declare(
            "/webhooks/endpoints/{tenant}/{id}/delete",
            Access::Session,
            form(webhook_endpoints::page, webhook_endpoints::delete),
        )
}

/// The pages of grants.
fn grant_pages() -> Router<Console> {
    Router::new().declare("/grants", Access::Session, page(grants::list)).declare(
        "/grants/{id}",
        Access::Session,
        form(grants::page, grants::revoke),
    )
}

/// The pages of changes that wait for a second person.
fn approval_pages() -> Router<Console> {
    Router::new()
        .declare("/approvals", Access::Session, page(approvals::list))
        .declare("/approvals/{id}", Access::Session, page(approvals::page))
        .declare("/approvals/{id}/{decision}", Access::Session, form(approvals::decided_page, approvals::decide))
}

/// The pages of tenants.
fn tenant_pages() -> Router<Console> {
    Router::new()
        .declare("/tenants", Access::Session, page(tenants::list))
        .declare("/tenants/create", Access::Session, form(tenants::create_page, tenants::create))
        .declare("/tenants/{id}", Access::Session, form(tenants::page, tenants::update))
        .declare("/tenants/{id}/start", Access::Session, page(tenants::start))
        .declare(
            "/tenants/{id}/identity-provider",
            Access::Session,
            form(tenants::page, tenants::update_identity_provider),
        )
        .declare("/tenants/{id}/consent-test", Access::Session, form(tenants::page, tenants::test_consent))
        .declare("/tenants/{id}/secret", Access::Session, form(tenants::page, tenants::update_secret))
        .declare("/tenants/{id}/settings", Access::Session, form(tenants::page, tenants::update_settings))
        .declare("/tenants/{id}/delete", Access::Session, form(tenants::page, tenants::delete))
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
