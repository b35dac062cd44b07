//! The first page: figures with links to their lists, and everything that needs the attention of the user.
//!
//! The Admin API has no counts. So figures cover the latest hundred payments, and the page says so.

use std::time::Duration;

use admin_client::{Direction, PageRequest, PaymentFilter, PaymentView};
use clock::Timestamp;

use crate::context::{Answer, Ctx, Problem};
use crate::numbers;
use crate::pages::{assets, charts, payments};
use crate::view::{Action, Block, Cell, Empty, Figure, Page, Table, Tone};

/// A payment that waits this long needs attention.
const STUCK: Duration = Duration::from_mins(10);
const HOURS: usize = 24;

/// `GET /`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let admin = ctx.admin();
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let filter = PaymentFilter::default();

    let (latest, events, assets, peers) = futures::join!(
        admin.payments_page(&all, &filter, None),
        admin.webhook_events_page(&all, &[], None),
        admin.assets_page(&all, None),
        admin.peers_page(&all, None),
    );
    let (latest, events, assets, peers) = (latest?.nodes, events?.nodes, assets?.nodes, peers?.nodes);
    let now = ctx.reader.console.now();
    let words = ctx.words();

    let of_state = |state: &str| latest.iter().filter(|payment| payment.state == state).count() as u64;
    let outgoing = |state: &str| {
        let some = latest.iter().filter(|payment| payment.direction == Direction::Outgoing && payment.state == state);
        some.count() as u64
    };
    let (done, failed) = (outgoing("COMPLETED"), outgoing("FAILED"));
    let rate = match done + failed {
        0 => "–".to_owned(),
        ended => format!("{} %", numbers::decimal(done * 1000 / ended, 1, words)),
    };

    let stuck: Vec<&PaymentView> = latest.iter().filter(|payment| is_stuck(payment, now)).collect();
    let low_assets = assets
        .iter()
        .filter(|asset| assets::liquidity_tone(asset.liquidity, asset.liquidity_threshold) == Tone::Failed)
        .count();
    let low_peers = peers
        .iter()
        .filter(|peer| assets::liquidity_tone(peer.liquidity, peer.liquidity_threshold) == Tone::Failed)
        .count();
    let low = (low_assets + low_peers) as u64;

    let told = events.iter().filter(|event| now.saturating_since(event.created_at) < Duration::from_hours(24)).count();
    let told_text = if told == 100 { "100+".to_owned() } else { told.to_string() };
    let of_hundred = Some(words.t("of the latest 100 payments").to_owned());
    let count = |value: u64| numbers::count(value, words);
    let on_their_way = of_state("SENDING") + of_state("FUNDING") + of_state("PROCESSING");

    let figure = |label, value, note, tone, href: &str| Figure { label, value, note, tone, href: href.to_owned() };
    let figures = vec![
        figure(
            "Outgoing payments that succeed",
            rate,
            of_hundred.clone(),
            if failed > 0 { Tone::Waiting } else { Tone::Done },
            "/payments?type=OUTGOING",
        ),
        figure("On their way", count(on_their_way), of_hundred, Tone::Info, "/payments"),
        figure(
            "Waiting for long",
            count(stuck.len() as u64),
            Some(words.t("funding or sending for ten minutes").to_owned()),
            if stuck.is_empty() { Tone::Done } else { Tone::Failed },
            "/payments?type=OUTGOING",
        ),
        figure(
            "Liquidity below threshold",
            count(low),
            Some(words.t("assets and peers").to_owned()),
            if low == 0 { Tone::Done } else { Tone::Failed },
            "/liquidity",
        ),
        figure(
            "Webhook events",
            told_text,
            Some(words.t("in the last 24 hours").to_owned()),
            Tone::Quiet,
            "/webhook-events",
        ),
        figure("Peers", count(peers.len() as u64), None, Tone::Quiet, "/peers"),
    ];

    let mut main = Vec::new();
    if assets.is_empty() {
        main.push(Block::Note {
            tone: Tone::Info,
            text: words.t("This instance is new: begin with an asset, then a peer and wallet addresses.").to_owned(),
        });
        main.push(Block::Actions(vec![Action::main("/assets/create", "Add asset")]));
    }

    main.push(Block::Figures(figures));
    main.push(throughput(&latest, now));
    if !stuck.is_empty() {
        let stuck: Vec<PaymentView> = stuck.into_iter().cloned().collect();
        main.push(Block::Table { title: Some("Waiting for long"), table: payments::table(&stuck) });
    }

    let newest: Vec<PaymentView> = latest.into_iter().take(8).collect();
    main.push(Block::Table { title: Some("Latest payments"), table: payments::table(&newest) });

    Ok(Page {
        place: "home",
        kind: "Home",
        lead: Some("Payments, liquidity and events at a glance."),
        main,
        live: true,
        ..Page::default()
    }
    .into())
}

fn is_stuck(payment: &PaymentView, now: Timestamp) -> bool {
    matches!(payment.state.as_str(), "FUNDING" | "SENDING") && now.saturating_since(payment.created_at) > STUCK
}

/// Payments by hour. The current hour is the last.
fn throughput(latest: &[PaymentView], now: Timestamp) -> Block {
    let hour_of = |at: Timestamp| at.as_secs().div_euclid(3600);
    let mut counts = vec![(0, 0); HOURS];
    for payment in latest {
        let ago = usize::try_from(hour_of(now) - hour_of(payment.created_at)).ok();
        let place = ago.and_then(|ago| (HOURS - 1).checked_sub(ago));
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            if matches!(payment.state.as_str(), "FAILED" | "CANCELLED") {
                count.1 += 1;
            } else {
                count.0 += 1;
            }
        }
    }

    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let current = Timestamp::from_millis(hour_of(now) * 3_600_000);
    let hours = (0..).zip(&counts).filter(|(_, (good, bad))| good + bad > 0);
    let rows = hours.map(|(at, (good, bad))| {
        let hour = current - Duration::from_hours(23 - at);
        vec![Cell::Time(hour), Cell::text(good.to_string()), Cell::text(bad.to_string())]
    });
    let table = Table::new("Payments by hour", ["Hour", "Payments>", "Failed or cancelled>"], empty)
        .rows(rows.collect::<Vec<_>>());

    Block::Chart {
        title: "Payments by hour",
        note: "The last 24 hours of the latest 100 payments; failed and cancelled on top.",
        svg: charts::columns(&counts),
        table,
    }
}
