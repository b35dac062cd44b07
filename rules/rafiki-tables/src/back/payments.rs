//! Quotes, and payments in every state, back.
//! What they have spent is in `spending`.

use clock::Timestamp;
use sealed_text::Place;

use crate::back::{
    Back, BackChange, Context, OldRow, OldTable, TEXT_MAX, Unfinished, derived_once, json, json_of, opened,
    optional_time, optional_time_of, time, time_of,
};
use crate::record::Value;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::sealed;

/// Digits after the point of the original's estimated rates, and the first number that has too many before it.
const RATE_DIGITS: usize = 10;
const RATE_END: u128 = 10_000_000_000;

pub(super) fn quote(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let id = row.uuid("id")?;
    let written = row.millis("expires_at")?;
    let expires_at = good_until(context.unfinished.get(&id).copied(), written, context);
    let (receiver, code, client) =
        (row.text("receiver")?, row.text("receive_asset_code")?, row.optional_text("client")?);
    let (rate, rounded) = decimal_rounded_down(row, "estimated_rate")?;
    let created_at = row.millis("created_at")?;
    let values = [
        ("id", id.into()),
        ("receiver", (&receiver).into()),
        ("debitAmountValue", row.amount("debit_amount")?.into()),
        ("receiveAmountValue", row.amount("receive_amount")?.into()),
        ("receiveAmountAssetCode", (&code).into()),
        ("receiveAmountAssetScale", row.scale("receive_asset_scale")?.into()),
        ("expiresAt", time(expires_at)),
        ("walletAddressId", row.uuid("wallet_address_id")?.into()),
        ("assetId", row.uuid("asset_id")?.into()),
        ("client", client.as_deref().into()),
        ("feeId", row.optional_uuid("fee_id")?.into()),
        ("estimatedExchangeRate", Value::Json(&rate)),
        ("debitAmountMinusFees", row.amount("debit_amount_minus_fees")?.into()),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("createdAt", time(created_at)),
        ("updatedAt", time(created_at)),
    ];
    let mut back = Back::one(OldRow::new(row, OldTable::Quotes, &values)?);
    back.rows.extend(ilp_details(row, created_at)?);
    if expires_at != written {
        back = back.changed(BackChange::QuoteExtended);
    }
    Ok(if rounded { back.changed(BackChange::RateRoundedDown) } else { back })
}

/// The original looks at a quote's expiry at each attempt, ours only at the first. So the quote of a payment under way
/// stays good in any case, and that of a payment without money if it still is.
fn good_until(payment: Option<Unfinished>, written: Timestamp, context: &Context) -> Timestamp {
    let least = context.at + context.grace;
    match payment {
        Some(Unfinished::Sending) => written.max(least),
        Some(Unfinished::Funding) if written > context.at => written.max(least),
        _ => written,
    }
}

fn ilp_details(row: &Row<'_>, created_at: Timestamp) -> Result<Option<OldRow>, Refusal> {
    let Some(most) = row.optional_amount("ilp_max_packet_amount")? else { return Ok(None) };
    let id = row.uuid("id")?;
    let (min, low, high) = (ratio(row, "ilp_min_rate")?, ratio(row, "ilp_low_rate")?, ratio(row, "ilp_high_rate")?);
    let numbers: Vec<String> = [min, low, high].iter().flat_map(|(n, d)| [n.to_string(), d.to_string()]).collect();
    let values = [
        ("id", derived_once(id, "details of Interledger").into()),
        ("quoteId", id.into()),
        ("maxPacketAmount", most.into()),
        ("minExchangeRateNumerator", Value::Json(&numbers[0])),
        ("minExchangeRateDenominator", Value::Json(&numbers[1])),
        ("lowEstimatedExchangeRateNumerator", Value::Json(&numbers[2])),
        ("lowEstimatedExchangeRateDenominator", Value::Json(&numbers[3])),
        ("highEstimatedExchangeRateNumerator", Value::Json(&numbers[4])),
        ("highEstimatedExchangeRateDenominator", Value::Json(&numbers[5])),
        ("createdAt", time(created_at)),
        ("updatedAt", time(created_at)),
    ];
    OldRow::new(row, OldTable::IlpQuoteDetails, &values).map(Some)
}

fn ratio(row: &Row<'_>, column: &'static str) -> Result<(u128, u128), Refusal> {
    let written = row.text(column)?;
    let read = written.split_once('/').and_then(|(above, below)| Some((above.parse().ok()?, below.parse().ok()?)));
    match read {
        Some((above, below)) if below != 0 => Ok((above, below)),
        _ => Err(row.refuse(Reason::Malformed { column, found: written, wanted: "a ratio" })),
    }
}

/// A ratio as a decimal number, and whether it was rounded down for that.
fn decimal_rounded_down(row: &Row<'_>, column: &'static str) -> Result<(String, bool), Refusal> {
    let (above, below) = ratio(row, column)?;
    let too_large = || row.refuse(Reason::TooLargeForOriginal { column, found: format!("{above}/{below}") });
    let (whole, mut rest) = (above / below, above % below);
    if whole >= RATE_END {
        return Err(too_large());
    }
    let mut written = format!("{whole}.");
    for _ in 0..RATE_DIGITS {
        let tenfold = rest.checked_mul(10).ok_or_else(too_large)?;
        written.push(char::from(b'0' + u8::try_from(tenfold / below).map_err(|_| too_large())?));
        rest = tenfold % below;
    }
    Ok((written, rest != 0))
}

