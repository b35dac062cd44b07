//! What the first page is made from, and its figures, each with a link to its list.
//!
//! The Admin API has no counts. So figures cover the latest hundred payments, and the page says so.

use std::collections::HashMap;
use std::time::Duration;

use admin_client::{
    AssetView, DeliveryState, Direction, Overview, PaymentView, PeerHealthView, PeerStateView, PeerView, RatesAgeView,
};
use clock::Timestamp;
use page_kit::numbers;
use uuid::Uuid;

use crate::context::{Ctx, Problem};
use crate::pages::assets;
use crate::reading::Reading;
use crate::view::{Block, Figure, Tone};

/// A payment that waits this long needs attention.
const STUCK: Duration = Duration::from_mins(10);
/// An alarm is shown for so long.
const ALARM_FOR: Duration = Duration::from_hours(7 * 24);

/// What the instance says at this moment. Lists that it does not have are `None`.
pub(crate) struct Seen {
    pub(crate) now: Timestamp,
    pub(crate) latest: Vec<PaymentView>,
    pub(crate) assets: Vec<AssetView>,
    pub(crate) peers: Vec<PeerView>,
    health: HashMap<Uuid, PeerHealthView>,
    waiting: Option<Vec<DeliveryState>>,
    alarms: Option<Vec<Timestamp>>,
    rates: Option<RatesAgeView>,
}

impl Seen {
    /// One question to the instance: each costs a signature that is remembered, so a page asks as few as it can.
    pub(crate) async fn read(ctx: &Ctx) -> Result<Self, Problem> {
        let Overview { payments, assets, peers, health, open_deliveries, alarms, rates } =
            ctx.admin().overview().await?;
        let now = ctx.reader.console.now();
        Ok(Self { now, latest: payments, assets, peers, health, waiting: open_deliveries, alarms, rates })
    }

    /// The payments that wait for too long.
    pub(crate) fn stuck(&self) -> Vec<&PaymentView> {
        let waits = |payment: &&PaymentView| matches!(payment.state.as_str(), "FUNDING" | "SENDING");
        let is_old = |payment: &&PaymentView| self.now.saturating_since(payment.created_at) > STUCK;
        self.latest.iter().filter(waits).filter(is_old).collect()
    }

    fn count(&self, wanted: impl Fn(&PaymentView) -> bool) -> u64 {
        self.latest.iter().filter(|payment| wanted(payment)).count() as u64
    }

    fn outgoing(&self, state: &str) -> u64 {
        self.count(|payment| payment.direction == Direction::Outgoing && payment.state == state)
    }
}

/// All figures.
pub(crate) fn block(seen: &Seen, words: Reading) -> Block {
    Block::Figures(vec![
        success(seen, words),
        on_their_way(seen, words),
        stuck(seen, words),
        low_liquidity(seen, words),
        silent_peers(seen, words),
        webhooks(seen, words),
        alarms(seen, words),
        rates(seen, words),
    ])
}

fn success(seen: &Seen, words: Reading) -> Figure {
    let (done, failed) = (seen.outgoing("COMPLETED"), seen.outgoing("FAILED"));
    let rate = match done + failed {
        0 => "–".to_owned(),
        ended => format!("{} %", numbers::decimal(done * 1000 / ended, 1, words)),
    };
    Figure {
        label: "Outgoing payments that succeed",
        value: rate,
        note: Some(words.t("of the latest 100 payments").to_owned()),
        tone: if failed > 0 { Tone::Waiting } else { Tone::Done },
        href: "/payments?type=OUTGOING".to_owned(),
    }
}

fn on_their_way(seen: &Seen, words: Reading) -> Figure {
    let count = seen.count(|payment| matches!(payment.state.as_str(), "SENDING" | "FUNDING" | "PROCESSING"));
    Figure {
        label: "On their way",
        value: numbers::count(count, words),
        note: Some(words.t("of the latest 100 payments").to_owned()),
        tone: Tone::Info,
        href: "/payments".to_owned(),
    }
}

