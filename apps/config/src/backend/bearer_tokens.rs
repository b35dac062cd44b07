//! Tokens of an OAuth 2.0 provider at the Open Payments listener.
//! The provider is that of `service_auth`.

use url::Url;
use uuid::Uuid;

use crate::reader::Reader;
use crate::service_auth::ServiceAuth;

/// Which tokens of OAuth 2.0 clients may use in place of those of the authorization server.
#[derive(Clone, Debug)]
pub struct BearerTokens {
    /// `OPEN_PAYMENTS_BEARER_TENANTS`: the tenants whose Open Payments resources clients may use with tokens of
    /// `OAUTH_ISSUER` (`Authorization: Bearer`), separated by commas; none by default. Such a request is not signed, so
    /// **whoever gets hold of a token can use it**, up to its limits and until it ends.
    pub tenants: Vec<Uuid>,
    /// `OPEN_PAYMENTS_BEARER_AUDIENCE`: the audience that such tokens must have. The default is `OPEN_PAYMENTS_URL`, without
    /// a slash at the end.
    pub audience: String,
    /// `OPEN_PAYMENTS_BEARER_AUTHORIZATION_CLAIM`: the member of a token that names what its owner has allowed at once.
    /// Tokens with the same name share its limits. Tokens without one share them with all tokens of their client and owner.
    pub authorization_claim: String,
}

impl BearerTokens {
    pub(crate) fn read(r: &mut Reader<'_>, open_payments_url: Option<&Url>, service_auth: &ServiceAuth) -> Self {
        let mut tenants = Vec::new();
        for text in r.list("OPEN_PAYMENTS_BEARER_TENANTS") {
            match text.parse() {
                Ok(tenant) => tenants.push(tenant),
                Err(_) => {
                    r.problem("OPEN_PAYMENTS_BEARER_TENANTS", format!("{text} is not the id of a tenant (a UUID)"));
                }
            }
        }
        let own = || open_payments_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let read = Self {
            tenants,
            audience: r.text("OPEN_PAYMENTS_BEARER_AUDIENCE").or_else(own).unwrap_or_default(),
            authorization_claim: r
                .text("OPEN_PAYMENTS_BEARER_AUTHORIZATION_CLAIM")
                .unwrap_or_else(|| "authorization_id".to_owned()),
        };
        if read.tenants.is_empty() {
            r.no_effect(
                &["OPEN_PAYMENTS_BEARER_AUDIENCE", "OPEN_PAYMENTS_BEARER_AUTHORIZATION_CLAIM"],
                "no tenant is in OPEN_PAYMENTS_BEARER_TENANTS",
            );
        } else if !service_auth.has_provider() {
            r.problem(
                "OPEN_PAYMENTS_BEARER_TENANTS",
                "needs the provider of the tokens: set OAUTH_ISSUER, OAUTH_CLIENT_ID and a proof of this client, such as \
                 OAUTH_CLIENT_SECRET",
            );
        } else {
            r.notice(
                "OPEN_PAYMENTS_BEARER_TENANTS",
                "clients of these tenants may show tokens of the provider without a signature; whoever gets hold of such a \
                 token can use it up to its limits",
            );
        }
        read
    }
}
