//! Databases of a Rafiki 2.4 with much data, created for each test on the Postgres server of the tests.
//!
//! `data/README.md` describes the origin of the rows.

use std::io::Read as _;

use database::sea_orm::{ConnectionTrait, Statement};
use flate2::read::GzDecoder;
use serde_json::Value;
use testkit::TestDatabase;

/// One of the two institutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Institution {
    /// Cloud Nine Wallet.
    CloudNine,
    /// Happy Life Bank.
    HappyLife,
}

/// One of the two databases of an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Of the backend.
    Backend,
    /// Of the auth service.
    Auth,
}

/// `DB_ENCRYPTION_SECRET` of cloud-nine.
pub const COLUMN_SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The tables of Rafiki 2.4 without rows; `None`, with a notice, if the tests have no Postgres.
pub async fn empty(part: Part) -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    run(&database, tables(part)).await;
    run(&database, references(part)).await;
    Some(database)
}

/// A database with its rows.
pub async fn filled(institution: Institution, part: Part) -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    run(&database, tables(part)).await;
    fill(&database, institution, part, &[]).await;
    run(&database, references(part)).await;
    Some(database)
}

/// A database with its rows, in which host names are replaced: each first text becomes the second everywhere.
pub async fn filled_elsewhere(
    institution: Institution,
    part: Part,
    elsewhere: &[(String, String)],
) -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    run(&database, tables(part)).await;
    fill(&database, institution, part, elsewhere).await;
    run(&database, references(part)).await;
    Some(database)
}

/// A database with its rows and without foreign keys, so that rows can be damaged.
pub async fn unguarded(institution: Institution, part: Part) -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    run(&database, tables(part)).await;
    fill(&database, institution, part, &[]).await;
    Some(database)
}

/// The recorded answers of the APIs, and the totals of the accounts.
pub fn totals() -> Value {
    serde_json::from_str(&text(include_bytes!("../data/totals.json.gz"))).expect("the totals are JSON")
}

/// Adds this number of sent and of received payments, all ended.
pub async fn add_many(database: &TestDatabase, payments: u32) {
    run(database, &include_str!("../data/many.sql").replace("COUNT", &payments.to_string())).await;
}

/// Runs statements on a test database.
pub async fn run(database: &TestDatabase, sql: &str) {
    database.reader().execute_unprepared(sql).await.expect("the statements are accepted");
}

fn tables(part: Part) -> &'static str {
    match part {
        Part::Backend => include_str!("../data/backend.sql"),
        Part::Auth => include_str!("../data/auth.sql"),
    }
}

fn references(part: Part) -> &'static str {
    match part {
        Part::Backend => include_str!("../data/backend-references.sql"),
        Part::Auth => include_str!("../data/auth-references.sql"),
    }
}

async fn fill(database: &TestDatabase, institution: Institution, part: Part, elsewhere: &[(String, String)]) {
    let mut rows = text(match (institution, part) {
        (Institution::CloudNine, Part::Backend) => include_bytes!("../data/cloud-nine-backend.rows.gz").as_slice(),
        (Institution::CloudNine, Part::Auth) => include_bytes!("../data/cloud-nine-auth.rows.gz"),
        (Institution::HappyLife, Part::Backend) => include_bytes!("../data/happy-life-backend.rows.gz"),
        (Institution::HappyLife, Part::Auth) => include_bytes!("../data/happy-life-auth.rows.gz"),
    });

    for (there, here) in elsewhere {
        rows = rows.replace(there, here);
    }

    let mut lines = rows.lines().map(|line| line.split_once('\t').expect("a table and a row")).peekable();
    while let Some((table, first)) = lines.next() {
        let mut list = format!("[{first}");
        while let Some((_, row)) = lines.next_if(|(next, _)| *next == table) {
            list.push(',');
            list.push_str(row);
        }
        list.push(']');
        let sql = format!(r#"INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", $1::json)"#);
        let backend = database.reader().get_database_backend();
        let filled = Statement::from_sql_and_values(backend, sql, [list.into()]);
        database.reader().execute_raw(filled).await.expect("the rows fit their table");
    }

    if part == Part::Backend {
        run(database, "SELECT setval('assets_ledger_seq', (SELECT max(ledger) FROM assets))").await;
    }
}

fn text(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("the data is packed text");
    text
}
