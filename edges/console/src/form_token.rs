//! The token of a rendered form. It proves that this console made the form, and the form takes effect once.
//!
//! It is an idempotency key with a signature over the session and the form's address. So a form of another site or of
//! another page has no valid token, and a form that is sent twice has the same key.

use uuid::Uuid;

use crate::seal::Seal;

/// A token for the form at `path` of this session.
pub(crate) fn issue(seal: &Seal, session: Uuid, path: &str, key: Uuid) -> String {
    format!("{}.{}", key.simple(), hex::encode(seal.sign(&parts(&session.to_string(), path, &key.to_string()))))
}

/// The key in a token, if it was made for this form and session.
pub(crate) fn check(seal: &Seal, session: Uuid, path: &str, token: &str) -> Option<Uuid> {
    let (key, signed) = token.split_once('.')?;
    let key = Uuid::try_parse(key).ok()?;
    let signed = hex::decode(signed).ok()?;
    seal.is_signature(&signed, &parts(&session.to_string(), path, &key.to_string())).then_some(key)
}

fn parts<'p>(session: &'p str, path: &'p str, key: &'p str) -> [&'p str; 4] {
    ["form", session, path, key]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clock::SeededEntropy;

    use super::*;

    #[test]
    fn a_token_holds_for_its_form_and_session_only() {
        let seal = Seal::new("s", Arc::new(SeededEntropy::new(1)));
        let (session, other, key) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let token = issue(&seal, session, "/assets/create", key);
        assert_eq!(check(&seal, session, "/assets/create", &token), Some(key));
        assert_eq!(check(&seal, other, "/assets/create", &token), None);
        assert_eq!(check(&seal, session, "/peers/create", &token), None);
        let swapped = token.replacen("3.", "4.", 1);
        assert_eq!(check(&seal, session, "/assets/create", &swapped), None);
        assert_eq!(check(&seal, session, "/assets/create", ""), None);
    }
}
