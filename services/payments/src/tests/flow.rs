//! Payments from quote to receipt, between two institutions and within one.
//! Payments that do not succeed are in `life`.

use std::sync::Arc;

use connector::LocalAccounts;
use payments_model::delivery_record::Stretch;
use payments_model::fee::FeeKind;
use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject};
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

use crate::queues::SENDING_QUEUE;
use crate::tests::testing::{Node, OPERATOR, Weather, usd};

async fn two(database: TestDatabase, far_code: &str) -> (Node, Node) {
    let near = Node::open(database, "cloudnine", "USD").await;
    let far = Node::open(TestDatabase::sqlite().await, "happylife", far_code).await;
    near.connect(&far).await;
    (near, far)
}

on_each_database! {
    async fn money_arrives_at_the_other_institution_and_both_sides_get_their_events(database) {
        let (near, far) = two(database, "USD").await;
        let incoming = far.incoming(Some(1000)).await;
        let receiver = far.receiver_of(incoming).await;
        let id = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        near.fund(id).await;
        assert_eq!(near.send_due().await, 1);

        let sent = near.outgoing_payment(id).await;
        assert_eq!(sent.payment.state.as_str(), "COMPLETED", "{sent:?}");
        assert_eq!(sent.sent, 1000);
        assert_eq!(sent.balance, sent.payment.quote.debit_amount - 1000);
        let event = near.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentCompleted).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, sent.balance);
        assert_eq!(event.data["sentAmount"]["value"], "1000");
        let received = far.payments.incoming_payment(None, incoming).await.unwrap().unwrap();
        assert!(received.payment.is_completed());
        assert_eq!(received.received, 1000);
        let event = far.event(Subject::IncomingPayment(incoming), EventType::IncomingPaymentCompleted).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 1000);
        assert!(near.store.every_tenant().packets_in_flight(id).await.unwrap().is_empty());
    }

    async fn a_quote_and_its_payment_are_one_connection_that_the_payment_closes(database) {
        let (near, far) = two(database, "USD").await;
        let receiver = far.receiver_of(far.incoming(Some(1000)).await).await;
        let id = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        near.fund(id).await;
        near.send_due().await;
        // Two probes and the close of the payment are refused; its money is not.
        near.wire.has_refused(3).await;
        assert_eq!((*near.wire.refused.lock().unwrap(), *near.wire.fulfilled.lock().unwrap()), (3, 1));
    }

    async fn packets_that_arrive_together_share_one_reading_of_their_receiver(database) {
        let node = Node::open(database, "happylife", "USD").await;
        let tag = node.incoming(Some(1000)).await.to_string();
        let resolve = || node.parts.receivers.resolve(OPERATOR.tenant, &tag);
        let (one, other) = futures::join!(resolve(), resolve());
        assert!(Arc::ptr_eq(&one.unwrap().unwrap(), &other.unwrap().unwrap()));
        assert!(node.parts.receivers.reads_nothing());
    }

    async fn two_readers_of_a_receiver_that_leave_at_the_same_time_leave_nothing_behind(database) {
        let node = Node::open(database, "happylife", "USD").await;
        let receivers = &node.parts.receivers;
        let (some, others): (Vec<_>, Vec<_>) = (0..100_000)
            .map(Uuid::from_u128)
            .map(|tag| (receivers.waits_for(tag), receivers.waits_for(tag)))
            .unzip();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(some));
            scope.spawn(|| drop(others));
        });
        assert!(receivers.reads_nothing());
    }

    async fn money_is_converted_on_its_way(database) {
        let (near, far) = two(database, "EUR").await;
        let incoming = far.incoming(None).await;
        let receiver = far.receiver_of(incoming).await;
        let id = near.outgoing(&receiver, QuoteRequest::DebitAmount(usd(10_000))).await;
        near.fund(id).await;
        near.send_due().await;
        let sent = near.outgoing_payment(id).await;
        assert_eq!(sent.payment.state.as_str(), "COMPLETED", "{sent:?}");
        let received = far.payments.received(incoming).await.unwrap();
        assert_eq!(sent.payment.quote.receive_amount.value, 8910, "0.9 less one per cent of slippage, exactly");
        assert!(received >= 8910, "{received}");

        let record = sent.payment.record.unwrap();
        let total = |of: fn(&Stretch) -> u64| record.stretches.iter().map(of).sum::<u64>();
        assert_eq!(record.delivered, received);
        assert_eq!(total(|stretch| stretch.moved.delivered), received);
        assert_eq!(total(|stretch| stretch.moved.debited), sent.sent);
        assert_eq!(total(|stretch| stretch.rejected), record.rejected.values().sum::<u64>());
    }

    async fn a_payment_within_the_institution_takes_one_movement(database) {
        let node = Node::open(database, "cloudnine", "USD").await;
        node.administration.set_fee(OPERATOR, node.asset.id, FeeKind::Sending, 100, 200).await.unwrap();
        let incoming = node.incoming(Some(5000)).await;
        let mut receiver = node.receiver_of(incoming).await;
        receiver.location = payments_model::receiver::ReceiverLocation::Local { tenant: None, id: incoming };
        let id = node.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        node.fund(id).await;
        node.send_due().await;
        let sent = node.outgoing_payment(id).await;
        assert_eq!(sent.payment.state.as_str(), "COMPLETED", "{sent:?}");
        assert_eq!((sent.sent, sent.balance), (5000, 200));
        assert_eq!(node.payments.received(incoming).await.unwrap(), 5000);
        let event = node.event(Subject::IncomingPayment(incoming), EventType::IncomingPaymentCompleted).await;
        assert!(event.is_some());
    }

    async fn a_payment_waits_in_the_lane_of_the_peer_that_is_next_on_its_way(database) {
        let (near, far) = two(database, "USD").await;
        let receiver = far.receiver_of(far.incoming(None).await).await;
        let id = near.outgoing(&receiver, QuoteRequest::DebitAmount(usd(1_000))).await;
        near.fund(id).await;
        let sql = "SELECT lane FROM jobs WHERE queue = $1 AND key = $2";
        let lane = near.store.database().query(sql, [SENDING_QUEUE.into(), id.to_string().into()]).await.unwrap();
        let peers = near.store.every_tenant().all_peers().await.unwrap();
        assert_eq!(lane[0].try_get_by_index::<String>(0).unwrap(), peers[0].id.to_string());
    }

    async fn a_hundred_payments_to_a_peer_that_hangs_hold_back_no_local_payment(database) {
        let (near, far) = two(database, "USD").await;
        let receiver = far.receiver_of(far.incoming(None).await).await;
        for _ in 0..100 {
            let id = near.outgoing(&receiver, QuoteRequest::DebitAmount(usd(1_000))).await;
            near.fund(id).await;
        }
        *near.wire.weather.lock().unwrap() = Weather::Silent;
        let local = near.incoming(Some(50)).await;
        let mut receiver = near.receiver_of(local).await;
        receiver.location = payments_model::receiver::ReceiverLocation::Local { tenant: None, id: local };
        let id = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        near.fund(id).await;

        // Two sets of workers, as in two processes.
        let workers = (0..2).flat_map(|_| near.payments.workers());
        let running: Vec<_> = workers.map(|worker| tokio::spawn(worker.run(std::future::pending()))).collect();
        // A packet without reply keeps its payment waiting for twenty seconds.
        let paid = testkit::until(std::time::Duration::from_secs(10), async || {
            let state = near.outgoing_payment(id).await.payment.state;
            (state.as_str() == "COMPLETED").then_some(())
        });
        assert!(paid.await.is_some(), "{:?}", near.outgoing_payment(id).await);
        running.iter().for_each(tokio::task::JoinHandle::abort);
    }

    async fn an_unreachable_peer_leaves_the_payment_to_be_tried_again(database) {
        let (near, far) = two(database, "USD").await;
        let incoming = far.incoming(Some(1000)).await;
        let receiver = far.receiver_of(incoming).await;
        let id = near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await;
        near.fund(id).await;
        *near.wire.weather.lock().unwrap() = Weather::Unreachable;
        let attempt = tokio::time::timeout(std::time::Duration::from_secs(25), near.send_due());
        attempt.await.unwrap();
        let waiting = near.outgoing_payment(id).await;
        assert_eq!(waiting.payment.state.as_str(), "SENDING");
        assert_eq!(waiting.payment.state_attempts(), 1);
        assert_eq!(waiting.sent, 0);
        let first = waiting.payment.record.unwrap();
        assert!(first.rejected["T01"] > 0, "{first:?}");
        assert_eq!((first.delivered, first.stretches.iter().map(|stretch| stretch.fulfilled).sum()), (0, 0));
        let account = near.payments.account(id).await.unwrap().unwrap();
        assert_eq!(account.debits_pending, 0, "nothing is held");
    }
}
