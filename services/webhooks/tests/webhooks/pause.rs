//! Endpoints that are paused for a while.
//! Who may pause which endpoint is tested in `edges/admin-graphql`.

use std::time::Duration;

use outbound_http::OutboundConfig;
use payments_model::webhook_delivery::DeliveryState;
use payments_model::webhook_endpoint::Sending;
use payments_model::webhook_ladder::AttemptsMax;
use payments_model::{Origin, WebhookEndpoint, WebhookEndpointId};
use testkit::on_each_database;
use webhooks::{Audience, NewEndpoint, PauseError, Which};

use super::scene::{EVENT, OPERATOR, Process, Scene, TENANT, scene, scene_with};

const DEFAULT: WebhookEndpointId = WebhookEndpointId::from_uuid(OPERATOR.as_uuid());

impl Process {
    async fn pause(&self, which: Which) -> Vec<WebhookEndpoint> {
        self.administration.pause_endpoints(OPERATOR, which).await.unwrap()
    }

    async fn resume(&self, which: Which) -> Vec<WebhookEndpoint> {
        self.administration.resume_endpoints(OPERATOR, which).await.unwrap()
    }

    /// Waits until this process has heard whether the operator's default endpoint is paused.
    async fn hears(&self, sending: Sending) {
        testkit::eventually("the other process knows", async || {
            let facts = self.administration.directory.facts().await.unwrap();
            let known = facts.tenant(OPERATOR).unwrap().webhook_endpoints();
            known.iter().find(|endpoint| endpoint.is_default()).map(|endpoint| endpoint.sending) == Some(sending)
        })
        .await;
    }
}

impl Scene {
    async fn waiting(&self) -> u64 {
        let default = WebhookEndpoint::default_of(OPERATOR, self.now());
        self.process.store.waiting_for(&default).await.unwrap()
    }
}

