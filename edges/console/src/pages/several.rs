//! Changes of several things of a list at once: wallet addresses are made inactive, deliveries are sent again, and what is
//! settled is withdrawn.
//!
//! `many` carries them out, one after the other.

use std::collections::BTreeMap;

use admin_client::{DeliverySelection, Mutation, PageRequest, WalletAddressView};
use page_kit::numbers;
use serde_json::json;
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::many::{self, Item, NOTHING_CHOSEN, Told};
use crate::pages::{choices, deliveries};
use crate::posted::Posted;
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Money, Page, Pick, Table};

const CHOSEN: &str = "chosen";
const DEACTIVATE: &str = "/wallet-addresses/deactivate";
const RESEND: &str = "/webhooks/deliveries/several";
const WITHDRAW: &str = "/liquidity/withdraw-settled";

fn hundred() -> PageRequest {
    PageRequest { first: Some(100), ..PageRequest::default() }
}

/// The field with what can be chosen. `?all=yes` in the address chooses all of it.
fn field(ctx: &Ctx, label: &'static str, picks: Vec<Pick>) -> Field {
    let all = ctx.asked("all") == Some("yes");
    let chosen: Vec<&str> = picks.iter().filter(|_| all).map(|pick| pick.value.as_str()).collect();
    let chosen = chosen.join(",");
    Field::new(CHOSEN, label, Input::Several(picks)).value(chosen)
}

/// A link that chooses all, or nothing.
fn all_or_nothing(ctx: &Ctx) -> Action {
    match ctx.asked("all") {
        Some(_) => Action::other(ctx.here_with(&[("all", "")], &[]), "Choose nothing"),
        None => Action::other(ctx.here_with(&[("all", "yes")], &[]), "Choose all"),
    }
}

/// Those that were chosen, in the order of the list.
fn chosen<'a, T>(posted: &mut Posted, all: &'a [T], id: impl Fn(&T) -> Uuid) -> Vec<&'a T> {
    let sent: Vec<Uuid> = posted.all(CHOSEN).iter().filter_map(|text| Uuid::parse_str(text).ok()).collect();
    let found: Vec<&T> = all.iter().filter(|one| sent.contains(&id(one))).collect();
    if found.is_empty() {
        posted.refuse(CHOSEN, NOTHING_CHOSEN);
    }
    found
}

/// A page with the form, or with the text of an empty list. Results of the form before are above it.
fn draw(ctx: &Ctx, page: Page, form: Form, empty: Empty, (posted, results): (Option<&Posted>, Option<Block>)) -> Page {
    let nothing = form.fields.iter().all(|field| matches!(&field.input, Input::Several(picks) if picks.is_empty()));
    let (actions, last) = if nothing {
        (Vec::new(), Block::Table { title: None, table: Table::of(page.kind, &[], empty) })
    } else {
        (vec![all_or_nothing(ctx)], Block::Form(ctx.form(form, posted)))
    };
    Page { actions, main: results.into_iter().chain([last]).collect(), ..page }
}

/// The answer after a form was carried out, or refused.
fn answer(posted: &Posted, page: Page) -> Answer {
    if posted.is_good() { page.into() } else { Answer::refused(page) }
}

// Wallet addresses that are made inactive.

async fn active_addresses(ctx: &Ctx) -> Result<Vec<WalletAddressView>, Problem> {
    let found = ctx.admin().wallet_addresses_page(&hundred(), ctx.of_tenant()?).await?;
    Ok(found.nodes.into_iter().filter(|address| address.status == "ACTIVE").collect())
}

fn deactivation(ctx: &Ctx, addresses: &[WalletAddressView], sent: (Option<&Posted>, Option<Block>)) -> Page {
    let pick = |address: &WalletAddressView| Pick {
        value: address.id.to_string(),
        label: address.address.clone(),
        note: address.public_name.clone().unwrap_or_default(),
    };
    let picks = addresses.iter().map(pick).collect();
    let form = Form::new("", DEACTIVATE, "Make them inactive")
        .intro("An inactive address takes no new payments. On its page it can be made active again.")
        .fields([field(ctx, "Active wallet addresses, the newest hundred", picks)])
        .cancel("/wallet-addresses")
        .calls(Mutation::UpdateWalletAddress);
    let empty = Empty {
        title: "No active wallet addresses.",
        text: "There is nothing to make inactive.",
        action: Some(Action::other("/wallet-addresses", "Wallet addresses")),
    };
    let page = Page {
        place: "wallet-addresses",
        kind: "Make wallet addresses inactive",
        back: Some(("Wallet addresses", "/wallet-addresses".to_owned())),
        ..Page::default()
    };
    draw(ctx, page, form, empty, sent)
}

/// `GET /wallet-addresses/deactivate`
pub(crate) async fn deactivate_page(ctx: Ctx) -> Result<Answer, Problem> {
    let addresses = active_addresses(&ctx).await?;
    Ok(deactivation(&ctx, &addresses, (None, None)).into())
}

