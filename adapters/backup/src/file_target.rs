//! A file that a database is restored into: marked, written beside its place, put there, and freed of the mark.
//! Databases on a server are in `server_target`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use database::RESTORE_MARK;
use rusqlite::{Connection, OpenFlags};

use crate::RestoreError;
use crate::draft::{parent, sync};
use crate::manifest::FileSum;
use crate::place::beside;
use crate::sqlite::{examine, rows};
use crate::sums::{Sum, each_part};

/// A place with a mark in it, and a draft beside it.
pub(crate) struct FileTarget {
    name: String,
    target: PathBuf,
    draft: PathBuf,
    backup: String,
    leaves: Leaves,
}

/// What is left if the restore ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// Neither the mark nor the draft.
    Nothing,
    /// The mark, because other places may have their data.
    Mark,
    /// The data, which the draft has become, with the mark in it.
    Data,
}

impl FileTarget {
    /// Marks the place. The draft, which is empty yet, keeps others away from it.
    pub(crate) fn mark(name: &str, target: &Path, backup: &Path) -> Result<Self, RestoreError> {
        let failed = |error: io::Error| RestoreError::write(name, error);
        fs::create_dir_all(parent(target)).map_err(failed)?;
        let draft = beside(target, ".restoring");
        create(&draft, true).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RestoreError::UnderWay { path: draft.clone() },
            _ => failed(error),
        })?;
        let (target, backup) = (target.to_owned(), backup.display().to_string());
        let place = Self { name: name.to_owned(), target, draft, backup, leaves: Leaves::Nothing };

        // Another restore may have filled it until the draft was there.
        require_free(name, &place.target)?;
        create(&place.target, false).map_err(failed)?;
        add_mark(&place.target, &place.backup).map_err(|error| RestoreError::write(name, error))?;
        sync(parent(&place.target)).map_err(failed)?;
        Ok(place)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes the draft and compares it with the manifest. It gets the mark, too.
    pub(crate) fn write(
        &mut self,
        folder: &Path,
        file: &FileSum,
        counted: &BTreeMap<String, u64>,
    ) -> Result<(), RestoreError> {
        let failed = |error: io::Error| RestoreError::write(&self.name, error);
        let mut draft = OpenOptions::new().write(true).truncate(true).open(&self.draft).map_err(failed)?;
        let mut sum = Sum::default();
        let copied = each_part(&folder.join(&file.path), |part| {
            sum.add(part);
            draft.write_all(part)
        });
        copied.and_then(|()| draft.sync_all()).map_err(failed)?;
        if sum.finish(file.path.clone()) != *file {
            return Err(RestoreError::write(&self.name, "the backup changed while it was read"));
        }
        let found = examine(&self.draft).map_err(|reason| RestoreError::write(&self.name, reason))?;
        if found != *counted {
            return Err(RestoreError::write(&self.name, "the restored tables have other numbers of rows"));
        }
        add_mark(&self.draft, &self.backup).map_err(|error| RestoreError::write(&self.name, error))?;
        sync(&self.draft).map_err(failed)
    }

    /// From now on the mark stays, even if the place gets no data.
    pub(crate) fn leave_mark(&mut self) {
        self.leaves = Leaves::Mark;
    }

    /// Puts the draft in its place.
    pub(crate) fn keep(&mut self) -> Result<(), String> {
        // A renaming replaces what is there, so it must still be the mark and nothing else.
        if !is_mark(&self.target) {
            return Err(format!("another program has written to {}", self.target.display()));
        }
        fs::rename(&self.draft, &self.target).map_err(|error| error.to_string())?;
        self.leaves = Leaves::Data;
        sync(parent(&self.target)).map_err(|error| error.to_string())
    }

    pub(crate) fn remove_mark(&mut self) -> Result<(), String> {
        let text = |error: rusqlite::Error| error.to_string();
        let connection = Connection::open_with_flags(&self.target, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(text)?;
        connection.execute_batch(&format!("DROP TABLE {RESTORE_MARK}")).map_err(text)?;
        connection.close().map_err(|(_, error)| text(error))
    }
}

impl Drop for FileTarget {
    fn drop(&mut self) {
        // What cannot be removed is named by the next restore, and by roles.
        if self.leaves != Leaves::Data {
            let _ = fs::remove_file(&self.draft);
        }
        if self.leaves == Leaves::Nothing && is_mark(&self.target) {
            let _ = fs::remove_file(&self.target);
        }
    }
}

fn create(path: &Path, new: bool) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).create_new(new).truncate(false).mode(0o600).open(path).map(drop)
}

/// Says in the file itself that it is not whole. It is on disk when this returns.
fn add_mark(file: &Path, backup: &str) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(&format!("BEGIN; CREATE TABLE IF NOT EXISTS {RESTORE_MARK} (backup TEXT NOT NULL)"))?;
    connection.execute(&format!("DELETE FROM {RESTORE_MARK}"), [])?;
    connection.execute(&format!("INSERT INTO {RESTORE_MARK} VALUES (?1)"), [backup])?;
    connection.execute_batch("COMMIT")?;
    connection.close().map_err(|(_, error)| error)
}

/// Whether the file holds the mark and nothing else.
fn is_mark(file: &Path) -> bool {
    let Ok(connection) = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return false };
    rows(&connection).is_ok_and(|tables| tables.keys().eq([RESTORE_MARK]))
}

/// The file and those that SQLite keeps beside it must be missing or empty, or hold what an earlier try has marked.
fn require_free(name: &str, target: &Path) -> Result<(), RestoreError> {
    for ending in ["", "-wal", "-journal"] {
        let path = beside(target, ending);
        if let Ok(found) = fs::metadata(&path)
            && (found.len() > 0 || !found.is_file())
            && !(ending.is_empty() && is_mark(&path))
        {
            let reason = format!("{} is there; move it away, or name another file", path.display());
            return Err(RestoreError::NotEmpty { name: name.to_owned(), reason });
        }
    }
    Ok(())
}
