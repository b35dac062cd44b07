//! A request of a signed-in user: its session, its language, and the ways to answer it.
//!
//! The pages are elsewhere.

use std::collections::BTreeMap;

use admin_client::{AdminClient, AdminError, ErrorCode, Mutation, PageRequest};
use admin_signature::Audience;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_kit::{ClientAddress, Stopping};
use page_kit::numbers::NumberForm;
use page_kit::{Cookies, Words, cookie, form_token, own_path, path_parameters, sign_in_first};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::approvals::{Alone, ApprovalsError, Asked, Moved, Request, State};
use crate::audit::{AuditError, Entry, Stage};
use crate::columns::{self, HIDE};
use crate::console::Console;
use crate::four_eyes::Stakes;
use crate::posted::Posted;
use crate::reading::Reading;
use crate::render::{self, Frame, Keys, Person};
use crate::session::Session;
use crate::view::{Block, Cell, Form, Money, Page, Paging, Tone};
use crate::views::{self, View};

/// A session's last use is stored again after this time.
const SEEN_AFTER: std::time::Duration = std::time::Duration::from_secs(30);
/// The most rows on a page of a list.
const ROWS_MAX: u32 = 100;
const ROWS: u32 = 20;
/// The original console signed in by links that have the API secret of the tenant.
const SECRET_IN_A_LINK: &str = "apiSecret";
const NO_ANSWER: &str =
    "No answer came, so it is not known whether this took effect. Send the form again; the change is made once.";
const OTHER_VALUES: &str = "This form was sent before with other values, and those count. What you wrote now was not done. Look at the page again \
     before you change more.";
const AMOUNT_CHANGED: &str =
    "The amount changed meanwhile, so nothing was withdrawn. Look at the new amount, and send the form again.";
/// The text where grants are needed and the address of the authorization server is not known.
pub(crate) const NO_AUTH: &str =
    "This console has no address of the authorization server. Set AUTH_GRAPHQL_URL and start it again.";

