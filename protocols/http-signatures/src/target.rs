//! Finds the absolute URI that a client called, from behind a socket and perhaps a proxy: `@target-uri` of RFC 9421
//! section 2.2.2.
//! Whether the signature fits is checked in `verify`.

use http::HeaderMap;

/// The source of the scheme and host of `@target-uri`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetOrigin {
    /// The configured public origin. The headers of proxies do not matter.
    Pinned {
        /// `https://host[:port]`.
        origin: String,
        /// How requests are handled whose `Host` is not the origin's.
        others: OtherHosts,
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

/// How requests for another host than the configured one are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherHosts {
    /// They are refused.
    Refused,
    /// They are taken for requests to the configured origin.
    TakenForIt,
    /// The host of the request is used, over plain `http`: a playground is also called directly.
    Direct,
}

/// Why the called URI is not known.
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
            Self::Pinned { origin, others } => {
                let origin = origin.trim_end_matches('/');
                let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
                let host = self.host(headers);
                match (host.is_some_and(|host| host.eq_ignore_ascii_case(authority)), others) {
                    (true, _) | (false, OtherHosts::TakenForIt) => Ok(format!("{origin}{raw_target}")),
                    (false, OtherHosts::Direct) => {
                        Ok(format!("http://{}{raw_target}", host.ok_or(TargetError::NoHost)?))
                    }
                    (false, OtherHosts::Refused) => {
                        Err(if host.is_some() { TargetError::ForeignHost } else { TargetError::NoHost })
                    }
                }
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
        let pinned = |others| TargetOrigin::Pinned { origin: "https://p.example/".into(), others };
        let (refused, taken) = (OtherHosts::Refused, OtherHosts::TakenForIt);
        let own = headers(&[("host", "P.example"), ("x-forwarded-proto", "http")]);
        assert_eq!(pinned(refused).target_uri("/a", &own).unwrap(), "https://p.example/a");
        let foreign = headers(&[("host", "p.example:8080"), ("x-forwarded-host", "p.example")]);
        assert_eq!(pinned(refused).target_uri("/a", &foreign), Err(TargetError::ForeignHost));
        assert_eq!(pinned(taken).target_uri("/a", &foreign).unwrap(), "https://p.example/a");
        assert_eq!(pinned(refused).target_uri("/a", &HeaderMap::new()), Err(TargetError::NoHost));
    }

    #[test]
    fn a_playground_is_called_through_its_proxy_and_directly() {
        let origin = TargetOrigin::Pinned { origin: "https://p.example".into(), others: OtherHosts::Direct };
        let called = |host: &'static str| origin.target_uri("/a", &headers(&[("host", host)])).unwrap();
        assert_eq!(called("p.example"), "https://p.example/a");
        assert_eq!(called("localhost:3000"), "http://localhost:3000/a");
    }

    #[test]
    fn user_information_is_stripped_and_a_missing_host_is_refused() {
        assert_eq!(TargetOrigin::Host.target_uri("/", &headers(&[("host", "u:p@h")])).unwrap(), "http://h/");
        assert_eq!(TargetOrigin::Host.target_uri("/", &HeaderMap::new()), Err(TargetError::NoHost));
    }
}
