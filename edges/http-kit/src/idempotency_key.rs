//! The header `Idempotency-Key`, which names a request that its client may send again.
//!
//! What a repetition gets is the matter of each listener.

use http::HeaderMap;

/// The longest key, in octets.
const KEY_MAX: usize = 255;

/// Why the header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key must be sent once, with 1 to {KEY_MAX} printable characters")]
pub struct InvalidKey;

/// The key, if the request has one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, InvalidKey> {
    let mut lines = headers.get_all("idempotency-key").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let key = line.to_str().ok().map(str::trim).filter(|key| (1..=KEY_MAX).contains(&key.len()));
    match (key, lines.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(InvalidKey),
    }
}
