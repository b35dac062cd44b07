//! States and transitions of grants, interactions and access tokens.
//!
//! Not yet written.
