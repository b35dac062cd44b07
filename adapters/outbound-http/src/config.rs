//! The operator's settings for outgoing calls.
//!
//! It does not read the environment.

use std::time::Duration;

/// How `https` URLs are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// As they are written.
    #[default]
    AsWritten,
    /// Over plain `http`. This is for development, where identifiers are `https` URLs without certificates.
    PlainForDevelopment,
}

/// The addresses that calls to strangers' URLs may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Only public addresses after name resolution, over `https`. The hosts listed here are exempt.
    PublicAddresses {
        /// Exact host names or addresses that may be private or called over `http`.
        except_hosts: Vec<String>,
    },
    /// All addresses. This is for development and closed networks.
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
    /// The most unused connections that are kept per host.
    pub pool_max_idle_per_host: usize,
    /// The `User-Agent` header.
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
    /// Settings for development: `https` identifiers are called over plain `http`, at any address.
    pub fn development() -> Self {
        Self { scheme: Scheme::PlainForDevelopment, strangers: Strangers::AnyAddress, ..Self::default() }
    }
}
