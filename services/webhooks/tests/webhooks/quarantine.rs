//! Events that fail because of what they are.
//! Events that fail because of their receiver are in `deliveries`.

use std::time::Duration;

use database::sea_orm::ConnectionTrait;
use payments_model::webhook_delivery::DeliveryState;
use testkit::on_each_database;
use webhooks::Audience;

use super::scene::{EVENT, OPERATOR, scene};

on_each_database! {
    async fn an_event_that_is_refused_while_others_are_taken_is_set_aside_and_still_tried(database) {
        let scene = scene(database).await;
        let payments = scene.payments(2).await;
        let poison = scene.event_of(payments[0], 0).id;
        let refused = poison.to_string();
        scene.receiver.answers(move |heard| (if heard.id() == refused { 422 } else { 200 }, String::new()));
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[0], 1).await;
        scene.record_of(payments[1], 0).await;
        scene.pass(Duration::from_mins(6), Duration::from_secs(5)).await;
        let waiting = scene.delivery_of(poison).await;
        assert_eq!(waiting.state, DeliveryState::Pending);
        assert_eq!(scene.numbers_heard(&payments), [vec![0], vec![0]]);

        scene.pass(Duration::from_mins(3), Duration::from_secs(5)).await;
        let aside = scene.delivery_of(poison).await;
        assert_eq!((aside.state, aside.attempts), (DeliveryState::Quarantined, 10));
        assert!(aside.due_at.is_some());
        assert_eq!(scene.numbers_heard(&payments), [vec![0, 1], vec![0]], "what comes after it is sent");

        scene.pass(Duration::from_hours(1), Duration::from_mins(1)).await;
        let still = scene.delivery_of(poison).await;
        assert_eq!(still.state, DeliveryState::Quarantined);
        assert!(still.attempts > 12, "it is tried on: {still:?}");
        scene.receiver.says(200);
        scene.pass(Duration::from_hours(7), Duration::from_mins(10)).await;
        assert_eq!(scene.delivery_of(poison).await.state, DeliveryState::Delivered);
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }

    async fn a_receiver_that_takes_nothing_sets_nothing_aside(database) {
        let scene = scene(database).await;
        let payments = scene.payments(2).await;
        scene.receiver.says(422);
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[1], 0).await;
        scene.pass(Duration::from_hours(2), Duration::from_mins(1)).await;
        assert_eq!(scene.count("webhook_deliveries", "state = 'PENDING' AND attempts > 10").await, 2);
    }

    async fn an_event_that_cannot_be_read_is_set_aside_at_once_and_what_follows_is_sent(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[0], 1).await;
        let unreadable = scene.event_of(payments[0], 0).id;
        let damage = |set: &str| format!("UPDATE webhook_events SET {set} WHERE event_type <> 'incoming_payment.completed'");
        let change = async |sql: String| {
            let unit = scene.process.store.begin().await.unwrap();
            unit.transaction().execute_unprepared(&sql).await.unwrap();
            unit.commit().await.unwrap();
        };
        change(damage("event_type = 'incoming_payment.unheard_of'")).await;
        scene.run_due().await;
        let aside = scene.delivery_of(unreadable).await;
        assert_eq!((aside.state, aside.attempts), (DeliveryState::Quarantined, 1));
        assert!(aside.reason.unwrap().starts_with("the event cannot be read"));
        assert_eq!(scene.numbers_heard(&payments), [vec![1]]);
        change(damage("event_type = 'incoming_payment.created'")).await;
        scene.pass(Duration::from_secs(12), Duration::from_secs(12)).await;
        assert_eq!(scene.delivery_of(unreadable).await.state, DeliveryState::Delivered);
    }

    async fn a_delivery_that_cannot_be_read_holds_up_no_other(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[0], 1).await;
        let unit = scene.process.store.begin().await.unwrap();
        let damage = "UPDATE webhook_deliveries SET attempts = -1 WHERE position = 1";
        unit.transaction().execute_unprepared(damage).await.unwrap();
        unit.commit().await.unwrap();
        scene.pass(Duration::from_mins(1), Duration::from_secs(10)).await;
        assert_eq!(scene.numbers_heard(&payments), [vec![1]]);
        assert_eq!(scene.count("webhook_deliveries", "state = 'QUARANTINED'").await, 1);
        scene.process.record(&scene.event(EVENT), &Audience::tenant(OPERATOR)).await;
    }
}
