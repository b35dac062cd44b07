//! The packets of an outgoing payment over time: what arrived, what was refused and why, and the rate.
//!
//! All of it is exact but the rate, which is rounded down.

use admin_client::{OutgoingPaymentView, PaymentDeliveryView, QuoteTermsView, StretchView};
use page_kit::numbers;

use crate::pages::charts;
use crate::reading::Reading;
use crate::view::{Block, Cell, Empty, Key, Table, Tone};

/// The pictures of a delivery; nothing for a payment without packets.
pub(crate) fn blocks(
    payment: &OutgoingPaymentView,
    terms: Option<&QuoteTermsView>,
    delivery: Option<&PaymentDeliveryView>,
    words: Reading,
) -> Vec<Block> {
    let Some(delivery) = delivery else { return Vec::new() };
    let mut blocks = Vec::new();
    if !delivery.stretches.is_empty() {
        blocks.push(over_time(payment, terms, delivery, words));
    }
    if !delivery.rejected.is_empty() {
        blocks.push(refusals(delivery, words));
    }
    blocks
}

/// Columns of packets, and below them the line of the rate with the promised and the least rate.
fn over_time(
    payment: &OutgoingPaymentView,
    terms: Option<&QuoteTermsView>,
    delivery: &PaymentDeliveryView,
    words: Reading,
) -> Block {
    let (debit, receive) = (&payment.debit_amount, &delivery.delivered_amount);
    let sides = |of: &StretchView| ((of.debited, debit.asset_scale), (of.delivered, receive.asset_scale));

    let counts: Vec<(u64, u64)> = delivery.stretches.iter().map(|of| (of.fulfilled, of.rejected)).collect();
    let rate = |of: &StretchView| {
        let (one, other) = sides(of);
        numbers::rate_in_millionths_rounded_down(one, other)
    };
    let rates: Vec<Option<u64>> = delivery.stretches.iter().map(rate).collect();
    let limit = |text: &Option<String>| text.as_deref().and_then(numbers::millionths_rounded_down);
    let limits = terms.map_or([None; 2], |terms| [limit(&terms.found_rate), limit(&terms.least_rate)]);

    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let columns = ["From", "Arrived>", "Refused>", "Debited>", "Delivered>", "Rate>"];
    let rows = delivery.stretches.iter().map(|of| {
        vec![
            Cell::Time(of.from),
            Cell::text(numbers::count(of.fulfilled, words)),
            Cell::text(numbers::count(of.rejected, words)),
            Cell::money(of.debited, &debit.asset_code, debit.asset_scale),
            Cell::money(of.delivered, &receive.asset_code, receive.asset_scale),
            shown_rate(sides(of), words),
        ]
    });
    let key = |tone, label| Key { tone, label, value: None };
    Block::Chart {
        title: "Packets over time",
        note: "Each column is a stretch of time. The line below is the rate, between the rate when it was quoted (dashed) and the least rate (solid).",
        svg: charts::columns(&counts) + &charts::rates(&rates, limits),
        ends: Some(("The first packet", "The last packet")),
        legend: vec![key(Tone::Done, "Arrived"), key(Tone::Failed, "Refused")],
        table: Table::of("Packets over time", &columns, empty).rows(rows),
    }
}

/// A rate, or a dash if nothing was debited.
fn shown_rate((one, other): ((u64, u8), (u64, u8)), words: Reading) -> Cell {
    numbers::rate_rounded_down(one, other, words).map_or(Cell::Absent("–"), Cell::Text)
}

/// The refused packets, by code.
fn refusals(delivery: &PaymentDeliveryView, words: Reading) -> Block {
    let empty = Empty { title: "No packet was refused.", text: "", action: None };
    let rows = delivery.rejected.iter().map(|of| {
        vec![
            Cell::Lines(vec![Cell::text(of.code.clone()), Cell::Word(name_of(&of.code))]),
            Cell::Word(meaning_of(&of.code)),
            Cell::text(numbers::count(of.count, words)),
        ]
    });
    let table = Table::new("Refused packets", ["Code", "What it means", "Packets>"], empty).rows(rows);
    Block::Table { title: Some("Refused packets"), table }
}

/// The name of a code in RFC 27.
fn name_of(code: &str) -> &'static str {
    match code {
        "F00" => "Bad Request",
        "F01" => "Invalid Packet",
        "F02" => "Unreachable",
        "F03" => "Invalid Amount",
        "F04" => "Insufficient Destination Amount",
        "F05" => "Wrong Condition",
        "F06" => "Unexpected Payment",
        "F07" => "Cannot Receive",
        "F08" => "Amount Too Large",
        "F99" | "T99" | "R99" => "Application Error",
        "T00" => "Internal Error",
        "T01" => "Peer Unreachable",
        "T02" => "Peer Busy",
        "T03" => "Connector Busy",
        "T04" => "Insufficient Liquidity",
        "T05" => "Rate Limited",
        "R00" => "Transfer Timed Out",
        "R01" => "Insufficient Source Amount",
        "R02" => "Insufficient Timeout",
        _ => "Not in the list of RFC 27",
    }
}

/// What a code means for a payment.
fn meaning_of(code: &str) -> &'static str {
    match code {
        "F00" => "A node on the way found a fault in the packet.",
        "F01" => "A node on the way could not read the packet.",
        "F02" => "No node on the way knows the address of the receiver.",
        "F03" => "A node on the way does not take this amount.",
        "F04" => "Less would have arrived than the packet asked for.",
        "F05" => "The receiver could not fulfil the condition of the packet.",
        "F06" => "The receiver did not expect it. Its incoming payment may have ended.",
        "F07" => "The receiver cannot take it.",
        "F08" => "It was larger than an account on the way takes. The next packets are smaller.",
        "F99" | "T99" | "R99" => "The receiver refused it for a reason of its own.",
        "T00" => "A node on the way had a fault. The packet is tried again.",
        "T01" => "A node on the way did not reach the next one. The packet is tried again.",
        "T02" => "The next node had no room for it. The packet is tried again.",
        "T03" => "A node on the way had no room for it. The packet is tried again.",
        "T04" => "A peer had too little liquidity or credit. Smaller packets are tried.",
        "T05" => "There were too many packets in a short time. The packet is tried again.",
        "R00" => "No answer came in time.",
        "R01" => "It was too small: after conversion nothing would be left of it.",
        "R02" => "Too little time was left for the rest of the way.",
        _ => "Ask the operator of the node that refused it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_rfc_has_a_name_and_a_meaning() {
        let codes = [
            "F00", "F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F99", "T00", "T01", "T02", "T03", "T04",
            "T05", "T99", "R00", "R01", "R02", "R99",
        ];
        for code in codes {
            assert_ne!((name_of(code), meaning_of(code)), (name_of("other"), meaning_of("other")), "{code}");
        }
    }
}
