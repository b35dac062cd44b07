//! A request of a browser: its language, its session, and the ways to answer it.
//!
//! The pages are elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, AdminError};
use askama::Template;
use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Redirect, Response};
use clock::{Clock, Entropy, Timestamp};
use http::header::{ACCEPT_LANGUAGE, RETRY_AFTER, SET_COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_kit::ClientAddress;
use page_kit::{
    Accent, Cookies, Posted, Seal, Words, cookie, form_token, html, own_path, path_parameters, sign_in_first,
};
use rates_service::RatesService;
use sealed_text::Sealer;
use uuid::Uuid;

use super::frame::Frame;
use crate::account_closing::AccountClosing;
use crate::challenges::{ChallengeSettings, Challenges};
use crate::consent::{ConsentError, Consents};
use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::leaving::Leaving;
use crate::letters::{Letters, Post, Texts};
use crate::modules::{Module, ModuleError, ModuleLinks};
use crate::operators::Operators;
use crate::sending::Sending;
use crate::users::{Lifetimes, Resets, Session, Users, Verification, Visitor};

/// The most octets of a form.
pub(crate) const FORM_MAX: usize = 16 * 1024;
const DEVICE_MAX: usize = 200;

/// A user of the playground who can sign in with one click.
#[derive(Clone, Debug)]
pub struct OneClick {
    /// The e-mail address.
    pub email: String,
    /// The name on the button.
    pub name: String,
}

/// The settings of the pages.
#[derive(Clone)]
pub struct PageSettings {
    /// The address at which browsers reach the wallet.
    pub public_url: url::Url,
    /// How long people stay signed in.
    pub lifetimes: Lifetimes,
    /// Whether new users confirm their e-mail address.
    pub verification: Verification,
    /// How letters leave.
    pub post: Post,
    /// Seals the secrets of second factors in the database.
    pub sealer: Sealer,
    /// Which connections cookies are sent over.
    pub cookies: Cookies,
    /// The colour.
    pub accent: Accent,
    /// Whether customers may give themselves play money, and sign in with one click.
    pub playground: bool,
    /// Buttons of the sign-in page, in the playground.
    pub one_click: Vec<OneClick>,
    /// The e-mail addresses of the users who may open the operators' pages. Nobody else finds these pages.
    pub operators: Vec<String>,
    /// The authorization server that asks for consent.
    pub consent: Option<crate::consent::ConsentSettings>,
    /// The provider of OAuth 2.0 that asks who somebody is, and what this person allows.
    pub challenges: Option<ChallengeSettings>,
    /// The Admin API of the authorization server, which has the grants.
    pub grants: Option<AdminClient>,
    /// The HTTP client.
    pub http: outbound_http::Outbound,
}

/// Everything that the pages use.
pub(crate) struct PageCore {
    pub(crate) settings: PageSettings,
    pub(crate) institution: String,
    pub(crate) users: Users,
    pub(crate) letters: Letters,
    pub(crate) resets: Resets,
    pub(crate) leaving: Leaving,
    pub(crate) account_closing: AccountClosing,
    pub(crate) effects: Effects,
    /// The modules whose pages are in other processes.
    pub(crate) elsewhere: ModuleLinks,
    pub(crate) sending: Sending,
    pub(crate) consents: Option<Consents>,
    pub(crate) challenges: Option<Challenges>,
    pub(crate) operators: Operators,
    /// The rates that this wallet serves, and since when.
    pub(crate) rates: RatesService,
    pub(crate) started_at: Timestamp,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) version: String,
    /// Cookies do not depend on the port, so two wallets on one host need cookies with different names.
    pub(crate) cookie: String,
}

/// The pages, as the routes share them.
#[derive(Clone)]
pub(crate) struct Pages(pub(crate) Arc<PageCore>);

