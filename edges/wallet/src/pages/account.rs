//! One account: its balance, its wallet address, play money; opening another one; and how to be paid.
//! All accounts are on the page of `home`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use money::Asset;
use page_kit::{Posted, html, numbers, qr};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::{Frame, Missing};
use super::history::{Day, days};
use crate::customers::{Held, NewAccount, OpenError};
use crate::history::Wanted;
use crate::sending::pointer;

const LATEST: u32 = 10;

/// A wallet address in the forms in which it is given to others.
pub(crate) struct Address {
    pub(crate) url: String,
    /// `$wallet.example/alice`
    pub(crate) pointer: String,
    pub(crate) qr: Option<String>,
}

pub(crate) fn address(held: &Held) -> Option<Address> {
    let url = held.account.wallet_address_url.clone()?;
    Some(Address { qr: qr::svg(&url), pointer: pointer(&url), url })
}

#[derive(Template)]
#[template(path = "account.html")]
struct Shown<'a> {
    f: &'a Frame,
    held: &'a Held,
    address: Option<Address>,
    days: &'a [Day],
    has_card: bool,
    make_address: String,
    top_up: String,
    written: String,
    error: Option<&'static str>,
}

/// `GET /accounts/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, wrong: Option<(String, &'static str)>) -> Result<Response, Problem> {
    let id = ctx.id()?;
    let held = ctx.customer.account(id).await?.ok_or(Problem::NotFound)?;
    let wanted = Wanted { account: Some(id), ..Wanted::default() };
    let payments = &ctx.core().effects.modules.payments;
    let (movements, has_card) = tokio::try_join!(ctx.customer.movements(&wanted, LATEST), payments.has_card(id))?;
    let mut f = ctx.frame("home").with_names(movements.names);
    if has_card.is_none() {
        f.misses(Missing::OfPayments);
    }
    let (written, error) = wrong.map_or((String::new(), None), |(text, error)| (text, Some(error)));
    let page = Shown {
        days: &days(&f, &movements.rows),
        has_card: has_card.unwrap_or(false),
        address: address(&held),
        make_address: ctx.once(&format!("/accounts/{id}/address")),
        top_up: ctx.once(&format!("/accounts/{id}/top-up")),
        held: &held,
        f: &f,
        written,
        error,
    };
    Ok(html(status, &page))
}

/// `POST /accounts/{id}/address`
pub(crate) async fn make_address(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let id = ctx.id()?;
    ctx.customer.account(id).await?.ok_or(Problem::NotFound)?;
    ctx.customer.ensure_address(id).await?;
    Ok(go(&format!("/accounts/{id}?said=address")))
}

/// `POST /accounts/{id}/top-up`
pub(crate) async fn top_up(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    if !ctx.core().settings.playground {
        return Err(Problem::NotFound);
    }
    let id = ctx.id()?;
    let held = ctx.customer.account(id).await?.ok_or(Problem::NotFound)?;
    let written = posted.text("amount");
    let refused = |error| draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some((written.to_owned(), error)));
    let amount = match numbers::parse(written, held.account.asset.scale, ctx.reader.words) {
        Ok(amount) => amount,
        Err(reason) => return refused(reason).await,
    };
    match ctx.customer.top_up(id, key, amount).await? {
        Some(()) => Ok(go(&format!("/accounts/{id}?said=top-up"))),
        None => refused("Choose an amount of more than zero and at most 10000.").await,
    }
}

#[derive(Template)]
#[template(path = "open.html")]
struct Open<'a> {
    f: &'a Frame,
    assets: &'a [Asset],
    base: String,
    once: String,
    name: &'a str,
    path: &'a str,
    chosen: &'a str,
    wrong: Option<(&'static str, String)>,
}

impl Open<'_> {
    fn error(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    fn is_chosen(&self, asset: &Asset) -> bool {
        value(asset) == self.chosen
    }
}

/// An asset as the value of a choice.
fn value(asset: &Asset) -> String {
    format!("{}/{}", asset.code, asset.scale)
}

/// `GET /accounts/open`
pub(crate) async fn open_page(ctx: Ctx) -> Result<Response, Problem> {
    let assets = ctx.customer.assets().await?;
    let f = ctx.frame("home");
    let base = ctx.customer.address_base();
    let once = ctx.once("/accounts/open");
    let page = Open { f: &f, assets: &assets, base, once, name: "", path: "", chosen: "", wrong: None };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /accounts/open`
pub(crate) async fn open(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let assets = ctx.customer.assets().await?;
    let chosen = posted.text("asset");
    let (name, path) = (posted.text("name"), posted.text("path"));
    let outcome = match assets.iter().find(|asset| value(asset) == chosen) {
        Some(asset) => {
            let new = NewAccount { id: key, name: name.to_owned(), asset: asset.clone(), path: path.to_owned() };
            ctx.customer.open(&new).await
        }
        None => Err(OpenError::Asset),
    };
    let error = match outcome {
        Ok(()) => return Ok(go(&format!("/accounts/{key}?said=account"))),
        Err(OpenError::Effect(error)) => return Err(error.into()),
        Err(error) => error,
    };
    let f = ctx.frame("home");
    let wrong = Some((error.field(), f.t(&error.to_string()).to_owned()));
    let once = ctx.once_more("/accounts/open", key);
    let page = Open { f: &f, assets: &assets, base: ctx.customer.address_base(), once, name, path, chosen, wrong };
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

#[derive(Template)]
#[template(path = "receive.html")]
struct Receive<'a> {
    f: &'a Frame,
    places: Vec<(&'a Held, Address)>,
}

/// `GET /receive`
pub(crate) async fn receive(ctx: Ctx) -> Result<Response, Problem> {
    let accounts = ctx.customer.accounts().await?;
    let places = accounts.iter().filter_map(|held| Some((held, address(held)?))).collect();
    let f = ctx.frame("receive");
    Ok(html(StatusCode::OK, &Receive { f: &f, places }))
}
