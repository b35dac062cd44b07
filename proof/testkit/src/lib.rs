//! Databases, clocks and entropy for tests.
//!
//! Not yet written.
