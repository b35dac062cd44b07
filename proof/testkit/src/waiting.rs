//! Asking others - a server, another process - until they say what is waited for, within a limit.
//!
//! Not for what a test can drive itself: there the clock is moved by hand.

use std::time::Duration;

/// A moment in which something else may get on.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks again and again until there is an answer; `None` when `limit` has passed without one.
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

/// Asks again and again until the answer is yes.
///
/// # Panics
///
/// With `what` was waited for, when two minutes have passed.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let answered = until(Duration::from_mins(2), || {
        let answer = ask();
        async move { answer.await.then_some(()) }
    });
    let answered = answered.await;
    assert!(answered.is_some(), "waited in vain: {what}");
}
