//! The authorization server listeners.
//!
//! Not yet written.
