//! Sending again what was given up, or whatever somebody asks for.
//! Attempts that the ladder makes by itself are in `deliveries`.

use std::time::Duration;

use outbound_http::OutboundConfig;
use payments_model::page::PageRequest;
use payments_model::webhook_delivery::DeliveryState;
use payments_model::webhook_ladder::AttemptsMax;
use payments_store::DeliveryFilter;
use testkit::on_each_database;
use webhooks::{Reach, Resent};

use super::scene::{EVENT, Heard, OPERATOR, TENANT, scene, scene_with};

on_each_database! {
    async fn dead_letters_are_listed_and_sent_again_in_order_by_type_and_time(database) {
        let scene = scene_with(database, AttemptsMax::Exactly(2), OutboundConfig::development()).await;
        let payments = scene.payments(2).await;
        scene.receiver.says(500);
        for number in 0..3 {
            for payment in &payments {
                scene.record_of(*payment, number).await;
            }
            scene.pass(Duration::from_mins(1), Duration::from_secs(15)).await;
        }
        let dead = DeliveryFilter { states: vec![DeliveryState::Exhausted], ..DeliveryFilter::default() };
        let list = async |scope: payments_store::Scope<'_, payments_store::Reader>| {
            scope.webhook_deliveries(&dead, PageRequest::default()).await.unwrap().items.len()
        };
        assert_eq!(list(scene.process.store.tenant(OPERATOR)).await, 6);
        assert_eq!(list(scene.process.store.tenant(TENANT)).await, 0);

        scene.receiver.says(200);
        let heard_before = scene.receiver.count();
        let start = scene.event_of(payments[0], 0).created_at - Duration::from_mins(3);
        let from_second = DeliveryFilter {
            from: Some(start + Duration::from_mins(1)),
            types: vec!["incoming_payment.completed".to_owned()],
            ..dead.clone()
        };
        let resend = async |reach, filter| scene.process.administration.resend(reach, filter).await.unwrap();
        assert_eq!(resend(Reach::Tenant(TENANT), &from_second).await, Resent { count: 0, has_more: false });
        assert_eq!(resend(Reach::Tenant(OPERATOR), &from_second).await, Resent { count: 4, has_more: false });
        scene.run_due().await;
        let told: Vec<_> = scene.receiver.heard().split_off(heard_before);
        let of = |payment: &payments_model::IncomingPaymentId| -> Vec<_> {
            let own = told.iter().map(Heard::event);
            own.filter(|event| event["data"]["id"] == payment.to_string()).map(|it| it["data"]["number"].clone()).collect()
        };
        assert_eq!((of(&payments[0]), of(&payments[1])), (vec![1.into(), 2.into()], vec![1.into(), 2.into()]));
        assert_eq!(list(scene.process.store.tenant(OPERATOR)).await, 2);

        assert_eq!(resend(Reach::EveryTenant, &dead).await.count, 2);
        scene.run_due().await;
        assert_eq!(list(scene.process.store.every_tenant()).await, 0);
        let first = scene.delivery_of(scene.event_of(payments[0], 0).id).await;
        let numbers: Vec<u32> = scene.attempts_of(&first).await.iter().map(|attempt| attempt.number).collect();
        assert_eq!((first.attempts, numbers), (3, vec![1, 2, 3]), "attempts go on counting");
    }

    async fn what_is_sent_again_begins_a_new_round_of_attempts(database) {
        let scene = scene_with(database, AttemptsMax::Exactly(2), OutboundConfig::development()).await;
        let payments = scene.payments(1).await;
        let event = scene.event_of(payments[0], 0).id;
        scene.receiver.says(500);
        scene.record_of(payments[0], 0).await;
        scene.pass(Duration::from_mins(1), Duration::from_secs(15)).await;
        assert_eq!(scene.delivery_of(event).await.attempts, 2);
        let one = DeliveryFilter { ids: vec![scene.delivery_of(event).await.id], ..DeliveryFilter::default() };
        scene.process.administration.resend(Reach::Tenant(OPERATOR), &one).await.unwrap();
        scene.pass(Duration::from_mins(1), Duration::from_secs(15)).await;
        let again = scene.delivery_of(event).await;
        assert_eq!((again.attempts, again.state), (4, DeliveryState::Exhausted));
    }

    async fn one_that_was_delivered_is_sent_again_if_it_is_named(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        scene.record_of(payments[0], 0).await;
        scene.run_due().await;
        let delivered = scene.delivery_of(scene.event_of(payments[0], 0).id).await;
        let one = DeliveryFilter { ids: vec![delivered.id], ..DeliveryFilter::default() };
        let foreign = scene.process.administration.resend(Reach::Tenant(TENANT), &one).await.unwrap();
        assert_eq!(foreign.count, 0);
        scene.process.administration.resend(Reach::Tenant(OPERATOR), &one).await.unwrap();
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 2);
        assert_eq!(scene.receiver.heard()[1].headers["rafiki-delivery-attempt"], "2");
    }

    async fn what_is_in_quarantine_takes_its_turn_again(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        let poison = scene.event_of(payments[0], 0).id;
        let refused = poison.to_string();
        scene.receiver.answers(move |heard| (if heard.id() == refused { 400 } else { 200 }, String::new()));
        scene.record_of(payments[0], 0).await;
        scene.process.record(&scene.event(EVENT), &webhooks::Audience::tenant(OPERATOR)).await;
        scene.pass(Duration::from_mins(10), Duration::from_secs(5)).await;
        assert_eq!(scene.delivery_of(poison).await.state, DeliveryState::Quarantined);
        scene.receiver.says(200);
        let all = DeliveryFilter { states: vec![DeliveryState::Quarantined], ..DeliveryFilter::default() };
        scene.process.administration.resend(Reach::Tenant(OPERATOR), &all).await.unwrap();
        scene.run_due().await;
        assert_eq!(scene.delivery_of(poison).await.state, DeliveryState::Delivered);
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }
}
