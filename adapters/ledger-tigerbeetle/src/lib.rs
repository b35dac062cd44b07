//! The ledger on a TigerBeetle cluster.
//!
//! Not yet written.
