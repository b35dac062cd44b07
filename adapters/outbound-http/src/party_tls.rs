//! The certificates used with one party: the one that is shown to it, and the authorities that are believed about it.
//!
//! It reads no files, and it does not say which party they are for. Keys appear in no message.

use std::fmt;

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};

use crate::expected_server::{ExpectedServer, config};
use crate::party_tls_error::PartyTlsError;

/// Certificates and a key, in PEM (RFC 7468).
#[derive(Clone, Copy)]
pub struct PartyTls<'a> {
    /// A certificate with its chain, and its private key. They are shown to the party.
    pub identity: Option<(&'a str, &'a str)>,
    /// The only authorities that are believed about the party; `None`: those of the machine.
    pub authorities: Option<&'a str>,
}

/// Certificates that can be used.
#[derive(Clone)]
pub struct UsableTls(Usable);

#[derive(Clone)]
enum Usable {
    /// Whoever the authorities have certified for the host is believed.
    AnyServer { identity: Option<Identity>, authorities: Option<Vec<Certificate>> },
    /// The certificate of the server is looked at, too.
    Expected(Box<ClientConfig>),
}

impl PartyTls<'_> {
    /// Reads the certificates and compares the key with them.
    pub fn read(self) -> Result<UsableTls, PartyTlsError> {
        let identity = self.identity.map(|(certificate, key)| read_identity(certificate, key)).transpose()?;
        let authorities = self.authorities.map(|pem| read_authorities(pem).ok_or(PartyTlsError::Authorities));
        Ok(UsableTls(Usable::AnyServer { identity, authorities: authorities.transpose()? }))
    }

    /// The same for a server that is `expected`, besides being certified for its host by the authorities. They must be
    /// given, and so must the own certificate.
    pub fn read_for(self, expected: ExpectedServer) -> Result<UsableTls, PartyTlsError> {
        let (certificate, key) = self.identity.ok_or(PartyTlsError::Certificate)?;
        read_identity(certificate, key)?;
        let chain = read_certificates(certificate).ok_or(PartyTlsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| PartyTlsError::PrivateKey)?;
        let roots = self.authorities.and_then(roots).ok_or(PartyTlsError::Authorities)?;
        let config = config((chain, key), roots, expected)?;
        Ok(UsableTls(Usable::Expected(Box::new(config))))
    }
}

fn read_identity(certificate: &str, key: &str) -> Result<Identity, PartyTlsError> {
    let chain = read_certificates(certificate).ok_or(PartyTlsError::Certificate)?;
    let mut keys = PrivateKeyDer::pem_slice_iter(key.as_bytes());
    let (Some(Ok(only)), None) = (keys.next(), keys.next()) else { return Err(PartyTlsError::PrivateKey) };
    if !CertificateDer::pem_slice_iter(key.as_bytes()).collect::<Vec<_>>().is_empty() {
        return Err(PartyTlsError::PrivateKey);
    }

    CertifiedKey::from_der(chain, only, &default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => PartyTlsError::OtherKey,
        rustls::Error::InvalidCertificate(_) => PartyTlsError::Certificate,
        _ => PartyTlsError::PrivateKey,
    })?;
    Identity::from_pem(format!("{certificate}\n{key}").as_bytes()).map_err(|_| PartyTlsError::PrivateKey)
}

fn read_authorities(pem: &str) -> Option<Vec<Certificate>> {
    roots(pem)?;
    read_certificates(pem)?.iter().map(|authority| Certificate::from_der(authority).ok()).collect()
}

fn roots(pem: &str) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    read_certificates(pem)?.into_iter().try_for_each(|authority| store.add(authority)).ok()?;
    Some(store)
}

/// The certificates in a text that holds nothing else. The text is shown again, so it must not hold a key.
fn read_certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!read.is_empty() && read.len() == pem.matches("-----BEGIN").count()).then_some(read)
}

impl UsableTls {
    pub(crate) fn applied(&self, mut builder: ClientBuilder) -> ClientBuilder {
        let (identity, authorities) = match &self.0 {
            Usable::Expected(config) => return builder.tls_backend_preconfigured((**config).clone()),
            Usable::AnyServer { identity, authorities } => (identity, authorities),
        };
        if let Some(identity) = identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(authorities) = authorities {
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

impl fmt::Debug for UsableTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsableTls").finish_non_exhaustive()
    }
}
