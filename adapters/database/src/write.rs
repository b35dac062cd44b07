//! A write whose result is not needed at once.
//!
//! The transaction keeps it until its next read or its end, and sends it together with others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::Statement;

use crate::Error;

/// A statement that changes rows, to be sent with others of its transaction.
///
/// Other writes of the transaction may be parts of the same statement. So a write must not depend on another write to
/// other rows. Writes with the same table and key are sent one after the other. A write has no `RETURNING`.
#[derive(Clone, Debug)]
pub struct Write {
    pub(crate) table: &'static str,
    pub(crate) key: String,
    pub(crate) statement: Statement,
    /// What is done instead if the statement changes no row.
    pub(crate) otherwise: VecDeque<Statement>,
    /// What it means if no row is changed, which is an error then.
    pub(crate) missed: Option<String>,
    pub(crate) first_met: Option<Met>,
}

/// Whether a write's own statement changed a row. It is known after the commit.
#[derive(Clone, Debug, Default)]
pub struct Met(Arc<AtomicBool>);

impl Met {
    /// Whether it did; `false` before the commit.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Write {
    /// `statement` changes the row of `table` named `key`, or all rows that belong to `key`.
    pub fn new(table: &'static str, key: impl ToString, statement: Statement) -> Self {
        Self { table, key: key.to_string(), statement, otherwise: VecDeque::new(), missed: None, first_met: None }
    }

    /// If the statement changes no row, this one is done instead.
    pub fn otherwise(mut self, statement: Statement) -> Self {
        self.otherwise.push_back(statement);
        self
    }

    /// If no statement changes a row, the transaction fails with [`Error::Overtaken`], and nothing of it happens. `what`
    /// says what has changed meanwhile.
    pub fn must(mut self, what: impl Into<String>) -> Self {
        self.missed = Some(what.into());
        self
    }

    /// Returns whether the first statement changed a row, once that is known.
    pub fn met(&mut self) -> Met {
        self.first_met.get_or_insert_default().clone()
    }

    /// Whether anything depends on the number of changed rows.
    pub(crate) fn counts(&self) -> bool {
        !self.otherwise.is_empty() || self.missed.is_some() || self.first_met.is_some()
    }

    /// Whether changing no row is an error.
    pub(crate) fn must_meet(&self) -> bool {
        !self.otherwise.is_empty() || self.missed.is_some()
    }

    pub(crate) fn touches_row_of(&self, other: &Self) -> bool {
        self.table == other.table && self.key == other.key
    }

    pub(crate) fn note_met(&self) {
        if let Some(met) = &self.first_met {
            met.0.store(true, Ordering::Release);
        }
    }

    /// Takes back [`Write::note_met`], because the transaction is tried again.
    pub(crate) fn forget_met(&self) {
        if let Some(met) = &self.first_met {
            met.0.store(false, Ordering::Release);
        }
    }

    /// The write without its first statement, which changed no row. Returns the error if no statement is left.
    pub(crate) fn next(mut self) -> Result<Option<Self>, Error> {
        self.first_met = None;
        match (self.otherwise.pop_front(), self.missed) {
            (Some(statement), missed) => Ok(Some(Self { statement, missed, ..self })),
            (None, Some(what)) => Err(Error::Overtaken { what }),
            (None, None) => Ok(None),
        }
    }
}
