//! Whether everything works: the servers, their clocks, the ledger, exchange rates, peers, and what waits.
//!
//! The page asks at each visit. What it finds is not stored.

use std::time::Duration;

use admin_client::{DeliveryState, HealthView, LedgerWatchView, Overview, PeerStateView, RatesAgeView};
use clock::Timestamp;

use crate::audit::Chain;
use crate::context::{Answer, Ctx, Problem};
use crate::pages::{home_figures, ledger_check};
use crate::reading::Reading;
use crate::view::{Block, Cell, Empty, Page, Table, Tone, facts};

/// The Admin API refuses signatures of another time than its own, by default after 30 seconds.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);
/// The peers that are looked at.
const PEERS: usize = 100;

/// `GET /health`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let (admin, auth, now) = (ctx.admin(), ctx.grants(), ctx.reader.console.now());
    let of_auth = async {
        match &auth {
            Some(auth) => Some(auth.health().await),
            None => None,
        }
    };
    let (backend, auth, watch, overview) =
        futures::join!(admin.health(), of_auth, admin.ledger_watch(), admin.overview());

    let mut rows = vec![server("Backend", "With its database, ledger and cache", &backend, now, ctx.words())];
    rows.push(match &auth {
        Some(auth) => server("Authorization server", "With its database", auth, now, ctx.words()),
        None => row("Authorization server", "Grants and consent", Cell::state("Not known here", Tone::Quiet), None),
    });
    // Whatever cannot be asked now is no reason to show nothing.
    if ctx.session.is_operator() {
        rows.push(ledger(watch.ok().flatten().as_ref()));
    }
    if let Ok(overview) = &overview {
        rows.push(exchange_rates(overview.rates.as_ref(), now));
        rows.push(peers(overview, ctx.words()));
        rows.push(webhooks(overview, ctx.words()));
    }
    if ctx.session.is_operator() {
        rows.push(audit_log(&ctx).await);
    }

    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let table = Table::new("Health", ["Part", "State", "Details"], empty).rows(rows);
    Ok(Page {
        place: "health",
        kind: "Health",
        lead: Some("Whether everything works now. Load the page again to ask again."),
        main: vec![Block::Table { title: None, table }],
        side: vec![about(&ctx)],
        ..Page::default()
    }
    .into())
}

fn row(name: &'static str, what: &'static str, state: Cell, details: Option<Cell>) -> Vec<Cell> {
    vec![Cell::Lines(vec![Cell::Word(name), Cell::Word(what)]), state, details.unwrap_or(Cell::Absent("–"))]
}

fn server(name: &'static str, what: &'static str, health: &HealthView, now: Timestamp, words: Reading) -> Vec<Cell> {
    let (state, details) = match health {
        HealthView::Well { took, clock } => {
            let took = Cell::text(words.with("Answered in {} ms", &took.as_millis().to_string()));
            let clocks = clock.map(|clock| match difference(clock, now) {
                None => Cell::Word("Its clock agrees"),
                Some(seconds) => {
                    let apart = words.with("Its clock differs by {} seconds", &seconds.to_string());
                    Cell::state(apart, Tone::Failed)
                }
            });
            (Cell::state("Works", Tone::Done), Cell::Lines(std::iter::once(took).chain(clocks).collect()))
        }
        HealthView::Ill { status } => {
            (Cell::state("Does not work", Tone::Failed), Cell::text(words.with("It answers {}", &status.to_string())))
        }
        HealthView::Silent { reason } => (Cell::state("Does not answer", Tone::Failed), Cell::text(reason.clone())),
    };
    row(name, what, state, Some(details))
}

/// How many seconds two clocks are apart, if that is too much.
fn difference(clock: Timestamp, now: Timestamp) -> Option<u64> {
    let apart = clock.saturating_since(now).max(now.saturating_since(clock));
    (apart > CLOCKS_DIFFER).then_some(apart.as_secs())
}

fn ledger(watch: Option<&LedgerWatchView>) -> Vec<Cell> {
    let state = watch.map_or(Cell::state("Not watched", Tone::Quiet), ledger_check::verdict);
    let link = Cell::WordLink { href: "/ledger/check".to_owned(), word: "Is it in order?" };
    row("Ledger", "Whether all sides add up", state, Some(link))
}

