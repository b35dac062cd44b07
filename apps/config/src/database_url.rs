//! The place of a database: a SQLite file or a PostgreSQL server.
//!
//! It opens no connection and does not check that the database exists.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::masked::masked_url;

/// `sqlite:<path>` or `postgresql://…`. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// The text names no database this software can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither sqlite:<path> nor postgresql://<user>@<host>/<database>")]
pub struct InvalidDatabaseUrl;

impl DatabaseUrl {
    /// The SQLite file at `path`.
    pub fn sqlite(path: &std::path::Path) -> Self {
        Self(format!("sqlite:{}", path.display()))
    }

    /// The URL, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The path of the file, when it is a SQLite database in a file.
    pub fn file(&self) -> Option<&str> {
        let path = self.0.strip_prefix("sqlite:")?;
        Some(path.split('?').next().unwrap_or(path)).filter(|path| *path != ":memory:")
    }

    /// A database of its own beside this one: another file, or the same PostgreSQL database.
    pub fn sibling(&self, suffix: &str) -> Self {
        match self.file() {
            Some(path) => {
                let stem = path.strip_suffix(".db").unwrap_or(path);
                Self(format!("sqlite:{stem}-{suffix}.db"))
            }
            None => self.clone(),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // Both spellings are common, but only one of them is understood everywhere.
            let path = path.strip_prefix("//").unwrap_or(path);
            let empty = path.trim_start_matches('/').is_empty();
            return if empty { Err(InvalidDatabaseUrl) } else { Ok(Self(format!("sqlite:{path}"))) };
        }
        let url = Url::parse(text).map_err(|_| InvalidDatabaseUrl)?;
        let postgres = matches!(url.scheme(), "postgres" | "postgresql");
        postgres.then(|| Self(text.to_owned())).ok_or(InvalidDatabaseUrl)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked_url(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_servers_are_told_apart_and_passwords_are_not_shown() {
        let file: DatabaseUrl = "sqlite://./data/backend.db?mode=rwc".parse().unwrap();
        assert_eq!(file.file(), Some("./data/backend.db"));
        assert_eq!(file.sibling("ledger").expose(), "sqlite:./data/backend-ledger.db");
        let server: DatabaseUrl = "postgresql://u:secret@h:5432/d".parse().unwrap();
        assert_eq!(server.file(), None);
        assert_eq!(server.to_string(), "postgresql://u:***@h:5432/d");
        assert_eq!(server.sibling("ledger"), server);
        let server: DatabaseUrl = "postgres://u@h/d?password=secret".parse().unwrap();
        assert_eq!(server.to_string(), "postgres://u@h/d?password=***");
    }

    #[test]
    fn other_databases_are_refused() {
        for text in ["mysql://h/d", "sqlite:", "sqlite://", "backend.db"] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }
}
