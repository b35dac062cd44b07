//! How a role proves to other services who it is, and how it checks their proofs.
//! The clients of the built-in issuer are in the section of the authorization server.

use std::collections::BTreeMap;

use serde::Deserialize;
use service_auth::{Scope, Service, Ways};
use url::Url;

use crate::Secret;
use crate::reader::Reader;

/// How services prove who they are.
#[derive(Clone, Debug)]
pub struct ServiceAuth {
    /// `SERVICE_AUTH`: the accepted proofs: `hmac` (shared secrets, as Rafiki 2.4), `token` (tokens of a provider), or
    /// `hmac,token`. With both, this role shows tokens, and other services may show either.
    pub ways: Ways,
    /// `OAUTH_ISSUER`: the provider of tokens. Its endpoints are read from its metadata (RFC 8414).
    pub issuer: Option<Url>,
    /// `OAUTH_TOKEN_URL`: where tokens are issued, if the provider has no metadata.
    pub token_url: Option<Url>,
    /// `OAUTH_INTROSPECTION_URL`: where tokens are introspected, if the metadata does not say it.
    pub introspection_url: Option<Url>,
    /// `OAUTH_JWKS_URL`: where the provider's public keys are, if the metadata does not say it.
    pub keys_url: Option<Url>,
    /// `OAUTH_CLIENT_ID`: the name of this role at the provider. Give each role a client of its own.
    pub client_id: Option<String>,
    /// `OAUTH_CLIENT_SECRET`: the secret of this client.
    pub client_secret: Option<Secret>,
    /// `OAUTH_CLIENT_SECRET_METHOD`: `basic` (default) sends the secret in the header `Authorization`, `post` in the form.
    pub secret_method: SecretMethod,
    /// The content of `OAUTH_PRIVATE_KEY_FILE` (PEM, PKCS #8; Ed25519 or P-256), with which this client proves itself
    /// instead of a secret (`private_key_jwt`).
    pub private_key_pem: Option<Secret>,
    /// `OAUTH_KEY_ID`: the name of this key at the provider.
    pub key_id: Option<String>,
    /// `OAUTH_VALIDATION`: how tokens of callers are checked: `introspect` (default) asks the provider each time, `jwt`
    /// checks the signature of the token here, `jwt+introspect` does both.
    pub validation: TokenValidation,
    /// `OAUTH_TENANT_CLAIM`: the claim of a token that names the tenant of its client.
    pub tenant_claim: String,
    /// `OAUTH_AUDIENCES`: other names of services at the provider: `backend-admin=https://…, rates=…`. A URL is sent as
    /// `resource` (RFC 8707).
    pub audiences: Vec<(Service, String)>,
    /// `OAUTH_SCOPES`: other scopes to ask for: `backend-admin=payments:write liquidity:write, rates=…`.
    pub scopes: Vec<(Service, String)>,
}

/// Where the secret of a client is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMethod {
    /// In the header `Authorization`.
    Basic,
    /// In the form.
    Post,
}

/// How tokens of callers are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenValidation {
    /// The provider is asked.
    Introspect,
    /// The signature is checked.
    Jwt,
    /// Both.
    JwtAndIntrospect,
}

/// A client of the built-in issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceClient {
    /// Its name.
    pub client_id: String,
    /// Hashes of its secrets (Argon2id).
    pub secret_hashes: Vec<String>,
    /// The tenant that it acts for.
    pub tenant: Option<String>,
    /// What it may ask for, by service.
    #[serde(default)]
    pub access: BTreeMap<String, Vec<String>>,
    /// The services that it is.
    #[serde(default)]
    pub serves: Vec<String>,
}

impl ServiceAuth {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let methods = [("basic", SecretMethod::Basic), ("post", SecretMethod::Post)];
        let validations = [
            ("introspect", TokenValidation::Introspect),
            ("jwt", TokenValidation::Jwt),
            ("jwt+introspect", TokenValidation::JwtAndIntrospect),
        ];
        let read = Self {
            ways: r.parsed("SERVICE_AUTH").unwrap_or_default(),
            issuer: r.url("OAUTH_ISSUER"),
            token_url: r.url("OAUTH_TOKEN_URL"),
            introspection_url: r.url("OAUTH_INTROSPECTION_URL"),
            keys_url: r.url("OAUTH_JWKS_URL"),
            client_id: r.text("OAUTH_CLIENT_ID"),
            client_secret: r.secret("OAUTH_CLIENT_SECRET"),
            secret_method: r.one_of("OAUTH_CLIENT_SECRET_METHOD", SecretMethod::Basic, &methods),
            private_key_pem: r.file("OAUTH_PRIVATE_KEY_FILE"),
            key_id: r.text("OAUTH_KEY_ID"),
            validation: r.one_of("OAUTH_VALIDATION", TokenValidation::Introspect, &validations),
            tenant_claim: r.text("OAUTH_TENANT_CLAIM").unwrap_or_else(|| "tenant".to_owned()),
            audiences: read_names(r, r.text("OAUTH_AUDIENCES"), "OAUTH_AUDIENCES"),
            scopes: read_names(r, r.text("OAUTH_SCOPES"), "OAUTH_SCOPES"),
        };
        read.judge(r);
        read
    }

    fn judge(&self, r: &mut Reader<'_>) {
        if !self.ways.tokens() {
            return;
        }
        r.judge_secret("OAUTH_CLIENT_SECRET");
        if self.issuer.is_none() && self.token_url.is_none() {
            r.problem("OAUTH_ISSUER", "must be set if SERVICE_AUTH has token: the URL of the provider of tokens");
        }
        if self.issuer.is_none() && self.token_url.is_some() && self.validation != TokenValidation::Introspect {
            r.problem(
                "OAUTH_ISSUER",
                "must be set if OAUTH_VALIDATION has jwt: tokens of other issuers may be signed with the same keys",
            );
        }
        if self.client_id.is_none() {
            r.problem(
                "OAUTH_CLIENT_ID",
                "must be set if SERVICE_AUTH has token: the name of this role at the provider",
            );
        }
        match (&self.client_secret, &self.private_key_pem) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => {
                r.problem("OAUTH_CLIENT_SECRET", "must be set if SERVICE_AUTH has token, or OAUTH_PRIVATE_KEY_FILE");
            }
            (Some(_), Some(_)) => {
                r.problem("OAUTH_PRIVATE_KEY_FILE", "is set beside OAUTH_CLIENT_SECRET; a client has one proof");
            }
        }
    }

    /// A secret that callers sign with. It is not needed if this role accepts and shows tokens only.
    pub(crate) fn secret_unless_tokens(&self, secret: Option<Secret>) -> Option<Secret> {
        if self.ways.secrets() { secret } else { Some(secret.unwrap_or_else(|| Secret::new(""))) }
    }
}

