//! The check of an ID token (<https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation>).
//!
//! It reads no clock and asks nobody: keys and time are parameters.

use std::time::Duration;

use clock::Timestamp;
use serde_json::{Map, Value};
use service_auth::Jws;
use token_keys::{KeySet, Verdict};

/// By how much two clocks may differ.
const LEEWAY: Duration = Duration::from_mins(1);

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is not three parts of base64url with JSON.
    #[error("it is no signed token")]
    Malformed,
    /// Its kind of signature is not accepted.
    #[error("its kind of signature is not accepted; use RS256, PS256, ES256 or EdDSA")]
    Algorithm,
    /// The provider has no such key.
    #[error("the provider does not publish the key that signed it")]
    UnknownKey,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
    /// It was issued by somebody else.
    #[error("it was issued by another provider")]
    Issuer,
    /// It was issued for somebody else.
    #[error("it was issued for another client")]
    Audience,
    /// It is over, or not valid yet.
    #[error("it is not valid at this time; check the clocks of both machines")]
    Time,
    /// It belongs to another attempt to sign in.
    #[error("it belongs to another attempt to sign in; begin again")]
    Nonce,
    /// It names nobody.
    #[error("it names nobody")]
    Subject,
}

/// What a token has to say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// Takes a token apart. Nothing in it is believed yet.
pub(crate) fn read(token: &str) -> Result<Jws<'_>, TokenFault> {
    Jws::read(token).map_err(|_| TokenFault::Malformed)
}

/// The claims of a token that is accepted.
pub(crate) fn check(token: Jws<'_>, keys: &KeySet, expected: &Expected<'_>) -> Result<Map<String, Value>, TokenFault> {
    let claims = signed(token, keys)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);

    if text("iss") != Some(expected.issuer) {
        return Err(TokenFault::Issuer);
    }
    if !is_for(&claims, expected.client_id) {
        return Err(TokenFault::Audience);
    }
    if !is_valid_at(&claims, expected.now) {
        return Err(TokenFault::Time);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenFault::Nonce);
    }
    if text("sub").is_none_or(|subject| subject.is_empty() || subject.len() > 255) {
        return Err(TokenFault::Subject);
    }
    Ok(claims)
}

/// The claims, if the signature holds.
fn signed(token: Jws<'_>, keys: &KeySet) -> Result<Map<String, Value>, TokenFault> {
    match keys.judge(&token) {
        Verdict::Good => Ok(token.claims),
        Verdict::Bad => Err(TokenFault::Signature),
        Verdict::UnknownKey => Err(TokenFault::UnknownKey),
        Verdict::UnknownAlgorithm => Err(TokenFault::Algorithm),
    }
}

/// Whether the token is for this client. One that is for several names the client that asked for it.
fn is_for(claims: &Map<String, Value>, client: &str) -> bool {
    let (named, several) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one == client), all.len() > 1),
        _ => (false, false),
    };
    let asked = match claims.get("azp") {
        Some(party) => party == client,
        None => !several,
    };
    named && asked
}

