//! How the connection to a peer is secured besides the token.
//!
//! The texts are PEM. They were checked when they were set; this crate does not read them.

use crate::tenant::Secret;

/// The certificates used with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTls {
    /// What is shown to the peer; `None`: nothing.
    pub identity: Option<ClientIdentity>,
    /// The only authorities that are believed about the peer; `None`: those of the machine.
    pub authorities: Option<String>,
}

/// A client certificate with its chain, and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate: String,
    /// The key. It is shown to nobody after it was set.
    pub private_key: Secret,
}
