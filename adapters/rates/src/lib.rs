//! Exchange-rate source and cache.
//!
//! Not yet written.
