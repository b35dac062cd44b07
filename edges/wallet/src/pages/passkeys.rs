//! Passkeys: the customer's list, the forms that a script fills in, and the questions that it asks before.
//!
//! Which answer is right is decided in `users`. Browsers that know no passkeys, or run no scripts, show none of the forms.

use std::borrow::Borrow;

use askama::Template;
use axum::Json;
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use page_kit::{Posted, html, own_path};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::{Ctx, Problem, Reader, go, passkey_cookie, paused, try_later};
use super::doors;
use super::frame::Frame;
use super::security::{RecoveryCodes, draw_prove, prove_first, show_codes};
use super::settings::device_name;
use crate::users::{Added, AskedForPasskey, PASSKEY_WITHIN, Passkey, PasskeyError, ToMake};
use crate::webauthn::{ALGORITHMS, Answer, Backup, Created, Refusal, read};

const HERE: &str = "/settings/passkeys";

#[derive(Template)]
#[template(path = "passkeys.html")]
struct Shown<'a> {
    f: &'a Frame,
    passkeys: &'a [Passkey],
    adding: Adding,
    name: String,
    change: String,
    remove: String,
    error: Option<String>,
}

/// How the customer goes on to a new passkey.
enum Adding {
    /// After proving who it is.
    ProveFirst {
        begin: String,
    },
    Now {
        add: String,
        ask: String,
    },
    /// The wallet has no address for which there are passkeys.
    Never,
}

impl Shown<'_> {
    fn place(&self, passkey: &Passkey) -> &str {
        self.f.t(match passkey.backup {
            Backup::OneDevice => "on one device",
            Backup::NotYet | Backup::Copied => "kept by a password manager",
        })
    }

    fn since(&self, at: impl Borrow<Timestamp>) -> String {
        self.f.with("since {}", self.f.date(at))
    }
}

/// `GET /settings/passkeys`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, name: Option<&str>, error: Option<String>) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    let passkeys = users.passkeys(&ctx.session).await?;
    let adding = if !users.has_passkeys() {
        Adding::Never
    } else if users.is_proved(&ctx.session).await? {
        Adding::Now { add: ctx.once(HERE), ask: ctx.once("/settings/passkeys/question") }
    } else {
        Adding::ProveFirst { begin: ctx.once("/settings/passkeys/begin") }
    };
    let f = ctx.frame("settings");
    let name = name.map_or_else(|| device_name(&f, &ctx.reader.visitor.device), str::to_owned);
    let (change, remove) = (ctx.once("/settings/passkeys/name"), ctx.once("/settings/passkeys/remove"));
    Ok(html(status, &Shown { f: &f, passkeys: &passkeys, adding, name, change, remove, error }))
}

/// The status and the words of a refusal.
fn said(reader: &Reader, error: &PasskeyError) -> (StatusCode, String) {
    match error {
        PasskeyError::Paused(wait) => (StatusCode::TOO_MANY_REQUESTS, paused(reader, *wait)),
        PasskeyError::Leaving => (StatusCode::FORBIDDEN, reader.words.t(&error.to_string()).to_owned()),
        other => (StatusCode::UNPROCESSABLE_ENTITY, reader.words.t(&other.to_string()).to_owned()),
    }
}

/// The page again, with what is wrong.
async fn refused(ctx: &Ctx, name: Option<&str>, error: PasskeyError) -> Result<Response, Problem> {
    match error {
        PasskeyError::Store(error) => Err(error.into()),
        error => {
            let (status, said) = said(&ctx.reader, &error);
            draw(ctx, status, name, Some(said)).await
        }
    }
}

/// `POST /settings/passkeys/begin`
pub(crate) async fn begin(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let is_proved = ctx.core().users.is_proved(&ctx.session).await?;
    Ok(if is_proved { go(HERE) } else { prove_first(HERE) })
}

/// `POST /settings/passkeys/question`
pub(crate) async fn question(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(told(StatusCode::FORBIDDEN, &json!({"to": HERE})));
    }
    let asked = users.passkey_to_make(&ctx.session).await;
    answered(&ctx.reader, asked.map(|to_make| creation(&ctx, &to_make)))
}

/// `POST /settings/passkeys`
pub(crate) async fn add(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    let name = posted.text("name");
    let created = match created(&posted) {
        Ok(created) => created,
        Err(refusal) => return refused(&ctx, Some(name), refusal.into()).await,
    };
    match users.add_passkey(&ctx.session, &created, name, &ctx.reader.texts()).await {
        Ok(Added::First(codes)) => Ok(show_codes(&ctx, &codes, RecoveryCodes::WithPasskey)),
        Ok(Added::Another) => Ok(go(&format!("{HERE}?said=passkey"))),
        Err(error) => refused(&ctx, Some(name), error).await,
    }
}

/// `POST /settings/passkeys/name`
pub(crate) async fn rename(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let id = posted.id("passkey").ok_or(Problem::NotFound)?;
    match ctx.core().users.name_passkey(&ctx.session, id, posted.text("name")).await {
        Ok(()) => Ok(go(&format!("{HERE}?said=saved"))),
        Err(error) => refused(&ctx, None, error).await,
    }
}

