//! The client's address: the other end of the connection, or the address reported by a trusted proxy.
//!
//! It is used for counting, never for permissions, because an address proves no identity.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

/// The proxies in front of the listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxies {
    /// None: the connection comes from the client.
    #[default]
    None,
    /// This many proxies. Each appends the address of its caller to `X-Forwarded-For`.
    Trusted {
        /// How many.
        hops: u8,
    },
}

/// The address of a request's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The source that is counted: an IPv4 address, or an IPv6 network of 64 bits, which is one customer's.
    pub fn source(&self) -> impl fmt::Display + use<> {
        source_of(self.0)
    }
}

impl Proxies {
    /// The client of a request over a connection from `peer`.
    ///
    /// Entries to the left of those written by trusted proxies come from the client and are ignored.
    pub(crate) fn client(self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        let Self::Trusted { hops } = self else { return ClientAddress(peer) };
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let entries: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let entry = entries.len().checked_sub(usize::from(hops.max(1))).and_then(|at| entries.get(at));
        ClientAddress(entry.and_then(|entry| address(entry)).unwrap_or(peer))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A request without a connection, as in tests, has the unspecified address.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// An entry of `X-Forwarded-For`, which some proxies write with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let plain = entry.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    plain.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: Proxies, forwarded: &[&str]) -> String {
        let name = http::HeaderName::from_static("x-forwarded-for");
        let headers = forwarded.iter().map(|line| (name.clone(), line.parse().unwrap())).collect();
        proxies.client("10.0.0.9".parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn only_what_trusted_proxies_added_is_believed() {
        let one = Proxies::Trusted { hops: 1 };
        assert_eq!(client(Proxies::None, &["192.0.2.1"]), "10.0.0.9");
        assert_eq!(client(one, &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(one, &["6.6.6.6, 192.0.2.1"]), "192.0.2.1", "the client wrote the first");
        assert_eq!(client(one, &["6.6.6.6", "192.0.2.1"]), "192.0.2.1", "in two lines");
        assert_eq!(client(Proxies::Trusted { hops: 2 }, &["6.6.6.6, 192.0.2.1, 10.1.1.1"]), "192.0.2.1");
    }

    #[test]
    fn what_is_no_address_counts_as_the_connection() {
        let one = Proxies::Trusted { hops: 1 };
        for forwarded in [&[][..], &["unknown"], &[""], &["192.0.2.1, "]] {
            assert_eq!(client(one, forwarded), "10.0.0.9", "{forwarded:?}");
        }
        assert_eq!(client(Proxies::Trusted { hops: 2 }, &["192.0.2.1"]), "10.0.0.9", "a proxy was passed by");
        assert_eq!(client(one, &["192.0.2.1:5555"]), "192.0.2.1");
        assert_eq!(client(one, &["[2001:db8::1]:5555"]), "2001:db8::1");
    }
}
