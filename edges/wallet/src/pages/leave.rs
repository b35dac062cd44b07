//! Closing the wallet: what has to be done before, and the last form.
//!
//! What keeps a wallet open is decided in `obstacles`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use super::security::prove_first;
use crate::obstacles::Obstacle;

const HERE: &str = "/settings/leave";

#[derive(Template)]
#[template(path = "leave.html")]
struct Leave<'a> {
    f: &'a Frame,
    /// What to do, and where.
    first: Vec<(&'static str, &'static str, &'static str)>,
    once: String,
    error: Option<&'static str>,
}

fn task(obstacle: Obstacle) -> (&'static str, &'static str, &'static str) {
    match obstacle {
        Obstacle::Money => ("There is money in your accounts. Send it to another wallet.", "/send", "Send"),
        Obstacle::Payments => ("Payments are on their way. Wait until they have ended.", "/history", "History"),
        Obstacle::Requests => ("Requests for money are open. Close them.", "/requests", "Your requests"),
        Obstacle::Arriving => {
            ("Money for a request is on its way. Wait until it is in your account.", "/requests", "Your requests")
        }
        Obstacle::Frozen => {
            ("Your institution froze an account. Ask it before you close the wallet.", "/", "Your accounts")
        }
        Obstacle::Closing => ("An account is being closed. Wait until that is done.", "/", "Your accounts"),
        Obstacle::Agreements => ("Applications have access. End the agreements.", "/agreements", "Agreements"),
    }
}

fn draw(ctx: &Ctx, status: StatusCode, obstacles: &[Obstacle], error: Option<&'static str>) -> Response {
    let f = ctx.frame("settings");
    let first = obstacles.iter().map(|obstacle| task(*obstacle)).collect();
    html(status, &Leave { f: &f, first, once: ctx.once(HERE), error })
}

/// `GET /settings/leave`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let found = ctx.core().leaving.obstacles(ctx.customer.user()).await?;
    Ok(draw(&ctx, StatusCode::OK, &found, None))
}

/// `POST /settings/leave`
pub(crate) async fn leave(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let core = ctx.core();
    if !core.users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    if posted.text("sure") != "yes" {
        let error = Some("Confirm that the wallet shall be closed.");
        return Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, &[], error));
    }
    let found = core.leaving.obstacles(ctx.customer.user()).await?;
    if !found.is_empty() {
        return Ok(draw(&ctx, StatusCode::CONFLICT, &found, None));
    }
    core.users.begin_leaving(&ctx.session, ctx.reader.words).await?;
    Ok(ctx.reader.with_session("", go("/sign-in?said=left")))
}
