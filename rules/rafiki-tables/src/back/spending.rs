//! What payments have spent under a grant, as the log of running totals that the original keeps.
//!
//! The newest entry of a grant, and of each of its periods, shows the totals that are stored here. Earlier entries show
//! earlier totals, which are computed from the payments.

use std::collections::BTreeMap;

use clock::Timestamp;
use uuid::Uuid;

use crate::back::{OldRow, OldTable, derived};
use crate::record::{Value, object};

/// The number of the entry of a payment's creation, and of the entry of its end.
const AT_CREATION: u64 = 0;
const AT_END: u64 = 1;

/// An amount of an asset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetName {
    /// The code.
    pub code: String,
    /// The scale.
    pub scale: u8,
}

/// The amounts of a payment that count towards its grant: from the payer, and for the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// From the payer.
    pub debit: u64,
    /// For the receiver.
    pub receive: u64,
}

/// A payment under a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// The payment.
    pub payment: Uuid,
    /// Its state.
    pub state: String,
    /// Begin and end of its period.
    pub period: Option<(Timestamp, Timestamp)>,
    /// The reserved amounts.
    pub reserved: Amounts,
    /// The spent amounts, and the time at which they were known.
    pub actual: Option<(Amounts, Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The payer's asset.
    pub debit_asset: AssetName,
    /// The receiver's asset.
    pub receive_asset: AssetName,
}

/// Which side of a payment is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpentSide {
    /// From the payer.
    Debit,
    /// For the receiver.
    Receive,
}

/// A period of a grant, by its begin in milliseconds; −1 is its whole life.
pub type Period = i64;

/// The period that is the whole life.
pub const WHOLE_LIFE: Period = -1;

/// Totals of a grant that are stored.
pub type Totals = BTreeMap<(Period, SpentSide, AssetName), u64>;

/// The log of a grant, oldest entry first, and the stored totals that no newest entry shows, by period and side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpentLog {
    /// The entries.
    pub rows: Vec<OldRow>,
    /// What the log does not show, because it is in another asset than that of the newest entry.
    pub left_out: BTreeMap<(Period, SpentSide), u64>,
}

struct LogEntry<'a> {
    spending: &'a Spending,
    micros: i64,
    id: Uuid,
    state: &'a str,
    amounts: Amounts,
    /// The change of the totals.
    change: (i128, i128),
}

/// Writes the log of a grant from the totals backwards.
pub fn log(grant: &str, spendings: &[Spending], mut totals: Totals) -> SpentLog {
    let mut entries: Vec<LogEntry<'_>> = spendings.iter().flat_map(entries_of).collect();
    // The original takes the newest by time and id.
    entries.sort_by_key(|entry| (entry.micros, entry.id));
    let mut shown: BTreeMap<(Period, SpentSide), AssetName> = BTreeMap::new();
    let mut rows = Vec::with_capacity(entries.len());
    let stored = totals.clone();
    for entry in entries.iter().rev() {
        let of = entry.spending;
        let mut take = |period: Period, side: SpentSide| {
            let (asset, change) = match side {
                SpentSide::Debit => (&of.debit_asset, entry.change.0),
                SpentSide::Receive => (&of.receive_asset, entry.change.1),
            };
            shown.entry((period, side)).or_insert_with(|| asset.clone());
            let total = totals.entry((period, side, asset.clone())).or_default();
            let now = *total;
            *total = u64::try_from((i128::from(now) - change).max(0)).unwrap_or(now);
            Value::from(now)
        };
        let life = (take(WHOLE_LIFE, SpentSide::Debit), take(WHOLE_LIFE, SpentSide::Receive));
        let in_period = of
            .period
            .map(|(begin, _)| (take(begin.as_millis(), SpentSide::Debit), take(begin.as_millis(), SpentSide::Receive)));
        rows.push(entry.row(grant, life, in_period));
    }
    rows.reverse();
    let mut left_out = BTreeMap::new();
    for ((period, side, asset), amount) in stored {
        if amount > 0 && shown.get(&(period, side)) != Some(&asset) {
            *left_out.entry((period, side)).or_default() += amount;
        }
    }
    SpentLog { rows, left_out }
}

