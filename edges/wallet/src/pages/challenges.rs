//! The pages to which a provider of OAuth 2.0 sends browsers: to sign in, to consent, to sign out.
//!
//! What the provider is told is decided in `challenges`.

use askama::Template;
use axum::response::Response;
use gnap::oauth::AuthorizationDetail;
use gnap::{AccessItem, AccessType, Action, LimitAmount, Limits};
use http::StatusCode;
use money::AssetAmount;
use page_kit::{Posted, Words, html, numbers};
use url::Url;
use uuid::Uuid;

use super::consent::{Right, right};
use super::context::{Ctx, Message, Problem, Reader, go};
use super::frame::Frame;
use super::security::{needs_code, prove_first};
use crate::challenges::{
    Answer, AnswerError, Asked, Assurance, ChallengeError, Challenges, Client, Kind, Opened, Question, Shown, Wanted,
};
use crate::consent::account_of;
use crate::customers::Held;

/// A question that is answered with yes or no.
#[derive(Template)]
#[template(path = "challenge.html")]
struct Ask<'a> {
    f: &'a Frame,
    title: &'a str,
    client: &'a str,
    client_uri: &'a str,
    text: String,
    here: String,
    once: String,
    no: &'a str,
    yes: &'a str,
}

/// A right to choose, and the field for its amount.
struct Choice {
    number: usize,
    right: Right,
    chosen: bool,
    most: Option<Most>,
}

/// The field for the most that may be spent.
struct Most {
    code: String,
    /// As written.
    text: String,
}

#[derive(Template)]
#[template(path = "challenge_consent.html")]
struct Consent<'a> {
    f: &'a Frame,
    client: String,
    client_uri: &'a str,
    choices: Vec<Choice>,
    accounts: &'a [Held],
    /// What it gets besides rights about accounts.
    besides: Vec<&'static str>,
    others: &'a str,
    here: String,
    once: String,
    must_confirm: bool,
    error: Option<&'static str>,
}

const BEFORE: &str = "It was answered before.";

fn challenges(reader: &Reader) -> Result<Challenges, Problem> {
    reader.core.challenges.clone().ok_or(Problem::NotFound)
}

fn here(kind: Kind, opened: &Opened) -> String {
    format!("/oauth/{}/{}", kind.as_str(), opened.id)
}

/// What people call an application. It has chosen its name itself.
fn name_of(client: &Client) -> &str {
    if client.client_name.is_empty() { &client.client_id } else { &client.client_name }
}

/// The page on the way back to the provider. A form may not lead to another site, so this page does.
fn onward(mut f: Frame, text: &str, to: &Url) -> Response {
    f.onward = Some(to.to_string());
    let link = Some((to.as_str(), "Back to the application"));
    html(StatusCode::OK, &Message { f: &f, title: "One moment", text, link })
}

/// The page after an answer. `text` says what the answer does, if it counts.
fn answered(ctx: &Ctx, answer: Result<Answer, AnswerError>, text: &str) -> Result<Response, Problem> {
    Ok(match settled(ctx, answer)? {
        Ok(Answer::Taken(to)) => onward(ctx.frame(""), text, &to),
        Ok(Answer::Before(to)) => onward(ctx.frame(""), BEFORE, &to),
        Err(over) => over,
    })
}

fn over(f: &Frame) -> Response {
    let text = "The application has taken its request back, or it has expired. Begin again in the application.";
    html(StatusCode::GONE, &Message { f, title: "This request is over", text, link: Some(("/", "To the start")) })
}

fn somebody_else(ctx: &Ctx) -> Response {
    let text = "The application asks about another customer than you. Sign out here first, and begin again in the \
                application.";
    let f = ctx.frame("");
    html(StatusCode::FORBIDDEN, &Message { f: &f, title: "No access", text, link: Some(("/", "To the start")) })
}

/// What an answer becomes that is only about this challenge.
fn settled<T>(ctx: &Ctx, result: Result<T, AnswerError>) -> Result<Result<T, Response>, Problem> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(AnswerError::Provider(ChallengeError::Unknown)) => Ok(Err(over(&ctx.frame("")))),
        Err(AnswerError::Provider(error)) => {
            tracing::warn!(%error, "a challenge got no answer");
            Err(Problem::Instance)
        }
        Err(AnswerError::Effect(error)) => Err(error.into()),
    }
}

/// Begins with a challenge: it leaves the address at once, and belongs to this session from now on.
async fn arrive(ctx: Ctx, kind: Kind) -> Result<Response, Problem> {
    let challenges = challenges(&ctx.reader)?;
    let challenge = ctx.reader.query.get(kind.parameter()).map_or("", String::as_str);
    match challenges.open(&ctx.session, kind, challenge).await? {
        Some(id) => Ok(go(&format!("/oauth/{}/{id}", kind.as_str()))),
        None => Ok(over(&ctx.frame(""))),
    }
}

