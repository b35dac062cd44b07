//! Finds the operation of a request and runs it.
//! The operations are in the file of their resource.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::request::ApiRequest;
use crate::routes::Route;
use crate::settings::OpenPaymentsApi;
use crate::{incoming_payments, outgoing_payments, quotes, wallet_addresses};

pub(crate) async fn dispatch(State(api): State<Arc<OpenPaymentsApi>>, request: Request) -> Response {
    let changes = request.method() == Method::POST;
    // On the heap, because it is large and would be moved several times.
    let answer = Box::pin(async move { answer(&api, request).await });
    if !changes {
        return answer.await.unwrap_or_else(IntoResponse::into_response);
    }
    // The operation is completed even if the client disconnects. So its result is stored under its key for a
    // repetition.
    match tokio::spawn(answer).await {
        Ok(answer) => answer.unwrap_or_else(IntoResponse::into_response),
        Err(error) => {
            tracing::error!(%error, "an Open Payments request ended before its answer");
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
        }
    }
}

async fn answer(api: &OpenPaymentsApi, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let route = Route::of(&parts.method, parts.uri.path()).ok_or(ApiError::NOT_FOUND)?;
    let request = ApiRequest::read(parts, body).await?;
    match route {
        Route::Health => Ok(health(api).await),
        Route::CreateIncomingPayment(tenant) => incoming_payments::create(api, &request, tenant).await,
        Route::ListIncomingPayments(tenant) => incoming_payments::list(api, &request, tenant).await,
        Route::GetIncomingPayment(tenant, id) => incoming_payments::get(api, &request, tenant, &id).await,
        Route::CompleteIncomingPayment(tenant, id) => incoming_payments::complete(api, &request, tenant, &id).await,
        Route::CreateQuote(tenant) => quotes::create(api, &request, tenant).await,
        Route::GetQuote(tenant, id) => quotes::get(api, &request, tenant, &id).await,
        Route::CreateOutgoingPayment(tenant) => outgoing_payments::create(api, &request, tenant).await,
        Route::ListOutgoingPayments(tenant) => outgoing_payments::list(api, &request, tenant).await,
        Route::GetOutgoingPayment(tenant, id) => outgoing_payments::get(api, &request, tenant, &id).await,
        Route::GetOutgoingPaymentGrant => outgoing_payments::grant_spent(api, &request).await,
        Route::WalletAddress(path) => wallet_addresses::document(api, &request, &path).await,
        Route::WalletAddressKeys(path) => wallet_addresses::keys(api, &request, &path).await,
    }
}

async fn health(api: &OpenPaymentsApi) -> Response {
    http_kit::answers_in_time(api.addresses.ping()).await
}
