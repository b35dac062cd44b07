//! Gets the answer of a rates service.
//!
//! It is a trait; the implementation over HTTP is in `http`.

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

/// Gets the body of a rates service's answer.
#[async_trait]
pub trait FetchRates: Send + Sync {
    /// The body of `GET url`; only a status of 200 is an answer.
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError>;
}

/// The service gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct FetchError {
    /// What went wrong, for the log.
    pub reason: String,
}
