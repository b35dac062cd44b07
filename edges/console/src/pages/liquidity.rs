//! Liquidity: the balances of assets and peers with their thresholds, deposits, and withdrawals in one step or two.
//!
//! The id of a movement is the key of its form, so a form that is sent twice moves money once.

use admin_client::{Mutation, PageRequest, TransferView};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::{assets, charts, choices, forecast, peers, wallet_addresses};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Money, Page, Table, Tone, short};

/// How long a withdrawal may wait for its second step, in seconds.
const TIMEOUT_MAX: u64 = 7 * 24 * 3600;

/// The latest movements of each side that forecasts are made from.
const LINES: u32 = 50;

/// The account of a deposit or a withdrawal.
struct Subject {
    what: &'static str,
    place: &'static str,
    id: Uuid,
    name: String,
    held: Option<u64>,
    code: String,
    scale: u8,
}

impl Subject {
    fn page(&self) -> String {
        format!("/{}/{}", self.place, self.id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Deposit,
    Withdraw,
}

async fn asset(ctx: &Ctx) -> Result<Subject, Problem> {
    let asset = assets::load(ctx).await?;
    let name = asset.code.clone();
    let (held, scale) = (asset.liquidity, asset.scale);
    Ok(Subject { what: "Asset", place: "assets", id: asset.id, name, held, code: asset.code, scale })
}

async fn peer(ctx: &Ctx) -> Result<Subject, Problem> {
    let peer = peers::load(ctx).await?;
    Ok(Subject {
        what: "Peer",
        place: "peers",
        id: peer.id,
        name: peer.name.unwrap_or(peer.static_ilp_address),
        held: peer.liquidity,
        code: peer.asset.code,
        scale: peer.asset.scale,
    })
}

fn draw(ctx: &Ctx, subject: &Subject, way: Way, posted: Option<&Posted>) -> Page {
    let (kind, submit) = match way {
        Way::Deposit => ("Deposit liquidity", "Deposit liquidity"),
        Way::Withdraw => ("Withdraw liquidity", "Withdraw liquidity"),
    };
    let mutation = match (subject.place, way) {
        ("assets", Way::Deposit) => Mutation::DepositAssetLiquidity,
        ("assets", Way::Withdraw) => Mutation::CreateAssetLiquidityWithdrawal,
        (_, Way::Deposit) => Mutation::DepositPeerLiquidity,
        (_, Way::Withdraw) => Mutation::CreatePeerLiquidityWithdrawal,
    };

    let mut fields = vec![Field::new("amount", "Amount", Input::Amount(subject.code.clone())).required()];
    if way == Way::Withdraw {
        fields.push(
            Field::new("timeoutSeconds", "Seconds until it is given up", Input::Number)
                .required()
                .value("0")
                .help("0 withdraws at once. With a number the amount is reserved first, and you post or void it under Liquidity."),
        );
    }

    let form = Form::new("", ctx.reader.path.clone(), submit).fields(fields).cancel(subject.page()).calls(mutation);
    let held = crate::view::facts([("Held now", Cell::money_or(subject.held, &subject.code, subject.scale))]);

    Page {
        place: subject.place,
        kind,
        name: Some(subject.name.clone()),
        back: Some((subject.what, subject.page())),
        main: vec![Block::Form(ctx.form(form, posted))],
        side: vec![Block::Facts { title: "Liquidity", facts: held, actions: Vec::new() }],
        ..Page::default()
    }
}

async fn deposit(ctx: Ctx, subject: Subject, mut posted: Posted) -> Result<Answer, Problem> {
    let amount = posted.some_amount("amount", subject.scale, ctx.words());
    let key = posted.key();
    let mut input = json!({"amount": choices::amount(amount), "id": key, "idempotencyKey": key});
    let (mutation, said) = if subject.place == "assets" {
        input["assetId"] = json!(subject.id);
        (Mutation::DepositAssetLiquidity, "Deposited asset liquidity.")
    } else {
        input["peerId"] = json!(subject.id);
        (Mutation::DepositPeerLiquidity, "Deposited peer liquidity.")
    };
    let before = json!({"liquidity": choices::amount(subject.held)});
    if posted.is_good() && ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(ctx.done(subject.page(), said));
    }
    Ok(Answer::refused(draw(&ctx, &subject, Way::Deposit, Some(&posted))))
}

async fn withdraw(ctx: Ctx, subject: Subject, mut posted: Posted) -> Result<Answer, Problem> {
    let amount = posted.some_amount("amount", subject.scale, ctx.words());
    posted.required("timeoutSeconds");
    let timeout = posted.number("timeoutSeconds", TIMEOUT_MAX, "Write a number from 0 to 604800, which is a week.");
    let key = posted.key();
    let mut input = json!({
        "amount": choices::amount(amount), "id": key, "idempotencyKey": key,
        "timeoutSeconds": timeout.unwrap_or(0).to_string(),
    });
    let (mutation, said) = if subject.place == "assets" {
        input["assetId"] = json!(subject.id);
        (Mutation::CreateAssetLiquidityWithdrawal, "Successfully withdrew asset liquidity.")
    } else {
        input["peerId"] = json!(subject.id);
        (Mutation::CreatePeerLiquidityWithdrawal, "Withdrew peer liquidity")
    };
    let before = json!({"liquidity": choices::amount(subject.held)});
    if posted.is_good() && ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(match timeout {
            Some(0) | None => ctx.done(subject.page(), said),
            Some(_) => ctx.done("/liquidity", "The amount is reserved. Post or void the withdrawal here."),
        });
    }
    Ok(Answer::refused(draw(&ctx, &subject, Way::Withdraw, Some(&posted))))
}

