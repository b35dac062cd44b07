//! An authenticator made of software, with the answers that a browser hands over (webauthn-3 sections 6
//! and 7). Tests set what it says wrongly.
//!
//! It asks nobody before it signs.

use ciborium::Value;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// Somebody was there, and the device has verified who.
pub(crate) const VERIFIED: u8 = 0x05;
const ATTESTED: u8 = 0x40;

/// A page in a browser.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) origin: &'a str,
    pub(crate) relying_party: &'a str,
}

/// An authenticator with one passkey.
#[derive(Clone)]
pub(crate) struct Authenticator {
    pub(crate) key: SigningKey,
    pub(crate) id: Vec<u8>,
    pub(crate) user: Vec<u8>,
    /// Added to before each answer.
    pub(crate) counter: u32,
    /// What is added.
    pub(crate) step: u32,
    pub(crate) flags: u8,
}

/// The answer to a page that asked for a new passkey.
#[derive(Clone)]
pub(crate) struct Creation {
    pub(crate) client_data: Vec<u8>,
    pub(crate) attestation: Vec<u8>,
}

/// The answer to a page that asked for a passkey.
#[derive(Clone)]
pub(crate) struct Assertion {
    pub(crate) credential: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) user: Vec<u8>,
}

impl Authenticator {
    pub(crate) fn new(number: u8, user: &[u8]) -> Self {
        let key = SigningKey::from_slice(&[number; 32]).unwrap();
        Self { key, id: vec![number; 20], user: user.to_vec(), counter: 0, step: 1, flags: VERIFIED }
    }

    fn client_data(kind: &str, challenge: &str, page: Page<'_>) -> Vec<u8> {
        let data =
            serde_json::json!({"type": kind, "challenge": challenge, "origin": page.origin, "crossOrigin": false});
        data.to_string().into_bytes()
    }

    fn data(&mut self, relying_party: &str, more: u8) -> Vec<u8> {
        self.counter += self.step;
        let mut data = Sha256::digest(relying_party.as_bytes()).to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The public key in the form of COSE.
    pub(crate) fn cose_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = (point.as_bytes()[1..33].to_vec(), point.as_bytes()[33..].to_vec());
        let pair = |label: i64, value: Value| (Value::from(label), value);
        octets_of(&Value::Map(vec![
            pair(1, Value::from(2)),
            pair(3, Value::from(-7)),
            pair(-1, Value::from(1)),
            pair(-2, Value::Bytes(x)),
            pair(-3, Value::Bytes(y)),
        ]))
    }

    /// The data of the first answer.
    pub(crate) fn first_data(&mut self, page: Page<'_>) -> Vec<u8> {
        let mut data = self.data(page.relying_party, ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose_key());
        data
    }

    pub(crate) fn create(&mut self, challenge: &str, page: Page<'_>) -> Creation {
        let attestation = attestation("none", Value::Map(Vec::new()), self.first_data(page));
        Creation { client_data: Self::client_data("webauthn.create", challenge, page), attestation }
    }

    pub(crate) fn answer(&mut self, challenge: &str, page: Page<'_>) -> Assertion {
        let client_data = Self::client_data("webauthn.get", challenge, page);
        self.answer_with(client_data, page)
    }

    /// The same for what a browser says in another way.
    pub(crate) fn answer_with(&mut self, client_data: Vec<u8>, page: Page<'_>) -> Assertion {
        let authenticator_data = self.data(page.relying_party, 0);
        let signature = self.sign(&authenticator_data, &client_data);
        let (credential, user) = (self.id.clone(), self.user.clone());
        Assertion { credential, client_data, authenticator_data, signature, user }
    }

    pub(crate) fn sign(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let message = [data, &Sha256::digest(client_data)[..]].concat();
        let signature: Signature = self.key.sign(&message);
        signature.to_der().as_bytes().to_vec()
    }
}

/// What an authenticator hands over at first.
pub(crate) fn attestation(format: &str, statement: Value, data: Vec<u8>) -> Vec<u8> {
    octets_of(&Value::Map(vec![
        (Value::from("fmt"), Value::from(format)),
        (Value::from("attStmt"), statement),
        (Value::from("authData"), Value::Bytes(data)),
    ]))
}

fn octets_of(value: &Value) -> Vec<u8> {
    let mut octets = Vec::new();
    ciborium::into_writer(value, &mut octets).unwrap();
    octets
}
