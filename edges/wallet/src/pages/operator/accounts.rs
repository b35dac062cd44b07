//! Accounts of customers: looked up, frozen with a reason that the owner reads, and thawed.
//!
//! Every change is in the record. What a freeze means for payments is in `account_state`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use outside_text::check_line;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use super::super::security::prove_first;
use super::record::Shown as Line;
use super::{Change, lines_about};
use crate::account_state::{self, AccountState, BECAUSE_MAX, By};
use crate::effect_error::EffectError;
use crate::operators::{self, Deed, FoundAccount};

/// The longest text that is looked for.
const WRITTEN_MAX: usize = 300;

#[derive(Template)]
#[template(path = "operator_accounts.html")]
struct List<'a> {
    f: &'a Frame,
    written: &'a str,
    found: Vec<FoundAccount>,
}

/// `GET /operator/accounts?called=`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let effects = &ctx.core().effects;
    let written = ctx.reader.query.get("called").map_or("", |text| text.trim());
    let found = if written.is_empty() {
        operators::frozen(effects).await?
    } else if written.len() > WRITTEN_MAX {
        Vec::new()
    } else {
        operators::called(effects, written).await?
    };
    let f = ctx.frame("operator");
    Ok(html(StatusCode::OK, &List { f: &f, written, found }))
}

#[derive(Template)]
#[template(path = "operator_account.html")]
struct Shown<'a> {
    f: &'a Frame,
    account: FoundAccount,
    state: AccountState,
    because: &'a str,
    once: String,
    error: Option<&'static str>,
    lines: Vec<Line>,
}

fn here(account: &FoundAccount) -> String {
    format!("/operator/accounts/{}", account.id)
}

async fn one(ctx: &Ctx) -> Result<(FoundAccount, AccountState), Problem> {
    let (id, effects) = (ctx.id()?, &ctx.core().effects);
    let account = operators::account(effects, id).await?.ok_or(Problem::NotFound)?;
    let state = account_state::of(effects.store.database(), id).await?.ok_or(Problem::NotFound)?;
    Ok((account, state))
}

/// `GET /operator/accounts/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, "", None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, because: &str, error: Option<&'static str>) -> Result<Response, Problem> {
    let (account, state) = one(ctx).await?;
    let f = ctx.frame("operator");
    let (once, lines) = (ctx.once(&here(&account)), lines_about(ctx, account.id).await?);
    Ok(html(status, &Shown { f: &f, account, state, because, once, error, lines }))
}

/// `POST /operator/accounts/{id}`
pub(crate) async fn change(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let (account, state) = one(&ctx).await?;
    let here = here(&account);
    if !ctx.core().effects.modules.users.is_proved(&ctx.session).await? {
        return Ok(prove_first(&here));
    }
    let freezes = match posted.text("to") {
        "frozen" => true,
        "thawed" => false,
        _ => return Err(Problem::ForeignForm),
    };
    let because = posted.text("because").trim().to_owned();
    if freezes && (because.is_empty() || check_line(&because, BECAUSE_MAX).is_err()) {
        let error = "Write the reason for the owner, with at most 200 characters.";
        return draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, &because, Some(error)).await;
    }
    if freezes == state.by_operator.is_some() {
        let error = "Somebody has changed it meanwhile. Look at it, and decide again. Nothing was done.";
        return draw(&ctx, StatusCode::CONFLICT, &because, Some(error)).await;
    }

    let (frozen, open) = (|because: &str| format!("frozen: {because}"), "not frozen".to_owned());
    let (deed, before, after) = match &state.by_operator {
        None => (Deed::Freeze, open, frozen(&because)),
        Some(now) => (Deed::Thaw, frozen(&now.because), open),
    };
    let change = Change { key, deed, target: account.id, name: account.address.clone(), before, after };
    let (database, now) = (ctx.core().effects.store.database(), ctx.core().clock.now());
    let made = async {
        if freezes {
            account_state::freeze(database, account.id, &By::Operator { because }, now).await?;
        } else {
            account_state::thaw_by_operator(database, account.id).await?;
        }
        Ok::<(), EffectError>(())
    };
    ctx.change(change, &here, made).await
}
