//! Sending money: to whom, how much, the offer, and what came of it.
//!
//! The steps themselves are in `sending`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use money::Asset;
use page_kit::{Posted, html, numbers};
use uuid::Uuid;

use super::context::{Ctx, Message, Problem, go, send_to};
use super::frame::Frame;
use super::history::short;
use super::security::prove_first;
use crate::contacts;
use crate::customers::Held;
use crate::sending::{BeginError, Confirmed, Draft, Fixed, Offer, OfferError, Payee, Stage, Wish, Written};

/// The most contacts on the first page of sending.
const CONTACTS_SHOWN: u32 = 8;

#[derive(Template)]
#[template(path = "send_to.html")]
struct To<'a> {
    f: &'a Frame,
    accounts: &'a [Held],
    account: Option<Uuid>,
    to: &'a str,
    once: String,
    error: Option<String>,
    /// Those who were paid last: the name, and the address of this page with them as payee.
    contacts: Vec<(String, String)>,
}

impl To<'_> {
    fn is_chosen(&self, id: &Uuid) -> bool {
        self.account == Some(*id)
    }
}

/// `GET /send?to=&account=`
pub(crate) async fn to_page(ctx: Ctx) -> Result<Response, Problem> {
    let query = &ctx.reader.query;
    let account = query.get("account").and_then(|id| Uuid::parse_str(id).ok());
    let to = query.get("to").map_or("", String::as_str);
    draw_to(&ctx, StatusCode::OK, account, to, (ctx.once("/send"), None)).await
}

async fn draw_to(
    ctx: &Ctx,
    status: StatusCode,
    account: Option<Uuid>,
    to: &str,
    (once, error): (String, Option<String>),
) -> Result<Response, Problem> {
    let mut accounts = ctx.customer.accounts().await?;
    accounts.retain(|held| held.account.wallet_address_id.is_some());
    let database = ctx.core().effects.store.database();
    let contacts = contacts::list(database, ctx.customer.user(), CONTACTS_SHOWN).await?;
    let contacts = contacts.into_iter().map(|contact| {
        let from = account.map(|id| format!("&account={id}")).unwrap_or_default();
        (contact.name, format!("{}{from}", send_to(&contact.url)))
    });
    let f = ctx.frame("send");
    let contacts = contacts.collect();
    Ok(html(status, &To { f: &f, accounts: &accounts, account, to, once, error, contacts }))
}

/// `POST /send`
pub(crate) async fn to(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let account = posted.id("account");
    let written = posted.text("to");
    let begun = match account {
        Some(account) => ctx.core().sending.begin(&ctx.customer, key, account, written).await,
        None => Err(BeginError::NoAccount),
    };
    match begun {
        Ok(draft) => {
            let (core, user) = (ctx.core(), ctx.customer.user());
            let url = draft.payee.written.url();
            contacts::used(core.effects.store.database(), user, url, core.clock.now()).await?;
            Ok(go(&format!("/send/{}", draft.id)))
        }
        Err(BeginError::Effect(error)) => Err(error.into()),
        Err(error) => {
            let said = ctx.reader.words.t(&error.to_string()).to_owned();
            let again = (ctx.once_more("/send", key), Some(said));
            draw_to(&ctx, StatusCode::UNPROCESSABLE_ENTITY, account, written, again).await
        }
    }
}

/// The payee, in words.
struct Whom {
    name: String,
    place: String,
}

impl Whom {
    fn initial(&self) -> String {
        self.name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }
}

fn whom(payee: &Payee) -> Whom {
    let place = short(payee.written.url());
    Whom { name: payee.name.as_deref().map_or_else(|| place.clone(), short), place }
}

#[derive(Template)]
#[template(path = "send_amount.html")]
struct HowMuch<'a> {
    f: &'a Frame,
    draft: &'a Draft,
    whom: Whom,
    held: &'a Held,
    once: String,
    amount: String,
    fixed: Fixed,
    note: String,
    wrong: Option<(&'static str, String)>,
}

