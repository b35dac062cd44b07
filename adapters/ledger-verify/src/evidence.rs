//! Opens a ledger's file for verification: read only, and without leaving other files beside it.
//!
//! It is not for a file that is checked repeatedly while it is used: the monitor opens that like every other reader.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clock::{Entropy, SystemEntropy};
use rusqlite::{Connection, OpenFlags};

use crate::error::VerifyError;

/// The beginning of every SQLite file (<https://www.sqlite.org/fileformat.html>).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A file of the ledger, open for reading.
pub(crate) struct Evidence {
    pub(crate) connection: Connection,
    /// The folder of the copy. It is removed with its content.
    _copy: Option<Copy>,
}

/// How the file can be read without changing its folder.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// No process uses it, and all data is in the file itself.
    Alone,
    /// There are other files beside it, from a running process or from a killed one. They are read as they are.
    Beside,
    /// A part of the data is in a write-ahead log without an index. SQLite would have to create the index, so it is
    /// done in a copy.
    InACopy,
}

impl Evidence {
    pub(crate) fn open(path: &str) -> Result<Self, VerifyError> {
        let file = Path::new(path);
        require_sqlite(file)?;
        let evidence = match Way::to(file) {
            Way::Alone => Self { connection: connect(file, "immutable=1")?, _copy: None },
            Way::Beside => Self { connection: connect(file, "readonly_shm=1")?, _copy: None },
            Way::InACopy => {
                let copy = Copy::of(file)?;
                let connection = connect(&copy.file(), "mode=ro")?;
                Self { connection, _copy: Some(copy) }
            }
        };
        evidence.connection.busy_timeout(std::time::Duration::from_secs(5))?;
        evidence.require_journal(path)?;
        Ok(evidence)
    }

    fn require_journal(&self, path: &str) -> Result<(), VerifyError> {
        let count =
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('journal', 'accounts', 'indexed')";
        let tables: u32 =
            self.connection.query_row(count, [], |row| row.get(0)).map_err(|error| unreadable(path, &error))?;
        if tables == 3 { Ok(()) } else { Err(no_ledger(path, "it is a SQLite database without a ledger's journal")) }
    }
}

impl Way {
    fn to(file: &Path) -> Self {
        let has_content = |suffix: &str| std::fs::metadata(beside(file, suffix)).is_ok_and(|data| data.len() > 0);
        if beside(file, "-shm").exists() {
            Self::Beside
        } else if has_content("-wal") {
            Self::InACopy
        } else {
            Self::Alone
        }
    }
}

/// A copy of the file and its log, in another folder.
struct Copy(PathBuf);

impl Copy {
    fn of(file: &Path) -> Result<Self, VerifyError> {
        let failed = |error: std::io::Error| VerifyError::Unavailable(format!("it cannot be copied: {error}"));
        let folder = std::env::temp_dir().join(format!("rafiki-verify-{}", SystemEntropy.uuid().simple()));
        std::fs::create_dir(&folder).map_err(failed)?;
        let copy = Self(folder);
        std::fs::copy(file, copy.file()).map_err(failed)?;
        std::fs::copy(beside(file, "-wal"), beside(&copy.file(), "-wal")).map_err(failed)?;
        Ok(copy)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Another program may have removed the temporary folder already. That is not an error.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn connect(file: &Path, parameter: &str) -> Result<Connection, VerifyError> {
    let absolute = std::path::absolute(file).map_err(|error| VerifyError::Unavailable(error.to_string()))?;
    let mut uri = "file:".to_owned();
    for octet in absolute.as_os_str().as_encoded_bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => uri.push(char::from(*octet)),
            // Writing to a string does not fail.
            other => drop(write!(uri, "%{other:02x}")),
        }
    }
    let uri = format!("{uri}?{parameter}");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).map_err(|error| unreadable(&file.display().to_string(), &error))
}

/// Refuses a file that is missing, empty or not a ledger, with a clearer message than SQLite's.
fn require_sqlite(file: &Path) -> Result<(), VerifyError> {
    let name = file.display().to_string();
    let mut head = Vec::new();
    match File::open(file).and_then(|file| file.take(16).read_to_end(&mut head)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(no_ledger(&name, "there is no such file")),
        Err(error) => Err(VerifyError::Unavailable(format!("{name}: {error}"))),
        Ok(0) => Err(no_ledger(&name, "the file is empty")),
        Ok(_) if head != MAGIC => Err(no_ledger(&name, "it is not a SQLite database")),
        Ok(_) => Ok(()),
    }
}

fn no_ledger(place: &str, reason: &str) -> VerifyError {
    VerifyError::NoLedger { place: place.to_owned(), reason: reason.to_owned() }
}

fn unreadable(path: &str, error: &rusqlite::Error) -> VerifyError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            VerifyError::Unavailable(format!("{path} is damaged: {error}"))
        }
        _ => VerifyError::Unavailable(format!("{path}: {error}")),
    }
}
