//! The first page: what there is, what can be done, and what happened last.
//! One account is in `account`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;

use super::context::{Ctx, Problem};
use super::frame::Frame;
use super::history::{Day, days};
use crate::customers::Held;
use crate::history::Wanted;

/// The most movements on this page.
const LATEST: u32 = 10;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    f: &'a Frame,
    accounts: &'a [Held],
    days: &'a [Day],
    /// How many requests for money are open.
    open_requests: u64,
}

/// `GET /`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let accounts = ctx.customer.accounts().await?;
    let movements = ctx.customer.movements(&Wanted::default(), LATEST).await?;
    let core = ctx.core();
    let open_requests = core.effects.modules.payments.open_requests(ctx.customer.user()).await?;
    let f = ctx.frame("home");
    let days = days(&f, &movements);
    Ok(html(StatusCode::OK, &Home { f: &f, accounts: &accounts, days: &days, open_requests }))
}
