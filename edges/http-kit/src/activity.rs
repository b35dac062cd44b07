//! What a connection is doing, and when it has exceeded a deadline.
//!
//! Kept beside the connection, because the HTTP library has no deadline for a client that sends nothing.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::deadlines::Deadlines;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// No request for a long time.
    Idle,
    /// A request's head was not complete in time.
    Head,
    /// A request was not read and answered in time, or its answer was not taken in time.
    Request,
}

/// What one connection is doing. Clones are the same connection.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Requests with a head but without a complete answer, by the time they began.
    under_way: BTreeSet<(Instant, u64)>,
    next_number: u64,
    /// The expected next step while no request is under way.
    waiting: Waiting,
    /// HTTP/2 sends other frames between requests, so octets there do not begin a request.
    is_http2: bool,
}

#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// For the first octet of a request.
    Quiet { since: Instant },
    /// For the end of a request's head.
    Head { since: Instant },
}

impl Activity {
    /// A new connection.
    pub(crate) fn begin() -> Self {
        Self(Arc::new(Mutex::new(State {
            under_way: BTreeSet::new(),
            next_number: 0,
            waiting: Waiting::Quiet { since: Instant::now() },
            is_http2: false,
        })))
    }

    /// The next deadline of the connection, and its kind.
    pub(crate) fn due(&self, deadlines: &Deadlines) -> (Instant, Overdue) {
        let state = self.state();
        if let Some((began, _)) = state.under_way.first() {
            return (*began + deadlines.request, Overdue::Request);
        }
        match state.waiting {
            Waiting::Quiet { since } => (since + deadlines.idle, Overdue::Idle),
            Waiting::Head { since } => (since + deadlines.head, Overdue::Head),
        }
    }

    /// A request's head was read. It is under way until the returned value is dropped.
    pub(crate) fn request(&self, version: Version) -> UnderWay {
        let mut state = self.state();
        let place = (Instant::now(), state.next_number);
        state.next_number += 1;
        state.is_http2 |= version == Version::HTTP_2;
        state.under_way.insert(place);
        UnderWay { activity: self.clone(), place }
    }

    fn received(&self) {
        let mut state = self.state();
        if state.under_way.is_empty() && !state.is_http2 && matches!(state.waiting, Waiting::Quiet { .. }) {
            state.waiting = Waiting::Head { since: Instant::now() };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    activity: Activity,
    place: (Instant, u64),
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.under_way.remove(&self.place);
        if state.under_way.is_empty() {
            state.waiting = Waiting::Quiet { since: Instant::now() };
        }
    }
}

/// A stream that notes when octets arrive.
#[derive(Debug)]
pub(crate) struct Watched<I> {
    io: I,
    activity: Activity,
}

impl<I> Watched<I> {
    pub(crate) fn new(io: I, activity: Activity) -> Self {
        Self { io, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
