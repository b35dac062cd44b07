//! An empty database of the original that an export fills, in one transaction.
//!
//! Before `commit` nothing is visible to others, and nothing is kept. The written rows can be read back before.

use rafiki_tables::back::OldTable;
use rafiki_tables::version::{Side, UnknownVersion, recognise};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::snapshot::{Old, SourceError, failed};

/// Two exports into one database at a time are refused.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(7020586423421)";
/// The totals of accounts, for the comparison. Dropped at the end of the transaction.
const TEMPORARY_SUMS: &str = "
CREATE TEMPORARY TABLE moving_sums (
    id uuid PRIMARY KEY, ref uuid NOT NULL, ledger integer NOT NULL, type text NOT NULL, debits numeric NOT NULL,
    credits numeric NOT NULL, held_debits numeric NOT NULL, held_credits numeric NOT NULL, sent numeric NOT NULL
) ON COMMIT DROP;
CREATE INDEX ON moving_sums (ref, type);";

/// Why a database cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum ReceivingError {
    /// It cannot be reached, or a statement failed.
    #[error(transparent)]
    Unusable(#[from] SourceError),
    /// Tables are missing.
    #[error(
        "the {} database has no table {table}, so it is not a database of Rafiki 2.4. Start Rafiki 2.4 once on it, so \
         that it makes its tables", side.as_str()
    )]
    Foreign {
        /// The database.
        side: Side,
        /// The first missing table.
        table: &'static str,
    },
    /// There are rows that no unfinished export has written.
    #[error("the {} database is not empty: the table {table} has rows. Name empty databases", side.as_str())]
    NotEmpty {
        /// The database.
        side: Side,
        /// The first table with rows.
        table: &'static str,
    },
    /// It holds a complete export.
    #[error("the {} database holds a complete export; name empty databases for another", side.as_str())]
    Complete {
        /// The database.
        side: Side,
    },
    /// Another export is writing to it.
    #[error("another export is writing to the {} database", side.as_str())]
    Busy {
        /// The database.
        side: Side,
    },
}

/// A database of the original that is being filled.
#[derive(Debug)]
pub struct Receiving {
    old: Old,
    book_is_empty: bool,
}

impl Receiving {
    /// Connects to the database at `url`, checks that it has the tables of Rafiki 2.4 and nothing in them, and begins
    /// the transaction. A row of the tenant `operator` is allowed.
    pub async fn open(side: Side, url: &str, operator: Uuid) -> Result<Self, ReceivingError> {
        let mut old = Old::connect(side, url).await?;
        require_tables(&mut old).await?;
        old.run("the transaction", "BEGIN").await?;
        let free: bool = sqlx::query_scalar(LOCK)
            .fetch_one(&mut old.connection)
            .await
            .map_err(|error| failed("the lock", &error))?;
        if !free {
            return Err(ReceivingError::Busy { side });
        }
        let book_is_empty = book_is_empty(&mut old).await?;
        let mark: Option<String> = sqlx::query_scalar("SELECT obj_description('tenants'::regclass)")
            .fetch_one(&mut old.connection)
            .await
            .map_err(|error| failed("the mark", &error))?;
        match mark.as_deref() {
            // Rows of an export that filled this database and perhaps not the other one.
            Some(UNFINISHED) => {}
            Some(COMPLETE) => return Err(ReceivingError::Complete { side }),
            _ => require_empty(&mut old, operator).await?,
        }
        old.read_clock().await?;
        Ok(Self { old, book_is_empty })
    }

    /// Removes what is there: rows of an unfinished export, or the operator's tenant.
    pub async fn clear(&mut self) -> Result<(), ReceivingError> {
        let tables: Vec<String> = tables(self.old.side()).map(|table| format!("\"{}\"", table.name())).collect();
        self.execute("the tables", format!("TRUNCATE {}", tables.join(", "))).await
    }

    /// Writes rows, each given as a JSON object with the columns of the table.
    pub async fn write(&mut self, table: OldTable, rows: &[String]) -> Result<(), ReceivingError> {
        if rows.is_empty() {
            return Ok(());
        }
        let name = table.name();
        let sql = format!("INSERT INTO \"{name}\" SELECT * FROM json_populate_recordset(NULL::\"{name}\", $1::json)");
        let list = format!("[{}]", rows.join(","));
        let written = sqlx::query(AssertSqlSafe(sql)).bind(list).execute(&mut self.old.connection).await;
        written.map(drop).map_err(|error| failed(name, &error).into())
    }