/// One entry when the payment was made, and another if it spent another amount in the end.
fn entries_of(spending: &Spending) -> Vec<LogEntry<'_>> {
    let Amounts { debit, receive } = spending.reserved;
    let begun = spending.created_at.as_millis().saturating_mul(1000);
    let mut entries = vec![LogEntry {
        spending,
        micros: begun,
        id: derived(spending.payment, "spending", AT_CREATION),
        state: "FUNDING",
        amounts: spending.reserved,
        change: (debit.into(), receive.into()),
    }];
    if let Some((actual, at)) = spending.actual.filter(|(actual, _)| *actual != spending.reserved) {
        entries.push(LogEntry {
            spending,
            micros: at.as_millis().saturating_mul(1000).max(begun + 1),
            id: derived(spending.payment, "spending", AT_END),
            state: &spending.state,
            amounts: actual,
            change: (i128::from(actual.debit) - i128::from(debit), i128::from(actual.receive) - i128::from(receive)),
        });
    }
    entries
}

type Pair = (Value<'static>, Value<'static>);

impl LogEntry<'_> {
    fn row(&self, grant: &str, (debit, receive): Pair, in_period: Option<Pair>) -> OldRow {
        let of = self.spending;
        let (period_debit, period_receive) = in_period.unwrap_or((Value::Null, Value::Null));
        let time =
            |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::Time(at.as_millis().saturating_mul(1000)));
        let values = [
            ("id", self.id.into()),
            ("grantId", grant.into()),
            ("outgoingPaymentId", of.payment.into()),
            ("receiveAmountScale", of.receive_asset.scale.into()),
            ("receiveAmountCode", (&of.receive_asset.code).into()),
            ("paymentReceiveAmountValue", self.amounts.receive.into()),
            ("intervalReceiveAmountValue", period_receive),
            ("grantTotalReceiveAmountValue", receive),
            ("debitAmountScale", of.debit_asset.scale.into()),
            ("debitAmountCode", (&of.debit_asset.code).into()),
            ("paymentDebitAmountValue", self.amounts.debit.into()),
            ("intervalDebitAmountValue", period_debit),
            ("grantTotalDebitAmountValue", debit),
            ("paymentState", self.state.into()),
            ("intervalStart", time(of.period.map(|(begin, _)| begin))),
            ("intervalEnd", time(of.period.map(|(_, end)| end))),
            ("createdAt", Value::Time(self.micros)),
        ];
        OldRow { table: OldTable::SpentAmounts, json: object(&values) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn asset(code: &str) -> AssetName {
        AssetName { code: code.to_owned(), scale: 2 }
    }

    fn spending(payment: u128, at: i64, reserved: u64, actual: Option<u64>) -> Spending {
        let amounts = |value| Amounts { debit: value, receive: value };
        Spending {
            payment: Uuid::from_u128(payment),
            state: "FAILED".to_owned(),
            period: None,
            reserved: amounts(reserved),
            actual: actual.map(|value| (amounts(value), Timestamp::from_millis(at + 10))),
            created_at: Timestamp::from_millis(at),
            debit_asset: asset("USD"),
            receive_asset: asset("EUR"),
        }
    }

    #[test]
    fn the_newest_entry_shows_the_stored_totals_and_earlier_ones_what_was_there_before() {
        let totals = Totals::from([
            ((WHOLE_LIFE, SpentSide::Debit, asset("USD")), 130),
            ((WHOLE_LIFE, SpentSide::Receive, asset("EUR")), 130),
            ((WHOLE_LIFE, SpentSide::Receive, asset("MXN")), 7),
        ]);
        let log = log("g", &[spending(1, 0, 100, Some(30)), spending(2, 5, 100, None)], totals);
        let entries: Vec<(i64, String)> = log
            .rows
            .iter()
            .map(|row| {
                let row: Json = serde_json::from_str(&row.json).unwrap();
                let total = row["grantTotalDebitAmountValue"].as_i64().unwrap();
                (total, row["paymentState"].as_str().unwrap().to_owned())
            })
            .collect();
        let states = |total, state: &str| (total, state.to_owned());
        assert_eq!(entries, [states(100, "FUNDING"), states(200, "FUNDING"), states(130, "FAILED")]);
        assert_eq!(log.left_out, BTreeMap::from([((WHOLE_LIFE, SpentSide::Receive), 7)]));
    }
}
