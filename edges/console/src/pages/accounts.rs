//! Ledger accounts: their debits and credits, each with a link to the other account.
//!
//! Balances come from the instance. Sums are over the lines shown.

use admin_client::{AccountView, AssetView, PeerView, TransferView};
use clock::Timestamp;
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::balance_chart::{self, changes, is_full};
use crate::pages::choices;
use crate::view::{Action, Block, Cell, Empty, Field, Input, Money, Page, Sides, Sieve, Table, Tone, facts, short};

/// The lines of each side that are shown.
const LINES: u32 = 100;
/// The lines of each side that are read for an instant in the past.
const LINES_MAX: u32 = 1000;

pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    if let Some(id) = ctx.asked("id") {
        return Ok(match Uuid::parse_str(id) {
            Ok(id) => Answer::Go { to: format!("/ledger/{id}"), said: None },
            Err(_) => return Err(Problem::Invalid("This is not an account id.")),
        });
    }

    let admin = ctx.admin();
    let request = ctx.page_request()?;
    let (assets, peers) = futures::join!(choices::assets(&ctx), admin.peers_page(&request, None));
    let (assets, peers) = (assets?, peers?);

    let find = Block::Find {
        name: "id",
        label: "Account of any asset, peer, wallet address or payment",
        value: String::new(),
        button: "Open",
    };
    let of_peers = peers_table(&peers.nodes).paged(ctx.paging(&peers.page_info));

    Ok(Page {
        place: "ledger",
        kind: "Ledger",
        actions: if ctx.session.is_operator() {
            vec![Action::other("/ledger/check", "Is it in order?")]
        } else {
            Vec::new()
        },
        lead: Some("Every movement has two sides. An account has the id of the object to which it belongs."),
        main: vec![
            find,
            Block::Table { title: Some("Assets"), table: assets_table(&assets) },
            Block::Table { title: Some("Peers"), table: of_peers },
        ],
        ..Page::default()
    }
    .into())
}

fn assets_table(assets: &[AssetView]) -> Table {
    let empty = Empty {
        title: "No assets found.",
        text: "The account of an asset holds the money with which payments between assets are converted.",
        action: Some(Action::main("/assets/create", "Add asset")),
    };
    let rows = assets.iter().map(|asset| {
        vec![
            Cell::link(format!("/ledger/{}", asset.id), format!("{} / {}", asset.code, asset.scale)),
            Cell::money_or(asset.liquidity, &asset.code, asset.scale),
            Cell::tenant(asset.tenant.as_ref()),
        ]
    });
    Table::new("Accounts of assets", ["Asset", "Liquidity>", "Tenant"], empty).rows(rows)
}

fn peers_table(peers: &[PeerView]) -> Table {
    let empty = Empty {
        title: "No peers found.",
        text: "The account of a peer holds what may still be sent to it.",
        action: Some(Action::main("/peers/create", "Create peer")),
    };
    let rows = peers.iter().map(|peer| {
        let name = peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone());
        vec![
            Cell::link(format!("/ledger/{}", peer.id), name),
            Cell::money_or(peer.liquidity, &peer.asset.code, peer.asset.scale),
            Cell::tenant(peer.tenant.as_ref()),
        ]
    });
    Table::new("Accounts of peers", ["Peer", "Liquidity>", "Tenant"], empty).rows(rows)
}

/// `GET /ledger/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.id("This is not an account id.")?;
    let admin = ctx.admin();
    let moment = moment(&ctx)?;
    // The latest lines are needed up to the moment, so more are read for one in the past.
    let lines = if moment.is_some() { LINES_MAX } else { LINES };
    let (account, owner) = futures::join!(admin.account_view(id, lines), owner(&ctx, id));
    let (account, owner) = (account?, owner?);
    let (code, scale) = owner.as_ref().map_or(("", 0), |owner| (owner.code.as_str(), owner.scale));
    let mut main = Vec::new();
    if owner.is_none() {
        let text = "The owner of this account is not known here, so amounts are in the smallest unit.";
        main.push(Block::Note { tone: Tone::Info, text: ctx.words().t(text).to_owned() });
    }
    main.push(Block::Sieve(moment_field(&ctx, moment)));
    let held = owner.as_ref().and_then(|owner| owner.held);
    let account = match moment {
        None => {
            if let Some((owner, held)) = owner.as_ref().zip(held) {
                let (money, now) = (Money::new(held, code, scale), ctx.reader.console.now());
                main.extend(balance_chart::block(&account, &money, owner.threshold, lines, now));
            }
            account
        }
        Some(at) => {
            let then = balance_at(&account, held, at, lines)
                .map_or(Cell::Absent("Unknown"), |then| Cell::money(then, code, scale));
            let then = facts([
                ("At", Cell::Time(at)),
                ("Balance then", then),
                ("Balance now", Cell::money_or(held, code, scale)),
            ]);
            main.push(Block::Facts { title: "Balance at an instant", facts: then, actions: Vec::new() });
            until(account, at)
        }
    };
    main.push(block(&account, code, scale));
    Ok(Page {
        place: "ledger",
        kind: "Account",
        reads: "ConsoleAccount",
        name: Some(owner.as_ref().map_or_else(|| short(id), |owner| owner.name.clone())),
        back: Some(("Ledger", "/ledger".to_owned())),
        amount: owner.as_ref().and_then(|owner| owner.held.map(|held| Money::new(held, code, scale))),
        id: Some(id.to_string()),
        actions: owner.map(|owner| vec![Action::other(owner.href, "Open its owner")]).unwrap_or_default(),
        main,
        ..Page::default()
    }
    .into())
}

