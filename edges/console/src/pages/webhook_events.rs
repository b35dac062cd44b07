//! Webhook events: list with a filter by type, and one event with its content and its deliveries.
//!
//! A delivery with its attempts is in `deliveries`.

use admin_client::{PageRequest, WebhookEventView};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::event_kinds::{KINDS, about, kinds};
use crate::pages::tenant_filter::with_tenant;
use crate::pages::{deliveries, live};
use crate::view::{Action, Block, Cell, Empty, Field, Input, Page, Sieve, Table, facts};

/// `GET /webhook-events`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let kinds = kinds(&ctx)?;
    let live = live::begin(&ctx).await;
    let found = ctx.admin().webhook_events_page(&ctx.page_request()?, &kinds, ctx.of_tenant()?).await?;

    let any = std::iter::once((String::new(), "Any".to_owned()));
    let all = any.chain(KINDS.map(|kind| (kind.to_owned(), kind.to_owned()))).collect();
    let asked = ctx.asked("type").unwrap_or_default().to_owned();
    let chosen = kinds.iter().map(|kind| {
        let others: Vec<&str> = kinds.iter().map(String::as_str).filter(|other| other != kind).collect();
        ("Type", kind.clone(), ctx.here_with(&[("type", &others.join(","))], &["after", "before"]))
    });
    let sieve = Sieve {
        chosen: chosen.collect(),
        fields: vec![Field::new("type", "Type", Input::Choice(all)).value(asked)],
        kept: Vec::new(),
    };

    let empty = Empty {
        title: "No webhook events found.",
        text: "Events about payments and liquidity are sent to the account-servicing entity and listed here.",
        action: None,
    };

    let rows = found.nodes.iter().map(|event| {
        vec![
            Cell::link(format!("/webhook-events/data?id={}", event.id), event.kind.clone()),
            about(event),
            Cell::Time(event.created_at),
            Cell::tenant(event.tenant.as_ref()),
            Cell::text(event.id.to_string()),
        ]
    });
    let table = Table::new("Webhook events", ["Type", "About", "Date", "Tenant", "ID"], empty)
        .rows(rows)
        .paged(ctx.paging(&found.page_info));

    Ok(Page {
        place: "webhook-events",
        kind: "Webhook events",
        reads: "ConsoleWebhookEvents",
        lead: Some("Events for the account-servicing entity, newest first."),
        actions: vec![Action::other(ctx.export_address("webhook-events"), "Export CSV")],
        tabs: deliveries::tabs(&ctx, "/webhook-events"),
        main: vec![Block::Sieve(with_tenant(&ctx, sieve)), Block::Table { title: None, table }],
        live,
        ..Page::default()
    }
    .into())
}

/// An event by its id, out of the latest five hundred.
pub(crate) async fn find(ctx: &Ctx, id: Uuid) -> Result<Option<WebhookEventView>, Problem> {
    let admin = ctx.admin();
    let mut page = PageRequest { first: Some(100), ..PageRequest::default() };
    for _ in 0..5 {
        let found = admin.webhook_events_page(&page, &[], None).await?;
        if let Some(event) = found.nodes.into_iter().find(|event| event.id == id) {
            return Ok(Some(event));
        }
        if !found.page_info.has_next_page {
            return Ok(None);
        }
        page.after = found.page_info.end_cursor;
    }
    Ok(None)
}

/// `GET /webhook-events/data?id=…`
pub(crate) async fn data(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.asked("id").and_then(|id| Uuid::parse_str(id).ok()).ok_or(Problem::Invalid("Invalid event ID."))?;
    let event = find(&ctx, id).await?.ok_or(Problem::NotFound("The event is not among the latest five hundred."))?;
    let subject = event.data["id"].as_str().filter(|id| Uuid::parse_str(id).is_ok());
    let deliveries_of = subject
        .map(|id| Action::other(format!("/webhooks/deliveries?subject={id}"), "Deliveries about the same"))
        .into_iter()
        .collect();
    let facts = facts([
        ("About", about(&event)),
        ("Date", Cell::Time(event.created_at)),
        ("Tenant", Cell::tenant(event.tenant.as_ref())),
    ]);
    Ok(Page {
        place: "webhook-events",
        kind: "Webhook event",
        name: Some(event.kind),
        back: Some(("Webhook events", "/webhook-events".to_owned())),
        id: Some(event.id.to_string()),
        actions: deliveries_of,
        main: vec![
            Block::Facts { title: "Facts", facts, actions: Vec::new() },
            Block::Plain { title: "Data", text: serde_json::to_string_pretty(&event.data).unwrap_or_default() },
        ],
        ..Page::default()
    }
    .into())
}
