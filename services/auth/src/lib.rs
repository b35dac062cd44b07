//! Use cases of grants, interactions and tokens.
//!
//! Not yet written.
