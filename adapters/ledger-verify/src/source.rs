//! Parses the URL of a ledger's database.
//!
//! It opens nothing.

use crate::error::VerifyError;

/// The database of a ledger.
pub(crate) enum Source<'a> {
    /// A SQLite file.
    Sqlite(String),
    /// A Postgres database.
    Postgres(&'a str),
}

impl<'a> Source<'a> {
    /// Parses the URL. Options after `?` of a SQLite URL do not matter here.
    pub(crate) fn of(url: &'a str) -> Result<Self, VerifyError> {
        if let Some(place) = url.strip_prefix("sqlite:") {
            let path = place.strip_prefix("//").unwrap_or(place);
            Ok(Self::Sqlite(path.split_once('?').map_or(path, |(path, _)| path).to_owned()))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(url))
        } else {
            Err(VerifyError::UnknownUrl(url.to_owned()))
        }
    }
}
