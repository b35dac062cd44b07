//! Client of the Admin GraphQL API.
//!
//! Not yet written.
