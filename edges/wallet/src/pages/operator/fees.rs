//! The fees for sending: those in force, their history, what an amount costs, and another fee after its effect was shown.
//!
//! The instance keeps the fees. What customers pay of them is decided by the wallet's policy.

use admin_client::{FeeRecord, FeeView, PageRequest};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use money::Asset;
use page_kit::{Posted, html, numbers};
use uuid::Uuid;

use super::super::context::{Ctx, Problem, go, quoted};
use super::super::frame::Frame;
use super::super::security::prove_first;
use super::record::Shown as Line;
use super::{Change, lines_about};
use crate::fees::{FeePolicy, FeeRule};
use crate::operators::Deed;

/// The fees that are shown of the past.
const HISTORY: u32 = 50;
/// The places of a percentage.
const PERCENT_SCALE: u8 = 2;
/// A whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

#[derive(Template)]
#[template(path = "operator_fees.html")]
struct List<'a> {
    f: &'a Frame,
    fees: Vec<(Uuid, Asset, FeeRule)>,
    policy: &'static str,
}

/// `GET /operator/fees`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let effects = &ctx.core().effects;
    let assets = effects.admin.assets().await?;
    let fees = assets
        .into_iter()
        .filter_map(|record| Some((record.id, Asset::new(&record.code, record.scale).ok()?, rule(record.sending_fee))));
    let f = ctx.frame("operator");
    Ok(html(StatusCode::OK, &List { f: &f, fees: fees.collect(), policy: policy(effects.fee_policy) }))
}

/// What customers pay.
fn policy(policy: FeePolicy) -> &'static str {
    match policy {
        FeePolicy::FeePlusSent => {
            "Customers pay what was sent and the fee that they confirmed. What a payment did not need goes back to them."
        }
        FeePolicy::FullDebit => "Customers pay the whole amount of the offer. What a payment did not need is income.",
        FeePolicy::Compat => "Customers pay what was sent and no fee. The rest stays in the payment at the instance.",
    }
}

fn rule(fee: Option<FeeRecord>) -> FeeRule {
    fee.map_or(FeeRule::NONE, |fee| FeeRule { fixed: fee.fixed, basis_points: fee.basis_points })
}

/// What an amount costs.
struct Effect {
    /// If the customer pays exactly the amount: the fee in it, and what is sent.
    pays: (u64, u64),
    /// If the amount is delivered in the same currency: the fee on top of it, and what the customer pays.
    gets: (u64, u64),
}

impl Effect {
    fn of(rule: FeeRule, amount: u64) -> Self {
        let (inside, on_top) = (rule.of_fixed_debit(amount), rule.on(amount));
        Self { pays: (inside, amount.saturating_sub(inside)), gets: (on_top, amount.saturating_add(on_top)) }
    }
}

#[derive(Template)]
#[template(path = "operator_fee.html")]
struct Shown<'a> {
    f: &'a Frame,
    id: Uuid,
    asset: Asset,
    now: FeeRule,
    policy: &'static str,
    /// As they were written.
    amount_text: String,
    fixed_text: String,
    percent_text: String,
    error: Option<&'static str>,
    amount: u64,
    effect: Effect,
    /// Another fee with its effect.
    wanted: Option<(FeeRule, Effect)>,
    set: String,
    history: Vec<FeeView>,
    lines: Vec<Line>,
}

/// The fields of the calculator.
struct Written {
    amount: u64,
    rule: Option<FeeRule>,
}

fn written(ctx: &Ctx, asset: &Asset, usual: u64) -> Result<Written, &'static str> {
    let query = &ctx.reader.query;
    let text = |name: &str| query.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let number =
        |name: &str, scale: u8| text(name).map(|text| numbers::parse(text, scale, ctx.reader.words)).transpose();
    let amount = number("amount", asset.scale)?.unwrap_or(usual);
    let (fixed, percent) = (number("fixed", asset.scale)?, number("percent", PERCENT_SCALE)?);
    if percent.is_some_and(|percent| percent > WHOLE) {
        return Err("The share is at most 100 %.");
    }
    let rule = match (fixed, percent) {
        (None, None) => None,
        (fixed, percent) => Some(FeeRule {
            fixed: fixed.unwrap_or(0),
            basis_points: u16::try_from(percent.unwrap_or(0)).map_err(|_| "The share is at most 100 %.")?,
        }),
    };
    Ok(Written { amount, rule })
}

