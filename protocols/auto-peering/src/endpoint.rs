//! Which URLs are accepted as the endpoint of a peer (ILP over HTTP, RFC 35).
//!
//! It does not check whether the host may be called: the address guard does that.

use url::Url;

use crate::URL_MAX;

/// Whether this is an http or https URL without user name and password, whose host has no empty label.
pub fn is_endpoint(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let host = url.host_str().unwrap_or_default();
    let plain = url.username().is_empty() && url.password().is_none() && text.len() <= URL_MAX;
    plain && matches!(url.scheme(), "http" | "https") && !host.is_empty() && !host.split('.').any(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_http_url_with_a_whole_host() {
        for good in ["http://localhost:3002", "https://peer.example/ilp"] {
            assert!(is_endpoint(good), "{good}");
        }
        let long = format!("https://peer.example/{}", "x".repeat(URL_MAX));
        for bad in
            ["", "peer.example", "ftp://peer.example", "http://a..b/", "http://", "https://u:p@peer.example", &long]
        {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }
}
