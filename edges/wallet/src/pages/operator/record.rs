//! The record of what operators changed here, as a page. Lines that do not fit the line before are marked.
//!
//! The lines are written by `operators`.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;

use super::super::context::{Ctx, Problem};
use super::super::frame::Frame;
use crate::operators::{self, Deed, Line, Stage};

/// The lines of a page.
const AT_ONCE: usize = 50;

/// A line with its words.
pub(crate) struct Shown {
    pub(crate) line: Line,
    /// Whether it fits the line before.
    pub(crate) fits: bool,
}

impl Shown {
    pub(crate) fn of(line: Line) -> Self {
        Self { line, fits: true }
    }

    pub(crate) fn deed(&self) -> &'static str {
        match self.line.act.deed {
            Deed::Fee => "Fee",
            Deed::Deposit => "Deposit",
            Deed::Freeze => "Freeze",
            Deed::Thaw => "Thaw",
        }
    }

    pub(crate) fn badge(&self) -> (&'static str, &'static str) {
        match self.line.stage {
            Stage::Asked => ("Asked", "waiting"),
            Stage::Done => ("Done", "done"),
            Stage::Refused => ("Refused", "failed"),
            Stage::Unknown => ("No answer", "failed"),
        }
    }
}

#[derive(Template)]
#[template(path = "operator_record.html")]
struct Record<'a> {
    f: &'a Frame,
    lines: Vec<Shown>,
    older: Option<i64>,
    first: bool,
}

impl Record<'_> {
    fn is_whole(&self) -> bool {
        self.lines.iter().all(|line| line.fits)
    }
}

/// `GET /operator/record?before=`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    let before = ctx.reader.query.get("before").and_then(|before| before.parse().ok());
    let lines = operators::lines(ctx.core().effects.store.database(), before, AT_ONCE).await?;
    let older = lines.last().map(|(line, _)| line.number).filter(|number| *number > 1);
    let f = ctx.frame("operator");
    let page = Record {
        f: &f,
        older: older.filter(|_| lines.len() == AT_ONCE),
        lines: lines.into_iter().map(|(line, fits)| Shown { line, fits }).collect(),
        first: before.is_none(),
    };
    Ok(html(StatusCode::OK, &page))
}
