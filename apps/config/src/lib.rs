//! Typed configuration sections with the reference variable names.
//!
//! Not yet written.
