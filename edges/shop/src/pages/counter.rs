//! The catalogue, and the page on which a customer says which wallet pays.
//!
//! What follows is the page of the order.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_kit::read_body;
use money::Asset;
use page_kit::{Posted, html};
use uuid::Uuid;

use super::context::{FORM_MAX, Problem, Reader, go};
use super::frame::Frame;
use super::pointer;
use crate::budgets::{Budget, OFFERED, offered};
use crate::catalogue::{PRODUCTS, Product, Terms, by_slug, in_smallest_units};
use crate::orders::{Means, Order, Purpose, Stage, Standing, Transfer};
use crate::till::TillError;

/// A product with its price as text.
struct Offer {
    product: &'static Product,
    price: String,
}

impl Offer {
    fn is_monthly(&self) -> bool {
        self.product.terms == Terms::Monthly
    }
}

#[derive(Template)]
#[template(path = "catalogue.html")]
struct Catalogue<'a> {
    f: &'a Frame,
    offers: &'a [Offer],
}

#[derive(Template)]
#[template(path = "buy.html")]
struct Buy<'a> {
    f: &'a Frame,
    offer: &'a Offer,
    once: String,
    written: &'a str,
    error: Option<&'a str>,
    one_click: Option<&'a OneClick>,
    choices: &'a [Choice],
}

impl Buy<'_> {
    fn pays_with_one_click(&self) -> bool {
        self.one_click.is_some_and(|budget| budget.is_enough)
    }
}

/// A budget that can be chosen, in whole units and as text.
struct Choice {
    units: u64,
    text: String,
    is_chosen: bool,
}

/// The budget of this browser.
struct OneClick {
    opener: Uuid,
    wallet: String,
    left: String,
    /// Whether enough is left for this.
    is_enough: bool,
}

async fn own_asset(reader: &Reader) -> Result<Asset, Problem> {
    let own = reader.core.till.own_address().await.map_err(TillError::from)?;
    Ok(Asset { code: own.asset_code, scale: own.asset_scale })
}

fn offer(f: &Frame, product: &'static Product, asset: &Asset) -> Option<Offer> {
    let value = product.price(asset.scale)?;
    Some(Offer { product, price: f.money(value, asset) })
}

/// `GET /`
pub(crate) async fn catalogue(reader: Reader) -> Response {
    let made = async {
        let (f, asset) = (reader.frame(), own_asset(&reader).await?);
        let offers: Vec<Offer> = PRODUCTS.iter().filter_map(|product| offer(&f, product, &asset)).collect();
        Ok(html(StatusCode::OK, &Catalogue { f: &f, offers: &offers }))
    };
    reader.answer(made.await)
}

/// `GET /buy/{slug}`
pub(crate) async fn form(reader: Reader) -> Response {
    let visitor = reader.visitor();
    let made = draw(&reader, StatusCode::OK, reader.once(visitor, &reader.path), ("", "", None)).await;
    reader.remembered(visitor, reader.answer(made))
}

async fn draw(
    reader: &Reader,
    status: StatusCode,
    once: String,
    (written, limit, error): (&str, &str, Option<&str>),
) -> Result<Response, Problem> {
    let product = by_slug(reader.parameter("slug")).ok_or(Problem::NotFound)?;
    let (f, asset) = (reader.frame(), own_asset(reader).await?);
    let offer = offer(&f, product, &asset).ok_or(Problem::NotFound)?;
    let error = error.map(|error| f.t(error));
    let one_click = one_click(reader, &f, product, &asset).await?;
    let choices = match (product.terms, &one_click) {
        (Terms::Once, None) => choices(&f, &asset, limit),
        _ => Vec::new(),
    };
    let written = match &one_click {
        Some(budget) if written.is_empty() => &budget.wallet,
        _ => written,
    };
    let page = Buy { f: &f, offer: &offer, once, written, error, one_click: one_click.as_ref(), choices: &choices };
    Ok(html(status, &page))
}

async fn one_click(reader: &Reader, f: &Frame, product: &Product, asset: &Asset) -> Result<Option<OneClick>, Problem> {
    let Some(visitor) = reader.known_visitor().filter(|_| product.terms == Terms::Once) else { return Ok(None) };
    let Some(budget) = reader.core.budget_of(visitor).await? else { return Ok(None) };
    let price = product.price(asset.scale).filter(|_| budget.opener.asset == *asset);
    Ok(Some(OneClick {
        opener: budget.opener.id,
        left: f.money(budget.left, &budget.opener.asset),
        is_enough: price.is_some_and(|price| budget.covers(product, price)),
        wallet: budget.opener.customer,
    }))
}

fn choices(f: &Frame, asset: &Asset, chosen: &str) -> Vec<Choice> {
    let choice = |units: &u64| {
        let text = f.money(in_smallest_units(*units, asset.scale)?, asset);
        Some(Choice { units: *units, text, is_chosen: units.to_string() == chosen })
    };
    OFFERED.iter().filter_map(choice).collect()
}

