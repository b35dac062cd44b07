//! Two processes of each role on one Postgres behind a simple proxy, which sends packets and API calls to either.
//!
//! The other tests run one process per role.

pub(crate) mod bank;
mod browser;
mod customers;
mod desk;
mod grant_events;
mod modules;
mod partial_payments;
mod proxy;
mod streamer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, Amount, ErrorCode, OutgoingPaymentState};
use clock::{Entropy, SeededEntropy};
use futures::StreamExt;
use serde_json::Value;
use tempfile::TempDir;
use testkit::until;
use tokio::runtime::Runtime;

use crate::asking::{client, insist};
use crate::books::{assert_books, await_quiet};
use crate::institutions::{Institutions, SIDES, Side, Storage};
use crate::paying::pay_once;
use bank::{Bank, Staff};
use streamer::Streamer;

/// Payments in each direction between the institutions, and within each of them.
const PAYMENTS_EACH: usize = 75;
const STREAMED_PACKETS: u64 = 60;
const AT_ONCE: usize = 8;
const AMOUNT: u64 = 500;

/// Both institutions, each of several processes.
struct Replicated {
    banks: [Bank; 2],
    runtime: Arc<Runtime>,
    addresses: [(String, String); 2],
    data: TempDir,
}

impl Replicated {
    /// Prints a notice and returns `None` if there is no Postgres or no Redis.
    fn start(storage: Storage) -> Option<Self> {
        Self::with(storage, |_, _, _, _| Staff::default())
    }

    /// The same with other processes. `staff` gets the session file and the folder of each side.
    fn with(storage: Storage, mut staff: impl FnMut(Side, &Runtime, &Value, &Path) -> Staff) -> Option<Self> {
        let (data, base, facts) = Institutions::start(storage)?.stopped_with_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let banks = SIDES.map(|side| {
            let folder = data.path().join(side.slug());
            let facts = facts[side as usize].clone();
            let staff = staff(side, &runtime, &facts, &folder);
            Bank::start(&runtime, facts, &folder, side.first_port(base), &staff)
        });
        let address = |side: Side, name: &str| format!("https://localhost:{}/accounts/{name}", side.first_port(base));
        let addresses = [
            (address(Side::CloudNine, "gfranklin"), address(Side::CloudNine, "bhamchest")),
            (address(Side::HappyLife, "planex"), address(Side::HappyLife, "pfry")),
        ];
        Some(Self { banks, runtime: Arc::new(runtime), addresses, data })
    }

    fn admin(&self, side: Side) -> Arc<AdminClient> {
        Arc::new(client(&self.banks[side as usize].facts))
    }

    /// Payer and payee of payments from one side to the other, or within one.
    fn parties(&self, from: Side, to: Side) -> (String, String) {
        (self.addresses[from as usize].0.clone(), self.addresses[to as usize].1.clone())
    }

    /// Waits until nothing is under way, stops everything, and checks all books.
    fn assert_books(mut self) {
        for bank in &self.banks {
            await_quiet(&bank.facts);
        }
        for bank in &mut self.banks {
            bank.stop();
        }
        let facts = [self.banks[0].facts.clone(), self.banks[1].facts.clone()];
        assert_books(&facts);
    }
}

#[test]
fn three_hundred_payments_through_two_processes_of_each_role_end_once_although_processes_are_killed_and_restarted() {
    under_fire(Storage::Postgres, 21);
}

#[test]
fn the_same_holds_without_redis() {
    under_fire(Storage::PostgresAlone, 22);
}

