//! The operator GraphQL API.
//!
//! Not yet written.
