//! The manifest of a backup: what it holds, of which instant, and how to see that nothing is missing or changed.
//! It is written last, so a folder with a manifest is a whole backup.

use std::collections::BTreeMap;

use clock::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the format. A later one is refused.
pub(crate) const FORMAT: u32 = 1;
/// The name of the file.
pub const MANIFEST: &str = "manifest.json";
/// The name of the file with its checksum, as `sha256sum` writes it.
pub(crate) const MANIFEST_SUM: &str = "manifest.json.sha256";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// The program that made it, with its version.
    pub program: String,
    /// The name of the installation.
    pub installation: String,
    /// The instant of all data.
    pub at: Timestamp,
    /// The databases.
    pub stores: Vec<Store>,
    /// What belongs to the installation and is not in the backup, in words.
    pub not_contained: Vec<String>,
}

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// What it holds, for example `backend` and `backend-ledger`.
    pub names: Vec<String>,
    /// The steps of migration that each of its stores has.
    pub migrations: BTreeMap<String, Vec<String>>,
    /// The version of the layout of the ledger in it. None if there is no ledger, or one from before layouts had versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_layout: Option<u32>,
    /// Its data.
    #[serde(flatten)]
    pub contained: Contained,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A database on a server.
    Postgres,
}

/// The data of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum Contained {
    /// The file as it was.
    Sqlite {
        /// The file.
        file: FileSum,
        /// Rows in each table.
        rows: BTreeMap<String, u64>,
    },
    /// Tables as text, and the statements that make them.
    Postgres {
        /// The tables.
        tables: Vec<Table>,
        /// The statements for keys and indexes, in order, after the rows are there.
        finish: Vec<String>,
    },
}

/// A file of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its path in the backup.
    pub path: String,
    /// Its length.
    pub octets: u64,
    /// The SHA-256 of its content in hexadecimal.
    pub sha256: String,
}

/// A table of a database on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns in the order of the file.
    pub columns: Vec<String>,
    /// The statement that makes it.
    pub create: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its rows in the text format of `COPY`.
    pub file: FileSum,
}

impl Store {
    /// The first name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// The kind of its database.
    pub fn engine(&self) -> Engine {
        match self.contained {
            Contained::Sqlite { .. } => Engine::Sqlite,
            Contained::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Every file of it.
    pub fn files(&self) -> Vec<&FileSum> {
        match &self.contained {
            Contained::Sqlite { file, .. } => vec![file],
            Contained::Postgres { tables, .. } => tables.iter().map(|table| &table.file).collect(),
        }
    }

    /// How many rows all its tables have.
    pub fn rows(&self) -> u64 {
        match &self.contained {
            Contained::Sqlite { rows, .. } => rows.values().sum(),
            Contained::Postgres { tables, .. } => tables.iter().map(|table| table.rows).sum(),
        }
    }

    /// The length of all its files.
    pub fn octets(&self) -> u64 {
        self.files().iter().map(|file| file.octets).sum()
    }
}
