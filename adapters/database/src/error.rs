//! Errors of a database, in terms that a caller can act on.
//! Errors while connecting are in `unreachable`.

use std::sync::Arc;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::Unreachable;

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with these unique values exists. `detail` names the constraint (Postgres) or the columns (SQLite).
    #[error("a row with the same unique values exists ({detail})")]
    UniqueViolation {
        /// The name that the database gives.
        detail: String,
    },
    /// A row refers to a row that does not exist, or a row that is referred to was deleted.
    #[error("a referenced row is missing, or a row is still referred to ({detail})")]
    ForeignKeyViolation {
        /// The name that the database gives.
        detail: String,
    },
    /// Another transaction was in the way. Nothing was written. Repeat the whole transaction.
    #[error("another transaction locks the same rows; repeat this one")]
    Retriable(#[source] DbErr),
    /// The database does not answer, or has no free connection. Whether a commit took effect is unknown.
    #[error("the database no longer answers: {0}")]
    Unavailable(#[source] DbErr),
    /// The first connection could not be opened.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The database has tables of another version of this program, or of another role.
    #[error("{0}")]
    OtherTables(String),
    /// The folder of the database file cannot be created.
    #[error("the folder {folder} for the database cannot be created")]
    Folder {
        /// The folder.
        folder: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A stored row has an impossible value.
    #[error("inconsistent row {row} in {table}.{column}; restore it from a backup or correct it by hand")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// Something that this transaction was based on has changed meanwhile. Nothing of the transaction happens.
    #[error("another writer was faster: {what}")]
    Overtaken {
        /// What has changed.
        what: String,
    },
    /// A value does not fit its column.
    #[error("{what} does not fit the database")]
    OutOfRange {
        /// The name of the value.
        what: &'static str,
    },
    /// Several requests were sent together, and failed together.
    #[error("{0}")]
    Together(Arc<Error>),
    /// Any other error: a fault of this program or of the database.
    #[error("the database refused: {0}")]
    Other(#[source] DbErr),
}

impl Error {
    /// A stored row with an impossible value.
    pub fn inconsistent(table: &'static str, column: &'static str, row: impl ToString) -> Self {
        Self::Inconsistent { table, column, row: row.to_string() }
    }

    /// For signatures of the library that require its own error type. What callers act on is found again by `from`.
    pub(crate) fn into_db_err(self) -> DbErr {
        match self {
            Self::Retriable(error) | Self::Unavailable(error) | Self::Other(error) => error,
            kept @ (Self::UniqueViolation { .. } | Self::ForeignKeyViolation { .. } | Self::Overtaken { .. }) => {
                DbErr::TryIntoErr { from: "a write", into: "a query", source: Arc::new(kept) }
            }
            other => DbErr::Custom(other.to_string()),
        }
    }

    /// What `into_db_err` has put into an error of the library.
    fn kept_in(error: &DbErr) -> Option<Self> {
        let DbErr::TryIntoErr { source, .. } = error else { return None };
        match source.downcast_ref::<Self>()? {
            Self::UniqueViolation { detail } => Some(Self::UniqueViolation { detail: detail.clone() }),
            Self::ForeignKeyViolation { detail } => Some(Self::ForeignKeyViolation { detail: detail.clone() }),
            Self::Overtaken { what } => Some(Self::Overtaken { what: what.clone() }),
            _ => None,
        }
    }

    /// Whether a row with the same unique values exists.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation { .. })
    }

    /// Whether something that the transaction was based on has changed.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Overtaken { .. })
    }

    /// Whether the same transaction may succeed when repeated.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Retriable(_) | Self::Unavailable(_) => true,
            Self::Together(error) => error.is_retriable(),
            _ => false,
        }
    }

    /// Whether the failure of one request made the others fail that were sent with it.
    pub(crate) fn is_of_one_row(&self) -> bool {
        matches!(
            self,
            Self::UniqueViolation { .. }
                | Self::ForeignKeyViolation { .. }
                | Self::Inconsistent { .. }
                | Self::Overtaken { .. }
        )
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(kept) = Self::kept_in(&error) {
            return kept;
        }
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(detail)) => return Self::UniqueViolation { detail },
            Some(SqlErr::ForeignKeyConstraintViolation(detail)) => return Self::ForeignKeyViolation { detail },
            _ => {}
        }
        match kind(&error) {
            Kind::InTheWay => Self::Retriable(error),
            Kind::Away => Self::Unavailable(error),
            Kind::Fault => Self::Other(error),
        }
    }
}

enum Kind {
    InTheWay,
    Away,
    Fault,
}

fn kind(error: &DbErr) -> Kind {
    let inner = match error {
        DbErr::ConnectionAcquire(_) => return Kind::Away,
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => inner,
        _ => return Kind::Fault,
    };
    sqlx_kind(inner)
}

fn sqlx_kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            if inner.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                sqlite_kind(&code)
            } else {
                postgres_kind(&code)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Kind::Away,
        _ => Kind::Fault,
    }
}

/// Whether another connection holds what this one needed.
pub(crate) fn is_in_the_way(error: &sqlx::Error) -> bool {
    matches!(sqlx_kind(error), Kind::InTheWay)
}

/// The primary result code is the low octet: 5 is busy, 6 is locked (<https://sqlite.org/rescode.html>).
fn sqlite_kind(code: &str) -> Kind {
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Kind::InTheWay,
        _ => Kind::Fault,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_kind(code: &str) -> Kind {
    match code {
        "40001" | "40P01" | "55P03" => Kind::InTheWay,
        "57P01" | "57P02" | "57P03" | "53300" => Kind::Away,
        _ if code.starts_with("08") => Kind::Away,
        _ => Kind::Fault,
    }
}
