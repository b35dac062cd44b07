//! Exchange between own accounts: which two. The other steps are those of `send`.
//!
//! It is a payment to oneself, with the same offer and the same reservation.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use crate::customers::Held;
use crate::sending::BeginError;

#[derive(Template)]
#[template(path = "exchange.html")]
struct Exchange<'a> {
    f: &'a Frame,
    accounts: &'a [Held],
    from: Option<Uuid>,
    to: Option<Uuid>,
    once: String,
    error: Option<String>,
}

impl Exchange<'_> {
    fn is_from(&self, id: &Uuid) -> bool {
        self.from == Some(*id)
    }

    fn is_to(&self, id: &Uuid) -> bool {
        self.to == Some(*id)
    }
}

async fn draw(
    ctx: &Ctx,
    status: StatusCode,
    (from, to): (Option<Uuid>, Option<Uuid>),
    (once, error): (String, Option<String>),
) -> Result<Response, Problem> {
    let mut accounts = ctx.customer.accounts().await?;
    accounts.retain(|held| held.account.wallet_address_id.is_some());
    let f = ctx.frame("send");
    Ok(html(status, &Exchange { f: &f, accounts: &accounts, from, to, once, error }))
}

/// `GET /exchange?from=`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let from = ctx.reader.query.get("from").and_then(|id| Uuid::parse_str(id).ok());
    draw(&ctx, StatusCode::OK, (from, None), (ctx.once("/exchange"), None)).await
}

/// `POST /exchange`
pub(crate) async fn begin(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let (from, to) = (posted.id("from"), posted.id("to"));
    let begun = match (from, to) {
        (Some(from), Some(to)) => ctx.core().sending.begin_exchange(&ctx.customer, key, from, to).await,
        _ => Err(BeginError::NoAccount),
    };
    match begun {
        Ok(draft) => Ok(go(&format!("/send/{}", draft.id))),
        Err(BeginError::Effect(error)) => Err(error.into()),
        Err(error) => {
            let said = ctx.reader.words.t(&error.to_string()).to_owned();
            let again = (ctx.once_more("/exchange", key), Some(said));
            draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, (from, to), again).await
        }
    }
}
