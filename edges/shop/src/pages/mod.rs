//! The pages of the shop: catalogue, checkout, orders, and the desk of its owner.
//!
//! They work without scripts; one follows payments that are under way. What they do is in `till` and `subscriptions`.

mod context;
mod counter;
mod desk;
mod frame;
mod order;
mod pointer;

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::RETRY_AFTER;
use http_kit::{Access, Declared, SourceLimit, limit_guesses, limit_requests};
use page_kit::{BASE_STYLE, File, Kind, own_forms_only, strict_headers};
use shared_cache::{Rate, TooMany};

use crate::Shop;

/// Orders of one source. Each costs rows, and several requests to wallets that a stranger names.
const ORDERS: Rate = Rate { name: "shop-orders", at_most: Some(60), within: Duration::from_mins(1) };
/// Wrong passwords of one source.
const PASSWORDS: Rate = Rate { name: "shop-passwords", at_most: Some(10), within: Duration::from_mins(1) };

/// The files of the pages.
const FILES: [File; 4] = [
    BASE_STYLE,
    File { name: "shop.css", kind: Kind::Style, text: include_str!("../../static/shop.css") },
    File { name: "shop.js", kind: Kind::Script, text: include_str!("../../static/shop.js") },
    File { name: "icon.svg", kind: Kind::Picture, text: include_str!("../../static/icon.svg") },
];

/// All routes of a shop.
pub fn router(shop: Shop) -> Router {
    let limit = |rate| SourceLimit { limiter: shop.0.limiter.clone(), rate, refuse: too_many };
    let ordering = Router::new().declare("/buy/{slug}", Access::Public, post(counter::buy)).declare(
        "/orders/{id}/ask",
        Access::Owner,
        post(order::ask_again),
    );
    let desk = Router::new()
        .declare("/desk", Access::Session, get(desk::list))
        .declare("/desk/{id}", Access::Session, get(desk::page))
        .declare("/desk/{id}/refund", Access::Session, post(desk::refund))
        .declare("/desk/{id}/back", Access::Session, get(desk::back));

    Router::new()
        .declare("/", Access::Public, get(counter::catalogue))
        .declare("/buy/{slug}", Access::Public, get(counter::form))
        .declare("/language", Access::Public, get(counter::language))
        .declare("/orders", Access::Public, get(order::list))
        .declare("/orders/{id}", Access::Owner, get(order::page))
        .declare("/orders/{id}/back", Access::Owner, get(order::back))
        .declare("/orders/{id}/end", Access::Owner, post(order::end))
        .merge(limit_requests(ordering, limit(ORDERS)))
        .merge(limit_guesses(desk, limit(PASSWORDS)))
        .declare("/static/{version}/{name}", Access::Public, get(context::serve))
        .layer(from_fn(own_forms_only))
        .layer(from_fn(strict_headers))
        .declare("/healthz", Access::Health, get(|| async { "OK" }))
        .with_state(shop)
}

fn too_many(refused: TooMany) -> Response {
    let wait = refused.retry_after.as_secs() + 1;
    let text = format!("This was asked for too often from here, so nothing was done. Try again in {wait} seconds.");
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait.to_string())], text).into_response()
}