/// `POST /buy/{slug}`
pub(crate) async fn buy(reader: Reader, body: Body) -> Response {
    match read_body(body, FORM_MAX).await {
        Ok(body) => reader.answer(order(&reader, &Posted::read(&body)).await),
        Err(error) => error.into_response(),
    }
}

async fn order(reader: &Reader, posted: &Posted) -> Result<Response, Problem> {
    let visitor = reader.known_visitor().ok_or(Problem::ForeignForm)?;
    let key = reader.key(visitor, posted)?;
    let product = by_slug(reader.parameter("slug")).ok_or(Problem::NotFound)?;
    if let Some(opener) = posted.id("budget") {
        return with_one_click(reader, product, visitor, (opener, key)).await;
    }
    let written = posted.text("wallet");
    let again = async |error: &'static str| {
        let once = reader.once_more(visitor, &reader.path, key);
        draw(reader, StatusCode::UNPROCESSABLE_ENTITY, once, (written, posted.text("limit"), Some(error))).await
    };
    let Some(customer) = pointer::read(written) else {
        return again("Write a payment pointer such as $wallet.example/alice, or a wallet address.").await;
    };
    let (payer, asset) = tokio::join!(reader.core.till.address(&customer), own_asset(reader));
    let (Ok(payer), asset) = (payer, asset?) else {
        return again("No wallet answers at this address. Check it, or try again later.").await;
    };
    if payer.id == reader.core.settings.wallet_address {
        return again("This is the wallet of the shop itself.").await;
    }

    let means = match (posted.text("limit"), product.terms) {
        ("", _) | (_, Terms::Monthly) => Means::Asked,
        (limit, Terms::Once) => match offered(limit, asset.scale) {
            Some(limit) => Means::Opens { limit },
            None => return again("Choose one of these budgets.").await,
        },
    };

    let value = product.price(asset.scale).ok_or(Problem::NotFound)?;
    let now = reader.core.clock.now();
    let order = Order {
        id: key,
        visitor,
        product,
        customer: payer.id,
        value,
        asset,
        means,
        standing: Standing::None,
        version: 0,
        created_at: now,
    };
    let first = first_transfer(&order);
    reader.core.store.insert_order(&order, &first).await?;
    Ok(go(&begin(reader, key).await?))
}

/// Orders something that is paid from a budget. If the budget does not do, the page asks for the wallet.
async fn with_one_click(
    reader: &Reader,
    product: &'static Product,
    visitor: Uuid,
    (opener, key): (Uuid, Uuid),
) -> Result<Response, Problem> {
    let (core, store) = (&reader.core, &reader.core.store);
    let opener = store.order(opener).await?.filter(|opener| opener.visitor == visitor).ok_or(Problem::NotFound)?;
    let value = product.price(opener.asset.scale).ok_or(Problem::NotFound)?;
    let budget = core.budget(opener).await?.filter(|budget| budget.covers(product, value));
    if let Some(Budget { opener, .. }) = budget {
        let order = Order {
            id: key,
            visitor,
            product,
            customer: opener.customer,
            value,
            asset: opener.asset,
            means: Means::From(opener.id),
            standing: Standing::None,
            version: 0,
            created_at: core.clock.now(),
        };
        store.insert_order(&order, &first_transfer(&order)).await?;
    } else if store.order(key).await?.is_none() {
        // Not the second of two clicks, whose first one took what was left.
        return Ok(go(&reader.path));
    }
    Ok(go(&format!("/orders/{key}")))
}

/// The first movement of money of an order. It has the id of the order, so there is one.
fn first_transfer(order: &Order) -> Transfer {
    Transfer {
        id: order.id,
        order: order.id,
        purpose: Purpose::Purchase,
        period: 0,
        value: order.value,
        stage: match order.means {
            Means::Asked | Means::Opens { .. } => Stage::Begun,
            Means::From(_) => Stage::Allowed,
        },
        version: 0,
        attempts: 0,
        created_at: order.created_at,
    }
}

/// Asks the customer's wallet for consent if that was not done. Gives the page to go to. The form may be repeated.
pub(super) async fn begin(reader: &Reader, order: Uuid) -> Result<String, Problem> {
    let store = &reader.core.store;
    let found = store.order(order).await?.ok_or(Problem::NotFound)?;
    let transfers = store.transfers(order).await?;
    let first = transfers.into_iter().find(|transfer| transfer.purpose == Purpose::Purchase);
    if let Some(mut first) = first.filter(|first| first.stage == Stage::Begun) {
        reader.core.till.ask(&found, &mut first).await?;
    }
    Ok(format!("/orders/{order}?go=1"))
}

/// `GET /language?to=de&next=/`
pub(crate) async fn language(reader: Reader) -> Response {
    let query = |name: &str| reader.query.get(name).map_or("", String::as_str);
    reader.in_language(query("to"), query("next"))
}
