//! What is stored under an idempotency key, and its form.
//!
//! Who stores it, and when, is in `keys` and `result_note`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What is stored under a key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Entry {
    /// Another request is working on it.
    Taken { content: String, by: Uuid },
    /// It is done.
    Done { content: String, result: Value },
}

impl Entry {
    pub(crate) fn encode(&self) -> Bytes {
        // Texts and JSON values always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// `None` if another version of this program has stored it in a form that is not known here.
    pub(crate) fn decode(stored: &[u8]) -> Option<Self> {
        serde_json::from_slice(stored).ok()
    }
}
