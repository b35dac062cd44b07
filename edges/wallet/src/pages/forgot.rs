//! The pages behind links in letters: a new password for somebody who forgot it, and a new e-mail address.
//!
//! A link is only used up by its form, because programs look at links of letters.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};

use super::context::{Message, Problem, Reader, go, paused, try_later};
use super::frame::Frame;
use crate::users::{Asked, ResetError};

#[derive(Template)]
#[template(path = "forgot.html")]
struct Forgot<'a> {
    f: &'a Frame,
    email: &'a str,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct Choose<'a> {
    f: &'a Frame,
    token: &'a str,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "email.html")]
struct NewAddress<'a> {
    f: &'a Frame,
    token: &'a str,
}

/// The last part of the address.
fn token(reader: &Reader) -> &str {
    reader.path.rsplit('/').next().unwrap_or_default()
}

/// `GET /forgot`
pub(crate) async fn page(reader: Reader) -> Response {
    html(StatusCode::OK, &Forgot { f: &reader.frame(), email: "", error: None })
}

/// `POST /forgot`
pub(crate) async fn ask(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let email = posted.text("email");
    let f = reader.frame();
    let refused = |status, text: String| html(status, &Forgot { f: &f, email, error: Some(text) });
    match reader.core.users.ask_for_reset(email, reader.words, &reader.visitor).await? {
        Asked::Yes => {
            let text = "If this e-mail address has a wallet here, we have sent a letter with a link to it. Open the \
                        link within 30 minutes.";
            let link = Some(("/sign-in", "Sign in"));
            Ok(html(StatusCode::OK, &Message { f: &f, title: "Look into your mail", text, link }))
        }
        Asked::Unreadable => {
            let text = f.t("Write an e-mail address such as name@example.com.").to_owned();
            Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, text))
        }
        Asked::Paused(wait) => Ok(try_later(refused(StatusCode::TOO_MANY_REQUESTS, paused(&reader, wait)), Some(wait))),
    }
}

fn ended(reader: &Reader) -> Response {
    let text = "This link was used before or has expired. Ask for a new one.";
    let link = Some(("/forgot", "Ask for a new link"));
    html(StatusCode::GONE, &Message { f: &reader.frame(), title: "This link has ended", text, link })
}

/// `GET /reset/{token}`
pub(crate) async fn choose_page(reader: Reader) -> Response {
    match reader.core.users.is_reset(token(&reader)).await {
        Ok(true) => html(StatusCode::OK, &Choose { f: &reader.frame(), token: token(&reader), error: None }),
        Ok(false) => ended(&reader),
        Err(error) => reader.problem(&error.into()),
    }
}

/// `POST /reset/{token}`
pub(crate) async fn choose(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let f = reader.frame();
    let refused = |text: &str| {
        let page = Choose { f: &f, token: token(&reader), error: Some(f.t(text).to_owned()) };
        Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let new = posted.secret("password");
    if new != posted.secret("again") {
        return refused("The two passwords are not equal.");
    }
    match reader.core.users.reset(token(&reader), new, &reader.visitor, &reader.texts()).await {
        Ok(()) => Ok(go("/sign-in?said=reset")),
        Err(ResetError::Ended) => Ok(ended(&reader)),
        Err(ResetError::Store(error)) => Err(error.into()),
        Err(ResetError::Paused(wait)) => refused(&paused(&reader, wait)),
        Err(error) => refused(&error.to_string()),
    }
}

/// `GET /email/{token}`
pub(crate) async fn email_page(reader: Reader) -> Response {
    html(StatusCode::OK, &NewAddress { f: &reader.frame(), token: token(&reader) })
}

/// `POST /email/{token}`
pub(crate) async fn email(reader: Reader, _: Posted) -> Result<Response, Problem> {
    if reader.core.users.change_email(token(&reader), &reader.texts()).await? {
        return Ok(go("/sign-in?said=email-changed"));
    }
    let text = "This link was used before or has expired, or somebody else uses this address by now.";
    let link = Some(("/settings", "Settings"));
    Ok(html(StatusCode::GONE, &Message { f: &reader.frame(), title: "This link has ended", text, link }))
}
