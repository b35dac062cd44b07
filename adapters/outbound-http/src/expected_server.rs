//! Connections to a server whose certificate must say more than its host name.
//!
//! The authorities and the host are checked first, as for every server (RFC 9110 section 4.3.4). What more the certificate
//! must say, the caller decides.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::certificate_facts::CertificateFacts;
use crate::party_tls_error::PartyTlsError;
use crate::revoked::RevokedCertificates;

type Judge = dyn Fn(&CertificateFacts) -> Result<(), String> + Send + Sync;

/// What the certificate of a server must say.
#[derive(Clone)]
pub struct ExpectedServer {
    judge: Arc<Judge>,
    revoked: RevokedCertificates,
}

impl ExpectedServer {
    /// The server whose certificate `judge` does not refuse, and that is not revoked. The error says why it is refused.
    pub fn new(
        judge: impl Fn(&CertificateFacts) -> Result<(), String> + Send + Sync + 'static,
        revoked: RevokedCertificates,
    ) -> Self {
        Self { judge: Arc::new(judge), revoked }
    }
}

impl fmt::Debug for ExpectedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpectedServer")
    }
}

/// Shows `own` to servers of `roots` that are expected.
pub(crate) fn config(
    own: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    roots: RootCertStore,
    expected: ExpectedServer,
) -> Result<ClientConfig, PartyTlsError> {
    let provider = Arc::new(default_provider());
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let usual = usual.with_crls(expected.revoked.lists()).only_check_end_entity_revocation();
    let usual = usual.allow_unknown_revocation_status().build().map_err(|error| match error {
        VerifierBuilderError::InvalidCrl(_) => PartyTlsError::Revoked,
        _ => PartyTlsError::Authorities,
    })?;
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(|_| PartyTlsError::Certificate)?;
    let verifier = Arc::new(Verifier { usual, expected });
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = config.with_client_auth_cert(own.0, own.1).map_err(|_| PartyTlsError::Certificate)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A connection that goes on with an earlier one shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    expected: ExpectedServer,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.usual.verify_server_cert(own, above, host, ocsp, now)?;
        let facts = CertificateFacts::of_der(own).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        (self.expected.judge)(&facts).map_err(Error::General)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
