//! Calls rates services over HTTP.
//!
//! It does not read their answers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outbound_http::{Outbound, Request};
use service_identity::CallerProof;
use url::Url;

use crate::fetch::{FetchError, FetchRates};

/// The reference's limit for a rates request.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest answer. A table of all currencies has a few kilobytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// Calls rates services with the shared HTTP client.
///
/// The operator's service may have any address. Services of tenants are strangers' URLs.
#[derive(Clone, Debug)]
pub struct HttpRates {
    client: Outbound,
    operators: Option<Url>,
    proof: Option<CallerProof>,
}

impl HttpRates {
    /// Makes a source of rates that uses `client`. `operators` is the service that the operator configured, if there is
    /// one.
    pub fn new(client: Outbound, operators: Option<Url>) -> Self {
        Self { client, operators, proof: None }
    }

    /// Proves to the operator's service who asks. Services of tenants get no proof.
    pub fn with_proof(self, proof: CallerProof) -> Self {
        Self { proof: Some(proof), ..self }
    }

    /// Whether `url` is the operator's own service. The query, which names the base, does not matter.
    fn is_operators(&self, url: &Url) -> bool {
        self.operators.as_ref().is_some_and(|own| own.origin() == url.origin() && own.path() == url.path())
    }
}

#[async_trait]
impl FetchRates for HttpRates {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        let trusted = self.is_operators(&url);
        let request = Request::get(url).deadline(DEADLINE).limit(ANSWER_LIMIT).redirects(5);
        let answer = match (&self.proof, trusted) {
            (Some(proof), true) => {
                proof.send(&self.client, request.configured()).await.map_err(|error| reason(&error))?
            }
            (None, true) => self.client.send(request.configured()).await.map_err(|error| reason(&error))?,
            (_, false) => self.client.send(request).await.map_err(|error| reason(&error))?,
        };
        if answer.status.as_u16() != 200 {
            return Err(FetchError { reason: format!("the rates service answered with status {}", answer.status) });
        }
        Ok(answer.body)
    }
}

fn reason(error: &dyn std::error::Error) -> FetchError {
    FetchError { reason: error.to_string() }
}
