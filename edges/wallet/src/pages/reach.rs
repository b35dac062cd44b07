//! The name that payers read at an own address, and the switch that makes it unreachable.
//!
//! What the switch does is in `reach`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use crate::account_state::Life;
use crate::customers::Held;
use crate::reach::{self, Cause, Reach, Seen};

#[derive(Template)]
#[template(path = "reach.html")]
struct Shown<'a> {
    f: &'a Frame,
    held: &'a Held,
    address: &'a str,
    name: &'a str,
    reach: Reach,
    rename: String,
    switch: String,
    error: Option<&'static str>,
}

impl Shown<'_> {
    fn is_on(&self) -> bool {
        self.reach == Reach::On
    }

    fn is_off_by_customer(&self) -> bool {
        self.reach == Reach::OffByCustomer
    }
}

/// An own account with its address.
async fn own(ctx: &Ctx) -> Result<(Held, Uuid), Problem> {
    let held = ctx.customer.account(ctx.id()?).await?.ok_or(Problem::NotFound)?;
    let address = held.account.wallet_address_id.ok_or(Problem::NotFound)?;
    Ok((held, address))
}

fn here(held: &Held) -> String {
    format!("/accounts/{}/public", held.account.id)
}

/// `GET /accounts/{id}/public`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, error: Option<&'static str>) -> Result<Response, Problem> {
    let (held, address) = own(ctx).await?;
    let seen = reach::seen(&ctx.core().effects, ctx.customer.user(), address).await?;
    let Seen { name, reach } = seen.ok_or(Problem::NotFound)?;
    let f = ctx.frame("home");
    let page = Shown {
        f: &f,
        address: held.account.wallet_address_url.as_deref().unwrap_or_default(),
        name: &name,
        reach,
        rename: ctx.once(&here(&held)),
        switch: ctx.once(&format!("{}/switch", here(&held))),
        held: &held,
        error,
    };
    Ok(html(status, &page))
}

/// `POST /accounts/{id}/public`
pub(crate) async fn rename(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, address) = own(&ctx).await?;
    if reach::rename(&ctx.core().effects, address, posted.text("name")).await? {
        return Ok(go(&format!("{}?said=saved", here(&held))));
    }
    draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some("Write a name with at most 100 characters.")).await
}

/// `POST /accounts/{id}/public/switch`
pub(crate) async fn switch(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, address) = own(&ctx).await?;
    let (effects, user) = (&ctx.core().effects, ctx.customer.user());
    let (said, refused) = match posted.text("to") {
        // It stays off as long as the institution lets no money leave the account, and while the account is closed.
        "on" if held.state.by_operator.is_some() || held.state.life != Life::Open => {
            ("", Some("Your institution switched this address off."))
        }
        "on" if reach::switch_on(effects, user, address, Cause::Customer).await? => ("on", None),
        "on" => ("", Some("Your institution switched this address off.")),
        "off" if posted.text("sure") == "yes" => {
            reach::switch_off(effects, user, address, Cause::Customer).await?;
            ("off", None)
        }
        "off" => ("", Some("Confirm that nobody shall pay to this address.")),
        _ => return Err(Problem::ForeignForm),
    };
    match refused {
        Some(error) => draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(error)).await,
        None => Ok(go(&format!("{}?said=address-{said}", here(&held)))),
    }
}
