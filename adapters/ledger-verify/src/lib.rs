//! Reads a stored ledger from its first entry, and proves that it is correct or names the first wrong entry.
//!
//! It shares only the record format with the writer, and it never writes.

mod alarm;
mod alarm_dedup;
mod audit;
mod differing;
mod error;
mod evidence;
mod law;
mod monitor;
mod movements;
mod postgres;
mod report;
mod rows;
mod scan;
mod side_tables;
mod source;
mod sqlite;
mod stretch;
mod sums;
mod totals;
mod totals_monitor;

pub use alarm::{Alarm, AlarmKind};
pub use error::VerifyError;
pub use monitor::{ConservationMonitor, Scan};
pub use report::{BadEntry, LedgerTotals, Report};
pub use scan::ScanLimits;
pub use totals_monitor::TotalsMonitor;

use crate::audit::Audit;
use crate::source::Source;

/// Verifies the whole ledger at `url`, as it is at one instant. The ledger may be in use meanwhile.
pub async fn verify(url: &str) -> Result<Report, VerifyError> {
    let mut audit = Audit::default();
    match Source::of(url)? {
        Source::Sqlite(path) => {
            let reading = tokio::task::spawn_blocking(move || sqlite::read_all(&path, &mut audit).map(|()| audit));
            audit = reading.await.map_err(|error| VerifyError::Unavailable(error.to_string()))??;
        }
        Source::Postgres(url) => postgres::read_all(url, &mut audit).await?,
    }
    Ok(audit.report())
}
