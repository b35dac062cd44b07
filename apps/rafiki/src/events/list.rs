//! `rafiki events list` and `show`: the deliveries that an institution has recorded, as tables or as JSON.
//! It changes nothing.

use admin_client::{AttemptView, DeliverySelection, DeliveryView, PageRequest};
use serde_json::{Value, json};

use super::options::{ListOptions, ShowOptions};
use crate::asked::Asked;
use crate::failure::Failure;
use crate::output::{Table, say};

/// The most deliveries of one event that are shown.
const OF_ONE_EVENT: u32 = 100;

pub(crate) async fn list(options: &ListOptions) -> Result<(), Failure> {
    let asked = options.asked.find()?;
    let page = PageRequest {
        first: Some(options.limit),
        after: options.after.clone(),
        sort_order: Some(if options.oldest_first { "ASC" } else { "DESC" }.to_owned()),
        ..PageRequest::default()
    };
    let selection = options.selection.of_api();
    let found = asked.institution.admin.webhook_deliveries_page(&page, &selection, options.selection.of_tenant).await;
    let found = found.map_err(|error| asked.refused(error))?;
    let next = found.page_info.end_cursor.filter(|_| found.page_info.has_next_page);

    if options.json {
        let deliveries: Vec<Value> = found.nodes.iter().map(document).collect();
        say(&format!("{}\n", json!({"deliveries": deliveries, "next": next})));
        return Ok(());
    }
    if found.nodes.is_empty() {
        say("No such events.\n");
        return Ok(());
    }
    let mut table = Table::new().align_right(&[3]);
    table.row(["recorded", "type", "state", "attempts", "status", "event"]);
    for delivery in &found.nodes {
        table.row(row(delivery));
    }
    say(&table.render());
    if let Some(cursor) = next {
        say(&format!("More: repeat the command with --after {cursor}\n"));
    }
    Ok(())
}

pub(crate) async fn show(options: &ShowOptions) -> Result<(), Failure> {
    let asked = options.asked.find()?;
    let deliveries = deliveries_of(&asked, options.id).await?;
    let Some(first) = deliveries.first() else {
        let told = format!("{} has no event and no delivery {}", asked.institution.name, options.id);
        return Err(Failure::NotFound(told));
    };

    if options.json {
        let event = first.event.as_ref().map(|event| json!({"id": event.id, "type": event.kind, "data": event.data}));
        let deliveries: Vec<Value> = deliveries.iter().map(document).collect();
        say(&format!("{}\n", json!({"event": event, "deliveries": deliveries})));
        return Ok(());
    }
    if let Some(event) = &first.event {
        let data = serde_json::to_string_pretty(&event.data).unwrap_or_default();
        say(&format!("{} {}, recorded {}\n{data}\n", event.kind, event.id, event.created_at));
    }
    for delivery in &deliveries {
        say(&format!("\n{}", of_delivery(delivery)));
    }
    let again = options.asked.again();
    say(&format!("\nSend it again with: rafiki events resend {}{again}\n", options.id));
    Ok(())
}

/// The delivery with this id, or every delivery of the event with this id, with their attempts.
pub(crate) async fn deliveries_of(asked: &Asked, id: uuid::Uuid) -> Result<Vec<DeliveryView>, Failure> {
    let admin = &asked.institution.admin;
    if let Some(one) = admin.webhook_delivery_view(id).await.map_err(|error| asked.refused(error))? {
        return Ok(vec![one]);
    }
    let page = PageRequest { first: Some(OF_ONE_EVENT), ..PageRequest::default() };
    let of_event = DeliverySelection { events: vec![id], ..DeliverySelection::default() };
    let listed = admin.webhook_deliveries_page(&page, &of_event, None).await.map_err(|error| asked.refused(error))?;
    let mut found = Vec::with_capacity(listed.nodes.len());
    for delivery in listed.nodes {
        let whole = admin.webhook_delivery_view(delivery.id).await.map_err(|error| asked.refused(error))?;
        found.push(whole.unwrap_or(delivery));
    }
    Ok(found)
}

fn kind(delivery: &DeliveryView) -> String {
    delivery.event.as_ref().map_or_else(|| "(purged)".to_owned(), |event| event.kind.clone())
}

fn state(delivery: &DeliveryView) -> String {
    format!("{:?}", delivery.state).to_lowercase()
}

fn row(delivery: &DeliveryView) -> [String; 6] {
    [
        delivery.created_at.to_string(),
        kind(delivery),
        state(delivery),
        delivery.attempts.to_string(),
        delivery.status_code.map(|status| status.to_string()).unwrap_or_default(),
        delivery.event_id.to_string(),
    ]
}

fn of_delivery(delivery: &DeliveryView) -> String {
    let place = match (delivery.endpoint_id, delivery.tenant_id) {
        (Some(endpoint), Some(tenant)) if endpoint == tenant => "to the default endpoint".to_owned(),
        (Some(endpoint), _) => format!("to endpoint {endpoint}"),
        _ => format!("to the {}", delivery.recipient.to_lowercase().replace('_', " ")),
    };
    let mut text = format!("delivery {} {place}: {}", delivery.id, state(delivery));
    if let Some(reason) = &delivery.reason {
        text.extend([", ", reason]);
    }
    if let Some(at) = delivery.next_attempt_at {
        text.extend([", the next attempt is due at ", &at.to_string()]);
    }
    text.push('\n');
    let mut table = Table::new();
    for attempt in &delivery.history {
        table.row([
            attempt.number.to_string(),
            attempt.began_at.to_string(),
            format!("{} ms", attempt.duration_ms),
            attempt.status_code.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            attempt.error.clone().unwrap_or_default(),
        ]);
    }
    text.push_str(&table.render_indented());
    text
}

/// A delivery for programs.
pub(crate) fn document(delivery: &DeliveryView) -> Value {
    let attempts: Vec<Value> = delivery.history.iter().map(attempt).collect();
    json!({
        "id": delivery.id,
        "eventId": delivery.event_id,
        "type": delivery.event.as_ref().map(|event| &event.kind),
        "recipient": delivery.recipient,
        "tenantId": delivery.tenant_id,
        "endpointId": delivery.endpoint_id,
        "state": format!("{:?}", delivery.state).to_uppercase(),
        "attempts": delivery.attempts,
        "statusCode": delivery.status_code,
        "reason": delivery.reason,
        "nextAttemptAt": delivery.next_attempt_at,
        "createdAt": delivery.created_at,
        "history": attempts,
    })
}

fn attempt(attempt: &AttemptView) -> Value {
    json!({
        "number": attempt.number,
        "beganAt": attempt.began_at,
        "durationMs": attempt.duration_ms,
        "statusCode": attempt.status_code,
        "body": attempt.body,
        "error": attempt.error,
    })
}