fn under_fire(storage: Storage, seed: u64) {
    println!("seed {seed}");
    let Some(mut replicated) = Replicated::start(storage) else { return };
    let runtime = replicated.runtime.clone();
    let (nine, life) = (Side::CloudNine, Side::HappyLife);
    let ways = [(nine, life), (life, nine), (nine, nine), (life, life)];
    let payments: Vec<_> = ways
        .into_iter()
        .map(|(from, to)| {
            let (admin, (payer, payee)) = (replicated.admin(from), replicated.parties(from, to));
            runtime.spawn(async move {
                let from = insist(|| admin.wallet_address_by_url(&payer)).await.unwrap();
                let one = |n| pay_once(admin.clone(), from.id, payee.clone(), AMOUNT, n);
                futures::stream::iter(0..PAYMENTS_EACH).map(one).buffer_unordered(AT_ONCE / 4).collect::<Vec<_>>().await
            })
        })
        .collect();
    let (admin, facts) = (replicated.admin(life), replicated.banks[life as usize].facts.clone());
    let streamed_to = replicated.addresses[life as usize].1.clone();
    let streaming = runtime.spawn(async move {
        let mut streamer = Streamer::start(&admin, &facts, &streamed_to).await;
        streamer.stream(STREAMED_PACKETS, 3).await;
    });

    let entropy = SeededEntropy::new(seed);
    let mut killing = true;
    while !(payments.iter().all(tokio::task::JoinHandle::is_finished) && streaming.is_finished()) {
        let [a, b, c] = (&entropy as &dyn Entropy).bytes::<3>();
        let pause = Duration::from_millis(300 + u64::from(a) * 6);
        runtime.block_on(async { tokio::time::timeout(pause, std::future::pending::<()>()).await }).unwrap_err();
        let bank = &mut replicated.banks[usize::from(b) % SIDES.len()];
        let victim = usize::from(c) % bank.replicas();
        if killing {
            bank.kill_and_restart(victim);
        } else {
            bank.stop_and_restart(victim);
        }
        killing = !killing;
    }

    for made in payments {
        for payment in runtime.block_on(made).unwrap() {
            assert_eq!(payment.state, OutgoingPaymentState::Completed, "{payment:?}");
        }
    }
    runtime.block_on(streaming).unwrap();
    replicated.assert_books();
}

#[test]
fn many_payers_of_one_incoming_payment_together_pay_what_it_asks_and_no_more() {
    let Some(replicated) = Replicated::start(Storage::PostgresAlone) else { return };
    for payers in [2, 5, 10, 32] {
        for mix in [Mix::Local, Mix::Remote, Mix::Both] {
            share_one(&replicated, payers, mix);
        }
    }
    replicated.assert_books();
}

/// The institution of the payers of one incoming payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mix {
    Local,
    Remote,
    Both,
}

/// Each of `payers` pays the whole amount at the same time. The payment gets it once, and the payers that failed keep
/// their money.
fn share_one(replicated: &Replicated, payers: usize, mix: Mix) {
    let payee = replicated.addresses[Side::HappyLife as usize].1.clone();
    let asked = Amount { value: 1000, asset_code: "USD".into(), asset_scale: 2 };
    let home = replicated.admin(Side::HappyLife);
    let received = replicated.runtime.block_on(async {
        let receiver = insist(|| home.create_receiver(&payee, Some(&asked), None, None)).await;
        let place = |n: usize| match mix {
            Mix::Local => Side::HappyLife,
            Mix::Remote => Side::CloudNine,
            Mix::Both => SIDES[n % 2],
        };
        let quoted = futures::stream::iter(0..payers).map(|n| {
            let (side, receiver) = (place(n), receiver.id.clone());
            let (admin, payer) = (replicated.admin(side), replicated.addresses[side as usize].0.clone());
            async move {
                let from = insist(|| admin.wallet_address_by_url(&payer)).await.unwrap();
                let quote = admin_client::QuoteAmount::Receive(Amount {
                    value: 1000,
                    asset_code: "USD".into(),
                    asset_scale: 2,
                });
                let quote = insist(|| admin.create_quote(from.id, &receiver, &quote)).await;
                (admin, from.id, quote.id)
            }
        });
        let quoted: Vec<_> = quoted.buffer_unordered(AT_ONCE).collect().await;

        let paid = quoted.into_iter().map(|(admin, from, quote)| async move {
            let key = quote.to_string();
            // A later payer is refused at once, because the receiver has its money. Nothing is taken from this payer.
            let created = until(Duration::from_mins(2), || async {
                match admin.create_outgoing_payment(from, quote, None, &key).await {
                    Ok(_) => Some(true),
                    Err(error) if error.is(&ErrorCode::BadUserInput) => Some(false),
                    Err(_) => None,
                }
            });
            if !created.await.expect("the payment is created or refused within two minutes") {
                return None;
            }
            Some(crate::paying::end_of(&admin, quote).await)
        });
        let ended: Vec<_> = futures::future::join_all(paid).await.into_iter().flatten().collect();
        let completed = ended.iter().filter(|payment| payment.state == OutgoingPaymentState::Completed).count();
        assert_eq!(completed, 1, "{payers} payers, {mix:?}: {ended:?}");

        let id = receiver.id.rsplit('/').next().unwrap().parse().unwrap();
        insist(|| home.incoming_payment(id)).await.received_amount.value
    });
    assert_eq!(received, 1000, "{payers} payers, {mix:?}");
}
