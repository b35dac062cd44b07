//! Reads what the backend tells its operator beside the Admin API: the watch over the ledger, and its main accounts.
//!
//! Rafiki 2.4 has neither.

use admin_signature::Audience;
use clock::Timestamp;
use http::StatusCode;
use outbound_http::{Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::AdminError;
use crate::client::AdminClient;

/// What the watch over the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerWatchView {
    /// `here`, `elsewhere`, `off` or `failing`.
    pub monitor: String,
    /// Why it fails.
    pub reason: Option<String>,
    /// When this process looked last.
    pub last_look_at: Option<Timestamp>,
    /// How many faults are known.
    pub alarm_count: u64,
    /// The first of them.
    pub alarms: Vec<LedgerAlarmView>,
}

/// A fault of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerAlarmView {
    /// Its kind.
    pub kind: String,
    /// What is wrong.
    pub reason: String,
    /// When it was found.
    pub detected_at: Timestamp,
}

/// A main account of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MainAccountView {
    /// Its id.
    pub id: Uuid,
    /// The code of its asset.
    pub asset_code: String,
    /// Decimal places.
    pub asset_scale: u8,
    /// For example `settlement USD` or `peer Happy Life Bank`.
    pub name: String,
    /// Posted debits, in digits.
    pub debits: String,
    /// Posted credits, in digits.
    pub credits: String,
    /// What pending transfers hold, in digits.
    pub pending: String,
    /// Why the last exchange with a peer failed.
    #[serde(default)]
    pub last_failure: Option<String>,
}

#[derive(Deserialize)]
struct Health {
    ledger: LedgerWatchView,
}

impl AdminClient {
    /// What the watch over the ledger says; `None` if the instance has none.
    pub async fn ledger_watch(&self) -> Result<Option<LedgerWatchView>, AdminError> {
        let url = self.beside("/health")?;
        let endpoint = url.to_string();
        let answer = self.http().send(Request::get(url).configured()).await;
        let answer = answer.map_err(|error| AdminError::Unreachable { endpoint, reason: error.to_string() })?;
        // An alarm has status 503 and the same document.
        Ok(told(&answer)?.map(|health: Health| health.ledger))
    }

    /// The accounts of assets and peers. Only the operator may ask. `None` if the instance does not tell them.
    pub async fn main_accounts(&self) -> Result<Option<Vec<MainAccountView>>, AdminError> {
        let url = self.beside("/ledger/accounts")?;
        told(&self.post(&url, json!({}), Audience::LedgerView).await?)
    }

    pub(crate) fn beside(&self, path: &str) -> Result<Url, AdminError> {
        self.endpoint().join(path).map_err(|error| AdminError::Unexpected(error.to_string()))
    }
}

fn told<T: DeserializeOwned>(answer: &Response) -> Result<Option<T>, AdminError> {
    if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED) {
        return Ok(None);
    }
    answer.json().map(Some).map_err(|error| AdminError::Unexpected(error.to_string()))
}
