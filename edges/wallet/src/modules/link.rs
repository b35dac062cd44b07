//! A question to a module: asked in this process, or as JSON over HTTP with a proof of who asks.
//!
//! Both ways make the same answer of the same question. An answer may be lost, so every question may be asked again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use outbound_http::{Outbound, Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_identity::CallerProof;
use url::Url;

use super::runs::Module;

/// A module has this time to answer. It may have to ask the instance first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// The same for what a page can do without. Its reader does not wait longer.
const BRIEFLY: Duration = Duration::from_secs(2);
/// The same for a page.
const PAGE_WITHIN: Duration = Duration::from_secs(30);
/// The longest answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// The longest page. An export is the longest.
const PAGE_MAX: usize = 32 * 1024 * 1024;

/// Answers the questions to one module.
#[async_trait]
pub(crate) trait Answers<Q>: Send + Sync {
    /// The answer, as it is sent.
    async fn answer(&self, asked: Q) -> Result<Value, ModuleError>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModuleError {
    #[error("the module {module} of the wallet does not answer: {reason}")]
    Away { module: Module, reason: String },
    #[error(
        "the module {0} of the wallet does not accept the proof of this process: compare WALLET_MODULES_SECRET, or \
         the settings of SERVICE_AUTH, on both sides"
    )]
    Proof(Module),
    #[error("the answer of a module of the wallet cannot be read; are both processes of the same version? {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] database::Error),
    /// The instance did not answer the module, or has refused.
    #[error("{reason}")]
    Instance { reason: String, may_pass: bool },
    /// The module failed otherwise.
    #[error("{reason}")]
    Failed { reason: String, may_pass: bool },
}

impl ModuleError {
    /// Whether a later attempt may succeed. People correct proofs and versions.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Proof(_) | Self::Unreadable(_) => true,
            Self::Store(error) => error.is_retriable(),
            Self::Instance { may_pass, .. } | Self::Failed { may_pass, .. } => *may_pass,
        }
    }

    /// The module that does not answer, if it is known.
    pub(crate) fn module(&self) -> Option<Module> {
        match self {
            Self::Away { module, .. } | Self::Proof(module) => Some(*module),
            Self::Unreadable(_) | Self::Store(_) | Self::Instance { .. } | Self::Failed { .. } => None,
        }
    }

    /// Whether the other module has no answer. What failed in this database, or at the instance, is something else.
    pub(crate) fn is_without_answer(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Proof(_) | Self::Unreadable(_) | Self::Failed { .. })
    }
}

/// How a failure is told over HTTP.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// Whether it was the instance that did not answer.
    of_instance: bool,
    /// The module that did not answer, if this one had to ask another.
    #[serde(default)]
    away: Option<Module>,
    may_pass: bool,
    reason: String,
}

/// An answer over HTTP, and its status: 200, 502 if the instance did not do it, 503 if this module could not.
pub(crate) fn answer_of(answered: Result<Value, ModuleError>) -> (StatusCode, Value) {
    let error = match answered {
        Ok(answer) => return (StatusCode::OK, answer),
        Err(error) => error,
    };
    tracing::warn!(error = &error as &dyn std::error::Error, "a question of another module has no answer");
    let of_instance = matches!(error, ModuleError::Instance { .. });
    // What failed inside is for the log of this process.
    let reason = match &error {
        ModuleError::Store(_) => "its database does not answer, or has refused".to_owned(),
        other => other.to_string(),
    };
    let told = Told { of_instance, away: error.module(), may_pass: error.is_temporary(), reason };
    let status = if of_instance { StatusCode::BAD_GATEWAY } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, serde_json::to_value(told).unwrap_or_default())
}

/// The way to a module that runs elsewhere. It is cheap to clone.
#[derive(Clone)]
pub struct ModuleLink {
    module: Module,
    /// Where its listener for modules is.
    base: Url,
    http: Outbound,
    proof: CallerProof,
}

impl ModuleLink {
    /// To a module whose listener is at `base`.
    pub fn new(module: Module, base: Url, http: Outbound, proof: CallerProof) -> Self {
        Self { module, base, http, proof }
    }

    fn url(&self, path: &str) -> Result<Url, ModuleError> {
        let text = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        text.parse().map_err(|_| self.away(&format_args!("{text} is no URL")))
    }

