//! The balance of a ledger account over time, as a line, from the balance now and the latest lines.
//!
//! It goes back as far as no line is missing. A line counts from its beginning; voided ones do not count.

use admin_client::{AccountView, TransferView};
use clock::Timestamp;

use crate::pages::charts;
use crate::view::{Block, Cell, Empty, Key, Money, Table, Tone};

/// Fewer balances make no line.
const FEWEST: usize = 2;

/// Whether a side has as many lines as were asked for. Then older ones may be missing.
pub(crate) fn is_full(lines: &[TransferView], limit: u32) -> bool {
    lines.len() >= limit as usize
}

/// The lines that count for a balance, with what each adds to it: debits from their beginning, credits when they are posted.
pub(crate) fn changes(account: &AccountView) -> impl Iterator<Item = (Timestamp, i128)> {
    let out = account.debits.iter().filter(|line| line.state != "VOIDED");
    let back = account.credits.iter().filter(|line| line.state == "POSTED");
    let out = out.map(|line| (line.created_at, -i128::from(line.amount)));
    out.chain(back.map(|line| (line.created_at, i128::from(line.amount))))
}

/// The balance after each line, the oldest first, from the line on that is the oldest without a missing one after it.
/// `limit` is the number of lines that were asked for on each side.
fn balances(account: &AccountView, held: u64, limit: u32) -> Vec<(Timestamp, u64)> {
    let oldest = |lines: &[TransferView]| lines.iter().map(|line| line.created_at).min();
    let full = [&account.debits, &account.credits].into_iter().filter(|lines| is_full(lines, limit));
    let from = full.filter_map(|lines| oldest(lines)).max();

    let mut lines: Vec<_> = changes(account).filter(|(at, _)| from.is_none_or(|from| *at >= from)).collect();
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));

    let mut balance = i128::from(held);
    let mut found = Vec::new();
    for (at, change) in lines {
        // A balance below zero means that lines are missing which the API does not tell.
        let Ok(shown) = u64::try_from(balance) else { break };
        found.push((at, shown));
        balance -= change;
    }
    found.reverse();
    found
}

/// The chart, if there is something to see.
pub(crate) fn block(
    account: &AccountView,
    held: &Money,
    threshold: Option<u64>,
    limit: u32,
    now: Timestamp,
) -> Option<Block> {
    let balances = balances(account, held.value, limit);
    if balances.len() < FEWEST {
        return None;
    }
    let money = |value: u64| Cell::money(value, &held.code, held.scale);
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let rows = balances.iter().rev().map(|(at, balance)| vec![Cell::Time(*at), money(*balance)]);
    let table = Table::new("Balance over time", ["Since", "Balance>"], empty).rows(rows);

    let mut legend = vec![Key { tone: Tone::Info, label: "Balance", value: Some(money(held.value)) }];
    legend.extend(threshold.map(|threshold| Key {
        tone: Tone::Failed,
        label: "Threshold",
        value: Some(money(threshold)),
    }));
    let milliseconds = |at: Timestamp| u64::try_from(at.as_millis()).unwrap_or(0);
    let points: Vec<(u64, u64)> = balances.iter().map(|(at, balance)| (milliseconds(*at), *balance)).collect();
    Some(Block::Chart {
        title: "Balance over time",
        note: "From the lines below.",
        svg: charts::steps(&points, milliseconds(now), threshold),
        ends: Some(("The oldest line", "Now")),
        legend,
        table,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    /// A line of this amount, made at this second.
    pub(crate) fn line(amount: u64, second: i64, state: &str) -> TransferView {
        TransferView {
            id: Uuid::nil(),
            debit_account_id: Uuid::nil(),
            credit_account_id: Uuid::nil(),
            amount,
            transfer_type: "TRANSFER".to_owned(),
            state: state.to_owned(),
            created_at: Timestamp::from_millis(second * 1000),
            expires_at: None,
        }
    }

    fn told(account: &AccountView, held: u64, limit: u32) -> Vec<(i64, u64)> {
        balances(account, held, limit).into_iter().map(|(at, balance)| (at.as_secs(), balance)).collect()
    }

    #[test]
    fn each_line_leads_from_one_balance_to_the_next() {
        let account = AccountView {
            debits: vec![line(30, 5, "POSTED"), line(9, 4, "VOIDED"), line(7, 3, "PENDING")],
            credits: vec![line(100, 1, "POSTED"), line(1, 2, "PENDING")],
        };
        assert_eq!(told(&account, 63, 100), [(1, 100), (3, 93), (5, 63)]);
        assert_eq!(told(&account, 63, 3), [(3, 93), (5, 63)], "debits before the third second may be missing");
        assert_eq!(told(&account, 5, 100), [(1, 42), (3, 35), (5, 5)], "what was there before the lines counts, too");
    }

    #[test]
    fn lines_that_do_not_add_up_are_not_drawn_below_zero() {
        let account = AccountView { debits: Vec::new(), credits: vec![line(10, 1, "POSTED"), line(10, 2, "POSTED")] };
        assert_eq!(told(&account, 5, 100), [(2, 5)]);
        let now = Timestamp::from_millis(9_000);
        assert!(block(&account, &Money::new(5, "USD", 2), None, 100, now).is_none());
        assert!(block(&account, &Money::new(50, "USD", 2), Some(20), 100, now).is_some());
    }
}
