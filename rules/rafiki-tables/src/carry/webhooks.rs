//! Rows of events and their deliveries.
//! Later attempts to deliver them are jobs; see `work`.

use payments_model::webhook_event::EventType;
use serde_json::Value as Json;

use crate::carry::{Carried, Change, Context};
use crate::record::Record;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::sealed;
use crate::table::Table;
use crate::work::{DueJob, Recipient};

pub(super) fn event(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let kind = row.text("type")?;
    let known: EventType = kind.parse().map_err(|_| {
        row.refuse(Reason::UnknownWord { column: "type", found: kind.clone(), known: "the events of Rafiki 2.4" })
    })?;

    let written = row.object("data")?.ok_or_else(|| row.refuse(Reason::Missing("data")))?;
    let opened = data(row, known, written, context)?;

    let (account, asset, amount) = (
        row.optional_uuid("withdrawalAccountId")?,
        row.optional_uuid("withdrawalAssetId")?,
        row.optional_amount("withdrawalAmount")?,
    );
    if account.is_some() != asset.is_some() || account.is_some() != amount.is_some() {
        let columns = "withdrawalAccountId, withdrawalAssetId, withdrawalAmount";
        return Err(row.refuse(Reason::Incomplete(columns)));
    }

    if amount == Some(0) {
        return Err(row.refuse(Reason::Malformed {
            column: "withdrawalAmount",
            found: "0".to_owned(),
            wanted: "an amount above zero",
        }));
    }

    let subjects = [
        ("incoming_payment_id", row.optional_uuid("incomingPaymentId")?),
        ("outgoing_payment_id", row.optional_uuid("outgoingPaymentId")?),
        ("wallet_address_id", row.optional_uuid("walletAddressId")?),
        ("peer_id", row.optional_uuid("peerId")?),
        ("asset_id", row.optional_uuid("assetId")?),
    ];

    let about = subjects.iter().filter(|(_, id)| id.is_some()).count();
    if about != usize::from(known != EventType::WalletAddressNotFound) {
        return Err(row.refuse(Reason::Incomplete("exactly one subject")));
    }

    let mut values = vec![
        ("id", row.uuid("id")?.into()),
        ("event_type", known.as_str().into()),
        ("tenant_id", row.uuid("tenantId")?.into()),
        ("data", opened.as_deref().unwrap_or(written).into()),
        ("withdrawal_account_id", account.into()),
        ("withdrawal_asset_id", asset.into()),
        ("withdrawal_amount", amount.into()),
        ("created_at", row.instant("createdAt")?.into()),
    ];
    values.extend(subjects.map(|(column, id)| (column, id.into())));

    let carried = Carried::one(Record::new(Table::WebhookEvents, &values));
    Ok(if opened.is_some() { carried.changed(Change::Decrypted) } else { carried })
}

/// The data. If the sender's part was encrypted, it is decrypted.
fn data(row: &Row<'_>, kind: EventType, written: &str, context: &Context) -> Result<Option<String>, Refusal> {
    if kind != EventType::IncomingPaymentPartialPaymentReceived {
        return Ok(None);
    }
    let mut data: Json = serde_json::from_str(written)
        .map_err(|_| row.refuse(Reason::Malformed { column: "data", found: String::new(), wanted: "a JSON object" }))?;
    let Some(Json::String(attached)) = data.get("dataFromSender").cloned() else { return Ok(None) };
    let clear = sealed::open(&attached, context.secret.as_ref());
    let clear = clear.map_err(|_| row.refuse(Reason::Encrypted("data")))?;
    if clear == attached {
        return Ok(None);
    }
    data["dataFromSender"] = Json::String(clear);
    Ok(Some(data.to_string()))
}

pub(super) fn delivery(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let (id, tenant) = (row.uuid("id")?, row.uuid("recipientTenantId")?);
    let recipient = recipient(row, tenant)?;

    let attempts = row.count("attempts")?;
    let process_at = row.optional_instant("processAt")?;
    let most = context.retries.get(&tenant).copied().unwrap_or(context.default_retries);
    let state = match process_at {
        None => "DELIVERED",
        Some(_) if attempts >= most => "EXHAUSTED",
        Some(_) => "PENDING",
    };

    let (word, tenant) = match recipient {
        Recipient::Tenant(tenant) => ("TENANT", Some(tenant)),
        Recipient::CardService => ("CARD_SERVICE", None),
        Recipient::PointOfSaleService => ("POINT_OF_SALE_SERVICE", None),
    };

    let record = Record::new(
        Table::WebhookDeliveries,
        &[
            ("id", id.into()),
            ("event_id", row.uuid("eventId")?.into()),
            ("recipient", word.into()),
            ("recipient_tenant_id", tenant.into()),
            ("attempts", attempts.into()),
            ("status_code", row.optional_amount("statusCode")?.into()),
            ("state", state.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
        ],
    );

    let carried = Carried::one(record);
    Ok(match (state, process_at) {
        ("PENDING", Some(at)) => carried.with_work(DueJob::Deliver { delivery: id, at, attempts, recipient }),
        ("EXHAUSTED", _) => carried.changed(Change::DeliveryExhausted),
        _ => carried,
    })
}

fn recipient(row: &Row<'_>, tenant: uuid::Uuid) -> Result<Recipient, Refusal> {
    let Some(metadata) = row.object("metadata")? else { return Ok(Recipient::Tenant(tenant)) };
    let unknown = || {
        row.refuse(Reason::UnknownWord {
            column: "metadata",
            found: metadata.chars().take(80).collect(),
            known: "sendToCardService, sendToPosService",
        })
    };
    let read: Json = serde_json::from_str(metadata).map_err(|_| unknown())?;
    let wanted = |name: &str| read.get(name) == Some(&Json::Bool(true));
    if wanted("sendToCardService") {
        Ok(Recipient::CardService)
    } else if wanted("sendToPosService") {
        Ok(Recipient::PointOfSaleService)
    } else if read.as_object().is_some_and(serde_json::Map::is_empty) {
        Ok(Recipient::Tenant(tenant))
    } else {
        Err(unknown())
    }
}
