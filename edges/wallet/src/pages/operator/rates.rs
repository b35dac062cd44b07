//! The exchange rates that this wallet serves: where they come from, since when, what an amount would be, and whether the
//! instance uses the same.

use askama::Template;
use axum::response::Response;
use clock::Timestamp;
use http::StatusCode;
use money::Asset;
use page_kit::{html, numbers};

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use super::if_told;

/// One rate.
struct Rate {
    base: String,
    quote: String,
    /// As it is written for people; `None` if one of both does not have it.
    served: Option<String>,
    used: Option<Used>,
}

/// A rate that the instance uses.
struct Used {
    rate: String,
    since: Timestamp,
    until: Timestamp,
    is_the_same: bool,
}

impl Rate {
    /// Whether the instance has another rate than the one that is served now.
    fn differs(&self) -> bool {
        self.used.as_ref().is_some_and(|used| !used.is_the_same)
    }
}

/// An amount in another currency.
struct Converted {
    from: String,
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "operator_rates.html")]
struct Shown<'a> {
    f: &'a Frame,
    since: Timestamp,
    /// What the instance says about its source; `None` if it does not tell.
    source: Option<String>,
    rates: Vec<Rate>,
    assets: Vec<(String, Asset)>,
    from: &'a str,
    to: &'a str,
    amount: &'a str,
    converted: Option<Converted>,
    error: Option<&'static str>,
}

impl Shown<'_> {
    #[expect(clippy::unused_self, reason = "templates call methods of the page")]
    fn is(&self, one: &str, other: &str) -> bool {
        one == other
    }
}

/// `GET /operator/rates?from=&to=&amount=`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let core = ctx.core();
    let words = ctx.reader.words;
    let book = core.rates.book().await;
    let mut rates: Vec<Rate> = book
        .rates()
        .map(|(base, quote, rate)| Rate {
            base: base.to_owned(),
            quote: quote.to_owned(),
            served: Some(numbers::rate_text(&rate.to_string(), words)),
            used: None,
        })
        .collect();

    let told = if_told(core.effects.admin.exchange_rates(None).await).flatten();
    for table in told.iter().flat_map(|told| &told.tables) {
        for used in &table.rates {
            let served = book.rate(&table.base, &used.asset_code);
            let is_the_same = served.is_some_and(|served| used.rate.parse().is_ok_and(|rate| *served == rate));
            let used_rate = Used {
                rate: numbers::rate_text(&used.rate, words),
                since: table.since,
                until: table.until,
                is_the_same,
            };
            match rates.iter_mut().find(|rate| rate.base == table.base && rate.quote == used.asset_code) {
                Some(rate) => rate.used = Some(used_rate),
                None => rates.push(Rate {
                    base: table.base.clone(),
                    quote: used.asset_code.clone(),
                    served: None,
                    used: Some(used_rate),
                }),
            }
        }
    }

    let assets = core.effects.store.assets().await?;
    let assets: Vec<_> =
        assets.into_iter().map(|(asset, _)| (format!("{}/{}", asset.code, asset.scale), asset)).collect();
    let query = |name: &str| ctx.reader.query.get(name).map_or("", |text| text.trim());
    let named = |name: &str| assets.iter().find(|(key, _)| key == query(name)).map(|(_, asset)| asset);
    let f = ctx.frame("operator");
    let (converted, error) = match (named("from"), named("to")) {
        (Some(from), Some(to)) => match numbers::parse(query("amount"), from.scale, words) {
            Ok(amount) => {
                let ratio = book.rate(from.code.as_str(), to.code.as_str()).and_then(|rate| rate.between(from, to));
                let result = ratio.and_then(|ratio| ratio.checked_mul_floor(amount));
                (Some(Converted { from: f.money(amount, from), to: result.map(|value| f.money(value, to)) }), None)
            }
            Err(wrong) => (None, Some(wrong)),
        },
        _ => (None, None),
    };
    let page = Shown {
        since: core.started_at,
        source: told.as_ref().and_then(|told| told.source.clone()),
        rates,
        from: query("from"),
        to: query("to"),
        amount: query("amount"),
        converted,
        error,
        assets: assets.clone(),
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}