/// The answer of a handler.
pub(crate) enum Answer {
    Page(Box<Page>),
    /// The page with a form that was refused.
    Refused(Box<Page>),
    /// Another page with a message about what was done.
    Go {
        to: String,
        said: Option<(Tone, String)>,
    },
    /// Anything else, such as a file.
    Raw(Response),
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

impl Answer {
    pub(crate) fn refused(page: Page) -> Self {
        Self::Refused(Box::new(page))
    }
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("This form is no longer valid: it belongs to another session or page. Open the page again.")]
    ForeignForm,
    #[error("You are signed in for reading only. Sign in again with the right to make changes.")]
    LooksOnly,
    #[error("The audit log cannot be written, so nothing was done: {0}")]
    Audit(#[from] AuditError),
    #[error("Too many changes wait for approval. Decide about some of them first.")]
    TooManyWait,
    #[error("This form was sent before with other values, and that change waits for approval. Open the form again.")]
    OtherValuesWait,
    #[error("Nothing was done: {0}")]
    Approvals(#[from] ApprovalsError),
    /// The change waits for a second person. Its page has this id.
    #[error("Another person has to approve this change before it is sent.")]
    Waits(Uuid),
    #[error(
        "This change needs a second person, so both must be known by name. Sign in with your own account, not with the \
         API secret."
    )]
    Nameless,
    #[error("The authorization server refuses this secret. Set the same secret at backend and auth.")]
    AuthRefuses,
    #[error("{0}")]
    Api(#[from] AdminError),
}

impl Problem {
    /// The problem of a request to the authorization server. If only that server refuses the secret, the session stays.
    pub(crate) fn of_auth(error: AdminError) -> Self {
        match error {
            AdminError::Unauthorized => Self::AuthRefuses,
            error => Self::Api(error),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Waits(_) => StatusCode::ACCEPTED,
            Self::TooManyWait | Self::OtherValuesWait => StatusCode::CONFLICT,
            Self::Audit(_) | Self::Approvals(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignForm
            | Self::LooksOnly
            | Self::Nameless
            | Self::Api(AdminError::Refused { code: ErrorCode::Forbidden, .. }) => StatusCode::FORBIDDEN,
            Self::Invalid(_) | Self::Api(AdminError::Refused { .. }) => StatusCode::BAD_REQUEST,
            Self::AuthRefuses | Self::Api(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// The parts of a request that concern its reader.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) console: Console,
    pub(crate) words: Reading,
    pub(crate) theme: &'static str,
    pub(crate) density: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) keys: Keys,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) from: String,
    pub(crate) flash: Option<(Tone, String)>,
    /// The saved views of this browser.
    pub(crate) views: Vec<View>,
    /// A sealed attempt to sign in at the provider.
    pub(crate) attempt: Option<String>,
    pub(crate) stopping: Stopping,
}

/// A request of a signed-in user.
#[derive(Clone)]
pub(crate) struct Ctx {
    pub(crate) reader: Reader,
    pub(crate) session: Session,
    parameters: BTreeMap<String, String>,
    /// A script loads an open page again. This does not count as activity of the user.
    by_script: bool,
}

/// What became of a change.
pub(crate) enum Outcome {
    /// It was made; with the answer of the API.
    Done(Value),
    /// It waits for a second person. Its page has this id.
    Waits(Uuid),
    /// It was not made.
    Refused(String),
    /// It is not known. The same key may be sent again.
    Unknown(String),
}

/// A change of the Admin API.
pub(crate) struct Change {
    pub(crate) mutation: Mutation,
    /// The idempotency key of its form.
    pub(crate) key: Option<Uuid>,
    /// The address of its form.
    pub(crate) place: String,
    pub(crate) input: Value,
    /// The values before it.
    pub(crate) before: Value,
    /// The amount that it moves, in its asset.
    pub(crate) moves: Option<Money>,
    /// The decimal places of its amounts.
    pub(crate) scale: Option<u8>,
    /// What the user gave as its reason.
    pub(crate) why: Option<String>,
}

impl FromRequestParts<Console> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Self::Rejection> {
        let Ok(from) = ClientAddress::from_request_parts(parts, console).await;
        let headers = &parts.headers;
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let theme = match cookie(headers, "console_theme") {
            Some("dark") => "dark",
            Some("light") => "light",
            _ => "",
        };
        let number_form = cookie(headers, "console_numbers").and_then(NumberForm::named);
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let flash = cookie(headers, &console.cookie("flash")).and_then(|sealed| {
            let said = console.seal().open("flash", sealed)?;
            let (tone, text) = said.split_once(' ')?;
            let tone = [Tone::Failed, Tone::Waiting].into_iter().find(|known| known.class() == tone);
            Some((tone.unwrap_or(Tone::Done), text.to_owned()))
        });
        Ok(Self {
            words: Reading::new(Words::of(cookie(headers, "console_language"), accepted), number_form),
            theme,
            density: if cookie(headers, "console_density") == Some("compact") { "compact" } else { "" },
            zone: if cookie(headers, "console_zone") == Some("UTC") { "UTC" } else { "" },
            keys: if cookie(headers, "console_keys") == Some("off") { Keys::Off } else { Keys::On },
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            from: from.0.to_string(),
            flash,
            views: views::read(cookie(headers, views::COOKIE)),
            attempt: cookie(headers, &console.cookie("attempt")).map(str::to_owned),
            stopping: Stopping::of(&parts.extensions),
            console: console.clone(),
        })
    }
}

impl FromRequestParts<Console> for Ctx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Self::Rejection> {
        let Ok(reader) = Reader::from_request_parts(parts, console).await;
        let sealed = cookie(&parts.headers, &console.cookie("session"));
        let session = sealed
            .and_then(|sealed| Session::open(console.seal(), sealed, console.settings().lifetimes, console.now()));
        if reader.query.contains_key(SECRET_IN_A_LINK) {
            return Err(without_the_secret(&reader, session.as_ref()));
        }
        let Some(session) = session else { return Err(sign_in_first(parts)) };
        let parameters = path_parameters(parts, console).await;
        let by_script = parts.headers.contains_key("x-again");
        Ok(Self { reader, session, parameters, by_script })
    }
}

/// The answer to a link with a secret: the same place without it. So no other address, such as a link of a list, has it.
fn without_the_secret(reader: &Reader, session: Option<&Session>) -> Response {
    if session.is_some() {
        // A path may begin like the address of another host.
        return Redirect::to(own_path(&reader.path)).into_response();
    }
    let tenant = reader.query.get("tenantId").map_or("", String::as_str);
    let tenant: String = url::form_urlencoded::byte_serialize(tenant.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?tenantId={tenant}")).into_response()
}

impl Reader {
    pub(crate) fn frame(&self) -> Frame<'_> {
        let settings = self.console.settings();
        Frame {
            words: self.words,
            theme: self.theme,
            density: self.density,
            zone: self.zone,
            keys: self.keys,
            accent: settings.accent.word(),
            institution: &settings.institution,
            version: self.console.version(),
            flash: self.flash.clone(),
        }
    }

    /// A `Set-Cookie` line; an empty value removes the cookie.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, seconds: Option<u64>) -> Option<HeaderValue> {
        let secure = match self.console.settings().cookies {
            Cookies::Secure => "; Secure",
            Cookies::Plain => "",
        };
        let age = match (value, seconds) {
            ("", _) => "; Max-Age=0".to_owned(),
            (_, Some(seconds)) => format!("; Max-Age={seconds}"),
            (_, None) => String::new(),
        };
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}")).ok()
    }

    /// A page as an answer. A message that was shown is deleted.
    pub(crate) fn html(&self, status: StatusCode, html: String) -> Response {
        let mut response =
            (status, [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")], html).into_response();
        if self.flash.is_some() {
            let name = self.console.cookie("flash");
            response.headers_mut().extend(self.set_cookie(&name, "", None).map(|value| (SET_COOKIE, value)));
        }
        response
    }

    /// Sends the reader to another page, which shows `said`.
    pub(crate) fn go(&self, to: &str, said: Option<(Tone, String)>) -> Response {
        let mut response = Redirect::to(to).into_response();
        if let Some((tone, text)) = said {
            let sealed = self.console.seal().seal("flash", &format!("{} {text}", tone.class()));
            let line = self.set_cookie(&self.console.cookie("flash"), &sealed, Some(60));
            response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
        }
        response
    }
}

impl Ctx {
    pub(crate) fn words(&self) -> Reading {
        self.reader.words
    }

    pub(crate) fn admin(&self) -> AdminClient {
        self.reader.console.admin_of(&self.session)
    }

    /// The authorization server's Admin API, if this console has its address.
    pub(crate) fn grants(&self) -> Option<AdminClient> {
        self.reader.console.grants_of(&self.session)
    }

    /// The API that has this mutation.
    fn api_of(&self, mutation: Mutation) -> Result<AdminClient, Problem> {
        match mutation.audience() {
            Audience::Auth => self.grants().ok_or(Problem::NotFound(NO_AUTH)),
            _ => Ok(self.admin()),
        }
    }

    /// Whether a script loads an open page again.
    pub(crate) fn is_by_script(&self) -> bool {
        self.by_script
    }

    /// An id in the address.
    pub(crate) fn id(&self, wrong: &'static str) -> Result<Uuid, Problem> {
        self.id_named("id", wrong)
    }

    /// An id in the address, by the name of its parameter.
    pub(crate) fn id_named(&self, name: &str, wrong: &'static str) -> Result<Uuid, Problem> {
        Uuid::parse_str(self.parameter(name)).map_err(|_| Problem::Invalid(wrong))
    }

    /// A part of the address's path, by the name of its parameter.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The value with this name in the query of the address; `None` if there is none.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.reader.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The tenant whose data a list is to show; `None` for all that this session may see. A tenant sees its own in any case.
    pub(crate) fn of_tenant(&self) -> Result<Option<Uuid>, Problem> {
        match self.asked("tenantId").filter(|_| self.session.is_operator()) {
            None => Ok(None),
            Some(text) => Uuid::parse_str(text).map(Some).map_err(|_| Problem::Invalid("Invalid tenant ID.")),
        }
    }

    /// The requested part of a list.
    pub(crate) fn page_request(&self) -> Result<PageRequest, Problem> {
        let wrong = || Problem::Invalid("Invalid pagination.");
        let cursor = |name: &str| match self.asked(name) {
            None => Ok(None),
            Some(text) => Uuid::parse_str(text).map(|id| Some(id.to_string())).map_err(|_| wrong()),
        };
        let count = |name: &str| match self.asked(name) {
            None => Ok(None),
            Some(text) => match text.parse::<u32>() {
                Ok(count) if (1..=ROWS_MAX).contains(&count) => Ok(Some(count)),
                _ => Err(wrong()),
            },
        };

        let (after, before) = (cursor("after")?, cursor("before")?);
        let (first, last) = (count("first")?, count("last")?);
        if (after.is_some() || first.is_some()) && (before.is_some() || last.is_some()) {
            return Err(wrong());
        }

        let backwards = before.is_some() || last.is_some();
        let rows = first.or(last).unwrap_or(ROWS);
        Ok(PageRequest {
            first: (!backwards).then_some(rows),
            last: backwards.then_some(rows),
            after,
            before,
            sort_order: None,
        })
    }

    /// The addresses of the previous and the next page, with all other parameters of the address.
    pub(crate) fn paging(&self, info: &admin_client::PageInfo) -> Paging {
        let rows = self.asked("first").or_else(|| self.asked("last"));
        let link = |cursor: &str, count: &str, at: &Option<String>, more: bool| {
            let at = at.as_deref().filter(|_| more)?;
            let mut pairs: Vec<(&str, &str)> = vec![(cursor, at)];
            pairs.extend(rows.map(|rows| (count, rows)));
            Some(self.here_with(&pairs, &["after", "before", "first", "last"]))
        };
        Paging {
            previous: link("before", "last", &info.start_cursor, info.has_previous_page),
            next: link("after", "first", &info.end_cursor, info.has_next_page),
        }
    }

    /// The export of a list, with the filters of this page.
    pub(crate) fn export_address(&self, list: &str) -> String {
        let here = self.here_with(&[], &["after", "before", "first", "last"]);
        match here.split_once('?') {
            Some((_, query)) => format!("/export/{list}?{query}"),
            None => format!("/export/{list}"),
        }
    }

    /// This address with some parameters replaced.
    pub(crate) fn here_with(&self, pairs: &[(&str, &str)], without: &[&str]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.reader.query {
            if !without.contains(&name.as_str()) && !pairs.iter().any(|(replaced, _)| replaced == name) {
                query.append_pair(name, value);
            }
        }
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { self.reader.path.clone() } else { format!("{}?{query}", self.reader.path) }
    }

    /// A form with its token. If it was sent and refused, it has the values that were sent.
    pub(crate) fn form(&self, form: Form, posted: Option<&Posted>) -> Form {
        let console = &self.reader.console;
        let mine = posted.filter(|posted| posted.path() == form.action);
        let key = mine.and_then(Posted::same_key).unwrap_or_else(|| console.new_id());
        let token = form_token::issue(console.seal(), self.session.id, &form.action, key);
        let form = mine.map_or_else(|| form.clone(), |posted| posted.fill(form.clone()));
        Form { token, ..form }
    }

    /// Whether a sent form may be carried out. If so, the form gets its key.
    pub(crate) fn accept(&self, posted: Posted) -> Result<Posted, Problem> {
        let path = &self.reader.path;
        let key = form_token::check(self.reader.console.seal(), self.session.id, path, posted.text("once"));
        Ok(posted.of_form(path, key.ok_or(Problem::ForeignForm)?))
    }

    /// Requests a change from the Admin API for the form. `None`: the change was refused, and the form has the reason.
    /// A change that needs a second person is stored, and a problem says so.
    pub(crate) async fn change(
        &self,
        posted: &mut Posted,
        mutation: Mutation,
        input: Value,
        before: Value,
    ) -> Result<Option<Value>, Problem> {
        if !self.session.may_change() {
            return Err(Problem::LooksOnly);
        }
        let (place, moves) = (self.reader.path.clone(), posted.moved().cloned());
        let (key, scale, why) = (posted.key(), posted.scale(), posted.why());
        let change = Change { mutation, key, place, input, before, moves, scale, why };
        match self.change_one(change).await? {
            Outcome::Done(done) => return Ok(Some(done)),
            Outcome::Waits(id) => return Err(Problem::Waits(id)),
            Outcome::Refused(reason) => posted.problem = Some(reason),
            Outcome::Unknown(reason) => posted.unknown(reason),
        }
        Ok(None)
    }

    /// Requests one change from the Admin API, for a form with one change or with many.
    pub(crate) async fn change_one(&self, change: Change) -> Result<Outcome, Problem> {
        if !self.session.may_change() {
            return Err(Problem::LooksOnly);
        }
        match self.ask_second_person(&change).await {
            Err(Problem::Waits(id)) => return Ok(Outcome::Waits(id)),
            asked => asked?,
        }
        let (key, audience) = (change.key, change.mutation.audience());
        match self.send(change).await? {
            Ok(done) => Ok(Outcome::Done(done)),
            Err(error @ AdminError::Unauthorized) => Err(match audience {
                Audience::Auth => Problem::of_auth(error),
                _ => error.into(),
            }),
            Err(error) if error.is_about_other_arguments() => Ok(Outcome::Refused(OTHER_VALUES.to_owned())),
            Err(AdminError::Refused { code: ErrorCode::Internal, message, .. }) => Ok(Outcome::Unknown(message)),
            Err(error @ AdminError::Refused { .. }) => {
                self.forget_moved(key).await?;
                let is_amount = error.is_about_another_amount();
                Ok(Outcome::Refused(if is_amount { AMOUNT_CHANGED.to_owned() } else { error.to_string() }))
            }
            Err(error) => {
                tracing::warn!(%error, "a change got no answer");
                Ok(Outcome::Unknown(NO_ANSWER.to_owned()))
            }
        }
    }

    /// A change that was refused has moved nothing, so it does not count for what this person moves alone.
    async fn forget_moved(&self, key: Option<Uuid>) -> Result<(), Problem> {
        if let (Some((_, approvals)), Some(key)) = (self.reader.console.four_eyes(), key) {
            approvals.forget_moved(key, self.reader.console.now()).await?;
        }
        Ok(())
    }

    /// Stores a change that needs a second person. A change of one person passes.
    async fn ask_second_person(&self, change: &Change) -> Result<(), Problem> {
        let Some((rule, approvals)) = self.reader.console.four_eyes() else { return Ok(()) };
        let moves = change.moves.as_ref();
        // Who knows a new secret of a tenant can move all of its money without this console.
        let new_secret = change.mutation == Mutation::UpdateTenant && change.input.get("apiSecret").is_some();
        let id = change.key.ok_or(Problem::ForeignForm)?;
        let now = self.reader.console.now();
        let mut stakes = rule.holds_back(change.mutation, moves).or(new_secret.then_some(Stakes::Final));
        if let (None, Some(moves)) = (&stakes, moves) {
            let (tenant, by) = (self.session.tenant_id, self.session.person.clone());
            let moved = Moved { id, tenant, by, amount: moves.clone(), at: now };
            // What one person moved before counts, so that several small changes are not a way around the limit.
            stakes = match approvals.move_alone(moved, rule.clone(), now).await? {
                Alone::Allowed => None,
                Alone::TogetherAbove => Some(Stakes::Moves(moves.clone())),
            };
        }
        let Some(stakes) = stakes else { return Ok(()) };
        if self.session.person.name().is_none() {
            return Err(Problem::Nameless);
        }

        let request = Request {
            id,
            tenant: self.session.tenant_id,
            by: self.session.person.clone(),
            at: now,
            until: now + rule.lifetime,
            action: change.mutation.field().to_owned(),
            place: change.place.clone(),
            input: change.input.clone(),
            before: change.before.clone(),
            scale: change.scale,
            why: change.why.clone(),
            stakes,
            state: State::Waiting,
        };
        self.reader.console.audit().add(self.entry_of(Stage::Waits, change)).await?;
        match approvals.ask(request, now).await? {
            Asked::Waits => Err(Problem::Waits(id)),
            Asked::OtherValues => Err(Problem::OtherValuesWait),
            Asked::TooMany => Err(Problem::TooManyWait),
        }
    }

    /// Sends a change, and returns the answer.
    ///
    /// The log entry is written before the request, so every change is in the log.
    pub(crate) async fn send(&self, change: Change) -> Result<Result<Value, AdminError>, Problem> {
        let api = self.api_of(change.mutation)?;
        let audit = self.reader.console.audit();
        let entry = self.entry_of(Stage::Asked, &change);
        audit.add(entry.clone()).await?;

        let answer = api.change(change.mutation, change.input).await;
        let (stage, outcome) = match &answer {
            Ok(_) => (Stage::Done, None),
            Err(error @ (AdminError::Unreachable { .. } | AdminError::Unexpected(_))) => {
                (Stage::Unknown, Some(error.to_string()))
            }
            Err(error) => (Stage::Refused, Some(error.to_string())),
        };
        let told = Entry {
            at: self.reader.console.now(),
            stage,
            outcome,
            input: Value::Null,
            before: Value::Null,
            moves: None,
            scale: None,
            why: None,
            ..entry
        };
        if let Err(error) = audit.add(told).await {
            tracing::error!(%error, "an outcome is missing in the audit log");
        }
        Ok(answer)
    }

    /// A line of the audit log about a change.
    pub(crate) fn entry_of(&self, stage: Stage, change: &Change) -> Entry {
        Entry {
            key: change.key,
            place: change.place.clone(),
            input: without_secrets(change.input.clone()),
            before: change.before.clone(),
            moves: change.moves.clone(),
            scale: change.scale,
            why: change.why.clone(),
            ..self.entry(stage, change.mutation.field())
        }
    }

    /// A line of the audit log.
    pub(crate) fn entry(&self, stage: Stage, action: &str) -> Entry {
        Entry {
            at: self.reader.console.now(),
            stage,
            tenant: self.session.tenant_id,
            name: self.session.name.clone(),
            person: self.session.person.name().map(str::to_owned),
            session: self.session.id,
            from: self.reader.from.clone(),
            key: None,
            action: action.to_owned(),
            place: self.reader.path.clone(),
            input: Value::Null,
            before: Value::Null,
            moves: None,
            scale: None,
            why: None,
            outcome: None,
        }
    }

    /// Another page with a message about what was done.
    pub(crate) fn done(&self, to: impl Into<String>, said: &'static str) -> Answer {
        Answer::Go { to: to.into(), said: Some((Tone::Done, self.words().t(said).to_owned())) }
    }

    /// The answer to the browser.
    pub(crate) fn answer(&self, answer: Result<Answer, Problem>) -> Response {
        let mut response = match answer {
            Ok(Answer::Page(mut page)) => {
                columns::choose(&mut page, self.asked(HIDE), |hide| self.here_with(&[(HIDE, hide)], &[]));
                self.draw(StatusCode::OK, &page)
            }
            Ok(Answer::Refused(page)) => self.draw(StatusCode::UNPROCESSABLE_ENTITY, &page),
            Ok(Answer::Go { to, said }) => self.reader.go(&to, said),
            Ok(Answer::Raw(response)) => response,
            Err(Problem::Api(AdminError::Unauthorized)) => return self.signed_out(),
            Err(problem @ Problem::Waits(id)) => {
                let said = self.words().t(&problem.to_string()).to_owned();
                self.reader.go(&format!("/approvals/{id}"), Some((Tone::Waiting, said)))
            }
            Err(problem) => self.draw(problem.status(), &problem_page(&problem, self.words())),
        };
        let now = self.reader.console.now();
        if !self.by_script && now.saturating_since(self.session.seen_at) > SEEN_AFTER {
            let sealed = self.session.seen(now).sealed(self.reader.console.seal());
            let line = self.reader.set_cookie(&self.reader.console.cookie("session"), &sealed, None);
            response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
        }
        response
    }

    fn draw(&self, status: StatusCode, page: &Page) -> Response {
        let console = &self.reader.console;
        let token = form_token::issue(console.seal(), self.session.id, "/sign-out", console.new_id());
        let who = Person {
            name: &self.session.name,
            operator: self.session.is_operator(),
            looks_only: !self.session.may_change(),
            person: self.session.person.name(),
            second_person: console.four_eyes().is_some(),
            token,
        };
        self.reader.html(status, render::page(&self.reader.frame(), Some(&who), page))
    }

    /// The instance does not accept the secret any more: it was changed, or the tenant was deleted.
    fn signed_out(&self) -> Response {
        let said = self.words().t("Unauthorized. The API secret is no longer valid; sign in again.").to_owned();
        let mut response = self.reader.go("/sign-in", Some((Tone::Failed, said)));
        let line = self.reader.set_cookie(&self.reader.console.cookie("session"), "", None);
        response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
        response
    }
}

/// A page with the reason why the requested page cannot be shown.
pub(crate) fn problem_page(problem: &Problem, words: Reading) -> Page {
    let kind = match problem {
        Problem::NotFound(_) => "Not found",
        Problem::Invalid(_) => "This address is not valid",
        Problem::ForeignForm | Problem::LooksOnly | Problem::Nameless => "Not allowed",
        Problem::Waits(_) => "Waits for approval",
        Problem::Audit(_)
        | Problem::Approvals(_)
        | Problem::TooManyWait
        | Problem::OtherValuesWait
        | Problem::AuthRefuses
        | Problem::Api(_) => "There was an issue with your request.",
    };
    Page {
        kind,
        state: Some(Cell::state(problem.status().as_str(), Tone::Failed)),
        main: vec![
            Block::Note { tone: Tone::Failed, text: words.t(&problem.to_string()).to_owned() },
            Block::Actions(vec![crate::view::Action::main("/", "Go to homepage")]),
        ],
        ..Page::default()
    }
}

/// The input of a mutation without the values that must not be in a log.
pub(crate) fn without_secrets(value: Value) -> Value {
    const SECRET: [&str; 6] = ["apiSecret", "idpSecret", "authToken", "authTokens", "secret", "privateKey"];
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let hidden = SECRET.contains(&name.as_str()) && !value.is_null();
                let value = if hidden { json!("***") } else { without_secrets(value) };
                (name, value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_secrets).collect::<Vec<_>>().into(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_holds_no_secret_at_any_depth() {
        let input = json!({"apiSecret": "s3", "http": {"incoming": {"authTokens": ["a", "b"]}, "outgoing": {"authToken": "t", "endpoint": "e"}}});
        let kept = without_secrets(input).to_string();
        assert!(!kept.contains("s3") && !kept.contains("\"a\"") && !kept.contains("\"t\""), "{kept}");
        assert!(kept.contains("\"endpoint\":\"e\""));
    }
}
