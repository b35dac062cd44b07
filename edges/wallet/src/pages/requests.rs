//! Asking for money: the form, the list of requests, and one request with its link and code.
//!
//! What a request is, is in `requests`.

use std::borrow::Borrow;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::{Posted, html, numbers, qr};
use uuid::Uuid;

use super::context::{Ctx, Problem, go, quoted};
use super::frame::Frame;
use crate::customers::Held;
use crate::requests::{self, Lasts, NewRequest, Request, RequestError, State};

/// The most requests in the list.
const LISTED: u32 = 100;

#[derive(Template)]
#[template(path = "request.html")]
struct Ask<'a> {
    f: &'a Frame,
    accounts: &'a [Held],
    once: String,
    account: Option<Uuid>,
    amount: &'a str,
    note: &'a str,
    lasts: Lasts,
    wrong: Option<(&'static str, String)>,
}

impl Ask<'_> {
    fn error(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    fn is_chosen(&self, id: &Uuid) -> bool {
        self.account == Some(*id) || self.accounts.len() == 1
    }

    fn is_lasting(&self, lasts: impl Borrow<Lasts>) -> bool {
        self.lasts == *lasts.borrow()
    }

    #[expect(clippy::unused_self, reason = "templates call methods of their data")]
    fn choices(&self) -> [(Lasts, &'static str); 4] {
        Lasts::ALL.map(|lasts| (lasts, name(lasts)))
    }
}

fn name(lasts: Lasts) -> &'static str {
    match lasts {
        Lasts::Hour => "One hour",
        Lasts::Day => "One day",
        Lasts::Week => "One week",
        Lasts::FourWeeks => "Four weeks",
    }
}

async fn payable(ctx: &Ctx) -> Result<Vec<Held>, Problem> {
    let mut accounts = ctx.customer.accounts().await?;
    accounts.retain(|held| held.account.wallet_address_id.is_some());
    Ok(accounts)
}

/// `GET /request?account=`
pub(crate) async fn ask_page(ctx: Ctx) -> Result<Response, Problem> {
    let accounts = payable(&ctx).await?;
    let account = ctx.reader.query.get("account").and_then(|id| Uuid::parse_str(id).ok());
    let f = ctx.frame("home");
    let once = ctx.once("/request");
    let (amount, note, lasts) = ("", "", Lasts::default());
    Ok(html(StatusCode::OK, &Ask { f: &f, accounts: &accounts, once, account, amount, note, lasts, wrong: None }))
}

/// `POST /request`
pub(crate) async fn ask(ctx: Ctx, posted: Posted, key: Uuid) -> Result<Response, Problem> {
    let accounts = payable(&ctx).await?;
    let account = posted.id("account");
    let (amount, note) = (posted.text("amount"), posted.text("note"));
    let lasts = Lasts::read(posted.text("lasts")).unwrap_or_default();
    let words = ctx.reader.words;
    let wrong = match accounts.iter().find(|held| Some(held.account.id) == account) {
        None => ("account", words.t(&RequestError::Account.to_string()).to_owned()),
        Some(held) => match wanted_amount(amount, held, &ctx) {
            Err(reason) => ("amount", words.t(reason).to_owned()),
            Ok(value) => {
                let new = NewRequest { id: key, account: held.account.id, amount: value, note: note.to_owned(), lasts };
                match requests::make(&ctx.core().effects, &ctx.customer, &new).await {
                    Ok(()) => return Ok(go(&format!("/requests/{key}"))),
                    Err(RequestError::Effect(error)) => return Err(error.into()),
                    Err(RequestError::Refused(reason)) => {
                        ("amount", words.with("There is no request with this: {}.", &reason))
                    }
                    Err(error @ RequestError::Note) => ("note", words.t(&error.to_string()).to_owned()),
                    Err(error) => ("amount", words.t(&error.to_string()).to_owned()),
                }
            }
        },
    };
    let f = ctx.frame("home");
    let once = ctx.once_more("/request", key);
    let page = Ask { f: &f, accounts: &accounts, once, account, amount, note, lasts, wrong: Some(wrong) };
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// What was written; `None` leaves the amount to the payer.
fn wanted_amount(written: &str, held: &Held, ctx: &Ctx) -> Result<Option<u64>, &'static str> {
    if written.is_empty() {
        return Ok(None);
    }
    numbers::parse(written, held.account.asset.scale, ctx.reader.words).map(Some)
}

