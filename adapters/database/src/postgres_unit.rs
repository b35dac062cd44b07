//! A unit of work on Postgres, with as few round trips as possible.
//!
//! Writes to different rows become parts of one statement. A unit that only writes is this one statement, without a
//! transaction around it.

use std::mem;

use sea_orm::sqlx;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, RuntimeErr, Statement,
    TransactionTrait,
};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::Error;
use crate::batch::Batch;
use crate::soon::Company;
use crate::write::Write;

/// The transaction begins with the first statement that returns rows.
#[derive(Debug)]
pub(crate) struct PostgresUnit {
    pool: DatabaseConnection,
    begun: Mutex<Option<DatabaseTransaction>>,
}

impl PostgresUnit {
    pub(crate) fn new(pool: DatabaseConnection) -> Self {
        Self { pool, begun: Mutex::default() }
    }

    /// The transaction, for statements whose results are needed.
    pub(crate) async fn begun(&self) -> Result<MappedMutexGuard<'_, DatabaseTransaction>, DbErr> {
        let mut begun = self.begun.lock().await;
        if begun.is_none() {
            *begun = Some(self.pool.begin().await?);
        }
        MutexGuard::try_map(begun, Option::as_mut).map_err(|_| DbErr::Custom("no transaction".to_owned()))
    }

    pub(crate) async fn query(&self, statements: Vec<Statement>) -> Result<Vec<Vec<QueryResult>>, DbErr> {
        let transaction = self.begun().await?;
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            answers.push(transaction.query_all_raw(statement).await?);
        }
        Ok(answers)
    }

    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<(), Error> {
        let transaction = self.begun().await?;
        for some in in_turns(writes) {
            write_at_once(&transaction, some).await?;
        }
        Ok(())
    }

    /// `company` is what may go with a unit that only writes.
    pub(crate) async fn commit(
        self,
        writes: Vec<Write>,
        company: impl FnOnce() -> Option<Company>,
    ) -> Result<(), Error> {
        if let Some(transaction) = self.begun.into_inner() {
            for some in in_turns(writes) {
                write_at_once(&transaction, some).await?;
            }
            return Ok(transaction.commit().await?);
        }
        let mut turns = in_turns(writes);
        match (turns.pop(), turns.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => match company() {
                Some(company) => write_in_company(&self.pool, only, company).await,
                None => write_alone(&self.pool, only).await,
            },
            (Some(last), false) => {
                let transaction = self.pool.begin().await?;
                for some in turns.into_iter().chain([last]) {
                    write_at_once(&transaction, some).await?;
                }
                Ok(transaction.commit().await?)
            }
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        match self.begun.into_inner() {
            Some(transaction) => Ok(transaction.rollback().await?),
            None => Ok(()),
        }
    }
}

/// Groups of writes that may be sent together. The parts of one statement do not see each other's changes.
fn in_turns(writes: Vec<Write>) -> Vec<Vec<Write>> {
    let mut turns = Vec::new();
    let mut turn: Vec<Write> = Vec::new();
    for write in writes {
        if turn.iter().any(|other| other.touches_row_of(&write)) {
            turns.push(mem::take(&mut turn));
        }
        turn.push(write);
    }
    if !turn.is_empty() {
        turns.push(turn);
    }
    turns
}

/// The result wanted from a combined statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// How many rows each part changed.
    Counts,
    /// The same, and an error if a part that must change a row changed none.
    CountsOrFailure,
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const DIVISION_BY_ZERO: &str = "22012";

