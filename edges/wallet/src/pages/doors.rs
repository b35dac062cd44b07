//! The doors of the wallet: signing up, confirming an e-mail address, signing in and out.
//!
//! Which password is right is decided in `users`.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Message, OneClick, Problem, Reader, go, paused, quoted, try_later};
use super::frame::Frame;
use super::passkey_forms::{UsePasskey, for_guest};
use super::security::said;
use crate::users::{Entered, Means, NewUser, ProofError, SignInError, SignUpError, SignedUp, Verification};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    f: &'a Frame,
    error: Option<String>,
    email: &'a str,
    /// The rest of the address that keeps the page that was asked for.
    next: String,
    one_click: &'a [OneClick],
    passkey: Option<UsePasskey>,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct Code<'a> {
    f: &'a Frame,
    /// Stands for the password that was given.
    half: &'a str,
    next: String,
    means: Means,
    passkey: Option<UsePasskey>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_up.html")]
struct SignUp<'a> {
    f: &'a Frame,
    email: &'a str,
    name: &'a str,
    /// The field and what is wrong with it.
    wrong: Option<(&'static str, String)>,
}

impl SignUp<'_> {
    fn error(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOut<'a> {
    f: &'a Frame,
    once: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct Verify<'a> {
    f: &'a Frame,
    token: &'a str,
}

fn next(reader: &Reader) -> &str {
    reader.query.get("next").map_or("", String::as_str)
}

fn draw_sign_in(reader: &Reader, status: StatusCode, email: &str, error: Option<String>) -> Response {
    let (f, settings) = (reader.frame(), &reader.core.settings);
    let one_click = if settings.playground { settings.one_click.as_slice() } else { &[] };
    let next = kept_next(reader);
    let passkey = for_guest(reader, "", &next);
    html(status, &SignIn { f: &f, error, email, next, one_click, passkey })
}

/// The rest of an address that keeps the page which was asked for.
fn kept_next(reader: &Reader) -> String {
    match next(reader) {
        "" => String::new(),
        next => format!("?next={}", quoted(next)),
    }
}

/// Goes on with a session, or asks for a code or a passkey.
async fn enter(reader: &Reader, entered: Entered) -> Result<Response, Problem> {
    match entered {
        Entered::Session(token) => Ok(enter_session(reader, &token)),
        Entered::CodeNeeded(half) => draw_code(reader, StatusCode::OK, &half, None).await,
    }
}

/// Goes on with a session.
pub(crate) fn enter_session(reader: &Reader, token: &str) -> Response {
    reader.enter(token, if next(reader).is_empty() { "/" } else { next(reader) })
}

async fn draw_code(
    reader: &Reader,
    status: StatusCode,
    half: &str,
    error: Option<String>,
) -> Result<Response, Problem> {
    let Some(means) = reader.core.users.means_of_half(half).await? else {
        let said = reader.words.t(&ProofError::Ended.to_string()).to_owned();
        return Ok(draw_sign_in(reader, StatusCode::UNPROCESSABLE_ENTITY, "", Some(said)));
    };
    let next = kept_next(reader);
    let passkey = if means.passkeys > 0 { for_guest(reader, half, &next) } else { None };
    Ok(html(status, &Code { f: &reader.frame(), half, next, means, passkey, error }))
}

/// The page on which a passkey was refused: that for signing in, or that after the password.
pub(crate) async fn draw_again(
    reader: &Reader,
    status: StatusCode,
    half: &str,
    error: String,
) -> Result<Response, Problem> {
    match half {
        "" => Ok(draw_sign_in(reader, status, "", Some(error))),
        half => draw_code(reader, status, half, Some(error)).await,
    }
}

/// `GET /sign-in/code`: the password comes first.
pub(crate) async fn code_page() -> Response {
    go("/sign-in")
}

/// `POST /sign-in/code`
pub(crate) async fn code(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let half = posted.text("half");
    match reader.core.users.sign_in_with_code(half, posted.text("code"), &reader.visitor).await {
        Ok(token) => Ok(enter_session(&reader, &token)),
        Err(ProofError::Store(error)) => Err(error.into()),
        Err(error @ ProofError::Ended) => {
            let said = reader.words.t(&error.to_string()).to_owned();
            Ok(draw_sign_in(&reader, StatusCode::UNPROCESSABLE_ENTITY, "", Some(said)))
        }
        Err(error) => {
            let (status, said) = said(&reader, &error);
            Ok(try_later(draw_code(&reader, status, half, Some(said)).await?, error.wait()))
        }
    }
}

/// `GET /sign-in`
pub(crate) async fn sign_in_page(reader: Reader) -> Response {
    draw_sign_in(&reader, StatusCode::OK, "", None)
}

