//! One connection: its requests go to the router, and it ends within a limited time whatever the client does.
//!
//! Speaks HTTP/1.1 and HTTP/2. The client chooses. TLS is in `service_tls`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::ServiceExt;

use crate::activity::{Activity, Overdue, UnderWay, Watched};
use crate::body::TimedBody;
use crate::client_address::Proxies;
use crate::deadlines::Deadlines;
use crate::service_tls::Verified;

/// The largest request head, in octets.
const HEAD_MAX: u32 = 64 * 1024;
/// How many requests of one HTTP/2 connection are answered at once.
const STREAMS_MAX: u32 = 256;
/// How long a connection may take for its last octets after it was asked to end.
const LINGER: Duration = Duration::from_secs(5);

/// The source of a connection, and its limits.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) peer: IpAddr,
    pub(crate) proxies: Proxies,
    pub(crate) deadlines: Deadlines,
    /// The verified certificate of the caller.
    pub(crate) certificate: Option<Verified>,
}

impl Terms {
    /// A request as the router gets it: who sends it, and a body that does not take too long. Notes if the certificate of
    /// the caller has ended.
    fn prepared(&self, mut request: Request<Incoming>, certificate_ended: &AtomicBool) -> Request<Body> {
        let client = self.proxies.client(self.peer, request.headers());
        request.extensions_mut().insert(client);
        match self.certificate.as_ref().map(Verified::still_valid) {
            Some(Some(valid)) => drop(request.extensions_mut().insert(valid.clone())),
            // The request proves nothing by it any more, and the connection ends.
            Some(None) => certificate_ended.store(true, Ordering::Relaxed),
            None => {}
        }
        request.map(|body| Body::new(TimedBody::new(Body::new(body), self.deadlines.body)))
    }
}

/// Serves one connection until it ends or exceeds a deadline, or until it was asked to stop and has answered the
/// requests under way.
pub(crate) async fn serve_connection(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    terms: Terms,
    stop: impl Future<Output = ()>,
) {
    let Terms { peer, deadlines, .. } = terms;
    let activity = Activity::begin();
    let watched = activity.clone();
    let certificate_ended = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&certificate_ended);

    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = watched.request(request.version());
        let answer = router.clone().oneshot(terms.prepared(request, &noted));
        async move { Ok::<_, Infallible>(kept_under_way(answer.await, under_way)) }
    });

    let builder = builder();
    let connection = builder.serve_connection(TokioIo::new(Watched::new(io, activity.clone())), service);
    tokio::pin!(connection, stop);
    let mut alarm = Box::pin(sleep_until(activity.due(&deadlines).0));
    let mut leave_by: Option<Instant> = None;

    // One task polls the connection and then checks the time, so that it sees all activity.
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            if let Err(error) = ended {
                tracing::trace!(%peer, error, "a connection broke");
            }
            return Poll::Ready(());
        }

        let is_over = certificate_ended.load(Ordering::Relaxed);
        if leave_by.is_none() && (is_over || stop.as_mut().poll(cx).is_ready()) {
            connection.as_mut().graceful_shutdown();
            leave_by = Some(Instant::now() + deadlines.request);
            // Requests under way continue. The connection is polled again so that it closes after them.
            cx.waker().wake_by_ref();
        }

        loop {
            let due = || leave_by.map_or_else(|| activity.due(&deadlines), |by| (by, Overdue::Request));
            let Poll::Ready(overdue) = poll_overdue(cx, alarm.as_mut(), due) else { return Poll::Pending };

            if overdue != Overdue::Idle {
                tracing::debug!(%peer, ?overdue, "a connection took too long and was closed");
                return Poll::Ready(());
            }
            connection.as_mut().graceful_shutdown();
            leave_by = Some(Instant::now() + LINGER);
            cx.waker().wake_by_ref();
        }
    })
    .await;
}

