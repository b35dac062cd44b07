//! Paths as clients of Rafiki 2.4 write them: in any letter case, with or without a trailing slash.
//!
//! The received path is kept with the request, because it is signed.

use axum::Router;
use axum::body::Body;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};
use tower::ServiceBuilder;

/// Path and query exactly as on the request line.
#[derive(Clone, Debug)]
pub(crate) struct RawTarget(pub(crate) String);

const WORDS: [&str; 11] = [
    "continue",
    "discovery",
    "finish",
    "grant",
    "graphql",
    "healthz",
    "interact",
    "tenant",
    "token",
    "accept",
    "reject",
];

/// The same routes, with tolerant paths.
pub(crate) fn tolerant(router: Router) -> Router {
    Router::new().fallback_service(ServiceBuilder::new().map_request(normalise).service(router))
}

fn normalise(mut request: Request<Body>) -> Request<Body> {
    let uri = request.uri().clone();
    let raw = uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
    request.extensions_mut().insert(RawTarget(raw));
    // HTTP/2 names the host in the URI only.
    if let (Some(authority), false) = (uri.authority(), request.headers().contains_key(HOST))
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(uri) = normal_form(&uri) {
        *request.uri_mut() = uri;
    }
    request
}

/// `None` if the path is in normal form already.
fn normal_form(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    let segments = trimmed
        .split('/')
        .map(|segment| WORDS.into_iter().find(|word| segment.eq_ignore_ascii_case(word)).unwrap_or(segment));
    let normal = segments.collect::<Vec<_>>().join("/");
    if normal == path {
        return None;
    }
    let target = uri.query().map_or(normal.clone(), |query| format!("{normal}?{query}"));
    target.parse().ok()
}