impl FromRef<Pages> for Arc<PageCore> {
    fn from_ref(pages: &Pages) -> Self {
        Self::clone(&pages.0)
    }
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("There is nothing at this address, or it is not yours.")]
    NotFound,
    #[error("This form is no longer valid. Open the page again; nothing was done.")]
    ForeignForm,
    #[error("The service for payments does not answer at the moment. Nothing was lost; try again in a minute.")]
    Instance,
    #[error("The wallet cannot do this at the moment. Nothing was lost; try again in a minute.")]
    Store,
    /// Which one, if it is known.
    #[error("{}", away(*.0))]
    Module(Option<Module>),
}

/// Which part of the wallet does not answer, and what still works.
fn away(module: Option<Module>) -> &'static str {
    match module {
        None => "A part of the wallet does not answer at the moment. Nothing was lost; try again in a minute.",
        Some(Module::Users) => {
            "The part of the wallet that knows who is signed in does not answer at the moment. Nothing was lost, and \
             payments that you confirmed go on. Try again in a minute."
        }
        Some(Module::Agreements) => {
            "The part of the wallet with the agreements does not answer at the moment. What applications may do cannot \
             be shown or changed, and payments wait. Nothing was lost. Accounts and history can be seen."
        }
        Some(Module::Accounts) => {
            "The part of the wallet with the accounts does not answer at the moment. Balances and history cannot be \
             shown, and payments wait. Nothing was lost. Your settings work."
        }
        Some(Module::Payments) => {
            "The part of the wallet with the payments does not answer at the moment. You cannot send, ask for money, or \
             change contacts and cards. Nothing was lost. Accounts, history and agreements can be seen."
        }
    }
}

impl From<ModuleError> for Problem {
    fn from(error: ModuleError) -> Self {
        match error {
            ModuleError::Store(error) => error.into(),
            ModuleError::Instance { reason, .. } => {
                tracing::warn!(reason, "a page got no answer from the instance");
                Self::Instance
            }
            error @ (ModuleError::Away { .. } | ModuleError::Proof(_) | ModuleError::Unreadable(_)) => {
                tracing::warn!(%error, "a page got no answer from another module of the wallet");
                Self::Module(error.module())
            }
            error @ ModuleError::Failed { .. } => {
                tracing::error!(%error, "a page could not be made");
                Self::Store
            }
        }
    }
}

impl From<database::Error> for Problem {
    fn from(error: database::Error) -> Self {
        tracing::error!(%error, "a page got no answer from the database");
        Self::Store
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        tracing::warn!(%error, "a page got no answer from the instance");
        Self::Instance
    }
}

impl From<EffectError> for Problem {
    fn from(error: EffectError) -> Self {
        match error {
            EffectError::Admin(error) => error.into(),
            EffectError::Module(error) => error.into(),
            error => {
                tracing::error!(%error, "a page could not be made");
                Self::Store
            }
        }
    }
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::Effect(error) => error.into(),
            ConsentError::Interaction(error) => {
                tracing::warn!(%error, "no answer about a consent");
                Self::Instance
            }
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Instance => StatusCode::BAD_GATEWAY,
            Self::Store | Self::Module(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A request of any browser.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) core: Arc<PageCore>,
    pub(crate) words: Words,
    theme: &'static str,
    pub(crate) visitor: Visitor,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    /// The token of a browser that was asked for a passkey before anybody is signed in.
    pub(crate) passkey_browser: String,
}

/// The name of the cookie by which a browser in which nobody is signed in is known again.
pub(crate) fn passkey_cookie(session_cookie: &str) -> String {
    format!("{session_cookie}_passkey")
}

/// A request of a signed-in user.
#[derive(Clone)]
pub(crate) struct Ctx {
    pub(crate) reader: Reader,
    pub(crate) session: Session,
    pub(crate) customer: Customer,
    parameters: BTreeMap<String, String>,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message<'a> {
    pub(crate) f: &'a Frame,
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) link: Option<(&'a str, &'a str)>,
}

