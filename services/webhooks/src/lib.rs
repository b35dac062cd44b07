//! Events, signing, delivery, retry.
//!
//! Not yet written.
