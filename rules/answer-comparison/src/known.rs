//! Ids and tokens that differ between both installations. Their number is bounded; those that were used last are kept.
//!
//! Ids of imported rows are equal in both and are not kept here.

use std::borrow::Cow;

use bounded::Bounded;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::ids;

/// Pairs of ids, and the ids and tokens that only the old installation has.
#[derive(Debug)]
pub struct Known {
    ours_of: Bounded<Uuid, Uuid>,
    old_of: Bounded<Uuid, Uuid>,
    only_there: Bounded<Uuid, ()>,
    tokens_only_there: Bounded<[u8; 32], ()>,
}

impl Known {
    /// Keeps at most twice `half` entries of each kind.
    pub fn new(half: usize) -> Self {
        Self {
            ours_of: Bounded::new(half),
            old_of: Bounded::new(half),
            only_there: Bounded::new(half),
            tokens_only_there: Bounded::new(half),
        }
    }

    /// Our id for an id of the old installation.
    pub(crate) fn ours_of(&mut self, old: Uuid) -> Option<Uuid> {
        self.ours_of.get(&old)
    }

    pub(crate) fn is_free(&mut self, old: Uuid, ours: Uuid) -> bool {
        self.ours_of.get(&old).is_none() && self.old_of.get(&ours).is_none()
    }

    pub(crate) fn learn(&mut self, old: Uuid, ours: Uuid) {
        self.ours_of.put(old, ours);
        self.old_of.put(ours, old);
        self.only_there.remove(&old);
    }

    pub(crate) fn is_only_there(&mut self, old: Uuid) -> bool {
        self.only_there.get(&old).is_some()
    }

    /// Notes what a write has made in the old installation, if the write was not sent to ours. `answer` is the old
    /// answer.
    pub fn made_only_there(&mut self, request: &[&[u8]], answer: &[u8]) {
        let Ok(parsed) = serde_json::from_slice::<Value>(answer) else { return };
        let mut made = Vec::new();
        collect_made(&parsed, &mut made);
        for id in made {
            let was_asked_for = request.iter().any(|part| ids(part).any(|(_, asked)| asked == id));
            if !was_asked_for && self.ours_of.get(&id).is_none() {
                self.only_there.put(id, ());
            }
        }
        self.issued(answer);
    }

    /// Notes the tokens that the old installation issues. The tokens of ours are different.
    pub fn issued(&mut self, answer: &[u8]) {
        if !has_token(answer) {
            return;
        }
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
        for place in ["/access_token/value", "/continue/access_token/value"] {
            if let Some(Value::String(token)) = answer.pointer(place) {
                self.tokens_only_there.put(digest(token), ());
            }
        }
    }

    /// Whether the token of an `Authorization` header was issued by the old installation since the import.
    pub fn is_token_only_there(&mut self, authorization: &str) -> bool {
        let token = authorization.split_once(' ').map_or(authorization, |(_, token)| token.trim());
        self.tokens_only_there.get(&digest(token)).is_some()
    }

    /// Whether the body of a request asks about such a token, as resource servers do (RFC 9767).
    pub fn introspects_only_there(&mut self, body: &[u8]) -> bool {
        if !has_token(body) {
            return false;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let token = body.get("access_token").and_then(Value::as_str);
        token.is_some_and(|token| self.tokens_only_there.get(&digest(token)).is_some())
    }

    /// Whether a part of a request names something that only the old installation has.
    pub fn names_only_there(&mut self, part: &[u8]) -> bool {
        ids(part).any(|(_, id)| self.only_there.get(&id).is_some())
    }

    /// A part of a request with the ids of ours.
    pub fn for_ours<'a>(&mut self, part: &'a str) -> Cow<'a, str> {
        let mut changed: Option<String> = None;
        for (place, id) in ids(part.as_bytes()) {
            if let Some(ours) = self.ours_of(id).filter(|ours| *ours != id) {
                // Both have the same length.
                changed.get_or_insert_with(|| part.to_owned()).replace_range(place, &ours.to_string());
            }
        }
        changed.map_or(Cow::Borrowed(part), Cow::Owned)
    }
}

/// The ids in an answer of what a write has made. Other ids name older resources, such as a tenant or an asset.
fn collect_made(value: &Value, made: &mut Vec<Uuid>) {
    match value {
        Value::Array(entries) => {
            for entry in entries {
                collect_made(entry, made);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                made.extend(member.as_str().and_then(|text| made_by(name, text)));
            }
            // A resource contains others, as a peer contains its asset. These may be older.
            if !matches!(members.get("id"), Some(Value::String(_))) {
                for member in members.values() {
                    collect_made(member, made);
                }
            }
        }
        _ => {}
    }
}