/// A challenge of this session, and what is asked with it.
struct Open {
    challenges: Challenges,
    opened: Opened,
    question: Box<Question>,
}

async fn opened(ctx: &Ctx, kind: Kind) -> Result<(Challenges, Opened), Problem> {
    let challenges = challenges(&ctx.reader)?;
    let opened = challenges.opened(&ctx.session, kind, ctx.id()?).await?.ok_or(Problem::NotFound)?;
    Ok((challenges, opened))
}

/// The question, or the page if there is none any more.
async fn open(ctx: &Ctx, kind: Kind) -> Result<Result<Open, Response>, Problem> {
    let (challenges, opened) = opened(ctx, kind).await?;
    let asked = challenges.asked(kind, &opened.challenge).await.map_err(AnswerError::from);
    Ok(match settled(ctx, asked)? {
        Ok(Asked::Open(question)) => Ok(Open { challenges, opened, question }),
        Ok(Asked::Answered(to)) => Err(onward(ctx.frame(""), BEFORE, &to)),
        Err(over) => Err(over),
    })
}

/// `GET /oauth/login?login_challenge=`
pub(crate) async fn login(ctx: Ctx) -> Result<Response, Problem> {
    arrive(ctx, Kind::Login).await
}

/// `GET /oauth/consent?consent_challenge=`
pub(crate) async fn consent(ctx: Ctx) -> Result<Response, Problem> {
    arrive(ctx, Kind::Consent).await
}

/// `GET /oauth/logout?logout_challenge=`: who is not signed in here is signed out at the provider at once. If it is not
/// known whether somebody is, nothing is done.
pub(crate) async fn logout(reader: Reader, signed_in: Result<Ctx, Response>) -> Response {
    let answer = match signed_in {
        Ok(ctx) => arrive(ctx, Kind::Logout).await,
        Err(unknown) if unknown.status().is_server_error() => return unknown,
        Err(_) => logout_of_nobody(&reader).await,
    };
    answer.unwrap_or_else(|problem| reader.problem(&problem))
}

async fn logout_of_nobody(reader: &Reader) -> Result<Response, Problem> {
    let challenge = reader.query.get(Kind::Logout.parameter()).map_or("", String::as_str);
    match challenges(reader)?.sign_out(challenge).await {
        Ok(to) => Ok(onward(reader.frame(), "You are signed out.", &to)),
        Err(ChallengeError::Unknown) => Ok(over(&reader.frame())),
        Err(error) => {
            tracing::warn!(%error, "a challenge got no answer");
            Err(Problem::Instance)
        }
    }
}

