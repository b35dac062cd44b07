//! Incoming payments: create, read, list, complete.
//!
//! The crate `payments` decides how much a payment takes and when it ends.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use gnap::{AccessType, Action};
use idempotency::{ClaimTime, Once, ResultNote};
use open_payments::{Amount, CreateIncomingPayment, PublicIncomingPayment};
use payments::{Beside, CompleteIncomingPaymentError, CreateIncomingPaymentError, NewIncomingPayment, ReceivedPayment};
use payments_model::page::Page;
use payments_model::receiver::IlpMethod;
use payments_model::{IncomingPayment, IncomingPaymentId, InitiatedBy, TenantId};
use payments_store::{IncomingPaymentFilter, Unit};

use crate::access::{Caller, Needed, authorize};
use crate::error::ApiError;
use crate::listing::{list_query, page_request, page_response};
use crate::once::{gone, once, once_noted};
use crate::render;
use crate::request::ApiRequest;
use crate::routes::{Id, Tenant};
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::{Owned, check_active, of_tenant, require_active, with_owner};

/// `POST /{T}/incoming-payments`
pub(crate) async fn create(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let asked = request.json_body(CreateIncomingPayment::parse)?;
    api.require_signature_headers(request)?;
    let caller = authorized(api, request, Action::Create, &asked.wallet_address, tenant).await?;
    let address = require_active(api, &asked.wallet_address, &caller).await?;
    let tenant = of_tenant(&address, tenant).ok_or(CreateIncomingPaymentError::UnknownWalletAddress)?;
    let new = NewIncomingPayment {
        wallet_address_id: address.id,
        incoming_amount: asked.incoming_amount.map(Into::into),
        expires_at: asked.expires_at,
        metadata: asked.metadata,
        client: Some(caller.client.clone()),
        initiated_by: InitiatedBy::OpenPayments,
        sender_wallet_address: None,
    };

    let create = |origin, note: Option<ResultNote>| async move {
        let store = |unit: &Unit, id: IncomingPaymentId| {
            if let Some(note) = &note {
                note.write_within(unit.transaction(), &id);
            }
        };
        api.payments.create_incoming_payment_once(tenant, new, origin, Beside::result(&store)).await
    };
    // A payment that waits for its approval may still be refused, and then the key is free again.
    let waits = api.payments.settings().incoming_approval.is_some();
    let claim = if waits { ClaimTime::Before } else { ClaimTime::WithResult };
    let once = once_noted(api, request, &caller, tenant, claim, create, |payment| payment.id).await?;
    let (payment, received) = match once {
        Once::Now(payment) => (payment, 0),
        Once::Before(id) => {
            let found = api.payments.incoming_payment(Some(tenant), id).await?.ok_or_else(gone)?;
            (found.payment, found.received)
        }
    };

    let methods = methods(api, &payment).await?;
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
            received_amount: Some(Amount::new(found.resource.received, &found.resource.payment.asset.asset)),
            auth_server: api.settings.auth_server(tenant),
        };
        return render::json(StatusCode::OK, &public);
    }
    let caller = authorized(api, request, Action::Read, &found.wallet_address.address, Some(tenant)).await?;
    if !caller.sees(found.resource.payment.client.as_deref()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "Incoming payment does not exist").with("id", &*id.sent));
    }
    let methods = methods(api, &found.resource.payment).await?;
    render::json(StatusCode::OK, &show(api, &found, Some(methods)))
}

/// `GET /{T}/incoming-payments`
pub(crate) async fn list(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    api.require_signature_headers(request)?;
    let query = list_query(request)?;
    let caller = authorized(api, request, Action::List, &query.wallet_address, tenant).await?;
    let address = require_active(api, &query.wallet_address, &caller).await?;
    let page = page_request(request, &query)?;
    let page = match of_tenant(&address, tenant) {
        Some(tenant) => {
            let filter = IncomingPaymentFilter {
                wallet_address: Some(address.id),
                client: caller.client_filter().map(str::to_owned),
                ..IncomingPaymentFilter::default()
            };
            api.payments.incoming_payments(Some(tenant), &filter, page).await?
        }
        None => Page::empty(),
    };
    page_response(
        page,
        |found| found.payment.id.as_uuid(),
        |found| render::incoming_payment(&api.settings, &address.address, &found.payment, found.received, None),
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
    api.require_signature_headers(request)?;
    let (tenant, found) = load(api, tenant, id).await?;
    let caller = authorized(api, request, Action::Complete, &found.wallet_address.address, Some(tenant)).await?;
    if !caller.sees(found.resource.payment.client.as_deref()) {
        return Err(CompleteIncomingPaymentError::UnknownPayment.into());
    }
    check_active(api, &found.wallet_address)?;
    // A completed payment cannot be completed again, so nothing can happen twice.
    let complete = |_| complete_and_count(api, tenant, found.resource.payment.id);
    let completed = match once(api, request, &caller, tenant, complete, |_| ()).await? {
        Once::Now(completed) => Owned { resource: completed, ..found },
        Once::Before(()) => found,
    };
    render::json(StatusCode::OK, &show(api, &completed, None))
}

/// Completes the payment. Its received amount is then final.
async fn complete_and_count(
    api: &OpenPaymentsApi,
    tenant: TenantId,
    id: IncomingPaymentId,
) -> Result<ReceivedPayment, ApiError> {
    let payment = api.payments.complete_incoming_payment(tenant, id).await?;
    let received = api.payments.received(id).await?;
    Ok(ReceivedPayment { payment, received, balance: received })
}

/// The payment methods: none if it takes no more money.
async fn methods(api: &OpenPaymentsApi, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, ApiError> {
    if payment.is_open() { Ok(api.payments.payment_methods(payment).await?) } else { Ok(Vec::new()) }
}

fn show(
    api: &OpenPaymentsApi,
    found: &Owned<ReceivedPayment>,
    methods: Option<Vec<IlpMethod>>,
) -> open_payments::IncomingPayment {
    let ReceivedPayment { payment, received, .. } = &found.resource;
    render::incoming_payment(&api.settings, &found.wallet_address.address, payment, *received, methods)
}

/// The payment and its tenant. An unknown payment gets the same answer as an unauthorised one.
async fn load(api: &OpenPaymentsApi, tenant: Tenant, id: &Id) -> Result<(TenantId, Owned<ReceivedPayment>), ApiError> {
    let unauthorized = || {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")
            .with("description", "Failed to get wallet address from incoming payment")
            .with("id", &*id.sent)
    };
    let (Some(tenant), Some(uuid)) = (tenant, id.uuid) else { return Err(unauthorized()) };
    let found = api.payments.incoming_payment(Some(tenant), uuid.into()).await?;
    let found = with_owner(api, tenant, found, |found| found.payment.wallet_address_id).await?;
    Ok((tenant, found.ok_or_else(unauthorized)?))
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