fn exchange_rates(rates: Option<&RatesAgeView>, now: Timestamp) -> Vec<Cell> {
    let link = Cell::WordLink { href: "/rates".to_owned(), word: "Exchange rates" };
    let since = rates.and_then(RatesAgeView::since);
    let state = match (rates, since) {
        (None, _) => Cell::state("Not known here", Tone::Quiet),
        (Some(rates), _) if rates.source.is_none() => Cell::state("No service is set", Tone::Quiet),
        (Some(_), None) => Cell::state("Not needed yet", Tone::Quiet),
        (Some(rates), Some(_)) if rates.all_old(now) => Cell::state("Fetched when needed", Tone::Waiting),
        (Some(_), Some(_)) => Cell::state("In use", Tone::Done),
    };
    let details = Cell::Lines(since.map(Cell::Time).into_iter().chain([link]).collect());
    row("Exchange rates", "When they were fetched", state, Some(details))
}

fn peers(overview: &Overview, words: Reading) -> Vec<Cell> {
    let down = overview.health.values().filter(|health| health.state == PeerStateView::Down).count();
    let state = match (overview.health.len(), down) {
        (0, _) => Cell::state("Not tried yet", Tone::Quiet),
        (_, 0) if overview.peers.len() >= PEERS => Cell::state("The first 100 answer", Tone::Done),
        (_, 0) => Cell::state("All answer", Tone::Done),
        (_, 1) => Cell::state("One does not answer", Tone::Failed),
        (_, down) => Cell::state(words.with("{} do not answer", &down.to_string()), Tone::Failed),
    };
    let link = Cell::WordLink { href: "/peers".to_owned(), word: "Peers" };
    row("Peers", "As packets find them", state, Some(link))
}

fn webhooks(overview: &Overview, words: Reading) -> Vec<Cell> {
    let link = Cell::WordLink { href: "/webhooks/deliveries".to_owned(), word: "Deliveries" };
    let open = overview.open_deliveries.as_deref();
    let given_up = open.unwrap_or_default().iter().filter(|state| **state != DeliveryState::Pending).count();
    let state = match open.map(<[_]>::len) {
        None => Cell::state("Not known here", Tone::Quiet),
        Some(0) => Cell::state("None waits", Tone::Done),
        Some(_) if given_up > 0 => Cell::state(words.with("{} not delivered", &given_up.to_string()), Tone::Failed),
        Some(count) => {
            let count = home_figures::of_page(Some(count as u64), words);
            Cell::state(words.with("{} wait", &count), Tone::Waiting)
        }
    };
    row("Webhooks", "Events on their way", state, Some(link))
}

async fn audit_log(ctx: &Ctx) -> Vec<Cell> {
    let link = Cell::WordLink { href: "/audit".to_owned(), word: "Audit log" };
    let (state, details) = match ctx.reader.console.audit().verify().await {
        Ok(Chain::Whole { .. }) => (Cell::state("Complete", Tone::Done), link),
        Ok(Chain::Broken { .. }) => (Cell::state("Broken", Tone::Failed), link),
        Err(error) => (Cell::state("Cannot be read", Tone::Failed), Cell::text(error.to_string())),
    };
    row("Audit log", "Of this console", state, Some(details))
}

fn about(ctx: &Ctx) -> Block {
    let settings = ctx.reader.console.settings();
    let auth = settings.auth_graphql_url.as_ref();
    let about = facts([
        ("Version", Cell::text(env!("CARGO_PKG_VERSION"))),
        ("Clock of this console", Cell::Exact(ctx.reader.console.now())),
        ("Admin API", Cell::code(settings.graphql_url.to_string())),
        ("API of the authorization server", auth.map_or(Cell::Absent("None"), |url| Cell::code(url.to_string()))),
    ]);
    Block::Facts { title: "This console", facts: about, actions: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_the_seconds_that_an_answer_takes_and_no_more() {
        let at = Timestamp::from_millis;
        assert_eq!(difference(at(100_000), at(110_000)), None);
        assert_eq!(difference(at(100_000), at(111_500)), Some(11));
        assert_eq!(difference(at(130_000), at(100_000)), Some(30));
    }
}
