//! Why certificates of two parties cannot be used.
//!
//! How they are read is in `party_tls`.

/// Why certificates cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyTlsError {
    /// There is no certificate to show, or something besides certificates.
    #[error(
        "certificate cannot be read: give the certificate and after it its chain in PEM, from -----BEGIN \
         CERTIFICATE----- to -----END CERTIFICATE-----, and nothing else"
    )]
    Certificate,
    /// There is no key, or several, or one with a password.
    #[error(
        "privateKey cannot be read: give one private key in PEM without a password; `openssl pkey -in key.pem` writes \
         it so"
    )]
    PrivateKey,
    /// The key is another certificate's.
    #[error("privateKey does not belong to the first certificate; give the key that this certificate was made for")]
    OtherKey,
    /// There is no authority, or something besides certificates.
    #[error(
        "authorities cannot be read: give at least one certificate in PEM, from -----BEGIN CERTIFICATE----- to \
         -----END CERTIFICATE-----, and nothing else"
    )]
    Authorities,
    /// A list of revoked certificates is of a kind that is not understood.
    #[error(
        "a list of revoked certificates cannot be used: it must be of version 2, and complete, and made by the authority \
         itself (RFC 5280 section 5.2)"
    )]
    Revoked,
}
