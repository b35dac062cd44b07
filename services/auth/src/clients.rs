//! Checks that a request is signed by the client that it names.
//!
//! It does not fetch keys itself: a [`ClientDirectory`] fetches and remembers the keys of wallet addresses.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use gnap::{Client, WebUrl};
use http_signatures::{CheckedRequest, HeaderError, Jwk, SignedRequest, Verified, VerifyError};
use open_payments_client::{KeyLookupError, KeySets, KeySetsConfig, PublicResources};

use crate::Auth;

/// Finds the keys and names that clients publish at their wallet addresses.
#[async_trait]
pub trait ClientDirectory: Send + Sync + fmt::Debug {
    /// The key that a client published under this id.
    async fn key(&self, client: &WebUrl, key_id: &str) -> Result<Jwk, NoSuchClient>;

    /// The key with this id after a signature was not valid with `failed`, if another key was published meanwhile.
    async fn key_after(&self, client: &WebUrl, key_id: &str, failed: &Jwk) -> Option<Jwk>;

    /// The public name of a client, if it published one.
    async fn public_name(&self, client: &WebUrl) -> Result<Option<String>, NoSuchClient>;
}

/// The client publishes no usable key. The reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoSuchClient {
    /// The reason.
    pub reason: String,
}

impl From<KeyLookupError> for NoSuchClient {
    fn from(error: KeyLookupError) -> Self {
        Self { reason: error.to_string() }
    }
}

/// The directory of the open Internet: wallet addresses and the key sets beside them.
#[derive(Debug)]
pub struct PublishedClients {
    public: PublicResources,
    keys: KeySets,
}

impl PublishedClients {
    /// Reads through `public`, remembering keys for a short time.
    pub fn new(public: PublicResources, clock: Arc<dyn Clock>) -> Self {
        Self { keys: KeySets::new(public.clone(), KeySetsConfig::default(), clock), public }
    }
}

#[async_trait]
impl ClientDirectory for PublishedClients {
    async fn key(&self, client: &WebUrl, key_id: &str) -> Result<Jwk, NoSuchClient> {
        Ok(self.keys.find(client.as_str(), key_id).await?)
    }

    async fn key_after(&self, client: &WebUrl, key_id: &str, failed: &Jwk) -> Option<Jwk> {
        self.keys.find_again(client.as_str(), key_id, failed).await
    }

    async fn public_name(&self, client: &WebUrl) -> Result<Option<String>, NoSuchClient> {
        let document = self.public.wallet_address(client.as_str()).await;
        document.map(|document| document.public_name).map_err(|error| NoSuchClient { reason: error.to_string() })
    }
}

/// Why a request is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The signature headers are missing or malformed, or cover too little.
    #[error("invalid signature headers")]
    Headers(#[source] HeaderError),
    /// The signature does not name its key.
    #[error("invalid signature input")]
    NoKeyId,
    /// The client's key cannot be fetched.
    #[error("could not determine client")]
    Unknown(#[source] NoSuchClient),
    /// The signature is not from the client's key, or it is too old.
    #[error("invalid signature")]
    Signature(#[source] VerifyError),
    /// The signature's nonce was used before.
    #[error("invalid signature")]
    Replayed,
    /// Used nonces cannot be stored. The request itself may be valid.
    #[error("internal server error")]
    Unavailable,
}

/// Checks everything about a signature that needs no key.
pub(crate) fn check_headers(request: SignedRequest<'_>) -> Result<CheckedRequest<'_>, ClientError> {
    let checked = request.check_headers().map_err(ClientError::Headers)?;
    if checked.key_id().is_none() {
        return Err(ClientError::NoKeyId);
    }
    Ok(checked)
}

impl Auth {
    /// Verifies the signature with the client's key, and then with its replacement if there is one.
    async fn verify(&self, request: &CheckedRequest<'_>, client: &Client) -> Result<Verified, ClientError> {
        let key_id = request.key_id().ok_or(ClientError::NoKeyId)?;
        let verify = |key: &Jwk| request.verify(key, self.inner.settings.freshness, self.inner.clock.wall());
        let verdict = match client {
            Client::Jwk(key) => verify(key),
            Client::WalletAddress(url) => {
                let clients = &self.inner.clients;
                let key = clients.key(url, key_id).await.map_err(ClientError::Unknown)?;
                match verify(&key) {
                    Err(VerifyError::Signature) => match clients.key_after(url, key_id, &key).await {
                        Some(key) => verify(&key),
                        None => Err(VerifyError::Signature),
                    },
                    verdict => verdict,
                }
            }
        };
        verdict.map_err(|error| {
            tracing::debug!(%error, base = %request.redacted_base(), "a signature was refused");
            ClientError::Signature(error)
        })
    }

    /// Checks that `client` signed the request a short time ago.
    pub(crate) async fn authenticate(&self, request: &CheckedRequest<'_>, client: &Client) -> Result<(), ClientError> {
        let verified = self.verify(request, client).await?;
        let Some(nonce) = verified.nonce_name(&client.identity()) else { return Ok(()) };
        let life = self.inner.settings.freshness.memory();
        match self.inner.cache.use_up(&format!("auth:nonce:{nonce}"), request.gateway_request(), life).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ClientError::Replayed),
            Err(error) => {
                tracing::error!(%error, "used nonces cannot be stored");
                Err(ClientError::Unavailable)
            }
        }
    }
}
