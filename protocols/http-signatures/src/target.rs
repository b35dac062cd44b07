//! Which absolute URI a client called, as seen from behind the socket and perhaps a proxy: `@target-uri` of RFC 9421
//! section 2.2.2.

use http::HeaderMap;

/// Where scheme and host of `@target-uri` come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetOrigin {
    /// The configured public origin, `https://host[:port]`; what proxies say does not matter.
    Pinned(String),
    /// The `Host` header over plain `http`.
    Host,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` of a trusted proxy, else as [`TargetOrigin::Host`].
    TrustedProxy,
}

/// The request does not say which host it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has no usable Host header")]
pub struct TargetError;

impl TargetOrigin {
    /// The absolute URI of a request with this raw request target (path and query as on the request line) and headers.
    ///
    /// A target in absolute form is used as it is.
    pub fn target_uri(&self, raw_target: &str, headers: &HeaderMap) -> Result<String, TargetError> {
        if raw_target.starts_with("http://") || raw_target.starts_with("https://") {
            return Ok(raw_target.to_owned());
        }
        match self {
            Self::Pinned(origin) => Ok(format!("{}{raw_target}", origin.trim_end_matches('/'))),
            Self::Host | Self::TrustedProxy => {
                let host = self.host(headers).ok_or(TargetError)?;
                Ok(format!("{}://{host}{raw_target}", self.scheme(headers)))
            }
        }
    }

    /// The host (with port) a request is for.
    pub fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let forwarded = self.forwarded(headers, "x-forwarded-host");
        let host = forwarded.or_else(|| first_element(headers, "host"))?;
        Some(host.rsplit('@').next().unwrap_or(host))
    }

    fn scheme<'a>(&self, headers: &'a HeaderMap) -> &'a str {
        self.forwarded(headers, "x-forwarded-proto").unwrap_or("http")
    }

    fn forwarded<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        if *self == Self::TrustedProxy { first_element(headers, name) } else { None }
    }
}

fn first_element<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let first = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
    (!first.is_empty()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn forwarded_headers_count_only_behind_a_trusted_proxy() {
        let sent =
            headers(&[("host", "inner:80"), ("x-forwarded-host", "a.example, b"), ("x-forwarded-proto", "https,http")]);
        assert_eq!(TargetOrigin::Host.target_uri("/a?b=%20", &sent).unwrap(), "http://inner:80/a?b=%20");
        assert_eq!(TargetOrigin::TrustedProxy.target_uri("/a", &sent).unwrap(), "https://a.example/a");
        assert_eq!(
            TargetOrigin::Pinned("https://p.example/".into()).target_uri("/a", &sent).unwrap(),
            "https://p.example/a"
        );
    }

    #[test]
    fn user_information_is_stripped_and_a_missing_host_is_refused() {
        assert_eq!(TargetOrigin::Host.target_uri("/", &headers(&[("host", "u:p@h")])).unwrap(), "http://h/");
        assert_eq!(TargetOrigin::Host.target_uri("/", &HeaderMap::new()), Err(TargetError));
    }
}
