//! One call: its request, its time limit and its size limit.
//!
//! It is not sent here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_signatures::Signer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The origin of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The URL comes from outside, so the address guard applies.
    Stranger,
    /// The operator gave the URL, in the configuration or through the Admin API. The address guard does not apply.
    Configured,
}

/// How an answer is handled that is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeyondLimit {
    /// The call fails.
    Refuse,
    /// The rest is not read. The caller needs the status only.
    Leave,
}

/// A call to make. The address guard applies unless it is turned off.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: Url,
    /// All headers except those for connections, length and signature.
    pub headers: HeaderMap,
    /// The name to send as `Host`, if it is not that of the URL: a proxy passes on the name that its client used.
    pub host: Option<HeaderValue>,
    /// The body; empty means no body.
    pub body: Bytes,
    /// The time for the whole call, with redirects and reading.
    pub deadline: Duration,
    /// The most bytes of the answer that are read.
    pub limit: usize,
    /// How a longer answer is handled.
    pub beyond_limit: BeyondLimit,
    /// The origin of the URL.
    pub destination: Destination,
    /// The most redirects of an unsigned `GET` that are followed.
    pub redirects: u8,
    /// The signer of the request, if it is signed.
    pub signer: Option<Arc<Signer>>,
}

impl Request {
    /// A call without body to a stranger's URL: 5 seconds, 64 KiB, no redirects.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            host: None,
            body: Bytes::new(),
            deadline: Duration::from_secs(5),
            limit: 64 * 1024,
            beyond_limit: BeyondLimit::Refuse,
            destination: Destination::Stranger,
            redirects: 0,
            signer: None,
        }
    }

    /// `GET` of a JSON document.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url).header(ACCEPT, JSON)
    }

    /// `POST` without body.
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url).header(ACCEPT, JSON)
    }

    /// `POST` of a JSON document in its compact form, as digests of official implementations require.
    pub fn post_json(url: Url, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        Ok(Self::post(url).header(CONTENT_TYPE, JSON).body(body))
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets `Authorization`, marked as secret. A value that cannot be sent is left out.
    pub fn authorization(mut self, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Sets the time for the whole call.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the most bytes read of the answer.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Reads only the first `limit` bytes of the answer, even if it is longer.
    pub fn beginning_of_answer(mut self, limit: usize) -> Self {
        self.limit = limit;
        self.beyond_limit = BeyondLimit::Leave;
        self
    }

    /// Marks the URL as chosen by the operator.
    pub fn configured(mut self) -> Self {
        self.destination = Destination::Configured;
        self
    }

    /// Follows up to `redirects` redirects if the call is an unsigned `GET` without `Authorization`.
    pub fn redirects(mut self, redirects: u8) -> Self {
        self.redirects = redirects;
        self
    }

    /// Signs the request when it is sent.
    pub fn signed(mut self, signer: Arc<Signer>) -> Self {
        self.signer = Some(signer);
        self
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The beginning of the body as text, for messages.
    pub fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(200)]).into_owned()
    }
}