on_each_database! {
    async fn while_an_endpoint_is_paused_events_are_kept_and_then_they_are_sent_in_order(database) {
        let scene = scene(database).await;
        let payments = scene.payments(3).await;
        let paused = scene.process.pause(Which::One(DEFAULT)).await;
        assert_eq!(paused.iter().map(|endpoint| endpoint.sending).collect::<Vec<_>>(), [Sending::PausedSince(scene.now())]);
        for number in 0..3 {
            for payment in &payments {
                scene.record_of(*payment, number).await;
            }
            scene.pass(Duration::from_hours(5), Duration::from_mins(20)).await;
        }
        assert_eq!((scene.receiver.count(), scene.waiting().await), (0, 9), "all are kept and counted");
        assert_eq!(scene.count("webhook_attempts", "1 = 1").await, 0);

        let resumed = scene.process.resume(Which::One(DEFAULT)).await;
        assert_eq!(resumed[0].sending, Sending::Running);
        scene.run_due().await;
        assert_eq!(scene.numbers_heard(&payments), vec![vec![0, 1, 2]; 3]);
        assert_eq!((scene.receiver.count(), scene.waiting().await), (9, 0), "each is sent once, at once");
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }

    async fn a_pause_uses_up_no_attempt_and_the_next_one_is_made_when_it_would_have_been_due(database) {
        let scene = scene_with(database, AttemptsMax::Exactly(2), OutboundConfig::development()).await;
        scene.receiver.says_in_turn(&[503]);
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(503)));

        let due = scene.delivery_of(EVENT).await.due_at.unwrap();
        scene.process.pause(Which::All).await;
        scene.process.resume(Which::All).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 1, "what waits for its next attempt goes on waiting");

        scene.process.pause(Which::All).await;
        scene.pass(Duration::from_hours(24 * 10), Duration::from_hours(6)).await;
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(503)), "ten days later");
        assert_eq!(scene.delivery_of(EVENT).await.due_at, Some(due));
        scene.process.resume(Which::All).await;
        scene.run_due().await;
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 2, Some(200)));
    }

    async fn one_endpoint_is_paused_and_the_others_of_its_tenant_are_not(database) {
        let scene = scene(database).await;
        let new = NewEndpoint { url: scene.url.replace("/webhooks", "/other"), event_types: Vec::new(), secret: None };
        let (other, _) = scene.process.administration.create_endpoint(OPERATOR, new, Origin::Alone).await.unwrap();
        scene.process.pause(Which::One(other.id)).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.heard().iter().map(|heard| heard.path.as_str()).collect::<Vec<_>>(), ["/webhooks"]);
        assert_eq!((scene.waiting().await, scene.process.store.waiting_for(&other).await.unwrap()), (0, 1));

        let all = scene.process.pause(Which::All).await;
        assert_eq!(all.iter().map(WebhookEndpoint::is_default).collect::<Vec<_>>(), [true, false]);
        let resumed = scene.process.resume(Which::All).await;
        assert!(resumed.iter().all(|endpoint| endpoint.sending == Sending::Running));
        scene.run_due().await;
        assert_eq!(scene.receiver.heard()[1].path, "/other");
        assert_eq!(scene.receiver.count(), 2);
    }

    async fn a_second_pause_and_a_second_resumption_change_nothing(database) {
        let scene = scene(database).await;
        let first = scene.process.pause(Which::All).await;
        scene.clock.advance(Duration::from_mins(5));
        assert_eq!(scene.process.pause(Which::All).await, first);
        let resumed = scene.process.resume(Which::All).await;
        scene.clock.advance(Duration::from_mins(5));
        assert_eq!(scene.process.resume(Which::All).await, resumed);
    }

    async fn an_endpoint_of_another_tenant_is_unknown_and_a_tenant_that_is_not_there_too(database) {
        let scene = scene(database).await;
        let one = Which::One(DEFAULT);
        let answer = scene.process.administration.pause_endpoints(TENANT, one).await;
        assert!(matches!(answer, Err(PauseError::UnknownTenant)));
        scene.tenant_at(TENANT, &scene.url).await;
        let answer = scene.process.administration.pause_endpoints(TENANT, one).await;
        assert!(matches!(answer, Err(PauseError::Unknown)));
        scene.process.administration.pause_endpoints(TENANT, Which::All).await.unwrap();
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.receiver.count(), 1, "the pause of one tenant is not that of another");
    }

    async fn what_waits_for_a_paused_endpoint_is_given_up_when_it_is_deleted(database) {
        let scene = scene(database).await;
        let new = NewEndpoint { url: scene.url.replace("/webhooks", "/other"), event_types: Vec::new(), secret: None };
        let (other, _) = scene.process.administration.create_endpoint(OPERATOR, new, Origin::Alone).await.unwrap();
        scene.process.pause(Which::One(other.id)).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        scene.process.administration.delete_endpoint(OPERATOR, other.id).await.unwrap();
        scene.run_due().await;
        assert_eq!(scene.count("webhook_deliveries", "state = 'EXHAUSTED'").await, 1);
        assert_eq!(scene.count("jobs", "1 = 1").await, 0, "nothing is left to do");
    }

    async fn a_pause_holds_in_every_process_and_a_resumption_wakes_them(database) {
        let scene = scene(database).await;
        let other = scene.another_process().await;
        scene.process.pause(Which::All).await;
        other.hears(Sending::PausedSince(scene.now())).await;
        let payments = scene.payments(2).await;
        let running = tokio::spawn(other.worker.clone().run(std::future::pending()));
        for number in 0..3 {
            for payment in &payments {
                other.record(&scene.event_of(*payment, number), &Audience::tenant(OPERATOR)).await;
            }
        }
        testkit::eventually("all wait", async || {
            scene.count("jobs", "last_error = 'the endpoint is paused'").await == 2
        })
        .await;
        assert_eq!(scene.receiver.count(), 0);

        scene.process.resume(Which::All).await;
        testkit::eventually("all are told", async || {
            scene.count("webhook_deliveries", "state = 'DELIVERED'").await == 6
        })
        .await;
        assert_eq!(scene.numbers_heard(&payments), vec![vec![0, 1, 2]; 2]);
        assert_eq!(scene.receiver.count(), 6, "nothing was told twice");
        running.abort();
    }
}
