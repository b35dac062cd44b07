//! Rights of Open Payments in tokens of OAuth 2.0: as scopes, or as `authorization_details` (RFC 9396), and the name of the
//! grant to which such a token belongs.
//!
//! It judges no token: who issued it, for whom, and until when is decided elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::access::{AccessItem, AccessType, Action, Actions};

/// The type of details with a right of Open Payments (RFC 9396 section 2).
const DETAIL_TYPE: &str = "open-payments";

/// What begins the name of a grant of OAuth. No authorization server of GNAP gives such a name.
const GRANT: &str = "oauth:";

/// The most details of one token.
const DETAILS_MAX: usize = 10;

/// One element of `authorization_details` with a right of Open Payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationDetail {
    #[serde(rename = "type")]
    kind: DetailType,
    /// The resource servers that it is for; all that accept the token, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// The right, in the form of GNAP.
    pub access: AccessItem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum DetailType {
    #[serde(rename = "open-payments")]
    OpenPayments,
}

/// Why details cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDetails {
    /// They are no list.
    #[error("authorization_details is no list")]
    NoList,
    /// There are too many of them.
    #[error("authorization_details has more than {DETAILS_MAX} elements of type {DETAIL_TYPE}")]
    TooMany,
    /// One of them has the wrong form.
    #[error("an element of type {DETAIL_TYPE} in authorization_details is not valid: {0}")]
    Element(#[from] serde_json::Error),
}

impl AuthorizationDetail {
    /// A right at all resource servers that accept the token.
    pub fn of(access: AccessItem) -> Self {
        Self { kind: DetailType::OpenPayments, locations: Vec::new(), access }
    }

    /// The same with another right.
    pub fn with_access(&self, access: AccessItem) -> Self {
        Self { access, ..self.clone() }
    }

    /// Those of our type in the member `authorization_details`. A wrong one spoils all of them, because what it was meant to
    /// limit is not known.
    pub fn read_all(details: &Value) -> Result<Vec<Self>, InvalidDetails> {
        let details = details.as_array().ok_or(InvalidDetails::NoList)?;
        let own = details.iter().filter(|detail| detail.get("type").and_then(Value::as_str) == Some(DETAIL_TYPE));
        if own.clone().count() > DETAILS_MAX {
            return Err(InvalidDetails::TooMany);
        }
        Ok(own.map(Self::deserialize).collect::<Result<_, _>>()?)
    }

    /// Whether it is for one of these resource servers.
    pub fn is_for(&self, servers: &[&str]) -> bool {
        let same = |location: &str, server: &str| location.trim_end_matches('/') == server.trim_end_matches('/');
        self.locations.is_empty()
            || self.locations.iter().any(|location| servers.iter().any(|server| same(location, server)))
    }
}

/// The right that a scope stands for, such as `incoming-payment:create`.
///
/// A scope names no wallet address and no limit. So none stands for spending, or for what other clients have made: these
/// rights need details.
pub fn right_of_scope(scope: &str) -> Option<AccessItem> {
    let (kind, action) = scope.split_once(':')?;
    let kind = [AccessType::IncomingPayment, AccessType::Quote].into_iter().find(|known| known.as_str() == kind)?;
    let actions = [Action::Create, Action::Complete, Action::Read, Action::List];
    let action = actions.into_iter().find(|known| known.as_str() == action)?;
    AccessItem::new(kind, Actions::try_from(vec![action]).ok()?, None, None).ok()
}

/// What a token of OAuth belongs to. All tokens of one authorization share its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The issuer of its tokens.
    pub issuer: &'a str,
    /// The client that has them.
    pub client: &'a str,
    /// What else tells it apart.
    pub id: AuthorizationId<'a>,
}

