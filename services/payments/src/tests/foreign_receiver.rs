//! Incoming payments at another institution that makes false claims about them.
//! Honest institutions are in `flow`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::receivers::manage_receiver::CompleteReceiverError;
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::tests::held_grant::payments;
use crate::tests::testing::OPERATOR;

const ID: &str = "a1b2c3d4-0000-4000-8000-000000000001";

/// A server with one payment. `named` makes the payment's `id` from the server's own URL.
async fn serve(named: fn(&str) -> String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let show = async move |State(url): State<String>, method: Method, headers: HeaderMap| -> Json<Value> {
        if !headers.contains_key("authorization") {
            return Json(json!({ "authServer": url }));
        }
        let zero = json!({ "value": "0", "assetCode": "USD", "assetScale": 2 });
        Json(json!({
            "id": named(&url), "walletAddress": "https://far.example/bob", "receivedAmount": zero, "completed": method == Method::POST,
            "createdAt": "2026-01-01T00:00:00.000Z", "expiresAt": "2026-12-01T00:00:00.000Z", "methods": [],
        }))
    };
    let given = Arc::new(AtomicUsize::new(0));
    let own = url.clone();
    let token = async move || -> Json<Value> {
        let number = given.fetch_add(1, Ordering::SeqCst);
        Json(json!({
            "access_token": { "value": format!("{own} {number}"), "manage": "https://m.example/1", "access": [] },
            "continue": { "uri": "https://c.example", "access_token": { "value": "c" } },
        }))
    };
    let router = Router::new()
        .route("/", post(token))
        .route("/incoming-payments/{id}", get(show))
        .route("/incoming-payments/{id}/complete", post(show))
        .with_state(url.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

on_each_database! {
    async fn a_payment_that_names_itself_as_it_was_asked_for_is_believed(database) {
        let (payments, _, _node) = payments(database).await;
        let server = serve(|url| format!("{url}/incoming-payments/{ID}")).await;
        let spelled = format!("{}/./incoming-payments/{ID}/", server.replace("https", "HTTPS"));
        let receiver = payments.resolve_receiver(&spelled).await.unwrap();
        assert_eq!(receiver.url, format!("{server}/incoming-payments/{ID}"));
        assert!(payments.complete_receiver(OPERATOR, &spelled).await.is_ok());
    }

    async fn a_payment_that_names_itself_otherwise_is_not_believed(database) {
        let (payments, _, _node) = payments(database).await;
        let elsewhere = serve(|_| format!("https://third.example/incoming-payments/{ID}")).await;
        let another = serve(|url| format!("{url}/incoming-payments/{}", ID.replace('1', "2"))).await;
        let ours = serve(|_| format!("https://cloudnine.example/incoming-payments/{ID}")).await;
        for server in [elsewhere, another, ours] {
            let url = format!("{server}/incoming-payments/{ID}");
            let resolved = payments.resolve_receiver(&url).await;
            assert!(
                matches!(resolved, Err(ResolveReceiverError::Remote(_) | ResolveReceiverError::NotFound)),
                "{resolved:?}"
            );
            let completed = payments.complete_receiver(OPERATOR, &url).await;
            assert!(matches!(completed, Err(CompleteReceiverError::UnknownPayment)), "{completed:?}");
        }
    }
}
