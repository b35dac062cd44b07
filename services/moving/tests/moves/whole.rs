//! Everything is moved, and every total is that of the original.
//! What our interfaces show of it is in `totals`.

use std::sync::Arc;
use std::time::Duration;

use ledger_tigerbeetle::TigerBeetleLedger;
use moving::{History, Since, carry_over, examine};
use rafiki_fixture::Institution;
use testkit::{Dialect, block_on};

use crate::places::{OldPlaces, OurPlaces, pass, silent};

async fn moves(institution: Institution, dialect: Dialect, history: History) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    let (plan, report) = pass(&old, &ours, history).await.unwrap();
    assert_eq!(plan.refusals, []);
    let differing: Vec<_> = report
        .comparison
        .tables
        .iter()
        .chain(&report.comparison.ledgers)
        .chain(&report.comparison.accounts)
        .filter(|line| !line.is_equal())
        .collect();
    assert!(report.comparison.is_equal(), "{differing:#?}");
    let verified = ledger_verify::verify(&ours.ledger_url()).await.unwrap();
    assert!(verified.sound, "{verified:?}");
}

#[test]
fn cloud_nine_moves_into_sqlite() {
    block_on(moves(Institution::CloudNine, Dialect::Sqlite, History::Totals));
}

#[test]
fn cloud_nine_moves_into_postgres() {
    block_on(moves(Institution::CloudNine, Dialect::Postgres, History::Totals));
}

#[test]
fn happy_life_moves_into_sqlite() {
    block_on(moves(Institution::HappyLife, Dialect::Sqlite, History::Totals));
}

#[test]
fn happy_life_moves_into_postgres() {
    block_on(moves(Institution::HappyLife, Dialect::Postgres, History::Totals));
}

/// The rows go into SQLite, and the money goes into a cluster. The second pass finds everything there.
#[test]
fn both_move_into_a_tigerbeetle_cluster_if_there_is_one() {
    block_on(async {
        for institution in [Institution::CloudNine, Institution::HappyLife] {
            let Some(cluster) = testkit::TigerBeetle::own() else { return };
            let Some(old) = OldPlaces::of(institution).await else { return };
            let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
            for _ in 0..2 {
                let mut installation = old.open(History::Totals).await;
                let plan = examine(&mut installation, &Since::default(), &silent).await.unwrap();
                let ledger = TigerBeetleLedger::join(0, cluster.addresses(), Duration::from_secs(10)).await.unwrap();
                let target = ours.target_with(Arc::new(ledger)).await;
                let report = carry_over(&mut installation, &plan, &target, &silent).await.unwrap();
                installation.close().await;
                assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
            }
        }
    });
}

#[test]
fn cloud_nine_moves_with_its_history() {
    block_on(moves(Institution::CloudNine, Dialect::Sqlite, History::Replayed));
}

#[test]
fn happy_life_moves_with_its_history() {
    block_on(moves(Institution::HappyLife, Dialect::Postgres, History::Replayed));
}

/// How many payments in each direction: thousands, or the number in `TEST_MOVED_PAYMENTS`, for a measurement.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches are no configuration of the product")]
fn payments_each_way() -> u32 {
    std::env::var("TEST_MOVED_PAYMENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(3_000)
}

#[test]
fn thousands_of_payments_move_in_batches_and_a_second_pass_moves_none_of_them() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let payments = payments_each_way();
        rafiki_fixture::add_many(&old.backend, payments).await;
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let Some(ours) = OurPlaces::of(dialect).await else { return };
            let first = clock::Stopwatch::start();
            let (_, report) = pass(&old, &ours, History::Totals).await.unwrap();
            let (seconds, rows) = (first.elapsed().as_secs(), report.rows);
            assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
            assert!(rows > u64::from(payments) * 10);

            let second = clock::Stopwatch::start();
            let (_, report) = pass(&old, &ours, History::Totals).await.unwrap();
            assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
            assert!(report.rows < rows / 2, "{} rows again", report.rows);
            println!(
                "{dialect:?}: {rows} rows, {} accounts in {seconds} s, again in {} s; {}",
                report.comparison.compared,
                second.elapsed().as_secs(),
                peak_memory()
            );
        }
    });
}

/// The peak memory of this process, if the system reports it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}
