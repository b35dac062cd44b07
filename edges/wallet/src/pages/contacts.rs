//! The customer's contacts: the list, a new one, and one to rename or forget.
//! Choosing one for a payment is in `send`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{Ctx, Problem, go, send_to};
use super::frame::Frame;
use super::history::short;
use crate::contacts::{self, Contact, ContactError};

/// The most contacts in the list.
const LISTED: u32 = 500;

#[derive(Template)]
#[template(path = "contacts.html")]
struct List<'a> {
    f: &'a Frame,
    contacts: Vec<Entry>,
}

/// A contact with the address that begins a payment.
struct Entry {
    contact: Contact,
    place: String,
    send: String,
}

/// `GET /contacts`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let found = contacts::list(ctx.core().effects.store.database(), ctx.customer.user(), LISTED).await?;
    let mut contacts: Vec<Entry> = found
        .into_iter()
        .map(|contact| Entry { place: short(&contact.url), send: send_to(&contact.url), contact })
        .collect();
    contacts.sort_by_key(|entry| entry.contact.name.to_lowercase());
    let f = ctx.frame("home");
    Ok(html(StatusCode::OK, &List { f: &f, contacts }))
}

#[derive(Template)]
#[template(path = "contact.html")]
struct One<'a> {
    f: &'a Frame,
    /// `None` for a new one.
    id: Option<Uuid>,
    url: &'a str,
    name: &'a str,
    action: &'a str,
    once: String,
    forget: String,
    wrong: Option<(&'static str, String)>,
}

impl One<'_> {
    fn error(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }
}

fn draw(
    ctx: &Ctx,
    status: StatusCode,
    (id, url, name): (Option<Uuid>, &str, &str),
    key: Option<Uuid>,
    wrong: Option<(&'static str, String)>,
) -> Response {
    let action = id.map_or_else(|| "/contacts/add".to_owned(), |id| format!("/contacts/{id}"));
    let once = key.map_or_else(|| ctx.once(&action), |key| ctx.once_more(&action, key));
    let forget = id.map(|id| ctx.once(&format!("/contacts/{id}/forget"))).unwrap_or_default();
    let f = ctx.frame("home");
    html(status, &One { f: &f, id, url, name, action: &action, once, forget, wrong })
}

/// `GET /contacts/add?url=&name=`
pub(crate) async fn add_page(ctx: Ctx) -> Result<Response, Problem> {
    let given = |name: &str| ctx.reader.query.get(name).map_or("", String::as_str);
    Ok(draw(&ctx, StatusCode::OK, (None, given("url"), given("name")), None, None))
}

/// `POST /contacts/add`
pub(crate) async fn add(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let (written, name) = (posted.text("url"), posted.text("name"));
    let url = match ctx.core().sending.address(written) {
        Ok(url) => url,
        Err(error) => {
            let said = ctx.reader.words.t(&error.to_string()).to_owned();
            let given = (None, written, name);
            return Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, given, Some(key), Some(("url", said))));
        }
    };
    let contact = Contact { id: key, url, name: name.to_owned() };
    match keep(&ctx, &contact).await? {
        None => Ok(go("/contacts?said=saved")),
        Some(wrong) => Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, (None, written, name), Some(key), Some(wrong))),
    }
}

async fn keep(ctx: &Ctx, contact: &Contact) -> Result<Option<(&'static str, String)>, Problem> {
    let (core, user) = (ctx.core(), ctx.customer.user());
    let said = |error: &ContactError| ctx.reader.words.t(&error.to_string()).to_owned();
    match contacts::keep(core.effects.store.database(), user, contact, core.clock.now()).await {
        Ok(()) => Ok(None),
        Err(ContactError::Store(error)) => Err(error.into()),
        Err(error @ ContactError::Name) => Ok(Some(("name", said(&error)))),
        Err(error) => Ok(Some(("url", said(&error)))),
    }
}

async fn found(ctx: &Ctx) -> Result<Contact, Problem> {
    let database = ctx.core().effects.store.database();
    contacts::find(database, ctx.customer.user(), ctx.id()?).await?.ok_or(Problem::NotFound)
}

/// `GET /contacts/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let contact = found(&ctx).await?;
    Ok(draw(&ctx, StatusCode::OK, (Some(contact.id), &contact.url, &contact.name), None, None))
}

/// `POST /contacts/{id}`
pub(crate) async fn rename(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let contact = found(&ctx).await?;
    let renamed = Contact { name: posted.text("name").to_owned(), ..contact };
    match keep(&ctx, &renamed).await? {
        None => Ok(go("/contacts?said=saved")),
        wrong => {
            let given = (Some(renamed.id), renamed.url.as_str(), renamed.name.as_str());
            Ok(draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, given, Some(key), wrong))
        }
    }
}

/// `POST /contacts/{id}/forget`
pub(crate) async fn forget(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    contacts::forget(ctx.core().effects.store.database(), ctx.customer.user(), ctx.id()?).await?;
    Ok(go("/contacts?said=contact-gone"))
}
