//! The answer to a page that asked for a new passkey (webauthn-3 section 7.1).
//!
//! Whether the id is new, is for the database to say.

use super::authenticator_data::{AuthenticatorData, Backup};
use super::cbor::{self, Map};
use super::client_data::{self, Kind};
use super::cose_key::PublicKey;
use super::{Refusal, RelyingParty};

/// The answer.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) client_data: Vec<u8>,
    pub(crate) attestation: Vec<u8>,
}

/// What is kept of a new passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPasskey {
    pub(crate) id: Vec<u8>,
    /// A COSE key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) backup: Backup,
}

/// Verifies the answer to this question.
pub(crate) fn verify_registration(
    relying_party: &RelyingParty,
    challenge: &str,
    answer: &Created,
) -> Result<NewPasskey, Refusal> {
    let hash = client_data::check(&answer.client_data, Kind::Creation, challenge, relying_party)?;
    let (attestation, rest) = cbor::item(&answer.attestation)?;
    if !rest.is_empty() {
        return Err(Refusal::Unreadable);
    }
    let attestation = Map::of(attestation)?;
    let octets = attestation.octets("authData").ok_or(Refusal::Unreadable)?;
    let data = AuthenticatorData::check(octets, relying_party)?;
    let attested = data.attested.ok_or(Refusal::Unreadable)?;
    let key = PublicKey::read(attested.public_key)?;
    check_statement(&attestation, &key, &[octets, &hash].concat())?;
    Ok(NewPasskey {
        id: attested.id.to_vec(),
        public_key: attested.public_key.to_vec(),
        counter: data.counter,
        backup: data.backup,
    })
}

/// The page asks for no attestation. What may come nevertheless is a signature by the new key itself (webauthn-3 section
/// 5.4.7).
fn check_statement(attestation: &Map, key: &PublicKey, signed: &[u8]) -> Result<(), Refusal> {
    let statement = Map::of(attestation.get("attStmt").cloned().ok_or(Refusal::Unreadable)?)?;
    let accepted = match attestation.get("fmt").and_then(|format| format.as_text()) {
        // webauthn-3 section 8.7.
        Some("none") => statement.is_empty(),
        // webauthn-3 section 8.2, without a certificate.
        Some("packed") => {
            let own = statement.get("x5c").is_none() && statement.integer("alg") == Some(key.algorithm());
            own && statement.octets("sig").is_some_and(|signature| key.has_signed(signed, signature))
        }
        _ => false,
    };
    if accepted { Ok(()) } else { Err(Refusal::Attestation) }
}
