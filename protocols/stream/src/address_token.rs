//! Stateless receiver credentials. Everything that the receiver has to know is encrypted into the last segment of the
//! address. RFC 29, section 4.1, leaves the form of that segment to the receiver.
//!
//! ```text
//! token         = IV(12) ‖ tag(16) ‖ AES-256-GCM(token key, plaintext)
//! address       = base address ‖ "." ‖ base64url(token)
//! shared secret = HMAC(secret generator, token)
//! ```
//!
//! Credentials are compatible with those of `@interledger/stream-receiver` 0.3 made with the same secret.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clock::Entropy;
use hmac::Hmac;
use ilp_packet::Address;
use ilp_packet::oer::{self, OerError, Reader};
use sha2::Sha256;

use crate::crypto::{self, ENVELOPE_OVERHEAD, EnvelopeKey, SharedSecret};

const PLAINTEXT_MAX: usize = 767;
const TAG_FLAG: u8 = 1;
const RECEIPTS_FLAG: u8 = 2;
const ASSET_FLAG: u8 = 4;

/// The secret from which all credentials of a receiver derive, and one that is replaced by it or will replace it.
/// Cheap to clone.
#[derive(Clone)]
pub struct ReceiverSecret {
    own: Arc<DerivedKeys>,
    other: Option<Arc<DerivedKeys>>,
}

struct DerivedKeys {
    token: EnvelopeKey,
    generator: Hmac<Sha256>,
}

/// The octets are not a receiver secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receiver secret has exactly 32 octets")]
pub struct InvalidReceiverSecret;

/// The data that a receiver needs again when a packet arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// The purpose of the money, for example the id of an incoming payment. ASCII.
    pub payment_tag: Option<String>,
    /// Whether the sender's verifier wants receipts.
    pub receipts: Option<ReceiptSetup>,
    /// The asset in which money is received.
    pub asset: Option<AssetDetails>,
}

/// How receipts are made for a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptSetup {
    /// The nonce that the verifier chose. It is repeated in each receipt.
    pub nonce: [u8; 16],
    /// The secret that the verifier knows. It authenticates each receipt.
    pub secret: [u8; 32],
}

/// An asset as STREAM announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetDetails {
    /// Usually an ISO 4217 code.
    pub code: String,
    /// Decimal places of the smallest unit.
    pub scale: u8,
}

/// The data that a sender needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The destination of the packets.
    pub address: Address,
    /// The secret of the connection.
    pub shared_secret: SharedSecret,
}

/// Why no credentials were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The payment tag has characters that would not survive.
    #[error("a payment tag is ASCII; use the id of the payment")]
    TagNotAscii,
    /// Base address and details do not fit into one address.
    #[error("too much data to encode within an ILP address")]
    TooLong,
}

impl fmt::Debug for ReceiverSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiverSecret(..)")
    }
}

impl fmt::Debug for ReceiptSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptSetup(..)")
    }
}

impl TryFrom<&[u8]> for ReceiverSecret {
    type Error = InvalidReceiverSecret;
    fn try_from(octets: &[u8]) -> Result<Self, Self::Error> {
        octets.try_into().map(Self::new).map_err(|_| InvalidReceiverSecret)
    }
}

impl ReceiverSecret {
    /// The keys of this secret, derived once.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { own: Arc::new(DerivedKeys::of(secret)), other: None }
    }

    /// Understands credentials of another secret, too, and makes none of it.
    pub fn and_understanding(self, other: &[u8; 32]) -> Self {
        Self { other: Some(Arc::new(DerivedKeys::of(other))), ..self }
    }

    /// Makes new credentials below `base`. Each call makes different ones, and all of them stay valid.
    pub(crate) fn issue(
        &self,
        base: &Address,
        details: &ConnectionDetails,
        entropy: &dyn Entropy,
    ) -> Result<Credentials, CredentialsError> {
        let mut token = vec![0; ENVELOPE_OVERHEAD];
        details.put(&mut token)?;
        if token.len() - ENVELOPE_OVERHEAD > PLAINTEXT_MAX {
            return Err(CredentialsError::TooLong);
        }
        self.own.token.seal(entropy.bytes(), &mut token);
        let address = base.child(&URL_SAFE_NO_PAD.encode(&token)).map_err(|_| CredentialsError::TooLong)?;
        Ok(Credentials { address, shared_secret: self.own.shared_secret(&token) })
    }

    /// The details and the shared secret in `segment`, if it is a token made with one of the secrets.
    pub(crate) fn restore(&self, segment: &str) -> Option<(ConnectionDetails, SharedSecret)> {
        let token = decode_base64(segment)?;
        self.own.restore(&token).or_else(|| self.other.as_ref()?.restore(&token))
    }
}

