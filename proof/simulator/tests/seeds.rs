//! Payments through a network with many faults for a while, by seed. At rest, every payment was made exactly once and
//! no unit is missing anywhere.
//!
//! `SIMULATOR_SEEDS=from..to` runs other seeds, `RUST_LOG=debug` shows what happens; a failure names its seed.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use connector::AccountAsset;
use ledger::AccountId;
use payments_model::IncomingPaymentId;
use simulator::{Audit, Network, Payment, Weather, asset};

const LIQUIDITY: u64 = 10_000_000;

/// A payment and its destination.
struct Flow {
    payment: Arc<Payment>,
    to: &'static str,
    receiver: IncomingPaymentId,
    total: u64,
    converted: bool,
}

async fn flow(
    network: &Network,
    (from, sent): (&str, &Arc<AccountAsset>),
    (to, received): (&'static str, &Arc<AccountAsset>),
    total: u64,
) -> Flow {
    let converted = sent != received;
    let limit = (!converted).then_some(total);
    let (receiver, credentials) = network.node(to).receive(received, limit).await;
    let packet = 1 + total / (1 + network.chance().below(12));
    let payment = Payment::create(&network.node(from), sent, credentials, total, packet).await;
    Flow { payment, to, receiver, total, converted }
}

/// Kills and starts nodes, changes rates and faults, and finally ends all faults.
async fn chaos(network: &Network) {
    let chance = network.chance();
    network.set_weather(Weather {
        refusals: chance.below(100),
        losses: chance.below(200),
        repetitions: chance.below(100),
        delays: chance.below(100),
    });
    network.set_ledger_silences(chance.below(50));
    for _ in 0..chance.below(8) {
        tokio::time::sleep(chance.millis_up_to(6_000)).await;
        let nodes = network.nodes();
        let node = &nodes[usize::try_from(chance.below(nodes.len() as u64)).unwrap()];
        node.set_rates(Some(&format!(r#"{{"EUR":0.{},"USD":1.{}}}"#, 80 + chance.below(19), 1 + chance.below(30))));
        node.kill();
        tokio::time::sleep(chance.millis_up_to(if chance.happens(200) { 90_000 } else { 3_000 })).await;
        node.start();
    }
    network.set_weather(Weather::default());
    network.set_ledger_silences(0);
}

async fn simulate(seed: u64) {
    let (usd, eur) = (asset("USD"), asset("EUR"));
    let network = Network::chain(seed, "alice", &[(&usd, "bob"), (&eur, "carol")], LIQUIDITY).await;
    let bob = network.node("bob");
    bob.set_rates(Some(r#"{"EUR":0.9,"USD":1.1}"#));
    for asset in [&usd, &eur] {
        bob.deposit(asset, AccountId::from(asset.ledger.id), LIQUIDITY).await;
    }
    let flows = [
        flow(&network, ("alice", &usd), ("bob", &usd), 10_000).await,
        flow(&network, ("alice", &usd), ("carol", &eur), 20_000).await,
        flow(&network, ("carol", &eur), ("alice", &usd), 5_000).await,
        flow(&network, ("bob", &eur), ("carol", &eur), 7_000).await,
    ];
    let payments = futures::future::join_all(flows.iter().map(|flow| flow.payment.run()));
    tokio::join!(payments, chaos(&network));
    network.settle().await;

    let audit = Audit::of(&network).await;
    audit.assert_conserved();
    audit.assert_peers_agree(&network);
    for flow in flows {
        let sent = flow.payment.sent();
        let received = audit.account(flow.to, flow.receiver.into()).credits_posted;
        assert_eq!((sent.debited, sent.without_reply), (flow.total, 0));
        assert_eq!(u128::from(sent.delivered), received);
        assert!(flow.converted || sent.delivered == flow.total);
        assert_eq!(flow.payment.balance().await, (0, 0));
    }
}

fn run(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    if let Err(failure) = std::panic::catch_unwind(|| runtime.block_on(simulate(seed))) {
        eprintln!("seed {seed} failed; repeat it with SIMULATOR_SEEDS={seed}..{}", seed + 1);
        std::panic::resume_unwind(failure);
    }
}

#[test]
fn every_payment_is_made_once_in_spite_of_all_faults() {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    #[expect(clippy::disallowed_methods, reason = "only a developer looking for a failure sets it")]
    let seeds = std::env::var("SIMULATOR_SEEDS").ok();
    let (from, to) = seeds
        .as_deref()
        .and_then(|seeds| seeds.split_once(".."))
        .map_or((0, 200), |(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
    (from..to).for_each(run);
}
