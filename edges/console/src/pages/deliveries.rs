//! Deliveries of webhook events: which arrived, each attempt of one, what was given up, and sending again.
//!
//! The events themselves are in `webhook_events`, and the places they go to in `webhook_endpoints`.

use admin_client::{AttemptView, DeliverySelection, DeliveryState, DeliveryView, Mutation, PageRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::tenant_filter::with_tenant;
use crate::pages::{event_kinds, live};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Live, Page, Sieve, Step, Tab, Table, Tone, facts};

const STATES: [(&str, &str); 4] =
    [("PENDING", "Waiting"), ("DELIVERED", "Delivered"), ("QUARANTINED", "In quarantine"), ("EXHAUSTED", "Given up")];
/// What is in nobody's hands any more, or nearly so.
const DEAD: &str = "QUARANTINED,EXHAUSTED";

/// The pages about webhooks.
pub(crate) fn tabs(ctx: &Ctx, chosen: &str) -> Vec<Tab> {
    let tab = |label: &str, href: &str| Tab {
        label: ctx.words().t(label).to_owned(),
        href: href.to_owned(),
        chosen: chosen == href,
    };
    vec![
        tab("Events", "/webhook-events"),
        tab("Deliveries", "/webhooks/deliveries"),
        tab("Dead letters", "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED"),
        tab("Endpoints", "/webhooks/endpoints"),
        tab("Signatures", "/webhooks/signature"),
    ]
}

pub(crate) fn state(delivery: &DeliveryView) -> Cell {
    let (word, tone, next) = match delivery.state {
        DeliveryState::Pending if delivery.attempts > 0 => {
            ("Waiting", Tone::Waiting, Some("The last attempt failed. It is tried again."))
        }
        DeliveryState::Pending => ("Waiting", Tone::Waiting, Some("It is tried soon.")),
        DeliveryState::Delivered => ("Delivered", Tone::Done, None),
        DeliveryState::Quarantined => {
            ("In quarantine", Tone::Failed, Some("Its recipient takes others. It is still tried and holds up nothing."))
        }
        DeliveryState::Exhausted => (
            "Given up",
            Tone::Failed,
            Some("It was tried as often as allowed. Send it again when its recipient is well."),
        ),
    };
    Cell::State { word: word.to_owned(), tone, next }
}

/// The deliveries that the address selects.
fn selection(ctx: &Ctx) -> Result<DeliverySelection, Problem> {
    let wrong = || Problem::Invalid("Invalid result.");
    let list = |name: &str| -> Vec<String> {
        ctx.asked(name).unwrap_or_default().split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let id = |name: &str| ctx.asked(name).map(|id| Uuid::parse_str(id).map_err(|_| wrong())).transpose();
    let states = list("state");
    if !states.iter().all(|state| STATES.iter().any(|(known, _)| known == state)) {
        return Err(wrong());
    }
    Ok(DeliverySelection {
        states,
        types: event_kinds::kinds(ctx)?,
        endpoint: id("endpoint")?,
        subject: id("subject")?,
        ..DeliverySelection::default()
    })
}

fn sieve(ctx: &Ctx) -> Sieve {
    let words = ctx.words();
    let without = |name: &str| ctx.here_with(&[(name, "")], &["after", "before"]);
    let shown = |name: &str, value: &str| match name {
        "state" => value.split(',').map(|one| words.t(word_of(one)).to_owned()).collect::<Vec<_>>().join(", "),
        "type" => value.replace(',', ", "),
        _ => value.to_owned(),
    };
    let names = [("state", "State"), ("type", "Type"), ("endpoint", "Endpoint ID"), ("subject", "About")];
    let chosen = names
        .into_iter()
        .filter_map(|(name, label)| ctx.asked(name).map(|value| (label, shown(name, value), without(name))))
        .collect();

    let any = (String::new(), "Any".to_owned());
    let states = STATES.map(|(value, word)| (value.to_owned(), word.to_owned()));
    let dead = (DEAD.to_owned(), "Dead letters".to_owned());
    let kinds = event_kinds::KINDS.map(|kind| (kind.to_owned(), kind.to_owned()));
    let asked = |name: &str| ctx.asked(name).unwrap_or_default().to_owned();
    let fields = vec![
        Field::new("state", "State", Input::Choice([any.clone(), dead].into_iter().chain(states).collect()))
            .value(asked("state")),
        Field::new("type", "Type", Input::Choice(std::iter::once(any).chain(kinds).collect())).value(asked("type")),
        Field::new("subject", "About the payment, wallet address, asset or peer with this ID", Input::Text)
            .value(asked("subject")),
        Field::new("endpoint", "Endpoint ID", Input::Text).value(asked("endpoint")),
    ];
    Sieve { chosen, fields, kept: Vec::new() }
}

fn word_of(state: &str) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("–", |(_, word)| word)
}

