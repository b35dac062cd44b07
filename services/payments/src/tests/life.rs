//! What may happen to payments besides sending: expiry, completion, decisions, funding, cancellation, limits.
//! Successful payments are in `flow`.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock};
use futures::future::join_all;
use ledger::TransferId;
use payments_model::fee::FeeKind;
use payments_model::grant_limits::{GrantLimits, GrantRefused, Spent};
use payments_model::quote::{LARGEST_AMOUNT, QuoteRequest};
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{IncomingPaymentId, InitiatedBy, Origin, OutgoingPaymentId, QuoteId, TenantId};
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

use crate::beside::Beside;
use crate::incoming::create_incoming_payment::CreateIncomingPaymentError;
use crate::incoming::create_incoming_payment::NewIncomingPayment;
use crate::incoming::decide_incoming_payment::ChangeIncomingPaymentError;
use crate::incoming::end_incoming_payment::CompleteIncomingPaymentError;
use crate::outgoing::create_outgoing_payment::CreateOutgoingPaymentError;
use crate::outgoing::create_outgoing_payment::NewOutgoingPayment;
use crate::outgoing::create_outgoing_payment::PaymentOf;
use crate::outgoing::fund_outgoing_payment::FundOutgoingPaymentError;
use crate::outgoing::grant_spending::PaymentGrant;
use crate::quotes::create_quote::CreateQuoteError;
use crate::quotes::create_quote::NewQuote;
use crate::service::Payments;
use crate::settings::IncomingApproval;
use crate::tests::testing::{Node, OPERATOR, usd};

const TENANT: TenantId = OPERATOR.tenant;

async fn node(database: TestDatabase) -> (Node, Arc<ManualClock>) {
    let clock = testkit::manual_clock();
    (Node::at(database, "cloudnine", "USD", clock.clone()).await, clock)
}

fn new_incoming(node: &Node) -> NewIncomingPayment {
    NewIncomingPayment {
        wallet_address_id: node.address.id,
        incoming_amount: Some(usd(1000)),
        expires_at: Some(node.clock.now() + Duration::from_mins(10)),
        metadata: None,
        client: Some("https://shop.example/pay".into()),
        initiated_by: InitiatedBy::OpenPayments,
        sender_wallet_address: None,
    }
}

async fn expire_due(node: &Node) -> usize {
    node.worker("incoming payments", node.payments.expiry_handler()).run_due().await.unwrap()
}

async fn give_up_due(node: &Node) -> usize {
    node.worker("unfunded outgoing payments", node.payments.unfunded_handler()).run_due().await.unwrap()
}

/// A payment of 1000 to an own incoming payment, waiting for its deposit.
async fn unfunded(node: &Node) -> OutgoingPaymentId {
    let incoming = node.incoming(Some(1000)).await;
    node.outgoing(&own_receiver(node, incoming).await, QuoteRequest::ReceiverRemainder).await
}

async fn own_receiver(node: &Node, id: IncomingPaymentId) -> payments_model::Receiver {
    let found = node.payments.incoming_payment(None, id).await.unwrap().unwrap();
    node.payments.local_receiver(&found.payment).await.unwrap()
}

/// Makes the deposit of 1000 in the ledger alone, like a process that ends right afterwards.
async fn deposit_unnoted(node: &Node, id: OutgoingPaymentId) -> ledger::CreateTransferResult {
    let event = node.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentCreated).await.unwrap();
    let asset = node.outgoing_payment(id).await.payment.quote.asset.in_ledger();
    let account = asset.account(id.into(), payments_model::accounting::AccountKind::Outgoing);
    node.ledger.create_accounts(vec![account]).await.unwrap();
    let deposit = asset.deposit(TransferId::from(event.id.as_uuid()), id.into(), 1000);
    node.ledger.submit(vec![deposit]).await.unwrap()[0]
}

async fn quote(node: &Node, amount: u64) -> QuoteId {
    let incoming = node.incoming(None).await;
    quote_to(node, own_receiver(node, incoming).await.url, amount).await
}

