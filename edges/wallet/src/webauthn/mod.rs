//! What an authenticator answers, verified step by step after
//! [Web Authentication Level 3](https://www.w3.org/TR/webauthn-3/): registration and assertion.
//!
//! It has no clock, no storage and no network. The question that was asked, what is known of a passkey and the answer go
//! in. A new passkey, its new state, or the reason of a refusal comes out. Questions and passkeys are stored in `users`.

mod assertion;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose_key;
mod registration;
mod relying_party;

#[cfg(test)]
#[path = "../../tests/authenticator/mod.rs"]
mod authenticator;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod vector_tests;

pub(crate) use assertion::{Answer, Asserted, Known, Whose, verify_assertion};
pub(crate) use authenticator_data::Backup;
pub(crate) use cose_key::ALGORITHMS;
pub(crate) use registration::{Created, NewPasskey, verify_registration};
pub(crate) use relying_party::RelyingParty;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Why an answer is refused. The text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the answer cannot be read")]
    Unreadable,
    #[error("the answer is of another kind than the question")]
    Kind,
    #[error("another question was answered")]
    Challenge,
    #[error("the page is of another origin")]
    Origin,
    #[error("the page was in a frame of another site")]
    Framed,
    #[error("the passkey is for another site")]
    RelyingParty,
    #[error("nobody was present at the device")]
    Absent,
    #[error("the device did not verify who uses it")]
    Unverified,
    #[error("what the device says about copies of the passkey contradicts itself or what it said before")]
    Backup,
    #[error("the key is of a kind that was not asked for")]
    Algorithm,
    #[error("the attestation is of a kind that is not accepted, or its signature is wrong")]
    Attestation,
    #[error("the passkey has no id, or its id is too long")]
    Id,
    #[error("the answer names nobody, or somebody else")]
    UserHandle,
    #[error("the signature is not by this passkey")]
    Signature,
    #[error("the counter of signatures did not grow, so there may be a copy of the passkey")]
    Counter,
}

/// Octets in the form in which browsers and pages exchange them.
pub(crate) fn written(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Reads what a page has sent.
pub(crate) fn read(text: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Unreadable)
}
