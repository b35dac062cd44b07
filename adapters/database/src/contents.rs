//! What a database contains: nothing, tables of this program, or tables of another one. It is only read.
//!
//! This is checked before the first migration, so that a database of another program stays exactly as it is.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, ConnectOptions, Connection};

use crate::Unreachable;

/// How long a server may take to answer one attempt.
const ANSWER: Duration = Duration::from_secs(5);

/// The table that marks a database whose restore has not ended. `backup` makes it first and removes it last.
pub const RESTORE_MARK: &str = "restore_incomplete";

/// The contents of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// No table. A SQLite file may not exist.
    Empty,
    /// Tables of this program.
    Ours {
        /// The stores with a table of migrations there, sorted.
        stores: Vec<String>,
        /// Whether the tables of a ledger exist.
        ledger: bool,
    },
    /// A restore into it was interrupted.
    Incomplete {
        /// Whether it has tables beside the mark.
        filled: bool,
    },
    /// The database of the original Rafiki.
    Original,
    /// The database of another program.
    Foreign {
        /// Its tables, sorted.
        tables: Vec<String>,
    },
}

/// Why a database cannot be used. The message is for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// A restore into it was interrupted.
    Incomplete {
        /// Whether it has tables beside the mark.
        filled: bool,
    },
    /// It belongs to the original Rafiki.
    Original,
    /// It belongs to another program.
    Foreign {
        /// Its tables, sorted.
        tables: Vec<String>,
    },
    /// It belongs to another role.
    OtherRole {
        /// The stores there that do not belong to this role.
        stores: Vec<String>,
    },
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { .. } => f.write_str(
                "a restore into it is under way or was interrupted, so data may be missing here or in the databases that \
                 belong to it. If no `rafiki restore` runs, empty all databases of that restore (delete the files, or \
                 `dropdb` and `createdb`) and repeat it",
            ),
            Self::Original => f.write_str(
                "it holds the tables of the original Rafiki, which this program cannot use as they are; name an empty \
                 database, and bring them over with `rafiki import --backend <this URL> --auth <URL of its auth \
                 database>`. Nothing was changed",
            ),
            Self::Foreign { tables } => {
                const SHOWN: usize = 5;
                let shown = tables.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
                let more = if tables.len() > SHOWN { ", …" } else { "" };
                write!(
                    f,
                    "it holds the tables of another program ({shown}{more}); name an empty database. Nothing was changed"
                )
            }
            Self::OtherRole { stores } => write!(
                f,
                "it is in use by another role (it holds the tables of {}); every role needs a database of its own. \
                 Nothing was changed",
                stores.join(", ")
            ),
        }
    }
}

impl Contents {
    /// Reads the database at `url`. It creates no file.
    pub async fn of(url: &str) -> Result<Self, Unreachable> {
        match url.split(':').next().unwrap_or_default() {
            "sqlite" => of_file(url).await,
            "postgres" | "postgresql" => of_server(url).await,
            _ => Err(Unreachable::UnknownScheme),
        }
    }

    /// Whether a role with these `stores` may use it.
    pub fn require(&self, stores: &[&str]) -> Result<(), NotOurs> {
        match self {
            Self::Empty => Ok(()),
            Self::Incomplete { filled } => Err(NotOurs::Incomplete { filled: *filled }),
            Self::Original => Err(NotOurs::Original),
            Self::Foreign { tables } => Err(NotOurs::Foreign { tables: tables.clone() }),
            Self::Ours { stores: found, .. } => {
                let others: Vec<String> =
                    found.iter().filter(|store| !stores.contains(&store.as_str())).cloned().collect();
                if others.is_empty() { Ok(()) } else { Err(NotOurs::OtherRole { stores: others }) }
            }
        }
    }

    /// Whether a ledger may be kept there. It may share a database with any role, but not with another program.
    pub fn require_ledger(&self) -> Result<(), NotOurs> {
        match self {
            Self::Empty | Self::Ours { .. } => Ok(()),
            Self::Incomplete { filled } => Err(NotOurs::Incomplete { filled: *filled }),
            Self::Original => Err(NotOurs::Original),
            Self::Foreign { tables } => Err(NotOurs::Foreign { tables: tables.clone() }),
        }
    }

