//! A packet is refused at each stage of the connector in the middle: nothing that comes later runs, and every ledger is as
//! it was. Refusals after the hold of the money, time-outs and a killed process included.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Outcome, OwnStage, PacketRate, Passing, StageRefusal};
use ilp_packet::{ErrorCode, Reply};
use ledger::AccountId;
use payments_model::peer_terms::Throughput;
use simulator::{Audit, Fate, Network, Payment, asset};

const LIQUIDITY: u64 = 1_000_000;
/// More than this is refused by the stage that is put between agreement and conversion.
const OWN_MAX: u64 = 600;

struct Own;

#[async_trait]
impl OwnStage for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    async fn pass(&self, packet: &Passing<'_>) -> Result<(), StageRefusal> {
        if packet.amount <= OWN_MAX {
            return Ok(());
        }
        Err(StageRefusal { code: ErrorCode::F99ApplicationError, message: "too much".to_owned() })
    }
}

/// Whether the packet was sent on to the next node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SentOn {
    No,
    /// As often as it is, it is one packet.
    Yes,
}

/// One way to be refused.
struct Refused {
    stage: &'static str,
    amount: u64,
    /// What is so at Bob from the beginning.
    before: fn(&Network),
    /// What is changed after a packet has passed.
    change: fn(&Network),
    code: ErrorCode,
    sent_on: SentOn,
}

const fn refused(stage: &'static str, amount: u64, change: fn(&Network), code: ErrorCode, sent_on: SentOn) -> Refused {
    Refused { stage, amount, before: |_| {}, change, code, sent_on }
}

fn restarted(network: &Network, name: &str, change: impl FnOnce(&mut simulator::NodeSetup)) {
    let node = network.node(name);
    node.kill();
    change(&mut node.setup.lock().unwrap());
    node.start();
}

