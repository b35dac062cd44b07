//! Customers of both institutions, from signing up to receiving money in another currency, while wallets and backends are
//! killed: each payment is made once, and customers' books are those of the instances.
//!
//! The customers use the pages only.

use std::sync::Arc;
use std::time::Duration;

use admin_client::OutgoingPaymentState;
use clock::{Entropy, SeededEntropy};
use futures::StreamExt;
use outbound_http::Request;
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use wallet::FeeRule;

use super::Replicated;
use super::bank::Staff;
use super::browser::Browser;
use crate::asking::{insist, outbound};
use crate::books::await_quiet;
use crate::institutions::{Side, Storage};
use crate::paying::end_of;

/// In each direction.
const PAYMENTS: usize = 10;
const KILLS: usize = 8;
/// What each customer has at the beginning.
const MONEY: u64 = 500_000;
const RATES: &str = "rates:\n  EUR: {USD: 1.10}\n  USD: {EUR: 0.91}\n";
/// The fee of both institutions.
const FEE: FeeRule = FeeRule { fixed: 100, basis_points: 200 };

#[test]
fn customers_pay_each_other_across_currencies_once_although_wallet_and_backend_are_killed() {
    customers(Storage::Sqlite, 1, 31);
}

#[test]
fn on_postgres_with_two_wallets_and_two_backends_they_do_too() {
    customers(Storage::Postgres, 2, 32);
}

fn customers(storage: Storage, processes: usize, seed: u64) {
    println!("seed {seed}");
    let staff = |_: Side, _: &tokio::runtime::Runtime, _: &Value, folder: &std::path::Path| {
        // A wallet in a process of its own has the rates of its seed file.
        let seed = folder.join("rates.yml");
        std::fs::write(&seed, RATES).unwrap();
        let wallet_variables = vec![
            ("SEED_FILE_LOCATION", seed.display().to_string()),
            // Holds of payments whose events are late are looked at within the test.
            ("HOLD_CHECK_AFTER_S", "5".to_owned()),
        ];
        Staff { processes, wallets: processes, wallet_variables, ..Staff::default() }
    };
    let Some(mut replicated) = Replicated::with(storage, staff) else { return };
    let runtime = replicated.runtime.clone();
    let at = |side: Side| replicated.banks[side as usize].facts["walletUrl"].as_str().unwrap().to_owned();
    let (nora, fritz) = (Arc::new(Browser::at(&at(Side::CloudNine))), Arc::new(Browser::at(&at(Side::HappyLife))));
    let (noras, fritzes) = runtime.block_on(async {
        (
            nora.becomes_customer("nora", "USD/2", "5000.00").await,
            fritz.becomes_customer("fritz", "EUR/2", "5000.00").await,
        )
    });
    let address = |side: Side, slug: &str| {
        replicated.addresses[side as usize].0.rsplit_once('/').unwrap().0.to_owned() + "/" + slug
    };
    let (to_nora, to_fritz) = (address(Side::CloudNine, "nora"), address(Side::HappyLife, "fritz"));

    let ways = [(nora, noras, to_fritz.clone()), (fritz, fritzes, to_nora.clone())].map(|(payer, account, to)| {
        runtime.spawn(async move {
            let one = |number: usize| {
                let (payer, account, to) = (payer.clone(), account.clone(), to.clone());
                async move { payer.sends(&account, &to, &format!("{}.0{}", 5 + number, number % 10)).await }
            };
            futures::stream::iter(0..PAYMENTS).map(one).buffer_unordered(4).collect::<Vec<_>>().await
        })
    });

    let entropy = SeededEntropy::new(seed);
    for _ in 0..KILLS {
        let [a, b, c] = (&entropy as &dyn Entropy).bytes::<3>();
        let pause = Duration::from_millis(100 + u64::from(a) * 4);
        runtime.block_on(async { tokio::time::timeout(pause, std::future::pending::<()>()).await }).unwrap_err();
        let bank = &mut replicated.banks[usize::from(b) % 2];
        if c % 2 == 0 {
            bank.kill_and_restart_wallet(usize::from(c / 2));
        } else {
            // The backends come first among the replicas.
            bank.kill_and_restart(usize::from(c / 2) % processes);
        }
    }

    let mut paid = Vec::new();
    for (way, side) in ways.into_iter().zip([Side::CloudNine, Side::HappyLife]) {
        for id in runtime.block_on(way).unwrap() {
            paid.push((side, id.parse::<Uuid>().unwrap()));
        }
    }
    assert_eq!(paid.len(), 2 * PAYMENTS);
    for bank in &replicated.banks {
        await_quiet(&bank.facts);
    }
    let expected = runtime.block_on(expected(&replicated, &paid));
    for (side, slug, expected) in [(Side::CloudNine, to_nora, expected[0]), (Side::HappyLife, to_fritz, expected[1])] {
        let (balance, held) = runtime.block_on(balance(&replicated, side, &slug));
        assert_eq!((balance, held), (expected, 0), "{slug}");
    }
    replicated.assert_books();
}

/// What both customers must have, as the instances tell of their payments.
async fn expected(replicated: &Replicated, paid: &[(Side, Uuid)]) -> [i128; 2] {
    let mut has = [i128::from(MONEY); 2];
    for (payer, id) in paid {
        let payee = if *payer == Side::CloudNine { Side::HappyLife } else { Side::CloudNine };
        let payment = end_of(&replicated.admin(*payer), *id).await;
        assert_eq!(payment.state, OutgoingPaymentState::Completed, "{payment:?}");
        let (debit, sent) = (payment.debit_amount.value, payment.sent_amount.value);
        let fee = FEE.of_fixed_delivery(debit).min(debit - sent);
        has[*payer as usize] -= i128::from(sent) + i128::from(fee);

        let incoming = payment.receiver.rsplit('/').next().unwrap().parse().unwrap();
        let admin = replicated.admin(payee);
        let received = insist(|| admin.incoming_payment(incoming)).await;
        assert!(received.received_amount.value >= payment.receive_amount.value, "{received:?}");
        has[payee as usize] += i128::from(received.received_amount.value);
    }
    has
}

/// Balance and hold of a customer, as the wallet tells.
async fn balance(replicated: &Replicated, side: Side, address: &str) -> (i128, i128) {
    let url = replicated.banks[side as usize].facts["walletUrl"].as_str().unwrap();
    let url = Url::parse(url).unwrap().join("/balances").unwrap();
    let response = outbound().send(Request::get(url).configured()).await.unwrap();
    let accounts: Vec<Value> = response.json().unwrap();
    let account = accounts.iter().find(|account| account["walletAddress"] == address).unwrap();
    let read = |name: &str| account[name].as_str().unwrap().parse().unwrap();
    (read("balance"), read("held"))
}
