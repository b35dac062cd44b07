//! How much an incoming payment takes, with two processes, both payment methods, and stored ledgers.
//! What else ends a payment is in `life`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, SystemClock};
use connector::{Connector, Outcome, PaymentSource, Source, Transmission};
use futures::future::join_all;
use ilp_packet::{ErrorCode, PrepareBuf, Reply};
use payments_model::accounting::{AccountKind, TransferError};
use payments_model::quote::QuoteRequest;
use payments_model::receiver::{IlpMethod, ReceiverLocation};
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{IncomingPaymentId, OutgoingPaymentId, Receiver, WebhookEventId};
use stream::{Hashlock, Request, Sender, SharedSecret};
use testkit::{TestDatabase, on_each_database};

use crate::administration::{LiquidityError, PaymentToWithdraw, WalletAddressChange, WalletAddressStatus};
use crate::incoming::create_incoming_payment::CreateIncomingPaymentError;
use crate::incoming::create_incoming_payment::NewIncomingPayment;
use crate::incoming::decide_incoming_payment::ChangeIncomingPaymentError;
use crate::incoming::end_incoming_payment::CompleteIncomingPaymentError;
use crate::incoming::expectations;
use crate::outgoing::pay_locally::DeliveryError;
use crate::service::Payments;
use crate::settings::IncomingApproval;
use crate::tests::testing::{Node, OPERATOR, Process};

const LEASE: Duration = Duration::from_secs(15);

async fn institution(database: TestDatabase) -> (Node, Process) {
    let node = Node::stored(database, "cloudnine", Arc::new(SystemClock)).await;
    node.stand_alone();
    let other = node.another_process().await;
    (node, other)
}

async fn local_receiver(node: &Node, id: IncomingPaymentId) -> Receiver {
    let mut receiver = node.receiver_of(id).await;
    receiver.location = ReceiverLocation::Local { tenant: None, id };
    receiver
}

/// Makes this many funded payments, each of the whole expected amount.
async fn payers(node: &Node, incoming: IncomingPaymentId, many: usize) -> Vec<OutgoingPaymentId> {
    let receiver = local_receiver(node, incoming).await;
    let mut payers = Vec::new();
    for _ in 0..many {
        payers.push(node.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await);
    }
    join_all(payers.iter().map(|id| node.fund(*id))).await;
    payers
}

/// Sends everything that is due, at the same time in both processes.
async fn send_in_both(node: &Node, other: &Process, many: usize) {
    let workers = (0..many).map(|n| async move {
        let process = if n % 2 == 0 { &node.institution } else { other };
        let handler = process.payments.sending_handler();
        process.worker("outgoing payments", handler, LEASE).run_due().await.unwrap()
    });
    join_all(workers).await;
}

/// A sender that pays packet by packet, with ample money on an account of this institution.
struct Streamer {
    id: OutgoingPaymentId,
    method: IlpMethod,
}

impl Streamer {
    async fn to(node: &Node, incoming: IncomingPaymentId) -> Self {
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        let method = node.payments.payment_methods(&found).await.unwrap().remove(0);
        let id = OutgoingPaymentId::random(&*node.parts.entropy);
        let asset = node.asset.in_ledger();
        node.ledger.create_accounts(vec![asset.account(id.into(), AccountKind::Outgoing)]).await.unwrap();
        let deposit = asset.deposit(node.parts.entropy.uuid().into(), id.into(), 10_000_000);
        assert!(node.ledger.submit(vec![deposit]).await.unwrap()[0].is_ok());
        Self { id, method }
    }

    /// The receiver's reply to `amount`; `None` is a Fulfill.
    async fn pay(&self, node: &Node, connector: &Connector, amount: u64) -> Option<ErrorCode> {
        self.pay_within(node, connector, amount, Duration::from_secs(20)).await
    }

