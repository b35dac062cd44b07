//! Tokens of an OAuth 2.0 provider in place of those of the authorization server, for the tenants that accept them.
//!
//! Such a token has no key: whoever has it can use it. What it allows, and how its use is counted, is as for a grant of
//! GNAP. A token that is bound to a key (`cnf`) is refused, because this listener sees no such key.

use axum::http::header::AUTHORIZATION;
use gnap::AccessItem;
use gnap::oauth::{Authorization, AuthorizationDetail, AuthorizationId, right_of_scope};
use payments_model::TenantId;
use serde_json::Value;
use service_identity::{TokenJudge, bearer};
use token_introspection::{OAuthToken, Refusal};

use crate::request::ApiRequest;

/// The member with the rights (RFC 9396 section 9.2).
const DETAILS: &str = "authorization_details";
/// Where Ory Hydra puts members that the identity provider has added.
const ADDED: &str = "ext";

/// How such tokens are judged, and who accepts them.
#[derive(Clone, Debug)]
pub struct BearerTokens {
    /// Asks the provider.
    pub judge: TokenJudge,
    /// The name of this listener among the audience of a token.
    pub audience: String,
    /// The tenants that accept them.
    pub tenants: Vec<TenantId>,
    /// The member that names the tenant of a token.
    pub tenant_claim: String,
    /// The member that names the authorization of a token. Tokens of one authorization share its limits.
    pub authorization_claim: String,
}

/// Whether a request shows such a token.
pub(crate) fn is_shown(request: &ApiRequest) -> bool {
    let has_scheme = |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    request.headers.get_all(AUTHORIZATION).iter().any(|value| value.to_str().is_ok_and(has_scheme))
}

/// What a good token says.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    /// The name of its client.
    pub(crate) client: String,
    /// The name under which its use is counted.
    pub(crate) grant: String,
    /// Its rights.
    pub(crate) rights: Vec<AccessItem>,
}

impl BearerTokens {
    /// What the token of a request says, which is for the tenant of its path. The provider is asked each time, so a revoked
    /// token is refused at once.
    pub(crate) async fn read(
        &self,
        request: &ApiRequest,
        path: Option<TenantId>,
        open_payments_url: &str,
    ) -> Result<Presented, Refusal> {
        // The provider is not asked for tenants that do not accept its tokens.
        if path.is_some_and(|tenant| !self.tenants.contains(&tenant)) {
            return Err(Refusal::Missing);
        }
        let shown = bearer(&request.headers, request.uri.query())?.ok_or(Refusal::Missing)?;
        let token = self.judge.ask_about(shown, &self.audience).await?;
        let tenant = self.tenant_of(&token, path)?;
        let of_tenant = format!("{}/{tenant}", open_payments_url.trim_end_matches('/'));
        let rights = rights(&token, &[open_payments_url, &of_tenant, &self.audience])?;
        let authorization = self.authorization(&token)?;
        Ok(Presented { client: authorization.client_identity(), grant: authorization.grant(), rights })
    }

    /// The tenant that the token is for: that of the path, if there is one, and one that accepts such tokens.
    fn tenant_of(&self, token: &OAuthToken, path: Option<TenantId>) -> Result<TenantId, Refusal> {
        let named = text(token, &self.tenant_claim).and_then(|name| name.parse::<TenantId>().ok());
        let tenant = named.filter(|tenant| self.tenants.contains(tenant)).ok_or(Refusal::InsufficientScope)?;
        if path.is_none_or(|path| path == tenant) { Ok(tenant) } else { Err(Refusal::InsufficientScope) }
    }

    /// What the token belongs to.
    fn authorization<'t>(&'t self, token: &'t OAuthToken) -> Result<Authorization<'t>, Refusal> {
        let issuer = token.issuer.as_deref().or(self.judge.issuer()).ok_or(Refusal::InvalidToken)?;
        let client = token.client_id.as_deref().ok_or(Refusal::InvalidToken)?;
        let id = match text(token, &self.authorization_claim) {
            Some(name) => AuthorizationId::Named(name),
            None => AuthorizationId::OfSubject(token.subject.as_deref()),
        };
        Ok(Authorization { issuer, client, id })
    }
}

/// The rights of a token at these servers.
fn rights(token: &OAuthToken, servers: &[&str]) -> Result<Vec<AccessItem>, Refusal> {
    let details = match member(token, DETAILS) {
        None | Some(Value::Null) => Vec::new(),
        Some(details) => AuthorizationDetail::read_all(details).map_err(|error| {
            tracing::warn!(%error, "a token of the provider cannot be used");
            Refusal::InsufficientScope
        })?,
    };
    let detailed = details.into_iter().filter(|detail| detail.is_for(servers)).map(|detail| detail.access);
    Ok(detailed.chain(token.scopes.iter().filter_map(|scope| right_of_scope(scope))).collect())
}

/// A member of what the provider says, its own or an added one.
fn member<'t>(token: &'t OAuthToken, name: &str) -> Option<&'t Value> {
    token.more.get(name).or_else(|| token.more.get(ADDED)?.get(name))
}

/// The text of a member. Standard members have one, too.
fn text<'t>(token: &'t OAuthToken, name: &str) -> Option<&'t str> {
    token.claim(name).or_else(|| member(token, name)?.as_str()).filter(|text| !text.is_empty())
}