/// Is ready when the deadline that is `due` has passed. Activity can put it off while the alarm waits.
fn poll_overdue(
    cx: &mut Context<'_>,
    mut alarm: Pin<&mut Sleep>,
    due: impl Fn() -> (Instant, Overdue),
) -> Poll<Overdue> {
    loop {
        let (instant, overdue) = due();
        if instant < alarm.deadline() || alarm.is_elapsed() {
            alarm.as_mut().reset(instant);
        }
        if alarm.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if Instant::now() >= instant {
            return Poll::Ready(overdue);
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The library's own deadline for heads also runs between requests. Ours does not.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_MAX as usize);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_MAX);
    builder
}

/// The answer. It is under way until its body was handed over.
fn kept_under_way(answer: Result<Response<Body>, Infallible>, under_way: UnderWay) -> Response<Body> {
    let Ok(answer) = answer;
    answer.map(|body| Body::new(AnswerBody { body, _under_way: under_way }))
}

struct AnswerBody {
    body: Body,
    _under_way: UnderWay,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;

    use axum::extract::Request as Asked;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{ClientAddress, read_body};

    const DEADLINES: Deadlines = Deadlines {
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        request: Duration::from_mins(2),
        idle: Duration::from_mins(1),
    };

    fn router() -> Router {
        Router::new()
            .route("/", get(async |client: ClientAddress| format!("hello {}", client.source())))
            .route("/large", get(async || "x".repeat(1 << 20)))
            .route("/never", get(std::future::pending::<()>))
            .route("/body", post(async |request: Asked| read_body(request.into_body(), 10).await))
    }

    fn terms() -> Terms {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Terms { peer, proxies: Proxies::None, deadlines: DEADLINES, certificate: None }
    }

    /// The client's end of a connection with small buffers, and the task that serves the other.
    fn open() -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = tokio::io::duplex(4096);
        let terms = terms();
        (client, tokio::spawn(serve_connection(server, router(), terms, std::future::pending())))
    }

    /// How long the server keeps the connection from now on.
    async fn kept(served: JoinHandle<()>) -> u64 {
        let start = Instant::now();
        served.await.unwrap();
        start.elapsed().as_secs()
    }

    async fn answer(client: &mut DuplexStream) -> String {
        let mut octets = vec![0; 4096];
        let length = client.read(&mut octets).await.unwrap();
        String::from_utf8_lossy(&octets[..length]).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_left() {
        let (_client, served) = open();
        assert_eq!(kept(served).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_not_waited_for() {
        for beginning in ["G", "GET / HTTP/1.1\r\nhost: a\r\nx: ", "PRI * HTTP/2.0\r\n"] {
            let (mut client, served) = open();
            client.write_all(beginning.as_bytes()).await.unwrap();
            assert_eq!(kept(served).await, 10, "{beginning}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_in_drops_ends_as_soon_as_a_head_that_stops() {
        let (mut client, served) = open();
        let start = Instant::now();
        let drops = async {
            while client.write_all(b"G").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        drops.await;
        served.await.unwrap();
        assert!((10..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_refused_and_the_connection_ends() {
        let (mut client, served) = open();
        client.write_all(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab").await.unwrap();
        let start = Instant::now();
        let answer = answer(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert_eq!(start.elapsed().as_secs(), 30);
        assert_eq!(kept(served).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_larger_than_the_route_takes_is_refused_unread() {
        let (mut client, _served) = open();
        client.write_all(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n0123456789abc").await.unwrap();
        let answer = answer(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_used_again_until_nothing_was_asked_for_a_minute() {
        let (mut client, served) = open();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let answer = answer(&mut client).await;
            assert!(answer.ends_with("hello 127.0.0.1"), "{answer}");
        }
        assert_eq!(kept(served).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_and_a_question_without_answer_end_with_their_time() {
        for (path, most) in [("/never", 120), ("/large", 130)] {
            let (mut client, served) = open();
            client.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
            let kept = kept(served).await;
            assert!(kept <= most, "{path} {kept}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_told_to_stop_ends_idle_connections_at_once() {
        let (client, server) = tokio::io::duplex(4096);
        let terms = terms();
        let start = Instant::now();
        let served = pin!(serve_connection(server, router(), terms, std::future::ready(())));
        served.await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(client);
    }
}
