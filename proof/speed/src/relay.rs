//! A bare relay: takes a packet over HTTP, parses it, patches it, posts it to the next peer, and passes the reply back.
//!
//! Also the peer behind the relay and the connector, which fulfils every packet.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use clock::Timestamp;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ilp_packet::{Fulfill, Fulfillment, Prepare, PrepareBuf, Reply};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::Outcome;

type Sender = client::SendRequest<Full<Bytes>>;

/// Serves a peer that fulfils every packet with the first octets of its data.
pub(crate) async fn peer() -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request: Request<Incoming>| async {
                let body =
                    request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                Ok::<_, Infallible>(octets(fulfilled(&body)))
            });
            tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(port)
}

/// What the peer answers.
fn fulfilled(octets: &[u8]) -> Bytes {
    let proof = Prepare::parse(octets).ok().and_then(|prepare| prepare.data.first_chunk().copied());
    Fulfill { fulfillment: Fulfillment::new(proof.unwrap_or_default()), data: b"" }.encode().into()
}

/// Serves a relay to the peer at `next`.
pub(crate) async fn serve(next: u16) -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let Ok(sender) = connect(next).await else { return };
                let sender = Arc::new(Mutex::new(sender));
                let service = service_fn(move |request| relay(Arc::clone(&sender), request));
                let _ = server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(port)
}

async fn connect(port: u16) -> Outcome<Sender> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn relay(sender: Arc<Mutex<Sender>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(mut packet) = PrepareBuf::parse(body) else { return Ok(octets(Bytes::new())) };
    packet.set_amount(packet.amount());
    packet.set_expires_at(Timestamp::from_millis(packet.expires_at().as_millis() - 1000));
    let mut onward = Request::post("/").body(Full::new(packet.into_bytes())).unwrap_or_default();
    onward.headers_mut().insert("host", http::HeaderValue::from_static("localhost"));
    let reply = sender.lock().await.send_request(onward).await?;
    let reply = reply.into_body().collect().await?.to_bytes();
    Ok(octets(if Reply::parse(&reply).is_ok() { reply } else { Bytes::new() }))
}

fn octets(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let kind = http::HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert("content-type", kind);
    response.headers_mut().insert("ilp-repeatable", http::HeaderValue::from_static("1"));
    response
}
