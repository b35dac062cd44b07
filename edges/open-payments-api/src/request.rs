//! A request in the form for operations: headers, raw octets, and the parsed JSON.
//!
//! The checks run in the order that clients can observe: acceptable answer, body, signature headers, query.

use std::net::IpAddr;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, request::Parts};
use http_kit::ClientAddress;
use http_signatures::parse_json;
use open_payments::InvalidRequest;
use outside_text::{Bounds, check_json, check_target};
use serde_json::Value;

use crate::error::ApiError;

/// The largest JSON body.
const JSON_MAX: usize = 1024 * 1024;

/// The content types that are parsed as JSON.
const JSON_TYPES: [&str; 5] = [
    "application/json",
    "application/json-patch+json",
    "application/vnd.api+json",
    "application/csp-report",
    "application/scim+json",
];

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct ApiRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The source of the request.
    pub(crate) address: Option<IpAddr>,
    json: Value,
}

impl ApiRequest {
    /// Reads the body. JSON is parsed strictly. Any other body counts as an empty object. Texts of path, query and body
    /// that exceed the limits are refused.
    pub(crate) async fn read(mut parts: Parts, body: Body) -> Result<Self, ApiError> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        check_target(target).map_err(|bad| ApiError::invalid(StatusCode::BAD_REQUEST, &format!("the URL {bad}")))?;
        name_host(&mut parts);
        let body = http_kit::read_body(body, JSON_MAX).await?;
        let media_type = media_type(&parts.headers);
        let is_json = media_type.is_some_and(|name| JSON_TYPES.iter().any(|json| name.eq_ignore_ascii_case(json)));
        let json = if is_json && !body.is_empty() {
            let json = parse_json(&body).map_err(|_| ApiError::BAD_REQUEST)?;
            if !json.is_object() && !json.is_array() {
                return Err(ApiError::BAD_REQUEST);
            }
            check_json("body", &json, Bounds::REQUEST)
                .map_err(|unfit| ApiError::invalid(StatusCode::BAD_REQUEST, &unfit.to_string()))?;
            json
        } else {
            Value::Object(serde_json::Map::new())
        };
        let address = parts.extensions.get::<ClientAddress>().map(|address| address.0);
        Ok(Self { method: parts.method, uri: parts.uri, headers: parts.headers, body, address, json })
    }

    /// 406 unless the client accepts JSON.
    pub(crate) fn require_accepts_json(&self) -> Result<(), ApiError> {
        if accepts(&self.headers, "application/json") {
            Ok(())
        } else {
            Err(ApiError::invalid(StatusCode::NOT_ACCEPTABLE, "Must accept application/json"))
        }
    }

    /// The JSON body of an operation that has one, read by `parse`.
    pub(crate) fn json_body<T>(&self, parse: impl FnOnce(&Value) -> Result<T, InvalidRequest>) -> Result<T, ApiError> {
        let Some(sent) = self.headers.get(CONTENT_TYPE) else {
            return Err(ApiError::invalid(StatusCode::BAD_REQUEST, "body media type is not specified"));
        };
        if !media_type(&self.headers).is_some_and(|name| name.eq_ignore_ascii_case("application/json")) {
            let sent = String::from_utf8_lossy(sent.as_bytes());
            let problem = format!("Unsupported Content-Type {sent}");
            return Err(ApiError::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, &problem));
        }
        Ok(parse(&self.json)?)
    }

    /// The parsed JSON body; an empty object for a body that is not JSON.
    pub(crate) fn json(&self) -> &Value {
        &self.json
    }

    /// 400 unless both signature headers are present.
    pub(crate) fn require_signature_headers(&self) -> Result<(), ApiError> {
        match ["signature-input", "signature"].iter().find(|name| !self.headers.contains_key(**name)) {
            Some(name) => Err(InvalidRequest::missing("", name).into()),
            None => Ok(()),
        }
    }

    /// Decoded query parameters.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// Path and query as on the request line.
    pub(crate) fn raw_target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

/// HTTP/2 names the host in the request line only.
fn name_host(parts: &mut Parts) {
    let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key(HOST)) else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(HOST, host);
    }
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next().map(str::trim)
}

/// Whether an `Accept` header admits `wanted` (RFC 9110 section 12.5.1); a missing one admits everything.
pub(crate) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).peekable();
    if lines.peek().is_none() {
        return !headers.contains_key(ACCEPT);
    }
    let kind = wanted.split('/').next().unwrap_or_default();
    // If several ranges match, the most specific one decides.
    let best = lines.flat_map(|line| line.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let refused =
            parts.any(|part| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        let rank = match name.as_str() {
            exact if exact == wanted => 3,
            partial if partial.strip_suffix("/*") == Some(kind) => 2,
            "*/*" | "*" => 1,
            _ => return None,
        };
        Some((rank, !refused))
    });
    best.max().is_some_and(|(_, admitted)| admitted)
}

/// Whether `Accept` names `wanted` itself.
pub(crate) fn accept_names(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .any(|line| line.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_of_accept_decides() {
        let admits = |text: &str| accepts(&HeaderMap::from_iter([(ACCEPT, text.parse().unwrap())]), "application/json");
        assert!(accepts(&HeaderMap::new(), "application/json"));
        for text in
            ["application/json", "*/*", "text/html, application/*;q=0.5", "text/html, */*;q=0, application/json"]
        {
            assert!(admits(text), "{text}");
        }
        for text in ["text/html", "", "*/*, application/json;q=0"] {
            assert!(!admits(text), "{text}");
        }
    }
}
