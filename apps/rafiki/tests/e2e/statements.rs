//! The statements and transactions of a payment at each institution, counted in the log of the database server.
//!
//! They are upper limits that are lowered with each improvement. The numbers do not depend on the machine, except those of
//! deferred ends that found no other unit in time. They are counted apart.

use std::path::Path;

use payments_bench::{Counted, Entity, Institutions, Payer, StatementLog, Storage, Way};
use testkit::PostgresServer;

use crate::institutions::{BINARY, redis_url};

const PAYMENTS: u32 = 10;

/// How the end of a delivery begins, and the tables of what it may be committed with.
const END: &str = "WITH w0 AS (UPDATE \"webhook_deliveries\"";
const OF_OTHERS: [&str; 4] = ["\"quotes\"", "\"incoming_payments\"", "\"outgoing_payments\"", "\"webhook_events\""];

/// The allowed numbers for one payment at an institution, without ends that are committed alone.
struct Ceiling {
    statements: f64,
    transactions: f64,
    /// How many ends of deliveries there are. In the worst case each is committed alone.
    ends: f64,
}

impl Ceiling {
    fn assert(&self, who: &str, counted: &Counted) {
        let (statements, transactions) = counted.per_payment(PAYMENTS);
        let alone = ends_alone(counted);
        let told = format!("{who}: {statements} statements, {transactions} transactions, of them {alone} ends alone");
        println!("{told}");
        let is_within = statements - alone <= self.statements && transactions - alone <= self.transactions;
        assert!(is_within && alone <= self.ends, "more than before: {told}\n{}", texts(counted));
    }
}

/// How many ends of deliveries of one payment were committed without another unit.
fn ends_alone(counted: &Counted) -> f64 {
    let is_alone = |text: &str| text.starts_with(END) && !OF_OTHERS.iter().any(|table| text.contains(table));
    let alone = counted.texts.iter().filter(|(text, _)| is_alone(text)).map(|(_, count)| *count).sum();
    Counted { statements: alone, ..Counted::default() }.per_payment(PAYMENTS).0
}

fn texts(counted: &Counted) -> String {
    let mut texts: Vec<_> = counted.texts.iter().collect();
    texts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let line =
        |(text, count): &(&String, &usize)| format!("{count:>5}  {}", text.chars().take(150).collect::<String>());
    texts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Where shared values are: used signatures, idempotency keys.
#[derive(Clone, Copy)]
enum SharedValues {
    InRedis,
    InTheDatabase,
}

/// Payments one after the other, after some that fill the caches. Returns the numbers of both institutions.
///
/// `None` if a Redis is needed and there is none.
async fn counted(way: Way, shared: SharedValues) -> Option<[Counted; 2]> {
    let redis = match shared {
        SharedValues::InTheDatabase => None,
        SharedValues::InRedis => {
            let redis = redis_url();
            if redis.is_none() {
                println!("SKIPPED: statements of a payment (set TEST_REDIS_URL, or run `cargo xtask test`)");
                return None;
            }
            redis
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start_in(folder.path(), &["fsync=off", "max_connections=200"]).unwrap();
    let entity = Entity::start().await.unwrap();
    let storage = Storage::Postgres(server.url());
    let started = Institutions::start(Path::new(BINARY), folder.path(), &storage, redis.as_deref(), entity.url());
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
    let Some([payer, payee]) = counted(Way::Remote, SharedValues::InRedis).await else { return };
    Ceiling { statements: 6.0, transactions: 4.0, ends: 2.0 }.assert("payer", &payer);
    // It announces the incoming payment twice: when it is made, and when it is paid.
    Ceiling { statements: 5.0, transactions: 2.0, ends: 2.0 }.assert("payee", &payee);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_payment_costs_no_more_statements_than_this() {
    let Some([own, _]) = counted(Way::Local, SharedValues::InRedis).await else { return };
    Ceiling { statements: 6.0, transactions: 5.0, ends: 3.0 }.assert("institution", &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_payment_without_redis_costs_each_institution_no_more_statements_than_this() {
    let Some([payer, payee]) = counted(Way::Remote, SharedValues::InTheDatabase).await else { return };
    Ceiling { statements: 10.0, transactions: 9.0, ends: 2.0 }.assert("payer", &payer);
    Ceiling { statements: 7.0, transactions: 4.0, ends: 2.0 }.assert("payee", &payee);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_payment_without_redis_costs_no_more_statements_than_this() {
    let Some([own, _]) = counted(Way::Local, SharedValues::InTheDatabase).await else { return };
    Ceiling { statements: 10.0, transactions: 10.0, ends: 3.0 }.assert("institution", &own);
}
