//! Keys derived from a shared secret, and the encryption envelope `IV ‖ tag ‖ ciphertext` (RFC 29, sections 4.1 and 5.1).
//!
//! STREAM does not use HKDF: each key is one HMAC of the shared secret. Receiver credentials are in `address_token`.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use ilp_packet::Fulfillment;
use sha2::Sha256;
use zeroize::Zeroize;

/// The random octets at the start of an envelope. They are never used twice with one key.
pub type Iv = [u8; IV_LENGTH];

const IV_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;
/// How many octets an envelope adds to its contents.
pub const ENVELOPE_OVERHEAD: usize = IV_LENGTH + TAG_LENGTH;

/// The data is not an envelope that was encrypted with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data was not encrypted with the key of this connection")]
pub struct Unreadable;

/// The text is not a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shared secret is 32 octets in base64 or base64url; copy it whole from the payment method")]
pub struct InvalidSharedSecret;

/// The secret that both ends of a connection know.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret([u8; 32]);

impl Drop for SharedSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SharedSecret {
    /// A secret with these octets.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads base64 or base64url, with or without padding.
    pub fn from_base64(text: &str) -> Result<Self, InvalidSharedSecret> {
        const CONFIG: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, CONFIG);
        let mut text = text.replace('+', "-").replace('/', "_");
        let octets = ENGINE.decode(&text);
        text.zeroize();
        octets.ok().and_then(|octets| octets.try_into().ok()).map(Self).ok_or(InvalidSharedSecret)
    }

    /// base64url without padding, the form of Open Payments and SPSP.
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The keys of a connection.
    pub fn keys(&self) -> ConnectionKeys {
        ConnectionKeys::derive(&self.0)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Both keys of a connection, expanded once.
#[derive(Clone)]
pub struct ConnectionKeys {
    envelope: EnvelopeKey,
    fulfillment: Hmac<Sha256>,
}

impl ConnectionKeys {
    /// The keys of a shared secret of any length.
    pub fn derive(shared_secret: &[u8]) -> Self {
        let secret = hmac(shared_secret);
        let envelope = EnvelopeKey::new(&tag(&secret, &[b"ilp_stream_encryption"]));
        let fulfillment = hmac(&tag(&secret, &[b"ilp_stream_fulfillment"]));
        Self { envelope, fulfillment }
    }

    /// Encrypts in place: `envelope` holds [`ENVELOPE_OVERHEAD`] octets of any value, then the plaintext.
    ///
    /// A shorter buffer is first extended by the overhead.
    pub fn seal(&self, iv: Iv, envelope: &mut Vec<u8>) {
        self.envelope.seal(iv, envelope);
    }

    /// Decrypts into a new buffer.
    pub fn open(&self, data: &[u8]) -> Result<Vec<u8>, Unreadable> {
        self.envelope.open(data)
    }

    /// The fulfillment for `data`. Only the holder of the shared secret can make it.
    pub fn fulfillment(&self, data: &[u8]) -> Fulfillment {
        Fulfillment::new(tag(&self.fulfillment, &[data]))
    }
}

impl fmt::Debug for ConnectionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionKeys(..)")
    }
}

/// An expanded AES-256-GCM key. Address tokens have the same envelope and use it, too.
#[derive(Clone)]
pub(crate) struct EnvelopeKey(Aes256Gcm);

impl EnvelopeKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    pub(crate) fn seal(&self, iv: Iv, envelope: &mut Vec<u8>) {
        let Some((head, plaintext)) = envelope.split_first_chunk_mut::<ENVELOPE_OVERHEAD>() else {
            debug_assert!(false, "the envelope has no room for IV and tag");
            envelope.resize(ENVELOPE_OVERHEAD, 0);
            return self.seal(iv, envelope);
        };
        head[..IV_LENGTH].copy_from_slice(&iv);
        // AES-GCM refuses only plaintexts of 64 GiB and more, and no packet is so large.
        if let Ok(tag) = self.0.encrypt_inout_detached((&iv).into(), b"", plaintext.into()) {
            head[IV_LENGTH..].copy_from_slice(&tag);
        }
    }

    pub(crate) fn open(&self, data: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (iv, rest) = data.split_first_chunk::<IV_LENGTH>().ok_or(Unreadable)?;
        let (tag, ciphertext) = rest.split_first_chunk::<TAG_LENGTH>().ok_or(Unreadable)?;
        let mut plaintext = ciphertext.to_vec();
        self.0
            .decrypt_inout_detached(iv.into(), b"", plaintext.as_mut_slice().into(), tag.into())
            .map_err(|_| Unreadable)?;
        Ok(plaintext)
    }
}

