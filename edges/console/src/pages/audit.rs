//! The audit log as a page and as a file.
//!
//! Operators see the whole log. Tenants see their own entries.

use axum::response::IntoResponse;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use page_kit::{Words, numbers};
use serde_json::Value;

use crate::audit::{Chain, Entry, Stage};
use crate::context::{Answer, Ctx, Problem};
use crate::view::{Action, Block, Cell, Empty, Page, Table, Tone};

fn stage(stage: Stage) -> Cell {
    match stage {
        Stage::Asked => Cell::state("Asked", Tone::Info),
        Stage::Done => Cell::state("Done", Tone::Done),
        Stage::Refused => Cell::state("Refused", Tone::Failed),
        Stage::Unknown => Cell::state("No answer", Tone::Waiting),
        Stage::Session => Cell::state("Session", Tone::Quiet),
        Stage::Waits => Cell::state("Waits for approval", Tone::Waiting),
        Stage::Approved => Cell::state("Approved", Tone::Info),
        Stage::Declined => Cell::state("Not approved", Tone::Quiet),
    }
}

/// Members that have the amount that a change moves, in the smallest unit of its asset.
const MOVED: [&str; 3] = ["amount", "initialLiquidity", "liquidityToDeposit"];
/// Other members that are amounts in the smallest unit.
const AMOUNTS: [&str; 5] = ["amount", "fixed", "liquidityThreshold", "maxPacketAmount", "withdrawalThreshold"];

/// A value of a member, with amounts in their asset.
fn shown(name: &str, value: &Value, scale: Option<u8>, words: Words) -> String {
    let decimal = |text: &str, scale: u8| Some(numbers::decimal(text.parse().ok()?, scale, words));
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => {
            let scale = scale.filter(|_| AMOUNTS.contains(&name));
            scale.and_then(|scale| decimal(text, scale)).unwrap_or_else(|| text.clone())
        }
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let own_scale = members.get("assetScale").and_then(Value::as_u64).and_then(|scale| scale.try_into().ok());
            if let (Some(amount), Some(code), Some(scale)) = (text("value"), text("assetCode"), own_scale)
                && let Some(amount) = decimal(amount, scale)
            {
                return format!("{amount} {code}");
            }
            let parts = members.iter().map(|(name, value)| format!("{name} {}", shown(name, value, scale, words)));
            parts.collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}

/// The amount that is moved, and the changed members, as `name: before → after`.
fn difference(entry: &Entry, words: Words) -> Cell {
    if let Some(outcome) = &entry.outcome {
        return Cell::text(outcome.clone());
    }
    let Value::Object(input) = &entry.input else { return Cell::Absent("–") };
    let text = |name: &str, value: &Value| shown(name, value, entry.scale, words);
    let is_told =
        |name: &str| matches!(name, "id" | "idempotencyKey") || (entry.moves.is_some() && MOVED.contains(&name));
    let lines =
        input.iter().filter(|(name, _)| !is_told(name)).filter_map(|(name, after)| match entry.before.get(name) {
            Some(before) if before == after => None,
            Some(before) => Some(Cell::text(format!("{name}: {} → {}", text(name, before), text(name, after)))),
            None => Some(Cell::text(format!("{name}: {}", text(name, after)))),
        });
    Cell::Lines(entry.moves.clone().map(Cell::Money).into_iter().chain(lines).collect())
}

fn who(entry: &Entry) -> Vec<Cell> {
    let person = entry.person.iter().chain([&entry.name, &entry.from]);
    person.map(Cell::text).collect()
}

/// `GET /audit`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let audit = ctx.reader.console.audit();
    let entries = audit.latest(500).await?;
    let mine = |entry: &&Entry| ctx.session.is_operator() || entry.tenant == ctx.session.tenant_id;

    let empty = Empty {
        title: "No change was made yet.",
        text: "Every sign-in and every change in this console is recorded here.",
        action: None,
    };

    let rows = entries.iter().filter(mine).take(200).map(|entry| {
        vec![
            Cell::Time(entry.at),
            Cell::Lines(who(entry)),
            Cell::link(entry.place.clone(), entry.action.clone()),
            stage(entry.stage),
            difference(entry, ctx.words()),
        ]
    });
    let table = Table::new("Audit log", ["When", "Who", "What", "State", "Change"], empty).rows(rows);

    let mut main = Vec::new();
    if ctx.session.is_operator() {
        main.push(match audit.verify().await? {
            Chain::Whole { lines } => Block::Note {
                tone: Tone::Done,
                text: ctx
                    .words()
                    .with("The chain of all {} lines is complete: no line was changed or removed.", &lines.to_string()),
            },
            Chain::Broken { line } => Block::Note {
                tone: Tone::Failed,
                text: ctx.words().with(
                    "The chain is broken at line {}: this line was changed, or a line before it was removed.",
                    &line.to_string(),
                ),
            },
        });
    }
    main.push(Block::Table { title: None, table });

    let export = Action::other("/audit/export", "Export");
    Ok(Page {
        place: "audit",
        kind: "Audit log",
        lead: Some("The changes made in this console and the users who made them, newest first."),
        actions: if ctx.session.is_operator() { vec![export] } else { Vec::new() },
        main,
        ..Page::default()
    }
    .into())
}

/// `GET /audit/export`
pub(crate) async fn export(ctx: Ctx) -> Result<Answer, Problem> {
    if !ctx.session.is_operator() {
        return Err(Problem::NotFound("Only the operator sees the whole log."));
    }
    let text = ctx.reader.console.audit().export().await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit.jsonl\"")),
    ];
    Ok(Answer::Raw((headers, text).into_response()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_shown_in_their_asset_and_other_values_as_they_are() {
        let told = |name: &str, value: Value, scale| shown(name, &value, scale, Words::English);
        assert_eq!(told("liquidityThreshold", json!("123450"), Some(2)), "1,234.50");
        assert_eq!(told("liquidityThreshold", json!("123450"), None), "123450");
        assert_eq!(told("fee", json!({"basisPoints": 150, "fixed": "25"}), Some(2)), "basisPoints 150, fixed 0.25");
        let amount = json!({"value": "5", "assetCode": "JPY", "assetScale": 0});
        assert_eq!(told("incomingAmount", amount, None), "5 JPY");
        assert_eq!(told("name", json!("100"), Some(2)), "100");
        assert_eq!(told("name", Value::Null, Some(2)), "–");
    }
}
