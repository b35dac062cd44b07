//! Grants: what clients may do with wallet addresses, how much of a limit is used, and revoking.
//!
//! The grants come from the authorization server. What was spent comes from the outgoing payments of the backend.

use admin_client::{
    AccessView, Amount, GrantSelection, GrantView, LimitsView, Mutation, OutgoingPaymentState, SpendingPayment,
    SpentUnderGrant,
};
use gnap::{RepeatingInterval, Window};
use serde_json::json;
use uuid::Uuid;

use crate::context::{Answer, Ctx, NO_AUTH, Problem};
use crate::pages::charts::{self, Part};
use crate::pages::tenant_filter::with_tenant;
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Fact, Field, Form, Input, Limit, Money, Page, Sieve, Table, Tone, facts};

const STATES: [(&str, &str); 6] = [
    ("PENDING", "Pending"),
    ("APPROVED", "Approved"),
    ("PROCESSING", "Processing"),
    ("ISSUED", "Issued"),
    ("REVOKED", "Revoked"),
    ("REJECTED", "Rejected"),
];

fn state(grant: &GrantView) -> Cell {
    let (word, tone, next) = match (grant.state.as_str(), grant.finalization_reason.as_deref()) {
        (_, Some("REVOKED")) => ("Revoked", Tone::Failed, "Its tokens are not good any more."),
        (_, Some("REJECTED")) => ("Rejected", Tone::Failed, "The person said no."),
        (_, Some("ISSUED")) => ("Issued", Tone::Done, "The client has a token."),
        ("APPROVED", _) => ("Approved", Tone::Waiting, "The client is to fetch its token."),
        ("PENDING", _) => ("Pending", Tone::Waiting, "A person is to decide."),
        _ => ("Processing", Tone::Waiting, "The client was asked to wait."),
    };
    Cell::State { word: word.to_owned(), tone, next: Some(next) }
}

/// A right in a few words: `outgoing-payment: create, read`.
fn right(access: &AccessView) -> String {
    format!("{}: {}", access.kind, access.actions.join(", "))
}

fn can_be_revoked(grant: &GrantView) -> bool {
    !matches!(grant.finalization_reason.as_deref(), Some("REVOKED" | "REJECTED"))
}

fn selection(ctx: &Ctx) -> Result<GrantSelection, Problem> {
    let asked = ctx.asked("state").map(str::to_owned);
    if asked.as_ref().is_some_and(|state| !STATES.iter().any(|(known, _)| known == state)) {
        return Err(Problem::Invalid("Invalid result."));
    }
    let ended = |state: &String| matches!(state.as_str(), "ISSUED" | "REVOKED" | "REJECTED");
    Ok(GrantSelection {
        identifier: ctx.asked("identifier").map(str::to_owned),
        reason: asked.clone().filter(ended),
        state: asked.filter(|state| !ended(state)),
    })
}

fn sieve(ctx: &Ctx) -> Sieve {
    let without = |name: &str| ctx.here_with(&[(name, "")], &["after", "before"]);
    let word = |state: &str| STATES.iter().find(|(known, _)| *known == state).map_or("–", |(_, word)| word);
    let mut chosen = Vec::new();
    if let Some(state) = ctx.asked("state") {
        chosen.push(("State", word(state).to_owned(), without("state")));
    }
    if let Some(address) = ctx.asked("identifier") {
        chosen.push(("Wallet address", address.to_owned(), without("identifier")));
    }
    let states = STATES.map(|(value, word)| (value.to_owned(), word.to_owned()));
    let any = std::iter::once((String::new(), "Any".to_owned()));
    let asked = |name: &str| ctx.asked(name).unwrap_or_default().to_owned();
    let fields = vec![
        Field::new("state", "State", Input::Choice(any.chain(states).collect())).value(asked("state")),
        Field::new("identifier", "Wallet address", Input::Url).value(asked("identifier")),
    ];
    Sieve { chosen, fields, kept: Vec::new() }
}

