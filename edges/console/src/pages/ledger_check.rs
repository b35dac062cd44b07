//! Whether the ledger is in order: what its watch says, and the totals of its main accounts.
//!
//! Single accounts are in `accounts`. Only the operator sees this page.

use admin_client::{LedgerWatchView, MainAccountView};
use page_kit::numbers;

use crate::context::{Answer, Ctx, Problem};
use crate::reading::Reading;
use crate::view::{Block, Cell, Empty, Page, Table, Tone, facts};

/// `GET /ledger/check`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    if !ctx.session.is_operator() {
        return Err(Problem::NotFound("Only the operator sees the whole ledger."));
    }
    let admin = ctx.admin();
    let (watch, accounts) = futures::join!(admin.ledger_watch(), admin.main_accounts());
    let (watch, accounts) = (watch?, accounts?);

    let mut main = Vec::new();
    match &watch {
        Some(watch) => main.extend(watched(watch)),
        None => main.push(note(Tone::Info, "This instance tells nothing about a watch over its ledger.")),
    }
    let totals = totals(accounts.as_deref().unwrap_or_default(), ctx.words());
    main.push(Block::Table { title: Some("Totals of the main accounts"), table: totals });

    Ok(Page {
        place: "ledger",
        kind: "Is the ledger in order?",
        lead: Some("Each movement has two sides, so all accounts of an asset add up to zero. The instance checks this by itself."),
        back: Some(("Ledger", "/ledger".to_owned())),
        state: watch.as_ref().map(verdict),
        main,
        ..Page::default()
    }
    .into())
}

fn note(tone: Tone, text: &str) -> Block {
    Block::Note { tone, text: text.to_owned() }
}

pub(crate) fn verdict(watch: &LedgerWatchView) -> Cell {
    let (word, tone, next) = match (watch.alarm_count, watch.monitor.as_str()) {
        (1.., _) => ("Faults found", Tone::Failed, "Stop withdrawals, and run rafiki ledger verify."),
        (0, "here" | "elsewhere") => ("In order", Tone::Done, "No fault was found."),
        (0, "failing") => ("Unknown", Tone::Waiting, "The watch cannot read the ledger."),
        (0, _) => ("Not watched", Tone::Quiet, "The watch is switched off. Run rafiki ledger verify."),
    };
    Cell::State { word: word.to_owned(), tone, next: Some(next) }
}

fn watched(watch: &LedgerWatchView) -> Vec<Block> {
    let by = match watch.monitor.as_str() {
        "here" => Cell::Word("The process that answered"),
        "elsewhere" => Cell::Word("Another process of the instance"),
        _ => Cell::Absent("Nobody"),
    };
    let mut about = facts([
        ("Watched by", by),
        ("Looked last", watch.last_look_at.map_or(Cell::Absent("–"), Cell::Time)),
        ("Faults found", Cell::text(watch.alarm_count.to_string())),
    ]);
    if let Some(reason) = &watch.reason {
        about.extend(facts([("Why it fails", Cell::text(reason.clone()))]));
    }

    let mut blocks = vec![Block::Facts { title: "The watch", facts: about, actions: Vec::new() }];
    if !watch.alarms.is_empty() {
        let empty = Empty { title: "No fault was found.", text: "", action: None };
        let rows = watch.alarms.iter().map(|alarm| {
            vec![Cell::Time(alarm.detected_at), Cell::text(alarm.kind.clone()), Cell::text(alarm.reason.clone())]
        });
        let table = Table::new("Faults", ["Found", "Kind", "What is wrong"], empty).rows(rows);
        blocks.push(Block::Table { title: Some("Faults"), table });
    }
    blocks
}

fn totals(accounts: &[MainAccountView], words: Reading) -> Table {
    let empty = Empty {
        title: "No accounts.",
        text: "The accounts of assets and peers appear here, with all that ever went in and out.",
        action: None,
    };
    let rows = accounts.iter().map(|account| {
        // Totals may be larger than any amount of a payment.
        let amount = |digits: &str| match digits.parse() {
            Ok(value) => Cell::money(value, &account.asset_code, account.asset_scale),
            Err(_) => Cell::text(digits),
        };
        vec![
            Cell::link(format!("/ledger/{}", account.id), account.name.clone()),
            amount(&account.debits),
            amount(&account.credits),
            amount(&account.pending),
            balance(account, words),
        ]
    });
    let columns = ["Account", "Debits>", "Credits>", "Held>", "Balance>"];
    Table::new("Totals of the main accounts", columns, empty).rows(rows)
}

/// Credits less debits, with its sign.
fn balance(account: &MainAccountView, words: Reading) -> Cell {
    let (Ok(debits), Ok(credits)) = (account.debits.parse::<u64>(), account.credits.parse::<u64>()) else {
        return Cell::Absent("–");
    };
    let sign = if debits > credits { "\u{2212}" } else { "" };
    let value = numbers::decimal(credits.abs_diff(debits), account.asset_scale, words);
    Cell::text(format!("{sign}{value} {}", account.asset_code))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn totals_that_are_larger_than_every_amount_are_shown_in_digits() {
        let account = MainAccountView {
            id: Uuid::nil(),
            asset_code: "USD".to_owned(),
            asset_scale: 2,
            name: "peer Bank".to_owned(),
            debits: u128::MAX.to_string(),
            credits: "100".to_owned(),
            pending: "0".to_owned(),
            last_failure: None,
        };
        let row = totals(std::slice::from_ref(&account), page_kit::Words::English.into()).rows.remove(0);
        assert!(matches!(&row[1], Cell::Text(digits) if *digits == u128::MAX.to_string()));
        assert!(matches!(&row[2], Cell::Money(money) if money.value == 100));
        assert!(matches!(&row[4], Cell::Absent(_)));
    }
}
