//! One database of the original, read as of one time.
//! The queries are in `queries`; what the rows mean is in `rafiki-tables`.

use clock::Timestamp;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use rafiki_tables::carry::Source;
use rafiki_tables::refusal::Refusal;
use rafiki_tables::version::{Side, UnknownVersion, recognise};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};

use crate::books_in::{BooksIn, TEMPORARY_BOOKS};
use crate::{checks, queries};

/// Created before the read-only snapshot begins. A temporary table can still be filled in it.
const TEMPORARY_SUMS: &str = "
CREATE TEMPORARY TABLE moving_sums (
    id uuid PRIMARY KEY, ref uuid NOT NULL, ledger integer NOT NULL, type text NOT NULL, debits numeric NOT NULL,
    credits numeric NOT NULL, held_debits numeric NOT NULL, held_credits numeric NOT NULL, sent numeric NOT NULL
);
CREATE INDEX ON moving_sums (ref, type);";

/// Why the original cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The server or database does not exist, or refuses the connection.
    #[error("the {} database of the original cannot be read: {reason}", side.as_str())]
    Unreachable {
        /// The database.
        side: Side,
        /// The server's message.
        reason: String,
    },
    /// It is of another version.
    #[error("the {} database: {reason}", side.as_str())]
    Version {
        /// The database.
        side: Side,
        /// The reason.
        reason: UnknownVersion,
    },
    /// A query failed.
    #[error("reading {what} of the original failed: {reason}")]
    Failed {
        /// What was read.
        what: &'static str,
        /// The server's message.
        reason: String,
    },
}

/// A refusal that was found by comparing several rows.
pub type Fault = Refusal;

/// How many rows a table has, and how many in each state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedTable {
    /// Rows in all.
    pub rows: u64,
    /// Rows by state, sorted by it; empty for tables without states.
    pub states: Vec<(String, u64)>,
}

/// One database of the original, read as of one time.
#[derive(Debug)]
pub struct Old {
    side: Side,
    pub(crate) connection: PgConnection,
    at: Timestamp,
}

impl Old {
    /// Connects to the database at `url`, checks its version, and begins the snapshot. Writes nothing except
    /// temporary tables of its own session.
    pub async fn open(side: Side, url: &str, unknown: UnknownAllowed, books: BooksIn) -> Result<Self, SourceError> {
        let mut old = Self::connect(side, url).await?;
        old.recognise(unknown).await?;
        if side == Side::Backend {
            old.run("the ledger", TEMPORARY_SUMS).await?;
            if books == BooksIn::Cluster {
                old.run("the ledger", TEMPORARY_BOOKS).await?;
            }
        }
        old.run("the snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        old.read_clock().await?;
        Ok(old)
    }

    pub(crate) async fn connect(side: Side, url: &str) -> Result<Self, SourceError> {
        let unreachable = |error: sqlx::Error| SourceError::Unreachable { side, reason: error.to_string() };
        let options: PgConnectOptions = url.parse().map_err(unreachable)?;
        let mut connection =
            PgConnection::connect_with(&options.disable_statement_logging()).await.map_err(unreachable)?;
        let settings = "SET TIME ZONE 'UTC'; SET statement_timeout = 0; SET work_mem = '64MB'; SET jit = off;";
        connection.execute(settings).await.map_err(unreachable)?;
        Ok(Self { side, connection, at: Timestamp::EPOCH })
    }

    /// Takes the time of the transaction, by the server's clock.
    pub(crate) async fn read_clock(&mut self) -> Result<(), SourceError> {
        let millis = "SELECT floor(extract(epoch FROM now()) * 1000)::bigint";
        let now: i64 = sqlx::query_scalar(millis)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| failed("the snapshot", &error))?;
        self.at = Timestamp::from_millis(now);
        Ok(())
    }

    /// The time of the snapshot, by the server's clock.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Which database it is.
    pub fn side(&self) -> Side {
        self.side
    }

    async fn recognise(&mut self, unknown: UnknownAllowed) -> Result<(), SourceError> {
        let side = self.side;
        let version = |reason| SourceError::Version { side, reason };
        let book = side.migrations_table();

        let there: Option<bool> = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(book)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| failed("the migrations", &error))?;
        if there != Some(true) {
            return Err(version(UnknownVersion::NotRafiki(side)));
        }

