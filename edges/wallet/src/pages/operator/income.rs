//! The income from fees: by asset and day, in all, and whether the ledger says the same.
//!
//! The fees themselves are in `fees`.

use std::borrow::Borrow;
use std::fmt::Write;
use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use money::Asset;
use page_kit::{Words, html, numbers};

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use crate::effect_error::EffectError;
use crate::operators::{self, Income, IncomeDay};

/// The periods that can be chosen, in days.
const PERIODS: [u32; 4] = [7, 30, 90, 365];
const USUAL: u32 = 30;
const HOURS_OF_A_DAY: u64 = 24;

/// What one asset has earned since the beginning.
struct Total {
    asset: Asset,
    /// By the rows of payments.
    payments: u64,
    fees: u64,
    /// By the ledger, without a minus.
    ledger: u64,
}

impl Total {
    fn is_the_same(&self) -> bool {
        self.fees == self.ledger
    }
}

#[derive(Template)]
#[template(path = "operator_income.html")]
struct Shown<'a> {
    f: &'a Frame,
    periods: [u32; 4],
    chosen: u32,
    sums: Vec<Income>,
    days: Vec<IncomeDay>,
    totals: Vec<Total>,
}

impl Shown<'_> {
    fn is_chosen(&self, period: impl Borrow<u32>) -> bool {
        *period.borrow() == self.chosen
    }
}

fn chosen(ctx: &Ctx) -> u32 {
    let asked = ctx.reader.query.get("days").and_then(|days| days.parse().ok());
    asked.filter(|days| PERIODS.contains(days)).unwrap_or(USUAL)
}

/// The beginning of the first day of a period that ends today.
fn since(now: Timestamp, days: u32) -> Timestamp {
    let day = 86_400_000;
    let today = Timestamp::from_millis(now.as_millis().div_euclid(day).saturating_mul(day));
    today.saturating_sub(Duration::from_hours(u64::from(days.saturating_sub(1)) * HOURS_OF_A_DAY))
}

/// `GET /operator/income?days=`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let effects = &ctx.core().effects;
    let database = effects.store.database();
    let f = ctx.frame("operator");
    let chosen = chosen(&ctx);
    let since = since(f.now, chosen);
    let all = operators::sums(database, Timestamp::from_millis(0)).await?;
    let mut totals = Vec::new();
    for (asset, ledger) in effects.store.assets().await? {
        let ledger = effects.book.fee_income(ledger).await.map_err(EffectError::from)?;
        let earned = all.iter().find(|income| income.asset == asset);
        let (payments, fees) = earned.map_or((0, 0), |income| (income.payments, income.fees));
        totals.push(Total { asset, payments, fees, ledger: u64::try_from(ledger).unwrap_or(0) });
    }
    let page = Shown {
        f: &f,
        periods: PERIODS,
        chosen,
        sums: operators::sums(database, since).await?,
        days: operators::days(database, since).await?,
        totals,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `GET /operator/income.csv?days=`: the same days for other programs (RFC 4180).
pub(crate) async fn csv(ctx: Ctx) -> Result<Response, Problem> {
    let since = since(ctx.core().clock.now(), chosen(&ctx));
    let days = operators::days(ctx.core().effects.store.database(), since).await?;
    let mut text = "day,currency,payments,fees\r\n".to_owned();
    for IncomeDay { day, of } in &days {
        let day: String = day.to_string().chars().take("2026-01-01".len()).collect();
        let fees = numbers::input(of.fees, of.asset.scale, Words::English);
        let _ = write!(text, "{day},{},{},{fees}\r\n", of.asset.code, of.payments);
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"income.csv\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}