const fn cases() -> [Refused; 16] {
    use ErrorCode::{
        F02Unreachable, F05WrongCondition, F07CannotReceive, F08AmountTooLarge, F99ApplicationError,
        R00TransferTimedOut, R01InsufficientSourceAmount, T00InternalError, T01PeerUnreachable, T02PeerBusy,
        T04InsufficientLiquidity, T05RateLimited,
    };
    use SentOn::{No, Yes};
    [
        refused(
            "agreement: the destination",
            5,
            |n| n.node("bob").change_peer("carol", |carol| carol.static_address = "test.elsewhere".parse().unwrap()),
            F02Unreachable,
            No,
        ),
        refused(
            "agreement: the largest packet",
            5,
            |n| n.node("bob").change_peer("alice", |alice| alice.max_packet_amount = Some(4)),
            F08AmountTooLarge,
            No,
        ),
        refused(
            "agreement: the throughput of who sends",
            15,
            |n| {
                let few = Throughput { amount: 14, seconds: 60 };
                n.node("bob").change_peer("alice", |alice| alice.terms.incoming = Some(few));
            },
            F08AmountTooLarge,
            No,
        ),
        Refused {
            stage: "agreement: the rate of packets",
            amount: 5,
            before: |n| {
                restarted(n, "bob", |bob| {
                    bob.configure = |config| {
                        config.packet_rate = PacketRate { packets: 1, period: Duration::from_hours(1), burst: 2 };
                    };
                });
            },
            change: |_| {},
            code: T05RateLimited,
            sent_on: No,
        },
        refused("a stage of one's own", OWN_MAX + 1, |_| {}, F99ApplicationError, No),
        refused("conversion: no rates", 5, |n| n.node("bob").set_rates(None), T00InternalError, No),
        refused("conversion: no price", 5, |n| n.node("bob").set_rates(Some("{}")), F07CannotReceive, No),
        refused(
            "conversion: worth nothing",
            5,
            |n| n.node("bob").set_rates(Some(r#"{"EUR":0.1}"#)),
            R01InsufficientSourceAmount,
            No,
        ),
        refused("account: the liquidity of the asset", 500, |_| {}, T04InsufficientLiquidity, No),
        refused(
            "sending: the throughput of who receives",
            15,
            |n| {
                let few = Throughput { amount: 4, seconds: 60 };
                n.node("bob").change_peer("carol", |carol| carol.terms.outgoing = Some(few));
            },
            F08AmountTooLarge,
            No,
        ),
        refused("sending: nobody there", 5, |n| n.node("carol").kill(), T01PeerUnreachable, Yes),
        refused("sending: busy", 5, |n| n.script("bob", "carol", &[Fate::Busy]), T02PeerBusy, Yes),
        refused(
            "the reply: another fulfillment",
            5,
            |n| n.script("bob", "carol", &[Fate::ForgeFulfillment]),
            F05WrongCondition,
            Yes,
        ),
        Refused {
            stage: "the reply: none in time",
            amount: 5,
            before: |n| restarted(n, "carol", |carol| carol.repeatable = false),
            change: |n| n.script("bob", "carol", &[Fate::LoseRequest]),
            code: R00TransferTimedOut,
            sent_on: Yes,
        },
        refused(
            "the next node: its account",
            5,
            |n| n.node("carol").change_peer("bob", |bob| bob.max_packet_amount = Some(1)),
            F08AmountTooLarge,
            Yes,
        ),
        refused("the receiver: it expects no more", 250, |_| {}, T00InternalError, Yes),
    ]
}

fn code(outcome: Outcome) -> Option<ErrorCode> {
    let Outcome::Reply(reply) = outcome else { panic!("no reply: {outcome:?}") };
    match Reply::parse(&reply).unwrap() {
        Reply::Fulfill(_) => None,
        Reply::Reject(reject) => Some(reject.code),
    }
}

/// Alice pays over Bob, who converts, to Carol, who expects 120 euros in all.
async fn over_bob(before: fn(&Network)) -> (Network, Arc<Payment>) {
    let (usd, eur) = (asset("USD"), asset("EUR"));
    let network = Network::chain(1, "alice", &[(&usd, "bob"), (&eur, "carol")], LIQUIDITY).await;
    restarted(&network, "bob", |bob| {
        bob.configure = |config| config.stages = std::mem::take(&mut config.stages).with(Arc::new(Own));
    });
    before(&network);
    let bob = network.node("bob");
    bob.set_rates(Some(r#"{"EUR":0.5}"#));
    bob.deposit(&eur, AccountId::from(eur.ledger.id), 200).await;
    let (_, credentials) = network.node("carol").receive(&eur, Some(120)).await;
    let payment = Payment::create(&network.node("alice"), &usd, credentials, 100_000, 100_000).await;
    (network, payment)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_any_stage_runs_nothing_later_and_leaves_every_ledger_as_it_was() {
    for case in cases() {
        let (network, payment) = over_bob(case.before).await;
        assert_eq!(code(payment.send_one(10).await), None, "{}: before", case.stage);
        network.settle().await;
        (case.change)(&network);
        let (books, sent) = (Audit::of(&network).await.in_words(), network.deliveries("bob", "carol"));

        assert_eq!(code(payment.send_one(case.amount).await), Some(case.code), "{}", case.stage);
        network.settle().await;
        let audit = Audit::of(&network).await;
        audit.assert_conserved();
        for (node, now) in audit.in_words() {
            // Carol has credited her receiver, and it is Bob who is not shown the proof. He and Alice pay nothing.
            if case.code != ErrorCode::F05WrongCondition || node != "carol" {
                assert_eq!(now, books[&node], "{}: {node}", case.stage);
            }
        }
        if case.sent_on == SentOn::No {
            assert_eq!(network.deliveries("bob", "carol"), sent, "{}: nothing later runs", case.stage);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_without_a_token_comes_to_the_first_stage() {
    let (network, _) = over_bob(|_| {}).await;
    let books = Audit::of(&network).await.in_words();
    assert!(network.node("bob").connector().authenticate("a guess").is_none());
    assert_eq!(Audit::of(&network).await.in_words(), books);
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_killed_with_a_hold_and_refused_meanwhile_has_its_books_back() {
    let (network, payment) = over_bob(|_| {}).await;
    assert_eq!(code(payment.send_one(10).await), None);
    network.settle().await;
    let books = Audit::of(&network).await.in_words();

    // Carol takes too long, and Bob is killed while the money is held there.
    network.node("carol").change_peer("bob", |bob| bob.max_packet_amount = Some(1));
    network.script("bob", "carol", &[Fate::Late(Duration::from_secs(5))]);
    let before = network.deliveries("bob", "carol");
    let bob = network.node("bob");
    let killed = async {
        while network.deliveries("bob", "carol") == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_ne!(Audit::of(&network).await.in_words(), books, "the money is held");
        bob.kill();
        tokio::time::sleep(Duration::from_secs(3)).await;
        bob.start();
    };
    let (outcome, ()) = tokio::join!(payment.send_one(5), killed);
    assert!(!matches!(outcome, Outcome::Paid), "{outcome:?}");
    // Holds of packets end some time after the packets have expired.
    network.settle().await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    network.settle().await;
    let audit = Audit::of(&network).await;
    let held = format!("{:?}", audit.account("bob", bob.peer_account("carol")));
    assert!(held.contains("credits_pending: 0") && held.contains("debits_pending: 0"), "{held}");
    assert_eq!(audit.in_words()["bob"], books["bob"]);
}
