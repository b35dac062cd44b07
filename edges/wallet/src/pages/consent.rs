//! What an application asks for, and the customer's answer.
//!
//! Whose the addresses are, and what the authorization server says, is decided in `consent`.

use askama::Template;
use axum::response::Response;
use gnap::{AccessItem, AccessType, Action, LimitAmount};
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Message, Problem, go};
use super::frame::Frame;
use super::history::short;
use super::limit_fields::{self, LimitFields, Wrong};
use super::security::{needs_code, prove_first};
use crate::consent::interval::{Each, HowOften};
use crate::consent::{
    ConsentError, Consents, Decision, Interaction, InteractionError, Opened, Question, Shown, account_of, payers,
};
use crate::customers::Held;
use crate::own_limits::OwnLimits;

/// One right in words.
pub(crate) struct Right {
    pub(crate) sentence: String,
    pub(crate) details: Vec<String>,
    /// Without any limit.
    pub(crate) unlimited: bool,
}

/// A right in words, and for which account it is.
pub(crate) fn right(f: &Frame, item: &AccessItem, accounts: &[Held]) -> Right {
    let has = |action: Action| item.actions().as_slice().contains(&action);
    let mut details = Vec::new();
    match account_of(accounts, item) {
        Some(Held { account, .. }) => {
            let address = account.wallet_address_url.as_deref().map(short).unwrap_or_default();
            details.push(f.with("For your account {}.", format!("{} ({address})", account.name)));
        }
        None if item.kind() == AccessType::Quote => {}
        None => details.push(f.t("For no account in particular.").to_owned()),
    }
    if has(Action::ReadAll) || has(Action::ListAll) {
        details.push(f.t("This includes what other applications have made.").to_owned());
    }
    let (sentence, unlimited) = match item.kind() {
        AccessType::OutgoingPayment if has(Action::Create) => {
            let limits = item.limits();
            let amount = limits.and_then(|limits| limits.amount.as_ref());
            if let Some(receiver) = limits.and_then(|limits| limits.receiver.as_ref()) {
                details.push(f.with("Only to {}.", short(receiver.as_str())));
            }
            let often = limits.and_then(|limits| limits.interval.as_ref()).map(|i| HowOften::read(i.as_str()));
            let each = often.as_ref().map(|often| each(f, often)).unwrap_or_default();
            if let Some(often) = &often {
                details.extend(duration(f, often));
            }
            match amount {
                Some(LimitAmount::Debit(amount)) => {
                    let money = format!("{}{each}", f.money(amount.value, &amount.asset));
                    (f.with("Pay up to {} from your account, fees included.", &money), false)
                }
                Some(LimitAmount::Receive(amount)) => {
                    let money = format!("{}{each}", f.money(amount.value, &amount.asset));
                    details.push(f.t("Fees and exchange come on top for you.").to_owned());
                    (f.with("Send payments of up to {} to others.", &money), false)
                }
                None => (f.t("Pay any amount from your account, without a limit.").to_owned(), true),
            }
        }
        AccessType::OutgoingPayment => (f.t("See the payments that you send.").to_owned(), false),
        AccessType::IncomingPayment if has(Action::Create) => {
            (f.t("Ask for payments to your account, and see them.").to_owned(), false)
        }
        AccessType::IncomingPayment => (f.t("See payments to your account.").to_owned(), false),
        AccessType::Quote => (f.t("Ask what a payment would cost.").to_owned(), false),
    };
    Right { sentence, details, unlimited }
}

fn each(f: &Frame, often: &HowOften) -> String {
    let word = match &often.each {
        Each::Day => f.t("each day"),
        Each::Week => f.t("each week"),
        Each::Month => f.t("each month"),
        Each::Year => f.t("each year"),
        Each::Other(text) => return format!(" ({text})"),
    };
    format!(" {word}")
}

fn duration(f: &Frame, often: &HowOften) -> Vec<String> {
    let mut told = Vec::new();
    match often.times {
        Some(times) => told.push(f.with("This is repeated {} times.", times.to_string())),
        None => told.push(f.t("This has no end until you stop it.").to_owned()),
    }
    told.extend(often.from.as_ref().map(|from| f.with("It begins on {}.", from)));
    told
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Asking<'a> {
    f: &'a Frame,
    q: &'a Question,
    id: Uuid,
    client: String,
    rights: Vec<Right>,
    once: String,
    must_confirm: bool,
    limits: Vec<LimitFields>,
    error: Option<&'static str>,
}

impl Asking<'_> {
    fn accounts(&self) -> &[Held] {
        &self.q.accounts
    }
}

fn consents(ctx: &Ctx) -> Result<Consents, Problem> {
    ctx.core().consents.clone().ok_or(Problem::NotFound)
}

/// `GET /consent?interactId=&nonce=&clientName=&clientUri=`: the way from the authorization server.
pub(crate) async fn arrive(ctx: Ctx) -> Result<Response, Problem> {
    let consents = consents(&ctx)?;
    let text = |name: &str| ctx.reader.query.get(name).map_or("", String::as_str);
    let Some(interaction) = Interaction::of(text("interactId"), text("nonce")) else {
        return Ok(over(&ctx));
    };
    // The nonce leaves the address at once.
    let id = consents.open(&ctx.customer, &interaction, text("clientName"), text("clientUri")).await?;
    Ok(go(&format!("/consent/{id}")))
}

fn over(ctx: &Ctx) -> Response {
    let f = ctx.frame("");
    let text = "The application has taken its request back, or it has expired. Begin again in the application.";
    let message = Message { f: &f, title: "This request is over", text, link: Some(("/", "To the start")) };
    html(StatusCode::GONE, &message)
}

