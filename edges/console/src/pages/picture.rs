//! The parts of the debit amount of an outgoing payment as one bar: delivered, in flight, fee, and the rest.
//!
//! The bar uses whole numbers. The table beside it has the exact amounts.

use admin_client::{OutgoingPaymentState, OutgoingPaymentView};

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
