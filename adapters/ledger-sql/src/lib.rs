//! The ledger on SQLite and Postgres with group commit.
//!
//! Not yet written.
