//! `GET /rates?base=`, and the same for a tenant's own rates.
//!
//! The form of the answer is that of the account-servicing entity of Rafiki's playground.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_kit::{Access, Declared, Need, ServiceCallers, require_service};
use serde::Deserialize;
use service_auth::{Scope, Service};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::service::RatesService;

/// The paths of the service, for these callers.
pub fn router(service: RatesService, callers: ServiceCallers) -> Router {
    let router = Router::new()
        .declare("/rates", Access::Service, get(general))
        .declare("/{tenant}/rates", Access::Service, get(of_tenant))
        .with_state(service);
    require_service(router, callers, Need { service: Service::Rates, scopes: &[Scope::RatesRead] })
}

#[derive(Deserialize)]
struct RatesQuery {
    base: Option<String>,
}

/// `GET /rates?base=USD`
async fn general(State(service): State<RatesService>, Query(query): Query<RatesQuery>, headers: HeaderMap) -> Response {
    answer(&service, None, query, &headers).await
}

/// `GET /{tenant}/rates?base=USD`: a URL for a tenant's setting `EXCHANGE_RATES_URL`.
async fn of_tenant(
    State(service): State<RatesService>,
    Path(tenant): Path<Uuid>,
    Query(query): Query<RatesQuery>,
    headers: HeaderMap,
) -> Response {
    answer(&service, Some(tenant), query, &headers).await
}

async fn answer(service: &RatesService, tenant: Option<Uuid>, query: RatesQuery, headers: &HeaderMap) -> Response {
    let base = query.base.unwrap_or_else(|| "USD".to_owned());
    let document = match service.book().await.answer(tenant, &base, service.unknown_base) {
        Ok(Some(document)) => document,
        Ok(None) => return (StatusCode::NOT_FOUND, "there are no such rates").into_response(),
        Err(error) => {
            tracing::error!(%error, "rates cannot be serialized");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&document)[..16]));
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    ([(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag)], document).into_response()
}
