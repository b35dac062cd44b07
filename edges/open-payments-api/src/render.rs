//! Resources of the backend in the form of the API.
//! The form itself is in `protocols/open-payments`.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use open_payments::{Amount, IlpPaymentMethod, PaymentMethod, QuoteMethod};
use payments_model::receiver::IlpMethod;
use payments_model::{IncomingPayment, OutgoingPayment, Quote};
use serde::Serialize;

use crate::error::ApiError;
use crate::settings::OpenPaymentsSettings;

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(body).map_err(ApiError::fault)?;
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    Ok((status, [(CONTENT_TYPE, content_type)], body).into_response())
}

/// An incoming payment that has received `received`; `methods` only where they are shown.
pub(crate) fn incoming_payment(
    settings: &OpenPaymentsSettings,
    wallet_address: &str,
    payment: &IncomingPayment,
    received: u64,
    methods: Option<Vec<IlpMethod>>,
) -> open_payments::IncomingPayment {
    let asset = &payment.asset.asset;
    open_payments::IncomingPayment {
        id: settings.resource_url(payment.tenant_id, "incoming-payments", payment.id),
        wallet_address: wallet_address.to_owned(),
        incoming_amount: payment.incoming_amount.map(|value| Amount::new(value, asset)),
        received_amount: Amount::new(received, asset),
        completed: payment.is_completed(),
        metadata: payment.metadata.clone(),
        created_at: payment.created_at,
        expires_at: Some(payment.expires_at),
        methods: methods.map(|methods| methods.into_iter().map(method).collect()),
    }
}

fn method(method: IlpMethod) -> PaymentMethod {
    PaymentMethod::Ilp(IlpPaymentMethod {
        ilp_address: method.ilp_address,
        shared_secret: URL_SAFE_NO_PAD.encode(method.shared_secret),
    })
}

/// A quote.
pub(crate) fn quote(settings: &OpenPaymentsSettings, wallet_address: &str, quote: &Quote) -> open_payments::Quote {
    open_payments::Quote {
        id: settings.resource_url(quote.tenant_id, "quotes", quote.id),
        wallet_address: wallet_address.to_owned(),
        receiver: quote.receiver.clone(),
        receive_amount: quote.receive_amount.clone().into(),
        debit_amount: Amount::new(quote.debit_amount, &quote.asset.asset),
        method: QuoteMethod::Ilp,
        created_at: quote.created_at,
        expires_at: Some(quote.expires_at),
    }
}

/// An outgoing payment that has sent `sent`.
pub(crate) fn outgoing_payment(
    settings: &OpenPaymentsSettings,
    wallet_address: &str,
    payment: &OutgoingPayment,
    sent: u64,
) -> open_payments::OutgoingPayment {
    let quote = &payment.quote;
    open_payments::OutgoingPayment {
        id: settings.resource_url(quote.tenant_id, "outgoing-payments", payment.id()),
        wallet_address: wallet_address.to_owned(),
        quote_id: Some(settings.resource_url(quote.tenant_id, "quotes", quote.id)),
        receiver: quote.receiver.clone(),
        receive_amount: quote.receive_amount.clone().into(),
        debit_amount: Amount::new(quote.debit_amount, &quote.asset.asset),
        sent_amount: Amount::new(sent, &quote.asset.asset),
        failed: payment.has_failed(),
        metadata: payment.metadata.clone(),
        created_at: payment.created_at,
    }
}
