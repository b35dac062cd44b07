//! The console below a path of its host: requests lose the path, and links, redirects and cookies get it in front.
//!
//! The pages know nothing of it. No text of a page is taken for a link, because its quotation marks are escaped.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use tower::Layer;

/// More than any page has.
const PAGE_MAX: usize = 4 * 1024 * 1024;
/// Attributes with a path of this console.
const LINKS: [&str; 3] = [" href=\"/", " action=\"/", " src=\"/"];

/// The pages below `path`, such as `/rafiki`; where they are if it is empty.
pub(crate) fn below(path: &str, pages: Router) -> Router {
    if path.is_empty() {
        return pages;
    }
    let path: Arc<str> = path.into();
    // Before the router, which decides by the path.
    Router::new().fallback_service(from_fn_with_state(path, pass).layer(pages))
}

async fn pass(State(path): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    // Whoever asks for the health asks this process, not the host.
    if request.uri().path() != "/healthz" {
        let Some(inside) = inside(&path, request.uri()) else {
            return (StatusCode::NOT_FOUND, format!("The console is at {path}/.")).into_response();
        };
        *request.uri_mut() = inside;
    }
    in_front(&path, next.run(request).await).await
}

/// The address without the path; `None` if it is not below it.
fn inside(path: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(path)?;
    let rest = match rest.chars().next() {
        None => "/".to_owned(),
        Some('/') => rest.to_owned(),
        Some('?') => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}

async fn in_front(path: &str, response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    head.headers = headers(path, &head.headers);
    let is_page = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return Response::from_parts(head, body);
    }
    let Ok(page) = to_bytes(body, PAGE_MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut page = String::from_utf8_lossy(&page).replacen("<html ", &format!("<html data-base=\"{path}\" "), 1);
    for link in LINKS {
        page = page.replace(link, &format!("{}{path}/", link.trim_end_matches('/')));
    }
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(page))
}

fn headers(path: &str, given: &HeaderMap) -> HeaderMap {
    let changed = given.iter().map(|(name, value)| {
        let text = value.to_str().unwrap_or_default();
        let text = if *name == LOCATION && text.starts_with('/') && !text.starts_with("//") {
            format!("{path}{text}")
        } else if *name == SET_COOKIE {
            text.replace("; Path=/;", &format!("; Path={path};"))
        } else {
            return (name.clone(), value.clone());
        };
        (name.clone(), HeaderValue::from_str(&text).unwrap_or_else(|_| value.clone()))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in changed {
        headers.append(name, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_path_is_inside() {
        let inside = |uri: &str| inside("/rafiki", &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(inside("/rafiki").as_deref(), Some("/"));
        assert_eq!(inside("/rafiki?x=1").as_deref(), Some("/?x=1"));
        assert_eq!(inside("/rafiki/payments?type=OUTGOING").as_deref(), Some("/payments?type=OUTGOING"));
        assert_eq!((inside("/rafikis/payments"), inside("/payments")), (None, None));
    }
}
