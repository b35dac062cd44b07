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
use super::passkey_forms::{UsePasskey, for_proof};
use crate::customers::Held;
use crate::users::{Means, ProofError, SecondFactor};

const HERE: &str = "/settings/second-factor";

/// The page on which the session proves who uses it, and then goes on to `next`.
pub(crate) fn prove_first(next: &str) -> Response {
    go(&format!("/prove?next={}", quoted(next)))
}

/// Whether somebody with a second factor has to prove it first.
pub(crate) async fn needs_code(ctx: &Ctx) -> Result<bool, Problem> {
    Ok(ctx.core().effects.modules.users.needs_code(&ctx.session).await?)
}

#[derive(Template)]
#[template(path = "prove.html")]
struct Prove<'a> {
    f: &'a Frame,
    once: String,
    next: &'a str,
    /// Without a second factor the password is asked for.
    means: Option<Means>,
    passkey: Option<UsePasskey>,
    error: Option<String>,
}

fn next(ctx: &Ctx) -> &str {
    own_path(ctx.reader.query.get("next").map_or("/", String::as_str))
}

pub(crate) async fn draw_prove(
    ctx: &Ctx,
    status: StatusCode,
    next: &str,
    error: Option<String>,
) -> Result<Response, Problem> {
    let means = match ctx.core().users.second_factor(&ctx.session).await? {
        SecondFactor::Active(means) => Some(means),
        SecondFactor::None => None,
    };
    let has_passkeys = means.is_some_and(|means| means.passkeys > 0);
    let passkey = if has_passkeys { for_proof(ctx, next) } else { None };
    let f = ctx.frame("");
    Ok(html(status, &Prove { f: &f, once: ctx.once("/prove"), next, means, passkey, error }))
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
    app: App,
    /// Those that are left, if a second factor is on: an app or a passkey.
    recovery_codes: Option<u64>,
    begin: String,
    activate: String,
    renew: String,
    off: String,
    limits: String,
    accounts: Vec<(Held, String)>,
    error: Option<String>,
    limit_error: Option<String>,
}

impl Shown<'_> {
    fn has_app(&self) -> bool {
        matches!(self.app, App::On)
    }
}

/// What the page shows of the app.
enum App {
    None,
    Offered {
        /// In groups of four.
        secret: String,
        link: String,
        qr: Option<String>,
    },
    On,
}

async fn app(ctx: &Ctx, factor: SecondFactor) -> Result<App, Problem> {
    let users = &ctx.core().users;
    if matches!(factor, SecondFactor::Active(means) if means.has_app) {
        return Ok(App::On);
    }
    // Only who has proved it lately sees the secret.
    if !users.is_proved(&ctx.session).await? {
        return Ok(App::None);
    }
    Ok(users.offered(&ctx.session).await?.map_or(App::None, |offered| {
        let (issuer, email) = (quoted(&ctx.core().institution), quoted(&ctx.session.email));
        let link = format!("otpauth://totp/{issuer}:{email}?secret={}&issuer={issuer}", offered.secret);
        let groups: Vec<&str> =
            offered.secret.as_bytes().chunks(4).filter_map(|part| std::str::from_utf8(part).ok()).collect();
        App::Offered { secret: groups.join(" "), qr: qr::svg(&link), link }
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
    let factor = ctx.core().users.second_factor(&ctx.session).await?;
    let recovery_codes = match factor {
        SecondFactor::Active(means) => Some(means.recovery_codes),
        SecondFactor::None => None,
    };
    let mut accounts = Vec::new();
    if recovery_codes.is_some() {
        for held in ctx.customer.accounts().await? {
            let limit = ctx.core().users.unasked_limit(held.account.id).await?;
            let limit = numbers::input(limit, held.account.asset.scale, ctx.reader.words);
            accounts.push((held, limit));
        }
    }
    let f = ctx.frame("settings");
    let page = Shown {
        f: &f,
        app: app(ctx, factor).await?,
        recovery_codes,
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
    why: RecoveryCodes,
}

/// Why recovery codes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryCodes {
    /// The second factor is on since now.
    WithApp,
    /// The same, with a passkey.
    WithPasskey,
    /// The customer wanted new ones.
    Renewed,
}

impl Codes<'_> {
    fn is_first(&self) -> bool {
        self.why != RecoveryCodes::Renewed
    }

    fn onward(&self) -> &'static str {
        match self.why {
            RecoveryCodes::WithPasskey => "/settings/passkeys",
            RecoveryCodes::WithApp | RecoveryCodes::Renewed => HERE,
        }
    }
}

/// Shows recovery codes, once.
pub(crate) fn show_codes(ctx: &Ctx, codes: &[String], why: RecoveryCodes) -> Response {
    html(StatusCode::OK, &Codes { f: &ctx.frame("settings"), codes, why })
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
        Ok(codes) => Ok(show_codes(&ctx, &codes, RecoveryCodes::WithApp)),
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
    Ok(show_codes(&ctx, &codes, RecoveryCodes::Renewed))
}

/// `POST /settings/second-factor/off`
pub(crate) async fn off(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    users.remove_second_factor(&ctx.session, &ctx.reader.texts()).await?;
    let said = match users.second_factor(&ctx.session).await? {
        SecondFactor::None => "factor-off",
        SecondFactor::Active(_) => "app-off",
    };
    Ok(go(&format!("{HERE}?said={said}")))
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
        users.set_unasked_limit(account, limit).await?;
    }
    Ok(go(&format!("{HERE}?said=saved")))
}