/// `GET /operator/fees/{id}?amount=&fixed=&percent=`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, error: Option<&'static str>) -> Result<Response, Problem> {
    let (id, effects, words) = (ctx.id()?, &ctx.core().effects, ctx.reader.words);
    let found = effects.admin.asset_view(id).await?.ok_or(Problem::NotFound)?;
    let asset = Asset::new(&found.code, found.scale).map_err(|_| Problem::NotFound)?;
    let now = rule(found.sending_fee);
    let usual = 10_u64.checked_pow(u32::from(asset.scale)).and_then(|unit| unit.checked_mul(100)).unwrap_or(100);
    let (written, wrong) = match written(ctx, &asset, usual) {
        Ok(written) => (written, None),
        Err(wrong) => (Written { amount: usual, rule: None }, Some(wrong)),
    };

    let history = effects.admin.fees_page(id, &PageRequest { first: Some(HISTORY), ..PageRequest::default() }).await?;
    let mut history = history.map_or_else(Vec::new, |listed| listed.nodes);
    history.retain(|fee| fee.kind == "SENDING");
    let text = |name: &str, else_: String| ctx.reader.query.get(name).cloned().unwrap_or(else_);
    let wanted = written.rule.filter(|wanted| *wanted != now);
    let f = ctx.frame("operator");
    let page = Shown {
        id,
        now,
        policy: policy(effects.fee_policy),
        amount_text: text("amount", numbers::input(usual, asset.scale, words)),
        fixed_text: text("fixed", numbers::input(now.fixed, asset.scale, words)),
        percent_text: text("percent", numbers::input(now.basis_points.into(), PERCENT_SCALE, words)),
        error: error.or(wrong),
        amount: written.amount,
        effect: Effect::of(now, written.amount),
        wanted: wanted.map(|wanted| (wanted, Effect::of(wanted, written.amount))),
        set: ctx.once(&format!("/operator/fees/{id}")),
        history,
        lines: lines_about(ctx, id).await?,
        asset,
        f: &f,
    };
    Ok(html(status, &page))
}

/// `POST /operator/fees/{id}`: sets the fee whose effect was shown, unless somebody has changed it meanwhile.
pub(crate) async fn set(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let (id, effects) = (ctx.id()?, &ctx.core().effects);
    let here = format!("/operator/fees/{id}");
    let read = |fixed: &str, share: &str| {
        let share: u16 = posted.text(share).parse().ok().filter(|share| u64::from(*share) <= WHOLE)?;
        Some(FeeRule { fixed: posted.text(fixed).parse().ok()?, basis_points: share })
    };
    let wanted = read("fixed", "share").ok_or(Problem::ForeignForm)?;
    let before = read("before_fixed", "before_share").ok_or(Problem::ForeignForm)?;
    let found = effects.admin.asset_view(id).await?.ok_or(Problem::NotFound)?;
    let asset = Asset::new(&found.code, found.scale).map_err(|_| Problem::NotFound)?;
    if !ctx.core().effects.modules.users.is_proved(&ctx.session).await? {
        let written = |value: u64, scale: u8| quoted(&numbers::input(value, scale, ctx.reader.words));
        let fixed = written(wanted.fixed, asset.scale);
        let percent = written(wanted.basis_points.into(), PERCENT_SCALE);
        return Ok(prove_first(&format!("{here}?fixed={fixed}&percent={percent}")));
    }
    let now = rule(found.sending_fee);
    if now == wanted {
        return Ok(go(&format!("{here}?said=fee-same")));
    }
    if now != before {
        let error = "Somebody has changed the fee meanwhile. Look at it, and decide again. Nothing was done.";
        return draw(&ctx, StatusCode::CONFLICT, Some(error)).await;
    }
    let change = Change {
        key,
        deed: Deed::Fee,
        target: id,
        name: asset.code.to_string(),
        before: told(before, &asset),
        after: told(wanted, &asset),
    };
    let fee = FeeRecord { fixed: wanted.fixed, basis_points: wanted.basis_points };
    ctx.change(change, &here, async { Ok(effects.admin.set_sending_fee(id, fee).await?) }).await
}

/// A fee in the record, which has one language.
fn told(rule: FeeRule, asset: &Asset) -> String {
    let share = numbers::basis_points(rule.basis_points, page_kit::Words::English);
    format!("{} + {share}", asset.display(rule.fixed))
}
