//! `Idempotency-Key`: with this header a repeated request acts once.
//!
//! Without the header each request counts, also if two are equal.

use std::time::Duration;

use axum::http::StatusCode;
use http_kit::idempotency_key;
use http_signatures::to_compact_json;
use idempotency::{Api, Asked, ClaimTime, Once, OnceError, Patience, ResultNote};
use payments_model::{Origin, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::Caller;
use crate::error::ApiError;
use crate::request::ApiRequest;
use crate::settings::{KEYS, OpenPaymentsApi};

/// How long a repetition waits for the answer to the first request.
const PATIENCE: Duration = Duration::from_secs(10);
// A repetition outlasts the claim of a process that died. Otherwise a gateway that sends the request to another process
// would get a refusal.
const _: () = assert!(KEYS.lease.as_secs() * 2 < PATIENCE.as_secs());

/// Runs `act`, or returns the earlier result if the key was used for the same request. `act` gets the origin of its
/// resources.
///
/// Keys belong to one client at one tenant.
pub(crate) async fn once<T, I, E, F>(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    caller: &Caller,
    tenant: TenantId,
    act: impl FnOnce(Origin) -> F,
    identity: impl FnOnce(&T) -> I,
) -> Result<Once<T, I>, ApiError>
where
    I: Serialize + DeserializeOwned,
    E: Into<ApiError>,
    F: Future<Output = Result<T, E>>,
{
    let act = |origin, _| act(origin);
    once_noted(api, request, caller, tenant, ClaimTime::Before, act, identity).await
}

/// As [`once`]. With a key, `act` also gets the note that stores the result in its own transaction.
pub(crate) async fn once_noted<T, I, E, F>(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    caller: &Caller,
    tenant: TenantId,
    claim: ClaimTime,
    act: impl FnOnce(Origin, Option<ResultNote>) -> F,
    identity: impl FnOnce(&T) -> I,
) -> Result<Once<T, I>, ApiError>
where
    I: Serialize + DeserializeOwned,
    E: Into<ApiError>,
    F: Future<Output = Result<T, E>>,
{
    let key = idempotency_key(&request.headers);
    let key = key.map_err(|invalid| ApiError::new(StatusCode::BAD_REQUEST, invalid.to_string()))?;
    let Some(key) = key else {
        return act(Origin::Alone, None).await.map(Once::Now).map_err(Into::into);
    };

    let (tenant, body) = (tenant.to_string(), to_compact_json(request.json()));
    let content = [request.method.as_str().as_bytes(), request.raw_target().as_bytes(), body.as_bytes()];
    let asked = Asked { api: Api::OpenPayments, owner: &[&tenant, &caller.client], key, content: &content };
    let origin = api.keys.origin(asked, api.clock.now());
    let act = |note| act(origin, Some(note));

    api.keys.once_noted(asked, Patience::UpTo(PATIENCE), claim, act, identity).await.map_err(|error| match error {
        OnceError::Action(refusal) => refusal.into(),
        OnceError::Cache(error) => ApiError::fault(error),
        OnceError::UnderWay => {
            ApiError::new(StatusCode::CONFLICT, "the first request with this Idempotency-Key is still being processed")
        }
        OnceError::OtherContent => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "this Idempotency-Key was used for another request; send a new key with a new request",
        ),
    })
}

/// The result of an earlier request with this key does not exist any more.
pub(crate) fn gone() -> ApiError {
    ApiError::fault("the result of an idempotency key cannot be found")
}
