//! Runs a listener: it admits and serves connections, and asks them to end when the role stops.
//! One connection is in `connection`, their number in `admission`.

use std::time::Duration;

use axum::{Extension, Router};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::client_address::Proxies;
use crate::connection::{Terms, serve_connection};
use crate::deadlines::Deadlines;
use crate::service_tls::{Begun, ServiceTls};
use crate::stopping::Stopping;

/// How long the listener pauses if the system gives it no connection, for example without free file descriptors.
const REST: Duration = Duration::from_secs(1);

/// How connections are served. The listeners of a role share one value, so their connections are counted together.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The deadlines of clients.
    pub deadlines: Deadlines,
    /// The limits of connections.
    pub admission: Admission,
    /// The proxies in front of public listeners.
    pub proxies: Proxies,
    /// The certificates, if services call this listener with TLS.
    pub tls: Option<ServiceTls>,
}

/// Serves `router` on `listener` until `stop` resolves, then until the requests under way are answered.
///
/// Dropping the future closes every connection at once.
pub async fn serve(listener: TcpListener, router: Router, serving: Serving, stop: impl Future<Output = ()>) {
    let (told, _) = watch::channel(false);
    let router = router.layer(Extension(Stopping::new(told.subscribe())));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);

    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = serving.admission.admit(peer.ip()) else { continue };
                    without_delay(&stream);
                    let Serving { proxies, deadlines, ref tls, .. } = serving;
                    let terms = Terms { peer: peer.ip(), proxies, deadlines, certificate: None };
                    let (router, tls, mut stopping) = (router.clone(), tls.clone(), told.subscribe());
                    connections.spawn(async move {
                        // The end of the sender also means stop.
                        let stop = async { drop(stopping.wait_for(|stop| *stop).await) };
                        match tls {
                            None => serve_connection(stream, router, terms, stop).await,
                            Some(tls) => serve_with_tls(&tls, stream, router, terms, stop).await,
                        }
                        drop(place);
                    });
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a listener gets no connections; it tries again in a second");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    drop(listener);
    told.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn serve_with_tls(
    tls: &ServiceTls,
    stream: TcpStream,
    router: Router,
    terms: Terms,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    let begun = tokio::select! {
        () = &mut stop => return,
        begun = tls.begin(stream, terms.deadlines.idle, terms.deadlines.head) => begun,
    };
    match begun {
        None => {}
        Some(Begun::Plain(stream)) => serve_connection(stream, router, terms, stop).await,
        Some(Begun::Secured(stream, certificate)) => {
            serve_connection(stream, router, Terms { certificate, ..terms }, stop).await;
        }
    }
}

/// Small answers must not wait for an acknowledgement of the other side.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection without TCP_NODELAY");
    }
}

/// The client closed the connection before it was accepted. The listener has no fault.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
