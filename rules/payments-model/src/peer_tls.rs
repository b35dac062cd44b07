//! How the connection to a peer is secured besides the token.
//!
//! The texts are PEM. They were checked when they were set; this crate does not read them.

use std::fmt;
use std::time::Duration;

use clock::Timestamp;

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

/// How long before its end a certificate is warned about.
const SOON: Duration = Duration::from_hours(30 * 24);

/// How near the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateTerm {
    /// It is valid for longer than a month.
    Good,
    /// It ends within a month.
    EndsSoon,
    /// It has ended.
    Ended,
}

impl CertificateTerm {
    /// Of a certificate that ends then.
    pub fn of(expires_at: Timestamp, now: Timestamp) -> Self {
        match expires_at {
            end if end <= now => Self::Ended,
            end if end <= now + SOON => Self::EndsSoon,
            _ => Self::Good,
        }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_about_a_month_before_its_end() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let term = |end| CertificateTerm::of(end, now);
        assert_eq!(term(now + SOON + Duration::from_millis(1)), CertificateTerm::Good);
        assert_eq!((term(now + SOON), term(now)), (CertificateTerm::EndsSoon, CertificateTerm::Ended));
    }
}
