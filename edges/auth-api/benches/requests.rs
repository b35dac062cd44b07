//! Grants and introspections per second, on SQLite and Postgres, by one caller and by many.
//!
//! It measures everything of a request except the socket: signing by the client, routing, verification, rules,
//! database. It prints a table. The databases do not wait for the disk, so the figures are the cost of the code.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at faults and prints its result")]

#[path = "../tests/it/harness.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod harness;

use std::sync::Arc;

use clock::Stopwatch;
use harness::Server;
use serde_json::json;
use testkit::TestDatabase;

const REQUESTS: u32 = 2000;

fn main() {
    testkit::block_on(async {
        println!("{:<10} {:<15} {:>8} {:>12}", "database", "request", "callers", "per second");
        measure("SQLite", TestDatabase::sqlite().await).await;
        if let Some(database) = TestDatabase::postgres().await {
            measure("Postgres", database).await;
        }
    });
}

async fn measure(name: &str, database: TestDatabase) {
    let server = Arc::new(Server::on(database).await);
    let token = server.incoming_grant().await["access_token"]["value"].clone();
    let question = json!({
        "access_token": token,
        "access": [{"type": "incoming-payment", "actions": ["create"], "identifier": harness::ALICE}]
    });
    for callers in [1, 32] {
        let found = rate(callers, || {
            let server = Arc::clone(&server);
            async move { assert_eq!(server.request(&harness::incoming()).await.status, 200) }
        });
        println!("{name:<10} {:<15} {callers:>8} {:>12}", "grant", found.await);
        let found = rate(callers, || {
            let (server, question) = (Arc::clone(&server), question.clone());
            async move { assert!(server.introspect(&question).await.text.starts_with(r#"{"active":true"#)) }
        });
        println!("{name:<10} {:<15} {callers:>8} {:>12}", "introspection", found.await);
    }
}

/// Requests per second of `callers`, each with one request after the other.
async fn rate<F: Future<Output = ()> + Send + 'static>(callers: u32, request: impl Fn() -> F) -> u128 {
    let watch = Stopwatch::start();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let requests: Vec<F> = (0..REQUESTS / callers).map(|_| request()).collect();
            tokio::spawn(async move {
                for request in requests {
                    request.await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    u128::from(REQUESTS) * 1_000_000 / watch.elapsed().as_micros().max(1)
}
