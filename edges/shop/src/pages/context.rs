//! A request of a browser: who it is, its language, and the tokens of its forms.
//!
//! A customer is a browser with a cookie; the owner of the shop knows the password of the desk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_kit::WrongGuess;
use page_kit::{Posted, Words, cookie, form_token, html, own_path, path_parameters, serve_file, version_of};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::FILES;
use super::frame::Frame;
use crate::till::TillError;
use crate::{Core, Shop};

/// The most octets of a form.
pub(crate) const FORM_MAX: usize = 16 * 1024;
const VISITOR: &str = "shop_visitor";
const LANGUAGE: &str = "shop_language";
/// Forms of the desk belong to no visitor.
const DESK: Uuid = Uuid::nil();
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("There is nothing here for this browser. Open the page in the browser that has ordered.")]
    NotFound,
    #[error("This form is no longer valid. Open the page again; nothing was done.")]
    ForeignForm,
    #[error("You did not come back from the wallet that was asked, so nothing was paid. Order again.")]
    ForeignReturn,
    #[error("A wallet does not answer at the moment. Nothing was paid; try again in a minute.")]
    Wallet,
    #[error("A wallet has refused. Nothing was paid. Try it with another wallet, or ask the people who run this one.")]
    Refused,
    #[error("The shop cannot do this at the moment. Nothing was paid; try again in a minute.")]
    Store,
}

impl From<database::Error> for Problem {
    fn from(error: database::Error) -> Self {
        tracing::error!(%error, "a page got no answer from the database");
        Self::Store
    }
}

impl From<TillError> for Problem {
    fn from(error: TillError) -> Self {
        let transient = error.is_transient();
        match error {
            TillError::Store(error) => error.into(),
            error => {
                tracing::warn!(%error, "a page got no answer from a wallet");
                if transient { Self::Wallet } else { Self::Refused }
            }
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ForeignForm | Self::ForeignReturn => StatusCode::FORBIDDEN,
            Self::Wallet | Self::Refused => StatusCode::BAD_GATEWAY,
            Self::Store => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    f: &'a Frame,
    text: String,
}

/// Whether the sender of a request has shown the password of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Wrong,
    Password,
}

/// A request of any browser.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) core: Arc<Core>,
    pub(crate) words: Words,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
    visitor: Option<Uuid>,
    shown: Shown,
}

impl FromRequestParts<Shop> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Self::Rejection> {
        let parameters = path_parameters(parts, shop).await;
        let text = |name: http::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            core: Arc::clone(&shop.0),
            words: Words::of(cookie(&parts.headers, LANGUAGE), text(ACCEPT_LANGUAGE)),
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            parameters,
            visitor: cookie(&parts.headers, VISITOR).and_then(|id| Uuid::try_parse(id).ok()).filter(|id| *id != DESK),
            shown: shown(text(AUTHORIZATION), &shop.0.settings.desk_password),
        })
    }
}

/// Basic authentication (RFC 7617) with any name.
fn shown(header: Option<&str>, password: &str) -> Shown {
    let Some(header) = header else { return Shown::Nothing };
    let told = header.strip_prefix("Basic ").and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
    let told = told.as_deref().and_then(|told| Some(&told[told.iter().position(|octet| *octet == b':')? + 1..]));
    let is_right = told.is_some_and(|told| told.ct_eq(password.as_bytes()).into());
    if is_right { Shown::Password } else { Shown::Wrong }
}

impl Reader {
    pub(crate) fn frame(&self) -> Frame {
        Frame {
            w: self.words,
            accent: self.core.settings.accent.word(),
            shop: self.core.settings.name.clone(),
            version: version_of(&FILES),
            path: self.path.clone(),
            again: None,
            onward: None,
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> Result<Uuid, Problem> {
        Uuid::parse_str(self.parameter("id")).map_err(|_| Problem::NotFound)
    }

    pub(crate) fn problem(&self, problem: &Problem) -> Response {
        let f = self.frame();
        let text = f.t(&problem.to_string()).to_owned();
        html(problem.status(), &Message { f: &f, text })
    }

    /// An answer, or the page that says why there is none.
    pub(crate) fn answer(&self, made: Result<Response, Problem>) -> Response {
        made.unwrap_or_else(|problem| self.problem(&problem))
    }

    /// The browser; a new one gets an id.
    pub(crate) fn visitor(&self) -> Uuid {
        self.visitor.unwrap_or_else(|| self.core.entropy.uuid())
    }

    /// The browser, if it was here before.
    pub(crate) fn known_visitor(&self) -> Option<Uuid> {
        self.visitor
    }

    /// Adds the cookie of the browser.
    pub(crate) fn remembered(&self, visitor: Uuid, mut response: Response) -> Response {
        let line = self.core.settings.cookies.line(VISITOR, &visitor.simple().to_string(), Some(YEAR));
        response.headers_mut().extend(line.map(|line| (SET_COOKIE, line)));
        response
    }

    /// The page that was asked for, in another language.
    pub(crate) fn in_language(&self, code: &str, to: &str) -> Response {
        let mut response = Redirect::to(own_path(to)).into_response();
        let line = self.core.settings.cookies.line(LANGUAGE, if code == "de" { "de" } else { "en" }, Some(YEAR));
        response.headers_mut().extend(line.map(|line| (SET_COOKIE, line)));
        response
    }

    /// A token for a form that this browser sends to `path`.
    pub(crate) fn once(&self, visitor: Uuid, path: &str) -> String {
        self.once_more(visitor, path, self.core.entropy.uuid())
    }

    /// The same with the key of a form that was refused.
    pub(crate) fn once_more(&self, visitor: Uuid, path: &str, key: Uuid) -> String {
        form_token::issue(&self.core.seal, visitor, path, key)
    }

    /// The key of a form that this browser sent to this path.
    pub(crate) fn key(&self, visitor: Uuid, posted: &Posted) -> Result<Uuid, Problem> {
        let key = form_token::check(&self.core.seal, visitor, &self.path, posted.text("once"));
        key.ok_or(Problem::ForeignForm)
    }

    /// A token for a form of the desk.
    pub(crate) fn desk_once(&self, path: &str) -> String {
        self.once(DESK, path)
    }

    /// The key of a form of the desk.
    pub(crate) fn desk_key(&self, posted: &Posted) -> Result<Uuid, Problem> {
        self.key(DESK, posted)
    }

    /// The answer to everybody but the owner of the shop.
    pub(crate) fn refusal(&self) -> Option<Response> {
        let ask = HeaderValue::from_static("Basic realm=\"shop\", charset=\"UTF-8\"");
        let text = "The desk is for the owner of the shop.";
        let mut response = (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, ask)], text).into_response();
        match self.shown {
            Shown::Password => return None,
            Shown::Wrong => drop(response.extensions_mut().insert(WrongGuess)),
            Shown::Nothing => {}
        }
        Some(response)
    }
}

/// Another page.
pub(crate) fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// `GET /static/{version}/{name}`
pub(crate) async fn serve(Path((_, name)): Path<(String, String)>) -> Response {
    serve_file(&FILES, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desk_opens_with_its_password_only() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(shown(Some(&basic("owner:open: sesame")), "open: sesame"), Shown::Password);
        assert_eq!(shown(None, "open: sesame"), Shown::Nothing);
        for wrong in ["Bearer x".to_owned(), basic("open: sesame"), basic("owner:"), "Basic ?".to_owned()] {
            assert_eq!(shown(Some(&wrong), "open: sesame"), Shown::Wrong, "{wrong}");
        }
    }
}
