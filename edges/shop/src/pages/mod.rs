//! The pages of the shop: catalogue, checkout, orders, and the desk of its owner.
//!
//! They work without scripts; one follows payments that are under way. What they do is in `till` and `subscriptions`.

mod context;
mod counter;
mod desk;
mod frame;
mod order;
mod pointer;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use http_kit::{Access, Declared};
use page_kit::{BASE_STYLE, File, Kind, own_forms_only, strict_headers};

use crate::Shop;

/// The files of the pages.
const FILES: [File; 4] = [
    BASE_STYLE,
    File { name: "shop.css", kind: Kind::Style, text: include_str!("../../static/shop.css") },
    File { name: "shop.js", kind: Kind::Script, text: include_str!("../../static/shop.js") },
    File { name: "icon.svg", kind: Kind::Picture, text: include_str!("../../static/icon.svg") },
];

/// All routes of a shop.
pub fn router(shop: Shop) -> Router {
    Router::new()
        .declare("/", Access::Public, get(counter::catalogue))
        .declare("/buy/{slug}", Access::Public, get(counter::form).post(counter::buy))
        .declare("/language", Access::Public, get(counter::language))
        .declare("/orders", Access::Public, get(order::list))
        .declare("/orders/{id}", Access::Owner, get(order::page))
        .declare("/orders/{id}/ask", Access::Owner, post(order::ask_again))
        .declare("/orders/{id}/back", Access::Owner, get(order::back))
        .declare("/orders/{id}/end", Access::Owner, post(order::end))
        .declare("/desk", Access::Session, get(desk::list))
        .declare("/desk/{id}", Access::Session, get(desk::page))
        .declare("/desk/{id}/refund", Access::Session, post(desk::refund))
        .declare("/desk/{id}/back", Access::Session, get(desk::back))
        .declare("/static/{version}/{name}", Access::Public, get(context::serve))
        .layer(from_fn(own_forms_only))
        .layer(from_fn(strict_headers))
        .declare("/healthz", Access::Health, get(|| async { "OK" }))
        .with_state(shop)
}
