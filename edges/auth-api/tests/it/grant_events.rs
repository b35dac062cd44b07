//! Events about grants, and how they reach the backend.
//! How the backend sends it to tenants is tested in `webhooks`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::{AuthSettings, GRANT_EVENTS_QUEUE, GrantEvents, HandOver};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use clock::{Clock as _, SeededEntropy, Timestamp};
use http::{HeaderMap, StatusCode};
use jobs::{Worker, WorkerSettings};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_identity::CallerProof;
use testkit::{TestDatabase, on_each_database};

use crate::harness::{ALICE, CLIENT, IDP_SECRET, OPERATOR, OPERATOR_SECRET, Server, polled};

/// A backend that accepts or refuses events, and keeps those that it accepted.
#[derive(Clone, Default)]
struct Backend {
    refuses: Arc<Mutex<bool>>,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn receive(State(backend): State<Backend>, headers: HeaderMap, body: String) -> StatusCode {
    if *backend.refuses.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let shown = headers["authorization"].to_str().unwrap().to_owned();
    backend.requests.lock().unwrap().push((shown, serde_json::from_str(&body).unwrap()));
    StatusCode::NO_CONTENT
}

impl Backend {
    /// Type and grant of each event, in the order in which they came.
    fn received(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(_, event)| (text(&event["type"]), text(&event["data"]["id"]))).collect()
    }
}

struct Scene {
    server: Server,
    backend: Backend,
    worker: Worker,
}

async fn scene(database: TestDatabase) -> Scene {
    scene_with(database, |_| {}).await
}

