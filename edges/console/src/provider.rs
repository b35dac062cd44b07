//! The sign-in provider of a console: how it is asked, and what a person may do by a claim about the person.
//!
//! The protocol is in `openid-connect`, and the pages in `pages::provider`.

use admin_client::Credentials;
use openid_connect::ClientSettings;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::session::Rights;

/// The settings of a sign-in provider.
#[derive(Clone)]
pub struct ProviderSettings {
    /// How this console is known at the provider.
    pub client: ClientSettings,
    /// The claim that says what a person may do. A member of a member has dots between the names.
    pub claim: String,
    /// What each value of the claim allows. The first that a person has counts.
    pub roles: Vec<(String, ProviderRole)>,
    /// The operator. It knows the secrets of its tenants, so people need none.
    pub operator: Credentials,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderRole {
    /// All that the operator may.
    Operator,
    /// See all that the operator sees.
    OperatorReads,
    /// All that this tenant may.
    Tenant(Uuid),
    /// See all that this tenant sees.
    TenantReads(Uuid),
}

impl ProviderRole {
    /// The tenant, if it is not the operator.
    pub(crate) fn tenant(self) -> Option<Uuid> {
        match self {
            Self::Operator | Self::OperatorReads => None,
            Self::Tenant(id) | Self::TenantReads(id) => Some(id),
        }
    }

    pub(crate) fn rights(self) -> Rights {
        match self {
            Self::Operator | Self::Tenant(_) => Rights::Change,
            Self::OperatorReads | Self::TenantReads(_) => Rights::Look,
        }
    }
}

impl ProviderSettings {
    /// What a person with these claims may do; `None`: nothing here.
    pub(crate) fn role_of(&self, claims: &Map<String, Value>) -> Option<ProviderRole> {
        let value = found(claims, &self.claim)?;
        let has = |wanted: &str| match value {
            Value::String(one) => one == wanted,
            Value::Array(all) => all.iter().any(|one| one == wanted),
            _ => false,
        };
        self.roles.iter().find(|(wanted, _)| has(wanted)).map(|(_, role)| *role)
    }
}

/// The claim with this name, or the member that the dots lead to: some providers use URLs as names.
fn found<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        found(claims.get(first)?.as_object()?, rest)
    })
}

/// The name of a person, as others see it.
pub(crate) fn name_of(claims: &Map<String, Value>) -> String {
    let text = |name: &&str| claims.get(*name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let name = ["name", "preferred_username", "email", "sub"].iter().find_map(text).unwrap_or_default();
    name.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(claim: &str, claims: Value) -> Option<ProviderRole> {
        let settings = ProviderSettings {
            client: ClientSettings {
                issuer: "https://id.example".parse().unwrap(),
                client_id: "console".to_owned(),
                client_secret: None,
                redirect_url: "https://console.example/sign-in/callback".parse().unwrap(),
                scopes: "openid".to_owned(),
            },
            claim: claim.to_owned(),
            roles: vec![
                ("ops".to_owned(), ProviderRole::Operator),
                ("readers".to_owned(), ProviderRole::OperatorReads),
                ("shop".to_owned(), ProviderRole::Tenant(Uuid::from_u128(7))),
            ],
            operator: Credentials { tenant_id: Uuid::nil(), secret: String::new(), signature_version: 1 },
        };
        settings.role_of(claims.as_object().unwrap())
    }

    #[test]
    fn the_first_role_that_a_person_has_counts_and_without_one_there_is_none() {
        assert_eq!(role("groups", json!({"groups": ["staff", "readers", "ops"]})), Some(ProviderRole::Operator));
        assert_eq!(role("groups", json!({"groups": "shop"})), Some(ProviderRole::Tenant(Uuid::from_u128(7))));
        for none in [json!({}), json!({"groups": []}), json!({"groups": "operators"}), json!({"groups": {"ops": true}})]
        {
            assert_eq!(role("groups", none.clone()), None, "{none}");
        }
    }

    #[test]
    fn a_claim_is_found_by_its_whole_name_or_by_its_parts() {
        let parts = json!({"realm_access": {"roles": ["ops"]}});
        assert_eq!(role("realm_access.roles", parts), Some(ProviderRole::Operator));
        let url = json!({"https://shop.example/roles": ["readers"]});
        assert_eq!(role("https://shop.example/roles", url), Some(ProviderRole::OperatorReads));
        assert_eq!(role("groups.ops", json!({"groups": ["ops"]})), None);
    }

    #[test]
    fn a_person_has_the_best_name_that_is_known() {
        let name = |claims: Value| name_of(claims.as_object().unwrap());
        assert_eq!(name(json!({"sub": "7", "name": " ", "email": "ann@bank.example"})), "ann@bank.example");
        assert_eq!(name(json!({"sub": "7", "name": "Ann\n"})), "Ann");
    }
}
