//! Quotes, and payments in every state.
//!
//! Received and sent amounts are in the ledger, not in these rows. The queries join them.

use ledger::TransferId;
use money::Ratio;
use payments_model::{payment_events, retry};
use serde_json::{Map, Value as Json, json};
use url::Url;
use uuid::Uuid;

use crate::carry::{Carried, Change, Context};
use crate::record::Record;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::sealed;
use crate::table::Table;
use crate::work::{DueJob, Recipient};

const INITIATORS: &[&str] = &["CARD", "OPEN_PAYMENTS", "ADMIN"];

/// The query joins the details of Interledger quotes, the fee, and the state of the payment made of it.
pub(super) fn quote(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let debit = row.amount("debitAmountValue")?;
    let stored = row.optional_amount("debitAmountMinusFees")?;
    let minus_fees = match stored {
        Some(amount) => amount,
        None => without_fees(row, debit)?,
    };

    if minus_fees > debit {
        let found = minus_fees.to_string();
        return Err(row.refuse(Reason::TooLarge { column: "debitAmountMinusFees", found }));
    }

    let code = row.text("receiveAmountAssetCode")?;
    if money::Asset::new(&code, 0).is_err() {
        let wanted = "an asset code";
        return Err(row.refuse(Reason::Malformed { column: "receiveAmountAssetCode", found: code, wanted }));
    }

    let rate = decimal_ratio(row, "estimatedExchangeRate")?;
    let ilp = ilp_details(row)?;

    let written = row.instant("expiresAt")?;
    let unfinished = matches!(row.optional_text("payment")?.as_deref(), Some("FUNDING" | "SENDING"));
    let extended = unfinished && written > context.at && written < context.at + context.grace;
    let expires_at = if extended { context.at + context.grace } else { written };

    let (receiver, client) = (row.text("receiver")?, row.optional_text("client")?);
    let record = Record::new(
        Table::Quotes,
        &[
            ("id", row.uuid("id")?.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("wallet_address_id", row.uuid("walletAddressId")?.into()),
            ("asset_id", row.uuid("assetId")?.into()),
            ("receiver", (&receiver).into()),
            ("debit_amount", debit.into()),
            ("debit_amount_minus_fees", minus_fees.into()),
            ("receive_amount", row.amount("receiveAmountValue")?.into()),
            ("receive_asset_code", (&code).into()),
            ("receive_asset_scale", row.scale("receiveAmountAssetScale")?.into()),
            ("estimated_rate", (&rate).into()),
            ("ilp_max_packet_amount", ilp.as_ref().map(|ilp| ilp.max_packet_amount).into()),
            ("ilp_min_rate", ilp.as_ref().map(|ilp| ilp.min.as_str()).into()),
            ("ilp_low_rate", ilp.as_ref().map(|ilp| ilp.low.as_str()).into()),
            ("ilp_high_rate", ilp.as_ref().map(|ilp| ilp.high.as_str()).into()),
            ("fee_id", row.optional_uuid("feeId")?.into()),
            ("client", client.as_deref().into()),
            ("expires_at", expires_at.into()),
            ("created_at", row.instant("createdAt")?.into()),
        ],
    );

    let mut carried = Carried::one(record);
    if stored.is_none() {
        carried = carried.changed(Change::FeesComputed);
    }
    Ok(if extended { carried.changed(Change::QuoteExtended) } else { carried })
}

/// The debit amount of a quote without its fee, for rows that lack this value. The fee was rounded up.
fn without_fees(row: &Row<'_>, debit: u64) -> Result<u64, Refusal> {
    let Some(fixed) = row.optional_amount("fixedFee")? else { return Ok(debit) };
    let share = Ratio::new(u128::from(row.count("basisPointFee")?), 10_000).ok();
    let share = share.and_then(|share| share.checked_mul_ceil(debit));
    Ok(debit.saturating_sub(share.unwrap_or(debit)).saturating_sub(fixed))
}

struct IlpDetails {
    max_packet_amount: u64,
    min: String,
    low: String,
    high: String,
}

fn ilp_details(row: &Row<'_>) -> Result<Option<IlpDetails>, Refusal> {
    let Some(max_packet_amount) = row.optional_amount("maxPacketAmount")? else { return Ok(None) };
    let ratio = |numerator: &'static str, denominator: &'static str| {
        let of = |column| match row.optional_integer(column)? {
            None => Err(row.refuse(Reason::Missing(column))),
            Some(value) if value < 0 => Err(row.refuse(Reason::Negative { column, found: value.to_string() })),
            Some(value) => Ok(value),
        };
        let (above, below) = (of(numerator)?, of(denominator)?);
        if below == 0 {
            let wanted = "a denominator above zero";
            return Err(row.refuse(Reason::Malformed { column: denominator, found: "0".to_owned(), wanted }));
        }
        Ok(format!("{above}/{below}"))
    };
    Ok(Some(IlpDetails {
        max_packet_amount,
        min: ratio("minExchangeRateNumerator", "minExchangeRateDenominator")?,
        low: ratio("lowEstimatedExchangeRateNumerator", "lowEstimatedExchangeRateDenominator")?,
        high: ratio("highEstimatedExchangeRateNumerator", "highEstimatedExchangeRateDenominator")?,
    }))
}

/// A decimal number as a ratio over a power of ten. It is not reduced, so its digits can be read back.
fn decimal_ratio(row: &Row<'_>, column: &'static str) -> Result<String, Refusal> {
    let written = row.decimal(column)?;
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let digits: u128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| row.refuse(Reason::TooLarge { column, found: written.to_owned() }))?;
    Ok(format!("{digits}/1{}", "0".repeat(fraction.len())))
}

