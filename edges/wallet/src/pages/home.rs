//! The first page: what there is, what can be done, and what happened last.
//! One account is in `account`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;

use super::context::{Ctx, Problem};
use super::frame::{Frame, Missing};
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
    /// How many requests for money are open, as far as it is known.
    open_requests: u64,
}

/// `GET /`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let accounts = ctx.customer.accounts().await?;
    let (wanted, payments) = (Wanted::default(), &ctx.core().effects.modules.payments);
    let (movements, open_requests) =
        tokio::try_join!(ctx.customer.movements(&wanted, LATEST), payments.open_requests(ctx.customer.user()))?;
    let mut f = ctx.frame("home").with_names(movements.names);
    if open_requests.is_none() {
        f.misses(Missing::OfPayments);
    }
    let days = days(&f, &movements.rows);
    let open_requests = open_requests.unwrap_or(0);
    Ok(html(StatusCode::OK, &Home { f: &f, accounts: &accounts, days: &days, open_requests }))
}
