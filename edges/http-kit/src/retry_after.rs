//! When to send the next request (RFC 9110 section 10.2.3, RFC 6585 section 4).
//! Who is limited is decided in `shared-cache`.

use std::time::Duration;

use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

/// The header `Retry-After`, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// At least one second, rounded up.
    pub fn seconds(self) -> u64 {
        (self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)).max(1)
    }
}

impl IntoResponseParts for RetryAfter {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.seconds()));
        Ok(response)
    }
}

/// 429 in plain text, for listeners without a form of their own.
pub(crate) fn too_many_requests(retry_after: Duration) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, RetryAfter(retry_after), "Too Many Requests").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_waits_as_long_as_asked_is_never_too_early() {
        let seconds = |millis| RetryAfter(Duration::from_millis(millis)).seconds();
        assert_eq!([seconds(0), seconds(1), seconds(1000), seconds(1001)], [1, 1, 1, 2]);
    }
}