/// Rows of deliveries.
fn table(deliveries: &[DeliveryView], empty: Empty) -> Table {
    let columns = ["Event", "About", "State", "Attempts>", "Answer>", "Next attempt", "Recorded"];
    Table::new("Deliveries", columns, empty).rows(deliveries.iter().map(|delivery| {
        vec![
            link(delivery),
            delivery.event.as_ref().map_or(Cell::Absent("–"), event_kinds::about),
            state_and_reason(delivery),
            Cell::text(delivery.attempts.to_string()),
            answer(delivery),
            delivery.next_attempt_at.map_or(Cell::Absent("–"), Cell::Time),
            Cell::Time(delivery.created_at),
        ]
    }))
}

/// The deliveries about one object, on its page.
pub(crate) fn table_about_one(deliveries: &[DeliveryView], empty: Empty) -> Table {
    let columns = ["Event", "State", "Answer>", "Recorded"];
    Table::new("Deliveries", columns, empty).rows(deliveries.iter().map(|delivery| {
        vec![link(delivery), state_and_reason(delivery), answer(delivery), Cell::Time(delivery.created_at)]
    }))
}

pub(crate) fn link(delivery: &DeliveryView) -> Cell {
    let kind = delivery.event.as_ref().map_or_else(|| delivery.event_id.to_string(), |event| event.kind.clone());
    Cell::link(format!("/webhooks/deliveries/{}", delivery.id), kind)
}

fn state_and_reason(delivery: &DeliveryView) -> Cell {
    match delivery.reason.clone().filter(|_| delivery.state != DeliveryState::Delivered) {
        Some(reason) => Cell::Lines(vec![state(delivery), Cell::text(reason)]),
        None => state(delivery),
    }
}

fn answer(delivery: &DeliveryView) -> Cell {
    delivery.status_code.map_or(Cell::Absent("–"), |code| Cell::text(code.to_string()))
}

/// `GET /webhooks/deliveries`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let selection = selection(&ctx)?;
    let live = live::begin(&ctx).await;
    let found = ctx.admin().webhook_deliveries_page(&ctx.page_request()?, &selection, ctx.of_tenant()?).await?;
    let dead = ctx.asked("state") == Some(DEAD);
    let empty = if dead {
        Empty {
            title: "No dead letters.",
            text: "Every event has arrived, or is still tried. What is given up is listed here.",
            action: Some(Action::other("/webhooks/deliveries", "Show all deliveries")),
        }
    } else {
        Empty {
            title: "No deliveries found.",
            text: "Each event goes to the endpoints of its tenant. Set a webhook URL, or add an endpoint.",
            action: Some(Action::other("/webhooks/endpoints", "Endpoints")),
        }
    };

    let mut actions = Vec::new();
    // The API sends again by its own filters, which have no tenant.
    if !found.nodes.is_empty() && ctx.session.may_change() && ctx.of_tenant()?.is_none() {
        let here = ctx.here_with(&[], &["after", "before", "first", "last"]);
        let query = here.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
        actions.push(Action::main(format!("/webhooks/resend{query}"), "Send these again"));
    }

    if dead && !found.nodes.is_empty() && ctx.session.may_change() {
        actions.push(Action::other("/webhooks/deliveries/several", "Send several again"));
    }

    let table = table(&found.nodes, empty).paged(ctx.paging(&found.page_info));
    let tab = if dead { "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED" } else { "/webhooks/deliveries" };
    Ok(Page {
        place: "webhook-events",
        kind: if dead { "Dead letters" } else { "Deliveries" },
        lead: Some("What went to whom, and how it was answered."),
        tabs: tabs(&ctx, tab),
        actions,
        main: vec![Block::Sieve(with_tenant(&ctx, sieve(&ctx))), Block::Table { title: None, table }],
        live,
        ..Page::default()
    }
    .into())
}

async fn load(ctx: &Ctx) -> Result<DeliveryView, Problem> {
    let id = ctx.id("Invalid delivery ID.")?;
    ctx.admin().webhook_delivery_view(id).await?.ok_or(Problem::NotFound("Delivery not found."))
}

/// `GET /webhooks/deliveries/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let live = live::begin(&ctx).await;
    let delivery = load(&ctx).await?;
    Ok(draw(&ctx, &delivery, live, None).into())
}

