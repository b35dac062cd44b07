//! Quotes: create and read.
//!
//! The crate `payments` decides what a payment costs.

use axum::http::StatusCode;
use axum::response::Response;
use gnap::{AccessType, Action};
use idempotency::Once;
use open_payments::{CreateQuote, QuoteAmount};
use payments::{CreateQuoteError, NewQuote};
use payments_model::quote::QuoteRequest;

use crate::access::{Needed, authorize};
use crate::error::ApiError;
use crate::once::{gone, once};
use crate::render;
use crate::request::ApiRequest;
use crate::routes::{Id, Tenant};
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::{check_active, of_tenant, require_active, with_owner};

/// `POST /{T}/quotes`
pub(crate) async fn create(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let asked = request.json_body(CreateQuote::parse)?;
    api.require_signature_headers(request)?;
    let wallet_address = Some(asked.wallet_address.as_str());
    let needed = Needed { kind: AccessType::Quote, action: Action::Create, wallet_address, tenant };
    let caller = authorize(api, request, needed).await?;
    let address = require_active(api, &asked.wallet_address, &caller).await?;
    let tenant = of_tenant(&address, tenant).ok_or(CreateQuoteError::UnknownWalletAddress)?;
    let request_amount = match asked.amount {
        QuoteAmount::Receiver => QuoteRequest::ReceiverRemainder,
        QuoteAmount::Debit(amount) => QuoteRequest::DebitAmount(amount.into()),
        QuoteAmount::Receive(amount) => QuoteRequest::ReceiveAmount(amount.into()),
    };

    let new = NewQuote {
        wallet_address_id: address.id,
        receiver: asked.receiver,
        request: request_amount,
        client: Some(caller.client.clone()),
    };

    let create = |origin| api.payments.create_quote_once(tenant, new, origin);
    let quote = match once(api, request, &caller, tenant, create, |quote| quote.id).await? {
        Once::Now(quote) => quote,
        Once::Before(id) => api.payments.quote(tenant, id).await?.ok_or_else(gone)?,
    };
    render::json(StatusCode::CREATED, &render::quote(&api.settings, &address.address, &quote))
}

/// `GET /{T}/quotes/{id}`
pub(crate) async fn get(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    tenant: Tenant,
    id: &Id,
) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    api.require_signature_headers(request)?;
    let found = match (tenant, id.uuid) {
        (Some(tenant), Some(uuid)) => {
            let quote = api.payments.quote(tenant, uuid.into()).await?;
            with_owner(api, tenant, quote, |quote| quote.wallet_address_id).await?
        }
        _ => None,
    };

    let found = found.ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")
            .with("description", "Failed to get wallet address from quote")
            .with("id", &*id.sent)
    })?;

    let wallet_address = Some(found.wallet_address.address.as_str());
    let needed = Needed { kind: AccessType::Quote, action: Action::Read, wallet_address, tenant };
    let caller = authorize(api, request, needed).await?;
    check_active(api, &found.wallet_address)?;
    if !caller.sees(found.resource.client.as_deref()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "Quote does not exist").with("id", &*id.sent));
    }
    render::json(StatusCode::OK, &render::quote(&api.settings, &found.wallet_address.address, &found.resource))
}
