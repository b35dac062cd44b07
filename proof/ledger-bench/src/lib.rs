//! The common parts of benchmarks: a durable Postgres cluster, and the processor time of processes.
//!
//! The measurements are in the programs.

pub mod databases;
pub mod processor;

/// The result of a measurement.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
