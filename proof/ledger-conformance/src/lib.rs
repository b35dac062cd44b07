//! One suite for every ledger engine.
//!
//! Not yet written.