    async fn pay_within(&self, node: &Node, connector: &Connector, amount: u64, life: Duration) -> Option<ErrorCode> {
        let secret = SharedSecret::new(self.method.shared_secret.clone().try_into().unwrap());
        let mut sender = Sender::new(self.method.ilp_address.parse().unwrap(), &secret);
        let request = Request {
            source_amount: amount,
            min_destination_amount: amount,
            hashlock: Hashlock::Fulfillable,
            expires_at: node.clock.now() + life,
            frames: &[],
        };
        let prepare = sender.make(&request, &*node.parts.entropy).unwrap().prepare;
        let asset = Arc::new(crate::incoming::live_receivers::account_asset(&node.asset));
        let source = Source::Payment(PaymentSource { tenant: OPERATOR.tenant, payment: self.id, asset });
        let packet = PrepareBuf::parse(prepare).unwrap();
        let Outcome::Reply(reply) = connector.handle_prepare(source, packet, Transmission::First).await else {
            panic!("no reply")
        };
        code(&reply)
    }

    async fn has_sent(&self, node: &Node) -> u128 {
        node.payments.account(self.id).await.unwrap().unwrap().debits_posted
    }
}

fn code(reply: &Bytes) -> Option<ErrorCode> {
    match Reply::parse(reply).unwrap() {
        Reply::Fulfill(_) => None,
        Reply::Reject(reject) => Some(reject.code),
    }
}

async fn state(node: &Node, id: IncomingPaymentId) -> (&'static str, u64) {
    let found = node.payments.incoming_payment(None, id).await.unwrap().unwrap();
    (found.payment.state.as_str(), found.received)
}

async fn withdraw(node: &Node, id: IncomingPaymentId) -> Result<(), LiquidityError> {
    node.administration.withdraw_from_payment(OPERATOR, PaymentToWithdraw::Incoming(id), 0, None).await
}

fn is_transfer_error(result: &Result<(), LiquidityError>, expected: TransferError) -> bool {
    matches!(result, Err(LiquidityError::Transfer(error)) if *error == expected)
}

/// The announced amounts of a payment.
async fn announced(node: &Node, id: IncomingPaymentId) -> Vec<u64> {
    let types = [EventType::IncomingPaymentCompleted, EventType::IncomingPaymentExpired];
    let events = node.store.every_tenant().events_about(Subject::IncomingPayment(id), &types).await.unwrap();
    events.iter().map(|event| event.withdrawal.unwrap().amount).collect()
}

/// Checks that exactly `amount` is received, announced, and withdrawn once.
async fn exactly_was_paid(node: &Node, id: IncomingPaymentId, amount: u64) {
    assert_eq!(state(node, id).await, ("COMPLETED", amount));
    assert_eq!(announced(node, id).await, [amount]);
    withdraw(node, id).await.unwrap();
    assert!(is_transfer_error(&withdraw(node, id).await, TransferError::TransferExists));
    assert_eq!(node.administration.balance(id.into()).await.unwrap(), Some(0));
}

