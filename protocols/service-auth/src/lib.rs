//! How services prove to each other who they are: the names of services and scopes, the ways of proof, and the text form
//! of signed tokens (RFC 7515, RFC 9068).
//!
//! It fetches and verifies nothing: that is in `service-identity`. Names that a provider stores never change.

#![warn(missing_docs)]

mod jws;
mod role;
mod scope;
mod service;
mod ways;

pub use jws::{Jws, JwsHeader, UnreadableJws, signing_input, with_signature};
pub use role::{ServiceRole, UnknownRole};
pub use scope::{Scope, UnknownScope};
pub use service::{Service, UnknownService, Wanted};
pub use ways::{LinkWays, UnknownWay, Ways};
