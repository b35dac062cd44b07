//! The plan of a move and its result, as tables for people.
//! The move itself is in `services/moving`.

use std::fmt::Write as _;

use moving::{Line, Plan, Report};

use crate::moving_options::ImportOptions;
use crate::output::Table;

/// The plan of a pass.
pub(crate) fn plan(plan: &Plan, options: &ImportOptions) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "Rafiki 2.4, as of {}", plan.at);

    let mut table = Table::new().align_right(&[2]);
    for (side, name, counted) in &plan.counts {
        let states: Vec<String> = counted.states.iter().map(|(state, rows)| format!("{state} {rows}")).collect();
        table.row([side.as_str().to_owned(), (*name).to_owned(), counted.rows.to_string(), states.join(", ")]);
    }
    text.push_str(&table.render_indented());

    let how = if options.history { "every transfer, in order" } else { "the totals of each account" };
    let _ = writeln!(
        text,
        "Money: {} accounts with {how}; {} deposits and withdrawals by their own ids, {} of them held",
        plan.accounts, plan.named_transfers, plan.held
    );

    if !plan.changes.is_empty() {
        text.push_str("Values that change:\n");
        let mut table = Table::new().align_right(&[0]);
        for (change, count) in &plan.changes {
            table.row([count.to_string(), change.reason().to_owned()]);
        }
        text.push_str(&table.render_indented());
    }

    text.push_str(
        "Not moved: idempotency keys and nonces (they are in Redis; a call repeated over the move runs again), \
         packets under way (they end within seconds)\n",
    );
    if plan.packets > 0 {
        let _ = writeln!(text, "The old installation is running: {} packets are under way", plan.packets);
    }

    if !plan.refusals.is_empty() {
        text.push_str("Cannot be moved:\n");
        for refusal in &plan.refusals {
            let _ = writeln!(text, "  {refusal}");
        }
    }

    text
}

/// The comparison of both installations.
pub(crate) fn comparison(report: &Report, packets: u64) -> String {
    let comparison = &report.comparison;
    let mut text = String::new();
    let _ = writeln!(text, "{} rows moved in this pass", report.rows);
    let mut table = Table::new();
    table.row(["", "old", "ours", ""]);
    for line in comparison.tables.iter().chain(&comparison.ledgers).chain(&comparison.accounts) {
        table.row([line.what.clone(), line.old.clone(), line.ours.clone(), verdict(line)]);
    }
    text.push_str(&table.render_indented());
    let _ = writeln!(text, "{} accounts compared, {} differ", comparison.compared, comparison.differing);
    text.push_str(match (comparison.is_equal(), packets) {
        (true, 0) => {
            "Every total is equal. Next: rafiki ledger verify. If the old installation still runs, stop it and \
repeat this command: only what has changed since is moved\n"
        }
        (true, _) => {
            "Every total is equal, and the old installation is still running. Stop it and repeat this command: only what has \
changed since is moved\n"
        }
        (false, _) => "NOT every total is equal\n",
    });
    text
}

fn verdict(line: &Line) -> String {
    if line.is_equal() { String::new() } else { "DIFFERS".to_owned() }
}
