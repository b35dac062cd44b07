//! Takes a backup: finds the instant, copies every database as of then, and writes the manifest last.
//! The way back is in `restoring`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clock::{Clock, Entropy};

use crate::BackupError;
use crate::copied::Copied;
use crate::draft::Draft;
use crate::instant::{self, Instant};
use crate::manifest::{FORMAT, Manifest, Store};
use crate::place::{Kind, Place};
use crate::postgres::Server;
use crate::sqlite::SqliteFile;

/// What the manifest says about the installation.
pub struct About {
    /// The program with its version.
    pub program: String,
    /// The name of the installation.
    pub installation: String,
    /// What belongs to it and is not in the backup.
    pub not_contained: Vec<String>,
}

/// A finished backup.
pub struct Taken {
    /// Its folder.
    pub folder: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// Takes a backup of all `places` as of one instant, while they are in use, into a new folder `to`, or into a new folder
/// inside if `to` is a folder. `progress` is called with the name of each database before it is copied.
pub async fn take(
    places: &[Place],
    to: &Path,
    about: About,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    progress: impl Fn(&str),
) -> Result<Taken, BackupError> {
    let (mut files, mut servers) = (Vec::new(), Vec::new());
    for place in places {
        match place.kind() {
            Kind::Sqlite(file) => {
                files.push(SqliteFile { name: place.name().to_owned(), path: resolved(place, file)? });
            }
            Kind::Postgres => servers.push(Server::open(place.name(), &place.url).await?),
        }
    }
    let draft = Draft::begin(to, clock.now(), entropy)?;
    let Instant { at, files, servers } = instant::of_all(files, servers, clock).await?;

    let mut stores = Vec::with_capacity(places.len());
    for server in servers {
        let name = server.name.clone();
        progress(&name);
        draft.folder(&name)?;
        stores.push(described(places, &name, server.copy(&draft, &name).await?));
    }
    for pinned in files {
        let name = pinned.name().to_owned();
        progress(&name);
        draft.folder(&name)?;
        let path = format!("{name}/database.sqlite");
        drop(draft.file(&path)?);
        let target = draft.path(&path);
        let copying = tokio::task::spawn_blocking(move || pinned.copy(&target, &path)).await;
        let copied = copying.map_err(|error| BackupError::read(&name, error))??;
        stores.push(described(places, &name, copied));
    }
    stores.sort_by_key(|store| places.iter().position(|place| place.name() == store.name()));

    let About { program, installation, not_contained } = about;
    let manifest = Manifest { format: FORMAT, program, installation, at, stores, not_contained };
    let folder = draft.finish(&manifest)?;
    Ok(Taken { folder, manifest })
}

fn resolved(place: &Place, file: &Path) -> Result<PathBuf, BackupError> {
    let name = || place.name().to_owned();
    let missing = || BackupError::Missing { name: name(), path: file.to_owned() };
    let path = fs::canonicalize(file).map_err(|_| missing())?;
    let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file).ok_or_else(missing)?;
    match found.nlink() {
        0 | 1 => Ok(path),
        links => Err(BackupError::SeveralNames { name: name(), path, links }),
    }
}

fn described(places: &[Place], name: &str, copied: Copied) -> Store {
    let place = places.iter().find(|place| place.name() == name);
    let Copied { contained, migrations, ledger_layout } = copied;
    Store { names: place.map(|place| place.names.clone()).unwrap_or_default(), migrations, ledger_layout, contained }
}
