//! Events and their deliveries, back.
//! Payments are in `payments`.

use std::cmp::Ordering;

use payments_model::webhook_event::EventType;
use sealed_text::Place;
use serde_json::Value as Json;

use crate::back::{Back, BackChange, Context, OldRow, OldTable, Related, json_of, opened, optional_time, time_of};
use crate::record::Value;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::sealed;

pub(super) fn event(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let kind = row.text("event_type")?;
    if kind.parse().is_ok_and(EventType::is_new) {
        return Ok(Back::default().changed(BackChange::EventLeftOut));
    }
    let id = row.uuid("id")?;
    let written = json_of(row, "data")?.ok_or_else(|| row.refuse(Reason::Missing("data")))?;
    let encrypted = data(row, &kind, &written, context)?;
    let values = [
        ("id", id.into()),
        ("type", (&kind).into()),
        ("data", Value::Json(encrypted.as_deref().unwrap_or(&written))),
        ("withdrawalAccountId", row.optional_uuid("withdrawal_account_id")?.into()),
        ("withdrawalAssetId", row.optional_uuid("withdrawal_asset_id")?.into()),
        ("withdrawalAmount", row.optional_amount("withdrawal_amount")?.into()),
        ("outgoingPaymentId", row.optional_uuid("outgoing_payment_id")?.into()),
        ("incomingPaymentId", row.optional_uuid("incoming_payment_id")?.into()),
        ("walletAddressId", row.optional_uuid("wallet_address_id")?.into()),
        ("peerId", row.optional_uuid("peer_id")?.into()),
        ("assetId", row.optional_uuid("asset_id")?.into()),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "created_at")?),
    ];
    let back = Back::one(OldRow::new(row, OldTable::WebhookEvents, &values)?);
    Ok(if encrypted.is_some() { back.changed(BackChange::Sealed) } else { back })
}

/// The data with the sender's part encrypted, if the original encrypts it.
fn data(row: &Row<'_>, kind: &str, written: &str, context: &Context) -> Result<Option<String>, Refusal> {
    if kind != EventType::IncomingPaymentPartialPaymentReceived.as_str() {
        return Ok(None);
    }
    let mut data: Json = serde_json::from_str(written).map_err(|_| row.refuse(Reason::Unreadable))?;
    let Some(Json::String(attached)) = data.get("dataFromSender").cloned() else { return Ok(None) };
    let id = row.uuid("id")?;
    let clear = opened(row, &attached, ("dataFromSender", Place::DataFromSender(id)), context)?;
    data["dataFromSender"] = Json::String(match &context.secret {
        Some(secret) => sealed::seal(&clear, id, secret),
        None if clear == attached => return Ok(None),
        None => clear,
    });
    Ok(Some(data.to_string()))
}

/// The time at which a delivery is due, and the tenant of its event, are in other tables.
pub(super) fn delivery(row: &Row<'_>, related: &Related, context: &Context) -> Result<Back, Refusal> {
    if related.unknown_event {
        return Ok(Back::default().changed(BackChange::EventLeftOut));
    }
    if row.optional_uuid("endpoint_id")?.is_some() {
        return Ok(Back::default().changed(BackChange::EndpointLeftOut));
    }
    let (state, recipient) = (row.text("state")?, row.text("recipient")?);
    let metadata = match recipient.as_str() {
        "CARD_SERVICE" => Some(r#"{"sendToCardService":true}"#),
        "POINT_OF_SALE_SERVICE" => Some(r#"{"sendToPosService":true}"#),
        _ => None,
    };
    let tenant = row.optional_uuid("recipient_tenant_id")?.or(related.event_tenant);
    let tenant = tenant.ok_or_else(|| row.refuse(Reason::Missing("recipient_tenant_id")))?;
    let (attempts, updated_at) = (row.count("attempts")?, row.millis("updated_at")?);
    let most = context.retries.get(&tenant).copied().unwrap_or(context.default_retries);
    let (process_at, counted) = match state.as_str() {
        "DELIVERED" => (None, attempts),
        // The original makes no more attempts if this number is reached.
        "PENDING" | "QUARANTINED" => {
            let due_at = row.optional_millis("due_at")?.or(related.due_at).unwrap_or(updated_at);
            (Some(due_at), attempts.min(most.saturating_sub(1)))
        }
        // The original recognises these only by the number of attempts and a time in the past.
        "EXHAUSTED" => (Some(updated_at), attempts.max(most)),
        _ => {
            let known = "PENDING, DELIVERED, QUARANTINED, EXHAUSTED";
            return Err(row.refuse(Reason::UnknownWord { column: "state", found: state, known }));
        }
    };
    let values = [
        ("id", row.uuid("id")?.into()),
        ("eventId", row.uuid("event_id")?.into()),
        ("recipientTenantId", tenant.into()),
        ("attempts", counted.into()),
        ("statusCode", row.optional_amount("status_code")?.into()),
        ("processAt", optional_time(process_at)),
        ("metadata", metadata.map_or(Value::Null, Value::Json)),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    let back = Back::one(OldRow::new(row, OldTable::Webhooks, &values)?);
    Ok(match counted.cmp(&attempts) {
        Ordering::Equal => back,
        Ordering::Greater => back.changed(BackChange::AttemptsRaised),
        Ordering::Less => back.changed(BackChange::AttemptsLowered),
    })
}
