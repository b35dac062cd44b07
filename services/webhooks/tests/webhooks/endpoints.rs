//! Several endpoints of a tenant, each with its types, its secret and its place.
//! Deliveries to one endpoint are in `deliveries`.

use std::time::Duration;

use admin_signature::{canonical, sign};
use outbound_http::{OutboundConfig, Strangers};
use payments_model::webhook_delivery::{DeliveryState, Recipient};
use payments_model::webhook_endpoint::WebhookEndpoint;
use payments_model::webhook_event::{EventType, WebhookEvent};
use payments_model::webhook_ladder::AttemptsMax;
use payments_model::{Origin, Secret, Tenant, TenantId, WebhookEndpointId, WebhookEventId};
use serde_json::json;
use testkit::on_each_database;
use uuid::Uuid;
use webhooks::{Audience, EndpointChange, GrantEvent, GrantEventRecorder, NewEndpoint, RotateSecretError};

use super::scene::{EVENT, Heard, OPERATOR, Scene, TENANT, scene, scene_with};

impl Scene {
    async fn endpoint(&self, tenant: TenantId, path: &str, types: &[&str]) -> (WebhookEndpoint, Secret) {
        let new = NewEndpoint {
            url: self.url.replace("/webhooks", path),
            event_types: types.iter().map(ToString::to_string).collect(),
            secret: None,
        };
        let (endpoint, secret) = self.process.administration.create_endpoint(tenant, new, Origin::Alone).await.unwrap();
        (endpoint, secret.unwrap())
    }

    async fn rotate(&self, id: WebhookEndpointId, secret: &str) {
        let (secret, day) = (Some(Secret::new(secret)), Duration::from_hours(24));
        self.process.administration.rotate_endpoint_secret(OPERATOR, id, secret, day).await.unwrap();
    }

    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.receiver.heard().into_iter().map(|heard| heard.path).collect();
        paths.sort();
        paths
    }

    /// The signature header as secrets, newest first, would have made it.
    fn signed_by(&self, heard: &Heard, secrets: &[&str]) -> String {
        let text = canonical(&heard.event());
        let digests = secrets.iter().map(|secret| sign(secret, 1, self.now(), &text));
        let digests: Vec<String> = digests.map(|header| header.split_once(", ").unwrap().1.to_owned()).collect();
        format!("t={}, {}", self.now().as_millis(), digests.join(", "))
    }

    fn last(&self) -> (Heard, String) {
        let heard = self.receiver.heard().pop().unwrap();
        let header = heard.headers["rafiki-signature"].to_str().unwrap().to_owned();
        (heard, header)
    }
}

