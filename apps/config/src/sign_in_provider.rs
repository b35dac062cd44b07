//! `CONSOLE_OIDC_*`: the OpenID Connect provider at which people sign in to the console, and what they may do.
//!
//! The protocol is in `adapters/openid-connect`.

use std::str::FromStr;

use url::{Host, Url};
use uuid::Uuid;

use crate::Secret;
use crate::reader::Reader;

/// The sign-in provider of a console.
#[derive(Clone, Debug)]
pub struct SignInProvider {
    /// `CONSOLE_OIDC_ISSUER`: the OpenID Connect provider at which people sign in with accounts of their own. Without it
    /// they sign in with the id and the API secret of a tenant only.
    pub issuer: Url,
    /// `CONSOLE_OIDC_CLIENT_ID`: the name of this console at the provider.
    pub client_id: String,
    /// `CONSOLE_OIDC_CLIENT_SECRET`: its secret there. Leave it out for a public client.
    pub client_secret: Option<Secret>,
    /// `CONSOLE_OIDC_SCOPES`: what the provider is asked for. By default `openid profile email`.
    pub scopes: String,
    /// `CONSOLE_OIDC_CLAIM`: the claim that says what a person may do, such as `groups` (the default) or
    /// `realm_access.roles`.
    pub claim: String,
    /// `CONSOLE_OIDC_ROLES`: what each value of the claim allows, such as `bank-operators=operator,
    /// auditors=operator-readonly, shop-staff=tenant:ID, shop-auditors=tenant-readonly:ID`. The first that a person has
    /// counts; a person without one is not let in.
    pub roles: Vec<(String, GivenRole)>,
    /// The address of the console in a browser.
    pub url: Url,
    /// `OPERATOR_TENANT_ID`: the tenant that is the operator.
    pub operator_tenant_id: Uuid,
    /// `ADMIN_API_SECRET`: the API secret of the operator. It is not needed if `SERVICE_AUTH` has no `hmac`.
    pub operator_secret: Secret,
}

/// What a value of the claim allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenRole {
    /// All that the operator may.
    Operator,
    /// See all that the operator sees.
    OperatorReads,
    /// All that this tenant may.
    Tenant(Uuid),
    /// See all that this tenant sees.
    TenantReads(Uuid),
}

impl FromStr for GivenRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |id: &str| id.parse().map_err(|_| format!("{id:?} is not the id of a tenant"));
        match text.split_once(':') {
            None if text == "operator" => Ok(Self::Operator),
            None if text == "operator-readonly" => Ok(Self::OperatorReads),
            Some(("tenant", tenant)) => Ok(Self::Tenant(id(tenant)?)),
            Some(("tenant-readonly", tenant)) => Ok(Self::TenantReads(id(tenant)?)),
            _ => Err(format!(
                "{text:?} is none of operator, operator-readonly, tenant:ID, tenant-readonly:ID, where ID is that of the tenant"
            )),
        }
    }
}

impl SignInProvider {
    /// The provider; `None` if there is none, or if a setting of it is wrong.
    /// `signs`: the console signs requests with the secrets of tenants. `url` is its `CONSOLE_URL`.
    pub(crate) fn read(r: &mut Reader<'_>, signs: bool, url: Option<Url>) -> Option<Self> {
        // All variables are read in any case, so that none is taken for unknown.
        let issuer = r.url("CONSOLE_OIDC_ISSUER");
        let client_id = r.text("CONSOLE_OIDC_CLIENT_ID");
        let client_secret = r.secret("CONSOLE_OIDC_CLIENT_SECRET");
        let scopes = r.text("CONSOLE_OIDC_SCOPES").unwrap_or_else(|| "openid profile email".to_owned());
        let claim = r.text("CONSOLE_OIDC_CLAIM").unwrap_or_else(|| "groups".to_owned());
        let roles = roles(r);
        let operator_tenant_id = r.parsed("OPERATOR_TENANT_ID");
        let operator_secret = r.secret("ADMIN_API_SECRET");
        let operator_secret = if signs { operator_secret } else { Some(Secret::new("")) };

        let Some(issuer) = issuer else {
            if client_id.is_some() {
                r.problem("CONSOLE_OIDC_ISSUER", "must be set, because CONSOLE_OIDC_CLIENT_ID is");
            }
            return None;
        };
        if issuer.scheme() != "https" && !is_this_machine(&issuer) {
            r.problem("CONSOLE_OIDC_ISSUER", "must begin with https://, because people sign in there");
        }
        if !scopes.split_whitespace().any(|scope| scope == "openid") {
            r.problem("CONSOLE_OIDC_SCOPES", "must have the word openid");
        }
        if r.text("CONSOLE_OIDC_ROLES").is_none() {
            r.problem("CONSOLE_OIDC_ROLES", "must be set: without it nobody may do anything, such as `staff=operator`");
        }

        let missing = [
            ("CONSOLE_OIDC_CLIENT_ID", client_id.is_none()),
            ("CONSOLE_URL", url.is_none()),
            ("OPERATOR_TENANT_ID", operator_tenant_id.is_none()),
            ("ADMIN_API_SECRET", operator_secret.is_none()),
        ];
        for (name, _) in missing.into_iter().filter(|(_, missing)| *missing) {
            r.problem(name, "must be set, because CONSOLE_OIDC_ISSUER is");
        }

        Some(Self {
            issuer,
            client_id: client_id?,
            client_secret,
            scopes,
            claim,
            roles,
            url: url?,
            operator_tenant_id: operator_tenant_id?,
            operator_secret: operator_secret?,
        })
    }
}

