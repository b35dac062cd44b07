//! The customer's own settings: language, colours, password, and where the customer is signed in.
//! Signing in is in `doors`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use uuid::Uuid;

use super::context::{Ctx, Posted, Problem, go};
use super::doors::paused;
use super::frame::{Frame, html};
use crate::users::{PasswordError, SessionRow};

const YEAR: u64 = 365 * 24 * 3600;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings<'a> {
    f: &'a Frame,
    email: &'a str,
    sessions: &'a [SessionRow],
    own: Uuid,
    save: String,
    password: String,
    end: String,
    error: Option<String>,
}

impl Settings<'_> {
    fn is_own(&self, id: &Uuid) -> bool {
        self.own == *id
    }

    fn device(&self, session: &SessionRow) -> String {
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
        let find = |names: &[(&str, &'static str)]| {
            names.iter().find(|(part, _)| session.device.contains(part)).map(|(_, name)| *name)
        };
        match (find(&known), find(&systems)) {
            (Some(browser), Some(system)) => format!("{browser}, {system}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => self.f.t("Unknown device").to_owned(),
        }
    }
}

/// `GET /settings`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, error: Option<String>) -> Result<Response, Problem> {
    let sessions = ctx.core().users.sessions(&ctx.session).await?;
    let f = ctx.frame("settings");
    let page = Settings {
        f: &f,
        email: &ctx.session.email,
        sessions: &sessions,
        own: ctx.session.id,
        save: ctx.once("/settings"),
        password: ctx.once("/settings/password"),
        end: ctx.once("/settings/sessions"),
        error,
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
        let line = ctx.reader.set_cookie(name, value, Some(YEAR));
        line.map(|line| response.headers_mut().append(SET_COOKIE, line));
    }
    Ok(response)
}

/// `POST /settings/password`
pub(crate) async fn change_password(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (old, new) = (posted.secret("old"), posted.secret("new"));
    let refused =
        |text: String| draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(ctx.reader.words.t(&text).to_owned()));
    if new != posted.secret("again") {
        return refused("The two passwords are not equal.".to_owned()).await;
    }
    match ctx.core().users.change_password(&ctx.session, old, new, &ctx.reader.visitor).await {
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
