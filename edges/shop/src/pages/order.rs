//! The page of an order, and the way back from the customer's wallet.
//!
//! Only the browser that ordered sees it.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_kit::read_body;
use page_kit::{Posted, html};

use super::context::{FORM_MAX, Problem, Reader, go};
use super::counter::begin;
use super::frame::Frame;
use crate::catalogue::Terms;
use crate::orders::{Bill, Order, Purpose, Stage, Standing, Transfer};
use crate::store::Changed;

/// A page that shows something under way is loaded again after so many seconds.
const AGAIN_SECONDS: u8 = 2;

#[derive(Template)]
#[template(path = "orders.html")]
struct Orders<'a> {
    f: &'a Frame,
    orders: &'a [(Order, String)],
}

/// One movement of money, in words.
pub(super) struct Line {
    pub(super) what: String,
    pub(super) amount: String,
    pub(super) badge: (&'static str, &'static str),
    pub(super) when: String,
    /// Why it did not succeed.
    pub(super) why: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "order.html")]
struct Page<'a> {
    f: &'a Frame,
    order: &'a Order,
    price: String,
    headline: &'static str,
    next: Next,
    lines: &'a [Line],
    /// The token of the form that asks again, and of the one that ends a subscription.
    ask: String,
    end: String,
}

/// What the customer can do.
#[derive(Default)]
struct Next {
    /// Nothing was asked yet.
    ask: bool,
    /// What is to be paid, and where the wallet asks.
    consent: Option<(String, String)>,
    /// What was paid.
    paid: Option<String>,
    waits: bool,
    /// Why it was not paid.
    why: Option<&'static str>,
    order_again: bool,
}

fn next(f: &Frame, stage: &Stage) -> Next {
    let debit = |bill: &Bill| f.money(bill.debit.value, &bill.debit.asset());
    match stage {
        Stage::Begun => Next { ask: true, ..Next::default() },
        Stage::Asked { bill, pending } => {
            Next { consent: Some((debit(bill), pending.redirect.clone())), ..Next::default() }
        }
        Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => Next { waits: true, ..Next::default() },
        Stage::Paid { bill } => Next { paid: Some(debit(bill)), ..Next::default() },
        Stage::Refused => Next { why: Some("Nothing was paid."), order_again: true, ..Next::default() },
        Stage::Failed { why, received } => {
            Next { why: Some(why.text()), order_again: *received == 0, ..Next::default() }
        }
    }
}

impl Page<'_> {
    fn is_monthly(&self) -> bool {
        self.order.product.terms == Terms::Monthly
    }

    fn is_running(&self) -> bool {
        matches!(self.order.standing, Standing::Running { .. })
    }

    fn standing(&self) -> Option<&'static str> {
        match self.order.standing {
            Standing::None => None,
            Standing::Running { .. } => Some("You pay each month, until you end it."),
            Standing::Ending { .. } | Standing::Ended => Some("The subscription has ended. Nothing more is paid."),
            Standing::Lapsed => Some("Your wallet no longer lets the shop have money, so the subscription has ended."),
        }
    }
}

/// A word for a stage, and its colour.
pub(super) fn badge(stage: &Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Begun => ("Begun", "info"),
        Stage::Asked { .. } => ("Waiting for consent", "waiting"),
        Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => ("On its way", "waiting"),
        Stage::Paid { .. } => ("Paid", "done"),
        Stage::Refused => ("Not allowed", "failed"),
        Stage::Failed { .. } => ("Failed", "failed"),
    }
}

fn headline(stage: &Stage) -> &'static str {
    match stage {
        Stage::Begun => "Your wallet was not asked yet",
        Stage::Asked { .. } => "Now your wallet asks you",
        Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => "Your payment is on its way",
        Stage::Paid { .. } => "Thank you! It is paid.",
        Stage::Refused => "You did not allow the payment",
        Stage::Failed { .. } => "It was not paid",
    }
}

pub(super) fn lines(f: &Frame, order: &Order, transfers: &[Transfer]) -> Vec<Line> {
    let shown = transfers.iter().filter(|transfer| !transfer.waits_for_its_period());
    let line = |transfer: &Transfer| Line {
        what: match (transfer.purpose, order.product.terms) {
            (Purpose::Refund, _) => f.t("Refund").to_owned(),
            (_, Terms::Once) => f.t("Payment").to_owned(),
            (_, Terms::Monthly) => f.with("Month {}", (transfer.period + 1).to_string()),
        },
        amount: f.money(transfer.value, &order.asset),
        badge: badge(&transfer.stage),
        when: f.instant(transfer.created_at),
        why: match &transfer.stage {
            Stage::Failed { why, .. } => Some(why.text()),
            _ => None,
        },
    };
    shown.map(line).collect()
}

