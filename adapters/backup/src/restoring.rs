//! The way back: databases of a backup into empty places. Everything is written and compared first, under other names or
//! in open transactions. Then all places get their data, one right after the other.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::draft::{parent, sync};
use crate::manifest::{Contained, Engine, FileSum, Store};
use crate::place::{Kind, Place, beside};
use crate::postgres_restore::{Loaded, load};
use crate::sqlite::examine;
use crate::sums::{Sum, each_part};
use crate::{Checked, RestoreError};

/// Restores into `places`, which name what they shall hold. What the backup holds beside that is left out. `progress` is
/// called with the name of each database before it is written.
pub async fn restore(backup: &Checked, places: &[Place], progress: impl Fn(&str)) -> Result<(), RestoreError> {
    let mut ways = Vec::with_capacity(places.len());
    for place in places {
        ways.push((place, store_of(backup, place)?));
    }

    let mut written = Vec::with_capacity(places.len());
    for (place, store) in ways {
        progress(place.name());
        written.push(match (place.kind(), &store.contained) {
            (Kind::Sqlite(target), Contained::Sqlite { file, rows }) => {
                let draft = FileDraft::write(place.name(), target, &backup.folder, file)?;
                let found = examine(&draft.path).map_err(|reason| RestoreError::write(place.name(), reason))?;
                if found != *rows {
                    return Err(RestoreError::write(place.name(), "the restored tables have other numbers of rows"));
                }
                Written::File(draft)
            }
            (Kind::Postgres, Contained::Postgres { tables, finish }) => {
                Written::Server(load(place.name(), &place.url, &backup.folder, tables, finish).await?)
            }
            _ => return Err(other_engine(place, store)),
        });
    }
    keep(written).await
}

/// The database of the backup that holds exactly what the place shall hold.
fn store_of<'a>(backup: &'a Checked, place: &Place) -> Result<&'a Store, RestoreError> {
    let stores = &backup.manifest.stores;
    for name in &place.names {
        if !stores.iter().any(|store| store.names.contains(name)) {
            let held: Vec<&str> = stores.iter().flat_map(|store| &store.names).map(String::as_str).collect();
            return Err(RestoreError::NotContained { name: name.clone(), held: held.join(", ") });
        }
    }
    let store = stores.iter().find(|store| store.names.iter().any(|name| place.names.contains(name)));
    let store = store.filter(|store| store.names.iter().all(|name| place.names.contains(name)));
    store.filter(|store| place.names.iter().all(|name| store.names.contains(name))).ok_or_else(|| {
        let together = place.names.join(" and ");
        RestoreError::OtherPlaces {
            reason: format!(
                "one database is to hold {together}, but the backup was taken where they were divided in another way; \
                 set the database URLs as they were then"
            ),
        }
    })
}

fn other_engine(place: &Place, store: &Store) -> RestoreError {
    let was = match store.engine() {
        Engine::Sqlite => "an SQLite file",
        Engine::Postgres => "a Postgres database",
    };
    RestoreError::OtherPlaces {
        reason: format!("{} was {was} when the backup was taken; name {was} in its database URL", place.name()),
    }
}

/// Data in its place, which does not count yet.
enum Written {
    File(FileDraft),
    Server(Loaded),
}

/// Gives all places their data.
async fn keep(written: Vec<Written>) -> Result<(), RestoreError> {
    let (all, mut kept_servers) = (written.len(), Vec::new());
    for (done, written) in written.into_iter().enumerate() {
        let (name, kept) = match written {
            Written::File(draft) => (draft.name.clone(), draft.keep().map_err(|error| error.to_string())),
            Written::Server(mut loaded) => {
                let (name, kept) = (loaded.name().to_owned(), loaded.commit().await);
                kept_servers.push(loaded);
                (name, kept)
            }
        };
        match kept {
            Ok(()) => {}
            // The database may have its data: an answer can be lost after the last step.
            Err(reason) => return Err(RestoreError::Half { done, all, name, reason }),
        }
    }

    // This takes long, so it comes when all places have their data.
    for server in kept_servers {
        server.end().await;
    }
    Ok(())
}

/// A file beside its target. It is removed if it is not kept.
struct FileDraft {
    name: String,
    path: PathBuf,
    target: PathBuf,
}

impl FileDraft {
    fn write(name: &str, target: &Path, folder: &Path, file: &FileSum) -> Result<Self, RestoreError> {
        require_free(name, target)?;
        let failed = |error: io::Error| RestoreError::write(name, error);
        fs::create_dir_all(parent(target)).map_err(failed)?;
        let path = beside(target, ".restoring");
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RestoreError::UnderWay { path: path.clone() },
            _ => failed(error),
        })?;
        let draft = Self { name: name.to_owned(), path, target: target.to_owned() };

        let mut sum = Sum::default();
        let copied = each_part(&folder.join(&file.path), |part| {
            sum.add(part);
            opened.write_all(part)
        });
        copied.and_then(|()| opened.sync_all()).map_err(failed)?;
        if sum.finish(file.path.clone()) != *file {
            return Err(RestoreError::write(name, "the backup changed while it was read"));
        }
        Ok(draft)
    }

    fn keep(self) -> io::Result<()> {
        // An empty file counts as none. A link, unlike a renaming, replaces nothing.
        if fs::metadata(&self.target).is_ok_and(|found| found.len() == 0) {
            fs::remove_file(&self.target)?;
        }
        fs::hard_link(&self.path, &self.target)?;
        sync(parent(&self.target))
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        // The next restore names the file if it is still there.
        let _ = fs::remove_file(&self.path);
    }
}

/// The file and those that SQLite keeps beside it must be missing or empty.
fn require_free(name: &str, target: &Path) -> Result<(), RestoreError> {
    for ending in ["", "-wal", "-journal"] {
        let path = beside(target, ending);
        if let Ok(found) = fs::metadata(&path)
            && (found.len() > 0 || !found.is_file())
        {
            let reason = format!("{} is there; move it away, or name another file", path.display());
            return Err(RestoreError::NotEmpty { name: name.to_owned(), reason });
        }
    }
    Ok(())
}
