//! The certificates used with one party: the one that is shown to it, and the authorities that are believed about it.
//!
//! It reads no files. Keys appear in no message.

use std::fmt;

use reqwest::{Certificate, ClientBuilder, Identity};

/// Certificates and a key, in PEM.
#[derive(Clone, Copy)]
pub struct PartyTls<'a> {
    /// A certificate with its chain, and its private key. They are shown to the party.
    pub identity: Option<(&'a str, &'a str)>,
    /// The only authorities that are believed about the party; `None`: those of the machine.
    pub authorities: Option<&'a str>,
}

/// Why certificates cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyTlsError {
    /// The certificate or the key cannot be read, or they do not belong together.
    #[error("certificate and privateKey must be PEM, the key without a password, and belong together")]
    Identity,
    /// The authorities cannot be read.
    #[error("authorities must be at least one certificate in PEM")]
    Authorities,
}

/// Certificates that were read.
pub(crate) struct ReadTls {
    identity: Option<Identity>,
    authorities: Option<Vec<Certificate>>,
}

impl PartyTls<'_> {
    /// Whether these certificates can be used.
    pub fn check(self) -> Result<(), PartyTlsError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The key is compared with the certificate when a client is built. The authorities do not matter for that.
        let ReadTls { identity, .. } = self.read()?;
        let read = ReadTls { identity, authorities: Some(Vec::new()) };
        read.applied(reqwest::Client::builder()).build().map_err(|_| PartyTlsError::Identity).map(drop)
    }

    pub(crate) fn read(self) -> Result<ReadTls, PartyTlsError> {
        let identity =
            self.identity.map(|(certificate, key)| Identity::from_pem(format!("{certificate}\n{key}").as_bytes()));
        let authorities = self.authorities.map(|pem| {
            let read = Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|read| !read.is_empty());
            read.ok_or(PartyTlsError::Authorities)
        });
        Ok(ReadTls {
            identity: identity.transpose().map_err(|_| PartyTlsError::Identity)?,
            authorities: authorities.transpose()?,
        })
    }
}

impl ReadTls {
    pub(crate) fn applied(&self, mut builder: ClientBuilder) -> ClientBuilder {
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(authorities) = &self.authorities {
            builder = builder.tls_certs_only(authorities.iter().cloned());
        }
        builder
    }
}

impl fmt::Debug for PartyTls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartyTls").finish_non_exhaustive()
    }
}
