//! Calls with a client certificate, to a server whose certificate is of a private authority.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use clock::{ManualClock, Timestamp};
use outbound_http::{Outbound, OutboundConfig, PartyTls, PartyTlsError, Request, Strangers};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use url::Url;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this host and its key, in PEM.
fn certified(authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

/// A server that wants a client certificate of `clients`.
async fn serve(authority: &Authority, clients: &Authority) -> Url {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let (certificate, key) = certified(authority);
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();

    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let mut request = [0; 1024];
            if connection.read(&mut request).await.is_ok_and(|read| read > 0) {
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    });
    url
}

fn client() -> Outbound {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_718_000_000_000)));
    Outbound::new(OutboundConfig { strangers: Strangers::AnyAddress, ..OutboundConfig::default() }, clock).unwrap()
}

#[tokio::test]
async fn a_server_with_a_private_authority_is_called_with_the_client_certificate_that_it_wants() {
    let (servers, clients, others) = (authority(), authority(), authority());
    let url = serve(&servers, &clients).await;
    let (certificate, key) = certified(&clients);
    let (strange, strange_key) = certified(&others);
    let (own, foreign) = (servers.pem(), others.pem());

    let call = async |identity, authorities| {
        let client = client().with_tls(PartyTls { identity, authorities }).unwrap();
        client
            .send(Request::get(url.clone()).deadline(Duration::from_secs(10)))
            .await
            .map(|answer| answer.status.as_u16())
    };
    let identity = Some((certificate.as_str(), key.as_str()));
    assert_eq!(call(identity, Some(&*own)).await.unwrap(), 200);
    assert!(call(None, Some(&*own)).await.is_err(), "without a client certificate");
    assert!(call(Some((&*strange, &*strange_key)), Some(&*own)).await.is_err(), "with one of another authority");
    assert!(call(identity, Some(&*foreign)).await.is_err(), "the server is not of this authority");
    assert!(call(identity, None).await.is_err(), "the machine does not know the authority");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_refused_when_they_are_set() {
    let authority = authority();
    let ((certificate, key), (_, other_key)) = (certified(&authority), certified(&authority));
    let check = |identity, authorities| PartyTls { identity, authorities }.check();
    assert_eq!(check(Some((&*certificate, &*key)), Some(&*authority.pem())), Ok(()));
    assert_eq!(check(None, None), Ok(()));
    for wrong in [(&*certificate, &*other_key), ("no certificate", &*key), (&*certificate, "no key")] {
        assert_eq!(check(Some(wrong), None), Err(PartyTlsError::Identity), "{}", wrong.0);
    }
    for wrong in ["", "no certificate", &*key] {
        assert_eq!(check(None, Some(wrong)), Err(PartyTlsError::Authorities), "{wrong}");
    }
}
