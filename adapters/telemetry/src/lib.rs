//! Logs, traces and metric names.
//!
//! Not yet written.
