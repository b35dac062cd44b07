//! The tasks of one role, and their end in bounded time: workers, what is under way, listeners, then stores.
//!
//! Dropping it stops everything as a crash would, which is safe too.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use clock::Stopwatch;
use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

const WORKERS_MAX: Duration = Duration::from_secs(5);
const LISTENERS_MAX: Duration = Duration::from_secs(2);
const STORES_MAX: Duration = Duration::from_secs(3);

type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One role at work.
pub(crate) struct Running {
    name: &'static str,
    workers: JoinSet<()>,
    workers_stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    listeners_stop: watch::Sender<bool>,
    drains: Vec<Drain>,
    closings: Vec<Closing>,
}

/// Work that is to end before the stores close.
struct Drain {
    at_most: Duration,
    ended: Closing,
}

impl Running {
    pub(crate) fn new(name: &'static str) -> Self {
        let (workers_stop, _) = watch::channel(false);
        let (listeners_stop, _) = watch::channel(false);
        let (workers, listeners) = (JoinSet::new(), JoinSet::new());
        let (drains, closings) = (Vec::new(), Vec::new());
        Self { name, workers, workers_stop, listeners, listeners_stop, drains, closings }
    }

    /// Serves `router` on `listener` until the role stops.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router) {
        let stop = told(self.listeners_stop.subscribe());
        let name = self.name;
        // Small answers must not wait for the other side's acknowledgement.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "connection without TCP_NODELAY");
            }
        });
        self.listeners.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
                tracing::error!(role = name, %error, "a listener failed");
            }
        });
    }

    /// Runs a worker; it is given the future that resolves when it is to stop.
    pub(crate) fn work<W: Future<Output = ()> + Send + 'static>(&mut self, worker: impl FnOnce(Stop) -> W) {
        let stop: Stop = Box::pin(told(self.workers_stop.subscribe()));
        self.workers.spawn(worker(stop));
    }

    /// Waited for after the end of the workers, for `at_most`, while the listeners take no more connections and answer
    /// the requests they have; all of them together.
    pub(crate) fn drain(&mut self, at_most: Duration, ended: impl Future<Output = ()> + Send + 'static) {
        self.drains.push(Drain { at_most, ended: Box::pin(ended) });
    }

    /// Done last, in the order given.
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
        tracing::warn!(role, ?at_most, "something did not close in time");
    }
}

/// Resolves when a worker is to stop.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn told(mut stop: watch::Receiver<bool>) {
    // The sender lives in `Running`; its end means stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn end(role: &str, what: &str, tasks: &mut JoinSet<()>, at_most: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(at_most, all).await.is_err() {
        tracing::warn!(role, what, "did not end in time and were dropped");
        tasks.shutdown().await;
    }
}

/// Resolves at Ctrl-C or SIGTERM; a second signal ends the process at once.
pub(crate) async fn stop_signal() {
    one_signal().await;
    tokio::spawn(async {
        one_signal().await;
        std::process::exit(1);
    });
}

async fn one_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stores_close_only_when_what_is_under_way_has_ended() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = order.clone();
            move || order.lock().unwrap().push(what)
        };
        let (packets, stores) = (note("packets"), note("stores"));
        let mut running = Running::new("test");
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
        let mut running = Running::new("test");
        running.drain(Duration::from_secs(40), std::future::pending());
        running.drain(Duration::from_secs(3), std::future::pending());
        running.work(|_| std::future::pending());
        running.stop().await;
        assert_eq!(begin.elapsed(), WORKERS_MAX + Duration::from_secs(40));
    }
}