        let locked = format!("SELECT coalesce(max(is_locked), 0) FROM {book}_lock");
        let locked: i32 = sqlx::query_scalar(AssertSqlSafe(locked))
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| failed("the migrations", &error))?;
        if locked != 0 {
            return Err(version(UnknownVersion::Locked));
        }
        let booked = self.booked().await?;

        match recognise(side, &booked) {
            Err(UnknownVersion::Newer(_)) if unknown == UnknownAllowed::Yes => Ok(()),
            other => other.map_err(version),
        }
    }

    /// The names of the recorded migrations.
    pub(crate) async fn booked(&mut self) -> Result<Vec<String>, SourceError> {
        let sql = format!("SELECT name::text FROM {} ORDER BY id", self.side.migrations_table());
        let names = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        names.map_err(|error| failed("the migrations", &error))
    }

    pub(crate) async fn run(&mut self, what: &'static str, sql: &'static str) -> Result<(), SourceError> {
        self.connection.execute(sql).await.map(drop).map_err(|error| failed(what, &error))
    }

    /// The rows of a source as JSON objects: those that changed since a time, or all.
    pub fn rows(&mut self, source: Source, since: Option<Timestamp>) -> BoxStream<'_, Result<String, SourceError>> {
        let what = source.table();
        let sql = format!("SELECT row_to_json(r)::text FROM ({}) r", dated(queries::of(source), since));
        sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
            .fetch(&mut self.connection)
            .map_err(move |error| failed(what, &error))
            .boxed()
    }

    /// Faults that are found by comparing several rows, a limited number of each kind.
    pub async fn faults(&mut self) -> Result<Vec<Fault>, SourceError> {
        let mut faults = Vec::new();
        for check in checks::of(self.side) {
            let rows = sqlx::query(AssertSqlSafe(check.sql()))
                .fetch_all(&mut self.connection)
                .await
                .map_err(|error| failed(check.table, &error))?;
            for row in rows {
                let text = |column: usize| row.try_get::<Option<String>, _>(column).ok().flatten().unwrap_or_default();
                faults.push(check.fault(text(0), text(1), text(2)));
            }
        }
        Ok(faults)
    }

    /// How many rows a table of the original has, in all and by state.
    pub async fn count(&mut self, table: &'static str) -> Result<CountedTable, SourceError> {
        let state = match table {
            "incomingPayments" | "outgoingPayments" => "state",
            "grants" if self.side == Side::Auth => {
                "coalesce(state || coalesce(' ' || \"finalizationReason\"::text, ''), '')"
            }
            _ => "''",
        };
        let sql = format!("SELECT {state}::text, count(*) FROM \"{table}\" GROUP BY 1 ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| failed(table, &error))?;
        let mut counted = CountedTable { rows: 0, states: Vec::new() };
        for row in rows {
            let read = |error: sqlx::Error| failed(table, &error);
            let (state, rows): (String, i64) = (row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?);
            counted.rows += rows.unsigned_abs();
            if !state.is_empty() {
                counted.states.push((state, rows.unsigned_abs()));
            }
        }
        Ok(counted)
    }

    /// Those of these ids that no row of the table has in `column`.
    pub async fn missing(
        &mut self,
        table: &'static str,
        column: &'static str,
        ids: &[String],
    ) -> Result<Vec<String>, SourceError> {
        let sql = format!(
            "SELECT id FROM unnest($1::text[]) AS wanted (id) \
             WHERE NOT EXISTS (SELECT 1 FROM \"{table}\" t WHERE t.\"{column}\" = wanted.id::uuid)"
        );
        let missing = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut self.connection).await;
        missing.map_err(|error| failed(table, &error))
    }

    /// One number of the original. Sums may exceed 64 bits.
    pub async fn number(&mut self, what: &'static str, sql: &'static str) -> Result<i128, SourceError> {
        let sql = format!("SELECT ({sql})::text");
        let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| failed(what, &error))?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// One number or text of the original.
    pub async fn value(&mut self, what: &'static str, sql: &'static str) -> Result<Option<String>, SourceError> {
        let value = sqlx::query_scalar(sql).fetch_one(&mut self.connection).await;
        value.map_err(|error| failed(what, &error))
    }

    /// Ends the snapshot.
    pub async fn close(self) {
        // The result of closing does not matter.
        let _ = self.connection.close().await;
    }
}

/// Whether a database with unknown migrations is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAllowed {
    /// Yes, because the operator allows it.
    Yes,
    /// No.
    No,
}

/// A query with this time as its `$1`. The time is written into the text, because a parameter would need one plan for
/// both cases.
pub(crate) fn dated(sql: &str, since: Option<Timestamp>) -> String {
    let instant = match since {
        None => "NULL".to_owned(),
        Some(since) => format!("to_timestamp({} / 1000.0)", since.as_millis()),
    };
    sql.replace("$1", &instant)
}

pub(crate) fn failed(what: &'static str, error: &sqlx::Error) -> SourceError {
    SourceError::Failed { what, reason: error.to_string() }
}
