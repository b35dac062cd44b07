//! The pages for an owner: a sentence, and possibly a link back to the application.
//!
//! Programs that do not read HTML get the JSON error or plain text instead.

use axum::response::{Html, IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

/// Whether the caller is a browser.
pub(crate) fn reads_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

/// A page with one sentence and, if there is an application to return to, a link.
pub(crate) fn page(status: StatusCode, sentence: &str, back: Option<&Url>) -> Response {
    let link = back.map(|url| {
        let host = url.host_str().unwrap_or(url.scheme());
        format!(r#"<p><a rel="noreferrer" href="{}">Return to {}</a></p>"#, escape(url.as_str()), escape(host))
    });
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Authorization</title><p>{}</p>{}</html>",
        escape(sentence),
        link.unwrap_or_default()
    );
    (status, Html(html)).into_response()
}

/// Redirects the browser.
pub(crate) fn redirect(to: &Url) -> Response {
    let location = HeaderValue::try_from(to.as_str());
    let mut response = (StatusCode::FOUND, format!("Redirecting to {to}.")).into_response();
    // A serialised URL is ASCII without spaces, always a header value.
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Keeps the nonces in these URLs out of caches, frames and other sites' logs.
pub(crate) fn discreet(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
        escaped
    })
}
