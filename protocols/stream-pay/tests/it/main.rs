//! Probes and payments over simulated paths: the published vectors, and a pair of ends on virtual time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pair;
mod properties;
mod support;
mod sweep;
mod vectors;
