//! The packet path through real connectors, one event at a time.
//! Whole payments over lossy networks are in the files beside it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use connector::{AccountAsset, Connector, Outcome, PacketRate, Repeats, Source, Transmission, Verdict};
use ilp_packet::{AddressRef, ErrorCode, Fulfillment, Prepare, PrepareBuf, Reply};
use ledger::AccountId;
use payments_model::IncomingPaymentId;
use payments_model::peer_terms::Throughput;
use simulator::{Audit, Fate, Network, Payment, Sent, asset, asset_of_scale};
use stream::{Credentials, Frame, Hashlock, Request, STREAM_ID, Sender};

const LIQUIDITY: u64 = 1_000_000;

fn usd() -> Arc<AccountAsset> {
    asset("USD")
}

fn eur() -> Arc<AccountAsset> {
    asset("EUR")
}

/// A row of nodes and a payment from the first to the last.
struct Setup {
    network: Network,
    payment: Arc<Payment>,
    receiver: IncomingPaymentId,
    last: &'static str,
}

async fn alice_to_bob(total: u64) -> Setup {
    setup(&usd(), &[(&usd(), "bob")], &usd(), total).await
}

async fn alice_to_carol(total: u64) -> Setup {
    setup(&usd(), &[(&usd(), "bob"), (&usd(), "carol")], &usd(), total).await
}

