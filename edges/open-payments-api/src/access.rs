//! The rights of a request's token.
//!
//! The authorization server is called for every request, so a revoked token is refused at once. Tokens of OAuth 2.0 are in
//! `bearer`.

use std::pin::Pin;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use gnap::{AccessItem, AccessType, Action, ActiveToken, LimitAmount, RequiredAccess, TokenInfo, WalletAddressUrl};
use payments::PaymentGrant;
use payments_model::TenantId;
use payments_model::grant_limits::GrantLimits;
use token_introspection::Refusal;

use crate::bearer::BearerTokens;
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

impl Needed<'_> {
    /// The right in the form of GNAP; `None` if no wallet address can have this name.
    fn required(&self) -> Option<RequiredAccess> {
        let identifier: Option<WalletAddressUrl> = match self.wallet_address {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        Some(RequiredAccess::one(self.kind, self.action, identifier))
    }
}

/// Introspects the token of `request`, then verifies its signature with the key of the token's client.
pub(crate) async fn authorize(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    needed: Needed<'_>,
) -> Result<Caller, ApiError> {
    if let Some(tokens) = api.bearer_tokens_of(request) {
        return of_bearer(api, tokens, request, &needed).await;
    }
    let challenge = || format!("GNAP as_uri={}", api.settings.auth_server_grant_url);
    let token = introspect(api, request, &needed).await.map_err(|error| match error {
        ApiError::Told { status: StatusCode::SERVICE_UNAVAILABLE, .. } => error,
        refused => refused.challenging(challenge()),
    })?;
    check_signature(api, request, &token.client).await?;
    Ok(caller(token.client.identity(), &needed, token.access.first(), token.grant))
}

/// The client of a request with a token of OAuth 2.0, which has no signature.
///
/// It is boxed here, because it is large and seldom used: the futures of all other requests have no room for it.
fn of_bearer<'a>(
    api: &'a OpenPaymentsApi,
    tokens: &'a BearerTokens,
    request: &'a ApiRequest,
    needed: &'a Needed<'a>,
) -> Pin<Box<dyn Future<Output = Result<Caller, ApiError>> + Send + 'a>> {
    Box::pin(async move {
        let token = tokens.read(request, needed.tenant, &api.settings.open_payments_url).await?;
        let required = needed.required().ok_or(Refusal::InsufficientScope)?;
        let item = required.best_of(&token.rights).ok_or(Refusal::InsufficientScope)?;
        Ok(caller(token.client, needed, Some(item), token.grant))
    })
}

/// The client of a request, with what the granted `item` lets it do.
fn caller(client: String, needed: &Needed<'_>, item: Option<&AccessItem>, grant: String) -> Caller {
    let wider = needed.action.widened().is_some_and(|wider| item.is_some_and(|item| item.actions().contains(wider)));
    let reach = if wider { Reach::All } else { Reach::Own };
    Caller { client, reach, grant: PaymentGrant { id: grant, limits: item.and_then(limits_of) } }
}

async fn introspect(api: &OpenPaymentsApi, request: &ApiRequest, needed: &Needed<'_>) -> Result<ActiveToken, ApiError> {
    let token = gnap_token(request)
        .ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "Missing or invalid authorization header value"))?;
    let insufficient = || ApiError::new(StatusCode::FORBIDDEN, "Insufficient Grant");
    let required = needed.required().ok_or_else(insufficient)?;
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
fn gnap_token(request: &ApiRequest) -> Option<&str> {
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
