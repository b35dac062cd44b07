//! Connections that ask one after the other, and how long they waited.

use std::sync::Arc;
use std::time::Duration;

use clock::Stopwatch;

use crate::Outcome;
use crate::wire::Wire;

/// Makes the requests of one kind.
pub(crate) trait Requests: Send + Sync {
    /// Where they go.
    fn port(&self) -> u16;
    /// The next one.
    fn next(&self) -> Vec<u8>;
    /// Whether the answer is one to such a request.
    fn is_good(&self, status: u16, body: &[u8]) -> bool;
}

/// What was measured.
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// How fast a connection asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as it is answered.
    Full,
    /// So many times a second.
    Each(f64),
}

/// `connections` ask for `seconds`.
pub(crate) async fn run(
    requests: &Arc<dyn Requests>,
    connections: usize,
    seconds: u64,
    pace: Pace,
) -> Outcome<Figures> {
    let mut wires = Vec::new();
    for _ in 0..connections {
        wires.push(Wire::open(requests.port()).await?);
    }
    let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    let tasks: Vec<_> =
        wires.into_iter().map(|wire| tokio::spawn(ask(Arc::clone(requests), wire, watch, limit, pace))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    Ok(figures(waits, watch.elapsed()))
}

async fn ask(
    requests: Arc<dyn Requests>,
    mut wire: Wire,
    watch: Stopwatch,
    limit: Duration,
    pace: Pace,
) -> Outcome<Vec<Duration>> {
    let mut waits = Vec::new();
    let mut due = watch.elapsed();
    while watch.elapsed() < limit {
        if let Pace::Each(rate) = pace {
            due += Duration::from_secs_f64(1.0 / rate);
            let early = due.saturating_sub(watch.elapsed());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
        }
        let request = requests.next();
        // At a pace the wait begins when the request was due, so that a stall is not hidden by asking less.
        let started = match pace {
            Pace::Full => watch.elapsed(),
            Pace::Each(_) => due.min(watch.elapsed()),
        };
        let answer = wire.exchange(&request).await?;
        if !requests.is_good(answer.status, answer.body) {
            let (status, body) = (answer.status, String::from_utf8_lossy(answer.body).into_owned());
            return Err(format!("{status}: {body}").into());
        }
        waits.push(watch.elapsed().saturating_sub(started));
    }
    Ok(waits)
}

/// What these waits over this time come to.
#[expect(clippy::cast_precision_loss, reason = "a report, not money")]
fn figures(mut waits: Vec<Duration>, elapsed: Duration) -> Figures {
    waits.sort_unstable();
    let at = |percent: usize| {
        let wait = waits.get((waits.len() * percent / 100).min(waits.len().saturating_sub(1)));
        wait.copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let per_second = waits.len() as f64 / elapsed.as_secs_f64();
    Figures { count: waits.len(), per_second, p50: at(50), p95: at(95), p99: at(99) }
}