/// One statement that does all `writes`.
fn combined<'w>(writes: impl Iterator<Item = &'w Write> + Clone, ask: Ask) -> Statement {
    let mut batch = Batch::default();
    for (number, write) in writes.clone().enumerate() {
        batch.push_words(if number == 0 { "WITH " } else { ", " });
        batch.push_words(&format!("w{number} AS ("));
        batch.push(&write.statement);
        batch.push_words(" RETURNING 1)");
    }
    for (number, _) in writes.clone().enumerate() {
        batch.push_words(if number == 0 { " SELECT " } else { ", " });
        batch.push_words(&format!("(SELECT count(*) FROM w{number})"));
    }
    if ask == Ask::CountsOrFailure && writes.clone().any(Write::must_meet) {
        let mut before = ", 1 / LEAST(";
        for (number, write) in writes.enumerate().filter(|(_, write)| write.must_meet()) {
            batch.push_words(&format!("{before}(SELECT count(*) FROM w{number})"));
            if write.rows != 1 {
                // Less than all is none.
                batch.push_words(" / ");
                batch.push(&Statement::from_sql_and_values(DbBackend::Postgres, "$1", [write.rows.into()]));
            }
            before = ", ";
        }
        batch.push_words(")");
    }
    Statement::from_sql_and_values(DbBackend::Postgres, batch.sql, batch.values)
}

/// All writes as one statement that is a transaction of its own. Nothing of it happens if one that must meet rows does not.
pub(crate) async fn at_once<'w>(
    pool: &DatabaseConnection,
    writes: impl Iterator<Item = &'w Write> + Clone,
) -> Result<(), DbErr> {
    let row = pool.query_one_raw(combined(writes.clone(), Ask::CountsOrFailure)).await?;
    for (number, write) in writes.enumerate() {
        if rows_met(row.as_ref(), number)? >= write.rows {
            write.note_met();
        }
    }
    Ok(())
}

/// Sends all writes as one statement without a transaction. If one of them must change a row and changes none, a
/// transaction is used.
async fn write_alone(pool: &DatabaseConnection, writes: Vec<Write>) -> Result<(), Error> {
    if let [only] = writes.as_slice()
        && !only.counts()
    {
        pool.execute_raw(only.statement.clone()).await?;
        return Ok(());
    }
    match at_once(pool, writes.iter()).await {
        Err(error) if server_said(&error).as_deref() == Some(DIVISION_BY_ZERO) => {
            let transaction = pool.begin().await?;
            write_at_once(&transaction, writes).await?;
            Ok(transaction.commit().await?)
        }
        written => Ok(written?),
    }
}

/// As [`write_alone`], together with what can wait for no other. That never decides how this ends.
async fn write_in_company(pool: &DatabaseConnection, writes: Vec<Write>, company: Company) -> Result<(), Error> {
    match at_once(pool, writes.iter().chain(company.writes())).await {
        Ok(()) => {
            company.arrived();
            Ok(())
        }
        // Whichever was in the way, nothing has happened.
        Err(error) if server_said(&error).is_some() => {
            drop(company);
            write_alone(pool, writes).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends all writes as one statement of a transaction. Writes that change no row are followed by their alternatives.
async fn write_at_once(transaction: &DatabaseTransaction, writes: Vec<Write>) -> Result<(), Error> {
    let mut met = Vec::with_capacity(writes.len());
    if let [only] = writes.as_slice() {
        let done = transaction.execute_raw(only.statement.clone()).await?;
        met.push(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX));
    } else {
        let row = transaction.query_one_raw(combined(writes.iter(), Ask::Counts)).await?;
        for number in 0..writes.len() {
            met.push(rows_met(row.as_ref(), number)?);
        }
    }
    for (write, rows) in writes.into_iter().zip(met) {
        if rows >= write.rows {
            write.note_met();
            continue;
        }
        let mut left = write.next()?;
        while let Some(write) = left {
            let rows = transaction.execute_raw(write.statement.clone()).await?.rows_affected();
            left = if rows > 0 { None } else { write.next()? };
        }
    }
    Ok(())
}

fn rows_met(row: Option<&QueryResult>, number: usize) -> Result<i64, DbErr> {
    row.map_or(Ok(0), |row| row.try_get_by_index(number))
}

/// The code of the error that the server has answered with; `None` if it has not answered.
fn server_said(error: &DbErr) -> Option<String> {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) = error else {
        return None;
    };
    match error.as_ref() {
        sqlx::Error::Database(error) => Some(error.code().unwrap_or_default().into_owned()),
        _ => None,
    }
}
