//! Connections that send one request after the other, and their waiting times.
//! What is sent is in `requests`.

use std::sync::Arc;
use std::time::Duration;

use clock::Stopwatch;

use crate::Outcome;
use crate::wire::Wire;

/// Makes the requests of one kind.
pub(crate) trait Requests: Send + Sync {
    /// The address of the requests.
    fn port(&self) -> u16;
    /// The next request.
    fn next(&self) -> Vec<u8>;
    /// Whether this is a correct answer to such a request.
    fn is_good(&self, status: u16, body: &[u8]) -> bool;
}

/// The result of a measurement.
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// The rate of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// At once after each answer.
    Full,
    /// This number of times a second.
    Each(f64),
}

/// `connections` send requests for `seconds`.
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
        // At a fixed rate the waiting time begins when the request was due, so that slow answers do not hide a delay.
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

/// The figures for these waits over this time.
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