fn draw(ctx: &Ctx, delivery: &DeliveryView, live: Live, posted: Option<&Posted>) -> Page {
    let kind = delivery.event.as_ref().map_or("–", |event| event.kind.as_str());
    let recipient = match delivery.recipient.as_str() {
        "CARD_SERVICE" => Cell::Word("The card service"),
        "POINT_OF_SALE_SERVICE" => Cell::Word("The point-of-sale service"),
        _ => match (delivery.tenant_id, delivery.endpoint_id) {
            (Some(tenant), Some(endpoint)) => {
                Cell::WordLink { href: format!("/webhooks/endpoints/{tenant}/{endpoint}"), word: "Endpoint" }
            }
            _ => Cell::Word("The tenant"),
        },
    };

    let mut main = vec![Block::Story(story(delivery))];
    if delivery.history.is_empty() && delivery.attempts > 0 {
        let text = ctx.words().t("Its attempts are not kept any more.").to_owned();
        main.push(Block::Note { tone: Tone::Info, text });
    }
    if let Some(event) = &delivery.event {
        let text = serde_json::to_string_pretty(&event.data).unwrap_or_default();
        main.push(Block::Data { title: "Data that is sent", text });
    }
    let again = Form::new("Send again", format!("/webhooks/deliveries/{}", delivery.id), "Send again")
        .intro("The event is sent at once, with the same id. A recipient that had it already can tell by the id.")
        .calls(Mutation::ResendWebhookEvents);
    main.push(Block::Form(ctx.form(again, posted)));

    let about = facts([
        ("About", delivery.event.as_ref().map_or(Cell::Absent("–"), event_kinds::about)),
        ("Recipient", recipient),
        ("Attempts", Cell::text(delivery.attempts.to_string())),
        ("Answer", delivery.status_code.map_or(Cell::Absent("None yet"), |code| Cell::text(code.to_string()))),
        ("Reason", Cell::text_or(delivery.reason.as_deref(), "None")),
        ("Next attempt", delivery.next_attempt_at.map_or(Cell::Absent("–"), Cell::Time)),
        ("Recorded", Cell::Time(delivery.created_at)),
        ("Event", Cell::link(format!("/webhook-events/data?id={}", delivery.event_id), delivery.event_id.to_string())),
    ]);

    let may_change = matches!(delivery.state, DeliveryState::Pending | DeliveryState::Quarantined);
    Page {
        place: "webhook-events",
        kind: "Delivery",
        reads: "ConsoleWebhookDelivery",
        name: Some(kind.to_owned()),
        back: Some(("Deliveries", "/webhooks/deliveries".to_owned())),
        state: Some(state(delivery)),
        id: Some(delivery.id.to_string()),
        actions: vec![Action::other(
            format!("/webhooks/signature?delivery={}", delivery.id),
            "Calculate its signature",
        )],
        main,
        side: vec![Block::Facts { title: "Facts", facts: about, actions: Vec::new() }],
        live: if may_change { live } else { Live::No },
        ..Page::default()
    }
}

fn story(delivery: &DeliveryView) -> Vec<Step> {
    let mut steps = vec![Step {
        title: "Recorded",
        tone: Tone::Info,
        at: Some(delivery.created_at),
        facts: Vec::new(),
        link: None,
    }];
    steps.extend(delivery.history.iter().map(attempt_step));
    if delivery.state == DeliveryState::Pending {
        let title = if delivery.attempts == 0 { "Waits for its first attempt" } else { "Waits for the next attempt" };
        steps.push(Step { title, tone: Tone::Waiting, at: delivery.next_attempt_at, facts: Vec::new(), link: None });
    }
    steps
}

fn attempt_step(attempt: &AttemptView) -> Step {
    let good = attempt.error.is_none();
    Step {
        title: if good { "Delivered" } else { "Attempt failed" },
        tone: if good { Tone::Done } else { Tone::Failed },
        at: Some(attempt.began_at),
        facts: attempt_facts(attempt),
        link: None,
    }
}

/// How an attempt went.
pub(crate) fn attempt_facts(attempt: &AttemptView) -> Vec<crate::view::Fact> {
    let mut about = facts([
        ("Attempt", Cell::text(attempt.number.to_string())),
        ("Answer", attempt.status_code.map_or(Cell::Absent("None"), |code| Cell::text(code.to_string()))),
        ("Took", Cell::text(format!("{} ms", attempt.duration_ms))),
    ]);
    about.extend(attempt.error.iter().flat_map(|error| facts([("Reason", Cell::text(error.clone()))])));
    let body = attempt.body.clone().filter(|body| !body.is_empty());
    about.extend(body.into_iter().flat_map(|text| facts([("Body", Cell::Fold { word: "Show", text })])));
    about
}

