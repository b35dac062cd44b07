//! The listeners of a role: their address, and the limits for clients.
//!
//! Each role has its own ports. This file has the common settings of their listeners.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::reader::Reader;

/// What the listeners of a role have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// `LISTEN_ADDRESS`: the address for clients, browsers and peers. By default all addresses of the machine.
    pub public_address: IpAddr,
    /// `PRIVATE_LISTEN_ADDRESS`: the address for the operator's own machines. By default only this machine is served.
    pub private_address: IpAddr,
    /// `TRUSTED_PROXIES`: the number of proxies in front, if `TRUST_PROXY` is on. Each adds to `X-Forwarded-For`.
    pub trusted_proxies: u8,
    /// `HTTP_HEAD_TIMEOUT_MS`: the time from the first octet of a request to the end of its head.
    pub head_timeout: Duration,
    /// `HTTP_BODY_TIMEOUT_MS`: the time for a request's body.
    pub body_timeout: Duration,
    /// `HTTP_REQUEST_TIMEOUT_MS`: the time from the end of the head to the end of the answer.
    pub request_timeout: Duration,
    /// `HTTP_IDLE_TIMEOUT_MS`: the time between two requests.
    pub idle_timeout: Duration,
    /// `HTTP_CONNECTIONS_MAX`: how many connections of the role may be open.
    pub connections_max: usize,
    /// `HTTP_CONNECTIONS_MAX_PER_ADDRESS`: how many of them may come from one address. It does not apply to a trusted
    /// proxy.
    pub connections_max_per_address: usize,
}

impl Listeners {
    /// `behind_proxy` is the value of `TRUST_PROXY`.
    pub(crate) fn read(r: &mut Reader<'_>, behind_proxy: bool) -> Self {
        let hops = r.number("TRUSTED_PROXIES", 1, 1..=16);
        let connections_max = r.number("HTTP_CONNECTIONS_MAX", 8192, 1..=1 << 20);
        // The connections of a proxy are those of all its clients.
        let usual = if behind_proxy { connections_max } else { connections_max.min(1024) };
        Self {
            public_address: r.parsed("LISTEN_ADDRESS").unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            private_address: r.parsed("PRIVATE_LISTEN_ADDRESS").unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            trusted_proxies: if behind_proxy { hops } else { 0 },
            head_timeout: timeout(r, "HTTP_HEAD_TIMEOUT_MS", 10_000),
            body_timeout: timeout(r, "HTTP_BODY_TIMEOUT_MS", 30_000),
            request_timeout: timeout(r, "HTTP_REQUEST_TIMEOUT_MS", 120_000),
            idle_timeout: timeout(r, "HTTP_IDLE_TIMEOUT_MS", 120_000),
            connections_max,
            connections_max_per_address: r.number("HTTP_CONNECTIONS_MAX_PER_ADDRESS", usual, 1..=1 << 20),
        }
    }
}

fn timeout(r: &mut Reader<'_>, name: &str, default: u64) -> Duration {
    Duration::from_millis(r.number(name, default, 1..=86_400_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::reader::ByDefault;

    fn read<const N: usize>(variables: [(&str, &str); N]) -> Listeners {
        let environment = Environment::of(variables);
        let mut reader = Reader::new(&environment);
        let behind_proxy = reader.flag("TRUST_PROXY", ByDefault::Off);
        let listeners = Listeners::read(&mut reader, behind_proxy);
        reader.finish(Some(listeners)).unwrap()
    }

    #[test]
    fn private_listeners_stay_on_this_machine_unless_told_otherwise() {
        let listeners = read([]);
        assert_eq!(listeners.public_address.to_string(), "0.0.0.0");
        assert_eq!(listeners.private_address.to_string(), "127.0.0.1");
        let listeners = read([("LISTEN_ADDRESS", "192.0.2.1")]);
        assert_eq!(listeners.private_address.to_string(), "127.0.0.1");
        let listeners = read([("PRIVATE_LISTEN_ADDRESS", "10.0.0.5")]);
        assert_eq!(listeners.private_address.to_string(), "10.0.0.5");
    }

    #[test]
    fn a_trusted_proxy_may_use_every_connection() {
        assert_eq!(read([]).connections_max_per_address, 1024);
        assert_eq!(read([]).trusted_proxies, 0);
        let proxied = read([("TRUST_PROXY", "true"), ("TRUSTED_PROXIES", "2")]);
        assert_eq!((proxied.connections_max_per_address, proxied.trusted_proxies), (8192, 2));
    }
}
