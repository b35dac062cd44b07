//! Money that comes with data from its sender: accepted, rejected, timed out, with one process and with two.
//!
//! With two, packets go to the processes in turns, and the decision is given to the process that does not hold the
//! first packet. A SQLite database belongs to one process, so these tests need Postgres.

use std::sync::Arc;
use std::time::Duration;

use clock::{SystemClock, Timestamp};
use connector::{LocalAccountId, LocalAccounts, SenderData, Verdict};
use database::Dialect;
use futures::future::join_all;
use ilp_packet::Address;
use payments_model::partial_payment::{OPEN_QUESTIONS_MAX, PartialPaymentDecision, Standing};
use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, PartialPaymentId};
use sealed_text::{Place, Sealer};
use stream::ConnectionId;
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

use crate::incoming::decide_partial_payment::{DecidePartialPaymentError, DecisionEffect};
use crate::incoming::live_receivers::LiveReceivers;
use crate::incoming::partial_payments::{DecisionTimes, WAITING_FOR_ONE_MAX};
use crate::service::Payments;
use crate::tests::institution::Setup;
use crate::tests::testing::{Node, OPERATOR, Process};

const DATA: &str = "sample kyc data";
const LONG: Duration = Duration::from_secs(15);
const MARGIN: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(60);
const OLD_KEY: [u8; 32] = [7; 32];
const NEW_KEY: [u8; 32] = [8; 32];

/// A payer with a payment under way, and the institution that is asked.
struct Scene {
    near: Node,
    far: Node,
    other: Option<Process>,
    incoming: IncomingPaymentId,
    outgoing: OutgoingPaymentId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Processes {
    One,
    Two,
}

impl Scene {
    async fn open(database: TestDatabase, processes: Processes, max_wait: Duration) -> Self {
        let scene = Self::unfunded(database, processes, max_wait).await;
        scene.fund().await;
        scene
    }

    async fn unfunded(database: TestDatabase, processes: Processes, max_wait: Duration) -> Self {
        let times = DecisionTimes { max_wait, safety_margin: MARGIN };
        let setup = Setup { decisions: Some(times), ..Setup::new("happylife", Arc::new(SystemClock)) };
        let far = Node::of(database, setup, "USD").await;
        let near = Node::open(TestDatabase::sqlite().await, "cloudnine", "USD").await;
        near.connect(&far).await;
        let mut other = None;
        if processes == Processes::Two {
            let process = far.another_process().await;
            far.answer_in_turns(&process, &near);
            other = Some(process);
        }
        let incoming = far.incoming(Some(1000)).await;
        let receiver = far.receiver_of(incoming).await;
        let outgoing = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        Self { near, far, other, incoming, outgoing }
    }

    async fn fund(&self) {
        let amount = self.near.outgoing_payment(self.outgoing).await.payment.quote.debit_amount;
        let (payments, data) = (&self.near.payments, Some(DATA.to_owned()));
        payments.fund_outgoing_payment(OPERATOR.tenant, self.outgoing, amount, data).await.unwrap();
    }

    /// The process that gets the decision: the other one, if there is one.
    fn deciding_process(&self) -> &Payments {
        self.other.as_ref().map_or(&self.far.payments, |process| &process.payments)
    }

    async fn question(&self) -> WebhookEvent {
        let asked = async || self.far.event(Subject::IncomingPayment(self.incoming), asking()).await;
        testkit::until(LONG, asked).await.expect("the entity is asked")
    }

    async fn questions(&self) -> u64 {
        let of_type = format!("event_type = '{}'", asking().as_str());
        self.far.institution.count("webhook_events", &of_type).await
    }

    async fn decide(&self, question: &WebhookEvent, decision: PartialPaymentDecision) -> DecisionEffect {
        self.deciding_process()
            .decide_partial_payment(OPERATOR, self.incoming, partial_of(question), decision)
            .await
            .unwrap()
    }

    /// Sends the payment while the entity decides. Returns the question.
    async fn send_and_decide(&self, decision: PartialPaymentDecision) -> WebhookEvent {
        let entity = async {
            let question = self.question().await;
            assert_eq!(self.decide(&question, decision).await, DecisionEffect::Counts);
            question
        };
        let (sent, question) = tokio::join!(self.near.send_due(), entity);
        assert_eq!(sent, 1);
        question
    }

    async fn received(&self) -> u64 {
        self.far.payments.received(self.incoming).await.unwrap()
    }

