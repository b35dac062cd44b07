//! Events about one payment arrive in the order in which they were recorded, and hold up no others.
//! A single event is in `deliveries`.

use std::time::Duration;

use payments_model::webhook_delivery::DeliveryState;
use serde_json::json;
use testkit::on_each_database;
use webhooks::Audience;

use super::scene::{FORMER_KEY, OPERATOR, scene};

on_each_database! {
    async fn what_follows_waits_for_what_fails_and_other_payments_do_not(database) {
        let scene = scene(database).await;
        let payments = scene.payments(2).await;
        let refused = payments[0].to_string();
        scene.receiver.answers(move |heard| {
            (if heard.event()["data"]["id"] == json!(refused) { 503 } else { 200 }, String::new())
        });
        for number in 0..3 {
            for payment in &payments {
                scene.record_of(*payment, number).await;
            }
        }
        scene.run_due().await;
        assert_eq!(scene.numbers_heard(&payments), [vec![0], vec![0, 1, 2]]);
        // What comes later does not shorten the pause of what failed.
        scene.record_of(payments[0], 3).await;
        assert_eq!(scene.run_due().await, 0);

        scene.receiver.says(200);
        scene.pass(Duration::from_secs(12), Duration::from_secs(12)).await;
        assert_eq!(scene.numbers_heard(&payments), [vec![0, 1, 2, 3], vec![0, 1, 2]]);
        let first = scene.delivery_of(scene.event_of(payments[0], 0).id).await;
        assert_eq!((first.state, first.attempts), (DeliveryState::Delivered, 2));
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }

    async fn a_question_waits_for_no_other_event_and_none_waits_for_it(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        scene.receiver.answers(|heard| {
            (if heard.event()["type"] == "incoming_payment.completed" { 200 } else { 503 }, String::new())
        });
        let question = scene.question_of(payments[0], "data", &FORMER_KEY);
        scene.record_of(payments[0], 0).await;
        scene.process.record(&question, &Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        let mut heard: Vec<_> = scene.receiver.heard().iter().map(|heard| heard.event()["data"]["number"].clone()).collect();
        heard.sort_by_key(serde_json::Value::as_u64);
        assert_eq!(heard, [json!(0), json!(99)], "although the first event about the payment failed");

        scene.receiver.answers(|heard| {
            (if heard.event()["data"]["number"] == 99 { 503 } else { 200 }, String::new())
        });
        scene.record_of(payments[0], 1).await;
        scene.pass(Duration::from_secs(12), Duration::from_secs(12)).await;
        assert_eq!(scene.delivery_of(scene.event_of(payments[0], 1).id).await.state, DeliveryState::Delivered);
        assert_eq!(scene.delivery_of(question.id).await.state, DeliveryState::Pending);
    }

    async fn what_was_given_up_holds_up_nothing_any_more(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        scene.receiver.says(500);
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[0], 1).await;
        scene.pass(Duration::from_hours(90), Duration::from_mins(10)).await;
        let given_up = scene.delivery_of(scene.event_of(payments[0], 0).id).await;
        assert_eq!(given_up.state, DeliveryState::Exhausted);
        assert!(given_up.updated_at.saturating_since(given_up.created_at) > Duration::from_hours(72), "{given_up:?}");
        scene.receiver.says(200);
        scene.pass(Duration::from_hours(7), Duration::from_mins(10)).await;
        assert_eq!(scene.numbers_heard(&payments), [vec![0, 1]]);
    }

    async fn two_processes_that_record_and_deliver_keep_to_one_order(database) {
        let scene = scene(database).await;
        let other = scene.another_process().await;
        let payments = scene.payments(10).await;
        let running = [&scene.process, &other].map(|process| {
            tokio::spawn(process.worker.clone().run(std::future::pending()))
        });
        for number in 0..6 {
            for payment in &payments {
                let process = if number % 2 == 0 { &scene.process } else { &other };
                process.record(&scene.event_of(*payment, number), &Audience::tenant(OPERATOR)).await;
            }
        }
        testkit::eventually("all are told", async || {
            scene.count("webhook_deliveries", "state = 'DELIVERED'").await == 60
        })
        .await;
        assert_eq!(scene.numbers_heard(&payments), vec![vec![0, 1, 2, 3, 4, 5]; 10]);
        assert_eq!(scene.receiver.count(), 60, "nothing was told twice");
        for task in running {
            task.abort();
        }
    }
}