/// `<service>=<text>` between commas.
fn read_names(r: &mut Reader<'_>, text: Option<String>, name: &str) -> Vec<(Service, String)> {
    let mut names = Vec::new();
    for part in text.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|part| !part.is_empty()) {
        let read = part.split_once('=').ok_or_else(|| format!("{part:?} is not <service>=<text>"));
        match read.and_then(|(service, text)| Ok((service.trim().parse::<Service>().map_err(|e| e.to_string())?, text)))
        {
            Ok((service, text)) => names.push((service, text.trim().to_owned())),
            Err(reason) => r.problem(name, reason),
        }
    }
    names
}

/// The clients of the built-in issuer, from the text of their file.
pub(crate) fn read_clients(r: &mut Reader<'_>, text: Option<Secret>) -> Option<Vec<ServiceClient>> {
    let text = text?;
    let clients: Vec<ServiceClient> = match serde_json::from_str(text.expose()) {
        Ok(clients) => clients,
        Err(error) => {
            r.problem("OAUTH_CLIENTS_FILE", format!("names a file that is no list of clients: {error}"));
            return None;
        }
    };
    for (place, client) in clients.iter().enumerate() {
        let id = &client.client_id;
        if id.is_empty() || clients[..place].iter().any(|other| other.client_id == *id) {
            r.problem("OAUTH_CLIENTS_FILE", format!("names two clients {id:?}, or one without a name"));
        }
        let services = client.access.keys().chain(&client.serves).map(|name| name.parse::<Service>().map(drop));
        let scopes = client.access.values().flatten().map(|name| name.parse::<Scope>().map(drop));
        let wrong = services.filter_map(|read| read.err().map(|error| error.to_string()));
        for told in wrong.chain(scopes.filter_map(|read| read.err().map(|error| error.to_string()))) {
            r.problem("OAUTH_CLIENTS_FILE", format!("client {id:?}: {told}"));
        }
    }
    Some(clients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::reader::ConfigError;

    fn read(variables: &[(&str, &str)]) -> Result<ServiceAuth, ConfigError> {
        let environment = Environment::of(variables.iter().copied());
        let mut reader = Reader::new(&environment);
        let section = ServiceAuth::read(&mut reader);
        reader.finish(Some(section))
    }

    #[test]
    fn without_settings_services_use_shared_secrets_like_the_original() {
        let section = read(&[]).unwrap();
        assert_eq!(section.ways, Ways::SharedSecret);
        assert_eq!((section.tenant_claim.as_str(), section.validation), ("tenant", TokenValidation::Introspect));
    }

    #[test]
    fn tokens_need_a_provider_a_name_and_one_proof() {
        let names = |variables: &[(&str, &str)]| {
            let error = read(variables).unwrap_err();
            error.problems.into_iter().map(|problem| problem.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[("SERVICE_AUTH", "token")]), ["OAUTH_ISSUER", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"]);
        assert_eq!(names(&[("SERVICE_AUTH", "none")]), ["SERVICE_AUTH"]);
        let good = [
            ("SERVICE_AUTH", "hmac,token"),
            ("OAUTH_ISSUER", "http://auth:3011"),
            ("OAUTH_CLIENT_ID", "backend"),
            ("OAUTH_CLIENT_SECRET", "a long secret of our own"),
            ("OAUTH_AUDIENCES", "rates=https://rates.example, backend-admin = admin"),
        ];
        let section = read(&good).unwrap();
        let expected =
            vec![(Service::Rates, "https://rates.example".to_owned()), (Service::BackendAdmin, "admin".to_owned())];
        assert_eq!(section.audiences, expected);
        assert_eq!(names(&[("OAUTH_AUDIENCES", "backend=x")]), ["OAUTH_AUDIENCES"]);
    }

    #[test]
    fn a_file_of_clients_names_known_services_and_scopes() {
        let problems = |text: &str| {
            let environment = Environment::default();
            let mut reader = Reader::new(&environment);
            let clients = read_clients(&mut reader, Some(Secret::new(text)));
            reader.finish(clients).map(|clients| clients.len()).map_err(|error| error.problems.len())
        };
        let client = |access: &str| format!(r#"{{"clientId":"a","secretHashes":["x"],"access":{access}}}"#);
        assert_eq!(problems(&format!("[{}]", client(r#"{"rates":["rates:read"]}"#))), Ok(1));
        assert_eq!(problems(&format!("[{}]", client(r#"{"rate":["rates"]}"#))), Err(2));
        assert_eq!(problems(&format!("[{0},{0}]", client("{}"))), Err(1));
        assert_eq!(problems("{}"), Err(1));
    }
}
