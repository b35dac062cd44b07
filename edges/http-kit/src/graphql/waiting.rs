//! Queries that wait until their answer is another one, so that who follows something need not ask again and again.
//!
//! A request asks for it in its extensions: `{"waitForChange": {"known": "…", "seconds": 20}}`, where `known` is the mark of
//! the last answer, or is missing. The answer has its mark in its own extensions. The query is executed at the beginning,
//! and then when something has changed. Meanwhile nothing happens: no request, no signature, no statement.

use std::time::Duration;

use database::Subscription;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until};

use crate::Stopping;

/// The pause between two executions, if something changes all the time. Whoever follows hears of a change within a second.
const PAUSE: Duration = Duration::from_millis(500);
/// How many requests of a process wait at once. All others are answered at once.
pub(super) const AT_ONCE: usize = 64;
/// The longest wait. Where no change is signalled, such as at a time-out, whoever follows hears of it after this time.
const LONGEST: Duration = Duration::from_secs(20);

/// A wish to wait.
#[derive(Debug, Deserialize)]
pub(super) struct Wait {
    /// The mark that the caller knows.
    known: Option<String>,
    #[serde(default)]
    seconds: u64,
}

impl Wait {
    /// The wish in the body of a request; `None` if there is none, or it cannot be read.
    pub(super) fn of(body: &Value) -> Option<Self> {
        let wish = body.get("extensions")?.get("waitForChange")?;
        Self::deserialize(wish).ok()
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds).min(LONGEST)
    }

    pub(super) fn knows(&self, mark: &str) -> bool {
        self.known.as_deref() == Some(mark)
    }
}

/// Why a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Something has changed, perhaps the answer.
    Change,
    /// The time is over, or the listener stops.
    Over,
}

/// Waits after an execution that began at `executed` and ends now. The pause is as long as the execution if that was a long
/// one. So a busy database is asked less often.
pub(super) async fn end(changes: &mut Subscription, executed: Instant, until: Instant, stopping: &mut Stopping) -> End {
    let again = (executed + PAUSE).max(Instant::now() + executed.elapsed());
    let change = async {
        changes.notified().await;
        sleep_until(again).await;
    };
    tokio::select! {
        () = change => End::Change,
        () = sleep_until(until) => End::Over,
        () = stopping.begun() => End::Over,
    }
}

/// The mark of an answer, which changes with its data.
pub(super) fn mark(answer: &Value) -> String {
    let digest = Sha256::digest(answer["data"].to_string());
    hex::encode(&digest[..16])
}

/// The answer with its mark.
pub(super) fn marked(mut answer: Value, mark: &str) -> Value {
    answer["extensions"] = json!({ "change": { "mark": mark } });
    answer
}
