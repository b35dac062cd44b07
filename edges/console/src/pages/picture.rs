//! The parts of the debit amount of an outgoing payment as one bar: delivered, in flight, fee, and the rest.
//!
//! The bar uses whole numbers. The table beside it has the exact amounts.

use admin_client::{OutgoingPaymentState, OutgoingPaymentView, QuoteTermsView, TransferView};

use crate::pages::charts::{self, Part};
use crate::view::{Block, Cell, Empty, Key, Table, Tone};

/// The bar. The fee is a part of its own if the instance tells it.
pub(crate) fn block(payment: &OutgoingPaymentView, terms: Option<&QuoteTermsView>) -> Block {
    let parts = match terms {
        Some(terms) => parts_with_fee(payment, terms.fee_amount.value),
        None => parts_without_fee(payment),
    };

    let (code, scale) = (&payment.debit_amount.asset_code, payment.debit_amount.asset_scale);
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let table = Table::new("Where the debit amount is", ["Part", "Amount>"], empty).rows(
        parts
            .iter()
            .filter(|part| part.value > 0)
            .map(|part| vec![Cell::Word(part.label), Cell::money(part.value, code, scale)]),
    );

    Block::Chart {
        title: "Where the debit amount is",
        note: "",
        svg: charts::bar(&parts),
        ends: None,
        legend: parts.iter().filter(|part| part.value > 0).map(|part| key(part, code, scale)).collect(),
        table,
    }
}

fn parts_with_fee(payment: &OutgoingPaymentView, fee: u64) -> Vec<Part> {
    let debit = payment.debit_amount.value;
    let sent = payment.sent_amount.value.min(debit);
    let fee = fee.min(debit - sent);
    let rest = debit - sent - fee;
    let part = |label, value, tone| Part { label, value, tone };
    match payment.state {
        OutgoingPaymentState::Funding => vec![part("Not deposited yet", debit, Tone::Quiet)],
        OutgoingPaymentState::Cancelled => vec![part("Not taken", debit, Tone::Quiet)],
        // A payment that failed owes no fee for what was not sent, so only the entity knows it.
        OutgoingPaymentState::Failed => {
            vec![part("Sent", sent, Tone::Done), part("Fee, or left over", debit - sent, Tone::Quiet)]
        }
        OutgoingPaymentState::Sending => vec![
            part("Sent", sent, Tone::Done),
            part("Still to be sent", rest, Tone::Waiting),
            part("Fee", fee, Tone::Info),
        ],
        OutgoingPaymentState::Completed => {
            vec![part("Sent", sent, Tone::Done), part("Fee", fee, Tone::Info), part("Left over", rest, Tone::Quiet)]
        }
    }
}

fn parts_without_fee(payment: &OutgoingPaymentView) -> Vec<Part> {
    let debit = payment.debit_amount.value;
    let sent = payment.sent_amount.value.min(debit);
    let held = payment.liquidity.unwrap_or(0).min(debit - sent);
    let (waits, gone) = match payment.state {
        OutgoingPaymentState::Funding => ("Not deposited yet", "Not deposited yet"),
        OutgoingPaymentState::Sending => ("Still to be sent", "Fee"),
        OutgoingPaymentState::Completed => ("Left over", "Fee, or withdrawn"),
        OutgoingPaymentState::Failed | OutgoingPaymentState::Cancelled => ("Left over", "Not taken, or given back"),
    };
    vec![
        Part { label: "Sent", value: sent, tone: Tone::Done },
        Part { label: waits, value: held, tone: Tone::Waiting },
        Part { label: gone, value: debit - sent - held, tone: Tone::Quiet },
    ]
}

/// What a part of the bar is.
fn key(part: &Part, code: &str, scale: u8) -> Key {
    Key { tone: part.tone, label: part.label, value: Some(Cell::money(part.value, code, scale)) }
}

/// The packets of the payment as one bar: delivered, under way, rejected. The ledger has a movement for each packet. The
/// codes are in `delivery`.
pub(crate) fn packets(payment: &OutgoingPaymentView, debits: &[TransferView]) -> Option<Block> {
    let packets: Vec<&TransferView> = debits.iter().filter(|debit| debit.transfer_type == "TRANSFER").collect();
    let sum = |state: &str| packets.iter().filter(|packet| packet.state == state).map(|packet| packet.amount).sum();
    let count = |state: &str| packets.iter().filter(|packet| packet.state == state).count();
    let parts = [
        ("Delivered", "POSTED", Tone::Done),
        ("Under way", "PENDING", Tone::Waiting),
        ("Rejected", "VOIDED", Tone::Failed),
    ];
    let shown: Vec<(Part, usize)> = parts
        .into_iter()
        .map(|(label, state, tone)| (Part { label, value: sum(state), tone }, count(state)))
        .filter(|(_, count)| *count > 0)
        .collect();
    if shown.is_empty() {
        return None;
    }

    let (code, scale) = (&payment.debit_amount.asset_code, payment.debit_amount.asset_scale);
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let rows = shown.iter().map(|(part, count)| {
        vec![Cell::Word(part.label), Cell::text(count.to_string()), Cell::money(part.value, code, scale)]
    });
    let table = Table::new("Packets", ["State", "Packets>", "Amount>"], empty).rows(rows);
    let parts: Vec<Part> = shown.iter().map(|(part, _)| *part).collect();
    Some(Block::Chart {
        title: "Packets",
        note: "Only the last movements are read.",
        svg: charts::bar(&parts),
        ends: None,
        legend: parts.iter().map(|part| key(part, code, scale)).collect(),
        table,
    })
}
