//! What the browser says about the page that asked (webauthn-3 section 5.8.1).
//!
//! The authenticator signs a hash of it, so the octets as they came are kept for that.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Refusal, RelyingParty};

/// What a page asks an authenticator for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Creation,
    Assertion,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Creation => "webauthn.create",
            Self::Assertion => "webauthn.get",
        }
    }
}

/// Members that are not here may come, and mean nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<serde_json::Value>,
}

/// Steps 5 to 11 of a registration, 8 to 14 of an assertion. Returns the hash that is signed.
pub(super) fn check(
    octets: &[u8],
    kind: Kind,
    challenge: &str,
    relying_party: &RelyingParty,
) -> Result<[u8; 32], Refusal> {
    let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let data: ClientData = serde_json::from_slice(text).map_err(|_| Refusal::Unreadable)?;
    if data.r#type != kind.word() {
        return Err(Refusal::Kind);
    }
    if data.challenge != challenge {
        return Err(Refusal::Challenge);
    }
    if !relying_party.is_origin(&data.origin) {
        return Err(Refusal::Origin);
    }
    // No page of the wallet may be in a frame.
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(Refusal::Framed);
    }
    Ok(Sha256::digest(octets).into())
}
