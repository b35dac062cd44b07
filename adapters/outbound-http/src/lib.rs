//! The one HTTP client: time-outs, signing, address guard.
//!
//! Not yet written.