async fn opened(ctx: &Ctx, consents: &Consents) -> Result<Opened, Problem> {
    consents.opened(&ctx.customer, ctx.id()?).await?.ok_or(Problem::NotFound)
}

/// The page about what came of opening or deciding, unless there is a question.
fn settled(
    ctx: &Ctx,
    opened: &Opened,
    shown: Result<Shown, ConsentError>,
) -> Result<Result<Box<Question>, Response>, Problem> {
    Ok(match shown {
        Ok(Shown::Question(question)) => Ok(question),
        // If it is over, the authorization server tells the application why.
        Ok(Shown::Decided) | Err(ConsentError::Interaction(InteractionError::Over)) => {
            Err(go(&format!("/consent/{}/done", opened.id)))
        }
        Ok(Shown::NotYours) => {
            let f = ctx.frame("");
            let to = format!("/consent/{}/done", opened.id);
            let text = "The application asked about an address that is not yours, so it was refused.";
            let message = Message { f: &f, title: "No access", text, link: Some((&to, "Back to the application")) };
            Err(html(StatusCode::FORBIDDEN, &message))
        }
        Err(ConsentError::Interaction(InteractionError::Unknown)) => Err(over(ctx)),
        Err(error) => return Err(error.into()),
    })
}

/// `GET /consent/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let consents = consents(&ctx)?;
    let opened = opened(&ctx, &consents).await?;
    let shown = consents.show(&ctx.customer, &opened).await;
    match settled(&ctx, &opened, shown)? {
        Ok(question) => {
            let limits = payers(&question.accounts, &question.access).iter().map(LimitFields::empty).collect();
            Ok(draw(&ctx, StatusCode::OK, &opened, &question, (limits, None)))
        }
        Err(other) => Ok(other),
    }
}

/// The fields for limits of the customer's own, and what is wrong.
type Filled = (Vec<LimitFields>, Option<&'static str>);

fn draw(ctx: &Ctx, status: StatusCode, opened: &Opened, q: &Question, (limits, error): Filled) -> Response {
    let f = ctx.frame("");
    // What can move money comes first.
    let mut items: Vec<&AccessItem> = q.access.iter().collect();
    items.sort_by_key(|item| item.kind() != AccessType::OutgoingPayment);
    let rights: Vec<Right> = items.into_iter().map(|item| right(&f, item, &q.accounts)).collect();
    let page = Asking {
        id: opened.id,
        client: short(&q.client_uri),
        must_confirm: rights.iter().any(|right| right.unlimited),
        rights,
        once: ctx.once(&format!("/consent/{}", opened.id)),
        q,
        f: &f,
        limits,
        error,
    };
    html(status, &page)
}

/// `POST /consent/{id}`
pub(crate) async fn decide(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let consents = consents(&ctx)?;
    let opened = opened(&ctx, &consents).await?;
    if opened.decision.is_some() {
        return Ok(go(&format!("/consent/{}/done", opened.id)));
    }
    let decision = match posted.text("decision") {
        "allow" => Decision::Allow,
        "deny" => Decision::Deny,
        _ => return Err(Problem::ForeignForm),
    };
    if decision == Decision::Allow {
        // What is allowed moves money without any other question.
        if needs_code(&ctx).await? {
            return Ok(prove_first(&format!("/consent/{}", opened.id)));
        }
        let shown = consents.show(&ctx.customer, &opened).await;
        let question = match settled(&ctx, &opened, shown)? {
            Ok(question) => question,
            Err(other) => return Ok(other),
        };
        let payers = payers(&question.accounts, &question.access);
        let limits = limit_fields::read_all(&payers, &posted, ctx.reader.words, ctx.core().clock.now());
        let f = ctx.frame("");
        let unlimited = question.access.iter().any(|item| right(&f, item, &question.accounts).unlimited);
        if unlimited && posted.text("unlimited") != "yes" {
            let error = Some("Confirm that there is no limit, or do not allow it.");
            let fields = limit_fields::written(&payers, &posted);
            return Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, &opened, &question, (fields, error)));
        }
        match limits {
            Err(Wrong { fields, error }) => {
                let filled = (fields, Some(error));
                return Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, &opened, &question, filled));
            }
            // Before the answer, so that no payment comes between.
            Ok(limits) => {
                for (account, limits) in limits.into_iter().filter(|(_, limits)| *limits != OwnLimits::default()) {
                    ctx.customer.limit(&question.grant_id, account, &limits).await?;
                }
            }
        }
    }
    let shown = consents.decide(&ctx.customer, &opened, decision).await;
    match settled(&ctx, &opened, shown)? {
        Ok(_) => Err(Problem::Store),
        Err(other) => Ok(other),
    }
}

/// `GET /consent/{id}/done`: back to the authorization server. A form may not lead to another site, so this page does.
pub(crate) async fn leave(ctx: Ctx) -> Result<Response, Problem> {
    let consents = consents(&ctx)?;
    let opened = opened(&ctx, &consents).await?;
    let to = consents.finish(&opened);
    let mut f = ctx.frame("");
    f.onward = Some(to.clone());
    let (title, text) = match opened.decision.as_deref() {
        Some("allowed") => {
            ("Allowed", "You can stop this at any time, under Agreements. Going back to the application \u{2026}")
        }
        Some(_) => ("Not allowed", "The application gets nothing. Going back to it \u{2026}"),
        None => {
            ("This request is over", "It was decided before, or it has expired. Going back to the application \u{2026}")
        }
    };
    Ok(html(StatusCode::OK, &Message { f: &f, title, text, link: Some((&to, "Back to the application")) }))
}
