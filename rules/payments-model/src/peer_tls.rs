//! How the connection to a peer is secured besides the token.
//!
//! The texts are PEM. They were checked when they were set; this crate does not read them.

use std::fmt;

/// The certificates used with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTls {
    /// What is shown to the peer; `None`: nothing.
    pub identity: Option<ClientIdentity>,
    /// The only authorities that are believed about the peer; `None`: those of the machine.
    pub authorities: Option<String>,
}

/// A client certificate with its chain, and its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate: String,
    /// The key, sealed for this peer. Only the client that calls the peer opens it.
    pub sealed_key: String,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
