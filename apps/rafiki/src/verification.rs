//! `rafiki ledger verify`, and the checks of a demonstration on both institutions' ledgers.
//! The checks themselves are in `ledger-verify`.

use std::fmt;

use ledger_verify::Report;
use serde::Serialize;

use crate::cluster_report::ClusterReport;
use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::output::{Table, say};

/// The verification of a ledger with the name of its owner.
#[derive(Debug, Serialize)]
pub(crate) struct LedgerReport {
    pub(crate) institution: String,
    #[serde(flatten)]
    pub(crate) report: Report,
}

pub(crate) async fn run(url: Option<LedgerPlace>, json: bool) -> Result<(), Failure> {
    let place = match url {
        Some(place) => place,
        None => LedgerPlace::of(&config::Backend::from_environment(&config::Environment::load()?)?),
    };
    let sound = match &place {
        LedgerPlace::Database(url) => {
            let report = report("ledger", url).await?;
            show(json, &report.report, &report);
            report.report.sound
        }
        LedgerPlace::Cluster(cluster) => {
            let report = ClusterReport::of(cluster).await?;
            show(json, &report, &report);
            report.sound
        }
    };
    if sound { Ok(()) } else { Err(Failure::Check("the ledger is damaged; see the report above".to_owned())) }
}

fn show(json: bool, document: &impl Serialize, text: &impl fmt::Display) {
    say(&if json { format!("{}\n", serde_json::to_string(document).unwrap_or_default()) } else { text.to_string() });
}

/// Verifies the ledger at `url`.
pub(crate) async fn report(institution: &str, url: &str) -> Result<LedgerReport, Failure> {
    let report = ledger_verify::verify(url).await.map_err(|error| Failure::Unreadable(error.to_string()))?;
    Ok(LedgerReport { institution: institution.to_owned(), report })
}

impl LedgerReport {
    /// Whether there is no fault and no reservation.
    pub(crate) fn is_sound_and_idle(&self) -> bool {
        self.report.sound && self.report.pending_transfers == 0
    }
}

/// Whether the money that left one institution through its peer arrived at the other: their movements are opposite.
pub(crate) fn peers_agree(reports: &[LedgerReport]) -> bool {
    let movements: Option<Vec<i128>> = reports.iter().map(|report| report.report.peer_movement.parse().ok()).collect();
    movements.is_some_and(|movements| movements.into_iter().sum::<i128>() == 0)
}

impl fmt::Display for LedgerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { institution, report } = self;
        let verdict = if report.sound { "sound" } else { "NOT SOUND" };
        writeln!(
            f,
            "{institution}: {verdict}, {} entries, {} accounts, {} pending, head {}",
            report.entries, report.accounts, report.pending_transfers, report.head_hash
        )?;
        let mut table = Table::new().align_right(&[1, 2, 3]);
        table.row(["ledger", "accounts", "debits", "credits"]);
        for totals in &report.ledgers {
            table.row([
                totals.ledger.to_string(),
                totals.accounts.to_string(),
                totals.debits_posted.to_string(),
                totals.credits_posted.to_string(),
            ]);
        }
        f.write_str(&table.render_indented())?;
        if let Some(bad) = &report.first_bad {
            writeln!(f, "  entry {}: {}", bad.seq, bad.reason)?;
        }
        report.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}
