//! What an operator decides about outgoing calls.

use std::time::Duration;

/// How `https` URLs are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// As they are written.
    #[default]
    AsWritten,
    /// Over plain `http`, for a development set-up whose identifiers are `https` URLs without certificates.
    PlainForDevelopment,
}

/// Where calls to URLs chosen by strangers may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Only to public addresses, over `https`, after name resolution; hosts listed here are exempt.
    PublicAddresses {
        /// Exact host names or addresses that may be private or called over `http`.
        except_hosts: Vec<String>,
    },
    /// Anywhere: for development and closed networks.
    AnyAddress,
}

/// Settings of the client.
#[derive(Clone, Debug)]
pub struct OutboundConfig {
    /// How `https` URLs are called.
    pub scheme: Scheme,
    /// The address guard.
    pub strangers: Strangers,
    /// Time allowed for name resolution, connecting and the TLS handshake, within each call's own deadline.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Duration,
    /// How many unused connections are kept per host.
    pub pool_max_idle_per_host: usize,
    /// The `User-Agent` sent.
    pub user_agent: String,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            scheme: Scheme::AsWritten,
            strangers: Strangers::PublicAddresses { except_hosts: Vec::new() },
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Duration::from_secs(90),
            pool_max_idle_per_host: 256,
            user_agent: "rafiki".to_owned(),
        }
    }
}

impl OutboundConfig {
    /// `https` identifiers over plain `http`, to any address.
    pub fn development() -> Self {
        Self { scheme: Scheme::PlainForDevelopment, strangers: Strangers::AnyAddress, ..Self::default() }
    }
}
