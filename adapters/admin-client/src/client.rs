//! Sends one signed document and reads its answer.
//!
//! Not a retry policy: repeating is the caller's, with the same idempotency key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Timestamp};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::error::GraphQlError;
use crate::{AdminError, signature};

/// Creating a receiver asks another institution, which may be slow.
const DEADLINE: Duration = Duration::from_secs(30);
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// As which tenant the client speaks.
#[derive(Clone)]
pub struct Credentials {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Its API secret.
    pub secret: String,
    /// The signature version agreed on.
    pub signature_version: u32,
}

/// A client of one backend's Admin API for one tenant. Cheap to clone.
#[derive(Clone)]
pub struct AdminClient {
    endpoint: Url,
    credentials: Arc<Credentials>,
    http: Outbound,
    clock: Arc<dyn Clock>,
    last_signed: Arc<AtomicI64>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<GraphQlError>,
}

impl AdminClient {
    /// A client of the API at `endpoint` (the whole URL, `…/graphql`).
    pub fn new(endpoint: Url, credentials: Credentials, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { endpoint, credentials: Arc::new(credentials), http, clock, last_signed: Arc::default() }
    }

    /// The tenant this client speaks as.
    pub fn tenant_id(&self) -> Uuid {
        self.credentials.tenant_id
    }

    /// Runs `document` and reads what stands at `path` (a JSON pointer) in its data; `null` reads as `Option::None`.
    pub(crate) async fn run<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
        path: &str,
    ) -> Result<T, AdminError> {
        let unexpected = |what: String| AdminError::Unexpected(what);
        let body = signature::canonical(&json!({"query": document, "variables": variables}));
        let answer: Answer = {
            let response = self.http.send(self.signed(body)).await.map_err(|error| AdminError::Unreachable {
                endpoint: self.endpoint.to_string(),
                reason: error.to_string(),
            })?;
            match response.status {
                StatusCode::UNAUTHORIZED => return Err(AdminError::Unauthorized),
                StatusCode::SERVICE_UNAVAILABLE => {
                    return Err(AdminError::Unreachable {
                        endpoint: self.endpoint.to_string(),
                        reason: "it is stopping".to_owned(),
                    });
                }
                _ => response
                    .json()
                    .map_err(|error| unexpected(format!("{} {} ({error})", response.status, response.excerpt())))?,
            }
        };
        if let Some(error) = answer.errors.into_iter().next() {
            return Err(error.into());
        }
        let found = answer.data.pointer(path).cloned().unwrap_or(Value::Null);
        serde_json::from_value(found).map_err(|error| unexpected(format!("{path}: {error}")))
    }

    /// The time, a millisecond later than the last one signed if need be: the server takes two equal requests
    /// signed at one instant for a replay.
    fn signing_time(&self) -> Timestamp {
        let now = self.clock.now().as_millis();
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.last_signed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        Timestamp::from_millis(last.map_or(now, |last| now.max(last.saturating_add(1))))
    }

    fn signed(&self, body: String) -> Request {
        let credentials = &self.credentials;
        let header = signature::sign(&credentials.secret, credentials.signature_version, self.signing_time(), &body);
        let mut request = Request::new(Method::POST, self.endpoint.clone())
            .configured()
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body))
            .deadline(DEADLINE)
            .limit(ANSWER_MAX);
        for (name, value) in [("tenant-id", credentials.tenant_id.to_string()), ("signature", header)] {
            // Identifiers and digests are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(&value) {
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        request
    }
}
