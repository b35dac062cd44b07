//! The public keys of a provider (RFC 7517), and the check of a signed token with them (RFC 7515, RFC 7518).
//!
//! Only signatures with a public key are accepted: neither `none` nor a shared secret. Fetching the keys, and judging
//! the claims of a token, are the caller's.

#![warn(missing_docs)]

mod signing;

pub use signing::{InvalidKey, SigningKey};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use service_auth::Jws;

/// The most keys of a set that are used.
const KEYS_MAX: usize = 64;

/// The keys of a provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Document")]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl From<Document> for KeySet {
    /// Keys of a form that is not known here are left out.
    fn from(document: Document) -> Self {
        let keys = document.keys.into_iter().take(KEYS_MAX);
        Self { keys: keys.filter_map(|key| serde_json::from_value(key).ok()).collect() }
    }
}

/// A key; members that are not used here are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

/// A kind of signature, by its name in RFC 7518 or RFC 8037.
#[derive(Clone, Copy)]
enum Kind {
    Rsa(&'static RsaParameters),
    Ecdsa(&'static EcdsaVerificationAlgorithm, &'static str, usize),
    Ed25519,
}

impl Kind {
    fn of(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "RS256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Ecdsa(&ECDSA_P256_SHA256_FIXED, "P-256", 32),
            "ES384" => Self::Ecdsa(&ECDSA_P384_SHA384_FIXED, "P-384", 48),
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }
}

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A key of the set made it.
    Good,
    /// The key that is meant did not make it.
    Bad,
    /// No key of the set is meant. The provider may have a new one.
    UnknownKey,
    /// This kind of signature is not accepted.
    UnknownAlgorithm,
}

impl KeySet {
    /// Judges the signature of a token. A token without the name of a key may be by any key that fits.
    pub fn judge(&self, token: &Jws<'_>) -> Verdict {
        let (algorithm, name) = (token.header.alg.as_str(), token.header.kid.as_deref());
        let Some(kind) = Kind::of(algorithm) else { return Verdict::UnknownAlgorithm };
        let is_meant =
            |key: &&Key| key.fits(kind, algorithm) && name.is_none_or(|name| key.kid.as_deref() == Some(name));
        let mut meant = self.keys.iter().filter(is_meant).peekable();
        if meant.peek().is_none() {
            return Verdict::UnknownKey;
        }
        let made = meant.any(|key| key.made(kind, token.signed.as_bytes(), &token.signature));
        if made { Verdict::Good } else { Verdict::Bad }
    }
}

impl Key {
    fn fits(&self, kind: Kind, algorithm: &str) -> bool {
        let of_kind = match kind {
            Kind::Rsa(_) => self.kty == "RSA",
            Kind::Ecdsa(_, curve, _) => self.kty == "EC" && self.crv == curve,
            Kind::Ed25519 => self.kty == "OKP" && self.crv == "Ed25519",
        };
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        of_kind && signs && self.alg.as_deref().is_none_or(|known| known == algorithm)
    }

    /// Whether this key made the signature.
    fn made(&self, kind: Kind, message: &[u8], signature: &[u8]) -> bool {
        let octets = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        match kind {
            Kind::Rsa(parameters) => {
                let (Some(n), Some(e)) = (octets(&self.n), octets(&self.e)) else { return false };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            Kind::Ecdsa(algorithm, _, length) => {
                let (Some(x), Some(y)) = (octets(&self.x), octets(&self.y)) else { return false };
                if x.len() != length || y.len() != length {
                    return false;
                }
                // An uncompressed point (RFC 5480 section 2.2).
                let point = [&[4][..], &x, &y].concat();
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            Kind::Ed25519 => {
                let Some(x) = octets(&self.x) else { return false };
                UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.2.
    const RSA: &str = r#"{"keys": [{"kty": "RSA", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ", "e": "AQAB"}]}"#;
    const MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    fn judged(algorithm: &str, name: Option<&str>, message: &str) -> Verdict {
        let keys: KeySet = serde_json::from_str(RSA).unwrap();
        let token = format!("{message}.{SIGNATURE}");
        let mut token = Jws::read(&token).unwrap();
        token.header.alg = algorithm.to_owned();
        token.header.kid = name.map(str::to_owned);
        keys.judge(&token)
    }

    #[test]
    fn the_example_of_the_standard_holds_and_nothing_else_does() {
        let other = "eyJhbGciOiJSUzI1NiJ9.e30";
        assert_eq!(judged("RS256", None, MESSAGE), Verdict::Good);
        assert_eq!(judged("RS256", None, other), Verdict::Bad);
        assert_eq!(judged("RS512", None, MESSAGE), Verdict::Bad);
        assert_eq!(judged("PS256", None, MESSAGE), Verdict::Bad);
        assert_eq!(judged("RS256", Some("a name"), MESSAGE), Verdict::UnknownKey);
        assert_eq!(judged("ES256", None, MESSAGE), Verdict::UnknownKey);
        for refused in ["none", "HS256", "", "rs256"] {
            assert_eq!(judged(refused, None, MESSAGE), Verdict::UnknownAlgorithm, "{refused}");
        }
    }

    #[test]
    fn keys_of_an_odd_form_are_left_out_and_the_others_are_used() {
        let odd = r#"{"keys": [7, {"kty": 5}, {"kty": "oct", "k": "x"}, "#;
        let keys: KeySet = serde_json::from_str(&RSA.replace(r#"{"keys": ["#, odd)).unwrap();
        let token = format!("{MESSAGE}.{SIGNATURE}");
        assert_eq!(keys.judge(&Jws::read(&token).unwrap()), Verdict::Good);
    }
}
