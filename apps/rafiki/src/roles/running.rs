//! The tasks of one role, and their end within a limited time: workers, work under way, listeners, then stores.
//!
//! Dropping it stops everything like a crash, which is safe too.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use clock::Stopwatch;
use futures::future::join_all;
use http_kit::{CallWatch, ServiceTls, Serving, watch_calls};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

const WORKERS_MAX: Duration = Duration::from_secs(5);
const LISTENERS_MAX: Duration = Duration::from_secs(2);
const STORES_MAX: Duration = Duration::from_secs(3);

type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One running role.
pub(crate) struct Running {
    name: &'static str,
    workers: JoinSet<()>,
    workers_stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    listeners_stop: watch::Sender<bool>,
    serving: Serving,
    calls: CallWatch,
    drains: Vec<Drain>,
    closings: Vec<Closing>,
}

/// Work that must end before the stores close.
struct Drain {
    at_most: Duration,
    ended: Closing,
}

impl Running {
    /// No tasks yet. The listeners will share `serving`.
    pub(crate) fn new(name: &'static str, serving: Serving) -> Self {
        let (workers_stop, _) = watch::channel(false);
        let (listeners_stop, _) = watch::channel(false);
        let (workers, listeners) = (JoinSet::new(), JoinSet::new());
        let (drains, closings) = (Vec::new(), Vec::new());
        let calls = CallWatch::default();
        Self { name, workers, workers_stop, listeners, listeners_stop, serving, calls, drains, closings }
    }

    /// The listeners that services call from now on count their calls with `calls`.
    pub(crate) fn count_calls(&mut self, calls: CallWatch) {
        self.calls = calls;
    }

    /// Serves `router` on `listener` until the role stops.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router) {
        let stop = told(self.listeners_stop.subscribe());
        self.listeners.spawn(http_kit::serve(listener, router, self.serving.clone(), stop));
    }

    /// Serves `router` on a listener that services call, with TLS if callers begin it.
    pub(crate) fn serve_services(&mut self, listener: TcpListener, router: Router, tls: Option<&ServiceTls>) {
        let stop = told(self.listeners_stop.subscribe());
        let serving = Serving { tls: tls.cloned(), ..self.serving.clone() };
        let router = watch_calls(router, self.calls.clone());
        self.listeners.spawn(http_kit::serve(listener, router, serving, stop));
    }

    /// Runs a worker. It gets a future that resolves when it must stop.
    pub(crate) fn work<W: Future<Output = ()> + Send + 'static>(&mut self, worker: impl FnOnce(Stop) -> W) {
        let stop: Stop = Box::pin(told(self.workers_stop.subscribe()));
        self.workers.spawn(worker(stop));
    }

    /// Waits for `ended` after the end of the workers, for `at_most`. The listeners accept no more connections and
    /// answer the requests they have. All drains run together.
    pub(crate) fn drain(&mut self, at_most: Duration, ended: impl Future<Output = ()> + Send + 'static) {
        self.drains.push(Drain { at_most, ended: Box::pin(ended) });
    }

    /// Runs last, in the given order.
    pub(crate) fn on_close(&mut self, closing: impl Future<Output = ()> + Send + 'static) {
        self.closings.push(Box::pin(closing));
    }

    /// Stops everything in order. What does not end in time is dropped; it is repeated after the next start.
    pub(crate) async fn stop(mut self) {
        let watch = Stopwatch::start();
        let told = |what: &str| tracing::debug!(role = self.name, after = ?watch.elapsed(), "{what} ended");
        self.workers_stop.send_replace(true);
        end(self.name, "workers", &mut self.workers, WORKERS_MAX).await;
        told("workers");
        self.listeners_stop.send_replace(true);
        let name = self.name;
        join_all(self.drains.into_iter().map(|drain| bounded(name, drain.at_most, drain.ended))).await;
        told("what was under way");
        end(self.name, "listeners", &mut self.listeners, LISTENERS_MAX).await;
        told("listeners");
        for closing in self.closings {
            bounded(self.name, STORES_MAX, closing).await;
        }
        told("stores");
    }
}

async fn bounded(role: &str, at_most: Duration, closing: Closing) {
    if tokio::time::timeout(at_most, closing).await.is_err() {
        tracing::warn!(role, ?at_most, "a store did not close in time");
    }
}

/// Resolves when a worker must stop.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn told(mut stop: watch::Receiver<bool>) {
    // The sender is in `Running`. Its end means stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn end(role: &str, what: &str, tasks: &mut JoinSet<()>, at_most: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(at_most, all).await.is_err() {
        tracing::warn!(role, what, "connections did not end in time and were closed");
        tasks.shutdown().await;
    }
}

/// Resolves at Ctrl-C or SIGTERM; a second signal ends the process at once.
///
/// A signal counts from the call on, also before the answer is awaited.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    let signals = Signals::new();
    async move {
        let Some(mut signals) = signals else {
            // Without a handler the first signal ends the process.
            return std::future::pending().await;
        };
        signals.one().await;
        tokio::spawn(async move {
            signals.one().await;
            std::process::exit(1);
        });
    }
}

/// Ctrl-C and SIGTERM, caught from the beginning on.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// None if the system refuses a handler.
    fn new() -> Option<Self> {
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        Some(Self { interrupt, terminate: signal(SignalKind::terminate()).ok()? })
    }

    async fn one(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies};

    use super::*;

    fn serving() -> Serving {
        let admission = Admission::new(ConnectionLimits::default());
        Serving { deadlines: Deadlines::default(), admission, proxies: Proxies::None, tls: None }
    }

    #[tokio::test(start_paused = true)]
    async fn stores_close_only_when_what_is_under_way_has_ended() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = order.clone();
            move || order.lock().unwrap().push(what)
        };
        let (packets, stores) = (note("packets"), note("stores"));
        let mut running = Running::new("test", serving());
        running.on_close(async move { stores() });
        running.drain(Duration::from_secs(40), async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            packets();
        });
        running.stop().await;
        assert_eq!(*order.lock().unwrap(), ["packets", "stores"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_given_up_after_its_time() {
        let begin = tokio::time::Instant::now();
        let mut running = Running::new("test", serving());
        running.drain(Duration::from_secs(40), std::future::pending());
        running.drain(Duration::from_secs(3), std::future::pending());
        running.work(|_| std::future::pending());
        running.stop().await;
        assert_eq!(begin.elapsed(), WORKERS_MAX + Duration::from_secs(40));
    }
}