/// Whether the application wants its user to prove again who it is: `prompt=login` or `max_age` of OpenID Connect.
async fn must_prove(ctx: &Ctx, question: &Question) -> Result<bool, Problem> {
    let wants_login = question.parameter("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "login"));
    let asks = wants_login || question.parameter("max_age").is_some();
    Ok(asks && !ctx.core().effects.modules.users.is_proved(&ctx.session).await?)
}

/// `GET /oauth/login/{id}`
pub(crate) async fn login_page(ctx: Ctx) -> Result<Response, Problem> {
    let open = match open(&ctx, Kind::Login).await? {
        Ok(open) => open,
        Err(other) => return Ok(other),
    };
    let here = here(Kind::Login, &open.opened);
    if must_prove(&ctx, &open.question).await? {
        return Ok(prove_first(&here));
    }
    let f = ctx.frame("");
    let client = open.question.client.unwrap_or_default();
    let page = Ask {
        title: "An application wants to know who you are",
        client: name_of(&client),
        client_uri: &client.client_uri,
        text: f.with("You are signed in as {}.", &ctx.session.name),
        once: ctx.once(&here),
        here,
        no: "Don't sign in",
        yes: "Sign in there",
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /oauth/login/{id}`
pub(crate) async fn login_decide(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let open = match open(&ctx, Kind::Login).await? {
        Ok(open) => open,
        Err(other) => return Ok(other),
    };
    let Open { challenges, opened, question } = open;
    let (answer, text) = match posted.text("decision") {
        "yes" => {
            if must_prove(&ctx, &question).await? {
                return Ok(prove_first(&here(Kind::Login, &opened)));
            }
            let has_factor = ctx.core().effects.modules.users.has_second_factor(&ctx.session).await?;
            let assurance = if has_factor { Assurance::SecondFactor } else { Assurance::Password };
            // Who was signed in there before is not made somebody else without a word.
            let before = question.subject.as_deref().filter(|subject| !subject.is_empty());
            if before.is_some_and(|subject| subject != ctx.session.user.to_string()) {
                return Ok(somebody_else(&ctx));
            }
            (
                challenges.sign_in(&opened.challenge, ctx.session.user, assurance).await,
                "Going on to the application \u{2026}",
            )
        }
        "no" => (challenges.refuse(Kind::Login, &opened.challenge).await, "You are not signed in there."),
        _ => return Err(Problem::ForeignForm),
    };
    answered(&ctx, answer.map_err(AnswerError::from), text)
}

/// `GET /oauth/logout/{id}`
pub(crate) async fn logout_page(ctx: Ctx) -> Result<Response, Problem> {
    let open = match open(&ctx, Kind::Logout).await? {
        Ok(open) => open,
        Err(other) => return Ok(other),
    };
    let here = here(Kind::Logout, &open.opened);
    let f = ctx.frame("");
    let client = open.question.client.unwrap_or_default();
    let page = Ask {
        title: "Sign out?",
        client: name_of(&client),
        client_uri: &client.client_uri,
        text: f.t("You are signed out there and in this wallet.").to_owned(),
        once: ctx.once(&here),
        here,
        no: "Stay signed in",
        yes: "Sign out",
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /oauth/logout/{id}`
pub(crate) async fn logout_decide(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (challenges, opened) = opened(&ctx, Kind::Logout).await?;
    match posted.text("decision") {
        "yes" => {
            let answer = challenges.sign_out(&opened.challenge).await;
            let to = match settled(&ctx, answer.map_err(AnswerError::from))? {
                Ok(to) => to,
                Err(over) => return Ok(over),
            };
            ctx.core().effects.modules.users.end(&ctx.session).await?;
            Ok(ctx.reader.with_session("", onward(ctx.reader.frame(), "You are signed out.", &to)))
        }
        "no" => {
            let answer = challenges.stay(&opened.challenge).await;
            Ok(match settled(&ctx, answer.map_err(AnswerError::from))? {
                Ok(()) => go("/"),
                Err(over) => over,
            })
        }
        _ => Err(Problem::ForeignForm),
    }
}

/// What the customer is asked, or the page if there is no question.
async fn wanted(ctx: &Ctx, challenges: &Challenges, opened: &Opened) -> Result<Result<Box<Wanted>, Response>, Problem> {
    let shown = challenges.wanted(&ctx.customer, opened).await;
    Ok(match settled(ctx, shown)? {
        Ok(Shown::Wanted(wanted)) => Ok(wanted),
        Ok(Shown::Answered(to)) => Err(onward(ctx.frame(""), BEFORE, &to)),
        Ok(Shown::SomebodyElse) => Err(somebody_else(ctx)),
        Ok(Shown::NotYours(to)) => {
            let f = ctx.frame("");
            let text = "The application asked about an address that is not yours, so it was refused.";
            let link = Some((to.as_str(), "Back to the application"));
            Err(html(StatusCode::FORBIDDEN, &Message { f: &f, title: "No access", text, link }))
        }
        Err(over) => Err(over),
    })
}

/// `GET /oauth/consent/{id}`
pub(crate) async fn consent_page(ctx: Ctx) -> Result<Response, Problem> {
    let (challenges, opened) = opened(&ctx, Kind::Consent).await?;
    match wanted(&ctx, &challenges, &opened).await? {
        Ok(wanted) => Ok(draw(&ctx, StatusCode::OK, &opened, &wanted, None)),
        Err(other) => Ok(other),
    }
}

/// A form that was sent and is wrong, and why.
type Sent<'a> = (&'a Posted, &'static str);

fn draw(ctx: &Ctx, status: StatusCode, opened: &Opened, wanted: &Wanted, sent: Option<Sent<'_>>) -> Response {
    let f = ctx.frame("");
    let choice = |(number, detail): (usize, &AuthorizationDetail)| {
        let written = sent.map(|(posted, _)| posted);
        let most = most_of(&detail.access, &wanted.accounts).map(|(amount, asset)| Most {
            code: asset.code.to_string(),
            text: written.map_or_else(
                || amount.map(|amount| numbers::input(amount, asset.scale, f.w)).unwrap_or_default(),
                |posted| posted.text(&format!("most-{number}")).to_owned(),
            ),
        });
        let chosen = written.is_none_or(|posted| posted.text(&format!("right-{number}")) == "yes");
        Choice { number, right: right(&f, &detail.access, &wanted.accounts), chosen, most }
    };
    let choices: Vec<Choice> = wanted.details.iter().enumerate().map(choice).collect();
    let others = wanted.others.join(", ");
    let here = here(Kind::Consent, opened);
    let page = Consent {
        client: name_of(&wanted.client).to_owned(),
        client_uri: &wanted.client.client_uri,
        must_confirm: choices.iter().any(|choice| choice.right.unlimited),
        choices,
        accounts: &wanted.accounts,
        besides: besides(&wanted.scopes),
        others: &others,
        once: ctx.once(&here),
        here,
        error: sent.map(|(_, error)| error),
        f: &f,
    };
    html(status, &page)
}

/// What scopes mean, in plain words.
fn besides(scopes: &[String]) -> Vec<&'static str> {
    let mut told: Vec<&'static str> = scopes
        .iter()
        .map(|scope| match scope.as_str() {
            "openid" => "Know that it is you when you come again.",
            "offline" | "offline_access" => "Use what you allow while you are not there.",
            _ => "Ask what a payment would cost.",
        })
        .collect();
    told.sort_unstable();
    told.dedup();
    told
}

/// The limit of a right to spend, if it has one, and the asset in which it is written.
fn most_of<'a>(item: &'a AccessItem, accounts: &'a [Held]) -> Option<(Option<u64>, &'a money::Asset)> {
    let spends = item.kind() == AccessType::OutgoingPayment && item.actions().contains(Action::Create);
    if !spends {
        return None;
    }
    match item.limits().and_then(|limits| limits.amount.as_ref()) {
        Some(LimitAmount::Debit(amount) | LimitAmount::Receive(amount)) => Some((Some(amount.value), &amount.asset)),
        None => Some((None, &account_of(accounts, item)?.account.asset)),
    }
}

/// `POST /oauth/consent/{id}`
pub(crate) async fn consent_decide(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (challenges, opened) = opened(&ctx, Kind::Consent).await?;
    let (answer, text) = match posted.text("decision") {
        "deny" => {
            (challenges.deny(&ctx.customer, &opened).await, "The application gets nothing. Going back to it \u{2026}")
        }
        "allow" => {
            // What is allowed moves money without any other question.
            if needs_code(&ctx).await? {
                return Ok(prove_first(&here(Kind::Consent, &opened)));
            }
            let wanted = match wanted(&ctx, &challenges, &opened).await? {
                Ok(wanted) => wanted,
                Err(other) => return Ok(other),
            };
            match narrowed(&wanted, &posted, ctx.reader.words) {
                Err(error) => {
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    return Ok(draw(&ctx, status, &opened, &wanted, Some((&posted, error))));
                }
                Ok(details) => (
                    challenges.allow(&ctx.customer, &opened, &wanted, details).await,
                    "You can stop this at any time, under Agreements. Going back to the application \u{2026}",
                ),
            }
        }
        _ => return Err(Problem::ForeignForm),
    };
    answered(&ctx, answer, text)
}

/// What the customer has chosen: rights can be left out, and amounts lowered.
fn narrowed(wanted: &Wanted, posted: &Posted, words: Words) -> Result<Vec<AuthorizationDetail>, &'static str> {
    let mut chosen = Vec::new();
    for (number, detail) in wanted.details.iter().enumerate() {
        if posted.text(&format!("right-{number}")) != "yes" {
            continue;
        }
        let written = posted.text(&format!("most-{number}"));
        let access = lowered(&detail.access, &wanted.accounts, written, words)?;
        let limit = access.limits().and_then(|limits| limits.amount.as_ref());
        let is_unlimited = most_of(&access, &wanted.accounts).is_some() && limit.is_none();
        if is_unlimited && posted.text("unlimited") != "yes" {
            return Err("Confirm that there is no limit, or do not allow it.");
        }
        chosen.push(detail.with_access(access));
    }
    if chosen.is_empty() && !wanted.details.is_empty() {
        return Err("Choose what you allow, or do not allow it.");
    }
    Ok(chosen)
}

/// The right with the amount that the customer wrote, which is at most the one that was asked for.
fn lowered(item: &AccessItem, accounts: &[Held], written: &str, words: Words) -> Result<AccessItem, &'static str> {
    let Some((asked, asset)) = most_of(item, accounts) else { return Ok(item.clone()) };
    let value = match written.trim() {
        "" if asked.is_none() => return Ok(item.clone()),
        "" => return Err("Write the most that may be spent."),
        written => numbers::parse(written, asset.scale, words)?,
    };
    if asked.is_some_and(|asked| value > asked) {
        return Err("You can lower this amount, not raise it.");
    }
    let amount = AssetAmount { value, asset: asset.clone() };
    let limits = item.limits().cloned().unwrap_or_default();
    let amount = match &limits.amount {
        Some(LimitAmount::Receive(_)) => LimitAmount::Receive(amount),
        Some(LimitAmount::Debit(_)) | None => LimitAmount::Debit(amount),
    };
    let limits = Some(Limits { amount: Some(amount), ..limits });
    AccessItem::new(item.kind(), item.actions().clone(), item.identifier().cloned(), limits)
        .map_err(|_| "This cannot be limited.")
}
