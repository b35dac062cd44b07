//! How a node treats its peers: their rates, amounts per period, silence, and others in their place.
//! Peers that behave well are in `pipeline`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use connector::{AccountAsset, Outcome, PeerLine};
use ilp_packet::{AmountTooLarge, ErrorCode, Reject, Reply};
use payments_model::peer_terms::Throughput;
use simulator::{Audit, Fate, Network, Payment, Weather, asset};

const LIQUIDITY: u64 = 1_000_000;

fn usd() -> Arc<AccountAsset> {
    asset("USD")
}

fn code(outcome: &Outcome) -> Option<ErrorCode> {
    let Outcome::Reply(reply) = outcome else { panic!("no reply: {outcome:?}") };
    match Reply::parse(reply).unwrap() {
        Reply::Fulfill(_) => None,
        Reply::Reject(reject) => Some(reject.code),
    }
}

/// Alice, whose peer is Bob, whose peer is Carol.
async fn alice_bob_carol() -> Network {
    Network::chain(1, "alice", &[(&usd(), "bob"), (&usd(), "carol")], LIQUIDITY).await
}

/// A payment from Alice to an account at `last`.
async fn from_alice(network: &Network, last: &str) -> Arc<Payment> {
    let (_, credentials) = network.node(last).receive(&usd(), None).await;
    Payment::create(&network.node("alice"), &usd(), credentials, LIQUIDITY, LIQUIDITY).await
}

/// Everything is at rest, and both sides of every peering agree.
async fn assert_settled(network: &Network) {
    network.settle().await;
    let audit = Audit::of(network).await;
    audit.assert_conserved();
    audit.assert_peers_agree(network);
}

