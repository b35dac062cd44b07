//! What payments have spent under their grants.
//!
//! The original has a log of running totals. The queries select the first and the last entry of each payment, and the
//! newest of each grant and each of its periods.

use crate::carry::Carried;
use crate::record::{Record, Value};
use crate::refusal::Refusal;
use crate::row::Row;
use crate::table::Table;

/// The start of the period of a grant without interval.
const WHOLE_LIFE: i64 = -1;

/// The query joins the tenant and the time of the grant's first payment.
pub(super) fn grant(row: &Row<'_>) -> Result<Carried, Refusal> {
    let id = row.text("id")?;
    Ok(Carried::one(Record::new(
        Table::OutgoingPaymentGrants,
        &[
            ("id", (&id).into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("created_at", row.instant("firstPaymentAt")?.into()),
        ],
    )))
}

/// The row is the first entry of a payment. The values of its last entry, if it is another, have the prefix `last`.
pub(super) fn spending(row: &Row<'_>) -> Result<Carried, Refusal> {
    let grant = row.text("grantId")?;
    let (debit, receive) = (row.amount("paymentDebitAmountValue")?, row.amount("paymentReceiveAmountValue")?);
    let states: &[&str] = &["FUNDING", "SENDING", "COMPLETED", "FAILED", "CANCELLED"];
    let has_ended = !matches!(row.word("payment", states)?, "FUNDING" | "SENDING");

    let last = row.optional_amount("lastDebit")?.zip(row.optional_amount("lastReceive")?);
    let actual = if has_ended { Some(last.unwrap_or((debit, receive))) } else { None };
    let settled_at = match actual {
        Some(_) => Some(row.optional_instant("lastAt")?.map_or_else(|| row.instant("paymentUpdatedAt"), Ok)?),
        None => None,
    };

    Ok(Carried::one(Record::new(
        Table::OutgoingPaymentGrantSpendings,
        &[
            ("outgoing_payment_id", row.uuid("outgoingPaymentId")?.into()),
            ("grant_id", (&grant).into()),
            ("period_start", row.optional_instant("intervalStart")?.into()),
            ("period_end", row.optional_instant("intervalEnd")?.into()),
            ("reserved_debit", debit.into()),
            ("reserved_receive", receive.into()),
            ("actual_debit", actual.map(|(debit, _)| debit).into()),
            ("actual_receive", actual.map(|(_, receive)| receive).into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("settled_at", settled_at.into()),
        ],
    )))
}

/// The newest entry of a grant, or of one of its periods if `ofPeriod` is set.
pub(super) fn total(row: &Row<'_>) -> Result<Carried, Refusal> {
    let grant = row.text("grantId")?;
    let of_period = row.flag("ofPeriod")?;

    let (debit, receive, start, end) = if of_period {
        let (debit, receive) = (row.amount("intervalDebitAmountValue")?, row.amount("intervalReceiveAmountValue")?);
        (debit, receive, row.instant("intervalStart")?.into(), row.instant("intervalEnd")?.into())
    } else {
        let debit = row.optional_amount("grantTotalDebitAmountValue")?.unwrap_or(0);
        let receive = row.optional_amount("grantTotalReceiveAmountValue")?.unwrap_or(0);
        (debit, receive, Value::Integer(WHOLE_LIFE), Value::Integer(WHOLE_LIFE))
    };

    let mut carried = Carried::default();
    let (debit_code, receive_code) = (row.text("debitAmountCode")?, row.text("receiveAmountCode")?);
    let sides = [
        ("DEBIT", debit_code, row.scale("debitAmountScale")?, debit),
        ("RECEIVE", receive_code, row.scale("receiveAmountScale")?, receive),
    ];

    for (side, code, scale, amount) in sides {
        carried.records.push(Record::new(
            Table::OutgoingPaymentGrantSpent,
            &[
                ("grant_id", (&grant).into()),
                ("period_start", start.clone()),
                ("period_end", end.clone()),
                ("side", side.into()),
                ("asset_code", (&code).into()),
                ("asset_scale", scale.into()),
                ("amount", amount.into()),
                ("updated_at", row.instant("createdAt")?.into()),
            ],
        ));
    }

    Ok(carried)
}