/// `GET /assets/{id}/deposit-liquidity`
pub(crate) async fn asset_deposit_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(draw(&ctx, &asset(&ctx).await?, Way::Deposit, None).into())
}

/// `POST /assets/{id}/deposit-liquidity`
pub(crate) async fn asset_deposit(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let subject = asset(&ctx).await?;
    deposit(ctx, subject, posted).await
}

/// `GET /assets/{id}/withdraw-liquidity`
pub(crate) async fn asset_withdraw_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(draw(&ctx, &asset(&ctx).await?, Way::Withdraw, None).into())
}

/// `POST /assets/{id}/withdraw-liquidity`
pub(crate) async fn asset_withdraw(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let subject = asset(&ctx).await?;
    withdraw(ctx, subject, posted).await
}

/// `GET /peers/{id}/deposit-liquidity`
pub(crate) async fn peer_deposit_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(draw(&ctx, &peer(&ctx).await?, Way::Deposit, None).into())
}

/// `POST /peers/{id}/deposit-liquidity`
pub(crate) async fn peer_deposit(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let subject = peer(&ctx).await?;
    deposit(ctx, subject, posted).await
}

/// `GET /peers/{id}/withdraw-liquidity`
pub(crate) async fn peer_withdraw_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(draw(&ctx, &peer(&ctx).await?, Way::Withdraw, None).into())
}

/// `POST /peers/{id}/withdraw-liquidity`
pub(crate) async fn peer_withdraw(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let subject = peer(&ctx).await?;
    withdraw(ctx, subject, posted).await
}

/// `GET /wallet-addresses/{id}/withdraw-liquidity`
pub(crate) async fn wallet_address_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(wallet_address_form(&ctx, None).await?.into())
}