    /// Decides by the names of all tables and columns.
    fn told_by(mut columns: Vec<(String, String)>) -> Self {
        columns.sort();
        let mut tables: Vec<String> = columns.iter().map(|(table, _)| table.clone()).collect();
        tables.dedup();
        let has = |table: &str, column: &str| columns.iter().any(|(t, c)| t == table && c == column);

        let stores: Vec<String> = tables
            .iter()
            .filter(|table| has(table, "version") && has(table, "applied_at"))
            .filter_map(|table| table.strip_suffix("_migrations"))
            // SeaORM uses this name for the migrations of any other program.
            .filter(|store| *store != "seaql")
            .map(str::to_owned)
            .collect();
        let ledger = has("ledger_head", "seq") || (has("journal", "record") && has("indexed", "through"));
        let original = ["knex_migrations", "auth_knex_migrations"].iter().any(|book| has(book, "migration_time"));

        if tables.is_empty() {
            Self::Empty
        } else if tables.iter().any(|table| table == RESTORE_MARK) {
            Self::Incomplete { filled: tables.len() > 1 }
        } else if original {
            Self::Original
        } else if ledger || !stores.is_empty() {
            Self::Ours { stores, ledger }
        } else {
            Self::Foreign { tables }
        }
    }
}

/// Every table and its columns in the schemas of this user. Views and tables of extensions are left out.
const SERVER_COLUMNS: &str = "
SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";

async fn of_server(url: &str) -> Result<Contents, Unreachable> {
    let (mut connection, options) = server_connection(url).await?;
    let reading = sqlx::query_as(SERVER_COLUMNS).fetch_all(&mut connection);
    let columns = match tokio::time::timeout(ANSWER, reading).await {
        Ok(columns) => columns.map_err(|error| Unreachable::postgres(&options, &error))?,
        Err(_) => return Err(silent(&options)),
    };
    // The result of closing does not matter.
    let _ = connection.close().await;
    Ok(Contents::told_by(columns))
}

/// One connection, or the reason why there is none. It does not repeat the attempt as the pool does.
pub(crate) async fn server_connection(url: &str) -> Result<(PgConnection, PgConnectOptions), Unreachable> {
    let options: PgConnectOptions =
        url.parse().map_err(|error: sqlx::Error| Unreachable::Url { reason: error.to_string() })?;
    let options = options.disable_statement_logging();
    match tokio::time::timeout(ANSWER, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => Ok((connection, options)),
        Ok(Err(error)) => Err(Unreachable::postgres(&options, &error)),
        Err(_) => Err(silent(&options)),
    }
}

fn silent(options: &PgConnectOptions) -> Unreachable {
    let reason = format!("no answer within {} s", ANSWER.as_secs());
    Unreachable::Silent { server: crate::unreachable::server(options), reason }
}

async fn of_file(url: &str) -> Result<Contents, Unreachable> {
    let options: SqliteConnectOptions =
        url.parse().map_err(|error: sqlx::Error| Unreachable::Url { reason: error.to_string() })?;
    let path = options.get_filename().to_owned();
    if url.contains(":memory:") || !has_content(&path)? {
        return Ok(Contents::Empty);
    }
    let file = path.display().to_string();
    let failed = |error: sqlx::Error| Unreachable::sqlite(&file, &error);
    let options = options.create_if_missing(false).read_only(true).busy_timeout(ANSWER).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    let columns = "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let columns = sqlx::query_as(columns).fetch_all(&mut connection).await.map_err(failed)?;
    let _ = connection.close().await;
    Ok(Contents::told_by(columns))
}

/// Whether the file exists and is not empty.
fn has_content(path: &Path) -> Result<bool, Unreachable> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Unreachable::File { file: path.display().to_string(), reason: "it is a folder".to_owned() })
        }
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Unreachable::File { file: path.display().to_string(), reason: error.to_string() }),
    }
}