#[derive(Template)]
#[template(path = "requests.html")]
struct List<'a> {
    f: &'a Frame,
    requests: &'a [Request],
}

impl List<'_> {
    #[expect(clippy::unused_self, reason = "templates call methods of their data")]
    fn badge(&self, request: &Request) -> (&'static str, &'static str) {
        badge(request.state)
    }
}

fn badge(state: State) -> (&'static str, &'static str) {
    match state {
        State::Open => ("Not paid yet", "waiting"),
        State::Paid(_) => ("Paid", "done"),
        State::InPart(_) => ("Paid in part", "waiting"),
        State::Expired => ("Expired", "failed"),
        State::Closed => ("Closed", "failed"),
    }
}

/// `GET /requests`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let (core, user) = (ctx.core(), ctx.customer.user());
    let requests = requests::list(&core.effects, user, LISTED).await?;
    let f = ctx.frame("home");
    Ok(html(StatusCode::OK, &List { f: &f, requests: &requests }))
}

#[derive(Template)]
#[template(path = "request_page.html")]
struct Shown<'a> {
    f: &'a Frame,
    r: &'a Request,
    badge: (&'static str, &'static str),
    sentence: &'static str,
    qr: Option<String>,
    /// Opens a new letter with the link, in the reader's mail program.
    letter: String,
    /// What has come so far, while it is open.
    so_far: Option<u64>,
    close: String,
}

impl Shown<'_> {
    fn is_open(&self) -> bool {
        self.r.state == State::Open
    }

    fn came(&self) -> Option<u64> {
        match self.r.state {
            State::Paid(came) | State::InPart(came) => Some(came),
            State::Open => self.so_far.filter(|came| *came > 0),
            State::Expired | State::Closed => None,
        }
    }
}

async fn find(ctx: &Ctx) -> Result<Request, Problem> {
    let (core, user) = (ctx.core(), ctx.customer.user());
    let found = requests::one(&core.effects, user, ctx.id()?).await?;
    found.ok_or(Problem::NotFound)
}

/// `GET /requests/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let request = find(&ctx).await?;
    let mut f = ctx.frame("home");
    let mut so_far = None;
    if request.state == State::Open {
        f.again = Some(5);
        // Without an answer the page shows what the wallet knows.
        let live = ctx.core().effects.admin.incoming_payment(request.payment).await.ok();
        so_far = live.map(|payment| payment.received_amount.value);
    }
    let subject = request.amount.map_or_else(
        || f.t("A request for money").to_owned(),
        |amount| f.with("A request for {}", f.money(amount, &request.asset)),
    );
    let page = Shown {
        badge: badge(request.state),
        sentence: match request.state {
            State::Open => "Show the code or send the link. Any wallet of the network can pay it.",
            State::Paid(_) => "The money is in your account.",
            State::InPart(_) => "It has ended, and a part of the money is in your account.",
            State::Expired => "Nobody paid it in time.",
            State::Closed => "You have closed it. It takes no more money.",
        },
        qr: qr::svg(&request.url),
        letter: format!("mailto:?subject={}&body={}", quoted(&subject), quoted(&request.url)),
        so_far,
        close: ctx.once(&format!("/requests/{}", request.id)),
        r: &request,
        f: &f,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /requests/{id}`
pub(crate) async fn close(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let request = find(&ctx).await?;
    if request.state == State::Open {
        requests::close(&ctx.core().effects, &ctx.customer, &request).await?;
    }
    Ok(go(&format!("/requests/{}?said=closed", request.id)))
}
