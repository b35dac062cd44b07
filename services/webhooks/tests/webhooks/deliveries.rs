//! How a single event is told, tried again and given up.
//! Several events about one payment are in `order`.

use std::sync::Mutex;
use std::time::Duration;

use outbound_http::OutboundConfig;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::webhook_delivery::DeliveryState;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::webhook_ladder::AttemptsMax;
use payments_model::{IncomingPaymentId, TenantId, WebhookEventId};
use payments_store::DeliveryFilter;
use serde_json::json;
use testkit::on_each_database;
use uuid::Uuid;
use webhooks::{Audience, Reach};

use super::scene::{EVENT, FORMER_KEY, HANGING, Heard, OPERATOR, TENANT, scene, scene_of_cards, scene_with};

on_each_database! {
    async fn an_event_is_sent_once_with_its_id_type_data_and_signature(database) {
        let scene = scene(database).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        assert_eq!(scene.run_due().await, 1);
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 1, Some(200)));
        assert_eq!(scene.run_due().await, 0);
        let Heard { headers, body, .. } = scene.receiver.heard().remove(0);
        let expected = r#"{"id":"00000000-0000-0000-0000-000000000005","type":"wallet_address.not_found","data":{"walletAddressUrl":"https://wallet.example/Alice"}}"#;
        assert_eq!(body, expected);
        assert!(headers["rafiki-signature"].to_str().unwrap().starts_with("t=1767225600000, v1="));
        assert_eq!(headers["rafiki-event-id"], "00000000-0000-0000-0000-000000000005");
        assert_eq!(headers["rafiki-delivery-attempt"], "1");
    }

    async fn data_sealed_with_a_former_key_reaches_its_recipient_in_clear(database) {
        let scene = scene(database).await;
        let question = scene.question_of(scene.payments(1).await[0], "sample kyc data", &FORMER_KEY);
        scene.process.record(&question, &Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.heard()[0].event()["data"]["dataFromSender"], "sample kyc data");
        assert_eq!(scene.count("webhook_events", "data LIKE '%kyc%'").await, 0);
    }

    async fn data_that_cannot_be_opened_is_set_aside_with_the_reason_and_sent_to_nobody(database) {
        let scene = scene(database).await;
        let question = scene.question_of(scene.payments(1).await[0], "sample kyc data", &[5; 32]);
        scene.process.record(&question, &Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 0);
        let delivery = scene.delivery_of(question.id).await;
        assert_eq!(delivery.state, DeliveryState::Quarantined);
        assert!(delivery.reason.unwrap().contains("DB_ENCRYPTION_FORMER_SECRETS"));
    }

    async fn any_other_status_is_tried_again_after_ten_seconds(database) {
        let scene = scene(database).await;
        scene.receiver.says_in_turn(&[204, 200]);
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(204)));
        scene.clock.advance(Duration::from_secs(9));
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 1);
        scene.clock.advance(Duration::from_secs(2));
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 2, Some(200)));
    }

    async fn services_for_which_somebody_waits_at_a_terminal_are_told_again_within_seconds(database) {
        let scene = scene_of_cards(database).await;
        scene.receiver.says(503);
        scene.record(&Audience::card_service()).await;
        let mut heard_at = Vec::new();
        for tenth in 0..200 {
            scene.run_due().await;
            if scene.receiver.count() > heard_at.len() {
                heard_at.push(tenth);
            }
            scene.clock.advance(Duration::from_millis(100));
        }
        let pauses: Vec<_> = heard_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(matches!(pauses[..], [5..=6, 10..=11, 20..=22, 40..=44]), "{pauses:?} tenths of a second");
        // From the fifth failure on it is told as seldom as everybody.
        scene.pass(Duration::from_secs(35), Duration::from_secs(1)).await;
        assert_eq!(scene.receiver.count(), 5);
        scene.pass(Duration::from_secs(10), Duration::from_secs(1)).await;
        assert_eq!(scene.receiver.count(), 6);
    }

    async fn a_tenant_is_told_again_as_by_rafiki_although_a_point_of_sale_is_told_sooner(database) {
        let scene = scene_of_cards(database).await;
        scene.receiver.says(503);
        scene.record(&Audience::tenant(OPERATOR).and_point_of_sale()).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 2);
        scene.clock.advance(Duration::from_millis(600));
        scene.run_due().await;
        let attempts: Vec<u32> = scene.deliveries_of(EVENT).await.into_iter().map(|delivery| delivery.attempts).collect();
        assert!(matches!(attempts[..], [1, 2] | [2, 1]), "{attempts:?}");
    }

    async fn a_recipient_that_never_answers_well_is_given_up_after_its_attempts(database) {
        let scene = scene_with(database, AttemptsMax::Exactly(2), OutboundConfig::development()).await;
        scene.receiver.says(500);
        scene.record(&Audience::tenant(OPERATOR)).await;
        for _ in 0..5 {
            scene.run_due().await;
            scene.clock.advance(Duration::from_secs(70));
        }
        assert_eq!(scene.receiver.count(), 2);
        assert_eq!(scene.delivery().await, (DeliveryState::Exhausted, 2, Some(500)));
    }

    async fn a_tenant_s_own_time_out_and_number_of_attempts_count(database) {
        let scene = scene(database).await;
        let url = scene.url.replace("/webhooks", HANGING);
        let settings = [
            (SettingKey::WebhookUrl, url.as_str()),
            (SettingKey::WebhookTimeout, "50"),
            (SettingKey::WebhookMaxRetry, "1"),
        ];
        scene.tenant_with(TENANT, &settings).await;
        scene.record(&Audience::tenant(TENANT)).await;
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Exhausted, 1, None));
        let reason = scene.delivery_of(EVENT).await.reason.unwrap();
        assert!(reason.contains("50"), "{reason}");
    }

    async fn a_service_without_url_gets_no_event(database) {
        let scene = scene(database).await;
        scene.record(&Audience::card_service()).await;
        assert!(scene.deliveries_of(EVENT).await.is_empty());
        assert!(scene.process.store.every_tenant().webhook_event(EVENT).await.unwrap().is_some());
    }

    async fn an_event_whose_state_change_is_rolled_back_is_not_sent(database) {
        let scene = scene(database).await;
        let unit = scene.process.store.begin().await.unwrap();
        let event = WebhookEvent {
            id: EVENT,
            event_type: EventType::WalletAddressNotFound,
            tenant_id: OPERATOR,
            data: json!({}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: scene.now(),
        };
        scene.process.webhooks.record(&unit, &event, &Audience::tenant(OPERATOR)).await.unwrap();
        drop(unit);
        assert_eq!(scene.run_due().await, 0);
        assert_eq!(scene.receiver.count(), 0);
    }

    async fn an_alarm_recorded_again_is_sent_once(database) {
        let scene = scene(database).await;
        scene.receiver.says_in_turn(&[500, 200]);
        let event = WebhookEvent {
            id: EVENT,
            event_type: EventType::LedgerAlarm,
            tenant_id: OPERATOR,
            data: json!({"kind": "entry_changed"}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: scene.now(),
        };
        for new in [true, false, false] {
            let unit = scene.process.store.begin().await.unwrap();
            let recorded = scene.process.webhooks.record_once(&unit, &event, &Audience::tenant(OPERATOR)).await.unwrap();
            unit.commit().await.unwrap();
            assert_eq!(recorded, new);
        }
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(500)), "tried again like any other");
        scene.clock.advance(Duration::from_secs(12));
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 2, Some(200)));
        let Heard { body, .. } = scene.receiver.heard().remove(1);
        assert_eq!(body, r#"{"id":"00000000-0000-0000-0000-000000000005","type":"ledger.alarm","data":{"kind":"entry_changed"}}"#);
    }

    async fn events_recorded_while_the_worker_works_are_sent_at_once(database) {
        let scene = scene(database).await;
        scene.receiver.says_in_turn(&[500, 200]);
        let running = tokio::spawn(scene.process.worker.clone().run(std::future::pending()));
        scene.record(&Audience::tenant(OPERATOR)).await;
        let pending = (DeliveryState::Pending, 1, Some(500));
        testkit::eventually("it was tried", async || scene.delivery().await == pending).await;
        scene.clock.advance(Duration::from_secs(12));
        scene.run_due().await;
        let delivered = (DeliveryState::Delivered, 2, Some(200));
        testkit::eventually("it was told", async || scene.delivery().await == delivered).await;
        let heard = scene.receiver.heard();
        assert_eq!(heard[0].body, heard[1].body, "what was carried and what was stored read the same");
        running.abort();
    }

    async fn a_recipient_that_hangs_holds_up_no_other(database) {
        let scene = scene(database).await;
        let slow = TenantId::from_uuid(Uuid::from_u128(2));
        scene.tenant_at(slow, &scene.url.replace("/webhooks", HANGING)).await;
        let running = tokio::spawn(scene.process.worker.clone().run(std::future::pending()));
        for number in 100..160 {
            let event = WebhookEventId::from_uuid(Uuid::from_u128(number));
            scene.process.record(&scene.event(event), &Audience::tenant(slow)).await;
        }
        scene.receiver.hung.notified().await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        let delivered = (DeliveryState::Delivered, 1, Some(200));
        testkit::eventually("the other is told", async || scene.delivery().await == delivered).await;
        running.abort();
    }

    async fn events_that_arrive_at_the_same_time_are_each_recorded(database) {
        let scene = scene(database).await;
        let running = tokio::spawn(scene.process.worker.clone().run(std::future::pending()));
        let events = (100..140).map(|number| WebhookEventId::from_uuid(Uuid::from_u128(number)));
        for event in events.clone() {
            scene.process.record(&scene.event(event), &Audience::tenant(OPERATOR)).await;
        }
        for event in events {
            testkit::eventually("it is told", async || {
                let delivery = scene.delivery_of(event).await;
                delivery.state == DeliveryState::Delivered && delivery.attempts == 1
            })
            .await;
        }
        assert_eq!(scene.receiver.count(), 40);
        running.abort();
    }

    async fn every_attempt_is_recorded_with_the_beginning_of_the_answer(database) {
        let scene = scene(database).await;
        let answers = Mutex::new(vec![(200, String::new()), (503, "busy\0".to_owned() + &"x".repeat(100_000))]);
        scene.receiver.answers(move |_| answers.lock().unwrap().pop().unwrap());
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        let waiting = scene.delivery_of(EVENT).await;
        let due_in = waiting.due_at.unwrap().saturating_since(scene.now());
        assert!((10_000..=11_000).contains(&due_in.as_millis()), "{due_in:?}");
        assert_eq!(waiting.reason.as_deref(), Some("answered 503"));
        scene.pass(Duration::from_secs(12), Duration::from_secs(12)).await;
        let delivered = scene.delivery_of(EVENT).await;
        assert_eq!((delivered.state, delivered.due_at, &delivered.reason), (DeliveryState::Delivered, None, &None));

        let attempts = scene.attempts_of(&delivered).await;
        assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
        let body = format!("busy\u{fffd}{}", "x".repeat(1019));
        assert_eq!((attempts[0].status_code, attempts[0].body.as_ref()), (Some(503), Some(&body)));
        assert_eq!(attempts[0].error.as_deref(), Some("answered 503"));
        assert_eq!((attempts[1].status_code, &attempts[1].body, &attempts[1].error), (Some(200), &None, &None));
        assert_eq!(attempts[1].began_at, scene.now());
        let other = scene.process.store.tenant(TENANT).webhook_attempts(&[delivered.id]).await.unwrap();
        assert_eq!(other, [], "another tenant sees none of them");
    }

    async fn an_answer_of_200_counts_however_long_it_is(database) {
        let scene = scene(database).await;
        scene.receiver.answers(|_| (200, "y".repeat(3_000_000)));
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 1, Some(200)));
    }

    async fn without_any_attempt_allowed_nothing_is_sent_and_it_is_seen(database) {
        let scene = scene_with(database, AttemptsMax::Exactly(0), OutboundConfig::development()).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!((scene.delivery().await, scene.receiver.count()), ((DeliveryState::Exhausted, 0, None), 0));
        let filter = DeliveryFilter { events: vec![EVENT], ..DeliveryFilter::default() };
        scene.process.administration.resend(Reach::Tenant(OPERATOR), &filter).await.unwrap();
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 1, Some(200)), "asked for, it is sent");
    }

    async fn what_was_sent_and_not_recorded_when_the_process_died_is_sent_again(database) {
        let scene = scene(database).await;
        let [payment]: [IncomingPaymentId; 1] = scene.payments(1).await.try_into().unwrap();
        scene.tenant_at(TENANT, &scene.url.replace("/webhooks", HANGING)).await;
        scene.process.record(&scene.event_of(payment, 0), &Audience::tenant(TENANT)).await;
        let running = tokio::spawn(scene.process.worker.clone().run(std::future::pending()));
        scene.receiver.hung.notified().await;
        running.abort();
        let _ = running.await;
        let event = scene.event_of(payment, 0).id;
        let sent = scene.delivery_of(event).await;
        assert_eq!((sent.state, sent.attempts), (DeliveryState::Pending, 0), "nothing of it is written down");

        let other = scene.another_process().await;
        let setting = Setting { key: SettingKey::WebhookUrl, value: scene.url.clone() };
        let unit = other.store.begin().await.unwrap();
        unit.every_tenant().put_settings(TENANT, &[setting], scene.now()).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(other.worker.run_due().await.unwrap(), 0, "the lease has not run out");
        scene.clock.advance(Duration::from_secs(31));
        assert_eq!(other.worker.run_due().await.unwrap(), 1);
        let delivered = scene.delivery_of(event).await;
        assert_eq!((delivered.state, delivered.attempts), (DeliveryState::Delivered, 1));
        assert_eq!(scene.receiver.heard().remove(0).id(), event.to_string(), "with the same id");
    }
}
