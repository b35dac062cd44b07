//! The document of a wallet address at another institution: how often it is fetched, and what is done when it is out of
//! date. The payments there are in `foreign_receiver`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::ManualClock;
use outbound_http::OutboundConfig;
use payments_model::Receiver;
use serde_json::json;
use testkit::{TestDatabase, on_each_database};

use crate::receivers::manage_receiver::{CreateReceiverError, NewReceiver};
use crate::tests::institution::Setup;
use crate::tests::testing::{Node, OPERATOR};

/// What the server of the address does, and what it was asked for.
#[derive(Default)]
struct Behaviour {
    cache_control: &'static str,
    /// The server of the payments, if it is not this one.
    payments_at: Option<String>,
    refuses: bool,
    documents: usize,
    payments: usize,
}

#[derive(Clone)]
struct Server {
    url: String,
    now: Arc<Mutex<Behaviour>>,
}

impl Server {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = Self { url, now: Arc::default() };
        let router = Router::new()
            .route("/", post(grant))
            .route("/bob", get(document))
            .route("/incoming-payments", post(payment))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.now.lock().unwrap());
    }

    /// How many documents and payments it was asked for since the last call.
    fn asked(&self) -> (usize, usize) {
        let mut now = self.now.lock().unwrap();
        (std::mem::take(&mut now.documents), std::mem::take(&mut now.payments))
    }
}

async fn grant() -> impl IntoResponse {
    Json(json!({
        "access_token": { "value": "token", "manage": "https://m.example/1", "access": [] },
        "continue": { "uri": "https://c.example", "access_token": { "value": "c" } },
    }))
}

async fn document(State(server): State<Server>) -> impl IntoResponse {
    let mut now = server.now.lock().unwrap();
    now.documents += 1;
    let at = now.payments_at.clone().unwrap_or_else(|| server.url.clone());
    let id = format!("{}/bob", server.url);
    let document =
        json!({ "id": id, "assetCode": "USD", "assetScale": 2, "authServer": server.url, "resourceServer": at });
    ([(CACHE_CONTROL, now.cache_control)], Json(document))
}

async fn payment(State(server): State<Server>) -> impl IntoResponse {
    let mut now = server.now.lock().unwrap();
    now.payments += 1;
    if now.refuses {
        return StatusCode::NOT_FOUND.into_response();
    }
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let ilp = json!({ "type": "ilp", "ilpAddress": "test.far.1", "sharedSecret": secret });
    let payment = json!({
        "id": format!("{}/incoming-payments/a1b2c3d4-0000-4000-8000-{:012}", server.url, now.payments),
        "walletAddress": format!("{}/bob", server.url), "completed": false,
        "receivedAmount": { "value": "0", "assetCode": "USD", "assetScale": 2 },
        "createdAt": "2026-01-01T00:00:00.000Z", "expiresAt": "2036-01-12T00:00:00.000Z", "methods": [ilp],
    });
    (StatusCode::CREATED, Json(payment)).into_response()
}

struct World {
    clock: Arc<ManualClock>,
    near: Node,
    server: Server,
}

impl World {
    async fn open(database: TestDatabase, cache_control: &'static str) -> Self {
        let clock = testkit::manual_clock();
        let setup = Setup { http: OutboundConfig::development(), ..Setup::new("cloudnine", clock.clone()) };
        let near = Node::of(database, setup, "USD").await;
        let server = Server::start().await;
        server.change(|now| now.cache_control = cache_control);
        Self { clock, near, server }
    }

    async fn ask(&self) -> Result<Receiver, CreateReceiverError> {
        let new = NewReceiver {
            wallet_address_url: format!("{}/bob", self.server.url),
            incoming_amount: None,
            expires_at: None,
            metadata: None,
        };
        self.near.payments.create_receiver(OPERATOR.tenant, new).await
    }
}

on_each_database! {
    async fn a_document_is_fetched_once_for_many_payments_while_its_server_allows_that(database) {
        let world = World::open(database, "public, max-age=30").await;
        for _ in 0..3 {
            world.ask().await.unwrap();
        }
        assert_eq!(world.server.asked(), (1, 3));
        world.clock.advance(Duration::from_secs(30));
        world.ask().await.unwrap();
        assert_eq!(world.server.asked(), (1, 1));

        world.server.change(|now| now.cache_control = "max-age=86400");
        world.clock.advance(Duration::from_secs(30));
        world.ask().await.unwrap();
        world.clock.advance(Duration::from_mins(1));
        world.ask().await.unwrap();
        assert_eq!(world.server.asked(), (2, 2), "never longer than a minute");
    }

    async fn a_document_is_fetched_each_time_if_its_server_does_not_say_that_it_may_be_kept(database) {
        let world = World::open(database, "no-store").await;
        for silent in [false, true] {
            world.server.change(|now| now.cache_control = if silent { "" } else { "no-store" });
            for _ in 0..2 {
                world.ask().await.unwrap();
            }
            assert_eq!(world.server.asked(), (2, 2));
        }
    }

    async fn after_a_refusal_the_document_is_fetched_again(database) {
        let world = World::open(database, "max-age=60").await;
        world.ask().await.unwrap();
        world.server.change(|now| now.refuses = true);
        assert!(world.ask().await.is_err());
        world.server.change(|now| now.refuses = false);
        assert_eq!(world.server.asked(), (1, 2));
        world.ask().await.unwrap();
        assert_eq!(world.server.asked(), (1, 1));
    }

    async fn an_address_of_this_instance_of_which_this_process_has_not_heard_is_found_by_its_document(database) {
        let world = World::open(database, "no-store").await;
        assert!(!world.ask().await.unwrap().location.is_local(), "from now on it is known that it is not ours");
        // Another process makes it ours, and its notification has not arrived.
        let sql = "UPDATE wallet_addresses SET address = $1 WHERE id = $2";
        let values = [format!("{}/bob", world.server.url).into(), world.near.address.id.as_uuid().into()];
        assert_eq!(world.near.store.database().execute(sql, values).await.unwrap(), 1);
        world.server.change(|now| now.payments_at = Some("https://cloudnine.example".to_owned()));
        assert!(world.ask().await.unwrap().location.is_local());
    }
}