/// The instant in the address: `2026-11-26T20:00` in UTC, as date fields write it, or an instant with its zone.
fn moment(ctx: &Ctx) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = ctx.asked("at") else { return Ok(None) };
    let with_zone = ["", "Z", ":00Z"].map(|end| format!("{text}{end}"));
    let read = with_zone.iter().find_map(|text| text.parse().ok());
    read.map(Some).ok_or(Problem::Invalid("Write the instant like 2026-11-26T20:00, in UTC."))
}

fn moment_field(ctx: &Ctx, moment: Option<Timestamp>) -> Sieve {
    let without = ctx.here_with(&[("at", "")], &[]);
    let asked = ctx.asked("at").unwrap_or_default();
    let chosen = moment.map(|_| ("At (UTC)", asked.to_owned(), without)).into_iter().collect();
    let field = Field::new("at", "Balance at (UTC)", Input::Instant).value(asked);
    Sieve { chosen, fields: vec![field], kept: Vec::new() }
}

/// The balance at a past instant: the balance now without the lines after it. `None` if it cannot be told, because
/// lines after the instant may not be among those that were read.
///
/// A withdrawal that was decided later counts from its beginning, because a line says only when it was made.
fn balance_at(account: &AccountView, held: Option<u64>, at: Timestamp, limit: u32) -> Option<u64> {
    let held = held?;
    if !reaches(account, at, limit) && !is_whole(account, held, limit) {
        return None;
    }
    let since: i128 = changes(account).filter(|(made, _)| *made > at).map(|(_, change)| change).sum();
    u64::try_from(i128::from(held) - since).ok()
}

/// Whether no line after the instant is missing.
///
/// A full side was cut, so it goes back to its oldest line. The API looks at the newest movements of both sides and
/// drops voided ones, so a side that is not full goes back at least to the oldest line of both.
fn reaches(account: &AccountView, at: Timestamp, limit: u32) -> bool {
    let both = account.debits.iter().chain(&account.credits).map(|line| line.created_at).min();
    [&account.debits, &account.credits].into_iter().all(|lines| {
        let oldest = if is_full(lines, limit) { lines.iter().map(|line| line.created_at).min() } else { both };
        oldest.is_some_and(|oldest| oldest <= at)
    })
}

/// Whether the lines are all that there are: no side was cut, and they add up to the balance now.
fn is_whole(account: &AccountView, held: u64, limit: u32) -> bool {
    let was_cut = is_full(&account.debits, limit) || is_full(&account.credits, limit);
    !was_cut && changes(account).map(|(_, change)| change).sum::<i128>() == i128::from(held)
}

/// The latest lines up to an instant. The oldest come first.
fn until(account: AccountView, at: Timestamp) -> AccountView {
    let kept = |mut lines: Vec<TransferView>| {
        lines.retain(|line| line.created_at <= at);
        lines.split_off(lines.len().saturating_sub(LINES as usize))
    };
    AccountView { debits: kept(account.debits), credits: kept(account.credits) }
}

/// The owner of an account.
struct Owner {
    name: String,
    href: String,
    code: String,
    scale: u8,
    held: Option<u64>,
    threshold: Option<u64>,
}

async fn owner(ctx: &Ctx, id: Uuid) -> Result<Option<Owner>, Problem> {
    let admin = ctx.admin();
    let (asset, peer, address, incoming, outgoing) = futures::join!(
        admin.asset_view(id),
        admin.peer_view(id),
        admin.wallet_address_view(id),
        admin.incoming_payment_view(id),
        admin.outgoing_payment_view(id),
    );
    let of = |name: String, href: String, code: &str, scale, held| Owner {
        name,
        href,
        code: code.to_owned(),
        scale,
        held,
        threshold: None,
    };

    if let Some(found) = asset? {
        let name = format!("{} / {}", found.code, found.scale);
        let owner = of(name, format!("/assets/{id}"), &found.code, found.scale, found.liquidity);
        return Ok(Some(Owner { threshold: found.liquidity_threshold, ..owner }));
    }

    if let Some(found) = peer? {
        let name = found.name.unwrap_or(found.static_ilp_address);
        let owner = of(name, format!("/peers/{id}"), &found.asset.code, found.asset.scale, found.liquidity);
        return Ok(Some(Owner { threshold: found.liquidity_threshold, ..owner }));
    }

    if let Some(found) = address? {
        let href = format!("/wallet-addresses/{id}");
        return Ok(Some(of(found.address, href, &found.asset.code, found.asset.scale, found.liquidity)));
    }

    if let Some(found) = incoming? {
        let amount = found.received_amount;
        let href = format!("/payments/incoming/{id}");
        return Ok(Some(of(short(id), href, &amount.asset_code, amount.asset_scale, found.liquidity)));
    }

    Ok(outgoing?.map(|found| {
        let amount = found.debit_amount;
        of(short(id), format!("/payments/outgoing/{id}"), &amount.asset_code, amount.asset_scale, found.liquidity)
    }))
}

