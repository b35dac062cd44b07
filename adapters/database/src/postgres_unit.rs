//! A unit of work on Postgres, with as few round trips as possible.
//!
//! Writes to different rows become parts of one statement. A unit that only writes is this one statement, without a
//! transaction around it.

use std::mem;

use sea_orm::sqlx;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, RuntimeErr, Statement,
    TransactionOptions,
};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::Error;
use crate::batch::Batch;
use crate::whole::begin_whole;
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

    pub(crate) fn has_begun(&mut self) -> bool {
        self.begun.get_mut().is_some()
    }

    /// The transaction, for statements whose results are needed.
    pub(crate) async fn begun(&self) -> Result<MappedMutexGuard<'_, DatabaseTransaction>, DbErr> {
        let mut begun = self.begun.lock().await;
        if begun.is_none() {
            *begun = Some(begin_whole(&self.pool, TransactionOptions::default()).await?);
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

    pub(crate) async fn commit(self, writes: Vec<Write>) -> Result<(), Error> {
        if let Some(transaction) = self.begun.into_inner() {
            for some in in_turns(writes) {
                write_at_once(&transaction, some).await?;
            }
            return Ok(transaction.commit().await?);
        }
        let mut turns = in_turns(writes);
        match (turns.pop(), turns.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => write_alone(&self.pool, only).await,
            (Some(last), false) => {
                let transaction = begin_whole(&self.pool, TransactionOptions::default()).await?;
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
fn combined(writes: &[Write], ask: Ask) -> Statement {
    let mut batch = Batch::default();
    for (number, write) in writes.iter().enumerate() {
        batch.push_words(if number == 0 { "WITH " } else { ", " });
        batch.push_words(&format!("w{number} AS ("));
        batch.push(&write.statement);
        batch.push_words(" RETURNING 1)");
    }
    let count = |number: usize| format!("(SELECT count(*) FROM w{number})");
    let counts: Vec<String> = (0..writes.len()).map(count).collect();
    batch.push_words(&format!(" SELECT {}", counts.join(", ")));
    if ask == Ask::CountsOrFailure {
        let needed: Vec<&str> = writes
            .iter()
            .zip(&counts)
            .filter(|(write, _)| write.must_meet())
            .map(|(_, count)| count.as_str())
            .collect();
        if !needed.is_empty() {
            batch.push_words(&format!(", 1 / LEAST({})", needed.join(", ")));
        }
    }
    Statement::from_sql_and_values(DbBackend::Postgres, batch.sql, batch.values)
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
    match pool.query_one_raw(combined(&writes, Ask::CountsOrFailure)).await {
        Ok(row) => {
            for (number, write) in writes.iter().enumerate() {
                if rows_met(row.as_ref(), number)? > 0 {
                    write.note_met();
                }
            }
            Ok(())
        }
        Err(error) if is_division_by_zero(&error) => {
            let transaction = begin_whole(pool, TransactionOptions::default()).await?;
            write_at_once(&transaction, writes).await?;
            Ok(transaction.commit().await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends all writes as one statement of a transaction. Writes that change no row are followed by their alternatives.
async fn write_at_once(transaction: &DatabaseTransaction, writes: Vec<Write>) -> Result<(), Error> {
    let mut met = Vec::with_capacity(writes.len());
    if let [only] = writes.as_slice() {
        met.push(transaction.execute_raw(only.statement.clone()).await?.rows_affected());
    } else {
        let row = transaction.query_one_raw(combined(&writes, Ask::Counts)).await?;
        for number in 0..writes.len() {
            met.push(rows_met(row.as_ref(), number)?);
        }
    }
    for (write, rows) in writes.into_iter().zip(met) {
        if rows > 0 {
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

fn rows_met(row: Option<&QueryResult>, number: usize) -> Result<u64, DbErr> {
    let rows: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(number))?;
    Ok(rows.unsigned_abs())
}

fn is_division_by_zero(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    matches!(error.as_ref(), sqlx::Error::Database(error) if error.code().as_deref() == Some(DIVISION_BY_ZERO))
}