/// `GET /grants`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let mut page = Page {
        place: "grants",
        kind: "Grants",
        reads: "ConsoleGrants",
        lead: Some("What clients may do with wallet addresses, and until when."),
        ..Page::default()
    };
    let Some(api) = ctx.grants() else {
        page.main.push(Block::Note { tone: Tone::Info, text: ctx.words().t(NO_AUTH).to_owned() });
        return Ok(page.into());
    };

    let found =
        api.grants_page(&ctx.page_request()?, &selection(&ctx)?, ctx.of_tenant()?).await.map_err(Problem::of_auth)?;
    let empty = Empty {
        title: "No grants found.",
        text: "A client that asks a customer for consent gets a grant. Grants appear here as soon as one is asked for.",
        action: None,
    };
    let rows = found.nodes.iter().map(|grant| {
        let owner = grant.access.iter().find_map(|access| access.identifier.clone());
        let client = grant.client.clone().unwrap_or_else(|| grant.id.to_string());
        let limit = grant.access.iter().filter_map(|access| access.limits.as_ref()).find_map(most);
        vec![
            Cell::link(format!("/grants/{}", grant.id), client),
            Cell::Lines(grant.access.iter().map(|access| Cell::text(right(access))).collect()),
            Cell::text_or(owner.as_deref(), "–"),
            limit.map_or(Cell::Absent("None"), |amount| Cell::Money(Money::from(amount))),
            state(grant),
            Cell::Time(grant.created_at),
        ]
    });
    let columns = ["Client", "Rights", "Wallet address", "Limit>", "State", "Created"];
    let table = Table::new("Grants", columns, empty).rows(rows).paged(ctx.paging(&found.page_info));
    page.tabs = crate::pages::saved_views::tabs(&ctx, "All");
    page.main = vec![Block::Sieve(with_tenant(&ctx, sieve(&ctx))), Block::Table { title: None, table }];
    Ok(page.into())
}

/// The amount of a limit.
fn most(limits: &LimitsView) -> Option<&Amount> {
    limits.debit_amount.as_ref().or(limits.receive_amount.as_ref())
}

async fn load(ctx: &Ctx) -> Result<GrantView, Problem> {
    let id = ctx.id("Invalid grant ID.")?;
    let api = ctx.grants().ok_or(Problem::NotFound(NO_AUTH))?;
    api.grant_view(id).await.map_err(Problem::of_auth)?.ok_or(Problem::NotFound("Grant not found."))
}

/// `GET /grants/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let grant = load(&ctx).await?;
    Ok(draw(&ctx, &grant, None).await?.into())
}

async fn draw(ctx: &Ctx, grant: &GrantView, posted: Option<&Posted>) -> Result<Page, Problem> {
    let api = ctx.grants().ok_or(Problem::NotFound(NO_AUTH))?;
    let tokens = api.grant_tokens(grant.id).await.map_err(Problem::of_auth)?;
    let mut main = Vec::new();
    for access in &grant.access {
        main.push(limits(ctx, grant.id, access).await?);
    }
    if can_be_revoked(grant) {
        let revoke = Form::new("Revoke grant", format!("/grants/{}", grant.id), "Revoke this grant")
            .intro("Its tokens are refused from then on. Payments that were already created go on. This is final.")
            .danger("revoke grant")
            .calls(Mutation::RevokeGrant);
        main.push(Block::Form(ctx.form(revoke, posted)));
    }

    let people = grant.subject.iter().flat_map(|subject| &subject.sub_ids);
    let people: Vec<Cell> = people.map(|name| Cell::text(name.sub_id.clone())).collect();
    let mut about = facts([
        ("Client", Cell::text_or(grant.client.as_deref(), "A key without a wallet address")),
        ("Person", if people.is_empty() { Cell::Absent("None") } else { Cell::Lines(people) }),
        ("Created", Cell::Time(grant.created_at)),
        ("Tenant", Cell::link(format!("/tenants/{}", grant.tenant_id), crate::view::short(grant.tenant_id))),
    ]);
    if let Some(tokens) = tokens {
        let good = page_kit::numbers::count(tokens.good.into(), ctx.words());
        let word = if tokens.good == 0 { "The last one ended" } else { "The last one ends" };
        about.push(Fact { label: "Good tokens", value: Cell::text(good) });
        about.push(Fact { label: word, value: tokens.last_ends_at.map_or(Cell::Absent("–"), Cell::Time) });
    }
    Ok(Page {
        place: "grants",
        kind: "Grant",
        reads: "ConsoleGrant",
        name: Some(grant.client.clone().unwrap_or_else(|| crate::view::short(grant.id))),
        back: Some(("Grants", "/grants".to_owned())),
        state: Some(state(grant)),
        id: Some(grant.id.to_string()),
        main,
        side: vec![Block::Facts { title: "Facts", facts: about, actions: Vec::new() }],
        ..Page::default()
    })
}

