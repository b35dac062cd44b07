//! The account-servicing entity of both institutions. It funds every payment that is announced to it, and signals the
//! end of payments.
//!
//! It keeps no books, because only the institutions are measured.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use admin_client::{AdminClient, Credentials};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::SystemClock;
use outbound_http::{Outbound, OutboundConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;
use uuid::Uuid;

use crate::{Institutions, Outcome};

/// How a payment ended: the type of its last event.
type End = String;

/// Listens on a port of its own. Clones share one listener.
#[derive(Clone)]
pub struct Entity(Arc<EntityState>);

struct EntityState {
    url: String,
    waiting: Mutex<HashMap<Uuid, oneshot::Sender<End>>>,
    /// Payments that ended before a payer waited for them.
    ended: Mutex<HashMap<Uuid, End>>,
    /// The institution of the payers.
    payers: OnceLock<AdminClient>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl Entity {
    /// Starts to listen.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let (waiting, ended, payers) = (Mutex::default(), Mutex::default(), OnceLock::new());
        let entity = Self(Arc::new(EntityState { url, waiting, ended, payers }));
        let router =
            Router::new().route("/webhooks", post(event)).route("/rates", get(rates)).with_state(entity.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(entity)
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Sets the address of the first institution, which is the institution of the payers.
    pub fn serve(&self, institutions: &Institutions) -> Outcome<()> {
        let client = client(&institutions.facts()[0])?;
        self.0.payers.set(client).map_err(|_| "it serves others already".into())
    }

    /// Waits for the end of the payment.
    pub async fn end_of(&self, payment: Uuid) -> Outcome<End> {
        let end = {
            // Both locks at once, in the order of the code that signals, so that no end is missed.
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).remove(&payment);
            if let Some(end) = ended {
                return Ok(end);
            }
            let (sender, end) = oneshot::channel();
            waiting.insert(payment, sender);
            end
        };
        Ok(end.await?)
    }

    fn tell(&self, payment: Uuid, end: End) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(&payment) {
            // The waiting payer may have given up.
            Some(sender) => drop(sender.send(end)),
            None => drop(self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(payment, end)),
        }
    }
}

/// A client of an institution's Admin API, as its operator.
pub(crate) fn client(facts: &Value) -> Outcome<AdminClient> {
    let text = |name: &str| facts[name].as_str().ok_or_else(|| format!("no {name} in {facts}")).map(str::to_owned);
    let credentials =
        Credentials { tenant_id: text("tenantId")?.parse()?, secret: text("adminSecret")?, signature_version: 1 };
    let clock = Arc::new(SystemClock);
    let http = Outbound::new(OutboundConfig::development(), clock.clone())?;
    Ok(AdminClient::new(Url::parse(&text("adminUrl")?)?, credentials, http, clock))
}

async fn event(State(entity): State<Entity>, Json(event): Json<Event>) {
    let id = event.data["id"].as_str().and_then(|id| id.parse::<Uuid>().ok());
    let Some(id) = id.filter(|_| event.kind.starts_with("outgoing_payment.")) else { return };
    if event.kind != "outgoing_payment.created" {
        return entity.tell(id, event.kind);
    }
    let Some(client) = entity.0.payers.get().cloned() else { return };
    tokio::spawn(async move {
        if let Err(error) = client.deposit_outgoing_payment_liquidity(id, &format!("fund {id}")).await {
            entity.tell(id, format!("not funded: {error}"));
        }
    });
}

/// All payments here are in one currency.
async fn rates() -> Json<Value> {
    Json(json!({"base": "USD", "rates": {"EUR": 0.91}}))
}
