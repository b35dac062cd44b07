//! Why a backup cannot be taken, is not accepted, or cannot be restored. Each message says what to do.
//! The commands show them as they are.

use std::io;
use std::path::{Path, PathBuf};

/// Why no backup was taken. Nothing that looks like a backup is left.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something under this name.
    #[error("{path} exists already; name a new backup, or an existing folder, which gets a new one inside", path = path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// A file or folder of the backup cannot be written.
    #[error("the backup cannot be written to {path}: {source}; give it room and rights there, or choose another place", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file of a database is missing.
    #[error("{name}: there is no file {path}; start the role once, or correct its database URL", path = path.display())]
    Missing {
        /// What it holds.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// The file has more than one name. SQLite keeps its log beside the name that a role uses, so under another name what
    /// is only in the log would be missed.
    #[error(
        "{name}: {path} has {links} names (hard links), and what was written under another one cannot be seen; remove the \
         other names, which `find -samefile` lists",
        path = path.display()
    )]
    SeveralNames {
        /// What it holds.
        name: String,
        /// The name that was given.
        path: PathBuf,
        /// How many it has.
        links: u64,
    },
    /// A database cannot be read.
    #[error("{name} cannot be read: {reason}")]
    Read {
        /// What it holds.
        name: String,
        /// The message of the database.
        reason: String,
    },
    /// The databases could not be seen at one instant, because they are written to all the time.
    #[error(
        "in {seconds} s there was no instant at which all databases could be seen together; other programs write to \
         them, or hold them locked: repeat the command when less is going on"
    )]
    Busy {
        /// How long it was tried.
        seconds: u64,
    },
    /// A table cannot be described so that it can be made again.
    #[error("{name} has {what}, which this program does not make and cannot restore; move it to another database")]
    Unsupported {
        /// What it holds.
        name: String,
        /// The object.
        what: String,
    },
}

impl BackupError {
    pub(crate) fn read(name: &str, reason: impl ToString) -> Self {
        Self::Read { name: name.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}

/// What is wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// There is no folder.
    #[error("{path} is not a backup: it is no folder", path = path.display())]
    NoFolder {
        /// The place.
        path: PathBuf,
    },
    /// It has no manifest, which is written last.
    #[error("{path} is not a whole backup: it has no manifest.json, which is written last", path = path.display())]
    NotWhole {
        /// The place.
        path: PathBuf,
    },
    /// The manifest is not as it was written.
    #[error("manifest.json is damaged: {reason}")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// It was made by a later version.
    #[error("it was made by {program}, which is later than this program: {reason}; restore it with that version")]
    Newer {
        /// The program that made it.
        program: String,
        /// What this program does not know.
        reason: String,
    },
    /// A file is not as it was written.
    #[error("{path} is damaged: {reason}")]
    File {
        /// The file in the backup.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not accepted.
    #[error("{0}. Nothing was restored")]
    Damaged(#[from] Damage),
    /// The backup does not hold what is asked for.
    #[error("the backup does not hold {name}; it holds {held}. Nothing was restored")]
    NotContained {
        /// What is asked for.
        name: String,
        /// What it holds.
        held: String,
    },
    /// The databases are divided in another way.
    #[error("{reason}. Nothing was restored")]
    OtherPlaces {
        /// What differs.
        reason: String,
    },
    /// There is data in the target.
    #[error("{name} is not empty: {reason}. Nothing was restored")]
    NotEmpty {
        /// What it is to hold.
        name: String,
        /// What is there, and what to do.
        reason: String,
    },
    /// Another restore is under way, or was interrupted.
    #[error(
        "{path} exists: another restore is under way, or one was interrupted; if none is, remove the file. Nothing was \
         restored", path = path.display()
    )]
    UnderWay {
        /// The draft of a file.
        path: PathBuf,
    },
    /// The target cannot be written.
    #[error("{name} cannot be written: {reason}. Nothing was restored")]
    Write {
        /// What it is to hold.
        name: String,
        /// The reason.
        reason: String,
    },
    /// Not all of the last steps could be done.
    #[error(
        "{done} of {all} databases were restored when {name} failed: {reason}. All of them are marked as incomplete, and no \
         role starts on them: empty all of them and repeat the command"
    )]
    Half {
        /// How many have their data.
        done: usize,
        /// How many there are.
        all: usize,
        /// The one that failed.
        name: String,
        /// The reason.
        reason: String,
    },
    /// Everything is there, and a mark could not be removed.
    #[error(
        "all databases have their data, but the mark of {name} cannot be removed: {reason}. Drop its table \
         restore_incomplete, and those of the databases named before it"
    )]
    Mark {
        /// What the database holds.
        name: String,
        /// The reason.
        reason: String,
    },
}

impl RestoreError {
    pub(crate) fn write(name: &str, reason: impl ToString) -> Self {
        Self::Write { name: name.to_owned(), reason: reason.to_string() }
    }
}
