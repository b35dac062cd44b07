//! Outgoing payments: create, read, list, and the spent amounts of a grant.
//!
//! The crate `payments` decides what a grant allows.

use axum::http::StatusCode;
use axum::response::Response;
use gnap::{AccessType, Action};
use idempotency::Once;
use open_payments::{Amount, CreateOutgoingPayment, CreatedOutgoingPayment, OutgoingPaymentGrant, PaymentSource};
use payments::{
    Beside, CreateOutgoingPaymentError, CreatedOutgoingPayment as Created, NewOutgoingPayment, PaymentOf, SentPayment,
};
use payments_model::grant_limits::Spent;
use payments_model::page::Page;
use payments_model::quote::QuoteRequest;
use payments_model::{OutgoingPaymentId, QuoteId};
use payments_store::OutgoingPaymentFilter;
use serde::{Deserialize, Serialize};

use crate::access::{Caller, Needed, authorize};
use crate::error::ApiError;
use crate::listing::{list_query, page_request, page_response};
use crate::once::{gone, once};
use crate::render;
use crate::request::ApiRequest;
use crate::routes::{Id, Tenant};
use crate::settings::OpenPaymentsApi;
use crate::wallet_addresses::{check_active, of_tenant, require_active, with_owner};

/// The stored identity of a payment that was created under an idempotency key.
#[derive(Serialize, Deserialize)]
struct Made {
    id: OutgoingPaymentId,
    spent_debit: u64,
    spent_receive: u64,
}

impl Made {
    fn of(created: &Created) -> Self {
        let Spent { debit, receive } = created.spent_before;
        Self { id: created.payment.id(), spent_debit: debit, spent_receive: receive }
    }
}

/// `POST /{T}/outgoing-payments`
pub(crate) async fn create(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    let asked = request.json_body(CreateOutgoingPayment::parse)?;
    api.require_signature_headers(request)?;
    let caller = authorized(api, request, Action::Create, Some(&asked.wallet_address), tenant).await?;
    let address = require_active(api, &asked.wallet_address, &caller).await?;
    let source = source(asked.source)?;
    let tenant = of_tenant(&address, tenant).ok_or(CreateOutgoingPaymentError::UnknownWalletAddress)?;
    let new = NewOutgoingPayment {
        wallet_address_id: address.id,
        source,
        client: Some(caller.client.clone()),
        grant: Some(caller.grant.clone()),
        metadata: asked.metadata,
        card: None,
    };

    let create = |origin| api.payments.create_outgoing_payment_once(tenant, new, origin, Beside::nothing());
    let (payment, spent, sent) = match once(api, request, &caller, tenant, create, Made::of).await? {
        Once::Now(created) => (created.payment, created.spent_before, 0),
        Once::Before(Made { id, spent_debit: debit, spent_receive: receive }) => {
            let found = api.payments.outgoing_payment(Some(tenant), id).await?.ok_or_else(gone)?;
            (found.payment, Spent { debit, receive }, found.sent)
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

fn source(asked: PaymentSource) -> Result<PaymentOf, ApiError> {
    match asked {
        PaymentSource::IncomingPayment { incoming_payment, debit_amount } => {
            let request = QuoteRequest::DebitAmount(debit_amount.into());
            Ok(PaymentOf::IncomingPayment { receiver: incoming_payment, request })
        }
        PaymentSource::Quote { quote_id } => {
            let segment = PaymentSource::quote_segment(&quote_id).ok_or_else(|| {
                ApiError::new(StatusCode::BAD_REQUEST, "Invalid quote id trying to create outgoing payment")
            })?;
            let id: QuoteId = segment.parse().map_err(|_| CreateOutgoingPaymentError::UnknownQuote)?;
            Ok(PaymentOf::Quote(id))
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
    api.require_signature_headers(request)?;
    let found = match (tenant, id.uuid) {
        (Some(tenant), Some(uuid)) => {
            let found = api.payments.outgoing_payment(Some(tenant), uuid.into()).await?;
            with_owner(api, tenant, found, |found| found.payment.quote.wallet_address_id).await?
        }
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
    let SentPayment { payment, sent, .. } = &found.resource;
    if !caller.sees(payment.client.as_deref()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "Outgoing payment does not exist").with("id", &*id.sent));
    }
    let body = render::outgoing_payment(&api.settings, address, payment, *sent);

    render::json(StatusCode::OK, &body)
}

/// `GET /{T}/outgoing-payments`
pub(crate) async fn list(api: &OpenPaymentsApi, request: &ApiRequest, tenant: Tenant) -> Result<Response, ApiError> {
    request.require_accepts_json()?;
    api.require_signature_headers(request)?;
    let query = list_query(request)?;
    let caller = authorized(api, request, Action::List, Some(&query.wallet_address), tenant).await?;
    let address = require_active(api, &query.wallet_address, &caller).await?;
    let page = page_request(request, &query)?;
    let page = match of_tenant(&address, tenant) {
        Some(tenant) => {
            let filter = OutgoingPaymentFilter {
                wallet_addresses: Some(vec![address.id]),
                client: caller.client_filter().map(str::to_owned),
                ..OutgoingPaymentFilter::default()
            };
            api.payments.outgoing_payments(Some(tenant), &filter, page).await?
        }
        None => Page::empty(),
    };
    page_response(
        page,
        |found| found.payment.id().as_uuid(),
        |found| render::outgoing_payment(&api.settings, &address.address, &found.payment, found.sent),
    )
}

/// `GET /{T}/outgoing-payment-grant`; the tenant does not matter, the token names the grant
pub(crate) async fn grant_spent(api: &OpenPaymentsApi, request: &ApiRequest) -> Result<Response, ApiError> {
    let caller = authorized(api, request, Action::Create, None, None).await?;
    let interval = caller.grant.limits.as_ref().and_then(|limits| limits.interval.as_deref());
    let spent = api.payments.grant_spent(&caller.grant.id, interval).await?;
    let (debit, receive) = spent.map(|spent| (spent.debit, spent.receive)).unzip();
    let body = OutgoingPaymentGrant {
        spent_debit_amount: debit.map(Into::into),
        spent_receive_amount: receive.map(Into::into),
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
