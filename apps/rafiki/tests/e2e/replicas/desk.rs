//! A desk in front of an institution's wallet: it adds data to payments, and decides about money with data.
//!
//! It passes all other events on to the wallet, which keeps the books.

use std::path::Path;
use std::sync::{Arc, Mutex};

use admin_client::{AdminClient, Mutation};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::asking::client;

/// What the desk answers about money with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Confirm,
    Reject(&'static str),
    Nothing,
}

/// Listens on a port of its own. Clones share one listener.
#[derive(Clone)]
pub(super) struct Desk(Arc<DeskState>);

struct DeskState {
    url: String,
    wallet: String,
    admin: AdminClient,
    /// The data that payments get.
    data: &'static str,
    answer: Mutex<Answer>,
    questions: Mutex<Vec<Value>>,
    http: reqwest::Client,
}

impl Desk {
    /// Opens the desk of the institution whose files are in `folder`.
    pub(super) fn open(runtime: &Runtime, facts: &Value, folder: &Path, data: &'static str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment = std::fs::read_to_string(folder.join("backend.env")).unwrap();
        let wallet = environment.lines().find_map(|line| line.strip_prefix("WEBHOOK_URL=")).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://localhost:{}/webhooks", listener.local_addr().unwrap().port());
        // Nothing here uses TLS. The client still needs the provider of the system under test.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let desk = Self(Arc::new(DeskState {
            url,
            wallet: wallet.trim_matches(['"', '\'']).to_owned(),
            admin: client(facts),
            data,
            answer: Mutex::new(Answer::Confirm),
            questions: Mutex::default(),
            http: reqwest::Client::builder().build().unwrap(),
        }));
        let router = Router::new().fallback(event).with_state(desk.clone());
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        desk
    }

    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    /// Answers like this from now on.
    pub(super) fn answer(&self, answer: Answer) {
        *self.0.answer.lock().unwrap() = answer;
    }

    /// The questions since the last call, as the events' data.
    pub(super) fn take_questions(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.questions.lock().unwrap())
    }

    /// Decides. Returns whether that has an effect.
    pub(super) async fn decide(&self, question: &Value, answer: Answer) -> bool {
        let input = json!({"incomingPaymentId": question["id"], "partialIncomingPaymentId": question["partialIncomingPaymentId"]});
        let (mutation, input) = match answer {
            Answer::Confirm => (Mutation::ConfirmPartialIncomingPayment, input),
            Answer::Reject(reason) => {
                let mut input = input;
                input["reason"] = json!(reason);
                (Mutation::RejectPartialIncomingPayment, input)
            }
            Answer::Nothing => return false,
        };
        self.0.admin.change(mutation, input).await.unwrap()["success"] == true
    }
}

async fn event(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let data = &event["data"];
    match event["type"].as_str().unwrap() {
        "outgoing_payment.created" => {
            let key = format!("with data {}", data["id"]);
            let input = json!({"outgoingPaymentId": data["id"], "idempotencyKey": key, "dataToTransmit": desk.0.data});
            // If the event is repeated, the deposit was made before. The wallet finds it made.
            let _ = desk.0.admin.change(Mutation::DepositOutgoingPaymentLiquidity, input).await;
        }
        "incoming_payment.partial_payment_received" => {
            desk.0.questions.lock().unwrap().push(data.clone());
            let answer = *desk.0.answer.lock().unwrap();
            desk.decide(data, answer).await;
            return StatusCode::OK;
        }
        _ => {}
    }
    let mut request = desk.0.http.post(&desk.0.wallet).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length")) {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => StatusCode::from_u16(answer.status().as_u16()).unwrap(),
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}
