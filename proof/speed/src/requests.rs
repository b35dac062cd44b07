//! The requests that are measured, each as a client of the playground's first institution would send it.
//! How often they are sent is in `load`.

use std::sync::atomic::{AtomicU64, Ordering};

use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use http_signatures::Signer;
use serde_json::{Value, json};

use crate::load::Requests;
use crate::wire::request;

/// Sends the same request again and again.
pub(crate) struct Same {
    pub(crate) port: u16,
    pub(crate) octets: Vec<u8>,
}

impl Requests for Same {
    fn port(&self) -> u16 {
        self.port
    }

    fn next(&self) -> Vec<u8> {
        self.octets.clone()
    }

    fn is_good(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && !body.starts_with(b"{\"active\":false")
    }
}

/// Posts one body, with a new signature each time.
pub(crate) struct Signed {
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) token: Option<String>,
    pub(crate) signer: Signer,
    pub(crate) expected: u16,
}

impl Requests for Signed {
    fn port(&self) -> u16 {
        self.port
    }

    fn next(&self) -> Vec<u8> {
        let mut headers = HeaderMap::new();
        if let Some(token) = self.token.as_ref().and_then(|token| HeaderValue::from_str(&format!("GNAP {token}")).ok())
        {
            headers.insert(AUTHORIZATION, token);
        }
        let uri = format!("http://localhost:{}{}", self.port, self.path);
        let nonce = SystemEntropy.uuid().simple().to_string();
        let signed = self.signer.sign_once("POST", &uri, &mut headers, &self.body, SystemClock.now(), &nonce);
        debug_assert!(signed.is_ok());
        let host = format!("localhost:{}", self.port);
        let mut all = vec![("host", host.as_str())];
        all.extend(headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))));
        request("POST", &self.path, &all, &self.body)
    }

    fn is_good(&self, status: u16, _: &[u8]) -> bool {
        status == self.expected
    }
}

/// A query of the Admin API, with a new signature each time.
pub(crate) struct AdminQuery {
    pub(crate) port: u16,
    pub(crate) tenant: String,
    pub(crate) secret: String,
    pub(crate) body: Value,
    pub(crate) count: AtomicU64,
}

impl Requests for AdminQuery {
    fn port(&self) -> u16 {
        self.port
    }

    fn next(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        // A unique value, so that the signature is unique too.
        body["extensions"] = json!({"unique": self.count.fetch_add(1, Ordering::Relaxed)});
        let canonical = admin_signature::canonical(&body);
        let signature = admin_signature::sign(&self.secret, 1, SystemClock.now(), &canonical);
        let host = format!("localhost:{}", self.port);
        let headers = [
            ("host", host.as_str()),
            ("content-type", "application/json"),
            ("signature", &signature),
            ("tenant-id", &self.tenant),
        ];
        request("POST", "/graphql", &headers, canonical.as_bytes())
    }

    fn is_good(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && !body.windows(8).any(|octets| octets == b"\"errors\"")
    }
}
