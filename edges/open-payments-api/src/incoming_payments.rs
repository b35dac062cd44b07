//! Incoming payments: create, read, list, complete.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use gnap::{AccessType, Action};
use idempotency::Once;
use open_payments::{Amount, CreateIncomingPayment, PublicIncomingPayment};
use payments_model::page::Page;
use payments_model::{IncomingPayment, TenantId};

use crate::access::{Caller, Needed, authorize};
use crate::backend::{CompleteIncomingPaymentError, CreateIncomingPaymentError, Found, NewIncomingPayment};
use crate::error::ApiError;
use crate::listing::{list_query, page_request, page_response};
use crate::once::{gone, once};
use crate::render;
use crate::request::ApiRequest;
use crate::routes::{Id, Tenant};
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::{check_active, of_tenant, require_active};

/// `POST /{T}/incoming-payments`
pub(crate) async fn create(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let asked = request.json_body(CreateIncomingPayment::parse)?;
    request.require_signature_headers()?;
    let caller = authorized(api, request, Action::Create, &asked.wallet_address, tenant).await?;
    let address = require_active(api, &asked.wallet_address, &caller).await?;
    let tenant = of_tenant(&address, tenant).ok_or(CreateIncomingPaymentError::UnknownWalletAddress)?;
    let new = NewIncomingPayment {
        wallet_address: address.id,
        incoming_amount: asked.incoming_amount.map(Into::into),
        expires_at: asked.expires_at,
        metadata: asked.metadata,
        client: caller.client.clone(),
    };
    let create = api.backend.create_incoming_payment(tenant, new);
    let (payment, received) = match once(api, request, &caller, tenant, create, |payment| payment.id).await? {
        Once::Now(payment) => (payment, 0),
        Once::Before(id) => {
            let found = api.backend.incoming_payment(tenant, id).await?.ok_or_else(gone)?;
            (found.resource, found.moved)
        }
    };
    let methods = if payment.is_open() { api.backend.payment_methods(&payment).await? } else { vec![] };
    let body = render::incoming_payment(&api.settings, &address.address, &payment, received, Some(methods));
    render::json(StatusCode::CREATED, &body)
}

/// `GET /{T}/incoming-payments/{id}`, with a token or without
pub(crate) async fn get(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    tenant: Tenant,
    id: &Id,
) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let (tenant, found) = load(api, tenant, id).await?;
    if !request.headers.contains_key(AUTHORIZATION) {
        let public = PublicIncomingPayment {
            received_amount: Some(Amount::new(found.moved, &found.resource.asset.asset)),
            auth_server: api.settings.auth_server(tenant),
        };
        return render::json(StatusCode::OK, &public);
    }
    let caller = authorized(api, request, Action::Read, &found.wallet_address.address, Some(tenant)).await?;
    if !caller.sees(found.resource.client.as_deref()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "Incoming payment does not exist").with("id", &*id.sent));
    }
    let methods = if found.resource.is_open() { api.backend.payment_methods(&found.resource).await? } else { vec![] };
    render::json(StatusCode::OK, &show(api, &found, Some(methods)))
}

/// `GET /{T}/incoming-payments`
pub(crate) async fn list(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    request.require_signature_headers()?;
    let query = list_query(request)?;
    let caller = authorized(api, request, Action::List, &query.wallet_address, tenant).await?;
    let address = require_active(api, &query.wallet_address, &caller).await?;
    let page = page_request(request, &query)?;
    let page = match of_tenant(&address, tenant) {
        Some(_) => api.backend.list_incoming_payments(&address, caller.client_filter(), page).await?,
        None => Page::empty(),
    };
    page_response(
        page,
        |(payment, _)| payment.id.as_uuid(),
        |(payment, received)| render::incoming_payment(&api.settings, &address.address, payment, *received, None),
    )
}

/// `POST /{T}/incoming-payments/{id}/complete`
pub(crate) async fn complete(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    tenant: Tenant,
    id: &Id,
) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    request.require_signature_headers()?;
    let (tenant, found) = load(api, tenant, id).await?;
    let caller = authorized(api, request, Action::Complete, &found.wallet_address.address, Some(tenant)).await?;
    if !caller.sees(found.resource.client.as_deref()) {
        return Err(CompleteIncomingPaymentError::UnknownPayment.into());
    }
    check_active(api, &found.wallet_address)?;
    let complete = api.backend.complete_incoming_payment(tenant, found.resource.id);
    let completed = match once(api, request, &caller, tenant, complete, |_| ()).await? {
        Once::Now((completed, received)) => Found { resource: completed, moved: received, ..found },
        Once::Before(()) => found,
    };
    render::json(StatusCode::OK, &show(api, &completed, None))
}

fn show(
    api: &OpenPaymentsApi,
    found: &Found<IncomingPayment>,
    methods: Option<Vec<payments_model::receiver::IlpMethod>>,
) -> open_payments::IncomingPayment {
    render::incoming_payment(&api.settings, &found.wallet_address.address, &found.resource, found.moved, methods)
}

/// The payment and its tenant; unknown ones look like unauthorised ones.
async fn load(api: &OpenPaymentsApi, tenant: Tenant, id: &Id) -> Result<(TenantId, Found<IncomingPayment>), ApiError> {
    let found = match (tenant, id.uuid) {
        (Some(tenant), Some(uuid)) => {
            api.backend.incoming_payment(tenant, uuid.into()).await?.map(|found| (tenant, found))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")
            .with("description", "Failed to get wallet address from incoming payment")
            .with("id", &*id.sent)
    })
}

async fn authorized(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    action: Action,
    wallet_address: &str,
    tenant: Tenant,
) -> Result<Caller, ApiError> {
    let kind = AccessType::IncomingPayment;
    authorize(api, request, Needed { kind, action, wallet_address: Some(wallet_address), tenant }).await
}
