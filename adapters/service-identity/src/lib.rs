//! Service identities: every role proves who it is with a short token of a provider, and checks the tokens of its callers.
//!
//! - [`ServiceTokens`] gets tokens (RFC 6749 section 4.4). Callers of one service share a token and one fetch of it. A token
//!   is renewed at 80 % of its life, so that no call waits for it.
//! - [`ServiceProofs`] chooses how this role proves itself to each service: by a secret, a token, or its certificate.
//! - [`CallerCertificate`] reads the role of a caller from its certificate (RFC 5280).
//! - [`TokenJudge`] checks the token of a caller: by introspection (RFC 7662), by its signature (RFC 9068), or both.
//! - [`Provider`] knows where the provider is: from its metadata (RFC 8414), or from settings.
//!
//! While the provider does not answer, no call is allowed. Token values never reach a log.

#![warn(missing_docs)]

mod certificate;
mod identity;
mod judge;
mod principal;
mod proof;
mod provider;
mod tokens;

pub use certificate::{CallerCertificate, RoleNames};
pub use identity::{ClientIdentity, Credential, SecretPlace};
pub use judge::{JudgeSettings, TokenJudge, Validation, bearer};
pub use principal::Principal;
pub use proof::{CallerProof, ServiceProofs};
pub use provider::{Provider, ProviderError, ProviderSettings};
pub use token_introspection::Refusal;
pub use token_keys::SigningKey;
pub use tokens::{CallError, ServiceTokens, TokenError, TokenSettings};
