//! Deposits to assets and peers, and withdrawals in one step or two.
//!
//! Balances and thresholds are in `liquidity_overview`. The id of a movement is the key of its form, so a form that is sent twice moves money once.

use admin_client::Mutation;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::{assets, choices, peers, wallet_addresses};
use crate::posted::Posted;
use crate::view::{Block, Cell, Field, Form, Input, Money, Page};

/// How long a withdrawal may wait for its second step, in seconds.
const TIMEOUT_MAX: u64 = 7 * 24 * 3600;

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

    fn money(&self, value: Option<u64>) -> Money {
        Money::new(value.unwrap_or(0), &self.code, self.scale)
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
    posted.moves(subject.money(amount));
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
    posted.moves(subject.money(amount));
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
        .intro("This amount leaves the ledger for the account-servicing entity. If it changes before you send the form, nothing is done.")
        .fields([choices::shown(address.liquidity)])
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
    let mut input = json!({"walletAddressId": address.id, "id": key, "idempotencyKey": key, "timeoutSeconds": "0"});
    // If the amount is not known, the change waits whatever the limit is.
    if let Some(shown) = posted.shown_amount(choices::SHOWN) {
        posted.moves(Money::new(shown, &address.asset.code, address.asset.scale));
        input["amount"] = choices::amount(Some(shown));
    }
    let before = json!({"liquidity": choices::amount(address.liquidity)});
    if ctx.change(&mut posted, Mutation::CreateWalletAddressWithdrawal, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/wallet-addresses/{}", address.id), "Withdrew wallet address liquidity."));
    }
    Ok(Answer::refused(wallet_address_form(&ctx, Some(&posted)).await?))
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