/// The account as a T: debits left, credits right.
pub(crate) fn block(account: &AccountView, code: &str, scale: u8) -> Block {
    let side = |caption, transfers: &[TransferView], other: fn(&TransferView) -> Uuid| {
        let empty = Empty { title: "Nothing yet.", text: "Movements on this side appear here.", action: None };
        Table::new(caption, ["With account", "Amount>"], empty).rows(transfers.iter().map(|transfer| {
            let counter = other(transfer);
            let link = Cell::link(format!("/ledger/{counter}"), short(counter));
            vec![
                Cell::Lines(vec![link, kind(transfer), Cell::Time(transfer.created_at)]),
                Cell::money(transfer.amount, code, scale),
            ]
        }))
    };
    let sum = |transfers: &[TransferView]| {
        let counted = transfers.iter().filter(|transfer| transfer.state != "VOIDED");
        let sum = counted.map(|transfer| u128::from(transfer.amount)).sum::<u128>();
        Cell::money_or(u64::try_from(sum).ok(), code, scale)
    };
    Block::Account(Box::new(Sides {
        debits: side("Debits", &account.debits, |transfer| transfer.credit_account_id),
        credits: side("Credits", &account.credits, |transfer| transfer.debit_account_id),
        debit_sum: sum(&account.debits),
        credit_sum: sum(&account.credits),
    }))
}

fn kind(transfer: &TransferView) -> Cell {
    let word = match transfer.transfer_type.as_str() {
        "DEPOSIT" => "Deposit",
        "WITHDRAWAL" => "Withdrawal",
        _ => "Transfer",
    };
    match transfer.state.as_str() {
        "PENDING" => Cell::Lines(vec![Cell::Word(word), Cell::state("Pending", Tone::Waiting)]),
        "VOIDED" => Cell::Lines(vec![Cell::Word(word), Cell::state("Voided", Tone::Quiet)]),
        _ => Cell::Word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::balance_chart::tests::line;

    #[test]
    fn a_past_balance_is_the_balance_without_the_lines_since_or_unknown() {
        let account = AccountView {
            debits: vec![line(30, 5, "POSTED"), line(7, 4, "PENDING"), line(9, 4, "VOIDED"), line(20, 1, "POSTED")],
            credits: vec![line(100, 3, "POSTED"), line(1, 3, "PENDING"), line(50, 0, "POSTED")],
        };
        // 150 in, 57 out: 93 now.
        let at = |second: i64, limit| balance_at(&account, Some(93), Timestamp::from_millis(second * 1000), limit);
        let then = [9, 4, 3, 2, 0].map(|second| at(second, 100));
        assert_eq!(then, [Some(93), Some(123), Some(130), Some(30), Some(50)]);
        assert_eq!(at(0, 4), None, "older lines may be missing");
        assert_eq!(at(2, 4), Some(30), "those after the instant are all there");
        assert_eq!(balance_at(&account, None, Timestamp::from_millis(0), 100), None);
    }

    #[test]
    fn before_the_oldest_line_a_balance_is_told_only_if_the_lines_are_all_there_are() {
        let account = AccountView {
            debits: vec![line(20, 3, "POSTED"), line(7, 5, "PENDING")],
            credits: vec![line(50, 2, "POSTED"), line(1, 4, "PENDING")],
        };
        let at = |held, second: i64| balance_at(&account, Some(held), Timestamp::from_millis(second * 1000), 100);
        assert_eq!(at(23, 1), Some(0), "50 in and 27 out are the whole account");
        assert_eq!(at(90, 1), None, "67 came from lines that are not here");
        assert_eq!(at(90, 2), Some(117), "from the oldest line on nothing is missing");
        let nothing = AccountView::default();
        assert_eq!(balance_at(&nothing, Some(0), Timestamp::from_millis(0), 100), Some(0));
        assert_eq!(balance_at(&nothing, Some(5), Timestamp::from_millis(0), 100), None);
    }

    #[test]
    fn the_latest_hundred_lines_before_an_instant_are_kept() {
        let lines: Vec<_> = (0..150).map(|second| line(1, second, "POSTED")).collect();
        let account = AccountView { debits: lines.clone(), credits: lines[..30].to_vec() };
        let kept = until(account, Timestamp::from_millis(119_000));
        assert_eq!(kept.debits, lines[20..120]);
        assert_eq!(kept.credits, lines[..30]);
    }
}
