//! Watches a ledger in use: it checks new entries at once, old ones part by part, and that every ledger sums to zero.
//!
//! It reads over its own connection and writes nothing. Each fault is reported once.

use crate::alarm::Alarm;
use crate::alarm_dedup::AlarmDedup;
use crate::error::VerifyError;
use crate::postgres::PostgresWatch;
use crate::scan::{Findings, ScanLimits, State, scan};
use crate::source::Source;
use crate::sqlite::SqliteRows;

/// Checks one ledger repeatedly.
#[derive(Debug)]
pub struct ConservationMonitor {
    place: Place,
    limits: ScanLimits,
    state: State,
    dedup: AlarmDedup,
}

#[derive(Debug)]
enum Place {
    /// It is opened again for every scan, so that nothing is read from the cache of an old scan.
    Sqlite(String),
    Postgres(PostgresWatch),
}

/// The result of one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Faults that no scan of this monitor has reported before.
    pub alarms: Vec<Alarm>,
    /// All faults seen, reported before or not.
    pub faults: u64,
    /// The number of new entries.
    pub new_entries: u64,
    /// The number of old entries that were read again.
    pub old_entries: u64,
    /// The number of accounts that were compared with their last entries.
    pub accounts: u64,
    /// There are more new entries than one scan reads. Scan again soon.
    pub behind: bool,
    /// Another process watches this ledger, so nothing was read.
    pub watched_elsewhere: bool,
}

impl ConservationMonitor {
    /// Makes a monitor of the ledger at `url` that has read nothing yet.
    pub fn new(url: &str) -> Result<Self, VerifyError> {
        Self::within(url, ScanLimits::default())
    }

    /// Makes a monitor whose scans have these `limits`.
    pub fn within(url: &str, limits: ScanLimits) -> Result<Self, VerifyError> {
        let place = match Source::of(url)? {
            Source::Sqlite(path) if path == ":memory:" => return Err(VerifyError::InMemory),
            Source::Sqlite(path) => Place::Sqlite(path),
            Source::Postgres(url) => Place::Postgres(PostgresWatch::new(url)),
        };
        Ok(Self { place, limits, state: State::default(), dedup: AlarmDedup::default() })
    }

    /// Scans once. A failed scan has no effect on the next.
    pub async fn scan(&mut self) -> Result<Scan, VerifyError> {
        let (mut state, limits) = (self.state.clone(), self.limits);
        let findings = match &mut self.place {
            Place::Sqlite(path) => {
                let path = path.clone();
                let scanning = tokio::task::spawn_blocking(move || {
                    let mut rows = SqliteRows::open(&path)?;
                    futures::executor::block_on(scan(&mut rows, &mut state, limits)).map(|findings| (findings, state))
                });
                let scanned = scanning.await.map_err(|error| VerifyError::Unavailable(error.to_string()))?;
                Some(scanned?)
            }
            Place::Postgres(watch) => watch.scan(state, limits).await?,
        };
        let Some((findings, state)) = findings else {
            return Ok(Scan { watched_elsewhere: true, ..Scan::default() });
        };
        self.state = state;
        Ok(self.new_findings(findings))
    }

    fn new_findings(&mut self, findings: Findings) -> Scan {
        let Findings { alarms, new_entries, old_entries, accounts, behind } = findings;
        let (faults, alarms) = self.dedup.new_of(alarms);
        Scan { alarms, faults, new_entries, old_entries, accounts, behind, watched_elsewhere: false }
    }
}
