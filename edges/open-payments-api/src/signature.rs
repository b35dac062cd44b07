//! Checks that the client of the token signed the request.
//!
//! Refusals contain at most the key id, so a client learns nothing about other clients or keys.

use axum::http::StatusCode;
use gnap::{Client, WebUrl};
use http_signatures::{CheckedRequest, Jwk, SignedRequest, Verified, VerifyError, key_id};
use open_payments_client::KeyLookupError;
use shared_cache::CacheError;

use crate::error::ApiError;
use crate::request::ApiRequest;
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::keys_of_own_client;

/// Verifies the signature of `request` with the key of `client`.
pub(crate) async fn check_signature(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    client: &Client,
) -> Result<(), ApiError> {
    let named = key_id(&request.headers).ok_or_else(|| refused("missing keyId in signature input"))?;
    let key = key_of(api, client, &named).await?;
    verify(api, request, client, &key).await.map_err(|problem| match problem {
        Problem::Cache(error) => ApiError::fault(error),
        problem => {
            tracing::debug!(%problem, keyid = named, "a signature was refused");
            refused("provided signature is invalid").with("keyIdInSignature", named)
        }
    })
}

fn refused(suffix: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, format!("Signature validation error: {suffix}"))
}

/// The key of a client, and the address where a newer one may be.
struct ClientKey<'a> {
    key: Jwk,
    /// The address that it was fetched from; none if the stored key is always up to date.
    published_at: Option<&'a WebUrl>,
}

async fn key_of<'a>(api: &OpenPaymentsApi, client: &'a Client, named: &str) -> Result<ClientKey<'a>, ApiError> {
    let url = match client {
        Client::Jwk(key) if key.kid() != named => return Err(refused("invalid key id")),
        Client::Jwk(key) => return Ok(ClientKey { key: (**key).clone(), published_at: None }),
        Client::WalletAddress(url) => url,
    };
    let unknown = || refused("could not find key in list of client keys").with("keyIdInSignature", named);
    if let Some(own) = keys_of_own_client(api, url.as_str()).await? {
        let key = own.get(named).cloned().ok_or_else(unknown)?;
        return Ok(ClientKey { key, published_at: None });
    }
    let key = api.client_keys.find(url.as_str(), named).await.map_err(|error| {
        tracing::debug!(%error, "a client's key was not found");
        match &error {
            KeyLookupError::NotRetrieved { .. } => {
                refused("could not retrieve client keys").with("keyIdInSignature", named)
            }
            KeyLookupError::UnknownKey { .. } => unknown(),
        }
    })?;
    Ok(ClientKey { key, published_at: Some(url) })
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

async fn verify(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    client: &Client,
    key: &ClientKey<'_>,
) -> Result<(), Problem> {
    let target_uri = api.settings.target.target_uri(request.raw_target(), &request.headers)?;
    let signed = SignedRequest {
        method: request.method.as_str(),
        target_uri: &target_uri,
        headers: &request.headers,
        body: &request.body,
    };
    let checked = signed.check_headers()?;
    let verified = verify_with(api, &checked, key)
        .await
        .map_err(|error| Problem::Verify { error, base: checked.redacted_base() })?;
    if let Some(nonce) = verified.nonce_name(&client.identity()) {
        let key = format!("open-payments:nonce:{nonce}");
        if !api.cache.use_up(&key, checked.gateway_request(), api.settings.freshness.memory()).await? {
            return Err(Problem::Replayed);
        }
    }
    Ok(())
}

/// Verifies with the stored key, and then with a newer key if there is one.
async fn verify_with(
    api: &OpenPaymentsApi,
    request: &CheckedRequest<'_>,
    known: &ClientKey<'_>,
) -> Result<Verified, VerifyError> {
    let verify = |key: &Jwk| request.verify(key, api.settings.freshness, api.clock.wall());
    match (verify(&known.key), known.published_at) {
        (Err(VerifyError::Signature), Some(url)) => {
            let other = api.client_keys.find_again(url.as_str(), known.key.kid(), &known.key).await;
            other.map_or(Err(VerifyError::Signature), |key| verify(&key))
        }
        (verdict, _) => verdict,
    }
}