#[tokio::test(start_paused = true)]
async fn the_terms_of_a_peer_come_before_the_rate_of_the_instance() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    network.node("bob").change_peer("alice", |alice| {
        (alice.terms.packets_per_second, alice.terms.packet_burst) = (Some(1), Some(1));
    });
    assert_eq!(code(&payment.send_one(1).await), None);
    assert_eq!(code(&payment.send_one(1).await), Some(ErrorCode::T05RateLimited));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(&payment.send_one(1).await), None);

    network.node("bob").change_peer("alice", |alice| {
        (alice.terms.packets_per_second, alice.terms.packet_burst) = (None, None);
    });
    for _ in 0..10 {
        assert_eq!(code(&payment.send_one(1).await), None);
    }
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_sends_no_more_money_in_a_period_than_its_terms_say() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "carol").await;
    network.node("bob").change_peer("alice", |alice| {
        alice.terms.incoming = Some(Throughput { amount: 100, seconds: 60 });
    });
    assert_eq!(code(&payment.send_one(70).await), None);
    let (refused, message) = payment.rejection_of(40).await;
    assert_eq!((refused, &*message), (ErrorCode::T04InsufficientLiquidity, "exceeded money bandwidth, throttling."));
    assert_eq!(code(&payment.send_one(30).await), None);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(code(&payment.send_one(50).await), None);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_above_the_amount_of_a_period_is_told_the_largest_that_passes() {
    for direction in ["from alice", "to carol"] {
        let network = alice_bob_carol().await;
        let payment = from_alice(&network, "carol").await;
        let limit = Some(Throughput { amount: 100, seconds: 60 });
        match direction {
            "from alice" => network.node("bob").change_peer("alice", |alice| alice.terms.incoming = limit),
            _ => network.node("bob").change_peer("carol", |carol| carol.terms.outgoing = limit),
        }
        let Outcome::Reply(reply) = payment.send_one(101).await else { panic!("no reply") };
        let reject = Reject::parse(&reply).unwrap();
        let told = AmountTooLarge { received: 101, maximum: 100 };
        assert_eq!((reject.code, AmountTooLarge::parse(reject.data)), (ErrorCode::F08AmountTooLarge, Some(told)));
        assert_eq!(code(&payment.send_one(100).await), None, "{direction}");
        assert_settled(&network).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_packet_of_another_asset_passes_after_its_conversion() {
    let eur = asset("EUR");
    let network = Network::chain(1, "alice", &[(&usd(), "bob"), (&eur, "carol")], LIQUIDITY).await;
    let bob = network.node("bob");
    bob.deposit(&eur, eur.ledger.id.into(), LIQUIDITY).await;
    bob.set_rates(Some(r#"{"EUR":0.7}"#));
    bob.change_peer("carol", |carol| carol.terms.outgoing = Some(Throughput { amount: 100, seconds: 60 }));
    let (_, credentials) = network.node("carol").receive(&eur, None).await;
    let payment = Payment::create(&network.node("alice"), &usd(), credentials, LIQUIDITY, LIQUIDITY).await;
    let Outcome::Reply(reply) = payment.send_one(1000).await else { panic!("no reply") };
    let maximum = AmountTooLarge::parse(Reject::parse(&reply).unwrap().data).unwrap().maximum;
    assert_eq!(maximum, 142, "100 euros are 142.86 dollars");
    assert_eq!(code(&payment.send_one(maximum).await), None);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_money_is_sent_to_a_peer_in_a_period_than_its_terms_say() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    network.node("alice").change_peer("bob", |bob| {
        bob.terms.outgoing = Some(Throughput { amount: 100, seconds: 60 });
    });
    assert_eq!(code(&payment.send_one(100).await), None);
    let (refused, message) = payment.rejection_of(10).await;
    assert_eq!((refused, &*message), (ErrorCode::T04InsufficientLiquidity, "exceeded money bandwidth, throttling."));
    assert_eq!(payment.balance().await, (u128::from(LIQUIDITY) - 100, 0), "nothing is held for a refused packet");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(code(&payment.send_one(10).await), None);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn the_amount_of_a_packet_that_was_refused_later_does_not_count() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "carol").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    let limit = Some(Throughput { amount: 100, seconds: 86_400 });
    network.node("bob").change_peer("alice", |alice| alice.terms.incoming = limit);
    network.node("bob").change_peer("carol", |carol| carol.terms.outgoing = limit);
    for _ in 0..3 {
        network.script("bob", "carol", &[Fate::Refuse]);
        assert_eq!(code(&payment.send_one(100).await), Some(ErrorCode::T01PeerUnreachable));
    }
    assert_eq!(code(&payment.send_one(100).await), None);
    assert_eq!(code(&payment.send_one(1).await), Some(ErrorCode::T04InsufficientLiquidity));
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn an_amount_counts_while_its_outcome_is_unknown() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    network.node("alice").change_peer("bob", |bob| {
        bob.terms.outgoing = Some(Throughput { amount: 100, seconds: 86_400 });
    });
    // More than the packet's life is lost.
    network.script("alice", "bob", &[Fate::LoseRequest; 2]);
    assert_eq!(payment.send_one(100).await, Outcome::Unresolved);
    assert_eq!(code(&payment.send_one(100).await), Some(ErrorCode::T04InsufficientLiquidity));
}

/// Bob does not answer Alice until packets to him are stopped. It takes five failures in a row.
async fn until_stopped(network: &Network, payment: &Payment) {
    assert_eq!(code(&payment.send_one(1).await), None);
    network.script("alice", "bob", &[Fate::Refuse; 5]);
    for _ in 0..5 {
        assert_eq!(code(&payment.send_one(1).await), Some(ErrorCode::T01PeerUnreachable));
    }
}

#[tokio::test(start_paused = true)]
async fn packets_to_a_peer_that_does_not_answer_are_refused_at_once() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    until_stopped(&network, &payment).await;

    let before = network.clock().elapsed();
    let (refused, message) = payment.rejection_of(1).await;
    assert_eq!((refused, &*message), (ErrorCode::T01PeerUnreachable, "peer is unreachable."));
    assert_eq!(network.clock().elapsed(), before, "without any exchange");
    assert_eq!(payment.balance().await.1, 0, "nothing is held");
    let report = network.node("alice").peer_report("bob");
    assert_eq!((report.breaker.line, report.breaker.stopped), (PeerLine::Down, 1));
    assert!(report.last_answer.is_some() && report.last_failure.unwrap().reason.contains("connection refused"));
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_packet_tries_and_its_answer_lets_all_pass() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    until_stopped(&network, &payment).await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    network.script("alice", "bob", &[Fate::Refuse]);
    let (tries, waits) = tokio::join!(payment.send_one(1), payment.send_one(2));
    assert_eq!([code(&tries), code(&waits)], [Some(ErrorCode::T01PeerUnreachable); 2]);

    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(code(&payment.send_one(1).await), None);
    let all = futures::future::join_all((1..50).map(|amount| payment.send_one(amount))).await;
    assert!(all.iter().all(|outcome| code(outcome).is_none()));
    let report = network.node("alice").peer_report("bob");
    assert_eq!((report.breaker.line, report.breaker.stopped), (PeerLine::Up, 1));
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_under_way_is_asked_for_also_while_packets_are_stopped() {
    let network = alice_bob_carol().await;
    let payment = from_alice(&network, "bob").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    // Bob takes the packet, his reply is lost, and then he cannot be reached for a while.
    let mut fates = vec![Fate::BreakReply];
    fates.extend([Fate::Refuse; 8]);
    network.script("alice", "bob", &fates);
    assert_eq!(code(&payment.send_one(100).await), None, "the packet was paid, and its sender learns it");
    assert_eq!(payment.balance().await, (u128::from(LIQUIDITY) - 101, 0));
    assert_eq!(network.node("alice").peer_report("bob").breaker.stopped, 1);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_behind_a_peer_that_does_not_answer_does_not_stop_packets_to_the_peer() {
    let network = alice_bob_carol().await;
    let (near, far) = (from_alice(&network, "bob").await, from_alice(&network, "carol").await);
    assert_eq!(code(&far.send_one(1).await), None);
    network.script("bob", "carol", &[Fate::LoseRequest; 40]);
    let lost = futures::future::join_all((2..12).map(|amount| far.send_one(amount))).await;
    assert!(lost.iter().all(|outcome| *outcome == Outcome::Unresolved), "{lost:?}");
    assert_eq!(network.node("bob").peer_report("carol").breaker.line, PeerLine::Down);
    assert_eq!(network.node("alice").peer_report("bob").breaker.stopped, 0);
    assert_eq!(code(&near.send_one(1).await), None);
}

#[tokio::test(start_paused = true)]
async fn a_payment_is_made_once_its_peer_answers_again() {
    let network = alice_bob_carol().await;
    let (receiver, credentials) = network.node("bob").receive(&usd(), None).await;
    let payment = Payment::create(&network.node("alice"), &usd(), credentials, 500, 100).await;
    network.node("bob").kill();
    let down = async {
        tokio::time::sleep(Duration::from_mins(2)).await;
        network.node("bob").start();
    };
    tokio::join!(payment.run(), down);
    assert_eq!(payment.sent().delivered, 500);
    assert_settled(&network).await;
    assert_eq!(Audit::of(&network).await.account("bob", receiver.into()).credits_posted, 500);
}

/// Alice reaches Dora by way of Bob and of Carol. Every node of the way exchanges dollars.
async fn two_ways() -> Network {
    Network::diamond(1, "alice", &[(&usd(), "bob"), (&usd(), "carol")], "dora", LIQUIDITY).await
}

fn of_weight(network: &Network, peer: &str, weight: u32) {
    network.node("alice").change_peer(peer, |peer| peer.terms.weight = Some(weight));
}

/// Exchanges of Alice that reached Bob and Carol.
fn deliveries(network: &Network) -> [u64; 2] {
    ["bob", "carol"].map(|peer| network.deliveries("alice", peer))
}

#[tokio::test(start_paused = true)]
async fn while_a_peer_does_not_answer_another_of_its_prefix_gets_the_packets() {
    let network = two_ways().await;
    of_weight(&network, "carol", 0);
    let payment = from_alice(&network, "dora").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    assert_eq!(network.deliveries("alice", "carol"), 0, "Carol is the last resort");
    network.script("alice", "bob", &[Fate::Refuse; 5]);
    for _ in 0..5 {
        assert_eq!(code(&payment.send_one(1).await), Some(ErrorCode::T01PeerUnreachable));
    }

    let to_bob = network.deliveries("alice", "bob");
    for _ in 0..10 {
        assert_eq!(code(&payment.send_one(1).await), None);
    }
    assert_eq!(network.deliveries("alice", "bob"), to_bob, "no packet reached both");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(&payment.send_one(1).await), None);
    assert_eq!(network.deliveries("alice", "bob"), to_bob + 1, "Bob is tried again after the pause");
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_for_one_peer_goes_to_the_next_and_is_refused_when_all_are_full() {
    let network = two_ways().await;
    let limit = Some(Throughput { amount: 100, seconds: 86_400 });
    for peer in ["bob", "carol"] {
        network.node("alice").change_peer(peer, |peer| peer.terms.outgoing = limit);
    }
    let payment = from_alice(&network, "dora").await;
    for _ in 0..2 {
        assert_eq!(code(&payment.send_one(100).await), None);
    }
    let (refused, message) = payment.rejection_of(100).await;
    assert_eq!((refused, &*message), (ErrorCode::T04InsufficientLiquidity, "exceeded money bandwidth, throttling."));
    assert_eq!(payment.balance().await, (u128::from(LIQUIDITY) - 200, 0));
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_cannot_even_be_asked_leaves_its_first_packet_to_another() {
    let network = two_ways().await;
    of_weight(&network, "carol", 0);
    network.script("alice", "bob", &[Fate::Refuse]);
    let payment = from_alice(&network, "dora").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    assert_eq!(network.deliveries("alice", "bob"), 0);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_may_have_left_never_goes_to_another_peer() {
    let network = two_ways().await;
    of_weight(&network, "carol", 0);
    let payment = from_alice(&network, "dora").await;
    assert_eq!(code(&payment.send_one(1).await), None);
    // Bob takes the packet and his reply is lost. Then he cannot be reached until packets to him are stopped.
    let mut fates = vec![Fate::BreakReply];
    fates.extend([Fate::Refuse; 8]);
    network.script("alice", "bob", &fates);
    assert_eq!(code(&payment.send_one(7).await), None);
    assert_eq!(network.node("alice").peer_report("bob").breaker.stopped, 1);
    assert_eq!(network.deliveries("alice", "carol"), 0);
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_lack_of_liquidity_a_peer_of_another_asset_is_preferred() {
    let eur = asset("EUR");
    let network = Network::diamond(1, "alice", &[(&eur, "bob"), (&usd(), "carol")], "dora", LIQUIDITY).await;
    let alice = network.node("alice");
    alice.set_rates_by_base(&[("GBP", r#"{"EUR":1,"USD":1}"#)]);
    let gbp = asset("GBP");
    alice.open_asset(&gbp).await;
    let dollars = usd();
    alice.deposit(&dollars, dollars.ledger.id.into(), LIQUIDITY).await;
    of_weight(&network, "carol", 0);
    let (_, credentials) = network.node("dora").receive(&usd(), None).await;
    let payment = Payment::create(&alice, &gbp, credentials, LIQUIDITY, LIQUIDITY).await;

    // Alice has no euros to give to Bob, and dollars for Carol.
    let (refused, message) = payment.rejection_of(5).await;
    assert_eq!((refused, &*message), (ErrorCode::T04InsufficientLiquidity, "InsufficientLiquidity"));
    assert_eq!(code(&payment.send_one(5).await), None);
    assert_eq!(deliveries(&network)[0], 1, "only the question reached Bob");
    assert_settled(&network).await;
}

#[tokio::test(start_paused = true)]
async fn one_packet_is_paid_once_whichever_peers_fail() {
    for seed in 0..20 {
        let network = Network::diamond(seed, "alice", &[(&usd(), "bob"), (&usd(), "carol")], "dora", LIQUIDITY).await;
        network.set_weather(Weather { refusals: 200, losses: 50, repetitions: 50, delays: 10 });
        let (receiver, credentials) = network.node("dora").receive(&usd(), None).await;
        let payment = Payment::create(&network.node("alice"), &usd(), credentials, 2000, 10).await;
        payment.run().await;
        network.set_weather(Weather::default());
        assert_settled(&network).await;
        assert_eq!(Audit::of(&network).await.account("dora", receiver.into()).credits_posted, 2000, "seed {seed}");
    }
}
