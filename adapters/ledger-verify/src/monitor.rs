//! Watches a ledger in use: what is new at once, what is old in turns, and that every ledger sums to zero.
//!
//! Reads over a connection of its own and writes nothing. A fault is told once, however often it is seen.

use crate::VerifyError;
use crate::alarm::Alarm;
use crate::look::{Findings, Limits, State, look};
use crate::postgres::PostgresWatch;
use crate::source::Source;
use crate::sqlite::SqliteRows;
use crate::told::Told;

/// Looks at one ledger again and again.
#[derive(Debug)]
pub struct ConservationMonitor {
    place: Place,
    limits: Limits,
    state: State,
    told: Told,
}

#[derive(Debug)]
enum Place {
    /// Opened anew for every look, so that nothing is read from an old look's memory of the file.
    Sqlite(String),
    Postgres(PostgresWatch),
}

/// What one look has read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Faults that no look of this monitor has told before.
    pub alarms: Vec<Alarm>,
    /// All faults seen, told before or not.
    pub faults: u64,
    /// Entries read that were new.
    pub new_entries: u64,
    /// Entries of the past read again.
    pub old_entries: u64,
    /// Accounts held against their last entries.
    pub accounts: u64,
    /// More is new than one look takes: look again soon.
    pub behind: bool,
    /// Another process watches this ledger; nothing was read.
    pub watched_elsewhere: bool,
}

impl ConservationMonitor {
    /// A monitor of the ledger at `url` that has seen nothing yet.
    pub fn new(url: &str) -> Result<Self, VerifyError> {
        Self::within(url, Limits::default())
    }

    /// A monitor whose looks keep to `limits`.
    pub fn within(url: &str, limits: Limits) -> Result<Self, VerifyError> {
        let place = match Source::of(url)? {
            Source::Sqlite(path) if path == ":memory:" => return Err(VerifyError::InMemory),
            Source::Sqlite(path) => Place::Sqlite(path),
            Source::Postgres(url) => Place::Postgres(PostgresWatch::new(url)),
        };
        Ok(Self { place, limits, state: State::default(), told: Told::default() })
    }

    /// Takes one look. One that fails has no effect on the next.
    pub async fn look(&mut self) -> Result<Look, VerifyError> {
        let (mut state, limits) = (self.state.clone(), self.limits);
        let findings = match &mut self.place {
            Place::Sqlite(path) => {
                let path = path.clone();
                let looking = tokio::task::spawn_blocking(move || {
                    let mut rows = SqliteRows::open(&path)?;
                    futures::executor::block_on(look(&mut rows, &mut state, limits)).map(|findings| (findings, state))
                });
                let looked = looking.await.map_err(|error| VerifyError::Unavailable(error.to_string()))?;
                Some(looked?)
            }
            Place::Postgres(watch) => watch.look(state, limits).await?,
        };
        let Some((findings, state)) = findings else {
            return Ok(Look { watched_elsewhere: true, ..Look::default() });
        };
        self.state = state;
        Ok(self.tell(findings))
    }

    fn tell(&mut self, findings: Findings) -> Look {
        let Findings { alarms, new_entries, old_entries, accounts, behind } = findings;
        let (faults, alarms) = self.told.sift(alarms);
        Look { alarms, faults, new_entries, old_entries, accounts, behind, watched_elsewhere: false }
    }
}