impl HowMuch<'_> {
    fn error(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    fn asks_amount(&self) -> Option<u64> {
        self.draft.payee.asked
    }

    fn is_debit(&self) -> bool {
        self.fixed == Fixed::Debit
    }
}

async fn draft(ctx: &Ctx) -> Result<(Draft, Held), Problem> {
    let draft = ctx.core().sending.draft(&ctx.customer, ctx.id()?).await?.ok_or(Problem::NotFound)?;
    let held = ctx.customer.account(draft.account).await?.ok_or(Problem::NotFound)?;
    Ok((draft, held))
}

/// The page that belongs to a draft which was confirmed.
fn after(draft: &Draft) -> Option<Response> {
    match draft.stage {
        Stage::Begun | Stage::Quoted(_) => None,
        Stage::Confirmed(_) | Stage::Made(_) | Stage::Refused { .. } => Some(go(&format!("/send/{}/done", draft.id))),
    }
}

/// `GET /send/{id}`
pub(crate) async fn amount_page(ctx: Ctx) -> Result<Response, Problem> {
    let (draft, held) = draft(&ctx).await?;
    if let Some(later) = after(&draft) {
        return Ok(later);
    }
    let (amount, fixed, note) = match &draft.stage {
        Stage::Quoted(offer) => {
            let (value, asset) = match offer.fixed {
                Fixed::Debit => (offer.debit, &held.account.asset),
                Fixed::Receive => (offer.receives, &draft.payee.asset),
            };
            (numbers::input(value, asset.scale, ctx.reader.words), offer.fixed, offer.note.clone().unwrap_or_default())
        }
        _ => (String::new(), Fixed::Receive, String::new()),
    };
    let f = ctx.frame("send");
    let once = ctx.once(&format!("/send/{}", draft.id));
    let whom = whom(&draft.payee);
    let page = HowMuch { f: &f, draft: &draft, whom, held: &held, once, amount, fixed, note, wrong: None };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /send/{id}`
pub(crate) async fn amount(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let (draft, held) = draft(&ctx).await?;
    if let Some(later) = after(&draft) {
        return Ok(later);
    }
    let fixed = Fixed::read(posted.text("fixed")).unwrap_or(Fixed::Receive);
    let outcome = match wish(&ctx, &draft, &held, &posted, fixed) {
        Ok(wish) => match ctx.core().sending.quote(&ctx.customer, &draft, &wish).await {
            Ok(()) | Err(OfferError::Sent) => return Ok(go(&format!("/send/{}/review", draft.id))),
            Err(OfferError::Effect(error)) => return Err(error.into()),
            Err(OfferError::Refused(reason)) => {
                ("amount", ctx.reader.words.with("There is no offer for this payment: {}.", &reason))
            }
            Err(error @ OfferError::Note) => ("note", ctx.reader.words.t(&error.to_string()).to_owned()),
            Err(error) => ("amount", ctx.reader.words.t(&error.to_string()).to_owned()),
        },
        Err(reason) => ("amount", ctx.reader.words.t(reason).to_owned()),
    };

    let f = ctx.frame("send");
    let page = HowMuch {
        f: &f,
        whom: whom(&draft.payee),
        draft: &draft,
        held: &held,
        once: ctx.once_more(&format!("/send/{}", draft.id), key),
        amount: posted.text("amount").to_owned(),
        fixed,
        note: posted.text("note").to_owned(),
        wrong: Some(outcome),
    };
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn wish(ctx: &Ctx, draft: &Draft, held: &Held, posted: &Posted, fixed: Fixed) -> Result<Wish, &'static str> {
    let note = posted.text("note").to_owned();
    if draft.payee.asked.is_some() {
        return Ok(Wish { fixed: Fixed::Receive, amount: None, note });
    }
    let asset = match fixed {
        Fixed::Debit => &held.account.asset,
        Fixed::Receive => &draft.payee.asset,
    };
    let amount = numbers::parse(posted.text("amount"), asset.scale, ctx.reader.words)?;
    if amount == 0 {
        return Err("The amount should be more than zero.");
    }
    if fixed == Fixed::Debit && amount > held.available() {
        return Err("There is not enough money in the account.");
    }
    Ok(Wish { fixed, amount: Some(amount), note })
}

#[derive(Template)]
#[template(path = "send_review.html")]
struct Review<'a> {
    f: &'a Frame,
    draft: &'a Draft,
    offer: &'a Offer,
    whom: Whom,
    held: &'a Held,
    once: String,
    rate: Option<String>,
    enough: bool,
    over: bool,
    /// What the account has afterwards, at least.
    left: u64,
}

impl Review<'_> {
    fn payee_asset(&self) -> &Asset {
        &self.draft.payee.asset
    }

    fn exactly(&self) -> bool {
        self.offer.fixed == Fixed::Receive
    }
}

fn draw_review(ctx: &Ctx, draft: &Draft, held: &Held, once: String) -> Response {
    let Stage::Quoted(offer) = &draft.stage else {
        return after(draft).unwrap_or_else(|| go(&format!("/send/{}", draft.id)));
    };
    let f = ctx.frame("send");
    let (from, to) = (&held.account.asset, &draft.payee.asset);
    let converted = offer.debit.saturating_sub(offer.fee);
    let rate = (from.code != to.code)
        .then(|| numbers::rate_rounded_down((converted, from.scale), (offer.receives, to.scale), f.w))
        .flatten()
        .map(|rate| format!("1 {} = {rate} {}", from.code, to.code));
    let page = Review {
        draft,
        offer,
        whom: whom(&draft.payee),
        held,
        once,
        rate,
        enough: held.available() >= offer.debit,
        over: offer.expires_at <= f.now,
        left: held.available().saturating_sub(offer.debit),
        f: &f,
    };
    html(StatusCode::OK, &page)
}

/// `GET /send/{id}/review`
pub(crate) async fn review_page(ctx: Ctx) -> Result<Response, Problem> {
    let (draft, held) = draft(&ctx).await?;
    let once = ctx.once(&format!("/send/{}/review", draft.id));
    Ok(draw_review(&ctx, &draft, &held, once))
}

/// `POST /send/{id}/review`
pub(crate) async fn confirm(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let id = ctx.id()?;
    let offer = posted.id("offer").ok_or(Problem::ForeignForm)?;
    let (draft, _) = draft(&ctx).await?;
    if let Stage::Quoted(quoted) = &draft.stage {
        // Confirming meets only the offer that is in the form, so this is the debit that it is about.
        let debit = if quoted.quote == offer { quoted.debit } else { u64::MAX };
        if ctx.core().effects.modules.users.asks_before(&ctx.session, draft.account, debit).await? {
            return Ok(prove_first(&format!("/send/{id}/review")));
        }
    }
    match ctx.core().sending.confirm(&ctx.customer, id, offer).await? {
        Confirmed::Yes => Ok(go(&format!("/send/{id}/done"))),
        Confirmed::OtherOffer => Ok(go(&format!("/send/{id}/review"))),
        Confirmed::Unknown => Err(Problem::NotFound),
    }
}

/// `GET /send/{id}/done`
pub(crate) async fn done(ctx: Ctx) -> Result<Response, Problem> {
    let (draft, _) = draft(&ctx).await?;
    let mut f = ctx.frame("send");
    let again = match &draft.payee.written {
        Written::Address(url) | Written::Request(url) => send_to(url),
    };
    Ok(match &draft.stage {
        Stage::Begun | Stage::Quoted(_) => go(&format!("/send/{}", draft.id)),
        Stage::Made(offer) => go(&format!("/history/{}", offer.quote)),
        Stage::Confirmed(_) => {
            f.again = Some(1);
            let text = "The payment begins. This takes a moment; you may close this page.";
            html(StatusCode::OK, &Message { f: &f, title: "One moment", text, link: Some(("/", "To the start")) })
        }
        Stage::Refused { reason, .. } => {
            let message = Message { f: &f, title: "Not sent", text: reason, link: Some((&again, "Try again")) };
            html(StatusCode::OK, &message)
        }
    })
}