/// `POST /settings/passkeys/remove`
pub(crate) async fn remove(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let users = &ctx.core().users;
    if !users.is_proved(&ctx.session).await? {
        return Ok(prove_first(HERE));
    }
    let id = posted.id("passkey").ok_or(Problem::NotFound)?;
    users.remove_passkey(&ctx.session, id, &ctx.reader.texts()).await?;
    Ok(go(&format!("{HERE}?said=passkey-gone")))
}

/// `POST /prove/question`
pub(crate) async fn question_again(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let asked = ctx.core().users.ask_again(&ctx.session).await;
    answered(&ctx.reader, asked.map(|asked| request(&asked)))
}

/// `POST /prove/passkey`
pub(crate) async fn prove(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let next = own_path(posted.text("next"));
    let proved = match answer(&posted) {
        Ok(answer) => ctx.core().users.prove_with_passkey(&ctx.session, &answer, &ctx.reader.texts()).await,
        Err(refusal) => Err(refusal.into()),
    };
    match proved {
        Ok(()) => Ok(go(next)),
        Err(PasskeyError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (status, said) = said(&ctx.reader, &error);
            Ok(try_later(draw_prove(&ctx, status, next, Some(said)).await?, error.wait()))
        }
    }
}

/// `POST /sign-in/question`
pub(crate) async fn question_of_guest(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let (users, half) = (&reader.core.users, posted.text("half"));
    if !half.is_empty() {
        let asked = users.ask_half(half).await;
        return answered(&reader, asked.map(|asked| request(&asked)));
    }
    let token = hex::encode(reader.core.entropy.bytes::<32>());
    let asked = users.ask_browser(&token, &reader.visitor).await;
    let mut response = answered(&reader, asked.map(|asked| request(&asked)))?;
    let name = passkey_cookie(&reader.core.cookie);
    let line = reader.core.settings.cookies.line(&name, &token, Some(PASSKEY_WITHIN));
    response.headers_mut().extend(line.map(|line| (SET_COOKIE, line)));
    Ok(response)
}

/// `POST /sign-in/passkey`
pub(crate) async fn sign_in(reader: Reader, posted: Posted) -> Result<Response, Problem> {
    let (users, half) = (&reader.core.users, posted.text("half"));
    let (visitor, texts) = (&reader.visitor, reader.texts());
    let entered = match (answer(&posted), half) {
        (Err(refusal), _) => Err(refusal.into()),
        (Ok(answer), "") => users.sign_in_with_passkey(&reader.passkey_browser, &answer, visitor, &texts).await,
        (Ok(answer), half) => users.finish_with_passkey(half, &answer, visitor, &texts).await,
    };
    match entered {
        Ok(token) => Ok(doors::enter_session(&reader, &token)),
        Err(PasskeyError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (status, said) = said(&reader, &error);
            Ok(try_later(doors::draw_again(&reader, status, half, said).await?, error.wait()))
        }
    }
}

fn created(posted: &Posted) -> Result<Created, Refusal> {
    Ok(Created { client_data: read(posted.text("client"))?, attestation: read(posted.text("attestation"))? })
}

fn answer(posted: &Posted) -> Result<Answer, Refusal> {
    Ok(Answer {
        credential: read(posted.text("credential"))?,
        client_data: read(posted.text("client"))?,
        authenticator_data: read(posted.text("authenticator"))?,
        signature: read(posted.text("signature"))?,
        user_handle: read(posted.text("user"))?,
    })
}

/// What the script is told.
fn told(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, Json(value)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answered(reader: &Reader, question: Result<Value, PasskeyError>) -> Result<Response, Problem> {
    match question {
        Ok(question) => Ok(told(StatusCode::OK, &question)),
        Err(PasskeyError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (status, said) = said(reader, &error);
            Ok(try_later(told(status, &json!({"text": said})), error.wait()))
        }
    }
}

fn timeout() -> u64 {
    PASSKEY_WITHIN.as_secs() * 1000
}

/// `PublicKeyCredentialRequestOptionsJSON` of Web Authentication.
fn request(asked: &AskedForPasskey) -> Value {
    json!({
        "challenge": asked.challenge,
        "rpId": asked.site,
        "timeout": timeout(),
        "userVerification": "required",
        "allowCredentials": listed(&asked.allowed),
    })
}

/// `PublicKeyCredentialCreationOptionsJSON` of Web Authentication.
fn creation(ctx: &Ctx, to_make: &ToMake) -> Value {
    let kinds = ALGORITHMS.map(|algorithm| json!({"type": "public-key", "alg": algorithm}));
    json!({
        "challenge": to_make.challenge,
        "rp": {"id": to_make.site, "name": ctx.core().institution},
        "user": {"id": to_make.user_handle, "name": ctx.session.email, "displayName": ctx.session.name},
        "pubKeyCredParams": kinds,
        "timeout": timeout(),
        "excludeCredentials": listed(&to_make.existing),
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
        },
        "attestation": "none",
    })
}

fn listed(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({"type": "public-key", "id": id})).collect()
}
