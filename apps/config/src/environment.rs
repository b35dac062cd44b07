//! The source of the values: the process environment first, then a dotenv file.
//!
//! The sections check the values.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::dotenv;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the process.
    Process,
    /// A file of variables.
    File(PathBuf),
    /// It is not set.
    Unset,
}

/// Names and values, real environment variables over those of the dotenv file.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// The names from a file. All others come from the process, and most of those are not for this program.
    written: BTreeSet<String>,
    /// The names from the process, which count more than a file.
    process: BTreeSet<String>,
    /// The file.
    file: PathBuf,
}

/// The file of variables cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the file of environment variables {path}: {source}", path = path.display())]
pub struct EnvironmentError {
    path: PathBuf,
    source: io::Error,
}

impl Environment {
    /// The process environment over the dotenv file of `ENV_FILE` (default `.env`, which may be missing).
    pub fn load() -> Result<Self, EnvironmentError> {
        let process: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let named = process.get("ENV_FILE").filter(|path| !path.is_empty());
        let path = PathBuf::from(named.map_or(".env", String::as_str));
        let mut values: BTreeMap<String, String> = match std::fs::read_to_string(&path) {
            Ok(text) => dotenv::parse(&text).into_iter().collect(),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(EnvironmentError { path, source }),
        };
        let written = values.keys().cloned().collect();
        let names = process.keys().cloned().collect();
        values.extend(process);
        Ok(Self { values, written, process: names, file: path })
    }

    /// The values of the dotenv file at `path`, and no others.
    pub fn of_file(path: &Path) -> Result<Self, EnvironmentError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| EnvironmentError { path: path.to_owned(), source })?;
        let values: BTreeMap<String, String> = dotenv::parse(&text).into_iter().collect();
        let written = values.keys().cloned().collect();
        Ok(Self { values, written, process: BTreeSet::new(), file: path.to_owned() })
    }

    /// Every name, and whether a file gave it.
    pub fn names(&self) -> impl Iterator<Item = (&str, bool)> {
        self.values.keys().map(|name| (name.as_str(), self.written.contains(name)))
    }

    /// Exactly these values, for the playground and for tests.
    pub fn of<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, ..Self::default() }
    }

    /// The value of `name`; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Where the value of `name` comes from.
    pub fn origin(&self, name: &str) -> Origin {
        if self.get(name).is_none() {
            Origin::Unset
        } else if self.written.contains(name) && !self.process.contains(name) {
            Origin::File(self.file.clone())
        } else {
            Origin::Process
        }
    }

    /// The values as a dotenv file, in the order of their names. [`Environment::load`] reads it back unchanged.
    pub fn to_dotenv(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.values {
            text.extend([name, "=", &dotenv::quoted(value), "\n"]);
        }
        text
    }

    /// Sets `name`, and replaces an earlier value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }
}

/// What kind of installation this is (`NODE_ENV`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Identifiers are https but carried over plain http.
    #[default]
    Development,
    /// No introspection of schemas; https is https.
    Production,
    /// Workers off, Admin API unauthenticated.
    Test,
    /// Development behind a TLS-terminating tunnel.
    Autopeer,
}

impl Mode {
    /// Whether `https` identifiers are fetched over plain http.
    pub(crate) fn carries_https_over_http(self) -> bool {
        self == Self::Development
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_counts_as_unset() {
        let environment = Environment::of([("A", ""), ("B", " x ")]);
        assert_eq!((environment.get("A"), environment.get("B"), environment.get("C")), (None, Some("x"), None));
    }

    #[test]
    fn a_written_dotenv_file_is_read_back_unchanged() {
        let values = [("A", "plain"), ("B", "a # b"), ("C", "it's"), ("D", "two\nlines"), ("E", "x=\"y\"")];
        let written = Environment::of(values).to_dotenv();
        let read: Vec<(String, String)> = dotenv::parse(&written);
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, values);
    }
}
