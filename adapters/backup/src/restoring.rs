//! The way back: databases of a backup into empty places.
//!
//! Every place is marked as incomplete first, and no role starts on a marked one. Then everything is written and compared,
//! under other names or in open transactions. Then all places get their data, one right after the other. The marks go last.

use std::path::Path;

use crate::file_target::FileTarget;
use crate::manifest::{Contained, Engine, Store};
use crate::place::{Kind, Place};
use crate::server_target::ServerTarget;
use crate::{Checked, RestoreError};

/// Restores into `places`, which name what they shall hold. What the backup holds beside that is left out. `progress` is
/// called with the name of each database before it is written.
pub async fn restore(backup: &Checked, places: &[Place], progress: impl Fn(&str)) -> Result<(), RestoreError> {
    let mut ways = Vec::with_capacity(places.len());
    for place in places {
        ways.push((place, store_of(backup, place)?));
    }

    let mut targets = Vec::with_capacity(places.len());
    if let Err(error) = write(&ways, &backup.folder, &mut targets, progress).await {
        for target in targets {
            target.give_up().await;
        }
        return Err(error);
    }
    keep(targets).await
}

/// Marks all places, then writes and compares everything. Nothing of it counts yet.
async fn write(
    ways: &[(&Place, &Store)],
    folder: &Path,
    targets: &mut Vec<Target>,
    progress: impl Fn(&str),
) -> Result<(), RestoreError> {
    for (place, store) in ways {
        targets.push(match (place.kind(), &store.contained) {
            (Kind::Sqlite(file), Contained::Sqlite { .. }) => {
                Target::File(FileTarget::mark(place.name(), file, folder)?)
            }
            (Kind::Postgres, Contained::Postgres { .. }) => {
                Target::Server(ServerTarget::mark(place.name(), &place.url, folder).await?)
            }
            _ => return Err(other_engine(place, store)),
        });
    }
    for (target, (place, store)) in targets.iter_mut().zip(ways) {
        progress(place.name());
        match (target, &store.contained) {
            (Target::File(target), Contained::Sqlite { file, rows }) => target.write(folder, file, rows)?,
            (Target::Server(target), Contained::Postgres { tables, finish }) => {
                target.write(folder, tables, finish).await?;
            }
            _ => return Err(other_engine(place, store)),
        }
    }
    Ok(())
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

/// A marked place.
enum Target {
    File(FileTarget),
    Server(ServerTarget),
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::File(target) => target.name(),
            Self::Server(target) => target.name(),
        }
    }

    /// From now on the mark stays, even if the place gets no data.
    fn leave_mark(&mut self) {
        match self {
            Self::File(target) => target.leave_mark(),
            // Only `give_up` removes it.
            Self::Server(_) => {}
        }
    }

    /// Gives the place its data. The mark stays.
    async fn keep(&mut self) -> Result<(), String> {
        match self {
            Self::File(target) => target.keep(),
            Self::Server(target) => target.commit().await,
        }
    }

    async fn remove_mark(&mut self) -> Result<(), String> {
        match self {
            Self::File(target) => target.remove_mark(),
            Self::Server(target) => target.remove_mark().await,
        }
    }

    /// Leaves the place as it was.
    async fn give_up(self) {
        match self {
            // Its files are removed when it is dropped.
            Self::File(_) => {}
            Self::Server(target) => target.give_up().await,
        }
    }
}

/// Gives all places their data, then removes the marks.
async fn keep(mut targets: Vec<Target>) -> Result<(), RestoreError> {
    let all = targets.len();
    // A role must not start on a place that is empty while others have their data.
    targets.iter_mut().for_each(Target::leave_mark);
    for (done, target) in targets.iter_mut().enumerate() {
        // The database may have its data: an answer can be lost after the last step.
        let kept = target.keep().await;
        kept.map_err(|reason| RestoreError::Half { done, all, name: target.name().to_owned(), reason })?;
    }
    // The first database of a role is the one that the role always looks at, so its mark goes last.
    for target in targets.iter_mut().rev() {
        let removed = target.remove_mark().await;
        removed.map_err(|reason| RestoreError::Mark { name: target.name().to_owned(), reason })?;
    }

    // This takes long, so it comes when all places have their data.
    for target in targets {
        if let Target::Server(target) = target {
            target.end().await;
        }
    }
    Ok(())
}
