//! What benchmarks have in common: a durable Postgres cluster, and the processor time that processes spend.
//!
//! Not the measurements: those are the programs'.

pub mod databases;
pub mod processor;

/// What measuring may end with.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
