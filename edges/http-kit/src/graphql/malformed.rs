//! Why a request is refused before it is executed.
//!
//! The HTTP status is chosen where it is answered.

/// Why a request is refused.
pub(super) struct Malformed {
    pub(super) message: String,
    pub(super) code: &'static str,
}

pub(super) fn malformed(message: impl ToString, code: &'static str) -> Malformed {
    Malformed { message: message.to_string(), code }
}