impl DerivedKeys {
    fn of(secret: &[u8; 32]) -> Self {
        let keyed = crypto::hmac(secret);
        let token = EnvelopeKey::new(&crypto::tag(&keyed, &[b"ilp_stream_connection_token"]));
        let generator = crypto::hmac(&crypto::tag(&keyed, &[b"ilp_stream_shared_secret"]));
        Self { token, generator }
    }

    fn restore(&self, token: &[u8]) -> Option<(ConnectionDetails, SharedSecret)> {
        let plaintext = self.token.open(token).ok()?;
        let details = ConnectionDetails::parse(&plaintext).ok()?;
        Some((details, self.shared_secret(token)))
    }

    fn shared_secret(&self, token: &[u8]) -> SharedSecret {
        SharedSecret::new(crypto::tag(&self.generator, &[token]))
    }
}

/// Reads base64url in the same way as the reference. It skips `~`, the one further character that an address may have.
fn decode_base64(segment: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, CONFIG);
    let text = if segment.contains('~') { Cow::from(segment.replace('~', "")) } else { Cow::from(segment) };
    ENGINE.decode(text.as_bytes()).ok()
}

impl ConnectionDetails {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), CredentialsError> {
        let tag = self.payment_tag.as_deref().filter(|tag| !tag.is_empty());
        let flag = |present, flag| if present { flag } else { 0 };
        out.push(
            flag(tag.is_some(), TAG_FLAG)
                | flag(self.receipts.is_some(), RECEIPTS_FLAG)
                | flag(self.asset.is_some(), ASSET_FLAG),
        );
        if let Some(tag) = tag {
            if !tag.is_ascii() {
                return Err(CredentialsError::TagNotAscii);
            }
            oer::put_var_octets(out, tag.as_bytes());
        }
        if let Some(receipts) = &self.receipts {
            out.extend_from_slice(&receipts.nonce);
            out.extend_from_slice(&receipts.secret);
        }
        if let Some(asset) = &self.asset {
            oer::put_var_octets(out, asset.code.as_bytes());
            out.push(asset.scale);
        }
        Ok(())
    }

    /// Octets after the known fields are ignored, and so are unknown flags.
    fn parse(plaintext: &[u8]) -> Result<Self, OerError> {
        let mut reader = Reader::new(plaintext);
        let flags = reader.u8()?;
        let mut details = Self::default();
        if flags & TAG_FLAG != 0 {
            details.payment_tag = Some(String::from_utf8_lossy(reader.var_octets()?).into_owned());
        }
        if flags & RECEIPTS_FLAG != 0 {
            details.receipts = Some(ReceiptSetup { nonce: *reader.array()?, secret: *reader.array()? });
        }
        if flags & ASSET_FLAG != 0 {
            let code = String::from_utf8_lossy(reader.var_octets()?).into_owned();
            details.asset = Some(AssetDetails { code, scale: reader.u8()? });
        }
        Ok(details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_one_secret_replaces_another_the_addresses_of_both_are_understood() {
        let base: Address = "test.receiver".parse().unwrap();
        let details = ConnectionDetails { payment_tag: Some("payment".to_owned()), ..ConnectionDetails::default() };
        let entropy = clock::SeededEntropy::new(7);
        let made = |secret: &ReceiverSecret| secret.issue(&base, &details, &entropy).unwrap();
        let understood = |secret: &ReceiverSecret, made: &Credentials| {
            let token = made.address.to_string().rsplit('.').next().unwrap().to_owned();
            secret.restore(&token).is_some_and(|(found, shared)| found == details && shared == made.shared_secret)
        };
        let (old, new) = (ReceiverSecret::new(&[1; 32]), ReceiverSecret::new(&[2; 32]));
        // First every process learns the new one, and then it is used.
        let before = ReceiverSecret::new(&[1; 32]).and_understanding(&[2; 32]);
        let after = ReceiverSecret::new(&[2; 32]).and_understanding(&[1; 32]);
        for secret in [&old, &before, &after] {
            assert!(understood(&before, &made(secret)) && understood(&after, &made(secret)));
        }
        assert!(understood(&old, &made(&before)) && understood(&new, &made(&after)), "only the first makes addresses");
        assert!(!understood(&new, &made(&old)) && !understood(&old, &made(&after)));
    }

    #[test]
    fn the_secret_of_a_token_is_that_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/stream-crypto.json");
        let document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let octets = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
        let mut checked = 0;
        for case in document["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "sharedSecretFromToken")
        {
            let secret = ReceiverSecret::try_from(&octets(&case["serverSecret"])[..]).unwrap();
            let shared = secret.own.shared_secret(&octets(&case["token"]));
            assert_eq!(shared.as_bytes().to_vec(), octets(&case["sharedSecret"]), "{case}");
            checked += 1;
        }
        assert_eq!(checked, 5);
    }
}