/// `POST /wallet-addresses/deactivate`
pub(crate) async fn deactivate(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let told = Told { title: "What became of each address", column: "Wallet address", done: "Inactive", page: None };
    let addresses = active_addresses(&ctx).await?;
    let items = chosen(&mut posted, &addresses, |address| address.id).into_iter().map(|address| Item {
        shown: Cell::link(format!("/wallet-addresses/{}", address.id), address.address.clone()),
        mark: address.id.to_string(),
        mutation: Mutation::UpdateWalletAddress,
        input: Box::new(move |key| json!({"id": address.id, "status": "INACTIVE", "idempotencyKey": key})),
        before: json!({"status": address.status}),
        moves: None,
    });
    let items: Vec<Item<'_>> = items.collect();
    if !posted.is_good() {
        return Ok(Answer::refused(deactivation(&ctx, &addresses, (Some(&posted), None))));
    }
    let results = many::carry_out(&ctx, &mut posted, items, told).await?;
    let left = if posted.is_good() { active_addresses(&ctx).await? } else { addresses };
    let sent = (Some(&posted).filter(|posted| !posted.is_good()), Some(results));
    Ok(answer(&posted, deactivation(&ctx, &left, sent)))
}

// Deliveries that are sent again.

/// The newest hundred deliveries that were given up, or that fail while their recipient takes others.
async fn failed_deliveries(ctx: &Ctx) -> Result<Vec<admin_client::DeliveryView>, Problem> {
    let selection = DeliverySelection {
        states: ["QUARANTINED", "EXHAUSTED"].map(str::to_owned).to_vec(),
        ..DeliverySelection::default()
    };
    Ok(ctx.admin().webhook_deliveries_page(&hundred(), &selection, ctx.of_tenant()?).await?.nodes)
}

fn resending(ctx: &Ctx, failed: &[admin_client::DeliveryView], sent: (Option<&Posted>, Option<Block>)) -> Page {
    let words = ctx.words();
    let pick = |delivery: &admin_client::DeliveryView| {
        let kind = delivery.event.as_ref().map_or_else(|| delivery.event_id.to_string(), |event| event.kind.clone());
        let about = delivery.event.as_ref().and_then(|event| event.data["id"].as_str()).unwrap_or_default();
        let reason = delivery.reason.as_deref().unwrap_or_default();
        let tried = words.with("{} attempts", &numbers::count(delivery.attempts.into(), words));
        let note: Vec<&str> = [about, &tried, reason].into_iter().filter(|text| !text.is_empty()).collect();
        Pick { value: delivery.id.to_string(), label: kind, note: note.join(" · ") }
    };
    let picks = failed.iter().map(pick).collect();
    let form = Form::new("", RESEND, "Send them again")
        .intro("Each event is sent at once, with the same id. A recipient that had it already can tell by the id.")
        .fields([field(ctx, "Dead letters, the newest hundred", picks)])
        .cancel("/webhooks/deliveries?state=QUARANTINED,EXHAUSTED")
        .calls(Mutation::ResendWebhookEvents);
    let empty = Empty {
        title: "No dead letters.",
        text: "Every event has arrived, or is still tried. What is given up is listed here.",
        action: Some(Action::other("/webhooks/deliveries", "Show all deliveries")),
    };
    let page = Page {
        place: "webhook-events",
        kind: "Send several again",
        tabs: deliveries::tabs(ctx, "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED"),
        back: Some(("Deliveries", "/webhooks/deliveries".to_owned())),
        ..Page::default()
    };
    draw(ctx, page, form, empty, sent)
}

/// `GET /webhooks/deliveries/several`
pub(crate) async fn resend_page(ctx: Ctx) -> Result<Answer, Problem> {
    let failed = failed_deliveries(&ctx).await?;
    Ok(resending(&ctx, &failed, (None, None)).into())
}

/// `POST /webhooks/deliveries/several`
pub(crate) async fn resend(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let told = Told { title: "What became of each delivery", column: "Event", done: "On its way", page: None };
    let failed = failed_deliveries(&ctx).await?;
    let items = chosen(&mut posted, &failed, |delivery| delivery.id).into_iter().map(|delivery| Item {
        shown: deliveries::link(delivery),
        mark: delivery.id.to_string(),
        mutation: Mutation::ResendWebhookEvents,
        input: Box::new(move |key| json!({"deliveryIds": [delivery.id], "idempotencyKey": key})),
        before: json!({"attempts": delivery.attempts}),
        moves: None,
    });
    let items: Vec<Item<'_>> = items.collect();
    if !posted.is_good() {
        return Ok(Answer::refused(resending(&ctx, &failed, (Some(&posted), None))));
    }
    let results = many::carry_out(&ctx, &mut posted, items, told).await?;
    let left = if posted.is_good() { failed_deliveries(&ctx).await? } else { failed };
    let sent = (Some(&posted).filter(|posted| !posted.is_good()), Some(results));
    Ok(answer(&posted, resending(&ctx, &left, sent)))
}

// What is settled and withdrawn.

/// Money that has come to rest at a payment that has ended.
///
/// What a wallet address holds is left out: an event that is still under way may have to give it to its owner. It is withdrawn
/// on the page of the address.
struct Settled {
    id: Uuid,
    name: String,
    href: String,
    money: Money,
    mutation: Mutation,
    /// The member of the input that has the id.
    member: &'static str,
}