/// HMAC-SHA-256 that has its key already. It is cloned for each use.
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "the type promises what the algorithm guarantees: HMAC takes keys of any length"
    )]
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}

pub(crate) fn tag(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut state = keyed.clone();
    for part in parts {
        state.update(part);
    }
    state.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shared_secret_is_read_in_all_common_forms_of_base64() {
        let secret = SharedSecret::new([0xfb; 32]);
        let url = secret.to_base64url();
        let standard = url.replace('-', "+").replace('_', "/");
        for text in [url.clone(), format!("{url}="), standard.clone(), format!("{standard}=")] {
            assert!(SharedSecret::from_base64(&text) == Ok(secret.clone()), "{text}");
        }
        assert_eq!(SharedSecret::from_base64("AAAA"), Err(InvalidSharedSecret));
        assert_eq!(SharedSecret::from_base64("!"), Err(InvalidSharedSecret));
    }

    fn cases(file: &str) -> Vec<serde_json::Value> {
        let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        document["cases"].as_array().unwrap().clone()
    }

    fn octets(value: &serde_json::Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap_or_default()).unwrap()
    }

    /// This receiver keeps no state and does not use these ids. But if any value were derived differently, it would
    /// show here.
    #[test]
    fn ids_of_packets_are_one_hmac_of_the_secret_too() {
        let mut checked = 0;
        for case in cases("stream-crypto").iter().filter(|case| case["kind"] == "incomingPacketId") {
            let sequence: u64 = case["sequence"].as_str().unwrap().parse().unwrap();
            let id = tag(&hmac(&octets(&case["sharedSecret"])), &[b"ilp_stream_packet_id", &sequence.to_be_bytes()]);
            assert_eq!(id.to_vec(), octets(&case["packetId"]), "{case}");
            checked += 1;
        }
        assert_eq!(checked, 2);
    }

    #[test]
    fn envelopes_agree_with_the_reference() {
        let mut checked = 0;
        for case in cases("stream-packets") {
            let sealed = octets(&case["encrypted"]["hex"]);
            let plaintext = octets(&case["plaintext"]["hex"]);
            let Ok(key) = octets(&case["key"]).try_into() else { continue };
            let key = EnvelopeKey::new(&key);
            let opened = key.open(&sealed);
            if case["op"] == "encrypt" && !sealed.is_empty() {
                let mut envelope = [vec![0; ENVELOPE_OVERHEAD], plaintext].concat();
                envelope.resize(sealed.len(), 0);
                let plaintext = envelope[ENVELOPE_OVERHEAD..].to_vec();
                key.seal(octets(&case["iv"]).try_into().unwrap(), &mut envelope);
                assert_eq!(envelope, sealed, "{case}");
                assert_eq!(opened, Ok(plaintext), "{case}");
                checked += 1;
            } else if case["op"] == "decrypt" {
                // An empty plaintext is authentic, but it is not a packet.
                let is_packet = opened.is_ok_and(|plaintext| !plaintext.is_empty());
                assert_eq!(is_packet, case["reference"] == "accept", "{case}");
                checked += 1;
            }
        }
        // Two packets of the vectors are too long to be given in full. The tests of `packet` compare their digests.
        assert_eq!(checked, 85 - 2 + 12);
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_any_changed_octet_closes_it(
            secret in any::<[u8; 32]>(), iv in any::<[u8; 12]>(),
            plaintext in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), flip in 1u8..,
        ) {
            let keys = SharedSecret::new(secret).keys();
            let mut envelope = vec![0; ENVELOPE_OVERHEAD];
            envelope.extend_from_slice(&plaintext);
            keys.seal(iv, &mut envelope);
            prop_assert_eq!(keys.open(&envelope), Ok(plaintext));
            let at = at.index(envelope.len());
            envelope[at] ^= flip;
            prop_assert_eq!(keys.open(&envelope), Err(Unreadable));
        }
    }
}
