//! Queries that wait until their answer is another one, so that who follows something need not ask again and again.
//!
//! A request asks for it in its extensions: `{"waitForChange": {"known": "…", "seconds": 20}}`, where `known` is the mark of
//! the last answer, or is missing. The answer has its mark in its own extensions. The query is executed about once a
//! second, and nothing else happens meanwhile: no request, no signature, no write.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How often the query is executed. Whoever follows hears of a change within a second.
pub(super) const EVERY: Duration = Duration::from_millis(800);
/// How many requests of a process wait at once. All others are answered at once.
pub(super) const AT_ONCE: usize = 64;
/// The longest wait.
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