    async fn assert_paid(&self) {
        assert_eq!(self.received().await, 1000);
        let sent = self.near.outgoing_payment(self.outgoing).await;
        assert_eq!((sent.payment.state.as_str(), sent.sent), ("COMPLETED", 1000));
    }

    async fn failure(&self) -> String {
        let sent = self.near.outgoing_payment(self.outgoing).await;
        assert_eq!((sent.payment.state.as_str(), sent.sent), ("FAILED", 0), "{sent:?}");
        format!("{:?}", sent.payment.state)
    }

    /// Sends until the payment has ended.
    async fn send_to_the_end(&self) {
        // The process may have been started again, and cannot resolve URLs here.
        self.near.knows(&self.far.receiver_of(self.incoming).await);
        let ended = async || {
            self.near.send_due().await;
            let state = self.near.outgoing_payment(self.outgoing).await.payment.state;
            (state.as_str() != "SENDING").then_some(())
        };
        testkit::until(LONG, ended).await.expect("the payment ends");
    }

    /// The receivers of packets in each process; twice the same if there is only one.
    fn receivers(&self) -> (&LiveReceivers, &LiveReceivers) {
        let one = &self.far.parts.receivers;
        (one, self.other.as_ref().map_or(one, |process| &process.parts.receivers))
    }

    /// Offers money with `data` to the incoming payment, on a connection of its own.
    async fn offer(&self, receivers: &LiveReceivers, data: &str) -> Verdict {
        self.offer_until(receivers, data, self.far.clock.now() + Duration::from_secs(20)).await
    }