/// A right with its limits as bars.
async fn limits(ctx: &Ctx, grant: Uuid, access: &AccessView) -> Result<Block, Problem> {
    let title = match access.kind.as_str() {
        "incoming-payment" => "Incoming payments",
        "outgoing-payment" => "Outgoing payments",
        "quote" => "Quotes",
        _ => "Rights",
    };
    let mut lead = facts([
        ("May", Cell::text(access.actions.join(", "))),
        ("Wallet address", access.identifier.clone().map_or(Cell::Absent("Any"), Cell::Code)),
    ]);
    let Some(set) = &access.limits else {
        return Ok(Block::Limits { title, lead, limits: Vec::new() });
    };
    if let Some(receiver) = &set.receiver {
        lead.push(Fact { label: "Only to", value: Cell::code(receiver.clone()) });
    }

    let now = ctx.reader.console.now();
    let interval = set.interval.as_deref().and_then(|text| text.parse::<RepeatingInterval>().ok());
    let window = interval.as_ref().and_then(|interval| interval.window_at(now));
    let spent = match &access.identifier {
        Some(address) => ctx.admin().spent_under_grant(address, &grant.to_string()).await?,
        None => SpentUnderGrant::default(),
    };

    let amounts = [(Counts::Debited, &set.debit_amount), (Counts::Received, &set.receive_amount)];
    let bars = amounts.into_iter().filter_map(|(counts, amount)| Some(bar(counts, amount.as_ref()?, &spent, window)));
    let limits: Vec<Limit> = bars.collect();
    if let Some(interval) = &set.interval {
        lead.push(Fact { label: "Interval", value: Cell::code(interval.clone()) });
        match window {
            Some(window) => {
                lead.push(Fact { label: "This interval began", value: Cell::Time(window.start) });
                lead.push(Fact { label: "Begins anew", value: Cell::Time(window.end) });
            }
            None => lead.push(Fact { label: "Begins anew", value: Cell::Absent("Not in an interval now") }),
        }
    }
    Ok(Block::Limits { title, lead, limits })
}

/// The side of payments that a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Debited,
    Received,
}

/// The payments of the interval.
fn counted(spent: &SpentUnderGrant, window: Option<Window>) -> impl Iterator<Item = &SpendingPayment> {
    spent.payments.iter().filter(move |payment| window.is_none_or(|window| window.contains(payment.created_at)))
}

/// What counts now, as the instance counts it: what a payment reserved, and once it has ended, what it spent.
///
/// An instance that does not tell this counts a completed payment by its quote here, and a failed one with what it
/// sent, or with nothing on the receiver's side.
fn sum(spent: &SpentUnderGrant, window: Option<Window>, counts: Counts) -> u64 {
    let amounts = counted(spent, window).map(|payment| told(payment, counts).unwrap_or_else(|| guess(payment, counts)));
    amounts.fold(0, u64::saturating_add)
}

fn told(payment: &SpendingPayment, counts: Counts) -> Option<u64> {
    let amount = match counts {
        Counts::Debited => payment.spent_debit_amount.as_ref(),
        Counts::Received => payment.spent_receive_amount.as_ref(),
    };
    amount.map(|amount| amount.value)
}

fn guess(payment: &SpendingPayment, counts: Counts) -> u64 {
    use OutgoingPaymentState::{Cancelled, Failed};
    match (payment.state, counts) {
        (Failed, Counts::Debited) => payment.sent_amount.value.min(payment.debit_amount.value),
        (Failed | Cancelled, _) => 0,
        (_, Counts::Debited) => payment.debit_amount.value,
        (_, Counts::Received) => payment.receive_amount.value,
    }
}

