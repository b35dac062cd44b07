//! Cards: the list, and one card, which its owner freezes, thaws, ends, and limits.
//!
//! What a chip signs and whether it may pay is decided in `cards`, and the limits in `own_limits`.

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
use crate::cards::{CardState, OwnCard};
use crate::customers::Held;
use crate::own_limits::of_card;

/// A card with its account.
struct Line {
    card: OwnCard,
    held: Held,
}

impl Line {
    /// The last four digits.
    fn end(&self) -> &str {
        self.card.number.get(self.card.number.len().saturating_sub(4)..).unwrap_or_default()
    }

    fn badge(&self) -> (&'static str, &'static str) {
        match self.card.state {
            CardState::Active => ("Active", "done"),
            CardState::Frozen => ("Frozen", "waiting"),
            CardState::Ended => ("Ended", "quiet"),
        }
    }

    fn is(&self, state: &str) -> bool {
        self.card.state.as_str() == state
    }
}

async fn lines(ctx: &Ctx) -> Result<Vec<Line>, Problem> {
    let accounts = ctx.customer.accounts().await?;
    let line = |card: OwnCard| {
        let held = accounts.iter().find(|held| held.account.id == card.account)?.clone();
        Some(Line { card, held })
    };
    Ok(ctx.customer.cards().await?.into_iter().filter_map(line).collect())
}

async fn own(ctx: &Ctx) -> Result<Line, Problem> {
    let id = ctx.id()?;
    lines(ctx).await?.into_iter().find(|line| line.card.id == id).ok_or(Problem::NotFound)
}

#[derive(Template)]
#[template(path = "cards.html")]
struct Cards<'a> {
    f: &'a Frame,
    cards: &'a [Line],
}

/// `GET /cards`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let f = ctx.frame("home");
    Ok(html(StatusCode::OK, &Cards { f: &f, cards: &lines(&ctx).await? }))
}

#[derive(Template)]
#[template(path = "card.html")]
struct Shown<'a> {
    f: &'a Frame,
    line: &'a Line,
    usage: Option<Usage>,
    stand: String,
    limit: String,
    limits: Vec<LimitFields>,
    error: Option<&'static str>,
}

/// `GET /cards/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, wrong: Option<Wrong>) -> Result<Response, Problem> {
    let line = own(ctx).await?;
    let (key, account) = (of_card(&line.card.number), &line.held.account);
    let stored = ctx.customer.own_limits(&key, account.id).await?.limits;
    let f = ctx.frame("home");
    let mut usage = None;
    if let Some(most) = stored.day {
        let spent = ctx.customer.spent_today(&key, account.id).await?;
        usage = Some(Usage::of(&f, spent, most, &account.asset, None));
    }
    let here = format!("/cards/{}", line.card.id);
    let (limits, error) = match wrong {
        Some(Wrong { fields, error }) => (fields, Some(error)),
        None => (vec![LimitFields::stored(&line.held, &stored, ctx.reader.words)], None),
    };
    let page = Shown {
        f: &f,
        usage,
        stand: ctx.once(&here),
        limit: ctx.once(&format!("{here}/limits")),
        limits,
        error,
        line: &line,
    };
    Ok(html(status, &page))
}

/// `POST /cards/{id}`
pub(crate) async fn stand(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let line = own(&ctx).await?;
    let here = format!("/cards/{}", line.card.id);
    let state = CardState::read(posted.text("state")).ok_or(Problem::ForeignForm)?;
    // What stops a card is always possible.
    if state == CardState::Active && needs_code(&ctx).await? {
        return Ok(prove_first(&here));
    }
    if state == CardState::Ended && posted.text("sure") != "yes" {
        let fields = limit_fields::written(&[line.held], &posted);
        let error = "Confirm that the card shall end for good.";
        return draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(Wrong { fields, error })).await;
    }
    ctx.customer.card_stands(&line.card.number, state).await?;
    Ok(go(&format!("{here}?said=card-{}", state.as_str())))
}

/// `POST /cards/{id}/limits`
pub(crate) async fn limit(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let line = own(&ctx).await?;
    let here = format!("/cards/{}", line.card.id);
    if needs_code(&ctx).await? {
        return Ok(prove_first(&here));
    }
    let key = of_card(&line.card.number);
    match limit_fields::read_all(&[line.held], &posted, ctx.reader.words, ctx.core().clock.now()) {
        Err(wrong) => draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong)).await,
        Ok(limits) => {
            for (account, limits) in limits {
                ctx.customer.limit(&key, account, &limits).await?;
            }
            Ok(go(&format!("{here}?said=saved")))
        }
    }
}