fn ratio(written: &str) -> Option<Ratio> {
    let (above, below) = written.split_once('/')?;
    Ratio::new(above.parse().ok()?, below.parse().ok()?).ok()
}

/// The query joins the asset's code and scale, what was received, and what events announced of it.
pub(super) fn incoming(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let id = row.uuid("id")?;
    let state = row.word("state", &["PENDING", "PROCESSING", "COMPLETED", "EXPIRED"])?;

    let written = row.optional_amount("incomingAmountValue")?;
    let expected = written.filter(|amount| *amount > 0);

    let (approved_at, cancelled_at) = (row.optional_instant("approvedAt")?, row.optional_instant("cancelledAt")?);
    if approved_at.is_some() && cancelled_at.is_some() {
        return Err(row.refuse(Reason::Both("approvedAt", "cancelledAt")));
    }

    let expires_at = row.instant("expiresAt")?;
    let (received, announced) = (row.amount("received")?, row.amount("announced")?);

    let ended = matches!(state, "COMPLETED" | "EXPIRED");
    // The original sends the event a moment after the end. Here both are one transaction.
    let unannounced =
        if ended && row.optional_instant("processAt")?.is_some() { received.saturating_sub(announced) } else { 0 };

    let (client, sender) = (row.optional_text("client")?, row.optional_text("senderWalletAddress")?);
    let reason = row.optional_text("cancellationReason")?;
    let record = Record::new(
        Table::IncomingPayments,
        &[
            ("id", id.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("wallet_address_id", row.uuid("walletAddressId")?.into()),
            ("asset_id", row.uuid("assetId")?.into()),
            ("state", state.into()),
            ("incoming_amount", expected.into()),
            ("expires_at", expires_at.into()),
            ("client", client.as_deref().into()),
            ("metadata", row.object("metadata")?.into()),
            ("initiated_by", row.word("initiatedBy", INITIATORS)?.into()),
            ("sender_wallet_address", sender.as_deref().into()),
            ("approved_at", approved_at.into()),
            ("cancelled_at", cancelled_at.into()),
            ("cancellation_reason", reason.as_deref().into()),
            ("announced_amount", (announced + unannounced).into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    );

    let mut carried = Carried::one(record);
    if written == Some(0) {
        carried = carried.changed(Change::ZeroAmountIsOpen);
    }
    if unannounced > 0 {
        carried = end_event(row, carried, id, state, expected, unannounced, context)?;
    }

    Ok(if ended { carried } else { carried.with_work(DueJob::Expire { payment: id, at: expires_at }) })
}

/// The ids of the event of an end, and of its delivery.
pub(super) fn made_ids(payment: Uuid) -> [Uuid; 2] {
    ["end told by the move", "end delivered by the move"].map(|step| TransferId::derived_once(payment, step).as_uuid())
}

/// The event of an end that was not sent yet. Its ids are derived from the payment's id.
fn end_event(
    row: &Row<'_>,
    mut carried: Carried,
    id: Uuid,
    state: &str,
    expected: Option<u64>,
    unannounced: u64,
    context: &Context,
) -> Result<Carried, Refusal> {
    let data = end_data(row, id, state, expected, unannounced)?;
    let tenant = row.uuid("tenantId")?;
    let [event, delivery] = made_ids(id);
    let kind = if state == "COMPLETED" { "incoming_payment.completed" } else { "incoming_payment.expired" };

    carried.records.push(Record::new(
        Table::WebhookEvents,
        &[
            ("id", event.into()),
            ("event_type", kind.into()),
            ("tenant_id", tenant.into()),
            ("data", (&data).into()),
            ("withdrawal_account_id", id.into()),
            ("withdrawal_asset_id", row.uuid("assetId")?.into()),
            ("withdrawal_amount", unannounced.into()),
            ("incoming_payment_id", id.into()),
            ("created_at", context.at.into()),
        ],
    ));

    carried.records.push(Record::new(
        Table::WebhookDeliveries,
        &[
            ("id", delivery.into()),
            ("event_id", event.into()),
            ("recipient", "TENANT".into()),
            ("recipient_tenant_id", tenant.into()),
            ("attempts", 0u32.into()),
            ("state", "PENDING".into()),
            ("created_at", context.at.into()),
            ("updated_at", context.at.into()),
        ],
    ));

    let work = DueJob::Deliver { delivery, at: context.at, attempts: 0, recipient: Recipient::Tenant(tenant) };
    Ok(carried.with_work(work).changed(Change::EventMade))
}

/// The data of the event of an end, as JSON.
fn end_data(row: &Row<'_>, id: Uuid, state: &str, expected: Option<u64>, unannounced: u64) -> Result<String, Refusal> {
    let wanted = "an asset code";
    let code = row.text("assetCode")?;
    let asset = money::Asset::new(&code, row.scale("assetScale")?)
        .map_err(|_| row.refuse(Reason::Malformed { column: "assetCode", found: code, wanted }))?;

    let mut data = Map::new();
    data.insert("id".to_owned(), json!(id));
    data.insert("walletAddressId".to_owned(), json!(row.uuid("walletAddressId")?));
    data.insert("client".to_owned(), json!(row.optional_text("client")?));
    data.insert("createdAt".to_owned(), json!(row.instant("createdAt")?));
    data.insert("expiresAt".to_owned(), json!(row.instant("expiresAt")?));
    data.insert("receivedAmount".to_owned(), payment_events::amount(unannounced, &asset));
    data.insert("completed".to_owned(), json!(state == "COMPLETED"));
    if let Some(expected) = expected {
        data.insert("incomingAmount".to_owned(), payment_events::amount(expected, &asset));
    }
    if let Some(metadata) = row.object("metadata")? {
        let metadata: Json = serde_json::from_str(metadata).map_err(|_| row.refuse(Reason::Unreadable))?;
        data.insert("metadata".to_owned(), metadata);
    }
    Ok(Json::Object(data).to_string())
}

/// The query joins the quote's receiver, amounts and expiry, whether it is delivered over Interledger, and the amount
/// sent according to the ledger.
pub(super) fn outgoing(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let id = row.uuid("id")?;
    let state = row.word("state", &["FUNDING", "SENDING", "COMPLETED", "FAILED", "CANCELLED"])?;
    let attempts = row.count("stateAttempts")?;
    let updated_at = row.instant("updatedAt")?;
    let sent = row.amount("sent")?;
    let delivered = if state == "SENDING" { delivered(row, sent)? } else { 0 };

    let attached = row.optional_text("dataToTransmit")?;
    let clear = match &attached {
        None => None,
        Some(text) => {
            let opened = sealed::open(text, context.secret.as_ref());
            Some(opened.map_err(|_| row.refuse(Reason::Encrypted("dataToTransmit")))?)
        }
    };

    let (error, client, grant) =
        (row.optional_text("error")?, row.optional_text("client")?, row.optional_text("grantId")?);
    let record = Record::new(
        Table::OutgoingPayments,
        &[
            ("id", id.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("wallet_address_id", row.uuid("walletAddressId")?.into()),
            ("state", state.into()),
            ("error", error.as_deref().into()),
            ("attempts", attempts.into()),
            ("client", client.as_deref().into()),
            ("grant_id", grant.as_deref().into()),
            ("metadata", row.object("metadata")?.into()),
            ("initiated_by", row.word("initiatedBy", INITIATORS)?.into()),
            ("data_to_transmit", clear.as_deref().into()),
            ("progress_debited", sent.into()),
            ("progress_delivered", delivered.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", updated_at.into()),
        ],
    );

    let mut carried = Carried::one(record);
    if clear != attached {
        carried = carried.changed(Change::Decrypted);
    }

    Ok(match state {
        "SENDING" => {
            let at = updated_at + retry::pause_after(attempts);
            carried.with_work(DueJob::Send { payment: id, at, host: host(row)? })
        }
        "FUNDING" => {
            let written = row.instant("quoteExpiresAt")?;
            let soon = written > context.at && written < context.at + context.grace;
            let at = if soon { context.at + context.grace } else { written };
            carried.with_work(DueJob::GiveUp { payment: id, at })
        }
        _ => carried,
    })
}

/// What has arrived of a payment that is under way, as far as the sender knows. This is the amount sent at the quoted
/// rate, rounded up, and at most the amount to arrive. At the next attempt the receiver reports the true amount.
fn delivered(row: &Row<'_>, sent: u64) -> Result<u64, Refusal> {
    let rate = ratio(&decimal_ratio(row, "estimatedExchangeRate")?);
    let most = row.amount("receiveAmountValue")?;
    let estimate = rate.and_then(|rate| rate.checked_mul_ceil(sent));
    Ok(estimate.unwrap_or(most).min(most))
}

/// The institution of the receiver, for payments over Interledger.
fn host(row: &Row<'_>) -> Result<Option<String>, Refusal> {
    if !row.flag("isIlp")? {
        return Ok(None);
    }
    let receiver = Url::parse(&row.text("receiver")?).ok();
    Ok(receiver.and_then(|url| url.host_str().map(str::to_owned)))
}

pub(super) fn card_details(row: &Row<'_>) -> Result<Carried, Refusal> {
    let request = row.text("requestId")?;
    let data = row.object("data")?.ok_or_else(|| row.refuse(Reason::Missing("data")))?;
    Ok(Carried::one(Record::new(
        Table::OutgoingPaymentCardDetails,
        &[
            ("outgoing_payment_id", row.uuid("outgoingPaymentId")?.into()),
            ("request_id", (&request).into()),
            ("data", data.into()),
            ("initiated_at", row.instant("initiatedAt")?.into()),
        ],
    )))
}
