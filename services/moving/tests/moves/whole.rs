//! Everything is there, and every total is what the original said.

use moving::History;
use rafiki_fixture::Institution;
use testkit::{Dialect, block_on};

use crate::places::{OldPlaces, OurPlaces, pass};

async fn moves(institution: Institution, dialect: Dialect, history: History) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    let (plan, report) = pass(&old, &ours, history).await.unwrap();
    assert_eq!(plan.refusals, []);
    let differing: Vec<_> = report.comparison.tables.iter().chain(&report.comparison.ledgers)
        .chain(&report.comparison.accounts).filter(|line| !line.is_equal()).collect();
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

#[test]
fn cloud_nine_moves_with_its_history() {
    block_on(moves(Institution::CloudNine, Dialect::Sqlite, History::Replayed));
}

#[test]
fn happy_life_moves_with_its_history() {
    block_on(moves(Institution::HappyLife, Dialect::Postgres, History::Replayed));
}
