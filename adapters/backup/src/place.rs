//! A database with the names of what it holds. One database may hold several things.
//! It opens nothing.

use std::path::{Path, PathBuf};

/// A database.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// What it holds, for example `backend` and `backend-ledger`. The first name names its folder in the backup.
    pub names: Vec<String>,
    /// `sqlite:<file>` or `postgres://…`.
    pub url: String,
}

/// The kind of a place.
pub(crate) enum Kind<'a> {
    /// A file.
    Sqlite(&'a Path),
    /// A database on a server.
    Postgres,
}

impl Place {
    /// Places with one name each, as places with all their names: those with one URL are one database.
    pub fn together(each: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut places: Vec<Self> = Vec::new();
        for (name, url) in each {
            match places.iter_mut().find(|place| place.url == url) {
                Some(place) => place.names.push(name),
                None => places.push(Self { names: vec![name], url }),
            }
        }
        places
    }

    /// The first name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    pub(crate) fn kind(&self) -> Kind<'_> {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => Kind::Sqlite(Path::new(file.split('?').next().unwrap_or(file))),
            None => Kind::Postgres,
        }
    }
}

/// `file` with `ending` after its whole name.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
