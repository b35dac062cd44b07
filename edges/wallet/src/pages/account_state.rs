//! Freezing and thawing an own account, and closing it when it is empty.
//!
//! What an account lets through is in `account_state`, and what closes it in `account_closing`. Operators freeze on a page
//! of their own.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use super::security::{needs_code, prove_first};
use crate::account_state::{self, By, Life};
use crate::customers::Held;
use crate::effect_error::EffectError;
use crate::modules::ModuleError;
use crate::obstacles::Obstacle;

#[derive(Template)]
#[template(path = "account_state.html")]
struct Shown<'a> {
    f: &'a Frame,
    held: &'a Held,
    /// What has to be done before it can be closed, and where; `None` if that is not known at the moment.
    first: Option<Vec<(&'static str, &'static str, &'static str)>>,
    once: String,
    error: Option<&'static str>,
}

impl Shown<'_> {
    fn is(&self, life: &str) -> bool {
        let now = match self.held.state.life {
            Life::Open => "open",
            Life::Closing | Life::Staying => "closing",
            Life::Closed => "closed",
        };
        now == life
    }
}

fn task(obstacle: Obstacle) -> (&'static str, &'static str, &'static str) {
    match obstacle {
        Obstacle::Money => ("There is money in this account. Send it to another one.", "/send", "Send"),
        Obstacle::Payments => ("Payments are on their way. Wait until they have ended.", "/history", "History"),
        Obstacle::Requests => ("Requests for money are open. Close them.", "/requests", "Your requests"),
        Obstacle::Arriving => {
            ("Money for a request is on its way. Wait until it is in your account.", "/requests", "Your requests")
        }
        Obstacle::Agreements => ("Applications have access. End the agreements.", "/agreements", "Agreements"),
        Obstacle::Frozen | Obstacle::Closing => {
            ("Your institution froze this account. Ask it before you close the account.", "/", "Your accounts")
        }
    }
}

/// How long the page waits for what keeps the account open. The process of the users waits longer for the page.
const PATIENCE: Duration = Duration::from_secs(10);

fn unknown(error: &dyn std::error::Error) -> Option<Vec<Obstacle>> {
    tracing::warn!(error = %error, "it is not known whether an account can be closed");
    None
}

async fn own(ctx: &Ctx) -> Result<(Held, String), Problem> {
    let held = ctx.customer.account(ctx.id()?).await?.ok_or(Problem::NotFound)?;
    let here = format!("/accounts/{}/state", held.account.id);
    Ok((held, here))
}

/// `GET /accounts/{id}/state`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, error: Option<&'static str>) -> Result<Response, Problem> {
    let (held, here) = own(ctx).await?;
    let first = match held.state.life {
        Life::Open => {
            let found = ctx.core().account_closing.obstacles(&ctx.customer, held.account.id);
            // A freeze has to be possible whoever does not answer, or answers late.
            match tokio::time::timeout(PATIENCE, found).await {
                Err(late) => unknown(&late),
                Ok(Err(EffectError::Admin(error))) => unknown(&error),
                Ok(Err(EffectError::Module(error))) if !matches!(error, ModuleError::Store(_)) => unknown(&error),
                Ok(found) => Some(found?),
            }
        }
        Life::Closing | Life::Staying | Life::Closed => Some(Vec::new()),
    };
    let first = first.map(|first| first.into_iter().map(task).collect());
    let f = ctx.frame("home");
    let page = Shown { f: &f, held: &held, first, once: ctx.once(&here), error };
    Ok(html(status, &page))
}

/// `POST /accounts/{id}/state`
pub(crate) async fn change(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, here) = own(&ctx).await?;
    let (core, account, user) = (ctx.core(), held.account.id, ctx.customer.user());
    let database = core.effects.store.database();
    match posted.text("to") {
        // What keeps the money in is always possible.
        "frozen" => {
            account_state::freeze(database, account, &By::Owner(user), core.clock.now()).await?;
            Ok(go(&format!("{here}?said=frozen")))
        }
        "thawed" => {
            if needs_code(&ctx).await? {
                return Ok(prove_first(&here));
            }
            account_state::thaw_by_owner(database, account, user).await?;
            Ok(go(&format!("{here}?said=thawed")))
        }
        "closed" => close(&ctx, &posted, &held, &here).await,
        "open" => {
            if needs_code(&ctx).await? {
                return Ok(prove_first(&here));
            }
            core.account_closing.open_again(account).await?;
            Ok(go(&format!("{here}?said=open-again")))
        }
        _ => Err(Problem::ForeignForm),
    }
}

async fn close(ctx: &Ctx, posted: &Posted, held: &Held, here: &str) -> Result<Response, Problem> {
    let core = ctx.core();
    if !core.effects.modules.users.is_proved(&ctx.session).await? {
        return Ok(prove_first(here));
    }
    if posted.text("sure") != "yes" {
        return draw(ctx, StatusCode::UNPROCESSABLE_ENTITY, Some("Confirm that the account shall be closed.")).await;
    }
    if !core.account_closing.obstacles(&ctx.customer, held.account.id).await?.is_empty() {
        return draw(ctx, StatusCode::CONFLICT, None).await;
    }
    core.account_closing.begin(&ctx.customer, held.account.id).await?;
    Ok(go("/?said=closing"))
}