    /// The same with a packet that expires then.
    async fn offer_until(&self, receivers: &LiveReceivers, data: &str, until: Timestamp) -> Verdict {
        let address: Address = format!("test.happylife.{}", data.replace(' ', "-")).parse().unwrap();
        let offer = SenderData {
            tenant: OPERATOR.tenant,
            account: LocalAccountId::IncomingPayment(self.incoming),
            connection: ConnectionId::of(address.as_ref()),
            data: data.as_bytes(),
            until,
        };
        receivers.judge(offer).await
    }
}

fn asking() -> EventType {
    EventType::IncomingPaymentPartialPaymentReceived
}

fn partial_of(question: &WebhookEvent) -> PartialPaymentId {
    question.data["partialIncomingPaymentId"].as_str().unwrap().parse().unwrap()
}

fn no() -> PartialPaymentDecision {
    PartialPaymentDecision::Reject { reason: Some("who are you?".to_owned()) }
}

/// As many processes as the database allows.
fn most(database: &TestDatabase) -> Processes {
    if is_possible(database, Processes::Two) { Processes::Two } else { Processes::One }
}

fn is_possible(database: &TestDatabase, processes: Processes) -> bool {
    processes == Processes::One || database.dialect() == Dialect::Postgres
}

async fn accepted(database: TestDatabase, processes: Processes) {
    if !is_possible(&database, processes) {
        return;
    }
    let scene = Scene::open(database, processes, LONG).await;
    let question = scene.send_and_decide(PartialPaymentDecision::Accept).await;
    scene.assert_paid().await;
    assert_eq!(question.data["receivedAmount"]["value"], "0");
    assert_eq!(scene.questions().await, 1, "one question for all packets with the data");
}

async fn rejected(database: TestDatabase, processes: Processes) {
    if !is_possible(&database, processes) {
        return;
    }
    let scene = Scene::open(database, processes, LONG).await;
    let question = scene.send_and_decide(no()).await;
    assert!(scene.failure().await.contains("who are you?"), "the payer learns the reason");
    assert_eq!(scene.received().await, 0);
    assert_eq!(scene.decide(&question, PartialPaymentDecision::Accept).await, DecisionEffect::None);
    assert_eq!(scene.decide(&question, no()).await, DecisionEffect::Counts, "a repetition of the first decision");
}

async fn timed_out(database: TestDatabase, processes: Processes) {
    if !is_possible(&database, processes) {
        return;
    }
    let scene = Scene::open(database, processes, SHORT).await;
    assert_eq!(scene.near.send_due().await, 1);
    assert!(scene.failure().await.contains("No response from receiving ASE"));
    assert_eq!(scene.received().await, 0);
    let question = scene.question().await;
    assert_eq!(scene.decide(&question, PartialPaymentDecision::Accept).await, DecisionEffect::None, "too late");
    assert_eq!(scene.questions().await, 1);
}

/// The payer's institution seals the data with the old key. Then it is started again with the new one.
async fn funded_before_a_change_of_the_key(database: TestDatabase, former: &[[u8; 32]]) -> Scene {
    let mut scene = Scene::unfunded(database, Processes::One, LONG).await;
    // A process that does not know the receiver makes no packet with the funds.
    scene.near.restart(&scene.far);
    scene.fund().await;
    scene.near.restart_with(&scene.far, Sealer::new(Some(&NEW_KEY), former));
    scene.near.knows(&scene.far.receiver_of(scene.incoming).await);
    scene
}

on_each_database! {
    async fn money_with_data_is_accepted_after_its_receiver_confirms_it(database) {
        accepted(database, Processes::One).await;
    }

    async fn money_with_data_is_accepted_after_another_process_gets_the_decision(database) {
        accepted(database, Processes::Two).await;
    }

    async fn money_with_data_is_declined_with_the_words_of_its_receiver(database) {
        rejected(database, Processes::One).await;
    }

    async fn money_with_data_is_declined_after_another_process_gets_the_decision(database) {
        rejected(database, Processes::Two).await;
    }

    async fn without_a_decision_in_time_the_money_is_declined(database) {
        timed_out(database, Processes::One).await;
    }

    async fn without_a_decision_in_time_two_processes_decline_the_money(database) {
        timed_out(database, Processes::Two).await;
    }

    async fn a_decision_holds_although_the_process_with_the_packet_ends_before_the_credit(database) {
        let mut scene = Scene::open(database, Processes::One, LONG).await;
        let question = tokio::select! {
            _ = scene.near.send_due() => panic!("the packet waits"),
            question = scene.question() => question,
        };
        assert_eq!(scene.received().await, 0);
        scene.far.restart(&scene.near);
        scene.near.restart(&scene.far);
        assert_eq!(scene.decide(&question, PartialPaymentDecision::Accept).await, DecisionEffect::Counts);
        scene.send_to_the_end().await;
        scene.assert_paid().await;
        assert_eq!(scene.questions().await, 1);
    }

    async fn data_is_stored_encrypted_on_both_sides(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let of_payer = "data_to_transmit LIKE 'sealed:1:%' AND data_to_transmit NOT LIKE '%kyc%'";
        assert_eq!(scene.near.institution.count("outgoing_payments", of_payer).await, 1);
        let question = scene.send_and_decide(PartialPaymentDecision::Accept).await;
        let stored = question.data["dataFromSender"].as_str().unwrap();
        assert!(stored.starts_with("sealed:1:") && !stored.contains("kyc"), "{stored}");
        let place = Place::DataFromSender(question.id.as_uuid());
        assert_eq!(scene.far.payments.sealer().open(stored, place).as_deref(), Ok(DATA));
    }

    async fn data_sealed_with_a_former_key_is_sent_while_that_key_is_configured(database) {
        let scene = funded_before_a_change_of_the_key(database, &[OLD_KEY]).await;
        scene.send_and_decide(PartialPaymentDecision::Accept).await;
        scene.assert_paid().await;
    }

    async fn money_is_not_sent_without_its_data_if_the_key_is_missing(database) {
        let scene = funded_before_a_change_of_the_key(database, &[]).await;
        assert_eq!(scene.near.send_due().await, 1);
        let waits = scene.near.outgoing_payment(scene.outgoing).await;
        assert_eq!((waits.payment.state.as_str(), waits.sent), ("SENDING", 0));
        assert_eq!(scene.questions().await, 0);
    }

    async fn a_decision_about_something_that_was_not_asked_has_no_effect(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let (never, accept) = (Uuid::from_u128(9), PartialPaymentDecision::Accept);
        let decided = scene.deciding_process().decide_partial_payment(OPERATOR, scene.incoming, never.into(), accept.clone()).await;
        assert_eq!(decided.unwrap(), DecisionEffect::None);

        let other = scene.far.incoming(Some(10)).await;
        let entity = async {
            let question = scene.question().await;
            let of_other = scene.deciding_process().decide_partial_payment(OPERATOR, other, partial_of(&question), accept).await;
            assert_eq!(of_other.unwrap(), DecisionEffect::None, "another payment's question");
            scene.decide(&question, no()).await
        };
        let (_, effect) = tokio::join!(scene.near.send_due(), entity);
        assert_eq!(effect, DecisionEffect::Counts);

        let unknown = scene.deciding_process().decide_partial_payment(OPERATOR, never.into(), never.into(), no()).await;
        assert!(matches!(unknown, Err(DecidePartialPaymentError::UnknownPayment)));
    }

    async fn money_without_data_is_accepted_without_a_question(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let incoming = scene.far.incoming(Some(10)).await;
        let receiver = scene.far.receiver_of(incoming).await;
        let plain = scene.near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        scene.near.fund(plain).await;
        let entity = async {
            let question = scene.question().await;
            scene.decide(&question, PartialPaymentDecision::Accept).await
        };
        let (sent, _) = tokio::join!(scene.near.send_due(), entity);
        assert_eq!(sent, 2);
        assert_eq!(scene.far.payments.received(incoming).await.unwrap(), 10);
        assert!(scene.far.event(Subject::IncomingPayment(incoming), asking()).await.is_none());
    }

    async fn a_packet_that_expires_soon_waits_until_the_safety_margin(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let until = scene.far.clock.now() + Duration::from_secs(3);
        let verdict = scene.offer_until(&scene.far.parts.receivers, DATA, until).await;
        assert_eq!(verdict, Verdict::Decline { reason: "No response from receiving ASE".into() });
        let asked = partial_of(&scene.question().await);
        let asked = scene.far.store.every_tenant().partial_payment(asked).await.unwrap().unwrap();
        assert_eq!(asked.until, until - MARGIN);
        assert_eq!(asked.standing, Standing::Unanswered);
    }

    async fn packets_of_both_processes_with_the_same_data_share_one_question(database) {
        let processes = most(&database);
        let scene = Scene::open(database, processes, LONG).await;
        let (one, two) = scene.receivers();
        let offers = join_all((0..8).map(|n| scene.offer(if n % 2 == 0 { one } else { two }, DATA)));
        let entity = async {
            let question = scene.question().await;
            scene.decide(&question, no()).await
        };
        let (verdicts, _) = tokio::join!(offers, entity);
        let declined = Verdict::Decline { reason: "who are you?".into() };
        assert!(verdicts.iter().all(|verdict| *verdict == declined), "{verdicts:?}");
        assert_eq!(scene.questions().await, 1);
        assert_eq!(scene.offer(two, DATA).await, declined, "the decision also holds for later packets");
    }

    async fn a_decision_is_followed_while_the_maximum_number_of_packets_waits(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let receivers = &scene.far.parts.receivers;
        let entity = async {
            let question = scene.question().await;
            scene.decide(&question, no()).await
        };
        let (verdict, _) = tokio::join!(scene.offer(receivers, DATA), entity);
        let declined = Verdict::Decline { reason: "who are you?".into() };
        assert_eq!(verdict, declined);

        let until = scene.far.clock.now() + Duration::from_secs(5);
        let waiting = join_all((0..=WAITING_FOR_ONE_MAX).map(|_| scene.offer_until(receivers, "other data", until)));
        let decided = async {
            let asked = async || (scene.questions().await == 2).then_some(());
            testkit::until(LONG, asked).await.expect("the entity is asked about the other data");
            let followed = scene.offer(receivers, DATA).await;
            (followed, scene.far.clock.now())
        };
        let (verdicts, (followed, at)) = tokio::join!(waiting, decided);
        assert_eq!(followed, declined);
        assert!(at < until - MARGIN, "the others still waited");
        let later = verdicts.iter().filter(|verdict| **verdict == Verdict::Later).count();
        assert_eq!(later, 1, "one packet more than may wait for one payment: {verdicts:?}");
    }

    async fn open_questions_about_one_payment_are_bounded_over_all_processes(database) {
        let processes = most(&database);
        let scene = Scene::open(database, processes, Duration::from_secs(2)).await;
        let (one, two) = scene.receivers();
        let names: Vec<_> = (0..OPEN_QUESTIONS_MAX * 2).map(|n| format!("data{n}")).collect();
        let offers = names.iter().enumerate().map(|(n, data)| scene.offer(if n % 2 == 0 { one } else { two }, data));
        let verdicts = join_all(offers).await;
        let later = verdicts.iter().filter(|verdict| **verdict == Verdict::Later).count();
        let unanswered = Verdict::Decline { reason: "No response from receiving ASE".into() };
        let declined = verdicts.iter().filter(|verdict| **verdict == unanswered).count();
        assert_eq!((later, declined), (OPEN_QUESTIONS_MAX, OPEN_QUESTIONS_MAX), "{verdicts:?}");
        assert_eq!(scene.questions().await, OPEN_QUESTIONS_MAX as u64);
    }
}
