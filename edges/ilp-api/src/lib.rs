//! ILP over HTTP.
//!
//! Not yet written.