async fn settled(ctx: &Ctx) -> Result<Vec<Settled>, Problem> {
    let found = ctx.admin().held(ctx.of_tenant()?).await?;
    let words = ctx.words();
    let payments = found.into_iter().filter_map(|payment| {
        let amount = payment.amount?;
        let money = Money::new(payment.liquidity.filter(|held| *held > 0)?, &amount.asset_code, amount.asset_scale);
        let outgoing = payment.direction == admin_client::Direction::Outgoing;
        let ended = if outgoing { ["COMPLETED", "FAILED", "CANCELLED"] } else { ["COMPLETED", "EXPIRED", "CANCELLED"] };
        let (word, way, mutation, member) = if outgoing {
            ("Outgoing payment", "outgoing", Mutation::CreateOutgoingPaymentWithdrawal, "outgoingPaymentId")
        } else {
            ("Incoming payment", "incoming", Mutation::CreateIncomingPaymentWithdrawal, "incomingPaymentId")
        };
        ended.contains(&payment.state.as_str()).then(|| Settled {
            id: payment.id,
            name: format!("{} {}", words.t(word), payment.id),
            href: format!("/payments/{way}/{}", payment.id),
            money,
            mutation,
            member,
        })
    });
    Ok(payments.collect())
}

fn shown(money: &Money, words: Reading) -> String {
    format!("{} {}", numbers::decimal(money.value, money.scale, words), money.code)
}

/// What is sent of a choice: its id, and the amount that was shown.
fn token(of: &Settled) -> String {
    format!("{}={}", of.id, of.money.value)
}

fn withdrawal(ctx: &Ctx, settled: &[Settled], sent: (Option<&Posted>, Option<Block>)) -> Page {
    let words = ctx.words();
    let pick = |of: &Settled| Pick { value: token(of), label: of.name.clone(), note: shown(&of.money, words) };
    let picks = settled.iter().map(pick).collect();
    let form = Form::new("", WITHDRAW, "Withdraw them")
        .intro(
            "Each amount leaves the ledger for the account-servicing entity. An amount that changes before you send the form \
             is not withdrawn.",
        )
        .fields([field(ctx, "Ended payments of the latest hundred", picks)])
        .cancel("/liquidity");
    let empty = Empty {
        title: "Nothing is settled.",
        text: "What ended payments hold appears here until it is withdrawn.",
        action: Some(Action::other("/liquidity", "Liquidity")),
    };
    let page = Page {
        place: "liquidity",
        kind: "Withdraw what is settled",
        back: Some(("Liquidity", "/liquidity".to_owned())),
        ..Page::default()
    };
    draw(ctx, page, form, empty, sent)
}

/// `GET /liquidity/withdraw-settled`
pub(crate) async fn withdraw_page(ctx: Ctx) -> Result<Answer, Problem> {
    let settled = settled(&ctx).await?;
    Ok(withdrawal(&ctx, &settled, (None, None)).into())
}

/// `POST /liquidity/withdraw-settled`
pub(crate) async fn withdraw(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let told = Told { title: "What became of each withdrawal", column: "Of", done: "Withdrawn", page: None };
    let found = settled(&ctx).await?;
    // What was shown is withdrawn, or nothing: the instance refuses another amount.
    let chosen = posted.all(CHOSEN);
    let amount_of = |text: &String| {
        let (id, amount) = text.split_once('=')?;
        Some((Uuid::parse_str(id).ok()?, amount.parse().ok()?))
    };
    // Each payment once, so the number of requests is bounded by that of the list.
    let sent: BTreeMap<Uuid, u64> = chosen.iter().filter_map(amount_of).collect();
    let items = sent.iter().filter_map(|(id, amount)| {
        let of = found.iter().find(|of| of.id == *id)?;
        let money = Money { value: *amount, ..of.money.clone() };
        let member = of.member;
        let input = move |key: Uuid| {
            let mut input =
                json!({"idempotencyKey": key, "timeoutSeconds": "0", "amount": choices::amount(Some(*amount))});
            input[member] = json!(id);
            input
        };
        let amount = shown(&money, ctx.words());
        Some(Item {
            shown: Cell::Link { href: of.href.clone(), text: of.name.clone(), note: Some(amount) },
            mark: of.id.to_string(),
            mutation: of.mutation,
            input: Box::new(input),
            before: json!({"liquidity": choices::amount(Some(of.money.value))}),
            moves: Some(money),
        })
    });
    let items: Vec<Item<'_>> = items.collect();
    if items.is_empty() {
        posted.refuse(CHOSEN, NOTHING_CHOSEN);
        return Ok(Answer::refused(withdrawal(&ctx, &found, (Some(&posted), None))));
    }
    let results = many::carry_out(&ctx, &mut posted, items, told).await?;
    let left = if posted.is_good() { settled(&ctx).await? } else { found };
    let sent = (Some(&posted).filter(|posted| !posted.is_good()), Some(results));
    Ok(answer(&posted, withdrawal(&ctx, &left, sent)))
}
