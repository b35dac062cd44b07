//! The balances of assets and peers with their thresholds and forecasts, and withdrawals that wait for their second step.
//!
//! The forms are in `liquidity`.

use admin_client::{AccountView, AssetView, PageRequest, PeerView, TransferView};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::forecast::{self, Forecast};
use crate::pages::{assets, charts, live};
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Page, Table, Tone, short};

/// The latest movements of an account that are read: for its forecast, and for withdrawals that wait.
const LINES: u32 = 200;

/// The liquidity of an asset or a peer.
struct Account {
    id: Uuid,
    name: String,
    href: String,
    code: String,
    scale: u8,
    held: Option<u64>,
    threshold: Option<u64>,
}

/// A withdrawal that waits for its second step.
struct Waiting<'a> {
    transfer: &'a TransferView,
    account: &'a Account,
}

impl Account {
    fn of_asset(asset: AssetView) -> Self {
        Self {
            id: asset.id,
            name: asset.code.clone(),
            href: format!("/assets/{}", asset.id),
            code: asset.code,
            scale: asset.scale,
            held: asset.liquidity,
            threshold: asset.liquidity_threshold,
        }
    }

    fn of_peer(peer: PeerView) -> Self {
        Self {
            id: peer.id,
            name: peer.name.unwrap_or(peer.static_ilp_address),
            href: format!("/peers/{}", peer.id),
            code: peer.asset.code,
            scale: peer.asset.scale,
            held: peer.liquidity,
            threshold: peer.liquidity_threshold,
        }
    }
}

/// `GET /liquidity`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let live = live::begin(&ctx).await;
    let admin = ctx.admin();
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let (assets, peers) = futures::join!(admin.assets_page(&all, None), admin.peers_page(&all, None));
    let of_assets = assets?.nodes.into_iter().map(Account::of_asset);
    let accounts: Vec<Account> = of_assets.chain(peers?.nodes.into_iter().map(Account::of_peer)).collect();

    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let views = admin.account_views(&ids, LINES).await?;
    let now = ctx.reader.console.now();
    let forecasts =
        accounts.iter().zip(&views).map(|(account, view)| forecast::of(view, account.held.unwrap_or(0), LINES, now));
    let held = held(&accounts, forecasts, ctx.words());
    let pending = pending(&waiting(&accounts, &views));

    Ok(Page {
        place: "liquidity",
        kind: "Liquidity",
        lead: Some("The liquidity that payments can use, and withdrawals that wait for their second step."),
        actions: vec![Action::other("/liquidity/withdraw-settled", "Withdraw what is settled")],
        main: vec![
            Block::Table { title: Some("Withdrawals that wait"), table: pending },
            Block::Table { title: Some("Held"), table: held },
        ],
        live,
        ..Page::default()
    }
    .into())
}

fn waiting<'a>(accounts: &'a [Account], views: &'a [AccountView]) -> Vec<Waiting<'a>> {
    let waits = |transfer: &&TransferView| transfer.state == "PENDING" && transfer.transfer_type == "WITHDRAWAL";
    let of_account = |(account, view): (&'a Account, &'a AccountView)| {
        view.debits.iter().filter(waits).map(move |transfer| Waiting { transfer, account }).collect::<Vec<_>>()
    };
    accounts.iter().zip(views).flat_map(of_account).collect()
}

fn held(accounts: &[Account], forecasts: impl Iterator<Item = Forecast>, words: Reading) -> Table {
    let empty = Empty {
        title: "There is no liquidity yet.",
        text: "Assets and peers have liquidity, which payments use.",
        action: Some(Action::main("/assets/create", "Add asset")),
    };

    let rows = accounts.iter().zip(forecasts).map(|(account, forecast)| {
        let Account { name, href, code, scale, held, threshold, .. } = account;
        let tone = assets::liquidity_tone(*held, *threshold);
        let state = match tone {
            Tone::Failed => Cell::state("Low", Tone::Failed),
            Tone::Done => Cell::state("Enough", Tone::Done),
            _ => Cell::Absent("No threshold"),
        };
        vec![
            Cell::link(href.clone(), name.clone()),
            Cell::Picture(charts::gauge(held.unwrap_or(0), threshold.unwrap_or(0), tone)),
            Cell::money_or(*held, code, *scale),
            threshold.map_or(Cell::Absent("None"), |threshold| Cell::money(threshold, code, *scale)),
            state,
            forecast::cell(forecast, words),
            Cell::Lines(vec![
                Cell::WordLink { href: format!("{href}/deposit-liquidity"), word: "Deposit" },
                Cell::WordLink { href: format!("{href}/withdraw-liquidity"), word: "Withdraw" },
            ]),
        ]
    });

    let columns = ["Of", "Against the threshold", "Liquidity>", "Threshold>", "State", "Forecast", "Change"];
    Table::new("Liquidity", columns, empty).rows(rows)
}

fn pending(waiting: &[Waiting<'_>]) -> Table {
    let nothing = Empty {
        title: "No withdrawal waits.",
        text: "Withdrawals in two steps appear here until they are posted, voided or given up. Each account is looked through \
               as far as its latest 200 movements.",
        action: None,
    };
    let rows = waiting.iter().map(|Waiting { transfer, account }| {
        vec![
            Cell::text(short(transfer.id)),
            Cell::link(account.href.clone(), account.name.clone()),
            Cell::money(transfer.amount, &account.code, account.scale),
            Cell::Time(transfer.created_at),
            transfer.expires_at.map_or(Cell::Absent("–"), Cell::Time),
            Cell::WordLink { href: format!("/liquidity/pending/{}", transfer.id), word: "Post or void" },
        ]
    });
    let columns = ["Withdrawal", "Of", "Amount>", "Asked", "Given up", "Change"];
    Table::new("Withdrawals that wait", columns, nothing).rows(rows)
}
