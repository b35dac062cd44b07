//! A listener at work: connections are admitted, served, and asked to end when the role stops.

use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::client_address::Proxies;
use crate::connection::{Terms, serve_connection};
use crate::deadlines::Deadlines;

/// How long the listener rests when the system gives it no connection, as when file descriptors have run out.
const REST: Duration = Duration::from_secs(1);

/// How connections are served. The listeners of a role share one value, and so count connections together.
#[derive(Clone, Debug)]
pub struct Serving {
    /// How long clients may take.
    pub deadlines: Deadlines,
    /// How many there may be.
    pub admission: Admission,
    /// Which proxies stand in front of public listeners.
    pub proxies: Proxies,
}

/// Serves `router` on `listener` until `stop` resolves, then until what was under way is answered.
///
/// Dropping the future ends every connection at once.
pub async fn serve(listener: TcpListener, router: Router, serving: Serving, stop: impl Future<Output = ()>) {
    let (told, _) = watch::channel(false);
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
                    let terms = Terms { peer: peer.ip(), proxies: serving.proxies, deadlines: serving.deadlines };
                    let (router, mut stopping) = (router.clone(), told.subscribe());
                    connections.spawn(async move {
                        // The sender's end means stop as well.
                        let stop = async { drop(stopping.wait_for(|stop| *stop).await) };
                        serve_connection(stream, router, terms, stop).await;
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

/// Small answers must not wait for the other side's acknowledgement.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection without TCP_NODELAY");
    }
}

/// The client went away before it was let in; nothing is wrong with the listener.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