    /// Records the migrations if none are recorded, and continues the numbers of ledgers after `last_ledger`.
    pub async fn complete(&mut self, last_ledger: i64) -> Result<(), ReceivingError> {
        let side = self.old.side();
        if self.book_is_empty {
            let (book, names) = (side.migrations_table(), side.migrations().join(".js', '"));
            let booked = format!(
                "INSERT INTO {book} (id, name, batch, migration_time)
                    SELECT n, name, 1, now() FROM unnest(ARRAY['{names}.js']) WITH ORDINALITY AS names (name, n);
                INSERT INTO {book}_lock (index, is_locked) SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM {book}_lock);
                SELECT setval('{book}_id_seq', (SELECT max(id) FROM {book}))"
            );
            self.execute("the migrations", booked).await?;
        }
        if side == Side::Backend && last_ledger > 0 {
            self.execute("assets", format!("SELECT setval('assets_ledger_seq', {last_ledger})")).await?;
        }
        Ok(())
    }

    /// What was written, for the comparison.
    pub async fn written(&mut self) -> Result<&mut Old, ReceivingError> {
        self.old.run("the ledger", TEMPORARY_SUMS).await?;
        self.old.add_up().await?;
        Ok(&mut self.old)
    }

    /// What was written to a database without a ledger.
    pub fn written_rows(&mut self) -> &mut Old {
        &mut self.old
    }

    /// Keeps everything. The database counts as unfinished until `finish`.
    pub async fn commit(&mut self) -> Result<(), ReceivingError> {
        self.execute("the mark", format!("COMMENT ON TABLE tenants IS '{UNFINISHED}'")).await?;
        Ok(self.old.run("the transaction", "COMMIT").await?)
    }

    /// Both databases are filled.
    pub async fn finish(&mut self) -> Result<(), ReceivingError> {
        self.execute("the mark", format!("COMMENT ON TABLE tenants IS '{COMPLETE}'")).await
    }

    /// Closes the connection. Rows that were not committed are discarded.
    pub async fn close(self) {
        self.old.close().await;
    }

    async fn execute(&mut self, what: &'static str, sql: String) -> Result<(), ReceivingError> {
        let done = self.old.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        done.map(drop).map_err(|error| failed(what, &error).into())
    }
}

/// The comment of a table says that an export has filled the database, and whether its partner was filled, too.
const UNFINISHED: &str = "rafiki export unfinished";
const COMPLETE: &str = "rafiki export complete";

fn tables(side: Side) -> impl Iterator<Item = OldTable> {
    OldTable::ALL.into_iter().filter(move |table| table.side() == side)
}

async fn require_tables(old: &mut Old) -> Result<(), ReceivingError> {
    let side = old.side();
    let books = [
        side.migrations_table(),
        if side == Side::Backend { "knex_migrations_lock" } else { "auth_knex_migrations_lock" },
    ];
    for table in books.into_iter().chain(tables(side).map(OldTable::name)) {
        let there: bool = sqlx::query_scalar("SELECT to_regclass(quote_ident($1)) IS NOT NULL")
            .bind(table)
            .fetch_one(&mut old.connection)
            .await
            .map_err(|error| failed("the tables", &error))?;
        if !there {
            return Err(ReceivingError::Foreign { side, table });
        }
    }
    Ok(())
}

/// Whether no migration is recorded. Recorded migrations must be those of Rafiki 2.4.
async fn book_is_empty(old: &mut Old) -> Result<bool, ReceivingError> {
    let (side, booked) = (old.side(), old.booked().await?);
    if booked.is_empty() {
        return Ok(true);
    }
    let version = |reason: UnknownVersion| SourceError::Version { side, reason };
    recognise(side, &booked).map_err(version)?;
    Ok(false)
}

async fn require_empty(old: &mut Old, operator: Uuid) -> Result<(), ReceivingError> {
    let side = old.side();
    for table in tables(side) {
        let name = table.name();
        let others = if name == "tenants" { format!("WHERE id <> '{operator}'") } else { String::new() };
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{name}\" {others})");
        let rows: bool = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut old.connection)
            .await
            .map_err(|error| failed(name, &error))?;
        if rows {
            return Err(ReceivingError::NotEmpty { side, table: name });
        }
    }
    Ok(())
}
