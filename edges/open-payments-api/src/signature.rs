//! Whether the request was signed by the client its token belongs to (open-payments section 5).
//!
//! Refusals name the key id at most: a client learns nothing about other clients or other keys here.

use axum::http::StatusCode;
use bytes::Bytes;
use gnap::Client;
use http_signatures::{Jwk, SignedRequest, VerifyError, key_id};
use open_payments_client::KeyLookupError;
use shared_cache::CacheError;

use crate::backend::BackendError;
use crate::error::ApiError;
use crate::request::ApiRequest;
use crate::settings::OpenPaymentsApi;

/// Verifies the signature of `request` with the key of `client`; the answer identifies the request and its repeats.
pub(crate) async fn check_signature(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    client: &Client,
) -> Result<String, ApiError> {
    let named = key_id(&request.headers).ok_or_else(|| refused("missing keyId in signature input"))?;
    let key = key_of(api, client, &named).await?;
    verify(api, request, client, &key).await.map_err(|problem| match problem {
        Problem::Cache(error) => BackendError(error.to_string()).into(),
        problem => {
            tracing::debug!(%problem, keyid = named, "a signature was refused");
            refused("provided signature is invalid").with("keyIdInSignature", named)
        }
    })
}

fn refused(suffix: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, format!("Signature validation error: {suffix}"))
}

async fn key_of(api: &OpenPaymentsApi, client: &Client, named: &str) -> Result<Jwk, ApiError> {
    match client {
        Client::WalletAddress(url) => api.client_keys.find(url.as_str(), named).await.map_err(|error| {
            let suffix = match &error {
                KeyLookupError::NotRetrieved { .. } => "could not retrieve client keys",
                KeyLookupError::UnknownKey { .. } => "could not find key in list of client keys",
            };
            tracing::debug!(%error, "a client's key was not found");
            refused(suffix).with("keyIdInSignature", named)
        }),
        Client::Jwk(key) if key.kid() != named => Err(refused("invalid key id")),
        Client::Jwk(key) => Ok((**key).clone()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Target(#[from] http_signatures::TargetError),
    #[error(transparent)]
    Headers(#[from] http_signatures::HeaderError),
    #[error("{error}; this side sees {base:?}")]
    Verify { error: VerifyError, base: String },
    #[error("the signature's nonce was used before")]
    Replayed,
    #[error(transparent)]
    Cache(#[from] CacheError),
}

async fn verify(api: &OpenPaymentsApi, request: &ApiRequest, client: &Client, key: &Jwk) -> Result<String, Problem> {
    let target_uri = api.settings.target.target_uri(request.raw_target(), &request.headers)?;
    let signed = SignedRequest {
        method: request.method.as_str(),
        target_uri: &target_uri,
        headers: &request.headers,
        body: &request.body,
    };
    let now = api.clock.now();
    let checked = signed.check_headers()?;
    let verified = checked
        .verify(key, api.settings.freshness, now)
        .map_err(|error| Problem::Verify { error, base: checked.redacted_base() })?;
    if let Some(nonce) = verified.nonce_name(&client.identity()) {
        let key = format!("open-payments:nonce:{nonce}");
        if !api.cache.set_if_absent(&key, Bytes::new(), api.settings.freshness.memory()).await? {
            return Err(Problem::Replayed);
        }
    }
    Ok(verified.fingerprint())
}
