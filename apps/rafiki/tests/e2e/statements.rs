//! The statements and transactions of a payment at each institution, counted in the log of the database server.
//!
//! They are upper limits that are lowered with each improvement.

use std::path::Path;

use payments_bench::{Counted, Entity, Institutions, Payer, StatementLog, Storage, Way};
use testkit::PostgresServer;

use crate::institutions::{BINARY, redis_url};

const PAYMENTS: u32 = 10;

/// The allowed numbers for one payment at an institution.
struct Ceiling {
    statements: f64,
    transactions: f64,
}

impl Ceiling {
    fn assert(&self, who: &str, counted: &Counted) {
        let (statements, transactions) = counted.per_payment(PAYMENTS);
        println!("{who}: {statements:.1} statements, {transactions:.1} transactions");
        let told = || format!("{who}: {statements} statements, {transactions} transactions\n{}", texts(counted));
        assert!(statements <= self.statements && transactions <= self.transactions, "more than before: {}", told());
    }
}

fn texts(counted: &Counted) -> String {
    let mut texts: Vec<_> = counted.texts.iter().collect();
    texts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let line =
        |(text, count): &(&String, &usize)| format!("{count:>5}  {}", text.chars().take(150).collect::<String>());
    texts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Payments one after the other, after some that fill the caches. Returns the numbers of both institutions.
///
/// `None` without a Redis: then shared data is in the database and needs statements there.
async fn counted(way: Way) -> Option<[Counted; 2]> {
    let Some(redis) = redis_url() else {
        println!("SKIPPED: statements of a payment (set TEST_REDIS_URL, or run `cargo xtask test`)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start_in(folder.path(), &["fsync=off", "max_connections=200"]).unwrap();
    let entity = Entity::start().await.unwrap();
    let storage = Storage::Postgres(server.url());
    let started = Institutions::start(Path::new(BINARY), folder.path(), &storage, Some(&redis), entity.url());
    let institutions = started.unwrap();
    entity.serve(&institutions).unwrap();
    let payer = Payer::new(&institutions, &entity, way).await.unwrap();
    for _ in 0..PAYMENTS {
        payer.pay().await.unwrap();
    }
    let log = StatementLog::start(&server).await.unwrap();
    for _ in 0..PAYMENTS {
        payer.pay().await.unwrap();
    }
    let mut counted = log.stop().await.unwrap();
    let of = |which: usize, counted: &mut std::collections::HashMap<String, Counted>| {
        counted.remove(&institutions.backend_database(which)).unwrap_or_default()
    };
    Some([of(0, &mut counted), of(1, &mut counted)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_payment_costs_each_institution_no_more_statements_than_this() {
    let Some([payer, payee]) = counted(Way::Remote).await else { return };
    Ceiling { statements: 6.5, transactions: 4.5 }.assert("payer", &payer);
    Ceiling { statements: 5.5, transactions: 2.5 }.assert("payee", &payee);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_payment_costs_no_more_statements_than_this() {
    let Some([own, _]) = counted(Way::Local).await else { return };
    Ceiling { statements: 6.5, transactions: 5.5 }.assert("institution", &own);
}