/// What is known of a grant at payments is in its spent amounts.
pub(super) fn grant(row: &Row<'_>) -> Result<Back, Refusal> {
    let id = row.text("id")?;
    OldRow::new(row, OldTable::PaymentGrants, &[("id", (&id).into()), ("interval", Value::Null)]).map(Back::one)
}

pub(super) fn incoming(row: &Row<'_>) -> Result<Back, Refusal> {
    let (state, initiated_by) = (row.text("state")?, row.text("initiated_by")?);
    let expires_at = row.millis("expires_at")?;
    let (client, sender, reason) = (
        row.optional_text("client")?,
        row.optional_text("sender_wallet_address")?,
        row.optional_text("cancellation_reason")?,
    );
    let metadata = json_of(row, "metadata")?;
    // The events of ended payments are made together with their end.
    let process_at = matches!(state.as_str(), "PENDING" | "PROCESSING").then_some(expires_at);
    let values = [
        ("id", row.uuid("id")?.into()),
        ("walletAddressId", row.uuid("wallet_address_id")?.into()),
        ("expiresAt", time(expires_at)),
        ("incomingAmountValue", row.optional_amount("incoming_amount")?.into()),
        ("state", (&state).into()),
        ("client", client.as_deref().into()),
        ("assetId", row.uuid("asset_id")?.into()),
        ("processAt", optional_time(process_at)),
        ("metadata", json(metadata.as_ref())),
        ("approvedAt", optional_time_of(row, "approved_at")?),
        ("cancelledAt", optional_time_of(row, "cancelled_at")?),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("initiatedBy", (&initiated_by).into()),
        ("senderWalletAddress", sender.as_deref().into()),
        ("cancellationReason", reason.as_deref().into()),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    OldRow::new(row, OldTable::IncomingPayments, &values).map(Back::one)
}

pub(super) fn outgoing(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let id = row.uuid("id")?;
    let (state, initiated_by) = (row.text("state")?, row.text("initiated_by")?);
    let (client, grant) = (row.optional_text("client")?, row.optional_text("grant_id")?);
    let (error, cut) = match row.optional_text("error")? {
        Some(error) if error.chars().count() > TEXT_MAX => (Some(error.chars().take(TEXT_MAX).collect()), true),
        other => (other, false),
    };
    let place = ("data_to_transmit", Place::DataToTransmit(id));
    let attached = row.optional_text("data_to_transmit")?;
    let attached = attached.map(|text| opened(row, &text, place, context)).transpose()?;
    let (attached, encrypted) = match (attached, &context.secret) {
        (Some(text), Some(secret)) => (Some(sealed::seal(&text, id, secret)), true),
        (other, _) => (other, false),
    };
    let metadata = json_of(row, "metadata")?;
    let values = [
        ("id", id.into()),
        ("state", (&state).into()),
        ("error", error.as_deref().into()),
        ("stateAttempts", row.count("attempts")?.into()),
        ("client", client.as_deref().into()),
        ("grantId", grant.as_deref().into()),
        ("walletAddressId", row.uuid("wallet_address_id")?.into()),
        ("metadata", json(metadata.as_ref())),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("initiatedBy", (&initiated_by).into()),
        ("dataToTransmit", attached.as_deref().into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    let mut back = Back::one(OldRow::new(row, OldTable::OutgoingPayments, &values)?);
    if cut {
        back = back.changed(BackChange::ErrorCut);
    }
    Ok(if encrypted { back.changed(BackChange::Sealed) } else { back })
}

pub(super) fn card_details(row: &Row<'_>) -> Result<Back, Refusal> {
    let (payment, request) = (row.uuid("outgoing_payment_id")?, row.text("request_id")?);
    let data = json_of(row, "data")?;
    let values = [
        ("id", derived_once(payment, "card details").into()),
        ("outgoingPaymentId", payment.into()),
        ("requestId", (&request).into()),
        ("data", json(data.as_ref())),
        ("initiatedAt", time_of(row, "initiated_at")?),
        ("createdAt", time_of(row, "initiated_at")?),
        ("updatedAt", time_of(row, "initiated_at")?),
    ];
    OldRow::new(row, OldTable::CardDetails, &values).map(Back::one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimated_rate_has_ten_digits_after_the_point_and_is_rounded_down() {
        let decimal = |rate: &str| {
            let json = format!(r#"{{"id":"a","estimated_rate":"{rate}"}}"#);
            decimal_rounded_down(&Row::read("quotes", &json).unwrap(), "estimated_rate")
                .map_err(|refusal| refusal.reason)
        };
        assert_eq!(decimal("9500000000/10000000000"), Ok(("0.9500000000".to_owned(), false)));
        assert_eq!(decimal("2/3"), Ok(("0.6666666666".to_owned(), true)));
        assert_eq!(decimal("188/10"), Ok(("18.8000000000".to_owned(), false)));
        assert!(matches!(decimal("10000000000/1"), Err(Reason::TooLargeForOriginal { .. })));
        assert!(matches!(decimal("1/0"), Err(Reason::Malformed { .. })));
    }
}