async fn wallet_address_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let address = wallet_addresses::load(ctx).await?;
    let back = format!("/wallet-addresses/{}", address.id);
    let form = Form::new("", format!("{back}/withdraw-liquidity"), "Withdraw liquidity")
        .intro("All money of the address leaves the ledger for the account-servicing entity.")
        .cancel(back.clone())
        .calls(Mutation::CreateWalletAddressWithdrawal);
    Ok(Page {
        place: "wallet-addresses",
        kind: "Withdraw wallet address liquidity",
        name: Some(address.address),
        back: Some(("Wallet address", back)),
        amount: Some(Money::new(address.liquidity.unwrap_or(0), &address.asset.code, address.asset.scale)),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /wallet-addresses/{id}/withdraw-liquidity`
pub(crate) async fn wallet_address(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let address = wallet_addresses::load(&ctx).await?;
    let key = posted.key();
    let input = json!({"walletAddressId": address.id, "id": key, "idempotencyKey": key, "timeoutSeconds": "0"});
    let before = json!({"liquidity": choices::amount(address.liquidity)});
    if ctx.change(&mut posted, Mutation::CreateWalletAddressWithdrawal, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/wallet-addresses/{}", address.id), "Withdrew wallet address liquidity."));
    }
    Ok(Answer::refused(wallet_address_form(&ctx, Some(&posted)).await?))
}

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
    transfer: TransferView,
    account: &'a Account,
}

/// `GET /liquidity`
pub(crate) async fn overview(ctx: Ctx) -> Result<Answer, Problem> {
    let admin = ctx.admin();
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let (assets, peers) = futures::join!(admin.assets_page(&all, None), admin.peers_page(&all, None));
    let (assets, peers) = (assets?.nodes, peers?.nodes);

    let of_assets = assets.into_iter().map(|asset| Account {
        id: asset.id,
        name: asset.code.clone(),
        href: format!("/assets/{}", asset.id),
        code: asset.code,
        scale: asset.scale,
        held: asset.liquidity,
        threshold: asset.liquidity_threshold,
    });
    let of_peers = peers.into_iter().map(|peer| Account {
        id: peer.id,
        name: peer.name.unwrap_or(peer.static_ilp_address),
        href: format!("/peers/{}", peer.id),
        code: peer.asset.code,
        scale: peer.asset.scale,
        held: peer.liquidity,
        threshold: peer.liquidity_threshold,
    });

    let accounts: Vec<Account> = of_assets.chain(of_peers).collect();
    let views = futures::future::join_all(accounts.iter().map(|account| admin.account_view(account.id, LINES))).await;

    let mut waiting = Vec::new();
    let mut forecasts = Vec::new();
    let now = ctx.reader.console.now();
    for (account, view) in accounts.iter().zip(views) {
        let view = view?;
        forecasts.push(forecast::of(&view, account.held.unwrap_or(0), LINES, now));
        let pending = |transfer: &TransferView| transfer.state == "PENDING" && transfer.transfer_type == "WITHDRAWAL";
        for transfer in view.debits.into_iter().filter(pending) {
            waiting.push(Waiting { transfer, account });
        }
    }

    let empty = Empty {
        title: "There is no liquidity yet.",
        text: "Assets and peers have liquidity, which payments use.",
        action: Some(Action::main("/assets/create", "Add asset")),
    };

    let rows = accounts.iter().zip(&forecasts).map(|(account, forecast)| {
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
            forecast::cell(*forecast, ctx.words()),
            Cell::Lines(vec![
                Cell::WordLink { href: format!("{href}/deposit-liquidity"), word: "Deposit" },
                Cell::WordLink { href: format!("{href}/withdraw-liquidity"), word: "Withdraw" },
            ]),
        ]
    });

    let columns = ["Of", "Against the threshold", "Liquidity>", "Threshold>", "State", "Forecast", "Change"];
    let held = Table::new("Liquidity", columns, empty).rows(rows);

    let nothing = Empty {
        title: "No withdrawal waits.",
        text: "Withdrawals in two steps appear here until they are posted, voided or given up.",
        action: None,
    };
    let pending =
        Table::new("Withdrawals that wait", ["Withdrawal", "Of", "Amount>", "Asked", "Given up", "Change"], nothing)
            .rows(waiting.iter().map(|waiting| {
                let transfer = &waiting.transfer;
                vec![
                    Cell::text(short(transfer.id)),
                    Cell::link(waiting.account.href.clone(), waiting.account.name.clone()),
                    Cell::money(transfer.amount, &waiting.account.code, waiting.account.scale),
                    Cell::Time(transfer.created_at),
                    transfer.expires_at.map_or(Cell::Absent("–"), Cell::Time),
                    Cell::WordLink { href: format!("/liquidity/pending/{}", transfer.id), word: "Post or void" },
                ]
            }));

    Ok(Page {
        place: "liquidity",
        kind: "Liquidity",
        lead: Some("The liquidity that payments can use, and withdrawals that wait for their second step."),
        main: vec![
            Block::Table { title: Some("Withdrawals that wait"), table: pending },
            Block::Table { title: Some("Held"), table: held },
        ],
        live: true,
        ..Page::default()
    }
    .into())
}

/// `GET /liquidity/pending/{id}`
pub(crate) async fn pending_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(pending_form(&ctx, None)?.into())
}

fn pending_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let id = ctx.id("Invalid withdrawal ID.")?;
    let decisions = vec![
        ("post".to_owned(), "Post: the money has left".to_owned()),
        ("void".to_owned(), "Void: it stays here".to_owned()),
    ];
    let form = Form::new("", format!("/liquidity/pending/{id}"), "Decide")
        .intro("The decision is final.")
        .fields([Field::new("decision", "Decision", Input::Choice(decisions)).required()])
        .cancel("/liquidity")
        .calls(Mutation::PostLiquidityWithdrawal);
    Ok(Page {
        place: "liquidity",
        kind: "Withdrawal that waits",
        back: Some(("Liquidity", "/liquidity".to_owned())),
        id: Some(id.to_string()),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /liquidity/pending/{id}`
pub(crate) async fn decide(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let id = ctx.id("Invalid withdrawal ID.")?;
    let input = json!({"withdrawalId": id, "idempotencyKey": posted.key()});
    let (mutation, said) = match posted.text("decision") {
        "post" => (Mutation::PostLiquidityWithdrawal, "The withdrawal was posted."),
        "void" => (Mutation::VoidLiquidityWithdrawal, "The withdrawal was voided."),
        _ => {
            posted.refuse("decision", "Choose one.");
            (Mutation::VoidLiquidityWithdrawal, "")
        }
    };
    if posted.is_good() && ctx.change(&mut posted, mutation, input, Value::Null).await?.is_some() {
        return Ok(ctx.done("/liquidity", said));
    }
    Ok(Answer::refused(pending_form(&ctx, Some(&posted))?))
}
