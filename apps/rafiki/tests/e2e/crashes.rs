//! `kill -9` of either institution while fifty payments are under way: each ends exactly once.
//!
//! The moments are drawn from a seed that is printed, so that a failure can be repeated.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{IncomingPaymentState, OutgoingPayment, OutgoingPaymentState};
use clock::{Entropy, SeededEntropy};
use futures::StreamExt;
use serde_json::Value;
use testkit::until;
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