fn stuck(seen: &Seen, words: Reading) -> Figure {
    let count = seen.stuck().len() as u64;
    Figure {
        label: "Waiting for long",
        value: numbers::count(count, words),
        note: Some(words.t("funding or sending for ten minutes").to_owned()),
        tone: bad_unless_zero(count),
        href: "/payments?type=OUTGOING".to_owned(),
    }
}

fn low_liquidity(seen: &Seen, words: Reading) -> Figure {
    let is_low = |held, threshold| assets::liquidity_tone(held, threshold) == Tone::Failed;
    let of_assets = seen.assets.iter().filter(|asset| is_low(asset.liquidity, asset.liquidity_threshold));
    let of_peers = seen.peers.iter().filter(|peer| is_low(peer.liquidity, peer.liquidity_threshold));
    let count = (of_assets.count() + of_peers.count()) as u64;
    Figure {
        label: "Liquidity below threshold",
        value: numbers::count(count, words),
        note: Some(words.t("assets and peers").to_owned()),
        tone: bad_unless_zero(count),
        href: "/liquidity".to_owned(),
    }
}

fn silent_peers(seen: &Seen, words: Reading) -> Figure {
    let count = seen.health.values().filter(|health| health.state == PeerStateView::Down).count() as u64;
    Figure {
        label: "Peers that do not answer",
        value: numbers::count(count, words),
        note: Some(words.with("of {} with exchanges", &numbers::count(seen.health.len() as u64, words))),
        tone: bad_unless_zero(count),
        href: "/peers".to_owned(),
    }
}

fn webhooks(seen: &Seen, words: Reading) -> Figure {
    let all = seen.waiting.iter().flatten();
    let given_up = all.filter(|state| **state != DeliveryState::Pending).count() as u64;
    let list = if given_up > 0 { "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED" } else { "/webhooks/deliveries" };
    Figure {
        label: "Webhooks that wait",
        value: of_page(seen.waiting.as_ref().map(|all| all.len() as u64), words),
        note: Some(words.with("{} given up or in quarantine", &numbers::count(given_up, words))),
        tone: bad_unless_zero(given_up),
        href: list.to_owned(),
    }
}

fn alarms(seen: &Seen, words: Reading) -> Figure {
    let recent = |at: &&Timestamp| seen.now.saturating_since(**at) < ALARM_FOR;
    let count = seen.alarms.as_ref().map(|all| all.iter().filter(recent).count() as u64);
    Figure {
        label: "Alarms of the ledger",
        value: of_page(count, words),
        note: Some(words.t("in the last seven days").to_owned()),
        tone: bad_unless_zero(count.unwrap_or(0)),
        href: "/webhook-events?type=ledger.alarm".to_owned(),
    }
}

/// How old the youngest rates are.
fn rates(seen: &Seen, words: Reading) -> Figure {
    let known = seen.rates.as_ref().filter(|rates| rates.source.is_some());
    let since = known.and_then(RatesAgeView::since);
    let too_old = known.is_some_and(|rates| rates.all_old(seen.now));
    let minutes = |since: Timestamp| numbers::count(seen.now.saturating_since(since).as_secs() / 60, words);
    let note = match (known, since) {
        (None, _) => "no service is set",
        (Some(_), None) => "none were needed yet",
        (Some(_), Some(_)) if too_old => "fetched again when needed",
        (Some(_), Some(_)) => "since they were fetched",
    };
    Figure {
        label: "Age of exchange rates",
        value: since.map_or_else(|| "–".to_owned(), |since| words.with("{} min", &minutes(since))),
        note: Some(words.t(note).to_owned()),
        tone: if too_old { Tone::Waiting } else { Tone::Done },
        href: "/rates".to_owned(),
    }
}

fn bad_unless_zero(count: u64) -> Tone {
    if count == 0 { Tone::Done } else { Tone::Failed }
}

/// A count of one page of a list. A full page may not be all.
pub(crate) fn of_page(count: Option<u64>, words: Reading) -> String {
    match count {
        Some(100) => "100+".to_owned(),
        Some(count) => numbers::count(count, words),
        None => "–".to_owned(),
    }
}
