//! Requests that may be repeated, sent all the time while processes behind the gateway are restarted and killed.
//!
//! A stop of a whole institution is not meant here: one process of each role always works.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::until;

use super::caller::{Call, Caller};
use super::walk::Walked;
use super::{Gated, Names};
use crate::institutions::{Side, Storage};

const ROUNDS: usize = 2;
const BACK_WITHIN: Duration = Duration::from_mins(1);

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    created: AtomicU64,
    enough: AtomicBool,
}

#[test]
fn no_request_that_may_be_repeated_fails_while_processes_are_restarted_and_killed() {
    let Some(mut gated) = Gated::start(Storage::Postgres, Names::One, 2) else { return };
    let caller = gated.caller(Side::CloudNine, "gfranklin");
    let runtime = Arc::clone(&gated.runtime);
    let walked = runtime.block_on(gated.walk(&caller, Side::CloudNine, Side::CloudNine).go());
    let (walked, seen) = (Arc::new(walked), Arc::new(Seen::default()));
    let auth = format!("{}/discovery", gated.outside[0].auth());

    let mut reading = Vec::new();
    for _ in 0..3 {
        reading.push(runtime.spawn(read_on(caller.clone(), Arc::clone(&walked), auth.clone(), Arc::clone(&seen))));
    }
    let creating: Vec<_> =
        (0..2).map(|n| runtime.spawn(create_on(caller.clone(), Arc::clone(&walked), n, Arc::clone(&seen)))).collect();

    for round in 0..ROUNDS {
        for role in ["backend", "auth"] {
            for number in gated.banks[0].numbers_of(role) {
                if round % 2 == 0 {
                    gated.banks[0].stop_and_restart(number);
                } else {
                    gated.banks[0].kill_and_restart(number);
                }
                runtime.block_on(works_again(&gated, number, &seen));
            }
        }
    }

    seen.enough.store(true, Ordering::SeqCst);
    for reader in reading {
        runtime.block_on(reader).unwrap();
    }
    for creator in creating {
        runtime.block_on(creator).unwrap();
    }
    let (answered, created) = (seen.answered.load(Ordering::SeqCst), seen.created.load(Ordering::SeqCst));
    println!("{answered} requests answered, {created} payments created once each");
    assert!(answered > 200 && created > 20, "{answered} and {created} show too little");
    gated.assert_books();
}

/// Waits until the gateway has sent requests to the process again. Whoever restarts processes one by one does the same.
async fn works_again(gated: &Gated, number: usize, seen: &Seen) {
    let bank = &gated.banks[0];
    let ports = [bank.ports_of("OPEN_PAYMENTS_PORT"), bank.ports_of("AUTH_PORT")].concat();
    let (port, before) = (ports[number], gated.gateways[0].log().len());
    let used = until(BACK_WITHIN, || async {
        let log = gated.gateways[0].log();
        log[before..].contains(&format!("127.0.0.1:{port} 20")).then_some(())
    });
    assert!(
        used.await.is_some(),
        "the process on {port} got no request; {} so far",
        seen.answered.load(Ordering::SeqCst)
    );
}

/// Reads all the time, with signatures and without. Each answer must be a success.
async fn read_on(caller: Caller, walked: Arc<Walked>, auth: String, seen: Arc<Seen>) {
    let keys = format!("{}/jwks.json", caller.identity);
    while !seen.enough.load(Ordering::SeqCst) {
        for url in [&caller.identity, &keys, &walked.incoming, &auth] {
            let call = Call::get(url);
            let call = if url == &walked.incoming { call.with(&walked.token) } else { call };
            let told = caller.send(call).await;
            assert!(told.status.is_success(), "{url}: {told:?}");
            seen.answered.fetch_add(1, Ordering::SeqCst);
        }
        let head = Call { method: Method::OPTIONS, ..Call::get(&caller.identity) };
        assert!(caller.send(head).await.status.is_success());
    }
}

/// Creates incoming payments. A request without an answer is sent again with its key, and makes one payment.
async fn create_on(caller: Caller, walked: Arc<Walked>, creator: usize, seen: Arc<Seen>) {
    let url = format!("{}/incoming-payments", walked.resource_server);
    let mut made = HashMap::new();
    for n in 0.. {
        if seen.enough.load(Ordering::SeqCst) {
            break;
        }
        let key = format!("order-{creator}-{n}");
        let body =
            json!({"walletAddress": caller.identity.replace("gfranklin", "bhamchest"), "metadata": {"order": key}});
        let headers = [("idempotency-key", key.as_str())];
        let call = Call { more: &headers, ..Call::post(&url, &body).with(&walked.token) };
        for _ in 0..2 {
            let id = until(BACK_WITHIN, || async {
                let (headers, bytes) = caller.signed(&call, &url);
                let told = caller.deliver(&call, headers, bytes).await.ok()?;
                assert!(told.status.is_success() || told.status.is_server_error(), "{told:?}");
                told.json["id"].as_str().map(str::to_owned)
            });
            let id = id.await.expect("the payment is created");
            assert_eq!(made.entry(key.clone()).or_insert_with(|| id.clone()), &id, "{key} made two payments");
        }
        seen.created.fetch_add(1, Ordering::SeqCst);
    }
    let mut distinct: Vec<_> = made.values().collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), made.len());
}
