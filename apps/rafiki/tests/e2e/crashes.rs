//! `kill -9` of either institution, or of its Redis, while fifty payments are under way: each ends exactly once.
//!
//! The moments are drawn from a seed that is printed, so that a failure can be repeated.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use admin_client::{IncomingPaymentState, OutgoingPayment, OutgoingPaymentState};
use clock::{Entropy, SeededEntropy};
use futures::StreamExt;
use serde_json::Value;
use testkit::{free_ports, until};
use url::Url;
use uuid::Uuid;

use crate::asking::{client, insist, outbound};
use crate::institutions::{Institutions, Side, Storage};
use crate::paying::pay_once;

const PAYMENTS: usize = 50;
const KILLS: usize = 8;
const AMOUNT: u64 = 500;

#[test]
fn fifty_payments_end_exactly_once_although_the_sender_is_killed() {
    killing(Side::CloudNine, Storage::Sqlite, 11);
}

#[test]
fn fifty_payments_end_exactly_once_although_the_receiver_is_killed() {
    killing(Side::HappyLife, Storage::Sqlite, 12);
}

#[test]
fn on_postgres_too_a_killed_sender_pays_exactly_once() {
    killing(Side::CloudNine, Storage::Postgres, 13);
}

#[test]
fn on_postgres_too_a_killed_receiver_is_paid_exactly_once() {
    killing(Side::HappyLife, Storage::Postgres, 14);
}

fn killing(victim: Side, storage: Storage, seed: u64) {
    println!("seed {seed}");
    let Some(mut two) = Institutions::start(storage) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cloud_nine = Arc::new(client(&two.facts(Side::CloudNine)));
    let happy_life = Arc::new(client(&two.facts(Side::HappyLife)));
    let payer = two.address(Side::CloudNine, "gfranklin");
    let payee = two.address(Side::HappyLife, "pfry");

    let payments = {
        let (cloud_nine, payer, payee) = (cloud_nine.clone(), payer, payee);
        runtime.spawn(async move {
            let from = insist(|| cloud_nine.wallet_address_by_url(&payer)).await.unwrap();
            let one = |n| pay_once(cloud_nine.clone(), from.id, payee.clone(), AMOUNT, n);
            futures::stream::iter(0..PAYMENTS).map(one).buffer_unordered(5).collect::<Vec<_>>().await
        })
    };
    let entropy = SeededEntropy::new(seed);
    for _ in 0..KILLS {
        let [a, b] = (&entropy as &dyn Entropy).bytes::<2>();
        let pause = Duration::from_millis(50 + u64::from(u16::from_be_bytes([a, b]) % 900));
        runtime.block_on(async { tokio::time::timeout(pause, std::future::pending::<()>()).await }).unwrap_err();
        two.kill(victim);
        two.restart(victim);
    }
    let made = runtime.block_on(payments).unwrap();
    assert_eq!(made.len(), PAYMENTS);

    for payment in &made {
        assert_eq!(payment.state, OutgoingPaymentState::Completed, "{payment:?}");
        assert_eq!(payment.sent_amount.value, AMOUNT, "{payment:?}");
        let incoming = payment.receiver.rsplit('/').next().unwrap().parse::<Uuid>().unwrap();
        let received = runtime.block_on(insist(|| happy_life.incoming_payment(incoming)));
        assert_eq!(received.received_amount.value, AMOUNT, "{received:?}");
        assert_eq!(received.state, IncomingPaymentState::Completed, "{received:?}");
    }
    assert_wallets_settled(&runtime, &two, &made);
    two.assert_conserved();
}

/// Waits until both wallets have settled every payment. Then it compares their movements with the payments.
fn assert_wallets_settled(runtime: &tokio::runtime::Runtime, two: &Institutions, made: &[OutgoingPayment]) {
    let count = i128::try_from(made.len()).unwrap();
    let received = count * i128::from(AMOUNT);
    let debited: i128 = made.iter().map(|payment| i128::from(payment.debit_amount.value)).sum();
    let fees_and_slippage = debited - received;
    let wallets = [
        (Side::HappyLife, "pfry", 1 + received, "credited"),
        // The wallet keeps its fee and returns the unused slippage, or keeps both: never more than was debited.
        (Side::CloudNine, "gfranklin", 40_000_000 - received - fees_and_slippage, "debited"),
    ];
    for (side, slug, expected, verb) in wallets {
        let balances = Url::parse(two.facts(side)["walletUrl"].as_str().unwrap()).unwrap().join("/balances").unwrap();
        let account = two.address(side, slug);
        let settled = runtime.block_on(async {
            let http = outbound();
            until(Duration::from_mins(1), || async {
                let response = http.send(outbound_http::Request::get(balances.clone()).configured()).await.ok()?;
                let list: Vec<Value> = response.json().ok()?;
                let found = list.iter().find(|entry| entry["walletAddress"] == account.as_str())?;
                let balance: i128 = found["balance"].as_str()?.parse().ok()?;
                let slack = if side == Side::CloudNine { fees_and_slippage } else { 0 };
                (balance >= expected && balance <= expected + slack).then_some(balance)
            })
            .await
        });
        assert!(settled.is_some(), "{slug} was not {verb} exactly once per payment");
    }
}

