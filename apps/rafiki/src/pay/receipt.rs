//! Quotes and receipts for people and scripts.
//! Nothing is calculated here that decides about money.

use admin_client::{Amount, IncomingPaymentState, OutgoingPayment, OutgoingPaymentState};
use serde::Serialize;
use serde_json::{Value, json};

use super::account_changes::balances;
use super::payer::{Kind, Offer, OrderAmount, Receipt};
use crate::output::Table;

/// A receipt as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptDocument {
    kind: &'static str,
    state: OutgoingPaymentState,
    from: String,
    to: String,
    debit_amount: Amount,
    fee: Amount,
    receive_amount: Amount,
    sent_amount: Amount,
    paid_amount: Amount,
    returned_amount: Amount,
    delivered_amount: Amount,
    packets: usize,
    millis: u64,
    outgoing_payment: PaymentDocument<OutgoingPaymentState>,
    incoming_payment: PaymentDocument<IncomingPaymentState>,
    accounts: Vec<AccountDocument>,
    conservation: ConservationDocument,
}

#[derive(Debug, Serialize)]
struct PaymentDocument<S> {
    id: String,
    state: S,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountDocument {
    institution: String,
    account: String,
    id: String,
    asset_code: String,
    asset_scale: u8,
    before: String,
    debited: String,
    credited: String,
    after: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConservationDocument {
    /// Whether at least one ledger was seen, and debits and credits are equal in each.
    holds: bool,
}

const ZERO: &str = "zero in every ledger, so no money was made or lost";
/// Accounts are read one after the other, so another payment may change them in between.
const NOT_ZERO: &str = "not zero. Other payments may have moved these accounts at the same time. Run `rafiki ledger \
    verify` to check the ledger";

/// Below this many units of the payer's currency, rounding is noticeable.
const COARSE: u64 = 10;
/// What a settlement account is, for readers of the table.
const SETTLEMENT: &str =
    "  A settlement account stands for the world outside, so money that came in makes it negative.\n";

/// The payer's cost, as the built-in wallet settles it: the fee is kept, the rest is returned.
struct Payer {
    reserved: Amount,
    given_back: Amount,
    paid: Amount,
    fee: Amount,
}

/// The state of a payment, for scripts.
pub(crate) fn state_document(payment: &OutgoingPayment) -> Value {
    json!({
        "id": payment.id,
        "state": payment.state,
        "error": payment.error,
        "debitAmount": payment.debit_amount,
        "sentAmount": payment.sent_amount,
        "receiveAmount": payment.receive_amount,
        "receiver": payment.receiver,
    })
}

/// The state of a payment, for people.
pub(crate) fn state_text(payment: &OutgoingPayment) -> String {
    let mut table = Table::new();
    table.row(["Outgoing payment", &format!("{} {}", payment.id, word(&payment.state))]);
    table.row(["Receiver", &payment.receiver]);
    table.row(["Reserved", &payment.debit_amount.to_string()]);
    table.row(["Sent so far", &payment.sent_amount.to_string()]);
    table.row(["To arrive", &payment.receive_amount.to_string()]);
    if let Some(error) = &payment.error {
        table.row(["Reason", error]);
    }
    table.render()
}

impl Receipt {
    /// Whether at least one ledger was seen, and debits and credits are equal in each.
    pub(crate) fn conserves(&self) -> bool {
        balances(&self.moved)
    }

    pub(crate) fn document(&self) -> ReceiptDocument {
        let accounts = self.moved.iter().map(|one| AccountDocument {
            institution: one.institution.clone(),
            account: one.account.name.clone(),
            id: one.account.id.to_string(),
            asset_code: one.account.asset_code.clone(),
            asset_scale: one.account.asset_scale,
            before: one.before.to_string(),
            debited: one.debited.to_string(),
            credited: one.credited.to_string(),
            after: one.account.balance().to_string(),
        });

        ReceiptDocument {
            kind: self.offer.kind.as_str(),
            state: self.payment.state,
            from: self.offer.order.from.to_string(),
            to: self.offer.order.to.to_string(),
            debit_amount: self.payment.debit_amount.clone(),
            fee: self.offer.fee.clone(),
            receive_amount: self.payment.receive_amount.clone(),
            sent_amount: self.sent.clone(),
            paid_amount: self.payer().paid,
            returned_amount: self.payer().given_back,
            delivered_amount: self.delivered.clone(),
            packets: self.packets,
            millis: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            outgoing_payment: PaymentDocument { id: self.payment.id.to_string(), state: self.payment.state },
            incoming_payment: PaymentDocument { id: self.offer.receiver.id.clone(), state: self.incoming_state },
            accounts: accounts.collect(),
            conservation: ConservationDocument { holds: self.conserves() },
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut facts = Table::new();
        facts.row(["Outgoing payment", &format!("{} {}", self.payment.id, word(&self.payment.state))]);
        facts.row(["Incoming payment", &format!("{} {}", self.offer.receiver.id, word(&self.incoming_state))]);

        let Payer { reserved, given_back, paid, fee } = self.payer();
        facts.row(["Reserved", &reserved.to_string()]);
        facts.row(["- given back", &given_back.to_string()]);
        facts.row(["= paid", &paid.to_string()]);
        facts.row(["- fee", &fee.to_string()]);
        facts.row(["= sent", &format!("{}, {}", self.sent, self.way())]);
        facts.row(["Delivered", &self.delivered.to_string()]);
        facts.row(["Time", &format!("{} ms", self.elapsed.as_millis())]);

        let mut text = format!("Receipt ({})\n{}", self.offer.kind.as_str(), facts.render_indented());
        if self.moved.is_empty() {
            text.push_str("  No ledger could be looked at.\n");
            return text;
        }

        text.push_str("\nLedger accounts that moved\n");
        text.push_str(&self.accounts_table());
        let verdict = if self.conserves() { ZERO } else { NOT_ZERO };
        text.extend(["  Sum: ", verdict, "\n"]);
        if self.moved.iter().any(|one| one.account.name.starts_with("settlement")) {
            text.push_str(SETTLEMENT);
        }
        text
    }

    /// The payer's side, line by line.
    fn payer(&self) -> Payer {
        let of = |value: u64| Amount { value, ..self.payment.debit_amount.clone() };
        let reserved = self.payment.debit_amount.value;
        let fee = self.offer.fee.value.min(reserved.saturating_sub(self.sent.value));
        let paid = self.sent.value.saturating_add(fee);
        Payer { reserved: of(reserved), given_back: of(reserved.saturating_sub(paid)), paid: of(paid), fee: of(fee) }
    }

    /// The way of the money, in words.
    fn way(&self) -> String {
        match (self.offer.kind, self.packets) {
            (Kind::Local, _) => "moved within the institution".to_owned(),
            (_, 1) => "in 1 packet".to_owned(),
            (_, count) => format!("in {count} packets"),
        }
    }

    fn accounts_table(&self) -> String {
        let mut table = Table::new().align_right(&[2, 3, 4, 5]);
        table.row(["Institution", "Account", "Before", "Debited", "Credited", "After", ""]);
        for one in &self.moved {
            let scale = one.account.asset_scale;
            table.row([
                one.institution.clone(),
                one.account.name.clone(),
                signed(one.before, scale),
                flow(one.debited, scale),
                flow(one.credited, scale),
                signed(one.account.balance(), scale),
                one.account.asset_code.clone(),
            ]);
        }
        table.render_indented()
    }
}

impl Offer {
    pub(crate) fn text(&self) -> String {
        let who = self.payee_name.as_deref().unwrap_or("The payee");
        let mut table = Table::new();
        table.row(["You pay", &format!("{} at most, {} of it fee", self.quote.debit_amount, self.fee)]);
        table.row([&format!("{who} gets"), &format!("{} at least", self.quote.receive_amount)]);
        let (from, to) = (&self.quote.debit_amount.asset_code, &self.quote.receive_amount.asset_code);
        match self.rate() {
            _ if from == to => {}
            Some(rate) => {
                table.row(["Rate", &format!("1 {from} = {rate} {to} at least, without the fee")]);
            }
            None => {}
        }
        if self.is_coarse() {
            let least = Amount { value: 1, ..self.quote.debit_amount.clone() };
            table.row([
                "Note",
                &format!("{least} is the least that can be sent, so more may arrive than was asked for"),
            ]);
        }
        format!("Quote\n{}", table.render_indented())
    }

    /// Whether one unit sent may be worth several units received. Then the amount cannot be exact.
    fn is_coarse(&self) -> bool {
        let principal = self.quote.debit_amount.value.saturating_sub(self.fee.value);
        matches!(self.order.amount, OrderAmount::Receive(_)) && self.kind == Kind::CrossCurrency && principal < COARSE
    }

    /// Units received per unit paid after the fee, to six places, rounded down.
    fn rate(&self) -> Option<String> {
        let (debit, receive) = (&self.quote.debit_amount, &self.quote.receive_amount);
        let principal = u128::from(debit.value.checked_sub(self.fee.value)?);
        let numerator = u128::from(receive.value) * 10u128.checked_pow(u32::from(debit.asset_scale) + 6)?;
        let denominator = principal.checked_mul(10u128.checked_pow(receive.asset_scale.into())?)?;
        let millionths = i128::try_from(numerator.checked_div(denominator)?).ok()?;
        let text = signed(millionths, 6);
        Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    }
}

fn word(state: &impl Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

/// A number of smallest units with its decimal point.
fn signed(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A movement; empty if it is zero.
fn flow(value: u128, scale: u8) -> String {
    if value == 0 { String::new() } else { signed(i128::try_from(value).unwrap_or(i128::MAX), scale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_shown_with_sign_and_places() {
        assert_eq!(signed(-5, 2), "-0.05");
        assert_eq!(signed(123_456, 2), "1234.56");
        assert_eq!(flow(7, 0), "7");
        assert_eq!(flow(0, 2), "");
    }
}
