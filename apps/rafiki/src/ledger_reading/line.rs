//! One entry of the journal as a line of an export.
//! Which entries are written is decided in `export`.

use std::fmt::Write as _;

use clock::Timestamp;
use ledger::{Cause, Event, NewTransfer, Transfer, TransferState};
use ledger_sql::JournalEntry;
use serde::Serialize;
use serde_json::json;

use super::balance::{kind, named};
use super::options::LineForm;

/// The names of the columns, in order.
pub(super) const NAMES: &str =
    "entry,at,event,id,debit_account,credit_account,amount,ledger,code,pending_id,state,account_kind\n";

/// An entry. What does not apply to its event is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) entry: u64,
    pub(super) at: Option<Timestamp>,
    /// `account`, `transfer`, `reservation`, `posted`, `voided`, `expired` or `id_spent`.
    event: &'static str,
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) debit_account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) credit_account: String,
    /// In the smallest unit of the asset.
    #[serde(skip_serializing_if = "String::is_empty")]
    amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pending_id: String,
    /// Of a reservation: `pending`, `posted`, `voided` or `expired`, as of the export.
    #[serde(skip_serializing_if = "str::is_empty")]
    state: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    account_kind: &'static str,
}

impl Line {
    /// Of an entry of an SQL ledger.
    pub(super) fn of(JournalEntry { entry, decided }: &JournalEntry) -> Self {
        let line = match &entry.event {
            Event::AccountCreated(account) => Self {
                event: "account",
                id: named(account.id),
                ledger: Some(account.ledger),
                code: Some(account.code),
                account_kind: kind(account.code),
                ..Self::default()
            },
            Event::Moved(movement) => {
                let transfer = &movement.transfer;
                let event = match movement.cause {
                    Cause::Made if transfer.flags.pending => "reservation",
                    Cause::Made => "transfer",
                    Cause::Settled { .. } if transfer.flags.post_pending_transfer => "posted",
                    Cause::Settled { .. } => "voided",
                    Cause::Expired { .. } => "expired",
                };
                let state = if event == "reservation" { word(decided.unwrap_or(TransferState::Pending)) } else { "" };
                Self { event, state, ..Self::transfer(transfer) }
            }
            Event::IdSpent(id) => Self { event: "id_spent", id: id.to_string(), ..Self::default() },
        };
        Self { entry: entry.seq, at: Some(entry.timestamp), ..line }
    }

    /// Of a transfer in a cluster. Its entry is its timestamp there.
    pub(super) fn of_cluster(entry: u64, transfer: &Transfer) -> Self {
        let flags = transfer.created.flags;
        let event = match () {
            () if flags.post_pending_transfer => "posted",
            () if flags.void_pending_transfer => "voided",
            () if flags.pending => "reservation",
            () => "transfer",
        };
        let state = if event == "reservation" { word(transfer.state) } else { "" };
        Self { entry, at: Some(transfer.timestamp), event, state, ..Self::transfer(&transfer.created) }
    }

    fn transfer(transfer: &NewTransfer) -> Self {
        let pending = transfer.pending_id.as_u128() != 0;
        Self {
            id: transfer.id.to_string(),
            debit_account: named(transfer.debit_account_id),
            credit_account: named(transfer.credit_account_id),
            amount: transfer.amount.to_string(),
            ledger: Some(transfer.ledger),
            code: Some(transfer.code),
            pending_id: if pending { transfer.pending_id.to_string() } else { String::new() },
            ..Self::default()
        }
    }

    /// Whether it is about this account.
    pub(super) fn concerns(&self, account: &str) -> bool {
        let created = self.event == "account" && self.id == account;
        created || self.debit_account == account || self.credit_account == account
    }

    /// Writes the line with its end.
    pub(super) fn write(&self, form: LineForm, out: &mut String) {
        match form {
            LineForm::Json => {
                out.push_str(&json!(self).to_string());
                out.push('\n');
            }
            LineForm::Csv => {
                let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
                let at = self.at.map(|at| at.to_string()).unwrap_or_default();
                // No value has a comma, a quote or a line break. Writing to a string does not fail.
                let _ = writeln!(
                    out,
                    "{},{at},{},{},{},{},{},{},{},{},{},{}",
                    self.entry,
                    self.event,
                    self.id,
                    self.debit_account,
                    self.credit_account,
                    self.amount,
                    number(self.ledger.map(u64::from)),
                    number(self.code.map(u64::from)),
                    self.pending_id,
                    self.state,
                    self.account_kind
                );
            }
        }
    }
}

fn word(state: TransferState) -> &'static str {
    match state {
        TransferState::Single => "",
        TransferState::Pending => "pending",
        TransferState::Posted => "posted",
        TransferState::Voided => "voided",
        TransferState::Expired => "expired",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{AccountId, TransferId};

    #[test]
    fn a_line_of_csv_has_as_many_values_as_names() {
        let transfer = NewTransfer::single(
            TransferId::from_u128(7 << 64),
            AccountId::from_u128(1),
            AccountId::from_u128(9 << 100),
            1234,
            1,
            2,
        );
        let made = Transfer { created: transfer, state: TransferState::Single, timestamp: Timestamp::from_millis(0) };
        let line = Line::of_cluster(5, &made);
        let mut text = String::new();
        line.write(LineForm::Csv, &mut text);
        assert_eq!(text.matches(',').count(), NAMES.matches(',').count());
        assert!(text.starts_with("5,1970-01-01T00:00:00.000Z,transfer,"), "{text}");
        assert!(line.concerns("1") && !line.concerns("2"));
        let mut object = String::new();
        line.write(LineForm::Json, &mut object);
        let value: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!((&value["amount"], &value["pendingId"]), (&json!("1234"), &serde_json::Value::Null));
    }
}
