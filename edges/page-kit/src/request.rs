//! What pages read from a request before they know who asks.
//!
//! Sessions are the products' own.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;

/// The way to the page for signing in, and from there to the page that was asked for.
pub fn sign_in_first(parts: &Parts) -> Response {
    let asked = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let next: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    let to = if asked == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={next}") };
    Redirect::to(&to).into_response()
}

/// Only a path of the same site. `//host` and `/\host` would lead to another one.
pub fn own_path(next: &str) -> &str {
    let own = next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(char::is_control);
    if own { next } else { "/" }
}

/// The named parts of the path. A path that cannot be read has none.
pub async fn path_parameters<S: Send + Sync>(parts: &mut Parts, state: &S) -> BTreeMap<String, String> {
    let Ok(found) = RawPathParams::from_request_parts(parts, state).await else { return BTreeMap::new() };
    found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_the_same_site_is_followed() {
        assert_eq!(own_path("/orders?go=1"), "/orders?go=1");
        for foreign in ["", "orders", "https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"]
        {
            assert_eq!(own_path(foreign), "/", "{foreign}");
        }
    }
}