/// What tells the authorizations of one client apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationId<'a> {
    /// The provider names each of them.
    Named(&'a str),
    /// It does not. So all that one person has allowed this client count as one, and a new token begins no new limit.
    OfSubject(Option<&'a str>),
}

impl Authorization<'_> {
    /// The name of the grant under which payments are counted.
    pub fn grant(&self) -> String {
        let (kind, id) = match self.id {
            AuthorizationId::Named(id) => ("named", id),
            AuthorizationId::OfSubject(Some(subject)) => ("subject", subject),
            AuthorizationId::OfSubject(None) => ("client", ""),
        };
        let mut sha = Sha256::new();
        // The lengths keep neighbours apart.
        for part in [self.issuer.trim_end_matches('/'), self.client, kind, id] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
        format!("{GRANT}{}", URL_SAFE_NO_PAD.encode(sha.finalize()))
    }

    /// The name of its client, as it is stored with what the client makes.
    pub fn client_identity(&self) -> String {
        format!("{GRANT}{}@{}", self.client, self.issuer.trim_end_matches('/'))
    }
}

/// Whether a grant with this name is one of OAuth, of which the authorization server of GNAP knows nothing.
pub fn is_grant_of_oauth(name: &str) -> bool {
    name.starts_with(GRANT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spending() -> Value {
        let limits = json!({"debitAmount": {"value": "100", "assetCode": "USD", "assetScale": 2}});
        json!({"type": "outgoing-payment", "actions": ["create"], "identifier": "https://w.example/alice", "limits": limits})
    }

    #[test]
    fn details_of_other_types_are_left_out_and_a_wrong_one_spoils_all() {
        let own = json!({"type": "open-payments", "access": spending()});
        let read = AuthorizationDetail::read_all(&json!([{"type": "other", "x": 1}, own, 7])).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(serde_json::to_value(&read).unwrap(), json!([own]));
        let mut wrong_amount = own.clone();
        wrong_amount["access"]["limits"]["debitAmount"]["value"] = json!("-1");
        for wrong in [
            json!({"type": "open-payments"}),
            json!({"type": "open-payments", "access": spending(), "limits": {}}),
            wrong_amount,
        ] {
            assert!(AuthorizationDetail::read_all(&json!([own, wrong])).is_err(), "{wrong}");
        }
        assert!(AuthorizationDetail::read_all(&json!({})).is_err());
        assert!(AuthorizationDetail::read_all(&json!(vec![own; 11])).is_err());
    }

    #[test]
    fn details_are_for_the_servers_that_they_name() {
        let mut detail = AuthorizationDetail::of(serde_json::from_value(spending()).unwrap());
        assert!(detail.is_for(&["https://w.example"]));
        detail.locations = vec!["https://other.example".to_owned(), "https://w.example/".to_owned()];
        assert!(detail.is_for(&["https://w.example"]) && !detail.is_for(&["https://w.example/t", "https://v.example"]));
    }

    #[test]
    fn a_scope_gives_what_needs_no_consent_and_no_more() {
        for scope in ["incoming-payment:create", "incoming-payment:complete", "quote:read"] {
            let (kind, action) = scope.split_once(':').unwrap();
            let right = right_of_scope(scope).unwrap();
            assert_eq!((right.kind().as_str(), right.actions().as_slice()[0].as_str()), (kind, action));
        }
        for scope in
            ["outgoing-payment:create", "outgoing-payment:read", "incoming-payment:list-all", "quote:complete", "quote"]
        {
            assert_eq!(right_of_scope(scope), None, "{scope}");
        }
    }

    #[test]
    fn every_part_of_an_authorization_makes_another_grant_and_tokens_of_one_share_theirs() {
        let own = Authorization { issuer: "https://id.example", client: "app", id: AuthorizationId::Named("1") };
        assert_eq!(own.grant(), Authorization { issuer: "https://id.example/", ..own }.grant());
        let others = [
            Authorization { issuer: "https://other.example", ..own },
            Authorization { client: "app1", id: AuthorizationId::Named(""), ..own },
            Authorization { id: AuthorizationId::Named("2"), ..own },
            Authorization { id: AuthorizationId::OfSubject(Some("1")), ..own },
            Authorization { id: AuthorizationId::OfSubject(None), ..own },
        ];
        let mut names: Vec<String> = others.iter().chain([&own]).map(Authorization::grant).collect();
        assert!(names.iter().all(|name| is_grant_of_oauth(name)));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 6);
        assert!(!is_grant_of_oauth("8a7b7d3c-0000-4000-8000-000000000000"));
    }
}
