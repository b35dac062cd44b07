//! Grants at another institution's authorization server, which counts the requests that it gets.
//! What is done with a grant is in `flow`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clock::{Clock, ManualClock};
use gnap::Action;
use outbound_http::OutboundConfig;
use serde_json::{Value, json};
use testkit::{TestDatabase, on_each_database};

use crate::service::Payments;
use crate::tests::institution::Setup;
use crate::tests::testing::Node;

/// The requests that the server got.
#[derive(Default)]
struct Asked {
    grants: AtomicUsize,
    rotations: AtomicUsize,
}

/// The management URL that the server gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Managed {
    /// The right one.
    Here,
    /// A URL without a server.
    OutOfReach,
}

/// A server that gives tokens for ten minutes. The management path cannot be guessed from its other URLs.
async fn serve(asked: Arc<Asked>, managed: Managed) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let manage = match managed {
        Managed::Here => format!("{url}/behind/a/proxy/7?tenant=x"),
        Managed::OutOfReach => "https://127.0.0.1:1/token/7".to_owned(),
    };
    let token = move |value: String| -> Json<Value> {
        Json(json!({
            "access_token": { "value": value, "manage": manage, "expires_in": 600, "access": [] },
            "continue": { "uri": "https://unused.example", "access_token": { "value": "c" } },
        }))
    };
    let renewed = token.clone();
    let router = Router::new()
        .route(
            "/",
            post(async move |State(asked): State<Arc<Asked>>| {
                token(format!("granted {}", asked.grants.fetch_add(1, Ordering::SeqCst)))
            }),
        )
        .route(
            "/behind/a/proxy/7",
            post(async move |State(asked): State<Arc<Asked>>| {
                renewed(format!("renewed {}", asked.rotations.fetch_add(1, Ordering::SeqCst)))
            }),
        )
        .with_state(asked);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

pub(crate) async fn payments(database: TestDatabase) -> (Payments, Arc<ManualClock>, Node) {
    let clock = testkit::manual_clock();
    let setup = Setup { http: OutboundConfig::development(), ..Setup::new("cloudnine", clock.clone()) };
    let node = Node::of(database, setup, "USD").await;
    (node.payments.clone(), clock, node)
}

const ACTIONS: [Action; 2] = [Action::Create, Action::ReadAll];

on_each_database! {
    async fn callers_that_need_a_grant_at_once_request_one(database) {
        let asked = Arc::new(Asked::default());
        let server = serve(asked.clone(), Managed::Here).await;
        let (payments, _, _node) = payments(database).await;
        let wanted = (0..10).map(|_| payments.held_grant(&server, &ACTIONS));
        for held in futures::future::join_all(wanted).await {
            assert_eq!(held.unwrap().access_token, "granted 0");
        }
        let afterwards = Payments::new(payments.0.parts.clone());
        assert_eq!(afterwards.held_grant(&server, &[Action::Read]).await.unwrap().access_token, "granted 0");
        assert_eq!(asked.grants.load(Ordering::SeqCst), 1);
    }

    async fn a_grant_is_renewed_ten_seconds_before_it_runs_out_and_where_the_server_said(database) {
        let asked = Arc::new(Asked::default());
        let server = serve(asked.clone(), Managed::Here).await;
        let (payments, clock, _node) = payments(database).await;
        let first = payments.held_grant(&server, &ACTIONS).await.unwrap();
        assert!(first.management_url.ends_with("/behind/a/proxy/7?tenant=x"), "{}", first.management_url);
        clock.advance(Duration::from_secs(589));
        assert_eq!(payments.held_grant(&server, &ACTIONS).await.unwrap().access_token, "granted 0");
        clock.advance(Duration::from_secs(1));
        assert_eq!(payments.held_grant(&server, &ACTIONS).await.unwrap().access_token, "renewed 0");
        assert_eq!((asked.grants.load(Ordering::SeqCst), asked.rotations.load(Ordering::SeqCst)), (1, 1));
    }

    async fn a_grant_whose_management_cannot_be_reached_is_replaced_by_another(database) {
        let asked = Arc::new(Asked::default());
        let server = serve(asked.clone(), Managed::OutOfReach).await;
        let (payments, clock, _node) = payments(database).await;
        for expected in ["granted 0", "granted 1", "granted 2"] {
            assert_eq!(payments.held_grant(&server, &ACTIONS).await.unwrap().access_token, expected);
            clock.advance(Duration::from_mins(10));
        }
        assert_eq!(asked.rotations.load(Ordering::SeqCst), 0);
    }

    async fn a_grant_renewed_by_another_process_is_used_and_not_asked_for_again(database) {
        let asked = Arc::new(Asked::default());
        let server = serve(asked.clone(), Managed::OutOfReach).await;
        let (payments, clock, _node) = payments(database).await;
        let first = payments.held_grant(&server, &ACTIONS).await.unwrap();
        clock.advance(Duration::from_mins(10));
        let renewed = payments_store::HeldGrant {
            access_token: "renewed elsewhere".into(),
            expires_at: Some(clock.now() + Duration::from_mins(10)),
            ..first.clone()
        };
        let unit = payments.begin().await.unwrap();
        assert!(unit.every_tenant().renew_held_grant(&renewed, &first.access_token, clock.now()).await.unwrap());
        assert!(!unit.every_tenant().renew_held_grant(&first, &first.access_token, clock.now()).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(payments.held_grant(&server, &ACTIONS).await.unwrap().access_token, "renewed elsewhere");
        assert_eq!(asked.grants.load(Ordering::SeqCst), 1);
    }
}