/// Whether a failed payment may have delivered an amount that is not counted. One that sent nothing delivered nothing.
fn is_estimate(spent: &SpentUnderGrant, window: Option<Window>) -> bool {
    counted(spent, window).any(|payment| {
        let partly = payment.state == OutgoingPaymentState::Failed && payment.sent_amount.value > 0;
        partly && payment.spent_receive_amount.is_none()
    })
}

fn bar(counts: Counts, limit: &Amount, spent: &SpentUnderGrant, window: Option<Window>) -> Limit {
    let used = sum(spent, window, counts);
    let left = limit.value.saturating_sub(used);
    let tone = if left == 0 { Tone::Failed } else { Tone::Done };
    let svg = charts::bar(&[
        Part { label: "Used", value: used.min(limit.value), tone },
        Part { label: "Left", value: left, tone: Tone::Quiet },
    ]);
    let money = |value| Cell::money(value, &limit.asset_code, limit.asset_scale);
    let mut about = facts([("Used", money(used)), ("Left", money(left)), ("Limit", money(limit.value))]);
    if spent.more {
        about.push(Fact { label: "Counted", value: Cell::Word("the latest 500 payments of the address") });
    }
    if counts == Counts::Received && is_estimate(spent, window) {
        let why = "a failed payment counts as zero here, but a part of it may have arrived";
        about.push(Fact { label: "Estimate", value: Cell::Word(why) });
    }
    let title = match counts {
        Counts::Debited => "Debited",
        Counts::Received => "Received",
    };
    Limit { title, svg, facts: about }
}

/// `POST /grants/{id}`
pub(crate) async fn revoke(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let grant = load(&ctx).await?;
    posted.confirm("revoke grant");
    let before = json!({"state": grant.state, "finalizationReason": grant.finalization_reason, "client": grant.client});
    let input = json!({"grantId": grant.id});
    if posted.is_good() && ctx.change(&mut posted, Mutation::RevokeGrant, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/grants/{}", grant.id), "The grant was revoked."));
    }
    Ok(Answer::refused(draw(&ctx, &grant, Some(&posted)).await?))
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;

    use super::*;

    fn usd(value: u64) -> Amount {
        Amount { value, asset_code: "USD".to_owned(), asset_scale: 2 }
    }

    fn payment(state: OutgoingPaymentState, sent: u64) -> SpendingPayment {
        SpendingPayment {
            id: Uuid::nil(),
            state,
            grant_id: None,
            debit_amount: usd(103),
            receive_amount: usd(100),
            sent_amount: usd(sent),
            spent_debit_amount: None,
            spent_receive_amount: None,
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn what_the_instance_counts_goes_before_the_amounts_of_quotes() {
        use OutgoingPaymentState::{Completed, Failed};
        let told = |state, debit, receive| SpendingPayment {
            spent_debit_amount: Some(usd(debit)),
            spent_receive_amount: Some(usd(receive)),
            ..payment(state, 40)
        };
        // Completed with one more than the quote promised, and failed after a part arrived.
        let spent = SpentUnderGrant { payments: vec![told(Completed, 103, 101), told(Failed, 40, 39)], more: false };
        assert_eq!((sum(&spent, None, Counts::Debited), sum(&spent, None, Counts::Received)), (143, 140));
        assert!(!is_estimate(&spent, None));
    }

    #[test]
    fn a_received_amount_is_an_estimate_as_soon_as_a_failed_payment_sent_a_part() {
        use OutgoingPaymentState::{Cancelled, Completed, Failed, Sending};
        let told = |payments: Vec<SpendingPayment>, counts: Counts| {
            let spent = SpentUnderGrant { payments, more: false };
            let facts = bar(counts, &usd(1000), &spent, None).facts;
            (sum(&spent, None, counts), facts.iter().any(|fact| fact.label == "Estimate"))
        };
        let sure = vec![payment(Completed, 101), payment(Sending, 5), payment(Cancelled, 0), payment(Failed, 0)];
        assert_eq!(told(sure.clone(), Counts::Received), (200, false), "what sent nothing delivered nothing");
        let part: Vec<_> = sure.into_iter().chain([payment(Failed, 40)]).collect();
        assert_eq!(told(part.clone(), Counts::Received), (200, true));
        assert_eq!(told(part, Counts::Debited), (246, false), "what was sent is known");
    }
}
