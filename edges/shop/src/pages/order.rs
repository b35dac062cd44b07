//! The page of an order, and the way back from the customer's wallet.
//!
//! Only the browser that ordered sees it.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_kit::read_body;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{FORM_MAX, Problem, Reader, go};
use super::counter::begin;
use super::frame::Frame;
use crate::budgets::Budget;
use crate::catalogue::Terms;
use crate::orders::{Bill, Means, Order, Purpose, Stage, Standing, Transfer};
use crate::store::Changed;

/// A page that shows something under way is loaded again after so many seconds.
const AGAIN_SECONDS: u8 = 2;

#[derive(Template)]
#[template(path = "orders.html")]
struct Orders<'a> {
    f: &'a Frame,
    orders: &'a [(Order, String)],
    /// The order that opened the budget of this browser, and what is left of it.
    budget: Option<(Uuid, String)>,
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
    right: Option<Right<'a>>,
    /// The token of the form that asks again, and of the one that ends a right.
    ask: String,
    end: String,
}

/// A subscription or a budget.
struct Right<'f> {
    title: &'f str,
    text: String,
    /// The button that ends it, if it has not ended.
    end: Option<&'f str>,
    /// The link to the page that asks the wallet anew, if the wallet has ended it.
    again: Option<&'f str>,
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
        Stage::Allowed | Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => {
            Next { waits: true, ..Next::default() }
        }
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
}

/// What an order lets the shop do later.
async fn right<'f>(reader: &Reader, f: &'f Frame, order: &Order) -> Result<Option<Right<'f>>, Problem> {
    let is_running = matches!(order.standing, Standing::Running { .. });
    let has_lapsed = order.standing == Standing::Lapsed;
    if let Means::Opens { .. } = order.means {
        let text = match &order.standing {
            Standing::None => return Ok(None),
            Standing::Running { .. } => match reader.core.budget(order.clone()).await? {
                Some(budget) => in_words(f, &budget),
                None => String::new(),
            },
            Standing::Ending { .. } | Standing::Ended => {
                f.t("The budget has ended. Your wallet asks you each time.").to_owned()
            }
            Standing::Lapsed => {
                f.t("Your wallet no longer lets the shop have money, so the budget has ended.").to_owned()
            }
        };
        let end = is_running.then(|| f.t("End the budget"));
        let again = has_lapsed.then(|| f.t("Allow a new budget"));
        return Ok(Some(Right { title: f.t("Budget"), text, end, again }));
    }
    let text = match order.standing {
        Standing::None => return Ok(None),
        Standing::Running { .. } => f.t("You pay each month, until you end it."),
        Standing::Ending { .. } | Standing::Ended => f.t("The subscription has ended. Nothing more is paid."),
        Standing::Lapsed => f.t("Your wallet no longer lets the shop have money, so the subscription has ended."),
    };
    let end = is_running.then(|| f.t("End the subscription"));
    let again = has_lapsed.then(|| f.t("Subscribe again"));
    Ok(Some(Right { title: f.t("Subscription"), text: text.to_owned(), end, again }))
}

fn in_words(f: &Frame, budget: &Budget) -> String {
    let money = |value| f.money(value, &budget.opener.asset);
    let parts = [
        f.with("You buy with one click, up to {} each month.", money(budget.limit)),
        f.with("{} are left.", money(budget.left)),
        f.with("The next month begins at {}.", f.instant(budget.until)),
    ];
    parts.join(" ")
}

/// A word for a stage, and its colour.
pub(super) fn badge(stage: &Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Begun => ("Begun", "info"),
        Stage::Asked { .. } => ("Waiting for consent", "waiting"),
        Stage::Allowed | Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => {
            ("On its way", "waiting")
        }
        Stage::Paid { .. } => ("Paid", "done"),
        Stage::Refused => ("Not allowed", "failed"),
        Stage::Failed { .. } => ("Failed", "failed"),
    }
}

fn headline(stage: &Stage) -> &'static str {
    match stage {
        Stage::Begun => "Your wallet was not asked yet",
        Stage::Asked { .. } => "Now your wallet asks you",
        Stage::Allowed | Stage::Returned { .. } | Stage::Agreed { .. } | Stage::Paying { .. } => {
            "Your payment is on its way"
        }
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
        let (orders, budget) = match reader.known_visitor() {
            Some(visitor) => (reader.core.store.orders(Some(visitor)).await?, reader.core.budget_of(visitor).await?),
            None => (Vec::new(), None),
        };
        let budget = budget.map(|budget| (budget.opener.id, f.money(budget.left, &budget.opener.asset)));
        let orders: Vec<(Order, String)> =
            orders.into_iter().map(|order| (order.clone(), f.money(order.value, &order.asset))).collect();
        Ok(html(StatusCode::OK, &Orders { f: &f, orders: &orders, budget }))
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
            right: right(&reader, &f, &order).await?,
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

/// `POST /orders/{id}/end`: ends a subscription or a budget.
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