fn is_valid_at(claims: &Map<String, Value>, now: Timestamp) -> bool {
    // Seconds since 1970; some providers write a fraction.
    let seconds =
        |value: &Value| value.as_i64().or_else(|| value.as_number()?.to_string().split('.').next()?.parse().ok());
    let instant = |name: &str| claims.get(name).map(|value| seconds(value).and_then(|s| s.checked_mul(1000)));
    let begun = |at: i64| Timestamp::from_millis(at) <= now + LEEWAY;

    let ends = matches!(instant("exp"), Some(Some(at)) if now < Timestamp::from_millis(at) + LEEWAY);
    let issued = matches!(instant("iat"), Some(Some(at)) if begun(at));
    let not_before = match instant("nbf") {
        None => true,
        Some(at) => at.is_some_and(begun),
    };
    ends && issued && not_before
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;
    use service_auth::{signing_input, with_signature};

    use super::*;

    const NOW: i64 = 1_790_000_000;

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
        }

        fn keys(&self) -> KeySet {
            let point = self.0.public_key().as_ref();
            let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
            let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..])});
            serde_json::from_value(json!({"keys": [{"kty": "oct", "k": "x"}, key]})).unwrap()
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let message = signing_input(header, claims);
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            with_signature(&message, signature.as_ref())
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example", "aud": "console", "sub": "ann", "nonce": "n", "iat": NOW, "exp": NOW + 300})
    }

    fn judged(signer: &Signer, header: &Value, claims: &Value) -> Result<Map<String, Value>, TokenFault> {
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "console",
            nonce: "n",
            now: Timestamp::from_millis(NOW * 1000),
        };
        check(read(&signer.sign(header, claims))?, &signer.keys(), &expected)
    }

    #[test]
    fn a_good_token_gives_its_claims() {
        let signer = Signer::new();
        let header = json!({"alg": "ES256", "kid": "one", "typ": "JWT"});
        assert_eq!(judged(&signer, &header, &claims()).unwrap()["sub"], "ann");
        assert!(judged(&signer, &json!({"alg": "ES256"}), &claims()).is_ok(), "the only key that fits");
    }

    #[test]
    fn every_wrong_claim_is_refused_by_its_name() {
        use TokenFault as F;
        let signer = Signer::new();
        let header = json!({"alg": "ES256", "kid": "one"});
        for (name, value, fault) in [
            ("iss", json!("https://id.example/"), F::Issuer),
            ("iss", json!(null), F::Issuer),
            ("aud", json!("another"), F::Audience),
            ("aud", json!(["console", "another"]), F::Audience),
            ("aud", json!([]), F::Audience),
            ("azp", json!("another"), F::Audience),
            ("exp", json!(NOW - 60), F::Time),
            ("exp", json!("later"), F::Time),
            ("exp", json!(null), F::Time),
            ("exp", json!(i64::MAX), F::Time),
            ("iat", json!(NOW + 61), F::Time),
            ("nbf", json!(NOW + 61), F::Time),
            ("nbf", json!("soon"), F::Time),
            ("nonce", json!("another"), F::Nonce),
            ("sub", json!(""), F::Subject),
            ("sub", json!(7), F::Subject),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            assert_eq!(judged(&signer, &header, &claims), Err(fault), "{name}: {value}");
        }
        let mut several = claims();
        several["aud"] = json!(["console", "another"]);
        several["azp"] = json!("console");
        several["exp"] = json!(NOW - 59);
        assert!(judged(&signer, &header, &several).is_ok(), "it names who asked, and the clocks may differ");
    }

    #[test]
    fn a_signature_of_another_key_or_kind_is_refused() {
        use TokenFault as F;
        let (signer, other) = (Signer::new(), Signer::new());
        let token = other.sign(&json!({"alg": "ES256", "kid": "one"}), &claims());
        let expected = Expected { issuer: "", client_id: "", nonce: "", now: Timestamp::from_millis(0) };
        let judge = |token: &str| read(token).and_then(|token| check(token, &signer.keys(), &expected)).unwrap_err();
        assert_eq!(judge(&token), F::Signature);
        for (header, fault) in [
            (json!({"alg": "none"}), F::Algorithm),
            (json!({"alg": "HS256", "kid": "one"}), F::Algorithm),
            (json!({"alg": "RS256", "kid": "one"}), F::UnknownKey),
            (json!({"alg": "ES256", "kid": "two"}), F::UnknownKey),
            (json!({"alg": "ES256", "kid": "one", "crit": ["x"]}), F::Malformed),
            (json!({"kid": "one"}), F::Malformed),
        ] {
            assert_eq!(judge(&signer.sign(&header, &claims())), fault, "{header}");
        }
        for text in ["", "a", "a.b", "a.b.c", "....", &token[..token.len() - 3]] {
            assert!(matches!(judge(text), F::Malformed | F::Signature), "{text}");
        }
    }
}