/// The id of a new resource in this member. An id before a slash is that of a tenant.
fn made_by(member: &str, text: &str) -> Option<Uuid> {
    match member {
        "id" | "manage" | "uri" => {
            let (place, id) = ids(text.as_bytes()).last()?;
            (text.as_bytes().get(place.end) != Some(&b'/')).then_some(id)
        }
        // An interaction: its nonce follows.
        "redirect" => {
            let mut all = ids(text.as_bytes());
            all.find(|(place, _)| text[..place.start].ends_with("/interact/")).map(|(_, id)| id)
        }
        _ => None,
    }
}

/// Whether the member occurs. Only then JSON is parsed.
fn has_token(json: &[u8]) -> bool {
    json.windows(12).any(|part| part == b"access_token")
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_gets_the_ids_of_ours_wherever_it_names_one() {
        let mut known = Known::new(10);
        let (old, ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        known.learn(old, ours);
        assert_eq!(known.for_ours(&format!("/quotes/{old}?x={old}")), format!("/quotes/{ours}?x={ours}"));
        assert!(matches!(known.for_ours(&format!("/quotes/{other}")), Cow::Borrowed(_)));
        assert!(!known.is_free(old, other) && !known.is_free(other, ours) && known.is_free(other, other));
    }

    #[test]
    fn ids_that_a_write_made_only_there_are_known_and_ids_in_its_request_are_not() {
        let mut known = Known::new(10);
        let (wallet, made) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let answer = format!(r#"{{"id":"{made}","walletAddressId":"{wallet}"}}"#);
        known.made_only_there(&[b"/quotes", wallet.to_string().as_bytes()], answer.as_bytes());
        assert!(known.names_only_there(made.to_string().as_bytes()));
        assert!(!known.names_only_there(wallet.to_string().as_bytes()));
        known.learn(made, Uuid::from_u128(3));
        assert!(!known.names_only_there(made.to_string().as_bytes()), "ours has it now");
    }

    #[test]
    fn a_write_makes_no_tenant_and_nothing_that_its_answer_only_mentions() {
        let mut known = Known::new(10);
        let id = Uuid::from_u128;
        let (tenant, asset, wallet, grant) = (id(1), id(2), id(3), id(4));
        for (path, answer, made) in [
            (
                "/incoming-payments",
                json!({
                    "id": format!("https://bank.example/{tenant}/incoming-payments/{}", id(11)),
                    "walletAddress": format!("https://bank.example/{wallet}"), "metadata": {"id": grant.to_string()}
                }),
                vec![id(11)],
            ),
            (
                "/graphql",
                json!({"data": {"createPeer": {"peer": {
                    "id": id(12).to_string(), "tenantId": tenant.to_string(), "walletAddressId": wallet.to_string(),
                    "assetId": asset.to_string(), "asset": {"id": asset.to_string()}, "tenant": {"id": tenant.to_string()}
                }}}}),
                vec![id(12)],
            ),
            (
                "/",
                json!({
                    "interact": {"redirect": format!("https://auth.example/interact/{}/A1?clientUri=https://x/{wallet}", id(13))},
                    "continue": {"uri": format!("https://auth.example/continue/{}", id(14))},
                    "access_token": {"manage": format!("https://auth.example/token/{}", id(15)), "grant": grant.to_string()}
                }),
                vec![id(13), id(14), id(15)],
            ),
            ("/", json!({"id": format!("https://bank.example/{tenant}/")}), Vec::new()),
        ] {
            known.made_only_there(&[path.as_bytes(), b"{}"], answer.to_string().as_bytes());
            for made in made {
                assert!(known.is_only_there(made), "{made} of {answer}");
            }
            for older in [tenant, asset, wallet, grant] {
                assert!(!known.is_only_there(older), "{older} of {answer}");
            }
        }
        assert!(known.names_only_there(format!("/{tenant}/incoming-payments/{}", id(11)).as_bytes()));
        assert!(!known.names_only_there(format!("/{tenant}/incoming-payments/{}", id(21)).as_bytes()));
    }

    #[test]
    fn tokens_of_the_old_installation_are_known_by_their_digests() {
        let mut known = Known::new(10);
        known.issued(br#"{"access_token":{"value":"7D1B"},"continue":{"access_token":{"value":"AA"}}}"#);
        for (header, there) in [("GNAP 7D1B", true), ("GNAP AA", true), ("GNAP BB", false), ("", false)] {
            assert_eq!(known.is_token_only_there(header), there, "{header}");
        }
        assert!(known.introspects_only_there(br#"{"access_token":"7D1B"}"#));
        assert!(!known.introspects_only_there(br#"{"access_token":"BB"}"#));
        assert!(!format!("{known:?}").contains("7D1B"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut known = Known::new(100);
        for n in 0..10_000_u128 {
            known.learn(Uuid::from_u128(n), Uuid::from_u128(n + 1_000_000));
        }
        let kept = (0..10_000_u128).filter(|n| known.ours_of.take(&Uuid::from_u128(*n)).is_some()).count();
        assert!((100..=200).contains(&kept), "{kept}");
    }
}