impl FromRequestParts<Pages> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Self::Rejection> {
        let Ok(from) = ClientAddress::from_request_parts(parts, pages).await;
        let text = |name: http::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let theme = match cookie(&parts.headers, "wallet_theme") {
            Some("dark") => "dark",
            Some("light") => "light",
            _ => "",
        };
        let device: String = text(USER_AGENT).unwrap_or_default().chars().take(DEVICE_MAX).collect();
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            core: Arc::clone(&pages.0),
            words: Words::of(cookie(&parts.headers, "wallet_language"), text(ACCEPT_LANGUAGE)),
            theme,
            visitor: Visitor { device, address: from.source().to_string() },
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            passkey_browser: cookie(&parts.headers, &passkey_cookie(&pages.0.cookie)).unwrap_or_default().to_owned(),
        })
    }
}

impl FromRequestParts<Pages> for Ctx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Self::Rejection> {
        let Ok(reader) = Reader::from_request_parts(parts, pages).await;
        let session = match cookie(&parts.headers, &pages.0.cookie) {
            Some(token) => match pages.0.effects.modules.users.session(token).await {
                Ok(session) => session,
                Err(error) => return Err(reader.problem(&error.into())),
            },
            None => None,
        };
        let Some(session) = session else { return Err(sign_in_first(parts)) };
        let parameters = path_parameters(parts, pages).await;
        let customer = Customer::new(session.user, pages.0.effects.clone());
        Ok(Self { reader, session, customer, parameters })
    }
}

impl Reader {
    /// The frame of a page for a guest.
    pub(crate) fn frame(&self) -> Frame {
        Frame {
            w: self.words,
            theme: self.theme,
            accent: self.core.settings.accent.word(),
            institution: self.core.institution.clone(),
            version: self.core.version.clone(),
            person: None,
            operates: false,
            place: "",
            said: self.query.get("said").and_then(|said| done(said)),
            missing: Vec::new(),
            again: None,
            onward: None,
            playground: self.core.settings.playground,
            now: self.core.clock.now(),
        }
    }

    pub(crate) fn problem(&self, problem: &Problem) -> Response {
        message(&self.frame(), problem)
    }

    /// Writes letters in the language of this page.
    pub(crate) fn texts(&self) -> Texts<'_> {
        let base = self.core.settings.public_url.as_str().trim_end_matches('/');
        Texts { words: self.words, institution: &self.core.institution, base }
    }

    /// The answer with the token of a session in the browser's cookie. An empty token removes the cookie.
    pub(crate) fn with_session(&self, token: &str, mut response: Response) -> Response {
        let line = self.core.settings.cookies.line(&self.core.cookie, token, None);
        response.headers_mut().extend(line.map(|line| (SET_COOKIE, line)));
        response
    }

    /// Goes to a page with the cookie of a new session.
    pub(crate) fn enter(&self, token: &str, to: &str) -> Response {
        self.with_session(token, Redirect::to(own_path(to)).into_response())
    }
}

fn message(f: &Frame, problem: &Problem) -> Response {
    let text = problem.to_string();
    let title = match problem {
        Problem::NotFound => "Nothing here",
        Problem::ForeignForm => "Please open the page again",
        Problem::Instance | Problem::Store | Problem::Module(_) => "This did not work",
    };
    let link = match problem {
        // The first page is about accounts.
        Problem::Module(Some(Module::Accounts)) => ("/settings", "Settings"),
        _ => ("/", "To the start"),
    };
    html(problem.status(), &Message { f, title, text: &text, link: Some(link) })
}