async fn scene_with(database: TestDatabase, adjust: impl FnOnce(&mut AuthSettings)) -> Scene {
    let backend = Backend::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/grant-events", listener.local_addr().unwrap()).parse().unwrap();
    let app = Router::new().route("/grant-events", post(receive)).with_state(backend.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let database_of_jobs = (*database).clone();
    let server = Server::with(database, |settings| {
        settings.grant_events = GrantEvents::Recorded;
        adjust(settings);
    })
    .await;
    let http = Outbound::new(OutboundConfig::development(), server.clock.clone()).unwrap();
    let handler = Arc::new(HandOver { store: server.store.clone(), http, url, proof: CallerProof::secret("shared") });
    let entropy = Arc::new(SeededEntropy::new(9));
    let settings = WorkerSettings::default();
    let worker = Worker::new(database_of_jobs, server.clock.clone(), entropy, GRANT_EVENTS_QUEUE, handler, settings);
    Scene { server, backend, worker }
}

impl Scene {
    async fn id_of(&self, token: &Value) -> String {
        self.server.introspect(&json!({ "access_token": token })).await.json()["grant"].as_str().unwrap().to_owned()
    }

    /// Runs the due jobs. Returns the events that the backend has received.
    async fn received(&self) -> Vec<(String, String)> {
        self.backend.requests.lock().unwrap().clear();
        self.worker.run_due().await.unwrap();
        self.backend.received()
    }
}

fn events(kinds: &[&str], grant: &str) -> Vec<(String, String)> {
    kinds.iter().map(|kind| ((*kind).to_owned(), grant.to_owned())).collect()
}

on_each_database! {
    async fn a_grant_without_consent_has_an_event_at_once_and_one_event_at_its_end(database) {
        let scene = scene(database).await;
        let grant = scene.server.incoming_grant().await;
        let id = scene.id_of(&grant["access_token"]["value"]).await;
        assert_eq!(scene.received().await, events(&["grant.created"], &id));
        let (shown, event) = scene.backend.requests.lock().unwrap()[0].clone();
        assert_eq!(shown, "Bearer shared");
        assert_eq!((&event["tenantId"], &event["data"]["client"]), (&json!(OPERATOR), &json!(CLIENT)));
        assert_eq!(event["data"]["access"], grant["access_token"]["access"]);
        assert_eq!(event["data"]["access"][0]["identifier"], ALICE);
        assert_eq!(event["data"].get("expiresAt"), None, "its age does not end it");
        let secret = grant["access_token"]["value"].as_str().unwrap();
        assert!(!event.to_string().contains(secret), "{event}");

        let revoke = format!("mutation {{ revokeGrant(input: {{ grantId: \"{id}\" }}) {{ id }} }}");
        for _ in 0..2 {
            scene.server.admin(OPERATOR, OPERATOR_SECRET, &revoke).await.unwrap();
        }
        assert_eq!(scene.received().await, events(&["grant.revoked"], &id));
        assert_eq!(scene.received().await, []);
    }

    async fn a_grant_with_consent_has_an_event_when_its_owner_has_consented(database) {
        let scene = scene(database).await;
        let server = &scene.server;
        let grant = server.request(&polled()).await.json();
        assert_eq!(scene.received().await, [], "the owner has not answered");
        assert_eq!(server.consent(&grant, "accept").await.status, 202);
        let received = scene.received().await;
        assert_eq!((received.len(), received[0].0.as_str()), (1, "grant.created"));
        server.wait(5);
        let issued = server.go_on(&grant, None).await.json();
        assert_eq!(scene.id_of(&issued["access_token"]["value"]).await, received[0].1);
        assert_eq!(scene.received().await, [], "there is no event about the fetched token");
        let (path, token) = Server::continuation(&grant);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
        assert_eq!(scene.received().await, events(&["grant.revoked"], &received[0].1));

        let refused = server.request(&polled()).await.json();
        assert_eq!(server.consent(&refused, "reject").await.status, 202);
        assert_eq!(scene.received().await, [], "there is no event about a refused grant");
        let undecided = server.outgoing_grant().await;
        assert_eq!(server.idp(&undecided, "details", IDP_SECRET).await.status, 200);
        assert_eq!(scene.received().await, []);
    }

    async fn the_first_event_contains_the_end_by_age(database) {
        let (hour, half) = (Duration::from_hours(1), Duration::from_mins(30));
        let scene = scene_with(database, |settings| {
            settings.terms.lifetimes.grant = Some(hour);
            settings.terms.lifetimes.unissued = Some(half);
        }).await;
        let server = &scene.server;
        server.incoming_grant().await;
        let asked = server.request(&polled()).await.json();
        assert_eq!(server.consent(&asked, "accept").await.status, 202);
        assert_eq!(scene.received().await.len(), 2);
        let requests = scene.backend.requests.lock().unwrap().clone();
        for (_, event) in requests {
            let time = |member: &str| event["data"][member].as_str().unwrap().parse::<Timestamp>().unwrap();
            // A client that fetches its token in time has the grant for an hour.
            assert_eq!(time("expiresAt"), time("createdAt") + hour, "{event}");
        }
    }

    async fn the_last_event_is_handed_over_after_the_first_although_a_clock_is_slow(database) {
        let scene = scene(database).await;
        let server = &scene.server;
        let grant = server.incoming_grant().await;
        let id = scene.id_of(&grant["access_token"]["value"]).await;
        // As if another process did it.
        server.clock.set(server.clock.now() - Duration::from_secs(10));
        let (path, token) = Server::continuation(&grant);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
        server.wait(60);
        assert_eq!(scene.received().await, events(&["grant.created", "grant.revoked"], &id));
    }

    async fn events_that_the_backend_refuses_wait_and_are_handed_over_in_order(database) {
        let scene = scene(database).await;
        let server = &scene.server;
        *scene.backend.refuses.lock().unwrap() = true;
        let grant = server.incoming_grant().await;
        let id = scene.id_of(&grant["access_token"]["value"]).await;
        assert_eq!(scene.received().await, []);
        // In the same millisecond, as far as the clock says.
        let (path, token) = Server::continuation(&grant);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
        server.wait(3600);
        assert_eq!(scene.received().await, []);
        *scene.backend.refuses.lock().unwrap() = false;
        server.wait(3600);
        assert_eq!(scene.received().await, events(&["grant.created", "grant.revoked"], &id));
        server.wait(3600);
        assert_eq!(scene.received().await, []);
    }

    async fn a_grant_without_a_wallet_address_has_no_events(database) {
        let scene = scene(database).await;
        let mut quote = crate::harness::incoming();
        quote["access_token"]["access"] = json!([{"type": "quote", "actions": ["create"]}]);
        assert_eq!(scene.server.request(&quote).await.status, 200);
        assert_eq!(scene.received().await, []);
    }

    async fn no_event_is_recorded_if_no_backend_receives_it(database) {
        let (first, _other) = Server::two(database, |_| {}).await;
        let grant = first.incoming_grant().await;
        let token = json!({ "access_token": grant["access_token"]["value"] });
        let id = first.introspect(&token).await.json()["grant"].as_str().unwrap().parse().unwrap();
        assert_eq!(first.store.next_grant_event(id).await.unwrap(), None);
    }
}
