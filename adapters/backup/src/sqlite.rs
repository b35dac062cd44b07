//! SQLite files of one instant: all of them are locked against writers for a moment, and a reader is opened on each.
//! The readers keep that instant while the files are copied and writers go on. Servers are in `postgres`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use crate::BackupError;
use crate::copied::Copied;
use crate::manifest::Contained;
use crate::sums::sum_of;

/// The pause before a lock that is held is tried again. Under load it is free only for moments between two commits.
const BETWEEN_TRIES: Duration = Duration::from_micros(100);
/// How often one lock is tried before the others are given back: two seconds.
const TRIES: i32 = 20_000;
/// Pages that are copied at a time: 4 MB.
const PAGES: i32 = 1024;

/// A file with its name in messages.
#[derive(Clone)]
pub(crate) struct SqliteFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Files that nobody writes to until this is dropped.
pub(crate) struct Frozen {
    _writers: Vec<Connection>,
}

/// A reader that sees its file at one instant.
pub(crate) struct Pinned {
    file: SqliteFile,
    reader: Connection,
}

/// Locks all files, in vain if one of them stays locked by others, and opens a reader on each.
pub(crate) fn freeze(files: &[SqliteFile]) -> Result<Option<(Frozen, Vec<Pinned>)>, BackupError> {
    let mut writers = Vec::with_capacity(files.len());
    for file in files {
        let writer = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match writer.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => writers.push(writer),
            Err(error) if is_busy(&error) => return Ok(None),
            Err(error) => return Err(BackupError::read(&file.name, error)),
        }
    }

    let mut pinned = Vec::with_capacity(files.len());
    for file in files {
        let reader = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // The instant is that of the first read.
        let first = reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema");
        first.map_err(|error| BackupError::read(&file.name, error))?;
        pinned.push(Pinned { file: file.clone(), reader });
    }
    Ok(Some((Frozen { _writers: writers }, pinned)))
}

fn open(file: &SqliteFile, how: OpenFlags) -> Result<Connection, BackupError> {
    if !file.path.is_file() {
        return Err(BackupError::Missing { name: file.name.clone(), path: file.path.clone() });
    }
    let failed = |error: rusqlite::Error| BackupError::read(&file.name, error);
    let connection = Connection::open_with_flags(&file.path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_handler(Some(try_again)).map_err(failed)?;
    Ok(connection)
}

fn try_again(tries: i32) -> bool {
    thread::sleep(BETWEEN_TRIES);
    tries < TRIES
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl Pinned {
    /// What the file holds.
    pub(crate) fn name(&self) -> &str {
        &self.file.name
    }

    /// Copies the file to `target`, which is empty and called `path` in the backup.
    pub(crate) fn copy(self, target: &Path, path: &str) -> Result<Copied, BackupError> {
        let written = |error: rusqlite::Error| BackupError::write(target, std::io::Error::other(error.to_string()));
        let mut copy = Connection::open_with_flags(target, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(written)?;
        let backup = Backup::new(&self.reader, &mut copy).map_err(written)?;
        while backup.step(PAGES).map_err(written)? != StepResult::Done {}
        drop(backup);

        let read = |error: rusqlite::Error| BackupError::read(&self.file.name, error);
        // The same tables are counted at the same instant, so that the copy is compared with what was copied.
        let (migrations, rows) = (migrations(&self.reader).map_err(read)?, rows(&self.reader).map_err(read)?);
        let ledger_layout = ledger_layout(&self.reader).map_err(read)?;
        copy.close().map_err(|(_, error)| written(error))?;
        // A damaged file is copied as it is. It is found now, and not when the backup is needed.
        let examined = examine(target).map_err(|verdict| {
            BackupError::read(
                &self.file.name,
                format!("the file is damaged ({verdict}); restore it from an earlier backup"),
            )
        })?;
        if examined != rows {
            return Err(BackupError::read(&self.file.name, "the copy differs from what was copied"));
        }

        let failed = |error| BackupError::write(target, error);
        crate::draft::sync(target).map_err(failed)?;
        let file = sum_of(target, path).map_err(failed)?;
        Ok(Copied { contained: Contained::Sqlite { file, rows }, migrations, ledger_layout })
    }
}

/// How many rows each table has.
pub(crate) fn rows(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut rows = BTreeMap::new();
    for table in names(connection, tables)? {
        let count = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        rows.insert(table, connection.query_row(&count, [], |row| row.get(0))?);
    }
    Ok(rows)
}

/// The steps of migration that each store has.
fn migrations(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let books = "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name LIKE '%\\_migrations' ESCAPE '\\' AND c.name = 'version'";
    let mut migrations = BTreeMap::new();
    for book in names(connection, books)? {
        let steps = names(connection, &format!("SELECT version FROM \"{book}\" ORDER BY version"))?;
        migrations.insert(book.trim_end_matches("_migrations").to_owned(), steps);
    }
    Ok(migrations)
}

fn ledger_layout(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    let kept: bool = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'ledger_layout'",
        [],
        |row| row.get(0),
    )?;
    if !kept {
        return Ok(None);
    }
    connection.query_row("SELECT version FROM ledger_layout", [], |row| row.get(0)).optional()
}

fn names(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Looks through a whole file that nobody uses, and counts its rows. It makes no files beside it.
pub(crate) fn examine(file: &Path) -> Result<BTreeMap<String, u64>, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let url = format!("file:{}?immutable=1", escaped(file));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(url, flags).map_err(text)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(text)?;
    if verdict != "ok" {
        return Err(verdict);
    }
    rows(&connection).map_err(text)
}

/// The path in a URL (<https://sqlite.org/uri.html>).
fn escaped(file: &Path) -> String {
    file.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
