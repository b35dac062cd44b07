//! The packet pipeline, one layer per file.
//!
//! Not yet written.
