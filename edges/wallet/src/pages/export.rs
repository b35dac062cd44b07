//! The history as a table for other programs: comma-separated values (RFC 4180), sent while they are read.
//!
//! Which movements it has is the filter of the address, as on the page.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use page_kit::{Words, numbers};
use uuid::Uuid;

use super::context::{Ctx, Problem};
use super::filter::Filter;
use crate::customers::Customer;
use crate::history::{Listed, Names, Wanted};
use crate::modules::{Module, ModuleError};

/// Movements that are read at a time.
const PART: u32 = 200;

/// What is still to be sent.
enum Rest {
    After(Timestamp, Uuid),
    End,
}

impl Rest {
    fn of(part: &[Listed]) -> Self {
        match part.last() {
            Some(last) if part.len() == PART as usize => Self::After(last.movement.made_at, last.movement.id),
            _ => Self::End,
        }
    }
}

/// One download.
struct Export {
    customer: Customer,
    wanted: Wanted,
    accounts: Vec<(Uuid, String)>,
    /// Whether the names of contacts are in it. They are in all rows or in none.
    names: Names,
    rest: Rest,
}

/// `GET /history.csv` with the filters of the page
pub(crate) async fn csv(ctx: Ctx) -> Result<Response, Problem> {
    let accounts = ctx.customer.accounts().await?;
    let wanted = Wanted { before: None, ..Filter::read(&ctx.reader.query).wanted };
    let mut first = ctx.customer.movements(&wanted, PART).await?;
    if first.names == Names::Missing {
        first = ctx.customer.unnamed_movements(&wanted, PART).await?;
    }
    let export = Export {
        customer: ctx.customer.clone(),
        wanted,
        accounts: accounts.into_iter().map(|held| (held.account.id, held.account.name)).collect(),
        names: first.names,
        rest: Rest::of(&first.rows),
    };
    let beginning = format!("{}{}", head(export.names), export.text(&first.rows));
    let later = stream::unfold(export, |export: Export| async move {
        let (part, rest) = match export.rest {
            Rest::After(at, id) => part(&export, (at, id)).await,
            Rest::End => return None,
        };
        Some((part.map(Bytes::from), Export { rest, ..export }))
    });
    let rows = stream::iter([Ok(Bytes::from(beginning))]).chain(later);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"history.csv\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(rows)).into_response())
}

/// The heads of the columns. That of the names says if those of contacts are missing.
fn head(names: Names) -> String {
    let name = match names {
        Names::Known => "name",
        Names::Missing => "name (those of contacts are missing)",
    };
    format!("time,kind,state,account,amount,fee,currency,other side,{name},note,number\r\n")
}

/// The next rows, and what comes after them. An error breaks the answer off, so that it does not look whole.
async fn part(export: &Export, before: (Timestamp, Uuid)) -> (Result<String, ModuleError>, Rest) {
    match export.read(before).await {
        Ok(rows) => (Ok(export.text(&rows)), Rest::of(&rows)),
        Err(error) => {
            tracing::error!(%error, "an export was broken off");
            (Err(error), Rest::End)
        }
    }
}

impl Export {
    async fn read(&self, before: (Timestamp, Uuid)) -> Result<Vec<Listed>, ModuleError> {
        let wanted = Wanted { before: Some(before), ..self.wanted.clone() };
        if self.names == Names::Missing {
            return Ok(self.customer.unnamed_movements(&wanted, PART).await?.rows);
        }
        let found = self.customer.movements(&wanted, PART).await?;
        match found.names {
            Names::Known => Ok(found.rows),
            Names::Missing => {
                let reason = "it answered when the table began, and does not any more".to_owned();
                Err(ModuleError::Away { module: Module::Payments, reason })
            }
        }
    }

    fn text(&self, rows: &[Listed]) -> String {
        rows.iter().map(|listed| row(listed, &self.accounts)).collect()
    }
}

fn row(listed: &Listed, accounts: &[(Uuid, String)]) -> String {
    let m = &listed.movement;
    let sign = if m.comes() { "" } else { "-" };
    let decimal = |value: u64| numbers::input(value, listed.asset.scale, Words::English);
    let account = accounts.iter().find(|(id, _)| *id == m.account).map_or("", |(_, name)| name.as_str());
    let own = |text: &str| format!("\"{text}\"");
    let amount = format!("{sign}{}", decimal(m.amount));
    let fields = [
        own(&m.made_at.to_string()),
        own(m.kind.as_str()),
        own(m.state.as_str()),
        cell(account),
        if m.amount == 0 { decimal(0) } else { amount },
        decimal(m.fee),
        own(&listed.asset.code.to_string()),
        cell(m.party.as_deref().unwrap_or_default()),
        cell(listed.payee.as_deref().unwrap_or_default()),
        cell(m.note.as_deref().unwrap_or_default()),
        own(&m.id.to_string()),
    ];
    format!("{}\r\n", fields.join(","))
}

/// A text that somebody wrote. Spreadsheets run a text that begins like a formula, so such a text gets an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_text_is_neither_a_formula_nor_two_cells() {
        assert_eq!(cell("Lunch"), "\"Lunch\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        for formula in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"] {
            assert!(cell(formula).starts_with("\"'"), "{formula}");
        }
    }
}
