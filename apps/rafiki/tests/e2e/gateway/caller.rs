//! A client of Open Payments outside of the gateway: TLS with the test's authority, signatures by its own key.
//!
//! It knows no institution from the inside.

use std::sync::Arc;

use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use http_signatures::{Signer, SigningKey};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::Value;

/// Whom the servers take it for, and how it reaches them.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) http: reqwest::Client,
    signer: Arc<Signer>,
    /// Its wallet address.
    pub(super) identity: String,
}

/// A request before it is signed.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
    pub(super) more: &'a [(&'static str, &'a str)],
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) json: Value,
}

impl<'a> Call<'a> {
    pub(super) fn get(url: &'a str) -> Self {
        Self { method: Method::GET, url, token: None, body: None, more: &[] }
    }

    pub(super) fn post(url: &'a str, body: &'a Value) -> Self {
        Self { method: Method::POST, url, token: None, body: Some(body), more: &[] }
    }

    pub(super) fn with(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }
}

impl Caller {
    /// A client whose key is in `key_pem`. It believes `authority`, and finds every name below `localhost` here.
    pub(super) fn new(authority: &str, identity: &str, key_pem: &str, key_id: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([Certificate::from_pem(authority.as_bytes()).unwrap()])
            .redirect(reqwest::redirect::Policy::none());
        for name in ["auth.localhost", "ilp.localhost", "my.localhost", "admin.localhost"] {
            builder = builder.resolve(name, ([127, 0, 0, 1], 0).into());
        }
        let signer = Arc::new(Signer::new(SigningKey::from_text(key_pem).unwrap(), key_id).unwrap());
        Self { http: builder.build().unwrap(), signer, identity: identity.to_owned() }
    }

    /// Signs and sends it.
    pub(super) async fn send(&self, call: Call<'_>) -> Told {
        let (headers, body) = self.signed(&call, call.url);
        self.deliver(&call, headers, body).await.unwrap()
    }

    /// Signs it for the address `signed_url`, and gives its headers and body.
    pub(super) fn signed(&self, call: &Call<'_>, signed_url: &str) -> (HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        if let Some(token) = call.token {
            headers.insert(AUTHORIZATION, format!("GNAP {token}").try_into().unwrap());
        }
        let body = call.body.map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
        let (method, nonce) = (call.method.as_str(), SystemEntropy.uuid().simple().to_string());
        self.signer.sign_once(method, signed_url, &mut headers, &body, SystemClock.now(), &nonce).unwrap();
        for (name, value) in call.more {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        (headers, body)
    }

    /// Sends it with these headers.
    pub(super) async fn deliver(
        &self,
        call: &Call<'_>,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Told, reqwest::Error> {
        // The client writes it itself.
        headers.remove(CONTENT_LENGTH);
        let answer = self.http.request(call.method.clone(), call.url).headers(headers).body(body).send().await?;
        let (status, bytes) = (answer.status(), answer.bytes().await?);
        Ok(Told { status, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    /// What is expected to be answered with success.
    pub(super) async fn ask(&self, call: Call<'_>) -> Value {
        let what = format!("{} {}", call.method, call.url);
        let told = self.send(call).await;
        assert!(told.status.is_success(), "{what}: {told:?}");
        told.json
    }
}