    fn away(&self, reason: &dyn fmt::Display) -> ModuleError {
        ModuleError::Away { module: self.module, reason: reason.to_string() }
    }

    /// Asks a question. It is asked once more if the connection broke, as it does when the module was started again.
    async fn ask<Q: Serialize + Sync>(&self, asked: &Q, within: Duration) -> Result<Value, ModuleError> {
        let body = Bytes::from(serde_json::to_vec(asked)?);
        let url = self.url(&format!("/modules/{}", self.module))?;
        let mut answered = self.post(&url, &body, within).await;
        if matches!(answered, Err(ModuleError::Away { .. })) {
            answered = self.post(&url, &body, within).await;
        }
        let response = answered?;
        if response.status == StatusCode::OK {
            return Ok(response.json()?);
        }
        match response.json::<Told>() {
            Ok(Told { of_instance: true, may_pass, reason, .. }) => Err(ModuleError::Instance { reason, may_pass }),
            Ok(Told { away: Some(module), reason, .. }) => Err(ModuleError::Away { module, reason }),
            Ok(Told { may_pass, reason, .. }) => Err(ModuleError::Failed {
                reason: format!("the module {} of the wallet failed: {reason}", self.module),
                may_pass,
            }),
            Err(_) => Err(self.away(&format_args!("status {}: {}", response.status, response.excerpt()))),
        }
    }

    async fn post(&self, url: &Url, body: &Bytes, within: Duration) -> Result<Response, ModuleError> {
        let json = HeaderValue::from_static("application/json");
        let request = Request::post(url.clone()).header(CONTENT_TYPE, json).body(body.clone());
        self.send(request.deadline(within).limit(ANSWER_MAX)).await
    }

    async fn send(&self, request: Request) -> Result<Response, ModuleError> {
        let sent = self.proof.send(&self.http, request.configured()).await;
        let response = sent.map_err(|error| self.away(&error))?;
        match response.status {
            StatusCode::UNAUTHORIZED => Err(ModuleError::Proof(self.module)),
            // Pages refuse, too, but without this.
            StatusCode::FORBIDDEN if response.headers.contains_key(WWW_AUTHENTICATE) => {
                Err(ModuleError::Proof(self.module))
            }
            _ => Ok(response),
        }
    }

    /// Passes on the request of a browser for a page of the module.
    pub(crate) async fn page(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, ModuleError> {
        let request = Request { headers, ..Request::new(method, self.url(path)?) };
        self.send(request.body(body).deadline(PAGE_WITHIN).limit(PAGE_MAX)).await
    }

    /// Whether its process answers.
    pub(crate) async fn is_there(&self) -> Result<(), ModuleError> {
        let response = self.send(Request::get(self.url("/healthz")?).deadline(Duration::from_secs(3))).await?;
        if response.status == StatusCode::OK { Ok(()) } else { Err(self.away(&response.status)) }
    }
}

/// The way to a module.
#[derive(Clone)]
pub(crate) enum Port<Q> {
    /// It runs in this process.
    Here(Arc<dyn Answers<Q>>),
    There(Box<ModuleLink>),
    /// Nobody asks it here: a wallet without pages has no users.
    Nowhere(Module),
}

impl<Q: Serialize + Send + Sync> Port<Q> {
    /// Asks a question whose answer is read as `T`.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, asked: Q) -> Result<T, ModuleError> {
        self.ask_within(asked, ANSWERS_WITHIN).await
    }

    /// Asks for something that a page can do without. `None` if the module runs elsewhere and has no answer in time.
    pub(crate) async fn ask_if_there<T: DeserializeOwned>(&self, asked: Q) -> Result<Option<T>, ModuleError> {
        match self.ask_within(asked, BRIEFLY).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if matches!(self, Self::There(_)) && error.is_without_answer() => {
                tracing::warn!(%error, "a page is shown without the answer of a module");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_within<T: DeserializeOwned>(&self, asked: Q, within: Duration) -> Result<T, ModuleError> {
        let answer = match self {
            Self::Here(module) => module.answer(asked).await?,
            Self::There(link) => link.ask(&asked, within).await?,
            Self::Nowhere(module) => {
                let reason = "this wallet runs without it".to_owned();
                return Err(ModuleError::Away { module: *module, reason });
            }
        };
        Ok(serde_json::from_value(answer)?)
    }
}
