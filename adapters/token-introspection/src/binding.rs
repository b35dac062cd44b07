//! Whether the client of a token has signed the request: tokens of Open Payments are bound to a key (RFC 9635 section 7.3).
//!
//! It does not remember requests: a server for which a repetition is harmful has to recognise it.

use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use gnap::{ActiveToken, Client};
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use http_signatures::{Freshness, Jwk, SignedRequest, TargetOrigin, VerifyError, key_id};
use open_payments_client::{KeyLookupError, KeySets};

/// The most of a body that is read.
const BODY_MAX: usize = 64 * 1024;

/// What is needed to check signatures of clients.
#[derive(Clone, Debug)]
pub struct Binding {
    keys: Arc<KeySets>,
    origin: TargetOrigin,
    clock: Arc<dyn Clock>,
}

/// Why a request is not its client's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBound {
    #[error("the signature names no key (keyid)")]
    NoKeyId,
    #[error(transparent)]
    Key(#[from] KeyLookupError),
    #[error(transparent)]
    Target(#[from] http_signatures::TargetError),
    #[error(transparent)]
    Headers(#[from] http_signatures::HeaderError),
    #[error(transparent)]
    Signature(#[from] VerifyError),
}

impl Binding {
    /// Finds keys of clients in `keys`. `origin` says where scheme and host of the URLs come from that clients sign.
    pub fn new(keys: Arc<KeySets>, origin: TargetOrigin, clock: Arc<dyn Clock>) -> Self {
        Self { keys, origin, clock }
    }

    /// Whether the token's client has signed this request.
    pub(crate) async fn check(&self, head: &Parts, body: &[u8], token: &ActiveToken) -> Result<(), NotBound> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let target_uri = self.origin.target_uri(target, &head.headers)?;
        let signed =
            SignedRequest { method: head.method.as_str(), target_uri: &target_uri, headers: &head.headers, body };
        let signed = signed.check_headers()?;
        let named = key_id(&head.headers).ok_or(NotBound::NoKeyId)?;

        let verify = |key: &Jwk| signed.verify(key, Freshness::default(), self.clock.wall()).map(drop);
        match &token.client {
            Client::Jwk(key) => Ok(verify(key)?),
            Client::WalletAddress(url) => {
                let key = self.keys.find(url.as_str(), &named).await?;
                match verify(&key) {
                    // The client may have replaced the key under its name.
                    Err(VerifyError::Signature) => {
                        let newer = self.keys.find_again(url.as_str(), &named, &key).await;
                        Ok(newer.map_or(Err(VerifyError::Signature), |key| verify(&key))?)
                    }
                    verdict => Ok(verdict?),
                }
            }
        }
    }
}

/// The whole body; `None` if it is too large or does not arrive.
pub(crate) async fn whole<B>(body: B) -> Option<Bytes>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Some(Limited::new(body, BODY_MAX).collect().await.ok()?.to_bytes())
}
