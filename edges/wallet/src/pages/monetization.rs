//! Web monetization of one account: what to write into one's pages, and what visitors have streamed.
//!
//! Money that comes for a request or another incoming payment is in the history.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;

use super::account::{Address, address};
use super::context::{Ctx, Problem};
use super::frame::Frame;
use crate::customers::Held;
use crate::days::{self, DAY};
use crate::history::StreamedDay;

/// Today, and the days before it.
const DAYS: u32 = 30;

#[derive(Template)]
#[template(path = "monetization.html")]
struct Shown<'a> {
    f: &'a Frame,
    held: &'a Held,
    address: Address,
    /// The element for a page.
    link: String,
    days: &'a [StreamedDay],
    /// How often, how much, and how much each time.
    total: Option<(u64, u64, u64)>,
}

/// `GET /accounts/{id}/monetization`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let held = ctx.customer.account(ctx.id()?).await?.ok_or(Problem::NotFound)?;
    let address = address(&held).ok_or(Problem::NotFound)?;
    let f = ctx.frame("home");
    let days =
        ctx.customer.streamed(held.account.id, days::beginning_of(f.now.saturating_sub(DAY * (DAYS - 1)))).await?;
    let page = Shown {
        link: format!("<link rel=\"monetization\" href=\"{}\">", address.url),
        total: total_with_average_rounded_down(&days),
        days: &days,
        held: &held,
        address,
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}

fn total_with_average_rounded_down(days: &[StreamedDay]) -> Option<(u64, u64, u64)> {
    let times = days.iter().map(|day| day.times).fold(0, u64::saturating_add);
    let sum = days.iter().map(|day| day.sum).fold(0, u64::saturating_add);
    Some((times, sum, sum.checked_div(times)?))
}
