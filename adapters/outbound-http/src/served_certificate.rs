//! The certificate that a server shows, for an operator who wants to know when it ends.
//!
//! Nothing is sent over the connection, and whether anybody should believe the certificate is not judged.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::CertificateFacts;

/// Takes part in the TLS handshake of an `https` URL, and reads the server's certificate.
pub async fn served_certificate(url: &Url, limit: Duration) -> Result<CertificateFacts, String> {
    let host = url.host_str().ok_or("the URL has no host")?;
    let port = url.port_or_known_default().ok_or("the URL has no port")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|error| error.to_string())?;

    let handshake = async {
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let connected = tokio::time::timeout(limit, handshake).await;
    let connected = connected.map_err(|_| format!("no answer within {} s", limit.as_secs()))?;
    let connected = connected.map_err(|error| error.to_string())?;
    let shown = connected.get_ref().1.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
    shown.and_then(|der| CertificateFacts::of_der(der)).ok_or_else(|| "the certificate cannot be read".to_owned())
}

/// Accepts every certificate: it is only looked at, and nothing is said over the connection.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use testkit::PrivateAuthority;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[tokio::test]
    async fn a_server_shows_when_its_certificate_ends_even_if_nobody_believes_it() {
        let certified = PrivateAuthority::default().certify_as("rafiki.example", &["localhost"], (2027, 3, 1));
        let chain = vec![CertificateDer::from_pem_slice(certified.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(stream).await.map(drop)
        });

        let url = Url::parse(&format!("https://127.0.0.1:{port}/x")).unwrap();
        let facts = served_certificate(&url, Duration::from_secs(10)).await.unwrap();
        assert_eq!(facts.expires_at.to_string(), "2027-03-01T00:00:00.000Z");
        let _ = serving.await;
        let gone = served_certificate(&url, Duration::from_secs(10)).await;
        assert!(gone.is_err(), "{gone:?}");
    }
}
