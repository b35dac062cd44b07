//! Peers' tokens, kept as keyed hashes only.
//!
//! Without the key nobody can search a stolen table of hashes for guessable tokens. An outsider cannot compute a hash,
//! so the time of a lookup reveals nothing.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The keyed hash of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// Hashes tokens with the server's key.
#[derive(Clone)]
pub struct TokenHasher(Hmac<Sha256>);

impl fmt::Debug for TokenHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHasher(…)")
    }
}

impl TokenHasher {
    /// A hasher with this key.
    pub fn new(key: &[u8; 32]) -> Self {
        // A key shorter than the hash's block is padded with zeros by definition (RFC 2104 section 2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// The hash of `token`.
    pub fn hash(&self, token: &str) -> TokenHash {
        let mut hash = self.0.clone();
        hash.update(token.as_bytes());
        TokenHash(hash.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_token_and_on_the_key() {
        let (ours, other) = (TokenHasher::new(&[1; 32]), TokenHasher::new(&[2; 32]));
        assert_eq!(ours.hash("token"), ours.hash("token"));
        assert_ne!(ours.hash("token"), ours.hash("token "));
        assert_ne!(ours.hash("token"), other.hash("token"));
    }
}
