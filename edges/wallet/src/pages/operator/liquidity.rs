//! What the instance told of low liquidity, what the wallet did about it, and a deposit by hand.
//!
//! How much liquidity everything has at any time is shown by the console.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use money::Asset;
use page_kit::{Posted, html, numbers};
use uuid::Uuid;

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use super::super::security::prove_first;
use super::record::Shown as Line;
use super::{Change, lines_about};
use crate::ids::derived_v4;
use crate::operators::{self, Answer, Deed, LowLiquidity, Resource};

/// The events that are shown.
const EVENTS: u32 = 50;

/// One event.
struct Told {
    low: LowLiquidity,
    answer: Answer,
}

impl Told {
    /// An amount of the event.
    fn told(&self, f: &Frame, text: Option<&str>) -> String {
        let number = text.and_then(|text| text.parse::<u64>().ok());
        number.map_or_else(|| "\u{2013}".to_owned(), |value| f.money(value, &self.low.asset))
    }

    fn badge(&self) -> (&'static str, &'static str) {
        match self.answer {
            Answer::Deposited(_) => ("Deposited", "done"),
            Answer::Depositing(_) => ("Being deposited", "waiting"),
            Answer::TooSoon => ("Just deposited before", "quiet"),
            Answer::Gone => ("Does not exist any more", "quiet"),
            Answer::Off | Answer::DayIsFull => ("Nothing deposited", "failed"),
        }
    }

    /// Why it was answered so.
    fn because(&self) -> &'static str {
        match self.answer {
            Answer::Deposited(_) | Answer::Depositing(_) | Answer::Gone => "",
            Answer::TooSoon => "There was a deposit within a minute before.",
            Answer::Off => "LIQUIDITY_TOPUP is 0, so the wallet deposits nothing by itself.",
            Answer::DayIsFull => "The deposits of 24 hours would be more than LIQUIDITY_TOPUP_DAY_MAX.",
        }
    }

    fn amount(&self) -> Option<u64> {
        match self.answer {
            Answer::Deposited(amount) | Answer::Depositing(amount) => Some(amount),
            Answer::TooSoon | Answer::Gone | Answer::Off | Answer::DayIsFull => None,
        }
    }

    fn page(&self) -> String {
        format!("/operator/liquidity/{}/{}", word(self.low.resource), self.low.id)
    }

    fn kind(&self) -> &'static str {
        kind(self.low.resource)
    }
}

fn kind(resource: Resource) -> &'static str {
    match resource {
        Resource::Asset => "Asset",
        Resource::Peer => "Peer",
    }
}

fn word(resource: Resource) -> &'static str {
    match resource {
        Resource::Asset => "asset",
        Resource::Peer => "peer",
    }
}

#[derive(Template)]
#[template(path = "operator_liquidity.html")]
struct List<'a> {
    f: &'a Frame,
    told: Vec<Told>,
    topup: u64,
    /// The assets of the events, because the amount of a deposit is in the smallest unit of each.
    topups: Vec<String>,
    day_max: Option<u64>,
}

/// `GET /operator/liquidity`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let effects = &ctx.core().effects;
    let told = operators::latest(effects.store.database(), EVENTS).await?;
    let told: Vec<Told> = told.into_iter().map(|(low, answer)| Told { low, answer }).collect();
    let f = ctx.frame("operator");
    let topups: BTreeSet<String> = told.iter().map(|told| f.money(effects.topup.amount, &told.low.asset)).collect();
    let page = List {
        f: &f,
        told,
        topup: effects.topup.amount,
        topups: topups.into_iter().collect(),
        day_max: effects.topup.day_max,
    };
    Ok(html(StatusCode::OK, &page))
}

/// An asset or a peer at the instance.
struct Target {
    resource: Resource,
    id: Uuid,
    name: String,
    asset: Asset,
    balance: Option<u64>,
    threshold: Option<u64>,
}

impl Target {
    fn kind(&self) -> &'static str {
        kind(self.resource)
    }

    fn page(&self) -> String {
        format!("/operator/liquidity/{}/{}", word(self.resource), self.id)
    }

    fn is_low(&self) -> bool {
        matches!((self.balance, self.threshold), (Some(balance), Some(threshold)) if balance <= threshold)
    }
}

async fn target(ctx: &Ctx) -> Result<Target, Problem> {
    let (id, admin) = (ctx.id()?, &ctx.core().effects.admin);
    let asset = |code: &str, scale: u8| Asset::new(code, scale).map_err(|_| Problem::NotFound);
    match ctx.parameter("kind") {
        "asset" => {
            let found = admin.asset_view(id).await?.ok_or(Problem::NotFound)?;
            Ok(Target {
                resource: Resource::Asset,
                id,
                asset: asset(&found.code, found.scale)?,
                balance: found.liquidity,
                threshold: found.liquidity_threshold,
                name: found.code,
            })
        }
        "peer" => {
            let found = admin.peer_view(id).await?.ok_or(Problem::NotFound)?;
            Ok(Target {
                resource: Resource::Peer,
                id,
                asset: asset(&found.asset.code, found.asset.scale)?,
                balance: found.liquidity,
                threshold: found.liquidity_threshold,
                name: found.name.unwrap_or(found.static_ilp_address),
            })
        }
        _ => Err(Problem::NotFound),
    }
}

#[derive(Template)]
#[template(path = "operator_deposit.html")]
struct Shown<'a> {
    f: &'a Frame,
    target: Target,
    amount: String,
    deposit: String,
    error: Option<&'static str>,
    lines: Vec<Line>,
}

/// `GET /operator/liquidity/{kind}/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let target = target(&ctx).await?;
    let usual = ctx.core().effects.topup.amount;
    let amount = if usual == 0 { String::new() } else { numbers::input(usual, target.asset.scale, ctx.reader.words) };
    draw(&ctx, StatusCode::OK, target, amount, None).await
}

async fn draw(
    ctx: &Ctx,
    status: StatusCode,
    target: Target,
    amount: String,
    error: Option<&'static str>,
) -> Result<Response, Problem> {
    let f = ctx.frame("operator");
    let lines = lines_about(ctx, target.id).await?;
    let page = Shown { f: &f, deposit: ctx.once(&target.page()), target, amount, error, lines };
    Ok(html(status, &page))
}

/// `POST /operator/liquidity/{kind}/{id}`
pub(crate) async fn deposit(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let target = target(&ctx).await?;
    let here = target.page();
    if !ctx.core().effects.modules.users.is_proved(&ctx.session).await? {
        return Ok(prove_first(&here));
    }
    let written = posted.text("amount");
    let amount = match numbers::parse(written, target.asset.scale, ctx.reader.words) {
        Ok(0) => Err("The amount should be a positive value."),
        other => other,
    };
    let amount = match amount {
        Ok(amount) => amount,
        Err(wrong) => {
            let written = written.to_owned();
            return draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, target, written, Some(wrong)).await;
        }
    };
    let shown = |value: Option<u64>| value.map_or_else(|| "\u{2013}".to_owned(), |value| target.asset.display(value));
    let change = Change {
        key,
        deed: Deed::Deposit,
        target: target.id,
        name: target.name.clone(),
        before: shown(target.balance),
        after: format!("+ {}", target.asset.display(amount)),
    };
    // The id is derived from the form, so it is made once.
    let made = ctx.core().effects.deposit(
        target.resource,
        (target.id, &target.asset),
        amount,
        derived_v4(key, "operator deposit"),
    );
    ctx.change(change, &here, made).await
}
