//! Keys of a wallet address, with which its owner's programs sign: reading a public key in the forms in which people
//! have it, publishing it at the instance, and revoking it.
//!
//! Private keys never come here. A browser makes them, or the customer's own tools.

use admin_client::{AdminClient, AdminError, ErrorCode, Key, KeyView, Mutation};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_signatures::{Jwk, PublicKey};
use outside_text::check_line;
use serde_json::{Value, json};
use uuid::Uuid;

/// The longest name of a key.
const KID_MAX: usize = 100;
/// The most keys that count at the same time for one address.
const KEYS_MAX: usize = 20;
/// What comes before the key in a `SubjectPublicKeyInfo` for Ed25519 (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a key is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("This is a private key. Keep it for yourself, and give the public one.")]
    Private,
    #[error("Give a public Ed25519 key: a JWK, a JWK in base64, or a PEM block.")]
    Unreadable,
    #[error("The name of the key should have at most 100 characters.")]
    Name,
    #[error("Another key of this address has this name. Choose another one, or revoke that key first.")]
    NameTaken,
    #[error("This address has as many keys as one may have. Revoke one first.")]
    TooMany,
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// Reads a public key. `name` is that of a key that has none of its own.
pub(crate) fn read(written: &str, name: &str) -> Result<Jwk, KeyError> {
    let written = written.trim();
    let jwk = if written.starts_with("-----BEGIN") {
        Jwk::new(name, of_pem(written)?).map_err(|_| KeyError::Unreadable)?
    } else {
        let value = of_json(written).ok_or(KeyError::Unreadable)?;
        if !value["d"].is_null() {
            return Err(KeyError::Private);
        }
        of_value(value, name)?
    };
    check_line(jwk.kid(), KID_MAX).map_err(|_| KeyError::Name)?;
    Ok(jwk)
}

fn of_pem(written: &str) -> Result<PublicKey, KeyError> {
    if written.contains("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    let body: String = written.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let octets = STANDARD.decode(body).map_err(|_| KeyError::Unreadable)?;
    let key = octets.strip_prefix(&SPKI).and_then(|key| <&[u8; 32]>::try_from(key).ok());
    PublicKey::from_bytes(key.ok_or(KeyError::Unreadable)?).map_err(|_| KeyError::Unreadable)
}

fn of_json(written: &str) -> Option<Value> {
    let text = if written.starts_with('{') {
        written.to_owned()
    } else {
        let plain: String = written.split_whitespace().collect();
        String::from_utf8(STANDARD.decode(plain).ok()?).ok()?
    };
    serde_json::from_str::<Value>(&text).ok().filter(Value::is_object)
}

/// A name that was given goes before the one in the key. Tools leave `alg` out.
fn of_value(mut value: Value, name: &str) -> Result<Jwk, KeyError> {
    if !name.is_empty() || value["kid"].as_str().is_none_or(|kid| kid.trim().is_empty()) {
        value["kid"] = json!(name);
    }
    if value["alg"].is_null() {
        value["alg"] = json!("EdDSA");
    }
    serde_json::from_value(value).map_err(|_| KeyError::Unreadable)
}

/// The keys of an address, the newest first.
pub(crate) async fn list(admin: &AdminClient, address: Uuid) -> Result<Vec<KeyView>, AdminError> {
    let view = admin.wallet_address_view(address).await?;
    Ok(view.map(|view| view.keys().cloned().collect()).unwrap_or_default())
}

/// Publishes a key. A repetition does nothing, and no key takes the name of another one.
pub(crate) async fn publish(admin: &AdminClient, address: Uuid, jwk: &Jwk) -> Result<(), KeyError> {
    let key = Key { kid: jwk.kid().to_owned(), x: jwk.key().to_base64url() };
    let live = live(admin, address).await?;
    if is_among(&live, &key)? {
        return Ok(());
    }
    if live.len() >= KEYS_MAX {
        return Err(KeyError::TooMany);
    }
    match admin.create_wallet_address_key(address, &key).await {
        // Another form was first: the same one, or one with another key of this name.
        Err(error) if error.is(&ErrorCode::Duplicate) => {
            let live = self::live(admin, address).await?;
            if is_among(&live, &key)? { Ok(()) } else { Err(error.into()) }
        }
        published => Ok(published?),
    }
}

/// The keys that count.
async fn live(admin: &AdminClient, address: Uuid) -> Result<Vec<KeyView>, AdminError> {
    Ok(list(admin, address).await?.into_iter().filter(|key| !key.revoked).collect())
}

/// Whether this key is one of them. Another key must not have its name.
fn is_among(live: &[KeyView], key: &Key) -> Result<bool, KeyError> {
    match live.iter().find(|known| known.jwk.kid == key.kid) {
        Some(same) if same.jwk.x == key.x => Ok(true),
        Some(_) => Err(KeyError::NameTaken),
        None => Ok(false),
    }
}

/// Revokes a key of this address. What it signs is refused from then on.
pub(crate) async fn revoke(admin: &AdminClient, address: Uuid, key: Uuid) -> Result<Option<()>, AdminError> {
    let Some(found) = list(admin, address).await?.into_iter().find(|known| known.id == key) else { return Ok(None) };
    if !found.revoked {
        admin.change(Mutation::RevokeWalletAddressKey, json!({"id": key})).await?;
    }
    Ok(Some(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That of RFC 8032, section 7.1, test 1.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_public_key_is_read_in_every_form_in_which_people_have_it() {
        let jwk = json!({"kid": "own", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": X}).to_string();
        let of_browser =
            json!({"kty": "OKP", "crv": "Ed25519", "x": X, "ext": true, "key_ops": ["verify"]}).to_string();
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        for (written, name, kid) in [
            (jwk.clone(), "", "own"),
            (jwk.clone(), "given", "given"),
            (STANDARD.encode(&jwk), "", "own"),
            (of_browser, "given", "given"),
            (pem.to_owned(), "given", "given"),
        ] {
            let read = read(&written, name).unwrap();
            assert_eq!((read.kid(), read.key().to_base64url().as_str()), (kid, X), "{written}");
        }
    }

    #[test]
    fn a_private_key_and_what_is_no_key_are_refused() {
        let private = json!({"kid": "own", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": X, "d": X}).to_string();
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
        for written in [private.as_str(), &STANDARD.encode(&private), pem] {
            assert!(matches!(read(written, "k"), Err(KeyError::Private)), "{written}");
        }
        let rsa = json!({"kid": "own", "kty": "RSA", "n": "AQAB", "e": "AQAB"}).to_string();
        let point = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}).to_string();
        for written in ["", "key", "{", "[]", "\"x\"", &rsa, &point, "-----BEGIN PUBLIC KEY-----\nMCow\n"] {
            assert!(matches!(read(written, "k"), Err(KeyError::Unreadable)), "{written}");
        }
        let named = json!({"kty": "OKP", "crv": "Ed25519", "x": X}).to_string();
        assert!(matches!(read(&named, ""), Err(KeyError::Unreadable)), "without any name");
        assert!(matches!(read(&named, &"k".repeat(101)), Err(KeyError::Name)));
    }
}
