//! HTTP message signatures (RFC 9421 profile), digests and JWKs.
//!
//! Not yet written.
