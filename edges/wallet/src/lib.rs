//! The built-in account-servicing entity.
//!
//! Not yet written.
