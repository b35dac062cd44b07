//! Sends one request to another institution, repeats it as the policy allows, and reads its answer as JSON.
//!
//! It does not know what the answer means.

use std::sync::Arc;

use clock::{Clock, Stopwatch};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use open_payments::WalletAddress;
use outbound_http::{Outbound, OutboundError, Request, Response};
use outside_text::{Bounds, check_json, check_line};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::ClientError;
use crate::retry::{RetryPolicy, asked_pause, is_passing};

/// Calls other institutions.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) outbound: Outbound,
    pub(crate) policy: RetryPolicy,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Caller {
    /// Sends `request` and reads a 2xx answer as `T`. What another institution writes is a stranger's text: it is
    /// stored and shown here, so it has the bounds of a request.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, ClientError> {
        Ok(self.json_with_headers(request).await?.0)
    }

    /// As [`Caller::json`], with the headers of the answer.
    pub(crate) async fn json_with_headers<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<(T, HeaderMap), ClientError> {
        let url = request.url.to_string();
        let response = self.answer(request).await?;
        let document: Value = response.json().map_err(|error| ClientError::unusable(&url, error))?;
        check_json("the answer", &document, Bounds::REQUEST).map_err(|unfit| ClientError::unusable(&url, unfit))?;
        let document = serde_json::from_value(document).map_err(|error| ClientError::unusable(&url, error))?;
        Ok((document, response.headers))
    }

    /// Sends `request` and requires a 2xx answer.
    pub(crate) async fn answer(&self, request: Request) -> Result<Response, ClientError> {
        let url = request.url.to_string();
        let response = self.attempts(request.deadline(self.policy.attempt)).await?;
        if response.status.is_success() { Ok(response) } else { Err(ClientError::from_response(&url, &response)) }
    }

    async fn attempts(&self, request: Request) -> Result<Response, OutboundError> {
        if request.method != Method::GET {
            return self.outbound.send(request).await;
        }
        let started = Stopwatch::start();
        let mut made = 0;
        loop {
            let result = self.outbound.send(request.clone()).await;
            made += 1;
            let asked = match &result {
                Ok(response) if is_passing(response.status) => {
                    asked_pause(response.status, &response.headers, self.clock.now())
                }
                // A server that did not answer in time is not called again: the time is used up.
                Err(OutboundError::Connect { .. } | OutboundError::Broken { .. }) => None,
                _ => return result,
            };
            match self.policy.pause(made, asked, started.elapsed()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return result,
            }
        }
    }
}

/// The header that names a request that may be repeated (the IETF draft "The Idempotency-Key HTTP Header Field").
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A POST of `body`. Servers that support the header do requests with the same `key` once.
pub(crate) fn post_once(url: Url, body: &impl Serialize, key: Option<&str>) -> Result<Request, ClientError> {
    let called = url.to_string();
    let call = Request::post_json(url, body).map_err(|error| ClientError::unusable(&called, error))?;
    Ok(named(call, key))
}

/// A request with this key, if it has one.
pub(crate) fn named(call: Request, key: Option<&str>) -> Request {
    match key.and_then(|key| HeaderValue::from_str(key).ok()) {
        Some(key) => call.header(IDEMPOTENCY_KEY, key),
        None => call,
    }
}

/// Parses `text`, a URL from another institution.
pub(crate) fn parse_url(text: &str) -> Result<Url, ClientError> {
    let url = parse_told_url(text)?;
    if url.query().is_none() { Ok(url) } else { Err(ClientError::Url(text.to_owned())) }
}

/// The longest URL that is called, in characters.
const URL_LENGTH_MAX: usize = 2048;

/// A URL from a server, which is called unchanged, with its query (RFC 9635 section 3.2.1).
pub(crate) fn parse_told_url(text: &str) -> Result<Url, ClientError> {
    // It is stored, and looked up by its text.
    let short = check_line(text, URL_LENGTH_MAX).is_ok();
    let told = Url::parse(text)
        .ok()
        .filter(|_| short)
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none());
    told.ok_or_else(|| ClientError::Url(text.to_owned()))
}

/// `base` with `segment` appended to its path, without normalising the base.
pub(crate) fn append(base: &str, segment: &str) -> Result<Url, ClientError> {
    parse_url(base)?;
    parse_url(&format!("{base}/{segment}"))
}

/// The server of the payments of a wallet address: its resource server, or the origin of its id if it has none.
pub(crate) fn resource_server(document: &WalletAddress) -> Result<String, ClientError> {
    match &document.resource_server {
        Some(server) => Ok(server.trim_end_matches('/').to_owned()),
        None => Ok(parse_url(&document.id)?.origin().ascii_serialization()),
    }
}
