//! The lock that makes one process the owner of a ledger file.
//!
//! The operating system holds it. So it ends when the process ends, for whatever reason.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::OpenLedgerError;

/// Released when dropped.
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock beside the database file. If it is taken, the error names the file.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenLedgerError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let unavailable = |error: std::io::Error| OpenLedgerError::Unavailable(format!("{}: {error}", path.display()));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenLedgerError::InUse { path: database.to_owned() }),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}
