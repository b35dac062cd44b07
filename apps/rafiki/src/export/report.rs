//! The plan of the way back and its result, as tables for people.
//! The way back itself is in `services/moving`.

use std::fmt::Write as _;

use moving::{BackPlan, Comparison, MoneyPlace};
use rafiki_tables::kept::KeptKind;

use crate::output::Table;

/// What an export would write.
pub(crate) fn plan(plan: &BackPlan) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "This installation, as of {}", plan.at);
    let mut table = Table::new().align_right(&[1]);
    for (name, rows) in &plan.counts {
        table.row([name.title().to_owned(), rows.to_string()]);
    }
    text.push_str(&table.render_indented());
    let _ = match plan.money {
        MoneyPlace::Tables => {
            writeln!(text, "Money: {} accounts and {} transfers, in order", plan.accounts, plan.transfers)
        }
        MoneyPlace::SameCluster => writeln!(text, "Money: stays in the TigerBeetle cluster"),
    };
    if !plan.changes.is_empty() {
        text.push_str("Values that change:\n");
        let mut table = Table::new().align_right(&[0]);
        for (change, count) in &plan.changes {
            table.row([count.to_string(), change.reason().to_owned()]);
        }
        text.push_str(&table.render_indented());
    }
    text.push_str(&lost(plan));
    if plan.undecided > 0 {
        let _ = writeln!(text, "The outcome of {} packets is not known yet", plan.undecided);
    }
    if !plan.refusals.is_empty() {
        text.push_str("Cannot go back:\n");
        for refusal in &plan.refusals {
            let _ = writeln!(text, "  {refusal}");
        }
    }
    text
}

fn lost(plan: &BackPlan) -> String {
    let ((tokens, usable), (continuations, open)) = (plan.lost_tokens, plan.lost_continuations);
    let (of_peers, good) = plan.lost_peer_tokens;
    let mut text = String::new();
    // Writing to a string does not fail.
    if tokens + continuations > 0 {
        let _ = writeln!(
            text,
            "Tokens that are stored only as a hash cannot go back: {tokens} access tokens, of which clients could still \
             use {usable}, and {continuations} continuations, of which {open} are open. Their clients must ask for new \
             grants"
        );
    }
    if of_peers > 0 {
        let _ = writeln!(
            text,
            "{of_peers} tokens of peers cannot go back, of which {good} are still valid. In Rafiki 2.4, set a new incoming \
             token with updatePeer for each of these peers, and send it to the peer"
        );
    }
    for token in &plan.lost {
        let what = match token.kind {
            KeptKind::AccessToken => "access token with management id",
            KeptKind::Continuation => "continuation of grant",
            KeptKind::PeerToken => "incoming token of peer",
        };
        let _ = writeln!(text, "  {what} {}", token.owner);
    }
    let more = (usable + open + good).saturating_sub(plan.lost.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

/// The comparison of both installations.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut table = Table::new();
    table.row(["", "ours", "theirs", ""]);
    for line in comparison.tables.iter().chain(&comparison.ledgers).chain(&comparison.accounts) {
        let verdict = if line.is_equal() { "" } else { "DIFFERS" };
        table.row([line.what.as_str(), &line.ours, &line.old, verdict]);
    }
    text.push_str(&table.render_indented());
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} accounts compared, {} differ", comparison.compared, comparison.differing);
    text.push_str(if comparison.is_equal() {
        "Every total is equal. Start Rafiki 2.4, and do not start this installation again\n"
    } else {
        "NOT every total is equal. Nothing was kept\n"
    });
    text
}
