//! Rates services over HTTP (payments section 10.1).

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outbound_http::{Outbound, Request};
use url::Url;

use crate::fetch::{FetchError, FetchRates};

/// The reference's limit for a rates request.
const DEADLINE: Duration = Duration::from_secs(5);

/// A table of every currency takes a few kilobytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// Asks rates services with the house's client.
#[derive(Clone, Debug)]
pub struct HttpRates {
    client: Outbound,
}

impl HttpRates {
    /// Rates through `client`.
    pub fn new(client: Outbound) -> Self {
        Self { client }
    }
}

#[async_trait]
impl FetchRates for HttpRates {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        let request = Request::get(url).deadline(DEADLINE).limit(ANSWER_LIMIT).redirects(5).configured();
        let answer = self.client.send(request).await.map_err(|error| FetchError { reason: error.to_string() })?;
        if answer.status.as_u16() != 200 {
            return Err(FetchError { reason: format!("the rates service answered with status {}", answer.status) });
        }
        Ok(answer.body)
    }
}
