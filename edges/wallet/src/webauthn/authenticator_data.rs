//! What the authenticator says (webauthn-3 section 6.1): for which site, who was there, how often it
//! signed, and in the first answer the new key.
//!
//! Whether that is enough for an answer is decided in `registration` and `assertion`.

use super::cbor::{self, Map};
use super::{Refusal, RelyingParty};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKUP_STATE: u8 = 0x10;
const ATTESTED_CREDENTIAL: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;
/// Longer ids are refused (webauthn-3 section 7.1, step 25).
const ID_MAX: usize = 1023;

/// Where the private key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backup {
    /// In one device, for ever.
    OneDevice,
    /// In one device, from which it may be copied.
    NotYet,
    /// In several places, for example those of a password manager.
    Copied,
}

impl Backup {
    /// Whether it may be copied never changes.
    pub(super) fn fits(self, before: Self) -> bool {
        (self == Self::OneDevice) == (before == Self::OneDevice)
    }
}

/// The new credential in the first answer.
pub(super) struct Attested<'a> {
    pub(super) id: &'a [u8],
    /// A COSE key.
    pub(super) public_key: &'a [u8],
}

/// What was read and is the same for every answer.
pub(super) struct AuthenticatorData<'a> {
    pub(super) counter: u32,
    pub(super) backup: Backup,
    pub(super) attested: Option<Attested<'a>>,
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it, and checks what every answer needs: the site, a person, and that the device has verified that person
    /// (steps 14 to 17 of a registration, 15 to 18 of an assertion).
    pub(super) fn check(octets: &'a [u8], relying_party: &RelyingParty) -> Result<Self, Refusal> {
        let (hash, rest) = cut(octets, 32)?;
        let (flags, rest) = cut(rest, 1)?;
        let (counter, rest) = rest.split_first_chunk::<4>().ok_or(Refusal::Unreadable)?;
        let is_set = |flag: u8| flags[0] & flag != 0;
        let (attested, rest) = if is_set(ATTESTED_CREDENTIAL) {
            let (attested, rest) = Attested::read(rest)?;
            (Some(attested), rest)
        } else {
            (None, rest)
        };
        let rest = if is_set(EXTENSIONS) {
            let (extensions, rest) = cbor::item(rest)?;
            Map::of(extensions)?;
            rest
        } else {
            rest
        };
        if !rest.is_empty() {
            return Err(Refusal::Unreadable);
        }

        if !relying_party.is_hash(hash) {
            return Err(Refusal::RelyingParty);
        }
        if !is_set(USER_PRESENT) {
            return Err(Refusal::Absent);
        }
        if !is_set(USER_VERIFIED) {
            return Err(Refusal::Unverified);
        }
        let backup = match (is_set(BACKUP_ELIGIBLE), is_set(BACKUP_STATE)) {
            (false, false) => Backup::OneDevice,
            (true, false) => Backup::NotYet,
            (true, true) => Backup::Copied,
            (false, true) => return Err(Refusal::Backup),
        };
        Ok(Self { counter: u32::from_be_bytes(*counter), backup, attested })
    }
}

impl<'a> Attested<'a> {
    /// The model of the authenticator, the id, and the key (webauthn-3 section 6.5.1).
    fn read(octets: &'a [u8]) -> Result<(Self, &'a [u8]), Refusal> {
        let (_model, rest) = cut(octets, 16)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(Refusal::Unreadable)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=ID_MAX).contains(&length) {
            return Err(Refusal::Id);
        }
        let (id, key_and_rest) = cut(rest, length)?;
        let (_key, rest) = cbor::item(key_and_rest)?;
        let public_key = &key_and_rest[..key_and_rest.len() - rest.len()];
        Ok((Self { id, public_key }, rest))
    }
}

fn cut(octets: &[u8], length: usize) -> Result<(&[u8], &[u8]), Refusal> {
    octets.split_at_checked(length).ok_or(Refusal::Unreadable)
}
