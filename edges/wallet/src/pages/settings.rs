//! The customer's own settings: language, colours, e-mail address, password, and where the customer is signed in.
//! Signing in is in `doors`.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go, paused};
use super::frame::Frame;
use super::security::{needs_code, prove_first};
use crate::users::{EmailChangeError, PasswordError, SecondFactor, SessionRow};

const YEAR: Duration = Duration::from_hours(365 * 24);

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings<'a> {
    f: &'a Frame,
    email: &'a str,
    sessions: &'a [SessionRow],
    own: Uuid,
    save: String,
    password: String,
    change_email: String,
    end: String,
    second_factor: bool,
    passkeys: u64,
    about_password: Option<String>,
    about_email: Option<String>,
}

/// The form that was not accepted.
#[derive(Clone, Copy)]
enum Part {
    Password,
    Email,
}

impl Settings<'_> {
    fn is_own(&self, id: &Uuid) -> bool {
        self.own == *id
    }

    fn has_passkeys(&self) -> bool {
        self.passkeys > 0
    }

    fn device(&self, session: &SessionRow) -> String {
        device_name(self.f, &session.device)
    }
}

/// What a browser says about itself, in few words.
pub(crate) fn device_name(f: &Frame, device: &str) -> String {
    let known =
        [("Firefox", "Firefox"), ("Edg/", "Edge"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl")];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| device.contains(part)).map(|(_, name)| *name);
    match (find(&known), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => f.t("Unknown device").to_owned(),
    }
}

/// `GET /settings`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, wrong: Option<(Part, String)>) -> Result<Response, Problem> {
    let sessions = ctx.core().users.sessions(&ctx.session).await?;
    let (second_factor, passkeys) = match ctx.core().users.second_factor(&ctx.session).await? {
        SecondFactor::Active(means) => (true, means.passkeys),
        SecondFactor::None => (false, 0),
    };
    let (about_password, about_email) = match wrong {
        Some((Part::Password, text)) => (Some(text), None),
        Some((Part::Email, text)) => (None, Some(text)),
        None => (None, None),
    };
    let f = ctx.frame("settings");
    let page = Settings {
        f: &f,
        email: &ctx.session.email,
        sessions: &sessions,
        own: ctx.session.id,
        save: ctx.once("/settings"),
        password: ctx.once("/settings/password"),
        change_email: ctx.once("/settings/email"),
        end: ctx.once("/settings/sessions"),
        second_factor,
        passkeys,
        about_password,
        about_email,
    };
    Ok(html(status, &page))
}

/// `POST /settings`
pub(crate) async fn save(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let language = match posted.text("language") {
        language @ ("en" | "de") => language,
        _ => "",
    };
    let theme = match posted.text("theme") {
        theme @ ("light" | "dark") => theme,
        _ => "",
    };
    let mut response = go("/settings?said=saved");
    for (name, value) in [("wallet_language", language), ("wallet_theme", theme)] {
        let line = ctx.core().settings.cookies.line(name, value, Some(YEAR));
        line.map(|line| response.headers_mut().append(SET_COOKIE, line));
    }
    Ok(response)
}

async fn refuse(ctx: &Ctx, part: Part, text: String) -> Result<Response, Problem> {
    let said = ctx.reader.words.t(&text).to_owned();
    draw(ctx, StatusCode::UNPROCESSABLE_ENTITY, Some((part, said))).await
}

/// `POST /settings/email`
pub(crate) async fn change_email(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    if needs_code(&ctx).await? {
        return Ok(prove_first("/settings"));
    }
    let (new, password) = (posted.text("email"), posted.secret("password"));
    let (users, visitor, texts) = (&ctx.core().users, &ctx.reader.visitor, ctx.reader.texts());
    match users.ask_for_email(&ctx.session, new, password, visitor, &texts).await {
        Ok(()) => Ok(go("/settings?said=email")),
        Err(EmailChangeError::Store(error)) => Err(error.into()),
        Err(EmailChangeError::Paused(wait)) => refuse(&ctx, Part::Email, paused(&ctx.reader, wait)).await,
        Err(error) => refuse(&ctx, Part::Email, error.to_string()).await,
    }
}

/// `POST /settings/password`
pub(crate) async fn change_password(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    if needs_code(&ctx).await? {
        return Ok(prove_first("/settings"));
    }
    let (old, new) = (posted.secret("old"), posted.secret("new"));
    let refused = |text: String| refuse(&ctx, Part::Password, text);
    if new != posted.secret("again") {
        return refused("The two passwords are not equal.".to_owned()).await;
    }
    match ctx.core().users.change_password(&ctx.session, old, new, &ctx.reader.visitor, &ctx.reader.texts()).await {
        Ok(()) => Ok(go("/settings?said=password")),
        Err(PasswordError::Store(error)) => Err(error.into()),
        Err(PasswordError::Paused(wait)) => refused(paused(&ctx.reader, wait)).await,
        Err(error) => refused(error.to_string()).await,
    }
}

/// `POST /settings/sessions`
pub(crate) async fn end_session(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    match posted.id("session") {
        Some(session) => users.end(&ctx.session, session).await?,
        None => users.end_others(&ctx.session).await?,
    }
    Ok(go("/settings?said=session"))
}
