//! Stages of a program's own in the path of a packet, and optional stages that are left out.
//! What each stage of the product does is in `pipeline`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use connector::{
    AccountAsset, ConnectorConfig, NextAccount, OptionalStage, Outcome, OwnStage, PacketRate, Passing, Source,
    StageRefusal,
};
use ilp_packet::{ErrorCode, Reply};
use payments_model::peer_terms::Throughput;
use simulator::{Audit, Network, Payment, asset};

const LIQUIDITY: u64 = 1_000_000;

/// What own stages were asked: their name, the amount, and whether the next account is a peer.
static ASKED: Mutex<Vec<(&'static str, u64, bool)>> = Mutex::new(Vec::new());

/// What the stages with these names were asked.
fn asked_of(names: &[&str]) -> Vec<(&'static str, u64, bool)> {
    ASKED.lock().unwrap().iter().filter(|(name, ..)| names.contains(name)).copied().collect()
}

/// A stage that refuses more than this amount.
struct AtMost(&'static str, u64);

#[async_trait]
impl OwnStage for AtMost {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn pass(&self, packet: &Passing<'_>) -> Result<(), StageRefusal> {
        let to_peer = matches!(packet.next, NextAccount::Peer(_));
        assert!(matches!(packet.source, Source::Peer(_)) && packet.destination.to_string().starts_with("test."));
        if packet.amount > 0 {
            ASKED.lock().unwrap().push((self.0, packet.amount, to_peer));
        }
        // A stage may wait.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if packet.amount <= self.1 {
            return Ok(());
        }
        let message = format!("{} lets at most {} through", self.0, self.1);
        Err(StageRefusal { code: ErrorCode::F99ApplicationError, message })
    }
}

/// Alice pays over Bob, whose connector has this configuration, to the last of these nodes.
async fn over_bob(
    others: &[(&Arc<AccountAsset>, &'static str)],
    received: &Arc<AccountAsset>,
    configure: fn(&mut ConnectorConfig),
) -> (Network, Arc<Payment>) {
    let network = Network::chain(1, "alice", others, LIQUIDITY).await;
    let bob = network.node("bob");
    bob.kill();
    bob.setup.lock().unwrap().configure = configure;
    bob.start();
    let (_, credentials) = network.node(others.last().unwrap().1).receive(received, None).await;
    let payment = Payment::create(&network.node("alice"), &asset("USD"), credentials, 10_000, 10_000).await;
    (network, payment)
}

async fn code(payment: &Arc<Payment>, amount: u64) -> Option<ErrorCode> {
    let Outcome::Reply(reply) = payment.send_one(amount).await else { panic!("no reply") };
    match Reply::parse(&reply).unwrap() {
        Reply::Fulfill(_) => None,
        Reply::Reject(reject) => Some(reject.code),
    }
}

async fn assert_conserved(network: &Network) {
    network.settle().await;
    let audit = Audit::of(network).await;
    audit.assert_conserved();
    audit.assert_peers_agree(network);
}

#[tokio::test(start_paused = true)]
async fn an_own_stage_comes_after_the_agreement_and_before_the_conversion_and_refuses_alone() {
    let (usd, eur) = (asset("USD"), asset("EUR"));
    // Bob has no rates, so whatever comes to the conversion is refused with T00.
    let (network, payment) = over_bob(&[(&usd, "bob"), (&eur, "carol")], &eur, |config| {
        config.stages = std::mem::take(&mut config.stages)
            .with(Arc::new(AtMost("first", 100)))
            .with(Arc::new(AtMost("second", 50)));
    })
    .await;
    let refused = payment.rejection_of(101).await;
    assert_eq!(refused, (ErrorCode::F99ApplicationError, "first lets at most 100 through".to_owned()));
    assert_eq!(code(&payment, 60).await, Some(ErrorCode::F99ApplicationError));
    assert_eq!(code(&payment, 50).await, Some(ErrorCode::T00InternalError), "it came to the conversion");
    // What the agreement refuses comes to no own stage.
    network.node("bob").change_peer("alice", |alice| alice.max_packet_amount = Some(10));
    assert_eq!(code(&payment, 11).await, Some(ErrorCode::F08AmountTooLarge));
    let expected =
        [("first", 101, true), ("first", 60, true), ("second", 60, true), ("first", 50, true), ("second", 50, true)];
    assert_eq!(asked_of(&["first", "second"]), expected);
    assert_conserved(&network).await;
}

#[tokio::test(start_paused = true)]
async fn money_to_a_local_receiver_passes_an_own_stage_once_and_arrives() {
    let usd = asset("USD");
    let (network, payment) = over_bob(&[(&usd, "bob")], &usd, |config| {
        config.stages = std::mem::take(&mut config.stages).with(Arc::new(AtMost("only", 40)));
    })
    .await;
    assert_eq!(code(&payment, 41).await, Some(ErrorCode::F99ApplicationError));
    assert_eq!(code(&payment, 40).await, None);
    assert_eq!(asked_of(&["only"]), [("only", 41, false), ("only", 40, false)]);
    assert_conserved(&network).await;
}

#[tokio::test(start_paused = true)]
async fn an_optional_stage_that_is_left_out_refuses_nothing_and_the_others_do() {
    fn slow(config: &mut ConnectorConfig) {
        config.packet_rate = PacketRate { packets: 1, period: Duration::from_mins(1), burst: 2 };
    }
    let usd = asset("USD");
    let (_, payment) = over_bob(&[(&usd, "bob")], &usd, slow).await;
    // The request whether Bob recognises repetitions is a packet too.
    assert_eq!(code(&payment, 1).await, None);
    assert_eq!(code(&payment, 1).await, Some(ErrorCode::T05RateLimited));

    let (network, payment) = over_bob(&[(&usd, "bob")], &usd, |config| {
        slow(config);
        config.stages = std::mem::take(&mut config.stages).without(OptionalStage::PacketRate);
    })
    .await;
    for amount in 1..6 {
        assert_eq!(code(&payment, amount).await, None);
    }
    network.node("bob").change_peer("alice", |alice| {
        alice.terms.incoming = Some(Throughput { amount: 10, seconds: 60 });
    });
    assert_eq!(code(&payment, 11).await, Some(ErrorCode::F08AmountTooLarge), "the throughput is still there");
    assert_conserved(&network).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_throughput_a_peer_sends_and_is_sent_any_amount() {
    let usd = asset("USD");
    let limits = |network: &Network| {
        let few = Throughput { amount: 10, seconds: 60 };
        network.node("bob").change_peer("alice", |alice| alice.terms.incoming = Some(few));
        network.node("bob").change_peer("carol", |carol| carol.terms.outgoing = Some(few));
    };
    let (network, payment) = over_bob(&[(&usd, "bob"), (&usd, "carol")], &usd, |_| {}).await;
    limits(&network);
    assert_eq!(code(&payment, 11).await, Some(ErrorCode::F08AmountTooLarge));
    let (network, payment) = over_bob(&[(&usd, "bob"), (&usd, "carol")], &usd, |config| {
        config.stages = std::mem::take(&mut config.stages).without(OptionalStage::Throughput);
    })
    .await;
    limits(&network);
    assert_eq!(code(&payment, 11).await, None);
    assert_conserved(&network).await;
}
