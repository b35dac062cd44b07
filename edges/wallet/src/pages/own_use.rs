//! The own use of an account: the agreement to which the customer's own payments belong, with its limits.
//!
//! What applications may do is in `agreements`. All of them are judged by `own_limits`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::agreements::Usage;
use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use super::limit_fields::{self, LimitFields, Wrong};
use super::security::{needs_code, prove_first};
use crate::customers::Held;
use crate::own_limits::OWN_USE;

#[derive(Template)]
#[template(path = "own_use.html")]
struct Shown<'a> {
    f: &'a Frame,
    held: &'a Held,
    usage: Option<Usage>,
    limit: String,
    limits: Vec<LimitFields>,
    error: Option<&'static str>,
}

async fn own(ctx: &Ctx) -> Result<(Held, String), Problem> {
    let held = ctx.customer.account(ctx.id()?).await?.ok_or(Problem::NotFound)?;
    let here = format!("/accounts/{}/own-use", held.account.id);
    Ok((held, here))
}

/// `GET /accounts/{id}/own-use`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, wrong: Option<Wrong>) -> Result<Response, Problem> {
    let (held, here) = own(ctx).await?;
    let stored = ctx.customer.own_limits(OWN_USE, held.account.id).await?.limits;
    let f = ctx.frame("home");
    let mut usage = None;
    if let Some(most) = stored.day {
        let spent = ctx.customer.spent_today(OWN_USE, held.account.id).await?;
        usage = Some(Usage::of(&f, spent, most, &held.account.asset, None));
    }
    let (limits, error) = match wrong {
        Some(Wrong { fields, error }) => (fields, Some(error)),
        None => (vec![LimitFields::stored(&held, &stored, ctx.reader.words)], None),
    };
    Ok(html(status, &Shown { f: &f, held: &held, usage, limit: ctx.once(&here), limits, error }))
}

/// `POST /accounts/{id}/own-use`
pub(crate) async fn limit(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, here) = own(&ctx).await?;
    if needs_code(&ctx).await? {
        return Ok(prove_first(&here));
    }
    match limit_fields::read_all(&[held], &posted, ctx.reader.words, ctx.core().clock.now()) {
        Err(wrong) => draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong)).await,
        Ok(limits) => {
            for (account, limits) in limits {
                ctx.customer.limit(OWN_USE, account, &limits).await?;
            }
            Ok(go(&format!("{here}?said=saved")))
        }
    }
}
