//! Outgoing payments: create, read, list, and what a grant has spent.

use axum::http::StatusCode;
use axum::response::Response;
use gnap::{AccessType, Action};
use idempotency::Once;
use open_payments::{Amount, CreateOutgoingPayment, CreatedOutgoingPayment, OutgoingPaymentGrant, PaymentSource};
use payments_model::grant_limits::Spent;
use payments_model::page::Page;
use payments_model::{OutgoingPayment, OutgoingPaymentId, QuoteId};
use serde::{Deserialize, Serialize};

use crate::access::{Caller, Needed, authorize};
use crate::backend::{CreateOutgoingPaymentError, NewOutgoingPayment, OutgoingSource};
use crate::error::ApiError;
use crate::listing::{list_query, page_request, page_response};
use crate::once::{gone, once};
use crate::render;
use crate::request::ApiRequest;
use crate::routes::{Id, Tenant};
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::{check_active, of_tenant, require_active};

/// What is remembered of a payment made under an idempotency key.
#[derive(Serialize, Deserialize)]
struct Made {
    id: OutgoingPaymentId,
    spent_debit: u64,
    spent_receive: u64,
}

impl Made {
    fn of((payment, spent): &(OutgoingPayment, Spent)) -> Self {
        Self { id: payment.id(), spent_debit: spent.debit, spent_receive: spent.receive }
    }
}

/// `POST /{T}/outgoing-payments`
pub(crate) async fn create(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let asked = request.json_body(CreateOutgoingPayment::parse)?;
    request.require_signature_headers()?;
    let caller = authorized(api, request, Action::Create, Some(&asked.wallet_address), tenant).await?;
    let address = require_active(api, &asked.wallet_address, &caller).await?;
    let source = source(asked.source)?;
    let tenant = of_tenant(&address, tenant).ok_or(CreateOutgoingPaymentError::UnknownWalletAddress)?;
    let new = NewOutgoingPayment {
        wallet_address: address.id,
        source,
        metadata: asked.metadata,
        client: caller.client.clone(),
        grant: caller.grant.clone(),
    };
    let create = api.backend.create_outgoing_payment(tenant, new);
    let (payment, spent, sent) = match once(api, request, &caller, tenant, create, Made::of).await? {
        Once::Now((payment, spent)) => (payment, spent, 0),
        Once::Before(Made { id, spent_debit: debit, spent_receive: receive }) => {
            let found = api.backend.outgoing_payment(tenant, id).await?.ok_or_else(gone)?;
            (found.resource, Spent { debit, receive }, found.moved)
        }
    };
    let quote = &payment.quote;
    let body = CreatedOutgoingPayment {
        payment: render::outgoing_payment(&api.settings, &address.address, &payment, sent),
        grant_spent_receive_amount: Amount::new(spent.receive, &quote.receive_amount.asset),
        grant_spent_debit_amount: Amount::new(spent.debit, &quote.asset.asset),
    };
    render::json(StatusCode::CREATED, &body)
}

fn source(asked: PaymentSource) -> Result<OutgoingSource, ApiError> {
    match asked {
        PaymentSource::IncomingPayment { incoming_payment, debit_amount } => {
            Ok(OutgoingSource::IncomingPayment { receiver: incoming_payment, debit_amount: debit_amount.into() })
        }
        PaymentSource::Quote { quote_id } => {
            let segment = PaymentSource::quote_segment(&quote_id).ok_or_else(|| {
                ApiError::new(StatusCode::BAD_REQUEST, "Invalid quote id trying to create outgoing payment")
            })?;
            let id: QuoteId = segment.parse().map_err(|_| CreateOutgoingPaymentError::UnknownQuote)?;
            Ok(OutgoingSource::Quote(id))
        }
    }
}

/// `GET /{T}/outgoing-payments/{id}`
pub(crate) async fn get(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    tenant: Tenant,
    id: &Id,
) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    request.require_signature_headers()?;
    let found = match (tenant, id.uuid) {
        (Some(tenant), Some(uuid)) => api.backend.outgoing_payment(tenant, uuid.into()).await?,
        _ => None,
    };
    let found = found.ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")
            .with("description", "Failed to get wallet address from outgoing payment")
            .with("id", &*id.sent)
    })?;
    let address = &found.wallet_address.address;
    let caller = authorized(api, request, Action::Read, Some(address), tenant).await?;
    check_active(api, &found.wallet_address)?;
    if !caller.sees(found.resource.client.as_deref()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "Outgoing payment does not exist").with("id", &*id.sent));
    }
    let body = render::outgoing_payment(&api.settings, address, &found.resource, found.moved);
    render::json(StatusCode::OK, &body)
}

/// `GET /{T}/outgoing-payments`
pub(crate) async fn list(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    request.require_signature_headers()?;
    let query = list_query(request)?;
    let caller = authorized(api, request, Action::List, Some(&query.wallet_address), tenant).await?;
    let address = require_active(api, &query.wallet_address, &caller).await?;
    let page = page_request(request, &query)?;
    let page = match of_tenant(&address, tenant) {
        Some(_) => api.backend.list_outgoing_payments(&address, caller.client_filter(), page).await?,
        None => Page::empty(),
    };
    page_response(
        page,
        |(payment, _)| payment.id().as_uuid(),
        |(payment, sent)| render::outgoing_payment(&api.settings, &address.address, payment, *sent),
    )
}

/// `GET /{T}/outgoing-payment-grant`; the tenant does not matter, the token names the grant
pub(crate) async fn grant_spent(api: &OpenPaymentsApi, request: &ApiRequest) -> Result<Response, ApiError> {
    let caller = authorized(api, request, Action::Create, None, None).await?;
    let spent = api.backend.grant_spent(&caller.grant).await?;
    let body = OutgoingPaymentGrant {
        spent_debit_amount: spent.debit.map(Into::into),
        spent_receive_amount: spent.receive.map(Into::into),
    };
    render::json(StatusCode::OK, &body)
}

async fn authorized(
    api: &OpenPaymentsApi,
    request: &ApiRequest,
    action: Action,
    wallet_address: Option<&str>,
    tenant: Tenant,
) -> Result<Caller, ApiError> {
    let kind = AccessType::OutgoingPayment;
    authorize(api, request, Needed { kind, action, wallet_address, tenant }).await
}
