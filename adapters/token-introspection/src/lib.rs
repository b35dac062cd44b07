//! Client of the introspection endpoint.
//!
//! Not yet written.