async fn quote_to(node: &Node, receiver: String, amount: u64) -> QuoteId {
    let new = NewQuote {
        wallet_address_id: node.address.id,
        receiver,
        request: QuoteRequest::DebitAmount(usd(amount)),
        client: None,
    };
    node.payments.create_quote(TENANT, new).await.unwrap().id
}

async fn pay_under(
    payments: &Payments,
    node: &Node,
    quote: QuoteId,
    limits: &GrantLimits,
) -> Result<(OutgoingPaymentId, Spent), CreateOutgoingPaymentError> {
    let new = NewOutgoingPayment {
        wallet_address_id: node.address.id,
        source: PaymentOf::Quote(quote),
        client: None,
        grant: Some(PaymentGrant { id: "grant-1".into(), limits: Some(limits.clone()) }),
        metadata: None,
        card: None,
    };
    let created = payments.create_outgoing_payment(TENANT, new).await?;
    Ok((created.payment.id(), created.spent_before))
}

on_each_database! {
    async fn a_repetition_gets_the_incoming_payment_of_its_request_also_when_a_new_one_would_be_refused(database) {
        let (node, clock) = node(database).await;
        let expires_at = Some(clock.now() + Duration::from_mins(1));
        let ask = async |origin| {
            let new = NewIncomingPayment { expires_at, ..new_incoming(&node) };
            let made = node.payments.create_incoming_payment_once(TENANT, new, origin, Beside::nothing());
            made.await.map(|made| made.id)
        };
        let repeatable = Origin::Repeatable { request: Uuid::from_u128(7), known_since: clock.now() };
        let made = ask(repeatable).await.unwrap();
        assert_eq!(ask(repeatable).await.unwrap(), made);
        clock.advance(Duration::from_mins(2));
        assert_eq!(ask(repeatable).await.unwrap(), made);
        assert!(matches!(ask(Origin::Alone).await, Err(CreateIncomingPaymentError::InvalidExpiry)));
        assert_eq!(node.institution.count("incoming_payments", "1 = 1").await, 1);
    }

    async fn what_cannot_be_expected_is_refused(database) {
        use CreateIncomingPaymentError as Refused;
        let (node, clock) = node(database).await;
        let create = |new| node.payments.create_incoming_payment(TENANT, new);
        let late = NewIncomingPayment { expires_at: Some(clock.now()), ..new_incoming(&node) };
        assert!(matches!(create(late).await, Err(Refused::InvalidExpiry)));
        let far = Some(clock.now() + Duration::from_hours(24 * 31));
        let far = NewIncomingPayment { expires_at: far, ..new_incoming(&node) };
        assert!(matches!(create(far).await, Err(Refused::InvalidExpiry)));
        for amount in [usd(0), usd(LARGEST_AMOUNT + 1), money::AssetAmount { value: 1, asset: money::Asset::new("EUR", 2).unwrap() }] {
            let wrong = NewIncomingPayment { incoming_amount: Some(amount), ..new_incoming(&node) };
            assert!(matches!(create(wrong).await, Err(Refused::InvalidAmount)));
        }
        let stranger = TenantId::from_uuid(Uuid::from_u128(99));
        let foreign = node.payments.create_incoming_payment(stranger, new_incoming(&node)).await;
        assert!(matches!(foreign, Err(Refused::UnknownWalletAddress)));
    }

    async fn an_unpaid_payment_expires_in_silence_and_a_paid_one_is_announced(database) {
        let (node, clock) = node(database).await;
        let unpaid = node.payments.create_incoming_payment(TENANT, new_incoming(&node)).await.unwrap().id;
        let partly = node.payments.create_incoming_payment(TENANT, new_incoming(&node)).await.unwrap().id;
        node.credit(partly, 400).await;
        node.parts.receivers.note_credit(partly).await.unwrap();
        assert_eq!(expire_due(&node).await, 0);
        clock.advance(Duration::from_mins(10));
        assert_eq!(expire_due(&node).await, 2);
        assert_eq!(expire_due(&node).await, 0);
        assert!(node.payments.incoming_payment(None, unpaid).await.unwrap().is_none());
        assert!(node.event(Subject::IncomingPayment(unpaid), EventType::IncomingPaymentExpired).await.is_none());
        let expired = node.payments.incoming_payment(None, partly).await.unwrap().unwrap();
        assert_eq!(expired.payment.state.as_str(), "EXPIRED");
        let event = node.event(Subject::IncomingPayment(partly), EventType::IncomingPaymentExpired).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 400);
        assert_eq!(event.data["completed"], false);
    }

    async fn what_an_older_version_let_in_after_the_end_is_announced_by_itself(database) {
        let (node, clock) = node(database).await;
        let id = node.payments.create_incoming_payment(TENANT, new_incoming(&node)).await.unwrap().id;
        clock.advance(Duration::from_mins(10));
        expire_due(&node).await;
        node.credit(id, 30).await;
        node.parts.receivers.note_credit(id).await.unwrap();
        node.parts.receivers.note_credit(id).await.unwrap();
        let event = node.event(Subject::IncomingPayment(id), EventType::IncomingPaymentExpired).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 30);
        let found = node.payments.incoming_payment(None, id).await.unwrap().unwrap();
        assert_eq!(found.payment.announced_amount, 30);
    }

    async fn a_payment_is_completed_once_and_only_by_its_tenant(database) {
        use CompleteIncomingPaymentError as Refused;
        let (node, _) = node(database).await;
        let id = node.incoming(None).await;
        node.credit(id, 40).await;
        let stranger = TenantId::from_uuid(Uuid::from_u128(99));
        let foreign = node.payments.complete_incoming_payment(stranger, id).await;
        assert!(matches!(foreign, Err(Refused::UnknownPayment)));
        assert!(node.payments.complete_incoming_payment(TENANT, id).await.unwrap().is_completed());
        let event = node.event(Subject::IncomingPayment(id), EventType::IncomingPaymentCompleted).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 40);
        let again = node.payments.complete_incoming_payment(TENANT, id).await;
        assert!(matches!(again, Err(Refused::WrongState)));
        let unpaid = node.incoming(None).await;
        node.payments.complete_incoming_payment(TENANT, unpaid).await.unwrap();
        let silent = node.event(Subject::IncomingPayment(unpaid), EventType::IncomingPaymentCompleted).await;
        assert!(silent.is_none());
    }

    async fn a_decision_is_awaited_and_one_cancelled_payment_does_not_reject_others(database) {
        let (mut node, _) = node(database).await;
        let approval = IncomingApproval { timeout: Duration::from_secs(20), interval: Duration::from_millis(20) };
        node.parts.settings.incoming_approval = Some(approval);
        let payments = Payments::new(node.parts.clone());
        for approve in [false, true] {
            let waiting = payments.create_incoming_payment(TENANT, new_incoming(&node));
            let decide = async {
                let id = loop {
                    let open = node.store.every_tenant().open_incoming_payments().await.unwrap();
                    let mut undecided = Vec::new();
                    for id in open {
                        let found = node.payments.incoming_payment(None, id).await.unwrap().unwrap();
                        if found.payment.decision.is_none() {
                            undecided.push(id);
                        }
                    }
                    if let Some(id) = undecided.pop() {
                        break id;
                    }
                    tokio::task::yield_now().await;
                };
                if approve {
                    payments.approve_incoming_payment(TENANT, id).await.unwrap();
                    let reversed = payments.cancel_incoming_payment(TENANT, id, None).await;
                    assert!(matches!(reversed, Err(ChangeIncomingPaymentError::AlreadyActioned)));
                } else {
                    payments.cancel_incoming_payment(TENANT, id, Some("no".into())).await.unwrap();
                }
            };
            let (created, ()) = tokio::join!(waiting, decide);
            assert_eq!(created.is_ok(), approve, "{created:?}");
        }
    }

    async fn a_deposit_is_made_once_however_often_it_is_asked_for(database) {
        let (node, _) = node(database).await;
        let id = unfunded(&node).await;
        let fund = |amount| node.payments.fund_outgoing_payment(TENANT, id, amount, None);
        assert!(matches!(fund(999).await, Err(FundOutgoingPaymentError::InvalidAmount)));
        // The deposit was made, and the process ended before the note.
        assert!(deposit_unnoted(&node, id).await.is_ok());
        assert_eq!(fund(1000).await.unwrap().state.as_str(), "SENDING");
        assert!(matches!(fund(1000).await, Err(FundOutgoingPaymentError::WrongState)));
        assert_eq!(node.payments.account(id).await.unwrap().unwrap().credits_posted, 1000);
    }

    async fn a_cancelled_payment_keeps_its_reason_and_takes_no_deposit_however_late(database) {
        let (node, _) = node(database).await;
        let id = unfunded(&node).await;
        let cancelled = node.payments.cancel_outgoing_payment(TENANT, id, Some("late".into()), None).await.unwrap();
        assert_eq!(cancelled.metadata.unwrap()["cancellationReason"], "late");
        let again = node.payments.cancel_outgoing_payment(TENANT, id, None, None).await;
        assert!(matches!(again, Err(FundOutgoingPaymentError::WrongState)));
        let funded = node.payments.fund_outgoing_payment(TENANT, id, 1000, None).await;
        assert!(matches!(funded, Err(FundOutgoingPaymentError::WrongState)));
        // A deposit that was under way when the payment was cancelled.
        assert!(!deposit_unnoted(&node, id).await.is_ok());
        assert_eq!(node.payments.account(id).await.unwrap().unwrap().credits_posted, 0);
    }

    async fn a_payment_whose_deposit_was_made_is_not_cancelled(database) {
        let (node, _) = node(database).await;
        let id = unfunded(&node).await;
        assert!(deposit_unnoted(&node, id).await.is_ok());
        let cancelled = node.payments.cancel_outgoing_payment(TENANT, id, None, None).await;
        assert!(matches!(cancelled, Err(FundOutgoingPaymentError::WrongState)));
        node.fund(id).await;
        node.send_due().await;
        assert_eq!(node.outgoing_payment(id).await.payment.state.as_str(), "COMPLETED");
    }

    async fn an_unfunded_payment_fails_with_its_quote_and_its_entity_gets_an_event(database) {
        let (node, clock) = node(database).await;
        let id = unfunded(&node).await;
        assert_eq!(give_up_due(&node).await, 0);
        clock.advance(Duration::from_mins(5));
        assert_eq!(give_up_due(&node).await, 1);
        let failed = node.outgoing_payment(id).await.payment;
        assert_eq!((failed.state.as_str(), failed.error()), ("FAILED", Some("QuoteExpired")));
        let event = node.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentFailed).await.unwrap();
        assert_eq!(event.data["error"], "QuoteExpired");
        assert_eq!(event.data["balance"], "0");
        assert_eq!(event.withdrawal, None);
        let late = node.payments.fund_outgoing_payment(TENANT, id, 1000, None).await;
        assert!(matches!(late, Err(FundOutgoingPaymentError::WrongState)));
        assert!(!deposit_unnoted(&node, id).await.is_ok(), "nor does one that was on its way take money");
        assert_eq!(node.payments.account(id).await.unwrap().unwrap().credits_posted, 0);
        clock.advance(Duration::from_hours(1));
        assert_eq!((give_up_due(&node).await, node.send_due().await), (0, 0), "no job is left");
    }

    async fn a_deposit_that_came_before_the_quote_expired_and_was_not_noted_is_given_back_with_the_failure(database) {
        let (node, clock) = node(database).await;
        let id = unfunded(&node).await;
        assert!(deposit_unnoted(&node, id).await.is_ok());
        clock.advance(Duration::from_mins(5));
        assert_eq!(give_up_due(&node).await, 1);
        node.send_due().await;
        let failed = node.outgoing_payment(id).await;
        assert_eq!((failed.payment.error(), failed.balance), (Some("QuoteExpired"), 1000));
        let event = node.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentFailed).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 1000);
    }

    async fn a_payment_to_a_receiver_closed_with_nothing_received_fails_and_its_money_is_whole(database) {
        let (node, _) = node(database).await;
        let incoming = node.incoming(Some(1000)).await;
        let id = node.outgoing(&own_receiver(&node, incoming).await, QuoteRequest::ReceiverRemainder).await;
        node.fund(id).await;
        node.payments.complete_incoming_payment(TENANT, incoming).await.unwrap();
        node.send_due().await;
        let failed = node.outgoing_payment(id).await;
        assert_eq!((failed.payment.error(), failed.sent), (Some("ReceiverClosed"), 0));
        let event = node.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentFailed).await.unwrap();
        assert_eq!(event.withdrawal.unwrap().amount, 1000);
        assert!(node.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentCompleted).await.is_none());
    }

    async fn a_quote_makes_one_payment_of_its_own_wallet_address(database) {
        let (node, clock) = node(database).await;
        let id = unfunded(&node).await;
        let create = |source| {
            let new = NewOutgoingPayment {
                wallet_address_id: node.address.id,
                source,
                client: None,
                grant: None,
                metadata: None,
                card: None,
            };
            node.payments.create_outgoing_payment(TENANT, new)
        };
        let again = create(PaymentOf::Quote(id.into())).await;
        assert!(matches!(again, Err(CreateOutgoingPaymentError::InvalidQuote)));
        node.fund(id).await;
        deposit_unnoted(&node, id).await;
        let funds = node.payments.account(id).await.unwrap().unwrap().credits_posted;
        assert_eq!(funds, 1000, "the refused one leaves the deposit's id what it was");
        let unknown = create(PaymentOf::Quote(Uuid::from_u128(5).into())).await;
        assert!(matches!(unknown, Err(CreateOutgoingPaymentError::UnknownQuote)));
        let expired = quote(&node, 10).await;
        clock.advance(Duration::from_mins(5));
        let expired = create(PaymentOf::Quote(expired)).await;
        assert!(matches!(expired, Err(CreateOutgoingPaymentError::InvalidQuote)));
    }

    async fn what_cannot_be_quoted_is_refused_with_its_reason(database) {
        use CreateQuoteError as Refused;
        let (node, _) = node(database).await;
        let incoming = node.incoming(Some(100)).await;
        let url = own_receiver(&node, incoming).await.url;
        let ask = |receiver: &str, request| {
            let new = NewQuote { wallet_address_id: node.address.id, receiver: receiver.to_owned(), request, client: None };
            node.payments.create_quote(TENANT, new)
        };
        let too_much = ask(&url, QuoteRequest::DebitAmount(usd(101))).await;
        assert!(matches!(too_much, Err(Refused::InvalidAmount)));
        let nothing = ask(&url, QuoteRequest::DebitAmount(usd(0))).await;
        assert!(matches!(nothing, Err(Refused::InvalidAmount)));
        let elsewhere = url.replace("cloudnine.example", "localhost:1");
        let elsewhere = ask(&elsewhere, QuoteRequest::ReceiverRemainder).await;
        assert!(matches!(elsewhere, Err(Refused::InvalidReceiver)));
        let no_url = ask("not a url", QuoteRequest::ReceiverRemainder).await;
        assert!(matches!(no_url, Err(Refused::InvalidReceiver)));
        node.payments.complete_incoming_payment(TENANT, incoming).await.unwrap();
        let ended = ask(&url, QuoteRequest::ReceiverRemainder).await;
        assert!(matches!(ended, Err(Refused::InvalidReceiver)));
        node.administration
            .set_fee(OPERATOR, node.asset.id, FeeKind::Sending, 50, 0)
            .await
            .unwrap();
        let open = own_receiver(&node, node.incoming(None).await).await.url;
        match ask(&open, QuoteRequest::DebitAmount(usd(50))).await {
            Err(Refused::NonPositiveReceiveAmount { min_send_amount }) => assert_eq!(min_send_amount, Some(usd(51))),
            other => panic!("{other:?}"),
        }
    }

    async fn a_grant_is_spent_to_its_limit_and_what_fails_is_given_back(database) {
        let (node, clock) = node(database).await;
        let limits = GrantLimits {
            debit_amount: Some(usd(250)),
            interval: Some(format!("R/{}/P1D", clock.now())),
            ..GrantLimits::default()
        };
        let payments = &node.payments;
        let (first, before) = pay_under(payments, &node, quote(&node, 100).await, &limits).await.unwrap();
        assert_eq!(before, Spent::default());
        let (second, before) = pay_under(payments, &node, quote(&node, 100).await, &limits).await.unwrap();
        assert_eq!(before, Spent { debit: 100, receive: 100 });
        let third = pay_under(payments, &node, quote(&node, 100).await, &limits).await;
        assert!(matches!(third, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant))));
        node.payments.cancel_outgoing_payment(TENANT, second, None, None).await.unwrap();
        pay_under(payments, &node, quote(&node, 150).await, &limits).await.unwrap();
        let spent = payments.grant_spent("grant-1", limits.interval.as_deref()).await.unwrap().unwrap();
        assert_eq!(spent.spent(), Spent { debit: 250, receive: 250 });
        // A correction of an old payment in a new period frees nothing in either period.
        clock.advance(Duration::from_hours(24));
        pay_under(payments, &node, quote(&node, 200).await, &limits).await.unwrap();
        node.payments.cancel_outgoing_payment(TENANT, first, None, None).await.unwrap();
        let over = pay_under(payments, &node, quote(&node, 51).await, &limits).await;
        assert!(matches!(over, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant))));
        let life = payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!(life.spent(), Spent { debit: 350, receive: 350 });
        assert_eq!(payments.grant_spent("unknown", None).await.unwrap(), None);
    }

    async fn a_grant_of_months_from_the_31st_has_its_windows_and_nothing_before_or_after(database) {
        let (node, clock) = node(database).await;
        let limits = GrantLimits {
            debit_amount: Some(usd(100)),
            interval: Some("R2/2028-01-31T00:00:00Z/P1M".to_owned()),
            ..GrantLimits::default()
        };
        let pay = async || pay_under(&node.payments, &node, quote(&node, 60).await, &limits).await;
        let is_refused =
            |paid| matches!(paid, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant)));
        clock.set("2028-01-30T23:59:59.999Z".parse().unwrap());
        assert!(is_refused(pay().await), "before the first window");
        // Each window begins a month after the beginning of the one before.
        for (begin, last) in [
            ("2028-01-31T00:00:00Z", "2028-02-28T23:59:59.999Z"),
            ("2028-02-29T00:00:00Z", "2028-03-28T23:59:59.999Z"),
            ("2028-03-29T00:00:00Z", "2028-04-28T23:59:59.999Z"),
        ] {
            clock.set(begin.parse().unwrap());
            pay().await.unwrap();
            clock.set(last.parse().unwrap());
            assert!(is_refused(pay().await), "60 of 100 were spent since {begin}");
        }
        clock.set("2028-04-29T00:00:00Z".parse().unwrap());
        assert!(is_refused(pay().await), "after the last window");
    }

    async fn a_completed_payment_keeps_of_its_grant_what_it_reserved(database) {
        let (node, _) = node(database).await;
        node.administration.set_fee(OPERATOR, node.asset.id, FeeKind::Sending, 1, 0).await.unwrap();
        let limits = GrantLimits { debit_amount: Some(usd(100)), ..GrantLimits::default() };
        let receiver = own_receiver(&node, node.incoming(None).await).await.url;
        let pay = async |amount| {
            pay_under(&node.payments, &node, quote_to(&node, receiver.clone(), amount).await, &limits).await
        };
        for (before, after) in [
            (Spent::default(), Spent { debit: 50, receive: 49 }),
            (Spent { debit: 50, receive: 49 }, Spent { debit: 100, receive: 98 }),
        ] {
            let over = pay(101 - before.debit).await;
            assert!(matches!(over, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant))));
            let (id, known) = pay(50).await.unwrap();
            assert_eq!(known, before);
            node.fund(id).await;
            node.send_due().await;
            let sent = node.outgoing_payment(id).await;
            assert_eq!((sent.payment.state.as_str(), sent.sent), ("COMPLETED", 49));
            let spent = node.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
            assert_eq!(spent.spent(), after);
        }
        let third = pay(50).await;
        assert!(matches!(third, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant))));
    }

    async fn of_fifty_payments_at_once_under_one_grant_ten_fit_its_limit(database) {
        let (node, _) = node(database).await;
        let limits = GrantLimits { debit_amount: Some(usd(100)), ..GrantLimits::default() };
        let receiver = own_receiver(&node, node.incoming(None).await).await.url;
        let quotes = join_all((0..50).map(|_| quote_to(&node, receiver.clone(), 10))).await;
        let pay = |quoted| pay_under(&node.payments, &node, quoted, &limits);
        let made = join_all(quotes.into_iter().map(pay)).await;
        let refused = |made: &&Result<_, _>| {
            matches!(made, Err(CreateOutgoingPaymentError::Grant(GrantRefused::InsufficientGrant)))
        };
        assert_eq!((made.iter().filter(|made| made.is_ok()).count(), made.iter().filter(refused).count()), (10, 40));
        let spent = node.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!(spent.spent(), Spent { debit: 100, receive: 100 });
    }

    async fn a_grant_of_three_months_from_the_31st_is_spent_anew_in_each_and_not_before_or_after(database) {
        let (node, clock) = node(database).await;
        let limits = GrantLimits {
            debit_amount: Some(usd(100)),
            interval: Some("R2/2028-01-31T00:00:00Z/P1M".to_owned()),
            ..GrantLimits::default()
        };
        for (at, fits) in [
            ("2028-01-30T23:59:59.999Z", 0),
            ("2028-01-31T00:00:00.000Z", 100),
            ("2028-02-28T23:59:59.999Z", 0),
            ("2028-02-29T00:00:00.000Z", 100),
            ("2028-03-28T23:59:59.999Z", 0),
            ("2028-03-29T00:00:00.000Z", 100),
            ("2028-04-28T23:59:59.999Z", 0),
            ("2028-04-29T00:00:00.000Z", 0),
        ] {
            clock.set(at.parse().unwrap());
            if fits > 0 {
                pay_under(&node.payments, &node, quote(&node, fits).await, &limits).await.expect(at);
            }
            let over = pay_under(&node.payments, &node, quote(&node, 1).await, &limits).await;
            assert!(matches!(over, Err(CreateOutgoingPaymentError::Grant(_))), "{at}: {over:?}");
        }
    }

    async fn a_failed_payment_gives_its_grant_back_what_was_not_sent(database) {
        let (node, _) = node(database).await;
        let limits = GrantLimits { debit_amount: Some(usd(100)), ..GrantLimits::default() };
        let quoted = quote(&node, 100).await;
        let (id, _) = pay_under(&node.payments, &node, quoted, &limits).await.unwrap();
        node.fund(id).await;
        let receiver = node.outgoing_payment(id).await.payment.quote.receiver;
        let closed: IncomingPaymentId = receiver.rsplit('/').next().unwrap().parse().unwrap();
        node.payments.complete_incoming_payment(TENANT, closed).await.unwrap();
        node.send_due().await;
        assert_eq!(node.outgoing_payment(id).await.payment.state.as_str(), "FAILED");
        let spent = node.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!(spent.spent(), Spent::default());
        pay_under(&node.payments, &node, quote(&node, 100).await, &limits).await.unwrap();
    }

    async fn amounts_of_different_assets_spent_under_one_grant_are_not_added(database) {
        let (node, clock) = node(database).await;
        let euro = node.institution.asset("EUR").await;
        let bob = node.institution.wallet_address(&euro, "/bob").await;
        let to_bob = NewIncomingPayment { wallet_address_id: bob.id, incoming_amount: None, ..new_incoming(&node) };
        let to_bob = node.payments.create_incoming_payment(TENANT, to_bob).await.unwrap();
        let to_bob = own_receiver(&node, to_bob.id).await.url;
        let limits = GrantLimits { debit_amount: Some(usd(1000)), ..GrantLimits::default() };

        pay_under(&node.payments, &node, quote(&node, 390).await, &limits).await.unwrap();
        clock.advance(Duration::from_millis(1));
        let (_, before) = pay_under(&node.payments, &node, quote_to(&node, to_bob, 100).await, &limits).await.unwrap();
        assert_eq!(before, Spent { debit: 390, receive: 0 }, "no euro was received before");
        let spent = node.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!(spent.debit, usd(490));
        assert_eq!(spent.receive, money::AssetAmount { value: 90, asset: euro.asset });

        clock.advance(Duration::from_millis(1));
        let (third, before) = pay_under(&node.payments, &node, quote(&node, 10).await, &limits).await.unwrap();
        assert_eq!(before, Spent { debit: 490, receive: 390 });
        node.payments.cancel_outgoing_payment(TENANT, third, None, None).await.unwrap();
        let spent = node.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!((spent.debit, spent.receive), (usd(490), usd(390)), "in the assets of the newest payment");
    }

    async fn money_paid_straight_to_a_wallet_address_is_announced_after_a_while(database) {
        let (node, clock) = node(database).await;
        let address = node.address.id;
        let credit = connector::Credit {
            tenant: TENANT,
            account: connector::LocalAccountId::WalletAddress(address),
            amount: 33,
            until: clock.now() + Duration::from_hours(1),
        };
        let announce = async || {
            node.worker("web monetization", node.payments.web_monetization_handler()).run_due().await.unwrap()
        };
        assert!(node.payments.spsp_credentials(&node.address, None).await.unwrap().is_some());
        let tag = address.to_string();
        let found = connector::LocalAccounts::resolve(&node.parts.receivers, TENANT, &tag).await.unwrap();
        assert!(found.is_some());
        for expected in [33, 5] {
            node.credit(IncomingPaymentId::from_uuid(address.as_uuid()), expected).await;
            connector::LocalAccounts::credited(&node.parts.receivers, credit).await;
            connector::LocalAccounts::credited(&node.parts.receivers, credit).await;
            assert_eq!(announce().await, 0);
            clock.advance(Duration::from_mins(1));
            assert_eq!(announce().await, 1);
            let event = node.event(Subject::WalletAddress(address), EventType::WalletAddressWebMonetization).await.unwrap();
            assert_eq!(event.withdrawal.unwrap().amount, expected);
            assert_eq!(event.data["walletAddress"]["receivedAmount"]["value"], expected.to_string());
        }
        clock.advance(Duration::from_hours(1));
        assert_eq!(announce().await, 0);
    }
    async fn what_the_settings_leave_to_other_processes_has_no_worker_here(database) {
        let (node, _) = node(database).await;
        let workers = |at_once| {
            let mut parts = node.parts.clone();
            parts.settings.at_once = at_once;
            Payments::new(parts).workers().len()
        };
        assert_eq!(workers(crate::settings::AtOnce::of_workers(1, 1, 1)), 4);
        assert_eq!(workers(crate::settings::AtOnce::of_workers(0, 2, 1)), 2);
        assert_eq!(workers(crate::settings::AtOnce::of_workers(0, 0, 0)), 0);
    }
}
