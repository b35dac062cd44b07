//! Ledger accounts: their debits and credits, each with a link to the other account.
//!
//! Balances come from the instance. Sums are over the lines shown.

use admin_client::{AccountView, TransferView};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::view::{Action, Block, Cell, Empty, Page, Sides, Table, Tone, short};

/// `GET /ledger`
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

    let empty = |title, text, href: &str, label| Empty { title, text, action: Some(Action::main(href, label)) };
    let of_assets = Table::new(
        "Accounts of assets",
        ["Asset", "Liquidity>", "Tenant"],
        empty(
            "No assets found.",
            "The account of an asset holds the money with which payments between assets are converted.",
            "/assets/create",
            "Add asset",
        ),
    )
    .rows(assets.iter().map(|asset| {
        vec![
            Cell::link(format!("/ledger/{}", asset.id), format!("{} / {}", asset.code, asset.scale)),
            Cell::money_or(asset.liquidity, &asset.code, asset.scale),
            Cell::tenant(asset.tenant.as_ref()),
        ]
    }));

    let of_peers = Table::new(
        "Accounts of peers",
        ["Peer", "Liquidity>", "Tenant"],
        empty(
            "No peers found.",
            "The account of a peer holds what may still be sent to it.",
            "/peers/create",
            "Create peer",
        ),
    )
    .rows(peers.nodes.iter().map(|peer| {
        vec![
            Cell::link(
                format!("/ledger/{}", peer.id),
                peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone()),
            ),
            Cell::money_or(peer.liquidity, &peer.asset.code, peer.asset.scale),
            Cell::tenant(peer.tenant.as_ref()),
        ]
    }))
    .paged(ctx.paging(&peers.page_info));

    let find = Block::Find {
        name: "id",
        label: "Account of any asset, peer, wallet address or payment",
        value: String::new(),
        hidden: Vec::new(),
    };

    Ok(Page {
        place: "ledger",
        kind: "Ledger",
        lead: Some("Every movement has two sides. An account has the id of the object to which it belongs."),
        main: vec![
            find,
            Block::Table { title: Some("Assets"), table: of_assets },
            Block::Table { title: Some("Peers"), table: of_peers },
        ],
        ..Page::default()
    }
    .into())
}

/// `GET /ledger/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.id("This is not an account id.")?;
    let admin = ctx.admin();
    let (account, owner) = futures::join!(admin.account_view(id, 100), owner(&ctx, id));
    let (account, owner) = (account?, owner?);
    let (code, scale) = owner.as_ref().map_or(("", 0), |owner| (owner.code.as_str(), owner.scale));
    let mut main = Vec::new();
    if owner.is_none() {
        let text = "The owner of this account is not known here, so amounts are in the smallest unit.";
        main.push(Block::Note { tone: Tone::Info, text: ctx.words().t(text).to_owned() });
    }
    main.push(block(&account, code, scale));
    Ok(Page {
        place: "ledger",
        kind: "Account",
        name: Some(owner.as_ref().map_or_else(|| short(id), |owner| owner.name.clone())),
        back: Some(("Ledger", "/ledger".to_owned())),
        amount: owner.as_ref().and_then(|owner| owner.held.map(|held| crate::view::Money::new(held, code, scale))),
        id: Some(id.to_string()),
        actions: owner.map(|owner| vec![Action::other(owner.href, "Open its owner")]).unwrap_or_default(),
        main,
        ..Page::default()
    }
    .into())
}

/// The owner of an account.
struct Owner {
    name: String,
    href: String,
    code: String,
    scale: u8,
    held: Option<u64>,
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
    let of =
        |name: String, href: String, code: &str, scale, held| Owner { name, href, code: code.to_owned(), scale, held };

    if let Some(found) = asset? {
        let name = format!("{} / {}", found.code, found.scale);
        return Ok(Some(of(name, format!("/assets/{id}"), &found.code, found.scale, found.liquidity)));
    }

    if let Some(found) = peer? {
        let name = found.name.unwrap_or(found.static_ilp_address);
        return Ok(Some(of(name, format!("/peers/{id}"), &found.asset.code, found.asset.scale, found.liquidity)));
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
        Table::new(caption, ["With account", "When", "Amount>"], empty).rows(transfers.iter().map(|transfer| {
            let counter = other(transfer);
            vec![
                Cell::Lines(vec![Cell::link(format!("/ledger/{counter}"), short(counter)), kind(transfer)]),
                Cell::Time(transfer.created_at),
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
