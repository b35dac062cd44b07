//! A request whose signature is made or verified (RFC 9421 section 2).
//!
//! It is not a whole HTTP request: it has only the parts that a signature can cover.

use http::HeaderMap;

/// A request as received.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method as on the request line.
    pub method: &'a str,
    /// The absolute URI the client called, see [`crate::TargetOrigin`].
    pub target_uri: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body's octets, empty if there is none.
    pub body: &'a [u8],
}