/// A Redis that keeps nothing over a restart.
struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// `None`, with a notice, if there is no program.
    fn start() -> Option<Self> {
        let mut redis = Self { port: free_ports(), process: None };
        if redis.launch() {
            return Some(redis);
        }
        println!("SKIPPED: payments while Redis restarts (no redis-server on the PATH; Debian package redis-server)");
        None
    }

    fn launch(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        self.process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().ok();
        self.process.is_some()
    }

    fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn fifty_payments_lose_and_double_nothing_although_redis_is_killed_and_forgets_everything() {
    let Some(mut redis) = Redis::start() else { return };
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let options: &'static [&'static str] = Box::leak(Box::new(["--redis", &*String::leak(url)]));
    let Some(mut two) = Institutions::start_as(Storage::PostgresAlone, options, &[]) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let [cloud_nine, happy_life] = [Side::CloudNine, Side::HappyLife].map(|side| Arc::new(client(&two.facts(side))));
    let (payer, payee) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let payments = {
        let (cloud_nine, payer) = (Arc::clone(&cloud_nine), payer);
        runtime.spawn(async move {
            let from = insist(|| cloud_nine.wallet_address_by_url(&payer)).await.unwrap();
            let one = |n| pay_once(cloud_nine.clone(), from.id, payee.clone(), AMOUNT, n);
            futures::stream::iter(0..PAYMENTS).map(one).buffer_unordered(5).collect::<Vec<_>>().await
        })
    };
    let (entropy, wait) = (SeededEntropy::new(15), |millis| {
        let pause = Duration::from_millis(millis);
        runtime.block_on(async { tokio::time::timeout(pause, std::future::pending::<()>()).await }).unwrap_err();
    });
    let mut kills = 0;
    while !payments.is_finished() {
        let [a, b] = (&entropy as &dyn Entropy).bytes::<2>();
        wait(300 + u64::from(a) * 4);
        redis.kill();
        wait(u64::from(b) * 4);
        assert!(redis.launch());
        kills += 1;
    }
    println!("Redis was killed {kills} times");
    assert!(kills >= 3, "Redis was killed while payments were under way");
    let made = runtime.block_on(payments).unwrap();

    // A payment may fail, because its packets were refused. Then what it has not sent is given back, and nothing is lost.
    let (mut completed, mut arrived) = (0, 0);
    for payment in &made {
        let incoming = payment.receiver.rsplit('/').next().unwrap().parse::<Uuid>().unwrap();
        let received = runtime.block_on(insist(|| happy_life.incoming_payment(incoming))).received_amount.value;
        assert_eq!(received, payment.sent_amount.value, "{payment:?}");
        completed += usize::from(payment.state == OutgoingPaymentState::Completed);
        arrived += received;
    }
    println!("{completed} of {} were completed", made.len());
    assert!(completed > PAYMENTS / 2, "{completed}");
    let balances = Url::parse(two.facts(Side::HappyLife)["walletUrl"].as_str().unwrap()).unwrap().join("/balances");
    let (balances, account) = (balances.unwrap(), two.address(Side::HappyLife, "pfry"));
    let credited = runtime.block_on(until(Duration::from_mins(1), || async {
        let response = outbound().send(outbound_http::Request::get(balances.clone()).configured()).await.ok()?;
        let list: Vec<Value> = response.json().ok()?;
        let found = list.iter().find(|entry| entry["walletAddress"] == account.as_str())?;
        let balance: u64 = found["balance"].as_str()?.parse().ok()?;
        (balance == 1 + arrived).then_some(())
    }));
    assert!(credited.is_some(), "the merchant has what has arrived, once: {arrived}");
    two.assert_conserved();
}
