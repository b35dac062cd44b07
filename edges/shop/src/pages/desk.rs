//! The desk of the owner: all orders, and refunds.
//!
//! A refund is a payment from the shop's wallet, whose owner consents like every payer.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_kit::read_body;
use page_kit::{Posted, html};

use super::context::{FORM_MAX, Problem, Reader, go};
use super::frame::Frame;
use super::order::{Line, badge, come_back, lines};
use crate::orders::{Order, Purpose, Stage};
use crate::refunds::{last_refund, refund as new_refund, refundable};

const AGAIN_SECONDS: u8 = 2;

#[derive(Template)]
#[template(path = "desk.html")]
struct Desk<'a> {
    f: &'a Frame,
    rows: &'a [Row],
}

struct Row {
    order: Order,
    price: String,
    badge: (&'static str, &'static str),
    when: String,
}

#[derive(Template)]
#[template(path = "desk_order.html")]
struct Page<'a> {
    f: &'a Frame,
    order: &'a Order,
    lines: &'a [Line],
    /// What can be given back, and the token of the form.
    refund: Option<(String, String)>,
}

/// `GET /desk`
pub(crate) async fn list(reader: Reader) -> Response {
    if let Some(refusal) = reader.refusal() {
        return refusal;
    }
    let made = async {
        let f = reader.frame();
        let mut rows = Vec::new();
        for order in reader.core.store.orders(None).await? {
            let transfers = reader.core.store.transfers(order.id).await?;
            let last = transfers.iter().rev().find(|transfer| !transfer.waits_for_its_period());
            let badge = last.map_or(("Begun", "info"), |last| match last.purpose {
                Purpose::Refund if matches!(last.stage, Stage::Paid { .. }) => ("Given back", "info"),
                _ => badge(&last.stage),
            });
            let (price, when) = (f.money(order.value, &order.asset), f.instant(order.created_at));
            rows.push(Row { order, price, badge, when });
        }
        Ok(html(StatusCode::OK, &Desk { f: &f, rows: &rows }))
    };
    reader.answer(made.await)
}

/// `GET /desk/{id}`
pub(crate) async fn page(reader: Reader) -> Response {
    if let Some(refusal) = reader.refusal() {
        return refusal;
    }
    let made = async {
        let order = reader.core.store.order(reader.id()?).await?.ok_or(Problem::NotFound)?;
        let transfers = reader.core.store.transfers(order.id).await?;
        let mut f = reader.frame();
        f.onward = last_refund(&transfers)
            .and_then(|refund| refund.stage.redirect())
            .filter(|_| reader.query.contains_key("go"))
            .map(str::to_owned);
        f.again = transfers.iter().any(|transfer| transfer.stage.is_under_way()).then_some(AGAIN_SECONDS);
        let once = reader.desk_once(&format!("/desk/{}/refund", order.id));
        let lines = lines(&f, &order, &transfers);
        let refund = refundable(&transfers).map(|what| (f.money(what.value, &order.asset), once));
        Ok(html(StatusCode::OK, &Page { f: &f, order: &order, lines: &lines, refund }))
    };
    reader.answer(made.await)
}

/// `POST /desk/{id}/refund`
pub(crate) async fn refund(reader: Reader, body: Body) -> Response {
    if let Some(refusal) = reader.refusal() {
        return refusal;
    }
    let body = match read_body(body, FORM_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let made = async {
        let key = reader.desk_key(&Posted::read(&body))?;
        let store = &reader.core.store;
        let order = store.order(reader.id()?).await?.ok_or(Problem::NotFound)?;
        let now = reader.core.clock.now();
        // An order has one refund of each number, so a second press of the button begins no second refund.
        if let Some(what) = refundable(&store.transfers(order.id).await?) {
            store.insert_transfer(&new_refund(key, order.id, what, now), None).await?;
        }
        let transfers = store.transfers(order.id).await?;
        let last = last_refund(&transfers).ok_or(Problem::NotFound)?;
        if last.stage == Stage::Begun {
            reader.core.till.ask(&order, &mut last.clone()).await?;
        }
        Ok(go(&format!("/desk/{}?go=1", order.id)))
    };
    reader.answer(made.await)
}

/// `GET /desk/{id}/back`: the shop's wallet sends its owner here after the decision.
pub(crate) async fn back(reader: Reader) -> Response {
    if let Some(refusal) = reader.refusal() {
        return refusal;
    }
    let made = async {
        let transfers = reader.core.store.transfers(reader.id()?).await?;
        let mut refund = last_refund(&transfers).ok_or(Problem::NotFound)?.clone();
        come_back(&reader, &mut refund).await?;
        Ok(go(&format!("/desk/{}", reader.id()?)))
    };
    reader.answer(made.await)
}