/// `POST /sign-in`
pub(crate) async fn sign_in(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let email = posted.text("email");
    match reader.core.users.sign_in(email, posted.secret("password"), &reader.visitor).await {
        Ok(entered) => enter(&reader, entered).await,
        Err(SignInError::Store(error)) => Err(error.into()),
        Err(SignInError::Paused(wait)) => {
            let said = paused(&reader, wait);
            let response = draw_sign_in(&reader, StatusCode::TOO_MANY_REQUESTS, email, Some(said));
            Ok(try_later(response, Some(wait)))
        }
        Err(error) => {
            let status = match error {
                SignInError::Unverified | SignInError::Leaving => StatusCode::FORBIDDEN,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let said = reader.words.t(&error.to_string()).to_owned();
            Ok(draw_sign_in(&reader, status, email, Some(said)))
        }
    }
}

/// `POST /sign-in/one-click`
pub(crate) async fn one_click(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let settings = &reader.core.settings;
    let email = posted.text("email");
    let known = settings.playground && settings.one_click.iter().any(|user| user.email == email);
    if !known {
        return Err(Problem::NotFound);
    }
    match reader.core.users.enter(email, &reader.visitor).await? {
        Some(entered) => enter(&reader, entered).await,
        None => Err(Problem::NotFound),
    }
}

/// `GET /sign-up`
pub(crate) async fn sign_up_page(reader: Reader) -> Response {
    let f = reader.frame();
    html(StatusCode::OK, &SignUp { f: &f, email: "", name: "", wrong: None })
}

/// What somebody reads who signs up in a playground with the address of an operator.
const OF_AN_OPERATOR: &str =
    "This address belongs to an operator, and nobody can confirm it here. Add its user to the seed file.";

/// `POST /sign-up`
pub(crate) async fn sign_up(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let (email, name) = (posted.text("email"), posted.text("name"));
    let password = posted.secret("password");
    let f = reader.frame();
    let refused = |field: &'static str, text: String| {
        let text = f.t(&text).to_owned();
        Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &SignUp { f: &f, email, name, wrong: Some((field, text)) }))
    };
    if posted.secret("again") != password {
        return refused("again", "The two passwords are not equal.".to_owned());
    }
    if posted.text("terms") != "yes" {
        return refused("terms", "Agree to the terms first.".to_owned());
    }

    // Nobody shows here that the address is theirs, so an operator comes from the seed.
    let is_shown = reader.core.settings.verification == Verification::ByLetter;
    if !is_shown && reader.core.operators.has(&email.trim().to_lowercase()) {
        return refused("email", OF_AN_OPERATOR.to_owned());
    }

    let new = NewUser { email: email.to_owned(), name: name.to_owned(), password: password.to_owned() };
    match reader.core.users.sign_up(&new, &reader.visitor, &reader.texts()).await {
        Ok(SignedUp::Active) => match reader.core.users.enter(&email.to_lowercase(), &reader.visitor).await? {
            Some(Entered::Session(token)) => Ok(reader.enter(&token, "/?said=welcome")),
            Some(Entered::CodeNeeded(_)) | None => Ok(go("/sign-in")),
        },
        Ok(SignedUp::LetterSent) => {
            let text = "If this e-mail address is not in use here yet, we have sent a letter with a link to it. \
                        Open the link within 24 hours.";
            let message = Message { f: &f, title: "Look into your mail", text, link: Some(("/sign-in", "Sign in")) };
            Ok(html(StatusCode::OK, &message))
        }
        Err(SignUpError::Store(error)) => Err(error.into()),
        Err(error) => {
            let field = match error {
                SignUpError::Name => "name",
                SignUpError::Password(_) => "password",
                SignUpError::Email | SignUpError::Taken | SignUpError::Busy | SignUpError::Store(_) => "email",
            };
            refused(field, error.to_string())
        }
    }
}

/// `GET /verify/{token}`: programs that look at links of letters do not use it up, because only the form does.
pub(crate) async fn verify_page(reader: Reader, Path(token): Path<String>) -> Response {
    let f = reader.frame();
    html(StatusCode::OK, &Verify { f: &f, token: &token })
}

/// `POST /verify/{token}`
pub(crate) async fn verify(reader: Reader, Path(token): Path<String>) -> Response {
    match reader.core.users.verify(&token).await {
        Ok(true) => go("/sign-in?said=verified"),
        Ok(false) => {
            let text = "This link was used before or has expired. Sign in, or sign up again.";
            let f = reader.frame();
            let message = Message { f: &f, title: "This link has ended", text, link: Some(("/sign-in", "Sign in")) };
            html(StatusCode::GONE, &message)
        }
        Err(error) => reader.problem(&error.into()),
    }
}

/// `GET /sign-out`: opening an address ends nothing, so it asks.
pub(crate) async fn sign_out_page(ctx: Ctx) -> Result<Response, Problem> {
    let once = ctx.once("/sign-out");
    Ok(html(StatusCode::OK, &SignOut { f: &ctx.frame("settings"), once }))
}

/// `POST /sign-out`
pub(crate) async fn sign_out(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    ctx.core().users.end(&ctx.session, ctx.session.id).await?;
    Ok(ctx.reader.with_session("", go("/sign-in?said=signed-out")))
}