on_each_database! {
    async fn each_endpoint_gets_the_types_that_it_names(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        let (wants_all, _) = scene.endpoint(OPERATOR, "/all", &[]).await;
        scene.endpoint(OPERATOR, "/created", &["incoming_payment.created"]).await;
        scene.endpoint(OPERATOR, "/other", &["ledger.alarm"]).await;
        scene.tenant_at(TENANT, &scene.url).await;
        scene.endpoint(TENANT, "/tenant", &[]).await;
        scene.record_of(payments[0], 0).await;
        scene.record_of(payments[0], 1).await;
        scene.run_due().await;
        assert_eq!(scene.paths(), ["/all", "/all", "/created", "/webhooks", "/webhooks"]);
        let told = scene.deliveries_of(scene.event_of(payments[0], 1).id).await;
        let recipients = [Recipient::Tenant(OPERATOR), Recipient::Endpoint(OPERATOR, wants_all.id)];
        assert!(told.len() == 2 && told.iter().all(|delivery| recipients.contains(&delivery.recipient)), "{told:?}");
        assert_eq!(scene.process.store.tenant(TENANT).deliveries_of(told[0].event_id).await.unwrap(), []);
    }

    async fn the_default_endpoint_can_get_fewer_types(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        let default = WebhookEndpointId::from_uuid(OPERATOR.as_uuid());
        let change = EndpointChange { event_types: Some(vec!["ledger.alarm".to_owned()]), url: None };
        let changed = scene.process.administration.update_endpoint(OPERATOR, default, change).await.unwrap();
        assert!(changed.is_default());
        scene.record_of(payments[0], 0).await;
        assert_eq!(scene.deliveries_of(scene.event_of(payments[0], 0).id).await, []);
        let all = EndpointChange { event_types: Some(Vec::new()), url: None };
        scene.process.administration.update_endpoint(OPERATOR, default, all).await.unwrap();
        scene.record_of(payments[0], 1).await;
        scene.run_due().await;
        assert_eq!(scene.paths(), ["/webhooks"]);
        let elsewhere = EndpointChange { url: Some("https://x.example".to_owned()), event_types: None };
        scene.process.administration.update_endpoint(OPERATOR, default, elsewhere).await.unwrap_err();
        scene.process.administration.delete_endpoint(OPERATOR, default).await.unwrap_err();
    }

    async fn only_an_endpoint_that_names_the_types_is_told_of_grants(database) {
        let scene = scene(database).await;
        let recorder =
            GrantEventRecorder { store: scene.process.store.clone(), webhooks: scene.process.webhooks.clone() };
        scene.payments(0).await; // It makes the wallet address.
        let told = |number: u128, event_type| GrantEvent {
            id: Uuid::from_u128(number),
            event_type,
            tenant: OPERATOR,
            owners: vec!["https://other.example/x".to_owned(), "https://bank.example/ann".to_owned()],
            data: json!({"client": null}),
            at: scene.now(),
        };
        scene.endpoint(OPERATOR, "/all", &[]).await;
        recorder.record(told(71, EventType::GrantCreated)).await.unwrap();
        assert_eq!(scene.run_due().await, 0, "nobody has asked for it");
        assert_eq!(scene.count("webhook_events", "1 = 1").await, 0);

        scene.endpoint(OPERATOR, "/grants", &["grant.created", "grant.revoked"]).await;
        for _ in 0..2 {
            recorder.record(told(72, EventType::GrantCreated)).await.unwrap();
            recorder.record(told(73, EventType::GrantRevoked)).await.unwrap();
        }
        scene.run_due().await;
        scene.run_due().await;
        let heard = scene.receiver.heard();
        let kinds: Vec<_> = heard.iter().map(|heard| (heard.path.as_str(), heard.event()["type"].clone())).collect();
        assert_eq!(kinds, [("/grants", json!("grant.created")), ("/grants", json!("grant.revoked"))]);
        assert!(heard.iter().all(|heard| heard.headers.contains_key("rafiki-signature")));

        let foreign = GrantEvent { tenant: TENANT, ..told(74, EventType::GrantCreated) };
        recorder.record(foreign).await.unwrap();
        assert_eq!(scene.count("webhook_events", "1 = 1").await, 2, "there is no such tenant");
        let elsewhere = GrantEvent { owners: Vec::new(), ..told(76, EventType::GrantCreated) };
        recorder.record(elsewhere).await.unwrap();
        assert_eq!(scene.count("webhook_events", "1 = 1").await, 2, "it is about no wallet address");
        recorder.record(told(75, EventType::LedgerAlarm)).await.unwrap_err();
    }

    async fn another_process_tells_a_new_endpoint_at_once(database) {
        let scene = scene(database).await;
        let other = scene.another_process().await;
        let payments = scene.payments(1).await;
        other.record(&scene.event_of(payments[0], 0), &Audience::tenant(OPERATOR)).await;
        scene.endpoint(OPERATOR, "/new", &[]).await;
        testkit::eventually("the other process has heard of it", async || {
            other.administration.directory.facts_at_hand().is_none_or(|facts| {
                facts.tenant(OPERATOR).is_some_and(|known| known.webhook_endpoints().len() == 1)
            })
        })
        .await;
        other.record(&scene.event_of(payments[0], 1), &Audience::tenant(OPERATOR)).await;
        assert_eq!(scene.deliveries_of(scene.event_of(payments[0], 1).id).await.len(), 2);
    }

    async fn a_secret_is_replaced_without_a_gap(database) {
        let scene = scene(database).await;
        let payments = scene.payments(1).await;
        let (endpoint, first) = scene.endpoint(OPERATOR, "/own", &["incoming_payment.completed"]).await;
        scene.record_of(payments[0], 1).await;
        scene.run_due().await;
        let heard = scene.receiver.heard();
        let own = heard.iter().find(|heard| heard.path == "/own").unwrap();
        assert_eq!(own.headers["rafiki-signature"], scene.signed_by(own, &[first.expose()]));
        let default = heard.iter().find(|heard| heard.path == "/webhooks").unwrap();
        assert_eq!(default.headers["rafiki-signature"], scene.signed_by(default, &["test-secret"]));

        scene.rotate(endpoint.id, "a second secret of its own").await;
        scene.record_of(payments[0], 2).await;
        scene.run_due().await;
        let heard = scene.receiver.heard().into_iter().rfind(|heard| heard.path == "/own").unwrap();
        let both = scene.signed_by(&heard, &["a second secret of its own", first.expose()]);
        assert_eq!(heard.headers["rafiki-signature"], both);
        scene.clock.advance(Duration::from_hours(24));
        scene.record_of(payments[0], 3).await;
        scene.run_due().await;
        let heard = scene.receiver.heard().into_iter().rfind(|heard| heard.path == "/own").unwrap();
        assert_eq!(heard.headers["rafiki-signature"], scene.signed_by(&heard, &["a second secret of its own"]));

        let too_long = Duration::from_hours(24 * 31);
        let refused = scene.process.administration.rotate_endpoint_secret(OPERATOR, endpoint.id, None, too_long).await;
        assert!(matches!(refused, Err(RotateSecretError::Overlap)));
        let short = Some(Secret::new("too short"));
        let refused = scene.process.administration.rotate_endpoint_secret(OPERATOR, endpoint.id, short, Duration::ZERO);
        assert!(matches!(refused.await, Err(RotateSecretError::Secret)));
        let foreign = scene.process.administration.rotate_endpoint_secret(TENANT, endpoint.id, None, Duration::ZERO);
        assert!(matches!(foreign.await, Err(RotateSecretError::Unknown)));
    }

    async fn the_default_endpoint_may_have_a_secret_of_its_own_too(database) {
        let scene = scene(database).await;
        scene.rotate(WebhookEndpointId::from_uuid(OPERATOR.as_uuid()), "a secret of the default").await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        let (heard, header) = scene.last();
        assert_eq!(header, scene.signed_by(&heard, &["a secret of the default", "test-secret"]));
    }

    async fn what_is_on_its_way_to_a_deleted_endpoint_is_given_up(database) {
        let scene = scene(database).await;
        let (endpoint, _) = scene.endpoint(OPERATOR, "/own", &[]).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.process.administration.delete_endpoint(TENANT, endpoint.id).await.unwrap_err();
        scene.process.administration.delete_endpoint(OPERATOR, endpoint.id).await.unwrap();
        scene.run_due().await;
        assert_eq!(scene.paths(), ["/webhooks"]);
        let states: Vec<_> = scene.deliveries_of(EVENT).await.into_iter().map(|it| (it.recipient, it.state)).collect();
        assert!(states.contains(&(Recipient::Endpoint(OPERATOR, endpoint.id), DeliveryState::Exhausted)), "{states:?}");
        assert_eq!(scene.process.administration.endpoints(OPERATOR).await.unwrap().len(), 1);
        scene.process.administration.delete_endpoint(OPERATOR, endpoint.id).await.unwrap_err();
    }

    async fn events_of_a_deleted_tenant_go_to_the_operator_and_to_no_endpoint_of_the_tenant(database) {
        let scene = scene(database).await;
        let own = scene.url.replace("/webhooks", "/tenant");
        scene.tenant_at(TENANT, &own).await;
        scene.endpoint(TENANT, "/more", &[]).await;
        scene.record(&Audience::tenant(TENANT)).await;

        let unit = scene.process.store.begin().await.unwrap();
        let scope = unit.tenant(TENANT);
        let found = scope.locked_tenant(TENANT).await.unwrap().unwrap();
        scope.update_tenant(&found.map(|tenant| Tenant { deleted_at: Some(scene.now()), ..tenant })).await.unwrap();
        scope.delete_settings(TENANT, scene.now()).await.unwrap();
        unit.commit().await.unwrap();
        let later = WebhookEvent { tenant_id: TENANT, ..scene.event(WebhookEventId::from_uuid(Uuid::from_u128(6))) };
        scene.process.record(&later, &Audience::tenant(TENANT)).await;

        scene.run_due().await;
        let heard = scene.receiver.heard();
        assert!(heard.iter().all(|heard| heard.path == "/webhooks"), "{:?}", scene.paths());
        let mut told: Vec<String> = heard.iter().map(Heard::id).collect();
        told.sort();
        assert_eq!(told, [EVENT.to_string(), later.id.to_string()], "each once, also the one on its way");
    }

    async fn a_tenant_s_endpoint_on_a_private_address_is_not_called(database) {
        let http = OutboundConfig {
            strangers: Strangers::PublicAddresses { except_hosts: Vec::new() },
            ..OutboundConfig::development()
        };
        let scene = scene_with(database, AttemptsMax::Exactly(1), http).await;
        scene.tenant_with(TENANT, &[]).await;
        let (endpoint, _) = scene.endpoint(TENANT, "/inside", &[]).await;
        let (own, _) = scene.endpoint(OPERATOR, "/operator", &[]).await;
        scene.record(&Audience::tenants([TENANT, OPERATOR])).await;
        scene.run_due().await;
        assert_eq!(scene.paths(), ["/operator", "/webhooks", "/webhooks"], "the operator's URLs are its own affair");
        let told = scene.deliveries_of(EVENT).await;
        let refused = told.iter().find(|it| it.recipient == Recipient::Endpoint(TENANT, endpoint.id)).unwrap();
        assert_eq!((refused.state, refused.status_code), (DeliveryState::Exhausted, None));
        let ping = scene.process.administration.ping_endpoint(TENANT, endpoint.id).await.unwrap();
        assert!(ping.error.is_some() && ping.status_code.is_none(), "{ping:?}");
        let ping = scene.process.administration.ping_endpoint(OPERATOR, own.id).await.unwrap();
        assert_eq!((ping.error, ping.status_code), (None, Some(200)));
        scene.process.administration.ping_endpoint(TENANT, own.id).await.unwrap_err();
    }

    async fn a_test_call_is_signed_like_an_event_and_leaves_nothing_behind(database) {
        let scene = scene(database).await;
        let (endpoint, secret) = scene.endpoint(OPERATOR, "/own", &[]).await;
        scene.receiver.answers(|_| (418, "no tea".to_owned()));
        let ping = scene.process.administration.ping_endpoint(OPERATOR, endpoint.id).await.unwrap();
        let told = (ping.status_code, ping.body.as_deref(), ping.error.as_deref());
        assert_eq!(told, (Some(418), Some("no tea"), Some("answered 418")));
        let (heard, header) = scene.last();
        assert_eq!(header, scene.signed_by(&heard, &[secret.expose()]));
        assert_eq!(heard.event()["type"], "webhook.ping");
        assert_eq!(scene.count("webhook_events", "1 = 1").await + scene.count("webhook_attempts", "1 = 1").await, 0);
    }

    async fn a_tenant_has_at_most_100_endpoints_and_a_repeated_request_makes_one(database) {
        let scene = scene(database).await;
        let origin = Origin::Repeatable { request: Uuid::from_u128(77), known_since: scene.now() };
        let new = || NewEndpoint { url: scene.url.clone(), event_types: Vec::new(), secret: None };
        let create = async |origin| scene.process.administration.create_endpoint(OPERATOR, new(), origin).await;
        let (first, secret) = create(origin).await.unwrap();
        let (again, no_secret) = create(origin).await.unwrap();
        assert_eq!((first, no_secret), (again, None));
        assert_eq!(secret.unwrap().expose().len(), 64);
        for _ in 1..100 {
            create(Origin::Alone).await.unwrap();
        }
        assert!(create(Origin::Alone).await.unwrap_err().to_string().contains("100 endpoints"));
    }
}