async fn setup(
    sent: &Arc<AccountAsset>,
    others: &[(&Arc<AccountAsset>, &'static str)],
    received: &Arc<AccountAsset>,
    total: u64,
) -> Setup {
    let network = Network::chain(1, "alice", others, LIQUIDITY).await;
    let last = others.last().unwrap().1;
    let (receiver, credentials) = network.node(last).receive(received, None).await;
    let payment = Payment::create(&network.node("alice"), sent, credentials, total, total).await;
    Setup { network, payment, receiver, last }
}

impl Setup {
    async fn received(&self) -> u128 {
        Audit::of(&self.network).await.account(self.last, self.receiver.into()).credits_posted
    }

    /// Checks that everything is at rest, both sides of every peering agree, and `received` arrived.
    async fn assert_settled(&self, received: u128) {
        self.network.settle().await;
        let audit = Audit::of(&self.network).await;
        audit.assert_conserved();
        audit.assert_peers_agree(&self.network);
        assert_eq!(self.received().await, received);
    }

    async fn assert_rejected(&self, amount: u64, code: ErrorCode, message: &str) {
        assert_eq!(self.payment.rejection_of(amount).await, (code, message.to_owned()));
        self.assert_settled(0).await;
    }
}

fn code(outcome: Outcome) -> Option<ErrorCode> {
    let Outcome::Reply(reply) = outcome else { panic!("no reply: {outcome:?}") };
    match Reply::parse(&reply).unwrap() {
        Reply::Fulfill(_) => None,
        Reply::Reject(reject) => Some(reject.code),
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_is_paid_from_hop_to_hop() {
    let s = alice_to_carol(500).await;
    s.payment.run().await;
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
    assert_eq!(s.payment.balance().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_packet_is_converted_where_the_asset_changes() {
    let s = setup(&usd(), &[(&usd(), "bob"), (&eur(), "carol")], &eur(), 1000).await;
    let bob = s.network.node("bob");
    bob.deposit(&eur(), AccountId::from(eur().ledger.id), 5000).await;
    bob.set_rates(Some(r#"{"EUR":0.29}"#));
    s.payment.run().await;
    assert_eq!(s.payment.sent().delivered, 290);
    s.assert_settled(290).await;
}

#[tokio::test(start_paused = true)]
async fn an_amount_worth_nothing_at_the_next_account_is_r01() {
    let s = setup(&usd(), &[(&usd(), "bob"), (&eur(), "carol")], &eur(), 1000).await;
    s.network.node("bob").set_rates(Some(r#"{"EUR":0.1}"#));
    s.assert_rejected(5, ErrorCode::R01InsufficientSourceAmount, "the amount is worth nothing at the next account.")
        .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_rate_nothing_moves() {
    let s = setup(&usd(), &[(&usd(), "bob"), (&eur(), "carol")], &eur(), 1000).await;
    assert_eq!(code(s.payment.send_one(10).await), Some(ErrorCode::T00InternalError));
    s.network.node("bob").set_rates(Some("{}"));
    s.network.settle().await;
    s.assert_rejected(10, ErrorCode::F07CannotReceive, "Exchange rate error: InvalidDestinationPrice").await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_above_a_peers_maximum_is_f08_with_both_amounts() {
    let s = alice_to_bob(500).await;
    s.network.node("bob").change_peer("alice", |alice| alice.max_packet_amount = Some(100));
    let Outcome::Reply(reply) = s.payment.send_one(101).await else { panic!("no reply") };
    let reject = ilp_packet::Reject::parse(&reply).unwrap();
    assert_eq!(reject.code, ErrorCode::F08AmountTooLarge);
    let detail = ilp_packet::AmountTooLarge { received: 101, maximum: 100 };
    assert_eq!(ilp_packet::AmountTooLarge::parse(reject.data), Some(detail));
    assert_eq!(code(s.payment.send_one(100).await), None);
    s.assert_settled(100).await;
}

#[tokio::test(start_paused = true)]
async fn more_than_64_bits_of_the_next_unit_is_f08_with_the_largest_amount_that_fits() {
    let fine = asset_of_scale("USD", 18);
    let s = setup(&usd(), &[(&usd(), "bob")], &fine, 5000).await;
    s.network.node("bob").deposit(&fine, AccountId::from(fine.ledger.id), u64::MAX).await;
    let Outcome::Reply(reply) = s.payment.send_one(1845).await else { panic!("no reply") };
    let reject = ilp_packet::Reject::parse(&reply).unwrap();
    assert_eq!(reject.code, ErrorCode::F08AmountTooLarge);
    let detail = ilp_packet::AmountTooLarge { received: 1845, maximum: 1844 };
    assert_eq!(ilp_packet::AmountTooLarge::parse(reject.data), Some(detail));
    // This amount fits in a packet. A receiver holds 2^63−1 units, and declines more for now.
    assert_eq!(code(s.payment.send_one(1844).await), Some(ErrorCode::T00InternalError));
    assert_eq!(code(s.payment.send_one(922).await), None);
    s.assert_settled(9_220_000_000_000_000_000).await;
}

#[tokio::test(start_paused = true)]
async fn without_balance_or_liquidity_a_packet_is_t04() {
    let s = alice_to_bob(LIQUIDITY + 2).await;
    s.assert_rejected(LIQUIDITY + 3, ErrorCode::T04InsufficientLiquidity, "InsufficientBalance").await;
    // Alice has the money, but her account at Bob is too low.
    s.assert_rejected(LIQUIDITY + 1, ErrorCode::T04InsufficientLiquidity, "InsufficientBalance").await;
}

#[tokio::test(start_paused = true)]
async fn a_converted_packet_needs_the_liquidity_of_its_new_asset() {
    let s = setup(&usd(), &[(&usd(), "bob"), (&eur(), "carol")], &eur(), 1000).await;
    let bob = s.network.node("bob");
    bob.set_rates(Some(r#"{"EUR":2}"#));
    bob.deposit(&eur(), AccountId::from(eur().ledger.id), 199).await;
    s.assert_rejected(100, ErrorCode::T04InsufficientLiquidity, "InsufficientLiquidity").await;
    assert_eq!(code(s.payment.send_one(99).await), None);
    s.assert_settled(198).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_too_many_packets_is_told_so() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().configure = |config| {
        config.packet_rate = PacketRate { packets: 1, period: Duration::from_secs(1), burst: 2 };
    };
    bob.start();
    // The request whether Bob recognises repetitions is a packet too.
    assert_eq!(code(s.payment.send_one(1).await), None);
    s.payment.rejection_of(1).await;
    let (refused, message) = s.payment.rejection_of(1).await;
    assert_eq!((refused, &*message), (ErrorCode::T05RateLimited, "too many requests, throttling."));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(s.payment.send_one(1).await), None);
}

/// A packet of `amount` as Alice sends it to Bob, from credentials.
fn paying(network: &Network, credentials: &Credentials, amount: u64) -> PrepareBuf {
    paying_with(network, credentials, amount, &[])
}

/// The same with `frames`.
fn paying_with(network: &Network, credentials: &Credentials, amount: u64, frames: &[Frame<'_>]) -> PrepareBuf {
    let request = Request {
        source_amount: amount,
        min_destination_amount: 0,
        hashlock: Hashlock::Fulfillable,
        expires_at: network.clock().now() + Duration::from_secs(20),
        frames,
    };
    let mut sender = Sender::new(credentials.address.clone(), &credentials.shared_secret);
    let packet = sender.make(&request, &*network.chance().entropy()).unwrap();
    PrepareBuf::parse(packet.prepare).unwrap()
}

/// Hands Bob a packet from Alice.
async fn from_alice(bob: &Connector, packet: &PrepareBuf, attempt: Transmission) -> Outcome {
    let alice = bob.authenticate("alice-to-bob").unwrap();
    bob.handle_prepare(Source::Peer(alice), packet.clone(), attempt).await
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_not_asked_about_a_packet_that_has_expired() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    let (_, credentials) = bob.receive(&usd(), None).await;
    let packet = paying(&s.network, &credentials, 5);
    tokio::time::sleep(Duration::from_secs(21)).await;
    let Outcome::Reply(reply) = from_alice(&bob.connector(), &packet, Transmission::First).await else {
        panic!("there is a reply");
    };
    let Ok(Reply::Reject(reject)) = Reply::parse(&reply) else { panic!("it is a reject") };
    // A receiver would have put encrypted data into it.
    assert_eq!((reject.code, reject.data), (ErrorCode::R00TransferTimedOut, &b""[..]));
    s.assert_settled(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_over_its_rate_still_gets_the_outcome_of_its_packets() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().configure = |config| {
        config.packet_rate = PacketRate { packets: 1, period: Duration::from_mins(1), burst: 1 };
    };
    bob.start();
    let (_, credentials) = bob.receive(&usd(), None).await;
    let (known, unknown) = (paying(&s.network, &credentials, 5), paying(&s.network, &credentials, 6));
    let bob = bob.connector();
    let first = from_alice(&bob, &known, Transmission::First).await;
    assert_eq!(code(first), None);

    // The rate is used up. A packet with a record is answered, whether it is marked as a repetition or not.
    for attempt in [Transmission::Again, Transmission::First] {
        assert_eq!(code(from_alice(&bob, &known, attempt).await), None, "{attempt:?}");
    }
    // Another process may have the first one, so a Reject would be wrong.
    assert_eq!(from_alice(&bob, &unknown, Transmission::Again).await, Outcome::Unresolved);
    assert_eq!(code(from_alice(&bob, &unknown, Transmission::First).await), Some(ErrorCode::T05RateLimited));
}

#[tokio::test(start_paused = true)]
async fn a_peers_packet_is_not_refused_by_its_repetition_while_the_next_peer_is_away() {
    let s = alice_to_carol(500).await;
    let (_, credentials) = s.network.node("carol").receive(&usd(), None).await;
    s.network.node("carol").kill();
    let packet = paying(&s.network, &credentials, 5);
    let bob = s.network.node("bob").connector();
    // Another process may have sent the first one.
    assert_eq!(from_alice(&bob, &packet, Transmission::Again).await, Outcome::Unresolved);
    assert_eq!(code(from_alice(&bob, &packet, Transmission::First).await), Some(ErrorCode::T01PeerUnreachable));
}

#[tokio::test(start_paused = true)]
async fn a_packet_is_not_refused_by_its_repetition_while_nobody_has_decided_about_its_data() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().verdict = Verdict::Later;
    bob.start();
    let (_, credentials) = bob.receive(&usd(), None).await;
    let data = Frame::StreamData { stream_id: STREAM_ID, offset: 0, data: b"who pays" };
    let packet = paying_with(&s.network, &credentials, 5, &[data]);
    let bob = bob.connector();
    // The first one may wait in another process, and be accepted there.
    assert_eq!(from_alice(&bob, &packet, Transmission::Again).await, Outcome::Unresolved);
    assert!(code(from_alice(&bob, &packet, Transmission::First).await).is_some());
    s.assert_settled(0).await;
}

#[tokio::test(start_paused = true)]
async fn packets_that_share_condition_and_amount_are_packets_of_their_own() {
    let s = alice_to_carol(500).await;
    let packet = |destination: &str, data: &[u8], amount| {
        let prepare = Prepare {
            amount,
            expires_at: s.network.clock().now() + Duration::from_secs(20),
            execution_condition: Fulfillment::new([7; 32]).condition(),
            destination: AddressRef::new(destination).unwrap(),
            data,
        };
        PrepareBuf::parse(prepare.encode()).unwrap()
    };
    let packets = [
        packet("test.carol.x", b"1", 5),
        packet("test.carol.x", b"2", 5),
        packet("test.carol.y", b"1", 5),
        packet("test.carol.x", b"1", 6),
    ];
    let bob = s.network.node("bob").connector();
    let at_once = futures::future::join_all(packets.iter().map(|packet| from_alice(&bob, packet, Transmission::First)));
    for outcome in at_once.await {
        assert_eq!(code(outcome), Some(ErrorCode::F02Unreachable));
    }
    // Each of them, and the request whether Carol recognises repetitions.
    assert_eq!(s.network.deliveries("bob", "carol"), 5);
    s.assert_settled(0).await;
}

#[tokio::test(start_paused = true)]
async fn packets_that_wait_for_a_peer_leave_room_for_those_to_others() {
    let s = alice_to_carol(500).await;
    let bob = s.network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().configure = |config| {
        (config.packets_under_way, config.packets_waiting) = (3, 2);
    };
    bob.start();
    let (_, own) = bob.receive(&usd(), None).await;
    let (_, far) = s.network.node("carol").receive(&usd(), None).await;
    s.network.script("bob", "carol", &[Fate::Deliver, Fate::LoseRequest, Fate::LoseRequest]);
    let packets = [1, 2, 3].map(|amount| paying(&s.network, &far, amount));
    let bob = bob.connector();
    let hanging = futures::future::join(
        from_alice(&bob, &packets[0], Transmission::First),
        from_alice(&bob, &packets[1], Transmission::First),
    );
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let third = from_alice(&bob, &packets[2], Transmission::First).await;
        assert_eq!(code(third), Some(ErrorCode::T02PeerBusy));
        assert_eq!(code(from_alice(&bob, &paying(&s.network, &own, 4), Transmission::First).await), None);
    };
    tokio::join!(hanging, others);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_address_is_f02() {
    let s = alice_to_carol(500).await;
    s.network.node("bob").change_peer("carol", |carol| carol.static_address = "test.elsewhere".parse().unwrap());
    s.assert_rejected(5, ErrorCode::F02Unreachable, "unknown destination account").await;
}

/// Alice pays single packets to an account at Bob's that expects `expected`.
async fn to_an_account_that_expects(expected: u64) -> Setup {
    let network = Network::chain(1, "alice", &[(&usd(), "bob")], LIQUIDITY).await;
    let (receiver, credentials) = network.node("bob").receive(&usd(), Some(expected)).await;
    let payment = Payment::create(&network.node("alice"), &usd(), credentials, 100_000, 60).await;
    Setup { network, payment, receiver, last: "bob" }
}

#[tokio::test(start_paused = true)]
async fn an_account_takes_no_more_than_it_expects_and_then_none() {
    let s = to_an_account_that_expects(100).await;
    let (a, b, c) = tokio::join!(s.payment.send_one(60), s.payment.send_one(60), s.payment.send_one(60));
    let codes = [code(a), code(b), code(c)];
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(ErrorCode::T00InternalError)).count(), 2, "{codes:?}");
    assert_eq!(code(s.payment.send_one(40).await), None);
    assert_eq!(code(s.payment.send_one(1).await), Some(ErrorCode::F02Unreachable));
    s.assert_settled(100).await;
}

#[tokio::test(start_paused = true)]
async fn a_large_packet_after_a_small_remainder_is_refused_and_the_remainder_is_still_taken() {
    let s = to_an_account_that_expects(100).await;
    assert_eq!(code(s.payment.send_one(99).await), None);
    assert_eq!(code(s.payment.send_one(50_000).await), Some(ErrorCode::T00InternalError));
    assert_eq!(code(s.payment.send_one(1).await), None);
    assert_eq!(code(s.payment.send_one(50_000).await), Some(ErrorCode::F02Unreachable));
    s.assert_settled(100).await;
    assert_eq!(s.payment.balance().await, (99_900, 0));
}

#[tokio::test(start_paused = true)]
async fn a_decline_and_a_fulfill_tell_what_the_account_takes_and_has_taken() {
    let s = to_an_account_that_expects(100).await;
    assert_eq!(s.payment.told_maximum(60).await, None, "told only when it is known");
    assert_eq!(s.payment.told_maximum(60).await, Some((100, 60)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_cannot_be_reached_costs_nothing() {
    let s = alice_to_bob(500).await;
    s.network.node("bob").kill();
    s.assert_rejected(5, ErrorCode::T01PeerUnreachable, "peer is unreachable.").await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_peer_is_t02() {
    let s = alice_to_bob(500).await;
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::Busy]);
    s.assert_rejected(5, ErrorCode::T02PeerBusy, "peer is busy.").await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_fulfillment_is_f05_and_the_money_comes_back() {
    let s = alice_to_bob(500).await;
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::ForgeFulfillment]);
    let rejection = s.payment.rejection_of(5).await;
    assert_eq!(rejection, (ErrorCode::F05WrongCondition, "fulfillment did not match expected value.".to_owned()));
    assert_eq!(s.payment.balance().await, (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_asked_for_again_and_paid_once() {
    for fate in [Fate::BreakReply, Fate::Twice, Fate::Late(Duration::from_secs(25))] {
        let s = alice_to_bob(500).await;
        s.network.script("alice", "bob", &[Fate::Deliver, fate]);
        s.payment.run().await;
        assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 }, "{fate:?}");
        s.assert_settled(500).await;
    }
}

#[tokio::test(start_paused = true)]
async fn silence_until_the_expiry_leaves_the_outcome_open_and_a_later_attempt_finds_out() {
    for fate in [Fate::LoseRequest, Fate::LoseReply] {
        let s = alice_to_bob(500).await;
        s.network.script("alice", "bob", &[Fate::Deliver, fate]);
        s.payment.run().await;
        assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 }, "{fate:?}");
        s.assert_settled(500).await;
    }
}

#[tokio::test(start_paused = true)]
async fn silence_of_a_peer_that_does_not_recognise_repetitions_is_r00_and_nothing_is_repeated() {
    for fate in [Fate::LoseReply, Fate::LoseRequest, Fate::Late(Duration::from_secs(25))] {
        let s = alice_to_bob(500).await;
        let bob = s.network.node("bob");
        bob.kill();
        bob.setup.lock().unwrap().repeatable = false;
        bob.start();
        s.network.script("alice", "bob", &[Fate::Deliver, fate]);
        let rejection = s.payment.rejection_of(5).await;
        assert_eq!(rejection, (ErrorCode::R00TransferTimedOut, "packet expired.".to_owned()), "{fate:?}");
        assert_eq!(s.payment.balance().await, (500, 0), "{fate:?}");
        assert!(s.network.deliveries("alice", "bob") <= 2, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_say_whether_it_recognises_repetitions_is_paid_all_the_same() {
    for fate in [Fate::Fail, Fate::Busy, Fate::LoseRequest, Fate::LoseReply, Fate::Garbage] {
        let s = alice_to_bob(500).await;
        let (alice, bob) = (s.network.node("alice"), s.network.node("bob"));
        bob.kill();
        bob.setup.lock().unwrap().repeatable = false;
        bob.start();
        s.network.script("alice", "bob", &[fate]);
        assert_eq!(code(s.payment.send_one(5).await), None, "{fate:?}");
        s.assert_settled(5).await;
        let report = alice.peer_report("bob");
        assert_eq!(report.repeats, Repeats::Never, "it has answered since");
        let failure = report.last_failure.expect("the operator can see why");
        assert!(failure.answered_since && !failure.reason.is_empty(), "{fate:?} {failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_recognises_repetitions_but_did_not_say_so_in_time_is_paid_once() {
    for question in [Fate::Fail, Fate::LoseRequest, Fate::LoseReply] {
        for packet in [Fate::BreakReply, Fate::LoseReply] {
            let s = alice_to_bob(500).await;
            s.network.script("alice", "bob", &[question, packet]);
            s.payment.run().await;
            let sent = Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 };
            assert_eq!(s.payment.sent(), sent, "{question:?} {packet:?}");
            s.assert_settled(500).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_in_the_place_of_a_peer_that_recognises_repetitions_does_not_speak_for_it() {
    let s = alice_to_bob(500).await;
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::BreakReply, Fate::Garbage]);
    s.payment.run().await;
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
}

#[tokio::test(start_paused = true)]
async fn a_payment_does_not_wait_for_ever_for_a_peer_that_never_answers_again() {
    let s = alice_to_bob(500).await;
    let (alice, bob) = (s.network.node("alice"), s.network.node("bob"));
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::LoseRequest]);
    let attempt = tokio::time::timeout(Duration::from_secs(10), s.payment.run()).await;
    assert!(attempt.is_err(), "the packet waits for Bob's answer");
    bob.kill();
    alice.kill();
    alice.start();
    s.network.settle().await;
    assert!(!s.payment.resume().await, "he may come back");
    assert_eq!(s.payment.balance().await, (500, 500));
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(s.payment.resume().await, "nobody waits longer than an hour");
    assert_eq!(s.payment.balance().await, (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_payments_packet_that_was_never_held_is_refused_while_its_peer_cannot_take_it() {
    for unreachable in [true, false] {
        let s = alice_to_bob(500).await;
        let (alice, bob) = (s.network.node("alice"), s.network.node("bob"));
        // Alice's process ends after it wrote the packet, and before Bob says whether he recognises repetitions.
        s.network.script("alice", "bob", &[Fate::LoseRequest]);
        let attempt = tokio::time::timeout(Duration::from_secs(2), s.payment.run()).await;
        assert!(attempt.is_err(), "the question waits for Bob's answer");
        alice.kill();
        if unreachable {
            bob.kill();
        } else {
            let limit = Some(Throughput { amount: 499, seconds: 60 });
            alice.change_peer("bob", |bob| bob.terms.outgoing = limit);
        }
        alice.start();
        s.network.settle().await;
        assert_eq!(s.payment.balance().await, (500, 0), "nothing was held");
        assert!(s.payment.resume().await, "so the packet is refused, and the attempt counts");
        assert_eq!(s.payment.balance().await, (500, 0));

        if unreachable {
            bob.start();
        } else {
            alice.change_peer("bob", |bob| bob.terms.outgoing = None);
        }
        s.payment.run().await;
        assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
        s.assert_settled(500).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_does_not_wait_for_a_peer_that_was_deleted() {
    let s = alice_to_bob(500).await;
    let alice = s.network.node("alice");
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::LoseRequest]);
    let attempt = tokio::time::timeout(Duration::from_secs(10), s.payment.run()).await;
    assert!(attempt.is_err(), "the packet waits for Bob's answer");
    alice.kill();
    alice.remove_peer("bob");
    alice.start();
    assert!(!s.payment.resume().await, "another process may know a peer that this one does not know yet");
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(s.payment.resume().await);
    assert_eq!(s.payment.balance().await, (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reply_a_little_late_is_still_passed_on() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().repeatable = false;
    bob.start();
    // Packets live 20 seconds, the outgoing one 19, and replies are awaited half a second longer.
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::Late(Duration::from_millis(19_300))]);
    assert_eq!(code(s.payment.send_one(5).await), None);
    s.assert_settled(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_killed_after_crediting_answers_after_its_restart_as_it_would_have() {
    let s = alice_to_bob(500).await;
    let (bob, network) = (s.network.node("bob"), s.network.clone());
    let chaos = async {
        while Audit::of(&network).await.account("bob", s.receiver.into()).credits_posted == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bob.kill();
        tokio::time::sleep(Duration::from_secs(90)).await;
        bob.start();
    };
    tokio::join!(s.payment.run(), chaos);
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_killed_with_a_packet_under_way_settles_it_when_it_is_back() {
    let s = alice_to_bob(500).await;
    let alice = s.network.node("alice");
    let chaos = async {
        while s.network.deliveries("alice", "bob") < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        alice.kill();
        s.network.settle().await;
        assert_eq!(s.payment.balance().await, (500, 500));
        alice.start();
    };
    tokio::join!(s.payment.run(), chaos);
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_in_between_killed_for_longer_than_its_holds_still_pays_once() {
    let s = alice_to_carol(500).await;
    let bob = s.network.node("bob");
    let chaos = async {
        while s.network.deliveries("bob", "carol") < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bob.kill();
        s.network.settle().await;
        bob.start();
    };
    tokio::join!(s.payment.run(), chaos);
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
}

#[tokio::test(start_paused = true)]
async fn an_unsure_ledger_is_asked_again() {
    let s = alice_to_bob(500).await;
    s.network.set_ledger_silences(300);
    s.payment.run().await;
    s.network.set_ledger_silences(0);
    assert_eq!(s.payment.sent(), Sent { debited: 500, delivered: 500, packets: 1, without_reply: 0 });
    s.assert_settled(500).await;
}

#[tokio::test(start_paused = true)]
async fn low_liquidity_is_reported_once_when_it_gets_low() {
    let s = alice_to_bob(500).await;
    let bob = s.network.node("bob");
    bob.change_peer("alice", |alice| alice.liquidity_threshold = Some(LIQUIDITY - 10));
    assert_eq!(code(s.payment.send_one(5).await), None);
    s.network.settle().await;
    assert!(bob.alerts().is_empty());
    for _ in 0..3 {
        assert_eq!(code(s.payment.send_one(5).await), None);
        s.network.settle().await;
    }
    let balances: Vec<_> = bob.alerts().iter().map(|alert| alert.balance).collect();
    assert_eq!(balances, [u128::from(LIQUIDITY) - 10]);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_connector_takes_no_packets_and_waits_for_those_under_way() {
    let s = alice_to_bob(500).await;
    s.network.script("alice", "bob", &[Fate::Deliver, Fate::Late(Duration::from_secs(5))]);
    let connector = s.network.node("alice").connector();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at_least = s.network.clock().elapsed() + Duration::from_secs(3);
        tokio::join!(connector.stop(), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(code(s.payment.send_one(1).await), Some(ErrorCode::T03ConnectorBusy));
        });
        assert!(s.network.clock().elapsed() > at_least);
    };
    let (first, ()) = tokio::join!(s.payment.send_one(5), stop);
    assert_eq!(code(first), None);
    s.assert_settled(5).await;
}
