//! The folder of a backup while it is made. It has another name until everything is written and on disk.
//!
//! If it is dropped before, it is removed. After a kill it stays, under a name that nobody takes for a backup.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clock::{Entropy, Timestamp};

use crate::BackupError;
use crate::manifest::{MANIFEST, MANIFEST_SUM, Manifest};
use crate::place::beside;
use crate::sums::Sum;

pub(crate) struct Draft {
    folder: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Draft {
    /// A folder beside `to`, or inside if `to` is a folder. Then the backup gets a name with the instant `now`.
    pub(crate) fn begin(to: &Path, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, BackupError> {
        let random = hex::encode(entropy.bytes::<4>());
        // A folder that is a backup takes no other one, also if it was finished a moment ago.
        let holds_backups = to.is_dir() && !to.join(MANIFEST).exists();
        let target = if holds_backups { to.join(name(now, &random)) } else { to.to_owned() };
        if fs::symlink_metadata(&target).is_ok() {
            return Err(BackupError::Exists { path: target });
        }
        let folder = beside(&target, &format!(".partial-{random}"));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|source| BackupError::write(&folder, source))?;
        Ok(Self { folder, target, finished: false })
    }

    /// A folder inside.
    pub(crate) fn folder(&self, name: &str) -> Result<(), BackupError> {
        let path = self.folder.join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|source| BackupError::write(&path, source))
    }

    /// Where a file of the backup is now.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    /// A new file, which only its owner may read.
    pub(crate) fn file(&self, inside: &str) -> Result<File, BackupError> {
        let path = self.path(inside);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.map_err(|source| BackupError::write(&path, source))
    }

    /// Writes the manifest and gives the backup its name.
    pub(crate) fn finish(mut self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        let failed = |source| BackupError::write(&self.folder, source);
        let text = serde_json::to_string_pretty(manifest).map_err(|error| failed(error.into()))? + "\n";
        let mut sum = Sum::default();
        sum.add(text.as_bytes());
        let sum = format!("{}  {MANIFEST}\n", sum.finish(String::new()).sha256);
        for (name, text) in [(MANIFEST_SUM, sum), (MANIFEST, text)] {
            let mut file = self.file(name)?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        sync_folders(&self.folder).map_err(failed)?;

        fs::rename(&self.folder, &self.target).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                BackupError::Exists { path: self.target.clone() }
            }
            _ => BackupError::write(&self.target, source),
        })?;
        self.finished = true;
        sync(parent(&self.target)).map_err(|source| BackupError::write(&self.target, source))?;
        Ok(self.target.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed keeps its name, which is not that of a backup.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// `rafiki-20260101T120000Z-1f2e3d4c`.
fn name(now: Timestamp, random: &str) -> String {
    let text = now.to_string();
    let digits: String = text.chars().take(19).filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("rafiki-{digits}Z-{random}")
}

/// Puts the names of a folder's files on disk, and those of the folders in it.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        }
    }
    sync(folder)
}

/// Puts a file, or the names in a folder, on disk.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The folder of a file.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_named_after_its_instant() {
        let now = Timestamp::from_millis(1_767_225_600_123);
        assert_eq!(name(now, "1f2e3d4c"), "rafiki-20260101T000000Z-1f2e3d4c");
    }
}