on_each_database! {
    async fn of_concurrent_payers_one_pays_and_the_others_keep_their_money(database) {
        let (node, other) = institution(database).await;
        for many in [2, 5, 10] {
            let incoming = node.incoming(Some(1000)).await;
            let payers = payers(&node, incoming, many).await;
            send_in_both(&node, &other, many).await;
            exactly_was_paid(&node, incoming, 1000).await;
            let mut sent = 0;
            for id in payers {
                let payer = node.outgoing_payment(id).await;
                assert!(payer.sent == 0 || payer.payment.state.as_str() == "COMPLETED", "{payer:?}");
                let ends = [EventType::OutgoingPaymentFailed, EventType::OutgoingPaymentCompleted];
                let event = node.store.every_tenant().latest_event(Subject::OutgoingPayment(id), &ends).await.unwrap();
                let given_back = event.unwrap().withdrawal.map_or(0, |withdrawal| withdrawal.amount);
                assert_eq!(given_back, 1000 - payer.sent);
                sent += payer.sent;
            }
            assert_eq!(sent, 1000, "{many} payers");
        }
    }

    async fn a_payer_that_loses_the_race_gets_a_failure(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(1000)).await;
        let payer = payers(&node, incoming, 1).await.remove(0);
        // It has already read the receiver. Another payer is faster.
        let payment = node.outgoing_payment(payer).await.payment;
        let receiver = node.payments.local_receiver(
            &node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment,
        ).await.unwrap();
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &other.parts.connector, 1000).await, None);
        let amounts = payments_model::quote::MethodAmounts { debit: 1000, receive: 1000 };
        let failed = node.payments.pay_locally(&payment, &receiver, amounts).await.unwrap_err();
        assert!(matches!(&failed, DeliveryError::Failed(failure) if !failure.retryable), "{failed:?}");
        assert_eq!(node.outgoing_payment(payer).await.balance, 1000);
        exactly_was_paid(&node, incoming, 1000).await;
    }

    async fn a_payer_who_comes_after_another_pays_what_is_left_in_proportion(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(1000)).await;
        let payer = payers(&node, incoming, 1).await.remove(0);
        let payment = node.outgoing_payment(payer).await.payment;
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        let receiver = node.payments.local_receiver(&found).await.unwrap();
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &other.parts.connector, 700).await, None);
        let amounts = payments_model::quote::MethodAmounts { debit: 1000, receive: 1000 };
        let delivered = node.payments.pay_locally(&payment, &receiver, amounts).await.unwrap();
        assert_eq!((delivered.moved.debited, delivered.moved.delivered), (300, 300));
        // The attempt is repeated by a process that has no memory of it.
        let again = other.payments.local_delivery_made(&payment).await.unwrap().unwrap();
        assert_eq!((again.debited, again.delivered), (300, 300));
        exactly_was_paid(&node, incoming, 1000).await;
    }

    async fn packets_through_two_processes_and_local_payers_have_one_bound(database) {
        let (node, other) = institution(database).await;
        let connectors = [&node.parts.connector, &other.parts.connector];
        for many in [2, 5, 10] {
            let incoming = node.incoming(Some(1000)).await;
            let payers = payers(&node, incoming, many / 2).await;
            let streamers = join_all((0..many).map(|_| Streamer::to(&node, incoming))).await;
            let packets = streamers.iter().enumerate().map(|(n, streamer)| {
                let connector = connectors[n % 2];
                let node = &node;
                async move {
                    for amount in [100, 300, 600] {
                        streamer.pay(node, connector, amount).await;
                    }
                }
            });
            tokio::join!(join_all(packets), send_in_both(&node, &other, many));
            // The last packets take exactly what is left.
            while let ("PROCESSING", received) = state(&node, incoming).await {
                assert_eq!(streamers[0].pay(&node, connectors[0], 1000 - received).await, None);
            }
            let mut sent = 0;
            for streamer in &streamers {
                sent += streamer.has_sent(&node).await;
            }
            for id in payers {
                sent += u128::from(node.outgoing_payment(id).await.sent);
            }
            assert_eq!(sent, 1000);
            exactly_was_paid(&node, incoming, 1000).await;
        }
    }

    async fn of_many_institutions_payments_over_packets_exactly_the_amount_arrives(database) {
        let far = Node::stored(database, "happylife", Arc::new(SystemClock)).await;
        let near = Node::open(TestDatabase::sqlite().await, "cloudnine", "USD").await;
        near.connect(&far).await;
        let second = far.another_process().await;
        far.answer_in_turns(&second, &near);
        for many in [2, 5] {
            let incoming = far.incoming(Some(1000)).await;
            let receiver = far.receiver_of(incoming).await;
            let mut payers = Vec::new();
            for _ in 0..many {
                payers.push(near.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await);
            }
            join_all(payers.iter().map(|id| near.fund(*id))).await;
            near.knows(&receiver);
            let workers = (0..many).map(|_| async {
                near.institution.worker("outgoing payments", near.payments.sending_handler(), LEASE).run_due().await
            });
            join_all(workers).await;
            let mut sent = 0;
            for id in payers {
                sent += near.outgoing_payment(id).await.sent;
            }
            assert_eq!(sent, 1000, "{many} payers");
            exactly_was_paid(&far, incoming, 1000).await;
        }
    }

    async fn a_large_packet_after_a_small_remainder_is_refused_through_every_process(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        let (one, two) = (&node.parts.connector, &other.parts.connector);
        // The second process has read the payment before any credit.
        assert_eq!(streamer.pay(&node, two, 1_000).await, Some(ErrorCode::T00InternalError));
        assert_eq!(streamer.pay(&node, one, 99).await, None);
        for connector in [one, two] {
            assert_eq!(streamer.pay(&node, connector, 50_000).await, Some(ErrorCode::T00InternalError));
        }
        assert_eq!(streamer.pay(&node, two, 1).await, None);
        for connector in [one, two] {
            assert_eq!(streamer.pay(&node, connector, 1).await, Some(ErrorCode::F02Unreachable));
        }
        exactly_was_paid(&node, incoming, 100).await;
        assert_eq!(streamer.has_sent(&node).await, 100);
    }

    async fn after_its_completion_was_announced_no_process_takes_anything(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(None).await;
        let streamer = Streamer::to(&node, incoming).await;
        let (one, two) = (&node.parts.connector, &other.parts.connector);
        assert_eq!(streamer.pay(&node, one, 100).await, None);
        assert_eq!(streamer.pay(&node, two, 20).await, None);
        // The second process uses its old copy for a while.
        node.payments.complete_incoming_payment(OPERATOR.tenant, incoming).await.unwrap();
        assert_eq!(streamer.pay(&node, two, 30).await, Some(ErrorCode::F02Unreachable));
        exactly_was_paid(&node, incoming, 120).await;
    }

    async fn an_open_payment_is_closed_while_packets_keep_coming(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(None).await;
        let streamers = join_all((0..8).map(|_| Streamer::to(&node, incoming))).await;
        let connectors = [&node.parts.connector, &other.parts.connector];
        let packets = streamers.iter().enumerate().map(|(n, streamer)| {
            let node = &node;
            async move { while streamer.pay(node, connectors[n % 2], 7).await.is_none() {} }
        });
        let complete = async {
            while state(&node, incoming).await.1 < 200 {
                tokio::task::yield_now().await;
            }
            other.payments.complete_incoming_payment(OPERATOR.tenant, incoming).await.unwrap();
        };
        tokio::join!(join_all(packets), complete);
        let mut sent = 0;
        for streamer in &streamers {
            sent += streamer.has_sent(&node).await;
        }
        exactly_was_paid(&node, incoming, u64::try_from(sent).unwrap()).await;
    }

    async fn a_process_that_dies_between_the_close_and_its_note_leaves_what_a_repeated_call_ends(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &node.parts.connector, 60).await, None);
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        assert_eq!(expectations::close(&*node.ledger, &found).await.unwrap(), 60);
        assert_eq!(announced(&node, incoming).await, [0; 0]);
        for connector in [&node.parts.connector, &other.parts.connector] {
            assert_eq!(streamer.pay(&node, connector, 40).await, Some(ErrorCode::F02Unreachable));
        }
        other.payments.complete_incoming_payment(OPERATOR.tenant, incoming).await.unwrap();
        exactly_was_paid(&node, incoming, 60).await;
    }

    async fn a_payment_closed_without_money_is_not_opened_by_another_process(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        assert_eq!(expectations::close(&*node.ledger, &found).await.unwrap(), 0);
        assert_eq!(expectations::close(&*node.ledger, &found).await.unwrap(), 0);
        let opened = expectations::open(&*other.parts.ledger, &found).await.unwrap();
        assert!(opened.is_closed(), "{opened:?}");
        let streamer = Streamer::to(&node, incoming).await;
        let refused = streamer.pay(&node, &other.parts.connector, 100).await;
        assert_eq!(refused, Some(ErrorCode::F02Unreachable));
    }

    async fn a_payment_that_was_partly_paid_before_there_were_expectations_expects_the_rest(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        node.credit(incoming, 70).await;
        // As if an older version had created it: this process has no copy of the new payment.
        node.parts.receivers.forget(incoming);
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &node.parts.connector, 40).await, Some(ErrorCode::T00InternalError));
        assert_eq!(streamer.pay(&node, &other.parts.connector, 30).await, None);
        exactly_was_paid(&node, incoming, 100).await;
    }

    async fn every_announced_unit_is_withdrawn_once_also_after_refused_attempts(database) {
        let (node, _) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &node.parts.connector, 100).await, None);
        let event = node.event(Subject::IncomingPayment(incoming), EventType::IncomingPaymentCompleted).await.unwrap();
        let asset = node.asset.in_ledger();
        let move_out = async |id, amount| {
            node.ledger.submit(vec![asset.withdrawal(id, incoming.into(), amount, 0)]).await.unwrap()[0]
        };
        // The money was taken, and the event's own id was used up by a refusal.
        assert!(move_out(node.parts.entropy.uuid().into(), 50).await.is_ok());
        assert_eq!(move_out(event.id.as_uuid().into(), 100).await, ledger::CreateTransferResult::ExceedsCredits);
        for _ in 0..20 {
            assert!(is_transfer_error(&withdraw(&node, incoming).await, TransferError::InsufficientBalance));
        }
        node.credit(incoming, 50).await;
        // Reserved for a while, released, and withdrawn.
        let pending = PaymentToWithdraw::Incoming(incoming);
        node.administration.withdraw_from_payment(OPERATOR, pending, 60, None).await.unwrap();
        assert!(is_transfer_error(&withdraw(&node, incoming).await, TransferError::TransferExists));
        node.administration.void_withdrawal(OPERATOR, &event.id.to_string()).await.unwrap();
        withdraw(&node, incoming).await.unwrap();
        assert!(is_transfer_error(&withdraw(&node, incoming).await, TransferError::TransferExists));
        let by_event = node.administration.withdraw_what_was_announced(OPERATOR, event.id).await;
        assert!(is_transfer_error(&by_event, TransferError::TransferExists));
        assert_eq!(node.administration.balance(incoming.into()).await.unwrap(), Some(0));
    }

    async fn a_withdrawal_of_an_amount_that_changed_meanwhile_takes_nothing(database) {
        let (node, _) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &node.parts.connector, 100).await, None);
        let take = async |expected| {
            let payment = PaymentToWithdraw::Incoming(incoming);
            node.administration.withdraw_from_payment(OPERATOR, payment, 0, Some(expected)).await
        };
        let refused = take(60).await;
        assert!(matches!(refused, Err(LiquidityError::AmountChanged { expected: 60, there: 100 })), "{refused:?}");
        assert_eq!(node.administration.balance(incoming.into()).await.unwrap(), Some(100));
        take(100).await.unwrap();
        assert_eq!(node.administration.balance(incoming.into()).await.unwrap(), Some(0));
        let again = take(100).await;
        assert!(matches!(again, Err(LiquidityError::AmountChanged { there: 0, .. })), "{again:?}");
    }

    async fn concurrent_withdrawals_get_the_money_once(database) {
        let (node, _) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        assert_eq!(streamer.pay(&node, &node.parts.connector, 100).await, None);
        let results = join_all((0..8).map(|_| withdraw(&node, incoming))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert_eq!(node.administration.balance(incoming.into()).await.unwrap(), Some(0));
    }

    async fn a_cancellation_is_final(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        let (one, two) = (&node.parts.connector, &other.parts.connector);
        // Both processes have it as open.
        for connector in [one, two] {
            assert_eq!(streamer.pay(&node, connector, 1_000).await, Some(ErrorCode::T00InternalError));
        }
        node.payments.cancel_incoming_payment(OPERATOR.tenant, incoming, Some("no".into())).await.unwrap();
        for connector in [one, two] {
            assert_eq!(streamer.pay(&node, connector, 100).await, Some(ErrorCode::F02Unreachable));
        }
        let completed = other.payments.complete_incoming_payment(OPERATOR.tenant, incoming).await;
        assert!(matches!(completed, Err(CompleteIncomingPaymentError::WrongState)));
        node.payments.cancel_incoming_payment(OPERATOR.tenant, incoming, None).await.unwrap();
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        assert!(node.payments.payment_methods(&found).await.unwrap().is_empty());
        assert!(!node.payments.local_receiver(&found).await.unwrap().is_active(node.clock.now()));
        assert_eq!(state(&node, incoming).await, ("PENDING", 0));
    }

    async fn money_that_came_before_the_cancellation_is_announced_and_the_cancellation_refused(database) {
        let (node, _) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        node.credit(incoming, 40).await;
        let refused = node.payments.cancel_incoming_payment(OPERATOR.tenant, incoming, None).await;
        assert!(matches!(refused, Err(ChangeIncomingPaymentError::WrongState)));
        // Refused before anything was written. The payment goes on.
        assert_eq!(node.parts.receivers.note_credit(incoming).await.unwrap(), 40);
        assert_eq!(state(&node, incoming).await, ("PROCESSING", 40));
    }

    async fn a_payment_that_is_not_approved_in_time_is_cancelled_and_takes_no_money(database) {
        let (node, _) = institution(database).await;
        let mut parts = node.parts.clone();
        let approval = IncomingApproval { timeout: Duration::ZERO, interval: Duration::ZERO };
        parts.settings.incoming_approval = Some(approval);
        let payments = Payments::new(parts);
        let new = NewIncomingPayment {
            wallet_address_id: node.address.id,
            incoming_amount: None,
            expires_at: None,
            metadata: None,
            client: None,
            initiated_by: payments_model::InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        let refused = payments.create_incoming_payment(OPERATOR.tenant, new).await;
        assert!(matches!(refused, Err(CreateIncomingPaymentError::ActionNotPerformed)));
        let id = node.store.every_tenant().open_incoming_payments().await.unwrap().remove(0);
        let approved = payments.approve_incoming_payment(OPERATOR.tenant, id).await;
        assert!(matches!(approved, Err(ChangeIncomingPaymentError::AlreadyActioned)));
        let found = node.payments.incoming_payment(None, id).await.unwrap().unwrap().payment;
        assert!(expectations::open(&*node.ledger, &found).await.unwrap().is_closed());
    }

    async fn deactivation_lets_payments_arrive_for_the_grace_period_only(database) {
        let clock = testkit::manual_clock();
        let node = Node::stored(database, "cloudnine", clock.clone()).await;
        node.stand_alone();
        let incoming = node.incoming(None).await;
        let streamer = Streamer::to(&node, incoming).await;
        let change = WalletAddressChange { status: Some(WalletAddressStatus::Inactive), ..Default::default() };
        node.administration.update_wallet_address(OPERATOR, node.address.id, change).await.unwrap();
        let found = node.payments.incoming_payment(None, incoming).await.unwrap().unwrap().payment;
        assert_eq!(found.expires_at, clock.now() + Duration::from_hours(24));
        assert_eq!(streamer.pay(&node, &node.parts.connector, 40).await, None);
        let expire = async || node.worker("incoming payments", node.payments.expiry_handler()).run_due().await.unwrap();
        assert_eq!(expire().await, 0);
        clock.advance(Duration::from_hours(24));
        assert_eq!(streamer.pay(&node, &node.parts.connector, 1).await, Some(ErrorCode::F02Unreachable));
        assert_eq!(expire().await, 1);
        assert_eq!(state(&node, incoming).await, ("EXPIRED", 40));
        assert_eq!(announced(&node, incoming).await, [40]);
    }

    async fn money_streamed_to_a_wallet_address_is_announced_whichever_process_took_it(database) {
        let clock = testkit::manual_clock();
        let node = Node::stored(database, "cloudnine", clock.clone()).await;
        node.stand_alone();
        let other = node.another_process().await;
        let connectors = [&node.parts.connector, &other.parts.connector];
        let credentials = node.payments.spsp_credentials(&node.address, None).await.unwrap().unwrap();
        let incoming = node.incoming(None).await;
        let method = IlpMethod {
            ilp_address: credentials.address.to_string(),
            shared_secret: credentials.shared_secret.as_bytes().to_vec(),
        };
        let streamer = Streamer { method, ..Streamer::to(&node, incoming).await };
        let announce =
            async || node.worker("web monetization", node.payments.web_monetization_handler()).run_due().await.unwrap();
        let mut announced = 0;
        for round in 0..10 {
            // From the third round on only the second process is paid.
            let connector = connectors[if round < 3 { round % 2 } else { 1 }];
            assert_eq!(streamer.pay(&node, connector, 5).await, None);
            clock.advance(Duration::from_mins(1));
            assert_eq!(announce().await, 1, "round {round}");
            let subject = Subject::WalletAddress(node.address.id);
            let event = node.event(subject, EventType::WalletAddressWebMonetization).await.unwrap();
            announced += event.withdrawal.unwrap().amount;
            assert_eq!(announced, 5 * (round as u64 + 1));
            let event = WebhookEventId::from_uuid(event.id.as_uuid());
            node.administration.withdraw_what_was_announced(OPERATOR, event).await.unwrap();
        }
        assert_eq!(node.administration.balance(node.address.id.into()).await.unwrap(), Some(0));
    }

    async fn what_a_process_credited_to_a_wallet_address_before_it_died_is_announced(database) {
        let clock = testkit::manual_clock();
        let node = Node::stored(database, "cloudnine", clock.clone()).await;
        node.credit(IncomingPaymentId::from_uuid(node.address.id.as_uuid()), 33).await;
        assert_eq!(node.parts.receivers.reconcile().await.unwrap(), 1);
        clock.advance(Duration::from_mins(1));
        let worker = node.worker("web monetization", node.payments.web_monetization_handler());
        assert_eq!(worker.run_due().await.unwrap(), 1);
        let subject = Subject::WalletAddress(node.address.id);
        let event = node.event(subject, EventType::WalletAddressWebMonetization).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 33);
        assert_eq!(node.parts.receivers.reconcile().await.unwrap(), 0, "once is enough");
    }

    async fn a_fulfill_does_not_wait_for_a_database_that_is_away_and_the_credit_is_noted_when_it_is_back(database) {
        let (node, other) = institution(database).await;
        let incoming = node.incoming(Some(100)).await;
        let streamer = Streamer::to(&node, incoming).await;
        // A transaction holds the lock, so no other can write the payment now.
        let busy = node.store.begin().await.unwrap();
        busy.every_tenant().locked_incoming_payment(incoming).await.unwrap();
        let life = Duration::from_millis(500);
        let paid = streamer.pay_within(&node, &other.parts.connector, 100, life);
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), paid).await, Ok(None));
        assert_eq!(state(&node, incoming).await, ("PENDING", 100));
        drop(busy);
        let noted = async || {
            (state(&node, incoming).await.0 == "COMPLETED").then_some(())
        };
        testkit::until(Duration::from_secs(30), noted).await.expect("noted when the database is back");
        exactly_was_paid(&node, incoming, 100).await;
    }

    async fn what_waited_for_a_payment_ends_with_it(database) {
        let (node, _) = institution(database).await;
        let waits = async |queue, key: String| jobs::waiting_until(node.store.database(), queue, key).await.unwrap();
        let incoming = node.incoming(Some(1000)).await;
        let payer = payers(&node, incoming, 1).await.remove(0);
        assert!(waits("incoming payments", incoming.to_string()).await.is_some());
        assert!(waits("unfunded outgoing payments", payer.to_string()).await.is_none());
        send_in_both(&node, &node.another_process().await, 1).await;
        exactly_was_paid(&node, incoming, 1000).await;
        assert!(waits("incoming payments", incoming.to_string()).await.is_none());
        let completed = node.incoming(None).await;
        node.payments.complete_incoming_payment(OPERATOR.tenant, completed).await.unwrap();
        assert!(waits("incoming payments", completed.to_string()).await.is_none());
    }

    async fn no_job_waits_for_a_payment_that_is_funded_or_cancelled(database) {
        let (node, _) = institution(database).await;
        let unfunded = async |id: OutgoingPaymentId| {
            let queue = "unfunded outgoing payments";
            jobs::waiting_until(node.store.database(), queue, id).await.unwrap()
        };
        let receiver = local_receiver(&node, node.incoming(Some(1000)).await).await;
        let [funded, cancelled] = [
            node.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await,
            node.outgoing(&receiver, QuoteRequest::ReceiverRemainder).await,
        ];
        assert!(unfunded(funded).await.is_some() && unfunded(cancelled).await.is_some());
        node.fund(funded).await;
        assert_eq!(unfunded(funded).await, None);
        node.payments.cancel_outgoing_payment(OPERATOR.tenant, cancelled, None, None).await.unwrap();
        assert_eq!(unfunded(cancelled).await, None);
    }
}

#[tokio::test]
async fn an_event_states_the_money_its_own_withdrawal_takes() {
    let clock = testkit::manual_clock();
    let node = Node::at(TestDatabase::sqlite().await, "cloudnine", "USD", clock.clone()).await;
    let id = node.incoming(None).await;
    node.credit(id, 40).await;
    node.payments.complete_incoming_payment(OPERATOR.tenant, id).await.unwrap();
    clock.advance(Duration::from_secs(1));
    // A credit that an older version accepted after the end.
    node.credit(id, 30).await;
    node.parts.receivers.note_credit(id).await.unwrap();
    let event = node.event(Subject::IncomingPayment(id), EventType::IncomingPaymentCompleted).await.unwrap();
    assert_eq!(event.withdrawal.unwrap().amount, 30);
    assert_eq!(event.data["receivedAmount"]["value"], "30");
    withdraw(&node, id).await.unwrap();
    assert!(is_transfer_error(&withdraw(&node, id).await, TransferError::TransferExists));
    assert_eq!(node.administration.balance(id.into()).await.unwrap(), Some(0));
}
