//! Probes and payments over simulated paths: the published vectors, and a sender and a receiver on virtual time.
//! The frames themselves are tested in `stream`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pair;
mod properties;
mod support;
mod sweep;
mod vectors;
