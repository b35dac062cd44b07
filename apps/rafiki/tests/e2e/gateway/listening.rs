//! A listener that answers everything and remembers it, and a bare TLS connection.
//!
//! Neither knows Open Payments.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What one listener has got.
pub(super) struct Listening(Arc<Mutex<Vec<Arrived>>>);

impl Listening {
    /// Listens while the runtime lives.
    pub(super) async fn on(port: u16) -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let router = Router::new().fallback(remember).with_state(Arc::clone(&all));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self(all)
    }

    /// What has arrived since the last call.
    pub(super) fn taken(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn remember(
    State(all): State<Arc<Mutex<Vec<Arrived>>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> &'static str {
    let target = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    all.lock().unwrap().push(Arrived { target, headers, body: body.to_vec() });
    "{}"
}

/// A connection on which a test writes what it wants.
pub(super) async fn tls(authority: &str, port: u16) -> TlsStream<TcpStream> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
