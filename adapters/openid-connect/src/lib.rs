//! Signs people in at an OpenID Connect provider (OpenID Connect Core 1.0): the code flow with PKCE (RFC 7636), and the
//! check of the ID token. What the provider publishes is read by `oauth-provider`.
//!
//! It keeps no sessions and knows no roles: the caller maps claims to what a person may do.

#![warn(missing_docs)]

mod error;
mod flow;
mod id_token;

pub use error::SignInError;
pub use flow::{Attempt, ClientSettings, Person, RelyingParty};
pub use id_token::TokenFault;
