//! Reads without a token: wallet addresses, their keys, and the public view of incoming payments.
//!
//! It keeps no documents.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use http_signatures::JwkSet;
use open_payments::{PublicIncomingPayment, WalletAddress};
use outbound_http::{Outbound, Request};

use crate::call::{Caller, append, parse_url};
use crate::error::ClientError;
use crate::retry::RetryPolicy;

/// The most redirects that are followed to a public document.
const REDIRECTS: u8 = 3;

/// A document, and how long its server allows it to be kept.
#[derive(Clone, Debug)]
pub struct Published<T> {
    /// The document.
    pub document: T,
    /// How long it may be used without asking again; `None` if the server says nothing about it.
    pub may_be_kept: Option<Duration>,
}

/// Reads public documents of other institutions.
#[derive(Clone, Debug)]
pub struct PublicResources {
    pub(crate) caller: Caller,
}

impl PublicResources {
    /// Makes a reader that uses `outbound`.
    pub fn new(outbound: Outbound, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Self {
        Self { caller: Caller { outbound, policy, clock } }
    }

    /// The document of a wallet address.
    pub async fn wallet_address(&self, url: &str) -> Result<WalletAddress, ClientError> {
        Ok(self.published_wallet_address(url).await?.document)
    }

    /// As [`PublicResources::wallet_address`], with the time for which the document may be kept. After a redirect it is
    /// not kept.
    pub async fn published_wallet_address(&self, url: &str) -> Result<Published<WalletAddress>, ClientError> {
        let request = Request::get(parse_url(url)?);
        match self.caller.json_with_headers(request.clone()).await {
            // What the next server says holds for its own URL. Where this one leads can change at any time.
            Err(error) if error.is_redirection() => {
                let document = self.caller.json(request.redirects(REDIRECTS)).await?;
                Ok(Published { document, may_be_kept: Some(Duration::ZERO) })
            }
            answered => answered.map(|(document, headers)| Published { document, may_be_kept: may_be_kept(&headers) }),
        }
    }

    /// The keys published at a wallet address. Its URL is used as it is written.
    pub async fn keys(&self, wallet_address: &str) -> Result<Published<JwkSet>, ClientError> {
        let url = append(wallet_address, "jwks.json")?;
        let response = self.caller.answer(Request::get(url.clone()).redirects(REDIRECTS)).await?;
        let document = response.json().map_err(|error| ClientError::unusable(url.as_str(), error))?;
        Ok(Published { document, may_be_kept: may_be_kept(&response.headers) })
    }

    /// The public part of an incoming payment.
    pub async fn incoming_payment(&self, url: &str) -> Result<PublicIncomingPayment, ClientError> {
        self.caller.json(Request::get(parse_url(url)?)).await
    }
}

/// The remaining time by `Cache-Control` (RFC 9111 section 4.2). This is a shared cache, so `s-maxage` and `private`
/// count.
fn may_be_kept(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let (mut shared, mut any, mut never) = (None, None, false);
    for directive in lines.flat_map(|line| line.split(',')) {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        // A value that cannot be read counts as expired.
        let seconds = || Some(value.trim_matches('"').parse().unwrap_or(0));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" | "private" => never = true,
            "s-maxage" => shared = shared.or_else(seconds),
            "max-age" => any = any.or_else(seconds),
            _ => {}
        }
    }
    if never {
        return Some(Duration::ZERO);
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok()).unwrap_or(0);
    shared.or(any).map(|seconds: u64| Duration::from_secs(seconds.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_a_document_may_be_kept_is_read_from_its_headers() {
        let kept = |lines: &[(&'static str, &str)]| {
            let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            may_be_kept(&headers.collect::<HeaderMap>()).map(|time| time.as_secs())
        };
        let control = |value| kept(&[("cache-control", value)]);
        assert_eq!(kept(&[]), None);
        assert_eq!(control("public"), None);
        assert_eq!(control("public, max-age=10"), Some(10));
        assert_eq!(control("Max-Age=\"10\", s-maxage=3"), Some(3));
        assert_eq!(control("no-cache, max-age=10"), Some(0));
        assert_eq!(control("no-store"), Some(0));
        assert_eq!(control("max-age=soon"), Some(0));
        assert_eq!(kept(&[("cache-control", "max-age=10"), ("age", "4")]), Some(6));
        assert_eq!(kept(&[("cache-control", "max-age=10"), ("age", "40")]), Some(0));
        let mut two = HeaderMap::new();
        for line in ["public", "max-age=7"] {
            two.append(CACHE_CONTROL, line.parse().unwrap());
        }
        assert_eq!(may_be_kept(&two), Some(Duration::from_secs(7)));
    }
}
