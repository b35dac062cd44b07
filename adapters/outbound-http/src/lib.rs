//! The only HTTP client of this program: pooled connections, a deadline and a size limit for every call, signed
//! requests, and an address guard for URLs that strangers chose.
//!
//! It does not retry, and does not interpret answers: the callers know the protocol.

mod address;
mod certificate_facts;
mod client;
mod config;
mod error;
mod expected_server;
mod party_tls;
mod party_tls_error;
mod request;
mod resolver;
mod revoked;
mod served_certificate;

pub use address::is_public;
pub use certificate_facts::CertificateFacts;
pub use client::Outbound;
pub use config::{OutboundConfig, Scheme, Strangers};
pub use error::{BuildError, OutboundError};
pub use expected_server::ExpectedServer;
pub use party_tls::{PartyTls, UsableTls};
pub use party_tls_error::PartyTlsError;
pub use request::{BeyondLimit, Destination, Request, Response};
pub use revoked::{RevocationListError, RevocationListFacts, RevokedCertificates};
pub use served_certificate::served_certificate;
