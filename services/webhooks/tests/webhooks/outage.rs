//! Two days without a receiver.
//! Short failures are in `deliveries`.

use std::time::Duration;

use testkit::on_each_database;

use super::scene::scene;

on_each_database! {
    async fn after_an_outage_of_48_hours_every_event_arrives_in_order_for_each_payment(database) {
        let scene = scene(database).await;
        let payments = scene.payments(12).await;
        scene.receiver.says(503);
        for number in 0..3 {
            for payment in &payments {
                scene.record_of(*payment, number).await;
                scene.pass(Duration::from_mins(80), Duration::from_mins(20)).await;
            }
        }
        assert_eq!(scene.now().saturating_since(testkit::fixed_clock().now()), Duration::from_hours(48));
        assert_eq!(scene.numbers_heard(&payments), vec![vec![0]; 12], "nothing overtakes what fails");

        scene.receiver.says(200);
        scene.pass(Duration::from_hours(7), Duration::from_mins(20)).await;
        assert_eq!(scene.numbers_heard(&payments), vec![vec![0, 1, 2]; 12]);
        assert_eq!(scene.count("webhook_deliveries", "state = 'DELIVERED'").await, 36);
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }
}
