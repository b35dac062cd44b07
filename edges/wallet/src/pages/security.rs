//! The second factor: proving again who uses a session, codes of an app, recovery codes, and which payments are asked
//! about.
//!
//! Which code is right is decided in `users`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html, numbers, own_path, qr};
use uuid::Uuid;

use super::context::{Ctx, Problem, Reader, go, paused, quoted, try_later};
use super::frame::Frame;
use crate::customers::Held;
use crate::users::{ProofError, SecondFactor};

const HERE: &str = "/settings/second-factor";

/// The page on which the session proves who uses it, and then goes on to `next`.
pub(crate) fn prove_first(next: &str) -> Response {
    go(&format!("/prove?next={}", quoted(next)))
}

/// Whether somebody with a second factor has to prove it first.
pub(crate) async fn needs_code(ctx: &Ctx) -> Result<bool, Problem> {
    let users = &ctx.core().users;
    let has_factor = users.second_factor(&ctx.session).await? != SecondFactor::None;
    Ok(has_factor && !users.is_proved(&ctx.session).await?)
}

#[derive(Template)]
#[template(path = "prove.html")]
struct Prove<'a> {
    f: &'a Frame,
    once: String,
    next: &'a str,
    with_code: bool,
    error: Option<String>,
}

fn next(ctx: &Ctx) -> &str {
    own_path(ctx.reader.query.get("next").map_or("/", String::as_str))
}

async fn draw_prove(ctx: &Ctx, status: StatusCode, next: &str, error: Option<String>) -> Result<Response, Problem> {
    let with_code = ctx.core().users.second_factor(&ctx.session).await? != SecondFactor::None;
    let f = ctx.frame("");
    Ok(html(status, &Prove { f: &f, once: ctx.once("/prove"), next, with_code, error }))
}

/// `GET /prove?next=`
pub(crate) async fn prove_page(ctx: Ctx) -> Result<Response, Problem> {
    draw_prove(&ctx, StatusCode::OK, next(&ctx), None).await
}

/// `POST /prove`
pub(crate) async fn prove(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let next = own_path(posted.text("next"));
    match ctx.core().users.prove(&ctx.session, posted.secret("proof"), &ctx.reader.visitor).await {
        Ok(()) => Ok(go(next)),
        Err(ProofError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (status, said) = said(&ctx.reader, &error);
            Ok(try_later(draw_prove(&ctx, status, next, Some(said)).await?, error.wait()))
        }
    }
}

/// The status and the words of a refusal.
pub(crate) fn said(reader: &Reader, error: &ProofError) -> (StatusCode, String) {
    match error {
        ProofError::Paused(wait) => (StatusCode::TOO_MANY_REQUESTS, paused(reader, *wait)),
        other => (StatusCode::UNPROCESSABLE_ENTITY, reader.words.t(&other.to_string()).to_owned()),
    }
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Shown<'a> {
    f: &'a Frame,
    factor: Factor,
    begin: String,
    activate: String,
    renew: String,
    off: String,
    limits: String,
    accounts: Vec<(Held, String)>,
    error: Option<String>,
    limit_error: Option<String>,
}

/// What the page shows of a second factor.
enum Factor {
    None,
    Offered {
        /// In groups of four.
        secret: String,
        link: String,
        qr: Option<String>,
    },
    Active {
        recovery_codes: u64,
    },
}

async fn factor(ctx: &Ctx) -> Result<Factor, Problem> {
    let users = &ctx.core().users;
    if let SecondFactor::Active { recovery_codes } = users.second_factor(&ctx.session).await? {
        return Ok(Factor::Active { recovery_codes });
    }
    // Only who has proved it lately sees the secret.
    if !users.is_proved(&ctx.session).await? {
        return Ok(Factor::None);
    }
    Ok(users.offered(&ctx.session).await?.map_or(Factor::None, |offered| {
        let (issuer, email) = (quoted(&ctx.core().institution), quoted(&ctx.session.email));
        let link = format!("otpauth://totp/{issuer}:{email}?secret={}&issuer={issuer}", offered.secret);
        let groups: Vec<&str> =
            offered.secret.as_bytes().chunks(4).filter_map(|part| std::str::from_utf8(part).ok()).collect();
        Factor::Offered { secret: groups.join(" "), qr: qr::svg(&link), link }
    }))
}

/// `GET /settings/second-factor`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None, None).await
}

async fn draw(
    ctx: &Ctx,
    status: StatusCode,
    error: Option<String>,
    limit_error: Option<String>,
) -> Result<Response, Problem> {
    let factor = factor(ctx).await?;
    let mut accounts = Vec::new();
    if matches!(factor, Factor::Active { .. }) {
        for held in ctx.customer.accounts().await? {
            let limit = ctx.core().users.unasked_limit(held.account.id).await?;
            let limit = numbers::input(limit, held.account.asset.scale, ctx.reader.words);
            accounts.push((held, limit));
        }
    }
    let f = ctx.frame("settings");
    let page = Shown {
        f: &f,
        factor,
        begin: ctx.once("/settings/second-factor/begin"),
        activate: ctx.once(HERE),
        renew: ctx.once("/settings/second-factor/codes"),
        off: ctx.once("/settings/second-factor/off"),
        limits: ctx.once("/settings/second-factor/limits"),
        accounts,
        error,
        limit_error,
    };
    Ok(html(status, &page))
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct Codes<'a> {
    f: &'a Frame,
    codes: &'a [String],
    first: bool,
}

/// `POST /settings/second-factor/begin`
pub(crate) async fn begin(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    users.offer_second_factor(&ctx.session).await?;
    Ok(go(HERE))
}

/// `POST /settings/second-factor`
pub(crate) async fn activate(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    match users.activate_second_factor(&ctx.session, posted.text("code"), &ctx.reader.texts()).await {
        Ok(codes) => {
            let f = ctx.frame("settings");
            Ok(html(StatusCode::OK, &Codes { f: &f, codes: &codes, first: true }))
        }
        Err(ProofError::Store(error)) => Err(error.into()),
        // The form was sent again after it had taken effect.
        Err(ProofError::Ended) => Ok(go(HERE)),
        Err(error) => {
            let (status, said) = said(&ctx.reader, &error);
            draw(&ctx, status, Some(said), None).await
        }
    }
}

/// `POST /settings/second-factor/codes`
pub(crate) async fn renew(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    let Some(codes) = users.new_recovery_codes(&ctx.session, &ctx.reader.texts()).await? else { return Ok(go(HERE)) };
    let f = ctx.frame("settings");
    Ok(html(StatusCode::OK, &Codes { f: &f, codes: &codes, first: false }))
}

/// `POST /settings/second-factor/off`
pub(crate) async fn off(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    users.remove_second_factor(&ctx.session, &ctx.reader.texts()).await?;
    Ok(go(&format!("{HERE}?said=factor-off")))
}

/// `POST /settings/second-factor/limits`
pub(crate) async fn limits(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    let mut chosen = Vec::new();
    for held in ctx.customer.accounts().await? {
        let written = posted.text(&format!("limit-{}", held.account.id));
        if written.is_empty() {
            continue;
        }
        match numbers::parse(written, held.account.asset.scale, ctx.reader.words) {
            Ok(limit) => chosen.push((held.account.id, limit)),
            Err(reason) => {
                let said = ctx.reader.words.t(reason).to_owned();
                return draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, None, Some(said)).await;
            }
        }
    }
    for (account, limit) in chosen {
        users.set_unasked_limit(&ctx.session, account, limit).await?;
    }
    Ok(go(&format!("{HERE}?said=saved")))
}
