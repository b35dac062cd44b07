//! A payment whose process ends, or whose connection fails, half-way. It ends once, and the money moves once.
//! Real processes are killed in the tests of the binary.

use std::sync::Arc;
use std::time::Duration;

use clock::{ManualClock, SystemClock};
use payments_model::outgoing_payment::Progress;
use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject};
use payments_store::PacketInFlight;
use sealed_text::Place;
use testkit::{TestDatabase, on_each_database};

use crate::outgoing::fund_outgoing_payment::FundOutgoingPaymentError;
use crate::tests::testing::{LEASE, Node, OPERATOR, Weather};

/// Checks that everything about a payment of `amount` is as after a payment without faults.
async fn all_is_well(
    near: &Node,
    far: &Node,
    incoming: payments_model::IncomingPaymentId,
    id: payments_model::OutgoingPaymentId,
    amount: u64,
) {
    let sent = near.outgoing_payment(id).await;
    assert_eq!(sent.payment.state.as_str(), "COMPLETED", "{sent:?}");
    assert_eq!(sent.sent, amount);
    let received = far.payments.incoming_payment(None, incoming).await.unwrap().unwrap();
    assert!(received.payment.is_completed(), "{received:?}");
    assert_eq!(received.received, amount);
    assert_eq!(received.payment.announced_amount, amount);
    assert!(near.store.every_tenant().packets_in_flight(id).await.unwrap().is_empty());
    assert_eq!(near.payments.account(id).await.unwrap().unwrap().debits_pending, 0, "nothing is held");
    assert_eq!(near.owes_peer().await, far.is_owed_by_peer().await, "the peers' books agree");
    assert!(near.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentCompleted).await.is_some());
    assert!(far.event(Subject::IncomingPayment(incoming), EventType::IncomingPaymentCompleted).await.is_some());
}

async fn ready(
    database: TestDatabase,
    clock: Arc<ManualClock>,
) -> (Node, Node, payments_model::IncomingPaymentId, payments_model::OutgoingPaymentId) {
    let near = Node::at(database, "cloudnine", "USD", clock.clone()).await;
    let far = Node::at(TestDatabase::sqlite().await, "happylife", "USD", clock).await;
    near.connect(&far).await;
    let incoming = far.incoming(Some(1000)).await;
    let receiver = far.receiver_of(incoming).await;
    let id = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
    near.fund(id).await;
    (near, far, incoming, id)
}

/// Sends until nothing is due, with the receiver as the other institution shows it now.
async fn send_on(near: &Node, far: &Node, incoming: payments_model::IncomingPaymentId) {
    near.knows(&far.receiver_of(incoming).await);
    near.send_due().await;
}