/// What a page may say was done. Only these texts can be in an address.
fn done(said: &str) -> Option<&'static str> {
    Some(match said {
        "welcome" => "Welcome! Open your first account now.",
        "signed-out" => "You are signed out.",
        "verified" => "Your e-mail address is confirmed. Sign in now.",
        "account" => "The account is open.",
        "address" => "The account has its wallet address.",
        "top-up" => "The play money is in the account.",
        "password" => "Your password was changed, and you were signed out everywhere else.",
        "session" => "That session has ended.",
        "reset" => "Your password is changed. Sign in with the new one.",
        "email" => "Look into your mail: the link in our letter makes the new address count.",
        "email-changed" => "Your e-mail address is changed.",
        "saved" => "Saved.",
        "left" => "You are signed out, and your wallet is being closed. A letter says when it is done.",
        "address-off" => "The address is off.",
        "address-on" => "The address is on.",
        "frozen" => "The account is frozen. No money leaves it.",
        "thawed" => "The account can pay again.",
        "closing" => "The account is being closed. It takes a moment.",
        "open-again" => "The account is open again. Its address is off until you switch it on.",
        "operator-frozen" => "The account is frozen. Payments that got their money before go on.",
        "operator-thawed" => "The freeze of the institution has ended.",
        "key" => "The key is published.",
        "key-gone" => "The key is revoked.",
        "card-frozen" => "The card is frozen. It pays nothing until you thaw it.",
        "card-active" => "The card pays again.",
        "card-ended" => "The card has ended.",
        "contact-gone" => "The contact is forgotten.",
        "closed" => "The request is closed.",
        "factor-off" => "The second factor is off.",
        "app-off" => "Your app is no longer asked for. Your passkeys are.",
        "passkey" => "The passkey is added.",
        "passkey-gone" => "The passkey is removed, and you were signed out everywhere else.",
        "paused" => "Paused. The application's payments are refused until you let it go on.",
        "resumed" => "The application can pay again.",
        "fee-set" => "The fee is set. It counts for payments that are quoted from now on.",
        "fee-same" => "This is the fee in force already. Nothing was done.",
        "deposited" => "The deposit is made.",
        "act-known" => "This was asked before. The record says how it ended.",
        "act-refused" => "The instance refused it. The record says why.",
        "act-unknown" => "The instance did not answer. Look at the present value before you try again.",
        "revoked" => "The agreement has ended. Its application can no longer pay from your account.",
        _ => return None,
    })
}

impl Ctx {
    /// The frame of a page.
    pub(crate) fn frame(&self, place: &'static str) -> Frame {
        let person = Some((self.session.name.clone(), self.once("/sign-out")));
        Frame { person, operates: self.operates(), place, ..self.reader.frame() }
    }

    /// Whether an operator is signed in.
    pub(crate) fn operates(&self) -> bool {
        self.core().operators.has(&self.session.email)
    }

    pub(crate) fn core(&self) -> &PageCore {
        &self.reader.core
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The id in the address.
    pub(crate) fn id(&self) -> Result<Uuid, Problem> {
        Uuid::parse_str(self.parameter("id")).map_err(|_| Problem::NotFound)
    }

    fn seal(&self) -> Seal {
        // The browser alone knows the token of the session, so nobody else can make tokens of its forms.
        Seal::new(&self.session.token, Arc::clone(&self.reader.core.entropy))
    }

    /// A token for a form that is sent to `path`.
    pub(crate) fn once(&self, path: &str) -> String {
        self.once_more(path, self.reader.core.entropy.uuid())
    }

    /// The same with the key of a form that was refused, so that it still counts once.
    pub(crate) fn once_more(&self, path: &str, key: Uuid) -> String {
        form_token::issue(&self.seal(), self.session.id, path, key)
    }

    /// The key of a form that was sent to this path.
    pub(crate) fn key(&self, posted: &Posted) -> Result<Uuid, Problem> {
        let token = posted.secret("once");
        form_token::check(&self.seal(), self.session.id, &self.reader.path, token).ok_or(Problem::ForeignForm)
    }

    pub(crate) fn problem(&self, problem: &Problem) -> Response {
        message(&self.frame(""), problem)
    }
}

/// Another page.
pub(crate) fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// Where a payment to this address begins.
pub(crate) fn send_to(url: &str) -> String {
    format!("/send?to={}", quoted(url))
}

/// A text as a part of an address.
pub(crate) fn quoted(text: &str) -> String {
    // Mail programs and apps do not read a plus sign as a space.
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The same answer, which says when to try again, if there was too much of something.
pub(crate) fn try_later(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}

/// How long somebody has to wait, in words.
pub(crate) fn paused(reader: &Reader, wait: Duration) -> String {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    reader.words.with("There were too many attempts. Try again in {} min.", &minutes.to_string())
}
