//! Sends one signed document and reads its answer.
//!
//! It does not retry: the caller may repeat a call with the same idempotency key.

use std::sync::Arc;
use std::time::Duration;

use admin_signature::{Audience, addressed, canonical, sign};
use bytes::Bytes;
use clock::{Clock, Entropy, SystemEntropy};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use outbound_http::{Outbound, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_identity::CallerProof;
use url::Url;
use uuid::Uuid;

use crate::AdminError;
use crate::error::GraphQlError;

/// Creating a receiver asks another institution, which may be slow.
const DEADLINE: Duration = Duration::from_secs(30);
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// The tenant for which the client acts.
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
    audience: Audience,
    credentials: Arc<Credentials>,
    http: Outbound,
    clock: Arc<dyn Clock>,
    shows: Shows,
}

/// How a client proves who it is.
#[derive(Clone)]
enum Shows {
    /// By the signature of the tenant's secret.
    Signature,
    /// By the proof of a service.
    Proof(CallerProof),
}

#[derive(Deserialize)]
pub(crate) struct GraphQlAnswer {
    #[serde(default)]
    pub(crate) data: Value,
    #[serde(default)]
    errors: Vec<GraphQlError>,
    #[serde(default)]
    pub(crate) extensions: Value,
}

impl AdminClient {
    /// A client of the API at `endpoint` (the whole URL, `…/graphql`).
    pub fn new(endpoint: Url, credentials: Credentials, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint,
            audience: Audience::Backend,
            credentials: Arc::new(credentials),
            http,
            clock,
            shows: Shows::Signature,
        }
    }

    /// A client of the authorization server's Admin API at `endpoint`.
    pub fn of_auth(endpoint: Url, credentials: Credentials, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { audience: Audience::Auth, ..Self::new(endpoint, credentials, http, clock) }
    }

    /// Shows what a service shows instead of a signature.
    pub fn with_proof(self, proof: CallerProof) -> Self {
        Self { shows: Shows::Proof(proof), ..self }
    }

    /// The tenant for which this client acts.
    pub fn tenant_id(&self) -> Uuid {
        self.credentials.tenant_id
    }

    /// Where the Admin API is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    pub(crate) fn http(&self) -> &Outbound {
        &self.http
    }

    /// Runs `document` and reads the value at `path` (a JSON pointer) in its data; `null` reads as `Option::None`.
    pub(crate) async fn run<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
        path: &str,
    ) -> Result<T, AdminError> {
        let mut answer = self.ask(json!({"query": document, "variables": variables}), self.audience).await?;
        let found = answer.data.pointer_mut(path).map(Value::take).unwrap_or_default();
        serde_json::from_value(found).map_err(|error| AdminError::Unexpected(format!("{path}: {error}")))
    }

    /// Sends a whole request. An answer with errors is a refusal.
    pub(crate) async fn ask(&self, body: Value, audience: Audience) -> Result<GraphQlAnswer, AdminError> {
        let unreachable = |reason: String| AdminError::Unreachable { endpoint: self.endpoint.to_string(), reason };
        let response = self.post(&self.endpoint, body, audience).await?;
        let answer: GraphQlAnswer = match response.status {
            StatusCode::UNAUTHORIZED => return Err(AdminError::Unauthorized),
            StatusCode::SERVICE_UNAVAILABLE => {
                return Err(unreachable("it is stopping, or the provider of tokens does not answer".to_owned()));
            }
            status => response
                .json()
                .map_err(|error| AdminError::Unexpected(format!("{status} {} ({error})", response.excerpt())))?,
        };
        match answer.errors.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(GraphQlAnswer { errors: Vec::new(), ..answer }),
        }
    }

    /// Posts `body` to a URL of the same instance, with the proof of this client.
    pub async fn post(&self, url: &Url, body: Value, audience: Audience) -> Result<Response, AdminError> {
        let unreachable = |reason: String| AdminError::Unreachable { endpoint: url.to_string(), reason };
        match &self.shows {
            Shows::Signature => {
                let sent = self.http.send(self.signed(url, body, audience)).await;
                sent.map_err(|error| unreachable(error.to_string()))
            }
            Shows::Proof(proof) => {
                let sent = proof.send(&self.http, self.request(url, canonical(&body))).await;
                sent.map_err(|error| unreachable(error.to_string()))
            }
        }
    }

    /// A request that posts `body` to `url`, signed for `audience`.
    ///
    /// Two equal bodies signed by two processes within a millisecond would have equal signatures, and a server would
    /// refuse the second as a replay. So each body gets a unique text.
    fn signed(&self, url: &Url, body: Value, audience: Audience) -> Request {
        let credentials = &self.credentials;
        let unique = SystemEntropy.uuid().simple().to_string();
        let body = canonical(&addressed(body, audience, &unique));
        let header = sign(&credentials.secret, credentials.signature_version, self.clock.wall(), &body);
        with_header(self.request(url, body), "signature", &header)
    }

    fn request(&self, url: &Url, body: String) -> Request {
        let request = Request::new(Method::POST, url.clone())
            .configured()
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body))
            .deadline(DEADLINE)
            .limit(ANSWER_MAX);
        with_header(request, "tenant-id", &self.credentials.tenant_id.to_string())
    }
}

/// Identifiers and digests are visible ASCII, so they can be sent.
fn with_header(request: Request, name: &'static str, value: &str) -> Request {
    match HeaderValue::from_str(value) {
        Ok(value) => request.header(HeaderName::from_static(name), value),
        Err(_) => request,
    }
}

/// An explicit `null` clears a field, so fields without a value are left out.
pub(crate) fn without_nulls(mut input: Value) -> Value {
    if let Some(members) = input.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    input
}
