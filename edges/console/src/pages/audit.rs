//! The audit log as a page and as a file.
//!
//! Operators see the whole log. Tenants see their own entries.

use axum::response::IntoResponse;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::Value;

use crate::audit::{Chain, Entry, Stage};
use crate::context::{Answer, Ctx, Problem};
use crate::pages::values::{changed, shown};
use crate::reading::Reading;
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

/// The amount that is moved, and the changed values, as `name: before → after`.
fn difference(entry: &Entry, words: Reading) -> Cell {
    if let Some(outcome) = &entry.outcome {
        return Cell::text(outcome.clone());
    }
    if !entry.input.is_object() {
        return Cell::Absent("–");
    }
    let lines = changed(&entry.input, &entry.before, entry.moves.as_ref()).into_iter().map(|one| {
        let text = |value: &Value| shown(one.name, value, entry.scale, words);
        Cell::text(match one.before {
            Some(before) => format!("{}: {} → {}", one.name, text(before), text(one.after)),
            None => format!("{}: {}", one.name, text(one.after)),
        })
    });
    let why = entry.why.as_ref().map(|why| Cell::text(words.with("Reason: {}", why)));
    Cell::Lines(entry.moves.clone().map(Cell::Money).into_iter().chain(lines).chain(why).collect())
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
