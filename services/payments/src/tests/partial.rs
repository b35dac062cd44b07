//! Money that comes with data from its sender: accepted, rejected, timed out, with one process and with two.
//!
//! The packets take turns between the processes. The decision goes to the process that does not hold the first one.

use std::time::Duration;

use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{IncomingPaymentId, OutgoingPaymentId};
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

use crate::incoming::partial_payments::{DecisionTimes, PartialPaymentDecision};
use crate::service::Payments;
use crate::tests::institution::{CacheIn, Setup};
use crate::tests::testing::{Node, Process};

const DATA: &str = "sample kyc data";
const LONG: Duration = Duration::from_secs(15);

/// A payer with a payment on its way, and the institution that is asked.
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
        let times = DecisionTimes { max_wait, safety_margin: Duration::from_millis(100) };
        let clock: std::sync::Arc<dyn clock::Clock> = std::sync::Arc::new(clock::SystemClock);
        let setup = Setup { decisions: Some(times), cache: CacheIn::Database, ..Setup::new("happylife", clock) };
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
        let (tenant, amount) = {
            let quote = near.outgoing_payment(outgoing).await.payment.quote;
            (quote.tenant_id, quote.debit_amount)
        };
        near.payments.fund_outgoing_payment(tenant, outgoing, amount, Some(DATA.to_owned())).await.unwrap();
        Self { near, far, other, incoming, outgoing }
    }

    /// Whom the entity tells: the other process, if there is one.
    fn told(&self) -> &Payments {
        self.other.as_ref().map_or(&self.far.payments, |process| &process.payments)
    }

    async fn question(&self) -> WebhookEvent {
        let kind = EventType::IncomingPaymentPartialPaymentReceived;
        let asked = async || self.far.event(Subject::IncomingPayment(self.incoming), kind).await;
        testkit::until(LONG, asked).await.expect("the entity is asked")
    }

    async fn decide(&self, question: &WebhookEvent, decision: &PartialPaymentDecision) -> bool {
        let partial = partial_of(question);
        self.told().decide_partial_payment(self.incoming, partial, decision).await.unwrap()
    }

    /// Sends the payment while the entity decides; gives the question.
    async fn send_and_decide(&self, decision: &PartialPaymentDecision) -> WebhookEvent {
        let entity = async {
            let question = self.question().await;
            assert!(self.decide(&question, decision).await);
            question
        };
        let (sent, question) = tokio::join!(self.near.send_due(), entity);
        assert_eq!(sent, 1);
        question
    }

    async fn received(&self) -> u64 {
        self.far.payments.received(self.incoming).await.unwrap()
    }

    async fn failure(&self) -> String {
        let sent = self.near.outgoing_payment(self.outgoing).await;
        assert_eq!((sent.payment.state.as_str(), sent.sent), ("FAILED", 0), "{sent:?}");
        format!("{:?}", sent.payment.state)
    }
}

fn partial_of(question: &WebhookEvent) -> Uuid {
    question.data["partialIncomingPaymentId"].as_str().unwrap().parse().unwrap()
}

fn yes() -> PartialPaymentDecision {
    PartialPaymentDecision { success: true, reason: None }
}

fn no() -> PartialPaymentDecision {
    PartialPaymentDecision { success: false, reason: Some("who are you?".to_owned()) }
}

async fn accepted(database: TestDatabase, processes: Processes) {
    let scene = Scene::open(database, processes, LONG).await;
    let question = scene.send_and_decide(&yes()).await;
    assert_eq!(scene.received().await, 1000);
    let sent = scene.near.outgoing_payment(scene.outgoing).await;
    assert_eq!((sent.payment.state.as_str(), sent.sent), ("COMPLETED", 1000));
    assert_eq!(question.data["receivedAmount"]["value"], "0");
    assert_eq!(scene.question().await.id, question.id, "asked once, however many packets carried the data");
}

async fn rejected(database: TestDatabase, processes: Processes) {
    let scene = Scene::open(database, processes, LONG).await;
    let question = scene.send_and_decide(&no()).await;
    assert!(scene.failure().await.contains("who are you?"), "the payer's side knows why");
    assert_eq!(scene.received().await, 0);
    assert!(!scene.decide(&question, &yes()).await, "the first decision is the only one");
    assert!(scene.decide(&question, &no()).await, "which may be repeated");
}

async fn timed_out(database: TestDatabase, processes: Processes) {
    let scene = Scene::open(database, processes, Duration::from_millis(60)).await;
    assert_eq!(scene.near.send_due().await, 1);
    assert!(scene.failure().await.contains("No response from receiving ASE"));
    assert_eq!(scene.received().await, 0);
    let question = scene.question().await;
    assert!(!scene.decide(&question, &yes()).await, "nobody waits any more");
}

on_each_database! {
    async fn money_with_data_is_taken_once_its_receiver_says_so(database) {
        accepted(database, Processes::One).await;
    }

    async fn money_with_data_is_taken_once_its_receiver_says_so_to_another_process(database) {
        accepted(database, Processes::Two).await;
    }

    async fn money_with_data_is_declined_with_the_words_of_its_receiver(database) {
        rejected(database, Processes::One).await;
    }

    async fn money_with_data_is_declined_with_the_words_of_its_receiver_to_another_process(database) {
        rejected(database, Processes::Two).await;
    }

    async fn without_a_word_in_time_the_money_is_declined(database) {
        timed_out(database, Processes::One).await;
    }

    async fn without_a_word_in_time_the_money_is_declined_by_two_processes(database) {
        timed_out(database, Processes::Two).await;
    }

    async fn data_is_stored_encrypted_on_both_sides(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let of_payer = "data_to_transmit LIKE 'sealed:1:%' AND data_to_transmit NOT LIKE '%kyc%'";
        assert_eq!(scene.near.institution.count("outgoing_payments", of_payer).await, 1);
        let question = scene.send_and_decide(&yes()).await;
        let stored = question.data["dataFromSender"].as_str().unwrap();
        assert!(stored.starts_with("sealed:1:") && !stored.contains("kyc"), "{stored}");
        let opened = scene.far.payments.sealer().open(stored, question.id.as_uuid());
        assert_eq!(opened.as_deref(), Ok(DATA), "as the entity reads it");
    }

    async fn a_decision_on_what_was_never_asked_counts_for_nothing(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let decided = scene.told().decide_partial_payment(scene.incoming, Uuid::from_u128(9), &yes()).await;
        assert!(!decided.unwrap());
    }

    async fn nobody_is_asked_about_money_without_data(database) {
        let scene = Scene::open(database, Processes::One, LONG).await;
        let incoming = scene.far.incoming(Some(10)).await;
        let receiver = scene.far.receiver_of(incoming).await;
        let plain = scene.near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        scene.near.fund(plain).await;
        let question = async {
            let question = scene.question().await;
            scene.decide(&question, &yes()).await
        };
        let (_, counted) = tokio::join!(scene.near.send_due(), question);
        assert!(counted);
        assert_eq!(scene.far.payments.received(incoming).await.unwrap(), 10);
        let kind = EventType::IncomingPaymentPartialPaymentReceived;
        assert!(scene.far.event(Subject::IncomingPayment(incoming), kind).await.is_none());
    }
}
