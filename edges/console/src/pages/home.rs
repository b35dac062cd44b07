//! The first page: everything that needs the attention of the user, and the latest payments.
//!
//! Its figures are in `home_figures`.

use std::time::Duration;

use admin_client::{AssetView, PaymentView, PeerView};
use clock::Timestamp;
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::home_figures::{self, Seen};
use crate::pages::{approvals, assets, charts, forecast, live, payments};
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Key, Page, Table, Tone};

const HOURS: usize = 24;
/// How many of the latest payments the page lists.
const NEWEST: usize = 8;
/// The most accounts whose liquidity is shown here.
const WATCHED: usize = 8;
/// The latest movements of an account that its forecast is made from.
const LINES: u32 = 100;

/// `GET /`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let live = live::begin(&ctx).await;
    let seen = Seen::read(&ctx).await?;
    let stuck = seen.stuck();

    let mut main = Vec::new();
    if seen.assets.is_empty() {
        main.extend(beginning(ctx.words()));
    }
    main.extend(approvals::reminder(&ctx).await?);
    main.push(home_figures::block(&seen, ctx.words()));
    main.push(throughput(&seen.latest, seen.now));
    main.extend(liquidity(&ctx, &seen.assets, &seen.peers).await?);
    if !stuck.is_empty() {
        main.push(Block::Table { title: Some("Waiting for long"), table: payments::table(stuck) });
    }
    let newest = payments::table(seen.latest.iter().take(NEWEST));
    main.push(Block::Table { title: Some("Latest payments"), table: newest });

    Ok(Page {
        place: "home",
        kind: "Home",
        lead: Some("Payments, liquidity and events at a glance."),
        main,
        live,
        ..Page::default()
    }
    .into())
}

/// What to do at a new instance.
fn beginning(words: Reading) -> [Block; 2] {
    let text = words.t("This instance is new: begin with an asset, then a peer and wallet addresses.").to_owned();
    [Block::Note { tone: Tone::Info, text }, Block::Actions(vec![Action::main("/assets/create", "Add asset")])]
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
    let accounts: Vec<Uuid> = watched.iter().map(|(id, ..)| *id).collect();
    let views = ctx.admin().account_views(&accounts, LINES).await?;
    let now = ctx.reader.console.now();
    let mut rows = Vec::new();
    for ((_, href, name, asset, held, threshold), view) in watched.into_iter().zip(views) {
        let tone = assets::liquidity_tone(held, threshold);
        rows.push(vec![
            Cell::link(href, name),
            Cell::Picture(charts::gauge(held.unwrap_or(0), threshold.unwrap_or(0), tone)),
            Cell::money_or(held, &asset.code, asset.scale),
            Cell::money_or(threshold, &asset.code, asset.scale),
            forecast::cell(forecast::of(&view, held.unwrap_or(0), LINES, now), ctx.words()),
        ]);
    }
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let columns = ["Of", "Against the threshold", "Liquidity>", "Threshold>", "Forecast"];
    let table = Table::new("Liquidity with a threshold", columns, empty).rows(rows);
    Ok(Some(Block::Table { title: Some("Liquidity with a threshold"), table }))
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

    let key = |tone, label| Key { tone, label, value: None };
    Block::Chart {
        title: "Payments by hour",
        note: "Of the latest 100 payments.",
        svg: charts::columns(&counts),
        ends: Some(("24 hours ago", "Now")),
        legend: vec![key(Tone::Done, "Made or received"), key(Tone::Failed, "Failed or cancelled")],
        table,
    }
}
