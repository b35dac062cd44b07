//! One instant of all databases: the moment that the backup is of.
//!
//! The state at that moment is what a loss of power at that moment would have left in all of them together, so every
//! role can start from it. Files are locked for a moment. Servers are never locked: the snapshots are compared, and taken
//! again until no transaction ended between them.

use std::time::Duration;

use clock::{Clock, Stopwatch, Timestamp};
use futures::future::try_join_all;

use crate::BackupError;
use crate::postgres::Server;
use crate::sqlite::{Pinned, SqliteFile, freeze};
use crate::visible::Visible;

/// How long such a moment is looked for.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long files stay locked while the servers are looked at. Roles wait for a lock for five seconds at least.
const FROZEN_AT_MOST: Duration = Duration::from_secs(1);
/// How much longer the last look may take. Until then the files stay locked.
const GRACE: Duration = Duration::from_secs(2);
/// The pause before the files are locked again, so that those who wait get their turn.
const PAUSE: Duration = Duration::from_millis(200);

/// All databases as of one instant.
pub(crate) struct Instant {
    pub(crate) at: Timestamp,
    pub(crate) files: Vec<Pinned>,
    pub(crate) servers: Vec<Server>,
}

/// Looks for a moment until there is one or `PATIENCE` is over.
pub(crate) async fn of_all(
    files: Vec<SqliteFile>,
    mut servers: Vec<Server>,
    clock: &dyn Clock,
) -> Result<Instant, BackupError> {
    let watch = Stopwatch::start();
    loop {
        let wanted = files.clone();
        let locking = tokio::task::spawn_blocking(move || freeze(&wanted)).await;
        let locked = locking.map_err(|error| BackupError::read("the files", error))??;
        if let Some((frozen, files)) = locked {
            let at = clock.now();
            let longest = if files.is_empty() { PATIENCE } else { FROZEN_AT_MOST };
            // Connections that were given up in the middle cannot be used again, so this ends the backup.
            let looking = tokio::time::timeout(longest + GRACE, servers_at_once(&mut servers, longest));
            let seen = looking.await.map_err(|_| {
                BackupError::read("a server", "it did not answer in time; repeat the command when it does")
            })??;
            drop(frozen);
            if seen {
                return Ok(Instant { at, files, servers });
            }
        }
        if watch.elapsed() >= PATIENCE {
            return Err(BackupError::Busy { seconds: PATIENCE.as_secs() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes a snapshot of every database until all are of one instant.
async fn servers_at_once(servers: &mut [Server], longest: Duration) -> Result<bool, BackupError> {
    if servers.is_empty() {
        return Ok(true);
    }
    // Databases of one server stand together.
    servers.sort_by(|one, other| one.identity.cmp(&other.identity));
    let last_server = servers.last().map(|server| server.identity.clone()).unwrap_or_default();
    let of_others = servers.iter().filter(|server| server.identity != last_server).count();
    let watch = Stopwatch::start();
    loop {
        try_join_all(servers.iter_mut().map(Server::begin)).await?;
        // One after the other for several servers: what was seen first must still be so after the last was seen.
        let (others, last) = servers.split_at_mut(of_others);
        let mut seen = try_join_all(others.iter_mut().map(Server::look)).await?;
        seen.extend(try_join_all(last.iter_mut().map(Server::look)).await?);

        let same_server = |at: usize| servers[at].identity == servers[at + 1].identity;
        let together = (0..servers.len() - 1).all(|at| !same_server(at) || seen[at].sees_the_same(&seen[at + 1]));
        if together && unchanged(&mut servers[..of_others], &seen).await? {
            return Ok(true);
        }
        if watch.elapsed() >= longest {
            return Ok(false);
        }
    }
}

/// Whether each of these sees now what it saw before.
async fn unchanged(servers: &mut [Server], seen: &[Visible]) -> Result<bool, BackupError> {
    let now = try_join_all(servers.iter_mut().map(Server::look_again)).await?;
    Ok(now.iter().zip(seen).all(|(now, before)| now.sees_the_same(before)))
}
