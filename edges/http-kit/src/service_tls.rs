//! TLS on a listener that services call: the certificate of this role, and the certificates of its callers (RFC 8446).
//! Both may be replaced while the listener is open.
//!
//! Who a caller is, its certificate tells (`service-identity`). What it may do is decided where the route is. A caller may
//! also come without TLS or without a certificate; then it has to prove itself in another way.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::{CertificateFacts, RevokedCertificates};
use service_identity::{CallerCertificate, RoleNames};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// The first octet of a TLS connection: a handshake record. No HTTP request begins with it.
const HANDSHAKE: u8 = 22;

/// The certificates of a listener. Cheap to clone.
#[derive(Clone)]
pub struct ServiceTls {
    material: Arc<RwLock<Arc<Material>>>,
    names: RoleNames,
    clock: Arc<dyn Clock>,
}

/// What is made of the files of a role.
struct Material {
    acceptor: TlsAcceptor,
    /// Says which certificates of callers are believed.
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The files of a role, all PEM.
#[derive(Clone, Copy)]
pub struct TlsFiles<'f> {
    /// Its certificate with the chain.
    pub certificate: &'f str,
    /// The private key.
    pub key: &'f str,
    /// The authorities whose certificates are believed.
    pub authorities: &'f str,
    /// The certificates that are no longer believed.
    pub revoked: &'f RevokedCertificates,
}

/// The certificate of a connection, as long as it is believed.
#[derive(Clone)]
pub(crate) struct Verified {
    certificate: CallerCertificate,
    chain: Arc<[CertificateDer<'static>]>,
    tls: ServiceTls,
    /// What it was verified with.
    by: Arc<Mutex<Arc<Material>>>,
}

impl Verified {
    /// The certificate, unless it has ended or is not believed any more since the connection began.
    pub(crate) fn still_valid(&self) -> Option<&CallerCertificate> {
        let has_ended = self.certificate.has_ended(self.tls.clock.wall());
        (!has_ended && self.is_believed()).then_some(&self.certificate)
    }

    /// It is verified again where the files have changed meanwhile.
    fn is_believed(&self) -> bool {
        let present = self.tls.material();
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&by, &present) {
            if !present.believes(&self.chain, self.tls.clock.wall()) {
                return false;
            }
            *by = present;
        }
        true
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.certificate).finish()
    }
}

impl fmt::Debug for ServiceTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceTls")
    }
}

/// Why certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceTlsError {
    /// Certificate and key do not fit, or one of them cannot be read.
    #[error("certificate and key cannot be used together: {0}")]
    Own(String),
    /// There is no authority, or something that cannot be one.
    #[error("the authorities cannot be used: {0}; give at least one certificate in PEM")]
    Authorities(String),
    /// An authority has ended. Whoever verifies a certificate does not look at this again.
    #[error("the certificate of the authority {0} ended at {1}; remove it from the authorities, or renew it")]
    AuthorityEnded(String, Timestamp),
}

impl ServiceTls {
    /// Shows the certificate, and believes certificates of callers that the authorities made. `names` are the host names
    /// that stand for roles.
    pub fn new(files: TlsFiles<'_>, names: RoleNames, clock: Arc<dyn Clock>) -> Result<Self, ServiceTlsError> {
        let material = Arc::new(RwLock::new(Arc::new(Material::of(files, &*clock)?)));
        Ok(Self { material, names, clock })
    }

    /// From now on it and all of its clones show and believe what `other` does, whose names are the same. Open connections
    /// go on; a certificate of a caller that is not believed any more proves nothing from its next request on.
    pub fn become_other(&self, other: &Self) {
        *self.material.write().unwrap_or_else(PoisonError::into_inner) = other.material();
    }

    fn material(&self) -> Arc<Material> {
        Arc::clone(&self.material.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a connection: with TLS if the caller does, and otherwise without. `None`: it took too long or broke.
    pub(crate) async fn begin(&self, stream: TcpStream, silence: Duration, handshake: Duration) -> Option<Begun> {
        let mut first = [0; 1];
        // A caller that has closed the connection before it said anything has nothing to be answered.
        let read = tokio::time::timeout(silence, stream.peek(&mut first)).await.ok()?.ok()?;
        if read == 0 || first[0] != HANDSHAKE {
            return Some(Begun::Plain(stream));
        }
        let material = self.material();
        match tokio::time::timeout(handshake, material.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let verified = shown.and_then(|chain| self.verified(chain, &material));
                Some(Begun::Secured(Box::new(stream), verified))
            }
            Ok(Err(error)) => {
                // Everybody who reaches the listener can cause this, again and again. So it is no warning.
                tracing::debug!(%error, "a caller with TLS was refused");
                None
            }
            Err(_) => None,
        }
    }

    fn verified(&self, chain: &[CertificateDer<'static>], material: &Arc<Material>) -> Option<Verified> {
        let certificate = CallerCertificate::of_chain(chain.iter().map(AsRef::as_ref), &self.names)?;
        let by = Arc::new(Mutex::new(Arc::clone(material)));
        Some(Verified { certificate, chain: chain.into(), tls: self.clone(), by })
    }
}

impl Material {
    fn of(files: TlsFiles<'_>, clock: &dyn Clock) -> Result<Self, ServiceTlsError> {
        let now = clock.wall();
        let TlsFiles { certificate, key, authorities, revoked } = files;
        let own = |error: &dyn fmt::Display| ServiceTlsError::Own(error.to_string());
        let foreign = |error: &dyn fmt::Display| ServiceTlsError::Authorities(error.to_string());
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            let authority = authority.map_err(|error| foreign(&error))?;
            let facts = CertificateFacts::of_der(&authority).ok_or_else(|| foreign(&"one cannot be read"))?;
            if facts.expires_at < now {
                return Err(ServiceTlsError::AuthorityEnded(facts.subject, facts.expires_at));
            }
            roots.add(authority).map_err(|error| foreign(&error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = verifier.with_crls(revoked.lists()).only_check_end_entity_revocation();
        let verifier = verifier.allow_unknown_revocation_status().allow_unauthenticated();
        let verifier = verifier.build().map_err(|error| foreign(&error))?;

        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
        let chain = chain.map_err(|error| own(&error))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| own(&error))?;
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| own(&error))?.with_client_cert_verifier(Arc::clone(&verifier));
        let mut config = config.with_single_cert(chain, key).map_err(|error| own(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would bring back a certificate that nobody verifies again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), verifier })
    }

    /// Whether a certificate, with those above it that were shown with it, is believed.
    fn believes(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let Some((own, above)) = chain.split_first() else { return false };
        let since = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default());
        self.verifier.verify_client_cert(own, above, UnixTime::since_unix_epoch(since)).is_ok()
    }
}

/// A connection whose first octets were read.
pub(crate) enum Begun {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>, Option<Verified>),
}
