//! `GET /metrics` and `GET /health` on the Admin listener, for the operator's own machines.
//!
//! `/health` answers 503 while a person has to act. Load balancers use `/healthz`, which a ledger alarm does not
//! change.

use http_kit::{Access, Declared};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clock::Timestamp;
use ledger_verify::Alarm;
use serde_json::{Value, json};
use telemetry::Metrics;
use url::Url;

/// The most alarms shown. The total number is shown, too.
const SHOWN: usize = 20;

/// Which process watches the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// None: it is switched off, or the ledger is in this process only.
    #[default]
    Off,
    /// This process.
    Here,
    /// Another process that shares the ledger.
    Elsewhere,
    /// This process tries to watch, but cannot read the ledger.
    Failing {
        /// The reason.
        reason: String,
    },
}

/// The instance whose health is shown.
#[derive(Debug)]
pub struct Instance {
    /// `INSTANCE_NAME`.
    pub name: String,
    /// Its ILP address.
    pub ilp_address: String,
    /// The URL of its connector.
    pub connector_url: Url,
}

/// The state of the stored ledger. Clones share one state.
#[derive(Clone, Debug)]
pub struct LedgerHealth {
    instance: Arc<Instance>,
    state: Arc<Mutex<LedgerState>>,
}

#[derive(Debug, Default)]
struct LedgerState {
    watching: Watching,
    last_scan: Option<Timestamp>,
    /// The first alarms.
    alarms: Vec<(Timestamp, Alarm)>,
    count: u64,
}

impl LedgerHealth {
    /// The state of an instance before the first scan.
    pub fn of(instance: Instance) -> Self {
        Self { instance: Arc::new(instance), state: Arc::default() }
    }

    /// Notes a scan that ended at `now`, with its new alarms. Returns how many are known in all.
    ///
    /// An alarm stays until the process ends, because a fault that is not seen again is not known to be repaired.
    pub fn scanned(&self, watching: Watching, now: Timestamp, alarms: &[Alarm]) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if watching == Watching::Here {
            state.last_scan = Some(now);
        }
        state.watching = watching;
        state.count += alarms.len() as u64;
        let room = SHOWN.saturating_sub(state.alarms.len());
        state.alarms.extend(alarms.iter().take(room).map(|alarm| (now, alarm.clone())));
        state.count
    }

    fn document(&self) -> (StatusCode, Value) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (watching, reason) = match &state.watching {
            Watching::Off => ("off", None),
            Watching::Here => ("here", None),
            Watching::Elsewhere => ("elsewhere", None),
            Watching::Failing { reason } => ("failing", Some(reason)),
        };

        let alarms = state.alarms.iter().map(|(found_at, alarm)| {
            json!({ "id": alarm.id, "kind": alarm.kind.as_str(), "reason": alarm.reason, "detectedAt": found_at })
        });
        let ledger = json!({
            "monitor": watching,
            "reason": reason,
            "lastLookAt": state.last_scan,
            "alarmCount": state.count,
            "alarms": alarms.collect::<Vec<_>>(),
        });

        let (status, word) = match (state.count, reason) {
            (0, None) => (StatusCode::OK, "ok"),
            (0, Some(_)) => (StatusCode::SERVICE_UNAVAILABLE, "unknown"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "alarm"),
        };

        let Instance { name, ilp_address, connector_url } = &*self.instance;
        let instance = json!({ "name": name, "ilpAddress": ilp_address, "connectorUrl": connector_url });
        (status, json!({ "status": word, "instance": instance, "ledger": ledger }))
    }
}

/// `GET /metrics` and `GET /health`, for the Admin listener.
pub fn health_routes(metrics: Metrics, ledger: LedgerHealth) -> Router {
    Router::new()
        .declare("/metrics", Access::Machine, get(numbers))
        .with_state(metrics)
        .merge(Router::new().declare("/health", Access::Machine, get(health)).with_state(ledger))
}

async fn numbers(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

async fn health(State(ledger): State<LedgerHealth>) -> Response {
    let (status, document) = ledger.document();
    (status, Json(document)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_names_the_instance_and_where_peers_reach_it() {
        let health = LedgerHealth::of(Instance {
            name: "BANK".to_owned(),
            ilp_address: "test.bank".to_owned(),
            connector_url: "https://ilp.bank.example/".parse().unwrap(),
        });
        let (_, document) = health.document();
        let expected =
            json!({ "name": "BANK", "ilpAddress": "test.bank", "connectorUrl": "https://ilp.bank.example/" });
        assert_eq!(document["instance"], expected);
    }
}
