//! The first of the operators' pages: what needs somebody, and where everything is.
//!
//! It changes nothing.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use crate::foreign_payments::ForeignPayment;
use crate::operators::{self, Answer, Income};

/// What the sums on this page are of.
const LATELY: Duration = Duration::from_hours(30 * 24);
/// The events that are looked through.
const EVENTS: u32 = 100;

#[derive(Template)]
#[template(path = "operator.html")]
struct Overview<'a> {
    f: &'a Frame,
    /// Events that were given up; `None` while the payments do not answer.
    dead: Option<u64>,
    /// Events of low liquidity of the last 30 days, and those of them for which nothing was deposited.
    low: u64,
    unanswered: u64,
    earned: Vec<Income>,
    /// Payments whose agreement does not pay from their account; `None` while the agreements do not answer.
    foreign: Option<Vec<ForeignPayment>>,
}

/// `GET /operator`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let (store, modules) = (&ctx.core().effects.store, &ctx.core().effects.modules);
    let f = ctx.frame("operator");
    let since = f.now.saturating_sub(LATELY);
    let mut low = operators::latest(store.database(), EVENTS).await?;
    low.retain(|(told, _)| told.told_at > since);
    let is_unanswered = |answer: &Answer| matches!(answer, Answer::Off | Answer::DayIsFull);
    let (dead, foreign) = tokio::try_join!(modules.payments.dead_events(), modules.agreements.foreign(since))?;
    let page = Overview {
        dead,
        foreign,
        unanswered: count(low.iter().filter(|(_, answer)| is_unanswered(answer)).count()),
        low: count(low.len()),
        earned: operators::sums(store.database(), since).await?,
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}

fn count(found: usize) -> u64 {
    u64::try_from(found).unwrap_or(u64::MAX)
}