fn roles(r: &mut Reader<'_>) -> Vec<(String, GivenRole)> {
    const NAME: &str = "CONSOLE_OIDC_ROLES";
    let mut roles = Vec::new();
    for text in r.list(NAME) {
        // A value may have an equals sign, as names in directories do.
        match text.rsplit_once('=').map(|(value, role)| (value.trim(), role.trim().parse())) {
            Some((value, Ok(role))) if !value.is_empty() => roles.push((value.to_owned(), role)),
            Some((_, Err(reason))) => r.problem(NAME, reason),
            _ => r.problem(NAME, format!("{text:?} is not like `staff=operator`")),
        }
    }
    roles
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Console, Environment, GivenRole};

    const ID: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";

    fn environment() -> Environment {
        Environment::of([
            ("GRAPHQL_URL", "http://localhost:3001/graphql"),
            ("OPEN_PAYMENTS_URL", "https://wallet.example"),
            ("CONSOLE_OIDC_ISSUER", "https://id.example/realms/bank"),
            ("CONSOLE_OIDC_CLIENT_ID", "console"),
            ("CONSOLE_URL", "https://console.example"),
            ("OPERATOR_TENANT_ID", ID),
            ("ADMIN_API_SECRET", "a long secret of the operator here"),
        ])
    }

    fn problems(name: &str, value: &str) -> Vec<String> {
        let mut environment = environment();
        environment.set("CONSOLE_OIDC_ROLES", "staff=operator");
        environment.set(name, value);
        let read = Console::from_environment(&environment);
        read.map_or_else(|error| error.problems.into_iter().map(|problem| problem.name).collect(), |_| Vec::new())
    }

    #[test]
    fn roles_are_read_in_their_order() {
        let mut environment = environment();
        environment.set("CONSOLE_OIDC_ROLES", format!("cn=staff,a=operator-readonly, shop = tenant:{ID}"));
        assert!(Console::from_environment(&environment).is_err(), "a comma separates");
        environment.set("CONSOLE_OIDC_ROLES", format!("cn=staff=operator, shop = tenant:{ID}"));
        let provider = Console::from_environment(&environment).unwrap().provider.unwrap();
        let id = ID.parse().unwrap();
        let expected = [("cn=staff".to_owned(), GivenRole::Operator), ("shop".to_owned(), GivenRole::Tenant(id))];
        assert_eq!(provider.roles, expected);
    }

    #[test]
    fn what_a_provider_needs_is_asked_for_by_name() {
        for (name, value) in [
            ("CONSOLE_OIDC_ROLES", "staff=king"),
            ("CONSOLE_OIDC_ROLES", "operator"),
            ("CONSOLE_OIDC_ROLES", "staff=tenant:shop"),
            ("CONSOLE_OIDC_ISSUER", "http://id.example"),
            ("CONSOLE_OIDC_SCOPES", "profile"),
            ("CONSOLE_OIDC_CLIENT_ID", ""),
            ("ADMIN_API_SECRET", ""),
            ("OPERATOR_TENANT_ID", ""),
            ("CONSOLE_URL", ""),
        ] {
            assert_eq!(problems(name, value), [name], "{value}");
        }
        assert_eq!(problems("CONSOLE_OIDC_ISSUER", "http://localhost:3000"), Vec::<String>::new());
        assert_eq!(problems("CONSOLE_OIDC_ISSUER", ""), ["CONSOLE_OIDC_ISSUER"], "the client id is set");
    }
}
