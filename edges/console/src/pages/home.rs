//! The first page: figures with links to their lists, and everything that needs the attention of the user.
//!
//! The Admin API has no counts. So figures cover the latest hundred payments, and the page says so.

use std::time::Duration;

use admin_client::{
    AdminError, AssetView, DeliverySelection, DeliveryState, Direction, Listed, PageRequest, PaymentFilter,
    PaymentView, PeerView,
};
use clock::Timestamp;

use crate::context::{Answer, Ctx, Problem};
use crate::numbers;
use crate::pages::{assets, charts, forecast, payments};
use crate::view::{Action, Block, Cell, Empty, Figure, Page, Table, Tone};

/// A payment that waits this long needs attention.
const STUCK: Duration = Duration::from_mins(10);
const HOURS: usize = 24;
/// An alarm is shown for so long.
const ALARM_FOR: Duration = Duration::from_hours(7 * 24);
/// The most accounts whose liquidity is shown here.
const WATCHED: usize = 8;
/// The latest movements of each side that forecasts are made from.
const LINES: u32 = 50;

/// `GET /`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let admin = ctx.admin();
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let filter = PaymentFilter::default();

    let waiting = DeliverySelection {
        states: ["PENDING", "QUARANTINED", "EXHAUSTED"].map(str::to_owned).to_vec(),
        ..DeliverySelection::default()
    };
    let alarm = ["ledger.alarm".to_owned()];
    let (latest, waiting, alarms, assets, peers) = futures::join!(
        admin.payments_page(&all, &filter, None),
        admin.webhook_deliveries_page(&all, &waiting, None),
        admin.webhook_events_page(&all, &alarm, None),
        admin.assets_page(&all, None),
        admin.peers_page(&all, None),
    );
    let (latest, assets, peers) = (latest?.nodes, assets?.nodes, peers?.nodes);
    let (waiting, alarms) = (or_unknown(waiting)?, or_unknown(alarms)?);
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

    let given_up = waiting.iter().flatten().filter(|delivery| delivery.state != DeliveryState::Pending).count() as u64;
    let recent = |at| now.saturating_since(at) < ALARM_FOR;
    let alarms = alarms.map(|all| all.iter().filter(|event| recent(event.created_at)).count() as u64);
    let of_hundred = Some(words.t("of the latest 100 payments").to_owned());
    let count = |value: u64| numbers::count(value, words);
    let of_page = |count: Option<u64>| match count {
        Some(100) => "100+".to_owned(),
        Some(count) => numbers::count(count, words),
        None => "–".to_owned(),
    };
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
            "Webhooks that wait",
            of_page(waiting.map(|all| all.len() as u64)),
            Some(words.with("{} given up or in quarantine", &count(given_up))),
            if given_up > 0 { Tone::Failed } else { Tone::Done },
            if given_up > 0 { "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED" } else { "/webhooks/deliveries" },
        ),
        figure(
            "Alarms of the ledger",
            of_page(alarms),
            Some(words.t("in the last seven days").to_owned()),
            if alarms.unwrap_or(0) > 0 { Tone::Failed } else { Tone::Done },
            "/webhook-events?type=ledger.alarm",
        ),
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
    main.extend(liquidity(&ctx, &assets, &peers).await?);
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

/// The rows of a list, or nothing if the instance has no such list.
fn or_unknown<T>(found: Result<Listed<T>, AdminError>) -> Result<Option<Vec<T>>, AdminError> {
    match found {
        Ok(found) => Ok(Some(found.nodes)),
        Err(AdminError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The accounts with a threshold, with their liquidity and a forecast.
async fn liquidity(ctx: &Ctx, assets: &[AssetView], peers: &[PeerView]) -> Result<Option<Block>, Problem> {
    let of_assets = assets.iter().filter(|asset| asset.liquidity_threshold.is_some()).map(|asset| {
        let href = format!("/assets/{}", asset.id);
        (asset.id, href, asset.code.clone(), asset, asset.liquidity, asset.liquidity_threshold)
    });
    let of_peers = peers.iter().filter(|peer| peer.liquidity_threshold.is_some()).map(|peer| {
        let name = peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone());
        (peer.id, format!("/peers/{}", peer.id), name, &peer.asset, peer.liquidity, peer.liquidity_threshold)
    });
    let watched: Vec<_> = of_peers.chain(of_assets).take(WATCHED).collect();
    if watched.is_empty() {
        return Ok(None);
    }
    let admin = ctx.admin();
    let views = futures::future::join_all(watched.iter().map(|(id, ..)| admin.account_view(*id, LINES))).await;
    let now = ctx.reader.console.now();
    let mut rows = Vec::new();
    for ((_, href, name, asset, held, threshold), view) in watched.into_iter().zip(views) {
        let tone = assets::liquidity_tone(held, threshold);
        rows.push(vec![
            Cell::link(href, name),
            Cell::Picture(charts::gauge(held.unwrap_or(0), threshold.unwrap_or(0), tone)),
            Cell::money_or(held, &asset.code, asset.scale),
            Cell::money_or(threshold, &asset.code, asset.scale),
            forecast::cell(forecast::of(&view?, held.unwrap_or(0), LINES, now), ctx.words()),
        ]);
    }
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let columns = ["Of", "Against the threshold", "Liquidity>", "Threshold>", "Forecast"];
    let table = Table::new("Liquidity with a threshold", columns, empty).rows(rows);
    Ok(Some(Block::Table { title: Some("Liquidity with a threshold"), table }))
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
