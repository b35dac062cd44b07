//! The rights of a request's token.
//!
//! The authorization server is called for every request, so a revoked token is refused at once.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use gnap::{AccessItem, AccessType, Action, ActiveToken, LimitAmount, RequiredAccess, TokenInfo, WalletAddressUrl};
use payments::PaymentGrant;
use payments_model::TenantId;
use payments_model::grant_limits::GrantLimits;

pub(crate) use crate::caller::{Caller, Reach};
use crate::error::{ApiError, INACTIVE_TOKEN};
use crate::request::ApiRequest;
use crate::settings::OpenPaymentsApi;
use crate::signature::check_signature;

/// The right that an operation needs.
#[derive(Clone, Debug)]
pub(crate) struct Needed<'a> {
    pub(crate) kind: AccessType,
    pub(crate) action: Action,
    /// The wallet address the request is about, as given.
    pub(crate) wallet_address: Option<&'a str>,
    /// The tenant the path names.
    pub(crate) tenant: Option<TenantId>,
}

/// Introspects the token of `request`, then verifies its signature with the key of the token's client.
pub(crate) async fn authorize(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    needed: Needed<'_>,
) -> Result<Caller, ApiError> {
    let challenge = || format!("GNAP as_uri={}", api.settings.auth_server_grant_url);
    let token = introspect(api, request, &needed).await.map_err(|error| match error {
        ApiError::Told { status: StatusCode::SERVICE_UNAVAILABLE, .. } => error,
        refused => refused.challenging(challenge()),
    })?;
    let item = token.access.first();
    let wider = needed.action.widened().is_some_and(|wider| item.is_some_and(|item| item.actions().contains(wider)));
    check_signature(api, request, &token.client).await?;
    Ok(Caller {
        client: token.client.identity(),
        reach: if wider { Reach::All } else { Reach::Own },
        grant: PaymentGrant { id: token.grant, limits: item.and_then(limits_of) },
    })
}

async fn introspect(api: &OpenPaymentsApi, request: &ApiRequest, needed: &Needed<'_>) -> Result<ActiveToken, ApiError> {
    let token = bearer(request)
        .ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "Missing or invalid authorization header value"))?;
    let insufficient = || ApiError::new(StatusCode::FORBIDDEN, "Insufficient Grant");
    let identifier: Option<WalletAddressUrl> = match needed.wallet_address {
        Some(text) => Some(text.parse().map_err(|_| insufficient())?),
        None => None,
    };

    let required = RequiredAccess::one(needed.kind, needed.action, identifier);
    let active = match api.introspection.introspect(token, vec![required.clone()]).await {
        Ok(TokenInfo::Active(active)) => active,
        Ok(TokenInfo::Inactive) => return Err(ApiError::new(StatusCode::FORBIDDEN, INACTIVE_TOKEN)),
        Err(error) => {
            tracing::warn!(%error, "a token could not be introspected");
            return Err(if error.is_unavailable() {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Authorization server is unavailable")
            } else {
                ApiError::new(StatusCode::UNAUTHORIZED, "Invalid Token")
            });
        }
    };

    let foreign = match (&active.tenant_id, needed.tenant) {
        (Some(of_token), Some(of_path)) => !of_token.eq_ignore_ascii_case(&of_path.to_string()),
        _ => false,
    };
    match active.access.as_slice() {
        // The item is checked here too, because the authorization server may compare it in another way.
        [item] if !foreign && required.is_covered_by(item) => Ok(active),
        [] | [_] => Err(insufficient()),
        _ => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "Unexpected number of access items")),
    }
}

/// The token of `Authorization: GNAP <token>`: one scheme in capitals, one space.
fn bearer(request: &ApiRequest) -> Option<&str> {
    let token = request.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("GNAP ")?;
    (!token.is_empty() && !token.contains(' ')).then_some(token)
}

fn limits_of(item: &AccessItem) -> Option<GrantLimits> {
    let limits = item.limits()?;
    let (debit_amount, receive_amount) = match limits.amount.clone() {
        Some(LimitAmount::Debit(amount)) => (Some(amount), None),
        Some(LimitAmount::Receive(amount)) => (None, Some(amount)),
        None => (None, None),
    };
    Some(GrantLimits {
        receiver: limits.receiver.as_ref().map(ToString::to_string),
        interval: limits.interval.as_ref().map(ToString::to_string),
        debit_amount,
        receive_amount,
    })
}