/// `POST /webhooks/deliveries/{id}`
pub(crate) async fn resend_one(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let delivery = load(&ctx).await?;
    let input = json!({"deliveryIds": [delivery.id], "idempotencyKey": posted.key()});
    let before = json!({"state": word_of_state(delivery.state), "attempts": delivery.attempts});
    if ctx.change(&mut posted, Mutation::ResendWebhookEvents, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/webhooks/deliveries/{}", delivery.id), "The event is on its way again."));
    }
    Ok(Answer::refused(draw(&ctx, &delivery, Live::Since(None), Some(&posted))))
}

fn word_of_state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "PENDING",
        DeliveryState::Delivered => "DELIVERED",
        DeliveryState::Quarantined => "QUARANTINED",
        DeliveryState::Exhausted => "EXHAUSTED",
    }
}

/// `GET /webhooks/resend`
pub(crate) async fn resend_page(ctx: Ctx) -> Result<Answer, Problem> {
    let selection = selection(&ctx)?;
    Ok(resend_form(&ctx, &selection, None).await?.into())
}

/// The form, with a look at what it would send.
async fn resend_form(ctx: &Ctx, selection: &DeliverySelection, posted: Option<&Posted>) -> Result<Page, Problem> {
    let shown = PageRequest { first: Some(10), ..PageRequest::default() };
    let meant = meant(selection);
    let found = ctx.admin().webhook_deliveries_page(&shown, &meant, None).await?;
    let empty = Empty {
        title: "Nothing to send again.",
        text: "No delivery meets these filters.",
        action: Some(Action::other("/webhooks/deliveries", "Show all deliveries")),
    };
    let nothing = found.nodes.is_empty();
    let more = found.page_info.has_next_page;
    let table = table(&found.nodes, empty);

    let hidden = |name, value: String| Field::new(name, "", Input::Hidden).value(value);
    let form = Form::new("", "/webhooks/resend", "Send again")
        .intro("All deliveries that meet the filters are sent again, at most 500 at once.")
        .fields([
            hidden("state", meant.states.join(",")),
            hidden("type", meant.types.join(",")),
            hidden("endpoint", meant.endpoint.map(|id| id.to_string()).unwrap_or_default()),
            hidden("subject", meant.subject.map(|id| id.to_string()).unwrap_or_default()),
        ])
        .cancel("/webhooks/deliveries")
        .calls(Mutation::ResendWebhookEvents);

    let mut main =
        vec![Block::Table { title: Some(if more { "The first ten of them" } else { "All of them" }), table }];
    if !nothing {
        main.push(Block::Form(ctx.form(form, posted)));
    }
    Ok(Page {
        place: "webhook-events",
        kind: "Send again",
        lead: Some("Look at what is meant before you send it."),
        back: Some(("Deliveries", "/webhooks/deliveries".to_owned())),
        main,
        ..Page::default()
    })
}

/// Without a state the API means what was given up. The page says the same.
fn meant(selection: &DeliverySelection) -> DeliverySelection {
    let mut meant = selection.clone();
    if meant.states.is_empty() {
        meant.states = DEAD.split(',').map(str::to_owned).collect();
    }
    meant
}

/// `POST /webhooks/resend`
pub(crate) async fn resend(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let selection = sent_selection(&posted)?;
    let input = json!({"filter": selection.filter(), "idempotencyKey": posted.key()});
    if let Some(done) = ctx.change(&mut posted, Mutation::ResendWebhookEvents, input, Value::Null).await? {
        let count = done["count"].as_u64().unwrap_or(0).to_string();
        let words = ctx.words();
        let said = if done["hasMore"].as_bool() == Some(true) {
            words.with("{} events are on their way again, and there are more: send again.", &count)
        } else {
            words.with("{} events are on their way again.", &count)
        };
        return Ok(Answer::Go { to: "/webhooks/deliveries".to_owned(), said: Some((Tone::Done, said)) });
    }
    Ok(Answer::refused(resend_form(&ctx, &selection, Some(&posted)).await?))
}

fn sent_selection(posted: &Posted) -> Result<DeliverySelection, Problem> {
    let wrong = || Problem::Invalid("Invalid result.");
    let list =
        |name: &str| posted.optional(name).into_iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
    let id = |name: &str| posted.optional(name).map(|id| Uuid::parse_str(id).map_err(|_| wrong())).transpose();
    Ok(DeliverySelection {
        states: list("state"),
        types: list("type"),
        endpoint: id("endpoint")?,
        subject: id("subject")?,
        ..DeliverySelection::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sending_again_without_a_state_means_what_was_given_up() {
        assert_eq!(meant(&DeliverySelection::default()).states, ["QUARANTINED", "EXHAUSTED"]);
        let waiting = DeliverySelection { states: vec!["PENDING".to_owned()], ..DeliverySelection::default() };
        assert_eq!(meant(&waiting).states, ["PENDING"]);
    }
}
