//! Which absolute URI a client called, as seen from behind the socket and perhaps a proxy: `@target-uri` of RFC 9421
//! section 2.2.2.

use http::HeaderMap;

/// Where scheme and host of `@target-uri` come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetOrigin {
    /// The configured public origin; what proxies say does not matter.
    Pinned {
        /// `https://host[:port]`.
        origin: String,
        /// Whether requests may also come for another host; otherwise their `Host` must be the origin's.
        any_host: bool,
    },
    /// The `Host` header over plain `http`.
    Host,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` of a trusted proxy, else as [`TargetOrigin::Host`].
    TrustedProxy,
    /// `https` whatever the transport (`NODE_ENV=autopeer`); the host as of the two above.
    AlwaysHttps {
        /// Whether `X-Forwarded-Host` counts.
        trusted_proxy: bool,
    },
}

/// Why nobody can tell which URI was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The request does not say which host it is for.
    #[error("the request has no usable Host header")]
    NoHost,
    /// The request is for another host than the configured one.
    #[error("the request is for another host than this server's public origin")]
    ForeignHost,
}

impl TargetOrigin {
    /// The absolute URI of a request with this raw request target (path and query as on the request line) and headers.
    ///
    /// A target in absolute form is used as it is.
    pub fn target_uri(&self, raw_target: &str, headers: &HeaderMap) -> Result<String, TargetError> {
        if raw_target.starts_with("http://") || raw_target.starts_with("https://") {
            return Ok(raw_target.to_owned());
        }
        match self {
            Self::Pinned { origin, any_host } => {
                let origin = origin.trim_end_matches('/');
                let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
                let own = |host: &str| host.eq_ignore_ascii_case(authority);
                if !any_host && !own(self.host(headers).ok_or(TargetError::NoHost)?) {
                    return Err(TargetError::ForeignHost);
                }
                Ok(format!("{origin}{raw_target}"))
            }
            Self::Host | Self::TrustedProxy | Self::AlwaysHttps { .. } => {
                let host = self.host(headers).ok_or(TargetError::NoHost)?;
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
        match self {
            Self::AlwaysHttps { .. } => "https",
            _ => self.forwarded(headers, "x-forwarded-proto").unwrap_or("http"),
        }
    }

    fn forwarded<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let trusted = matches!(self, Self::TrustedProxy | Self::AlwaysHttps { trusted_proxy: true });
        if trusted { first_element(headers, name) } else { None }
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
        let always = |trusted_proxy| TargetOrigin::AlwaysHttps { trusted_proxy }.target_uri("/a", &sent).unwrap();
        assert_eq!((always(false), always(true)), ("https://inner:80/a".into(), "https://a.example/a".into()));
    }

    #[test]
    fn a_pinned_origin_does_not_believe_headers_and_refuses_other_hosts_unless_told_not_to() {
        let pinned = |any_host| TargetOrigin::Pinned { origin: "https://p.example/".into(), any_host };
        let own = headers(&[("host", "P.example"), ("x-forwarded-proto", "http")]);
        assert_eq!(pinned(false).target_uri("/a", &own).unwrap(), "https://p.example/a");
        let foreign = headers(&[("host", "p.example:8080"), ("x-forwarded-host", "p.example")]);
        assert_eq!(pinned(false).target_uri("/a", &foreign), Err(TargetError::ForeignHost));
        assert_eq!(pinned(true).target_uri("/a", &foreign).unwrap(), "https://p.example/a");
        assert_eq!(pinned(false).target_uri("/a", &HeaderMap::new()), Err(TargetError::NoHost));
    }

    #[test]
    fn user_information_is_stripped_and_a_missing_host_is_refused() {
        assert_eq!(TargetOrigin::Host.target_uri("/", &headers(&[("host", "u:p@h")])).unwrap(), "http://h/");
        assert_eq!(TargetOrigin::Host.target_uri("/", &HeaderMap::new()), Err(TargetError::NoHost));
    }
}
