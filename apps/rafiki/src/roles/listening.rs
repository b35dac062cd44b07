//! How listeners are served: limits for clients, and log lines for the operator.
//! The deadlines and limits themselves are in `http-kit`.

use std::net::IpAddr;

use config::Listeners;
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving};
use tokio::net::TcpListener;

use crate::output::{Table, say};

/// The intended callers of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Clients, browsers, peers.
    Public,
    /// The operator's own machines.
    Private,
}

impl Exposure {
    /// The address on which such a listener is bound.
    pub(crate) fn address(self, listeners: &Listeners) -> IpAddr {
        match self {
            Self::Public => listeners.public_address,
            Self::Private => listeners.private_address,
        }
    }
}

/// How the listeners of a role serve.
pub(crate) fn serving(listeners: &Listeners) -> Serving {
    Serving {
        deadlines: Deadlines {
            head: listeners.head_timeout,
            body: listeners.body_timeout,
            request: listeners.request_timeout,
            idle: listeners.idle_timeout,
        },
        admission: Admission::new(ConnectionLimits {
            in_all: listeners.connections_max,
            per_source: listeners.connections_max_per_address,
        }),
        proxies: match listeners.trusted_proxies {
            0 => Proxies::None,
            hops => Proxies::Trusted { hops },
        },
        tls: None,
    }
}

/// Logs where a role listens, and for whom. Warns if others can reach it too.
pub(crate) fn announce(listeners: &[(&str, Exposure, &TcpListener)]) {
    let mut table = Table::new();
    for (name, exposure, listener) in listeners {
        let Ok(address) = listener.local_addr() else { continue };
        let who = match exposure {
            Exposure::Public => "public (LISTEN_ADDRESS)",
            Exposure::Private => "private (PRIVATE_LISTEN_ADDRESS)",
        };
        table.row([(*name).to_owned(), format!("http://{address}"), who.to_owned()]);
        let is_open = address.ip().is_unspecified() || outbound_http::is_public(address.ip());
        if *exposure == Exposure::Private && is_open {
            tracing::warn!(
                listener = name, %address,
                "other machines can reach a private listener; close it to strangers with a firewall, or bind it with PRIVATE_LISTEN_ADDRESS"
            );
        }
    }
    say(&table.render_indented());
}
