//! What the outside sees: the documents of a wallet address, and the consent page of a tenant, asked for at once.
//!
//! The URLs were chosen by tenants, so they pass the guard for strangers' URLs. Answers are looked at and not kept.

use std::time::Duration;

use admin_client::WalletAddressView;
use clock::Stopwatch;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use ilp_packet::Address;
use open_payments::SPSP_CONTENT_TYPE;
use outbound_http::{Outbound, Request, Response};
use serde_json::Value;
use url::Url;

use crate::context::Ctx;
use crate::reading::Reading;
use crate::view::{Block, Cell, Empty, Table, Tone};

const PATIENCE: Duration = Duration::from_secs(5);
/// Enough for every document of the specification.
const ANSWER_MAX: usize = 256 * 1024;

/// An answer, and how long it took.
type Answered = Result<(Response, Duration), String>;

async fn ask(http: &Outbound, url: &str, accept: &'static str) -> Answered {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let request = Request::get(url).header(ACCEPT, HeaderValue::from_static(accept)).deadline(PATIENCE);
    let watch = Stopwatch::start();
    let answer = http.send(request.beginning_of_answer(ANSWER_MAX)).await;
    answer.map(|answer| (answer, watch.elapsed())).map_err(|error| error.to_string())
}

/// A row: what was looked at, its state, and what was found.
fn row(name: &'static str, what: &'static str, state: Cell, found: Cell) -> Vec<Cell> {
    vec![Cell::Lines(vec![Cell::Word(name), Cell::Word(what)]), state, found]
}

fn good() -> Cell {
    Cell::state("As it should be", Tone::Done)
}

fn bad() -> Cell {
    Cell::state("Not as it should be", Tone::Failed)
}

fn verdict(is_good: bool) -> Cell {
    if is_good { good() } else { bad() }
}

fn table(title: &'static str, rows: Vec<Vec<Cell>>) -> Block {
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    Block::Table { title: Some(title), table: Table::new(title, ["What", "State", "Found"], empty).rows(rows) }
}

/// How long an answer took, or why there is none.
fn speed(answered: &Answered, words: Reading) -> Cell {
    match answered {
        Ok((answer, took)) if answer.status.is_success() => {
            Cell::text(words.with("Answered in {} ms", &took.as_millis().to_string()))
        }
        Ok((answer, _)) => Cell::text(words.with("It answers {}", answer.status.as_str())),
        Err(reason) => Cell::text(reason.clone()),
    }
}

fn document(answered: &Answered) -> Option<Value> {
    let (answer, _) = answered.as_ref().ok().filter(|(answer, _)| answer.status.is_success())?;
    answer.json().ok()
}

/// The documents of a wallet address as everybody gets them.
pub(crate) async fn wallet_address(ctx: &Ctx, address: &WalletAddressView) -> Block {
    let (http, words) = (ctx.reader.console.http(), ctx.words());
    let url = &address.address;
    let keys_url = format!("{}/jwks.json", url.trim_end_matches('/'));
    let (read, keys, spsp) = futures::join!(
        ask(http, url, "application/json"),
        ask(http, &keys_url, "application/json"),
        ask(http, url, SPSP_CONTENT_TYPE),
    );
    let found = document(&read);
    let mut rows = vec![row("Document", "Everybody can read it", verdict(found.is_some()), speed(&read, words))];
    rows.extend(found.iter().flat_map(|found| of_document(found, address)));
    rows.push(of_keys(&keys, address, words));
    rows.push(of_spsp(&spsp, words));
    table("As others see it now", rows)
}

fn of_document(found: &Value, address: &WalletAddressView) -> [Vec<Cell>; 3] {
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let asset = format!("{} / {}", text("assetCode"), found["assetScale"]);
    let has_asset =
        text("assetCode") == address.asset.code && found["assetScale"].as_u64() == Some(address.asset.scale.into());
    let server = text("authServer");
    [
        row("Its id", "It is the URL itself", verdict(text("id") == address.address), Cell::text(text("id"))),
        row("Its asset", "As it is here", verdict(has_asset), Cell::text(asset)),
        row(
            "Authorization server",
            "Where clients ask for grants",
            verdict(Url::parse(server).is_ok()),
            Cell::text(server),
        ),
    ]
}

/// The published keys must be those that are active here.
fn of_keys(answered: &Answered, address: &WalletAddressView, words: Reading) -> Vec<Cell> {
    let (name, what) = ("Keys", "Those that are active here");
    let Some(found) = document(answered) else { return row(name, what, bad(), speed(answered, words)) };
    let mut published: Vec<&str> =
        found["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str()).collect();
    let mut active: Vec<&str> = address.keys().filter(|key| !key.revoked).map(|key| key.jwk.kid.as_str()).collect();
    published.sort_unstable();
    active.sort_unstable();
    let shown = if published.is_empty() { Cell::Absent("None") } else { Cell::text(published.join(", ")) };
    row(name, what, verdict(published == active), shown)
}

/// An instance may offer no SPSP. Its secret is not shown.
fn of_spsp(answered: &Answered, words: Reading) -> Vec<Cell> {
    let (name, what) = ("SPSP", "For payers without Open Payments");
    let is_spsp = answered.as_ref().is_ok_and(|(answer, _)| {
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        answer.status.is_success() && kind.starts_with(SPSP_CONTENT_TYPE)
    });
    if !is_spsp && answered.is_ok() {
        return row(name, what, Cell::state("Not offered", Tone::Quiet), speed(answered, words));
    }
    let Some(found) = document(answered) else { return row(name, what, bad(), speed(answered, words)) };
    let account = found["destination_account"].as_str().unwrap_or_default();
    let is_usable = account.parse::<Address>().is_ok() && found["shared_secret"].is_string();
    // An address of a payment is long; its beginning tells the node.
    row(name, what, verdict(is_usable), Cell::text(account))
}

/// Whether the consent page of a tenant answers. The interaction does not exist, so the page may say so.
pub(crate) async fn consent(ctx: &Ctx, consent_url: &str) -> Block {
    let words = ctx.words();
    let asked = Url::parse(consent_url).map(|mut url| {
        url.query_pairs_mut().extend_pairs([
            ("interactId", "00000000-0000-0000-0000-000000000000"),
            ("nonce", "a-test-of-the-console"),
            ("clientName", "A test of the console"),
            ("clientUri", "https://console.invalid/"),
        ]);
        url.to_string()
    });
    let answered = match asked {
        Ok(url) => ask(ctx.reader.console.http(), &url, "text/html").await,
        Err(error) => Err(error.to_string()),
    };
    let (state, found) = match &answered {
        // A page may well refuse an interaction that does not exist, or lead to signing in first.
        Ok((answer, took)) if !answer.status.is_server_error() => {
            let took = words.with("Answered in {} ms", &took.as_millis().to_string());
            let status = words.with("It answers {}", answer.status.as_str());
            (Cell::state("Answers", Tone::Done), Cell::Lines(vec![Cell::text(status), Cell::text(took)]))
        }
        answered => (bad(), speed(answered, words)),
    };
    let rows = vec![row("Consent page", "With an interaction that does not exist", state, found)];
    table("Test of the consent page", rows)
}
