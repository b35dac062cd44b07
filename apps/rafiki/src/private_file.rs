//! Files that only their owner may read: sessions, keys, environments.
//!
//! Database files are created by their engines.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::Failure;

/// Writes the whole file or nothing.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::io(format!("cannot write {}", path.display()), error);
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)
}
