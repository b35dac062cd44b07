//! Lists: from query parameters to a page of resources and back.
//!
//! Each operation has its own filters.

use axum::http::StatusCode;
use axum::response::Response;
use open_payments::{ListQuery, Page, PageInfo, PageRequest};
use payments_model::page::{self, PagePosition, SortOrder};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::ApiError;
use crate::render::json;
use crate::request::ApiRequest;

/// The list query of a request.
pub(crate) fn list_query(request: &ApiRequest) -> Result<ListQuery, ApiError> {
    let pairs = request.query();
    Ok(ListQuery::parse(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))?)
}

/// The requested page. A contradiction is an error that shows the whole query.
pub(crate) fn page_request(request: &ApiRequest, query: &ListQuery) -> Result<page::PageRequest, ApiError> {
    let page = query.page_request().map_err(|error| {
        let sent: Map<String, Value> = request.query().into_iter().map(|(name, value)| (name, value.into())).collect();
        ApiError::from(error).with("queryParams", sent)
    })?;
    let (position, size) = match page {
        PageRequest::After { cursor: None, size } => (PagePosition::Start, size),
        PageRequest::After { cursor: Some(cursor), size } => (PagePosition::After(cursor), size),
        PageRequest::Before { cursor, size } => (PagePosition::Before(cursor), size),
    };
    Ok(page::PageRequest { position, size: size.into(), order: SortOrder::Descending })
}

/// The answer with the items of `page`.
pub(crate) fn page_response<T, U: Serialize>(
    page: page::Page<T>,
    id: impl Fn(&T) -> Uuid,
    render: impl Fn(&T) -> U,
) -> Result<Response, ApiError> {
    let pagination = PageInfo {
        start_cursor: page.items.first().map(&id),
        end_cursor: page.items.last().map(&id),
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
    };
    let result = page.items.iter().map(render).collect();
    json(StatusCode::OK, &Page { pagination, result })
}