/// The order in the address, if it is this browser's.
async fn own(reader: &Reader) -> Result<(Order, Vec<Transfer>), Problem> {
    let id = reader.id()?;
    let visitor = reader.known_visitor().ok_or(Problem::NotFound)?;
    let order = reader.core.store.order(id).await?.filter(|order| order.visitor == visitor);
    let order = order.ok_or(Problem::NotFound)?;
    let transfers = reader.core.store.transfers(id).await?;
    Ok((order, transfers))
}

fn purchase(transfers: &[Transfer]) -> Result<&Transfer, Problem> {
    transfers.iter().find(|transfer| transfer.purpose == Purpose::Purchase).ok_or(Problem::NotFound)
}

/// `GET /orders`
pub(crate) async fn list(reader: Reader) -> Response {
    let made = async {
        let f = reader.frame();
        let orders = match reader.known_visitor() {
            Some(visitor) => reader.core.store.orders(Some(visitor)).await?,
            None => Vec::new(),
        };
        let orders: Vec<(Order, String)> =
            orders.into_iter().map(|order| (order.clone(), f.money(order.value, &order.asset))).collect();
        Ok(html(StatusCode::OK, &Orders { f: &f, orders: &orders }))
    };
    reader.answer(made.await)
}

/// `GET /orders/{id}`
pub(crate) async fn page(reader: Reader) -> Response {
    let made = async {
        let (order, transfers) = own(&reader).await?;
        let first = purchase(&transfers)?;
        let mut f = reader.frame();
        f.onward = first.stage.redirect().filter(|_| reader.query.contains_key("go")).map(str::to_owned);
        f.again = transfers.iter().any(|transfer| transfer.stage.is_under_way()).then_some(AGAIN_SECONDS);
        let lines = lines(&f, &order, &transfers);
        let page = Page {
            price: f.money(order.value, &order.asset),
            headline: headline(&first.stage),
            next: next(&f, &first.stage),
            lines: &lines,
            ask: reader.once(order.visitor, &format!("/orders/{}/ask", order.id)),
            end: reader.once(order.visitor, &format!("/orders/{}/end", order.id)),
            f: &f,
            order: &order,
        };
        Ok(html(StatusCode::OK, &page))
    };
    reader.answer(made.await)
}

/// `POST /orders/{id}/ask`: asks the wallet, if that was interrupted.
pub(crate) async fn ask_again(reader: Reader, body: Body) -> Response {
    let body = match read_body(body, FORM_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let made = async {
        let (order, _) = own(&reader).await?;
        reader.key(order.visitor, &Posted::read(&body))?;
        Ok(go(&begin(&reader, order.id).await?))
    };
    reader.answer(made.await)
}

/// `GET /orders/{id}/back`: the wallet sends the browser here after the decision.
pub(crate) async fn back(reader: Reader) -> Response {
    let made = async {
        let (order, transfers) = own(&reader).await?;
        let mut first = purchase(&transfers)?.clone();
        come_back(&reader, &mut first).await?;
        Ok(go(&format!("/orders/{}", order.id)))
    };
    reader.answer(made.await)
}

/// Reads what the wallet wrote into the address of the way back. A second call changes nothing.
pub(super) async fn come_back(reader: &Reader, transfer: &mut Transfer) -> Result<Changed, Problem> {
    if !matches!(transfer.stage, Stage::Asked { .. }) {
        return Ok(Changed::Overtaken);
    }
    let told = |name: &str| reader.query.get(name).map_or("", String::as_str);
    if told("result") == "grant_rejected" {
        return Ok(reader.core.till.refused(transfer).await?);
    }
    match reader.core.till.returned(transfer, told("interact_ref"), told("hash")).await {
        Err(crate::till::TillError::Unusable(_)) => Err(Problem::ForeignReturn),
        other => Ok(other?),
    }
}

/// `POST /orders/{id}/end`: ends a subscription.
pub(crate) async fn end(reader: Reader, body: Body) -> Response {
    let body = match read_body(body, FORM_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let made = async {
        let (order, _) = own(&reader).await?;
        reader.key(order.visitor, &Posted::read(&body))?;
        reader.core.till.end(&order).await?;
        Ok(go(&format!("/orders/{}", order.id)))
    };
    reader.answer(made.await)
}
