//! The compact form of signed tokens (RFC 7515 section 7.1): taken apart, and put together.
//!
//! It verifies nothing and signs nothing. Nothing in a token may be believed before its signature was verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token, in octets.
const LONGEST: usize = 16 * 1024;

/// A token whose signature is not verified yet.
#[derive(Clone, Debug)]
pub struct Jws<'t> {
    /// The header.
    pub header: JwsHeader,
    /// The claims.
    pub claims: Map<String, Value>,
    /// What was signed.
    pub signed: &'t str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The parts of a header that are used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct JwsHeader {
    /// The algorithm.
    pub alg: String,
    /// The name of the key.
    pub kid: Option<String>,
    /// The type of the token.
    pub typ: Option<String>,
    /// Extensions that must be understood. There are none here, so such a token is refused.
    crit: Option<Value>,
}

/// Why a text is not a signed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableJws {
    /// It has not three parts, or is too long.
    #[error("it is not three parts of base64url with two dots, within {LONGEST} octets")]
    Form,
    /// Header or claims are no JSON objects.
    #[error("its header or its claims are not JSON objects")]
    Json,
    /// It demands an extension.
    #[error("its header demands extensions")]
    Extension,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub fn read(text: &'t str) -> Result<Self, UnreadableJws> {
        if text.len() > LONGEST {
            return Err(UnreadableJws::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(UnreadableJws::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(UnreadableJws::Form)?;
        let octets = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| UnreadableJws::Form);
        let (header, claims, signature) = (octets(header)?, octets(claims)?, octets(signature)?);

        let header: JwsHeader = serde_json::from_slice(&header).map_err(|_| UnreadableJws::Json)?;
        if header.crit.is_some() {
            return Err(UnreadableJws::Extension);
        }
        let claims = serde_json::from_slice(&claims).map_err(|_| UnreadableJws::Json)?;
        Ok(Self { header, claims, signed, signature })
    }
}

/// The text to sign for a header and claims.
pub fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The token of a text and its signature.
pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_put_together_is_taken_apart_again() {
        let signed = signing_input(&json!({"alg": "ES256", "kid": "k"}), &json!({"iss": "me"}));
        let token = with_signature(&signed, &[1, 2, 255]);
        let read = Jws::read(&token).unwrap();
        assert_eq!((read.header.alg.as_str(), read.header.kid.as_deref(), read.signed), ("ES256", Some("k"), &*signed));
        assert_eq!((read.claims["iss"].as_str(), read.signature.as_slice()), (Some("me"), &[1, 2, 255][..]));
    }

    #[test]
    fn odd_texts_are_refused() {
        let unreadable = |text: &str| Jws::read(text).map(drop).unwrap_err();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for text in ["", ".", "..", "a.b", "e30=.e30.e30", "e30.e30.e30.e30", &"e".repeat(LONGEST + 1)] {
            assert!(matches!(unreadable(text), UnreadableJws::Form | UnreadableJws::Json), "{text:.20}");
        }
        let header = part(r#"{"alg":"none"}"#);
        assert_eq!(unreadable(&format!("{header}.{}.", part("[]"))), UnreadableJws::Json);
        let header = part(r#"{"alg":"ES256","crit":["b64"]}"#);
        assert_eq!(unreadable(&format!("{header}.{}.", part("{}"))), UnreadableJws::Extension);
    }
}
