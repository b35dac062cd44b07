//! Content digests (RFC 9530): made with SHA-512, checked with SHA-256 and SHA-512.
//!
//! It signs nothing. A digest may cover the received octets or the compact form of their JSON. Official clients use the
//! compact form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha2::{Digest, Sha256, Sha512};

use crate::json::{parse_json, to_compact_json};

/// The value of a `Content-Digest` header over `body`: `sha-512=:<base64>:`.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(body)))
}

/// Why a `Content-Digest` header does not prove the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The header is not a dictionary of byte sequences.
    #[error("Content-Digest must be a dictionary of byte sequences such as sha-512=:…:")]
    Malformed,
    /// None of the algorithms is `sha-256` or `sha-512`.
    #[error("Content-Digest must contain a sha-256 or a sha-512 digest")]
    Unsupported,
    /// The digest is of another body.
    #[error("Content-Digest does not match the body received")]
    Mismatch,
}

/// Checks that all supported digests of `header` are those of `body`, or all are those of its compact JSON form.
pub(crate) fn check(header: &[u8], body: &[u8]) -> Result<(), DigestError> {
    let digests = Digests::parse(header)?;
    if digests.are_of(body) {
        return Ok(());
    }
    let compact = if body.is_empty() {
        "{}".to_owned()
    } else {
        to_compact_json(&parse_json(body).map_err(|_| DigestError::Mismatch)?)
    };
    if digests.are_of(compact.as_bytes()) { Ok(()) } else { Err(DigestError::Mismatch) }
}

struct Digests {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl Digests {
    fn parse(header: &[u8]) -> Result<Self, DigestError> {
        let members: Dictionary = Parser::new(header).parse().map_err(|_| DigestError::Malformed)?;
        let bytes_of = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(ListEntry::Item(sfv::Item { bare_item: BareItem::ByteSequence(bytes), .. })) => {
                Ok(Some(bytes.clone()))
            }
            Some(_) => Err(DigestError::Malformed),
        };
        let digests = Self { sha256: bytes_of("sha-256")?, sha512: bytes_of("sha-512")? };
        if digests.sha256.is_none() && digests.sha512.is_none() {
            return Err(DigestError::Unsupported);
        }
        Ok(digests)
    }

    fn are_of(&self, content: &[u8]) -> bool {
        self.sha256.as_deref().is_none_or(|digest| digest == Sha256::digest(content).as_slice())
            && self.sha512.as_deref().is_none_or(|digest| digest == Sha512::digest(content).as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_algorithm_is_ignored_beside_a_known_one_and_refused_alone() {
        let known = content_digest(b"{}");
        assert_eq!(check(format!("md5=:AAAA:, {known}").as_bytes(), b"{}"), Ok(()));
        assert_eq!(check(b"md5=:AAAA:", b"{}"), Err(DigestError::Unsupported));
        assert_eq!(check(b"sha-512=12", b"{}"), Err(DigestError::Malformed));
    }

    #[test]
    fn raw_and_compact_forms_are_accepted_but_not_one_of_each() {
        let body = b"{ \"a\": 1.0 }";
        let raw256 = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)));
        let compact512 = content_digest(b"{\"a\":1}");
        assert_eq!(check(raw256.as_bytes(), body), Ok(()));
        assert_eq!(check(compact512.as_bytes(), body), Ok(()));
        assert_eq!(check(format!("{raw256}, {compact512}").as_bytes(), body), Err(DigestError::Mismatch));
    }

    #[test]
    fn an_absent_body_may_be_digested_as_nothing_or_as_an_empty_object() {
        assert_eq!(check(content_digest(b"").as_bytes(), b""), Ok(()));
        assert_eq!(check(content_digest(b"{}").as_bytes(), b""), Ok(()));
        assert_eq!(check(content_digest(b"[]").as_bytes(), b""), Err(DigestError::Mismatch));
    }
}