on_each_database! {
    async fn a_sender_that_dies_after_the_receiver_was_paid_pays_once(database) {
        let clock = testkit::manual_clock();
        let (mut near, far, incoming, id) = ready(database, clock.clone()).await;
        *near.wire.weather.lock().unwrap() = Weather::RepliesLate;
        let is_paid = testkit::until(Duration::from_secs(30), async || {
            (far.payments.received(incoming).await.unwrap() == 1000).then_some(())
        });
        // The process ends right after the deposit.
        tokio::select! {
            _ = near.send_due() => panic!("its reply never comes"),
            paid = is_paid => assert!(paid.is_some()),
        }
        assert_eq!(near.outgoing_payment(id).await.sent, 0);

        *near.wire.weather.lock().unwrap() = Weather::Fine;
        near.restart(&far);
        clock.advance(LEASE);
        send_on(&near, &far, incoming).await;
        all_is_well(&near, &far, incoming, id, 1000).await;
    }

    async fn a_sender_that_dies_between_the_funds_and_the_first_packet_pays_once(database) {
        let (mut near, far, incoming, id) = ready(database, testkit::manual_clock()).await;
        assert_eq!(near.store.every_tenant().packets_in_flight(id).await.unwrap().len(), 1, "written with the funds");
        assert_eq!(far.payments.received(incoming).await.unwrap(), 0);
        near.restart(&far);
        send_on(&near, &far, incoming).await;
        all_is_well(&near, &far, incoming, id, 1000).await;
    }

    async fn what_another_process_has_changed_is_not_overwritten_from_what_is_at_hand(database) {
        let near = Node::stored(database, "cloudnine", Arc::new(SystemClock)).await;
        let far = Node::open(TestDatabase::sqlite().await, "happylife", "USD").await;
        near.connect(&far).await;
        let receiver = far.receiver_of(far.incoming(Some(1000)).await).await;
        let other = near.another_process().await;
        let amount = async |id| near.outgoing_payment(id).await.payment.quote.debit_amount;

        let cancelled = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        other.payments.cancel_outgoing_payment(OPERATOR.tenant, cancelled, None, None).await.unwrap();
        let refused = near.payments.fund_outgoing_payment(OPERATOR.tenant, cancelled, amount(cancelled).await, None);
        assert!(matches!(refused.await, Err(FundOutgoingPaymentError::WrongState)));
        let found = near.outgoing_payment(cancelled).await;
        assert_eq!((found.payment.state.as_str(), found.balance), ("CANCELLED", 0));

        let funded = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        let amount = amount(funded).await;
        other.payments.fund_outgoing_payment(OPERATOR.tenant, funded, amount, Some("first".into())).await.unwrap();
        let again = near.payments.fund_outgoing_payment(OPERATOR.tenant, funded, amount, Some("second".into()));
        assert!(matches!(again.await, Err(FundOutgoingPaymentError::WrongState)));
        let found = near.outgoing_payment(funded).await;
        assert_eq!(found.balance, amount, "one deposit");
        let stored = found.payment.require_sending().unwrap().data_to_transmit.as_deref().unwrap();
        let place = Place::DataToTransmit(funded.as_uuid());
        assert_eq!(near.payments.sealer().open(stored, place).as_deref(), Ok("first"));
        assert_eq!(near.store.every_tenant().packets_in_flight(funded).await.unwrap(), [], "nothing of the second");
    }

    async fn a_reply_lost_on_the_wire_is_asked_for_again(database) {
        let (near, far, incoming, id) = ready(database, testkit::manual_clock()).await;
        *near.wire.weather.lock().unwrap() = Weather::RepliesLost;
        let clear_up = async {
            near.wire.has_lost(2).await;
            *near.wire.weather.lock().unwrap() = Weather::Fine;
        };
        tokio::join!(near.send_due(), clear_up);
        all_is_well(&near, &far, incoming, id, 1000).await;
    }

    async fn a_receiver_that_dies_before_noting_its_credit_notes_it_at_its_start(database) {
        let near = Node::open(database, "cloudnine", "USD").await;
        let incoming = near.incoming(Some(70)).await;
        // The credit was made, and the process ended before it changed the state.
        near.credit(incoming, 70).await;
        assert!(!near.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment.is_completed());
        assert_eq!(near.parts.receivers.reconcile().await.unwrap(), 1);
        let found = near.payments.incoming_payment(None, incoming).await.unwrap().unwrap();
        assert!(found.payment.is_completed());
        assert!(near.event(Subject::IncomingPayment(incoming), EventType::IncomingPaymentCompleted).await.is_some());
        assert_eq!(near.parts.receivers.reconcile().await.unwrap(), 0, "once is enough");
    }

    async fn packets_are_counted_together_or_not_at_all(database) {
        let (near, _far, _, id) = ready(database, testkit::manual_clock()).await;
        let attempt = uuid::Uuid::from_u128(7);
        let packet = |sequence| PacketInFlight {
            payment: id,
            attempt,
            sequence,
            source_amount: 10,
            prepare: vec![1, 2, 3],
            shared_secret: vec![0; 32],
            created_at: near.clock.now(),
        };
        let moved = |amount| Progress { debited: amount, delivered: amount };
        let unit = near.store.begin().await.unwrap();
        let scope = unit.every_tenant();
        // The first packet is written together with the funding.
        scope.forget_packets_in_flight(id);
        scope.insert_packets_in_flight(&[packet(0), packet(1), packet(2)]).unwrap();
        assert!(scope.count_packets(id, attempt, &[0], moved(10)).await.unwrap());
        assert!(!scope.count_packets(id, attempt, &[0, 1], moved(20)).await.unwrap());
        assert!(scope.count_packets(id, attempt, &[1, 2], moved(20)).await.unwrap());
        unit.commit().await.unwrap();
        assert!(near.store.every_tenant().packets_in_flight(id).await.unwrap().is_empty());
        let found = near.outgoing_payment(id).await.payment;
        assert_eq!(found.require_sending().unwrap().progress, moved(30));
        // A commit without answer has left the row of a packet that was never sent. The end of the payment deletes it.
        let unit = near.store.begin().await.unwrap();
        let scope = unit.every_tenant();
        scope.insert_packets_in_flight(&[packet(3)]).unwrap();
        scope.forget_packets_in_flight(id);
        unit.commit().await.unwrap();
        assert!(near.store.every_tenant().packets_in_flight(id).await.unwrap().is_empty());
        assert_eq!(near.outgoing_payment(id).await.payment.require_sending().unwrap().progress, moved(30));
    }
}
