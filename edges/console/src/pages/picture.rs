//! The parts of the debit amount of an outgoing payment as one bar: delivered, in flight, fee, and the rest.
//!
//! The bar uses whole numbers. The table beside it has the exact amounts.

use admin_client::{OutgoingPaymentState, OutgoingPaymentView, TransferView};

use crate::pages::charts::{self, Part};
use crate::view::{Block, Cell, Empty, Table, Tone};

/// The bar.
pub(crate) fn block(payment: &OutgoingPaymentView) -> Block {
    let debit = payment.debit_amount.value;
    let sent = payment.sent_amount.value.min(debit);
    let held = payment.liquidity.unwrap_or(0).min(debit - sent);
    let rest = debit - sent - held;

    let (waits, gone) = match payment.state {
        OutgoingPaymentState::Funding => ("Not deposited yet", "Not deposited yet"),
        OutgoingPaymentState::Sending => ("Still to be sent", "Fee"),
        OutgoingPaymentState::Completed => ("Left over", "Fee, or withdrawn"),
        OutgoingPaymentState::Failed | OutgoingPaymentState::Cancelled => ("Left over", "Not taken, or given back"),
    };

    let parts = [
        Part { label: "Sent", value: sent, tone: Tone::Done },
        Part { label: waits, value: held, tone: Tone::Waiting },
        Part { label: gone, value: rest, tone: Tone::Quiet },
    ];

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
        note: "From left to right: sent, held, the rest.",
        svg: charts::bar(&parts),
        table,
    }
}

/// The packets of the payment as one bar: delivered, under way, rejected. The ledger has a movement for each packet; the code
/// with which one was rejected is not stored.
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
        note: "From left to right: delivered, under way, rejected. Only the last movements are read.",
        svg: charts::bar(&parts),
        table,
    })
}
