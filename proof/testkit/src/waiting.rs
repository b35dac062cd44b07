//! Waits until a server or another process reports the expected state, within a limit.
//!
//! Tests advance the clock by hand where they can, and do not use this file.

use std::cell::Cell;
use std::time::Duration;

/// A pause in which the other side can continue.
const PAUSE: Duration = Duration::from_millis(50);

/// Tries again and again until there is a result; `None` if `limit` passes without one.
pub async fn until<T, F: Future<Output = Option<T>>>(limit: Duration, mut ask: impl FnMut() -> F) -> Option<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(limit, asking).await.ok()
}

/// Repeats `step` until there is an answer.
///
/// A step that has begun is always ended. A step that is dropped half-way may have sent a statement to the database
/// already, which would then take a job that nobody runs.
pub async fn answered_while<T>(asking: impl Future<Output = T>, mut step: impl AsyncFnMut()) -> T {
    let answered = Cell::new(false);
    let working = async {
        while !answered.get() {
            step().await;
        }
    };
    let asking = async {
        let answer = asking.await;
        answered.set(true);
        answer
    };
    tokio::join!(asking, working).0
}

/// Tries again and again until the result is true.
///
/// # Panics
///
/// If two minutes pass. The message names `what`.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let answered = until(Duration::from_mins(2), || {
        let answer = ask();
        async move { answer.await.then_some(()) }
    });
    let answered = answered.await;
    assert!(answered.is_some(), "waited in vain: {what}");
}
