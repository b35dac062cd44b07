//! Shared volatile values: in process or Redis.
//!
//! Not yet written.
