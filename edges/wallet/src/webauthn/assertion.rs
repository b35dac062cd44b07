//! The answer to a page that asked for a passkey (webauthn-3 section 7.2).
//!
//! Which passkey is meant is for the database to say.

use super::authenticator_data::{AuthenticatorData, Backup};
use super::client_data::{self, Kind};
use super::cose_key::PublicKey;
use super::{Refusal, RelyingParty};

/// The answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) credential: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// Whom the authenticator names. It is empty if it names nobody.
    pub(crate) user_handle: Vec<u8>,
}

/// What is known of the passkey that is meant.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// A COSE key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) backup: Backup,
    /// Whose it is, in the form in which the authenticator was told.
    pub(crate) user_handle: Vec<u8>,
}

/// Whether somebody was known before the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The passkey is one of this person, so the answer does not have to name anybody.
    OfSomebodyKnown,
    /// The answer has to say whose it is.
    AsTheAnswerSays,
}

/// What is kept of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asserted {
    pub(crate) counter: u32,
    pub(crate) backup: Backup,
}

/// Verifies the answer to this question.
pub(crate) fn verify_assertion(
    relying_party: &RelyingParty,
    challenge: &str,
    known: &Known,
    whose: Whose,
    answer: &Answer,
) -> Result<Asserted, Refusal> {
    // Step 6.
    let named = match whose {
        Whose::OfSomebodyKnown => answer.user_handle.is_empty() || answer.user_handle == known.user_handle,
        Whose::AsTheAnswerSays => answer.user_handle == known.user_handle,
    };
    if !named {
        return Err(Refusal::UserHandle);
    }
    let hash = client_data::check(&answer.client_data, Kind::Assertion, challenge, relying_party)?;
    let data = AuthenticatorData::check(&answer.authenticator_data, relying_party)?;
    // Step 19.
    if !data.backup.fits(known.backup) {
        return Err(Refusal::Backup);
    }
    // Steps 20 and 21.
    let signed = [&answer.authenticator_data[..], &hash].concat();
    if !PublicKey::read(&known.public_key)?.has_signed(&signed, &answer.signature) {
        return Err(Refusal::Signature);
    }
    // Step 22. An authenticator that does not count says zero.
    let counts = data.counter != 0 || known.counter != 0;
    if counts && data.counter <= known.counter {
        return Err(Refusal::Counter);
    }
    Ok(Asserted { counter: data.counter, backup: data.backup })
}
