//! Receivers that hang hold up nobody else.
//! Receivers that answer with an error are in `deliveries`.

use payments_model::tenant::SettingKey;
use payments_model::{TenantId, WebhookEventId};
use testkit::on_each_database;
use uuid::Uuid;
use webhooks::Audience;

use super::scene::{HANGING, scene};

const ENDPOINTS: u128 = 100;
const HANG: u128 = 10;
const EVENTS: u128 = 100;

on_each_database! {
    async fn of_10000_events_to_100_receivers_those_to_90_arrive_although_10_hang(database) {
        let scene = scene(database).await;
        let tenant = |number: u128| TenantId::from_uuid(Uuid::from_u128(10_000 + number));
        for number in 0..ENDPOINTS {
            let path = if number < HANG { format!("{HANGING}/{number}") } else { format!("/{number}") };
            let url = scene.url.replace("/webhooks", &path);
            // Longer than the test takes: nobody answers, and nobody gives up.
            let settings = [(SettingKey::WebhookUrl, url.as_str()), (SettingKey::WebhookTimeout, "3600000")];
            scene.tenant_with(tenant(number), &settings).await;
        }
        // Each of the receivers that hang has all its events before any other has one.
        for number in 0..ENDPOINTS {
            let unit = scene.process.store.begin().await.unwrap();
            for event in 0..EVENTS {
                let id = WebhookEventId::from_uuid(Uuid::from_u128(1_000_000 + number * EVENTS + event));
                let to = Audience::tenant(tenant(number));
                scene.process.webhooks.record(&unit, &scene.event(id), &to).await.unwrap();
            }
            unit.commit().await.unwrap();
        }

        let running = tokio::spawn(scene.process.worker.clone().run(std::future::pending()));
        let all = i64::try_from((ENDPOINTS - HANG) * EVENTS).unwrap();
        for part in 1..=9 {
            testkit::eventually("the others are told", async || {
                scene.count("webhook_deliveries", "state = 'DELIVERED'").await >= all * part / 9
            })
            .await;
        }
        assert_eq!(scene.count("webhook_deliveries", "state = 'DELIVERED' AND attempts = 1").await, all);
        assert_eq!(scene.receiver.count(), usize::try_from(all).unwrap(), "each once");
        let hanging = *scene.receiver.hanging.lock().unwrap();
        assert!(hanging >= 10, "each of those that hang was called: {hanging}");
        running.abort();
    }
}
