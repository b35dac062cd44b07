//! Keys of a wallet address: the list, publishing a public key, and revoking one.
//!
//! Which keys are accepted is decided in `keys`. A browser can make a pair; its private half stays there.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use super::security::{needs_code, prove_first};
use crate::customers::Held;
use crate::keys::{self, KeyError};

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys<'a> {
    f: &'a Frame,
    held: &'a Held,
    address: &'a str,
    keys: &'a [admin_client::KeyView],
    add: String,
    revoke: String,
    name: &'a str,
    key: &'a str,
    error: Option<String>,
}

/// An own account with an address.
async fn of_account(ctx: &Ctx) -> Result<(Held, Uuid, String), Problem> {
    let held = ctx.customer.account(ctx.id()?).await?.ok_or(Problem::NotFound)?;
    match (held.account.wallet_address_id, held.account.wallet_address_url.clone()) {
        (Some(id), Some(url)) => Ok((held, id, url)),
        _ => Err(Problem::NotFound),
    }
}

fn here(held: &Held) -> String {
    format!("/accounts/{}/keys", held.account.id)
}

/// `GET /accounts/{id}/keys`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, ("", ""), None).await
}

async fn draw(
    ctx: &Ctx,
    status: StatusCode,
    (name, key): (&str, &str),
    error: Option<String>,
) -> Result<Response, Problem> {
    let (held, id, url) = of_account(ctx).await?;
    let listed = keys::list(&ctx.core().effects.admin, id).await?;
    let f = ctx.frame("home");
    let page = Keys {
        f: &f,
        address: &url,
        keys: &listed,
        add: ctx.once(&here(&held)),
        revoke: ctx.once(&format!("{}/revoke", here(&held))),
        held: &held,
        name,
        key,
        error,
    };
    Ok(html(status, &page))
}

/// `POST /accounts/{id}/keys`
pub(crate) async fn add(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, id, _) = of_account(&ctx).await?;
    // Whoever has the private key acts as this address.
    if needs_code(&ctx).await? {
        return Ok(prove_first(&here(&held)));
    }
    let (name, key) = (posted.text("name"), posted.text("key"));
    let admin = &ctx.core().effects.admin;
    let outcome = match keys::read(key, name) {
        Ok(jwk) => keys::publish(admin, id, &jwk).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(go(&format!("{}?said=key", here(&held)))),
        Err(KeyError::Admin(error)) => Err(error.into()),
        Err(error) => {
            let said = ctx.reader.words.t(&error.to_string()).to_owned();
            // A private key that came by mistake is not sent back.
            let shown = if matches!(error, KeyError::Private) { "" } else { key };
            draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, (name, shown), Some(said)).await
        }
    }
}

/// `POST /accounts/{id}/keys/revoke`
pub(crate) async fn revoke(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (held, id, _) = of_account(&ctx).await?;
    let key = posted.id("key").ok_or(Problem::NotFound)?;
    keys::revoke(&ctx.core().effects.admin, id, key).await?.ok_or(Problem::NotFound)?;
    Ok(go(&format!("{}?said=key-gone", here(&held))))
}
