//! The identity of a role: the tokens that it shows, and the proofs that it accepts.
//! Both are put together from `SERVICE_AUTH` and the settings of the provider.

use std::sync::Arc;

use admin_client::AdminClient;
use auth::{Issuer, IssuerClient, IssuerSettings};
use auth_store::AuthStore;
use clock::Clock;
use config::{SecretMethod, ServiceAuth, TokenValidation};
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor, ServiceIdentities};
use service_auth::Wanted;
use service_identity::{
    ClientIdentity, ClientKey, Credential, JudgeSettings, Provider, ProviderSettings, SecretPlace, ServiceTokens,
    TokenJudge, TokenSettings, Validation,
};
use shared_cache::Limiter;

use super::cache::memory_limiter;
use super::shared_deps::SharedDeps;
use crate::failure::Failure;

/// The identity of one role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    /// Shows who this role is. Without it, shared secrets do.
    pub(crate) tokens: Option<ServiceTokens>,
    /// The proofs of callers that are accepted.
    pub(crate) accepted: ServiceIdentities,
}

impl Identities {
    /// A client that shows tokens, if this role has them.
    pub(crate) fn admin(&self, client: AdminClient, wanted: Wanted) -> AdminClient {
        match &self.tokens {
            Some(tokens) => client.with_tokens(tokens.clone(), wanted),
            None => client,
        }
    }

    /// Who may read exchange rates. Rafiki 2.4 has no secret for them. So they are open, unless only tokens are accepted.
    pub(crate) fn readers_of_rates(&self, clock: &Arc<dyn Clock>) -> ServiceCallers {
        if self.accepted.ways.secrets() {
            return ServiceCallers::Anybody;
        }
        let secret = CallerSecret::new([], "rates", memory_limiter(Arc::clone(clock)));
        ServiceCallers::Proven(ServiceDoor { secret, identities: self.accepted.clone() })
    }
}

/// The identity that these settings describe.
pub(crate) fn identities(service_auth: &ServiceAuth, deps: &SharedDeps) -> Result<Identities, Failure> {
    let ways = service_auth.ways;
    if !ways.tokens() {
        return Ok(Identities { tokens: None, accepted: ServiceIdentities { ways, judge: None } });
    }
    let identity = ClientIdentity {
        id: service_auth.client_id.clone().unwrap_or_default(),
        credential: credential(service_auth)?,
    };
    let provider = ProviderSettings {
        issuer: service_auth.issuer.clone(),
        token: service_auth.token_url.clone(),
        introspection: service_auth.introspection_url.clone(),
        keys: service_auth.keys_url.clone(),
    };
    let provider = Provider::new(provider, deps.http.clone(), Arc::clone(&deps.clock));
    let names = TokenSettings {
        audiences: service_auth.audiences.iter().cloned().collect(),
        scopes: service_auth.scopes.iter().cloned().collect(),
    };
    let judge = JudgeSettings {
        validation: match service_auth.validation {
            TokenValidation::Introspect => Validation::Introspect,
            TokenValidation::Jwt => Validation::Jwt,
            TokenValidation::JwtAndIntrospect => Validation::JwtAndIntrospect,
        },
        tenant_claim: service_auth.tenant_claim.clone(),
        names: names.clone(),
    };

    let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
    let judge = TokenJudge::new(provider.clone(), identity.clone(), judge, Arc::clone(&clock), Arc::clone(&entropy));
    let tokens = ServiceTokens::new(provider, identity, names, clock, entropy);
    Ok(Identities { tokens: Some(tokens), accepted: ServiceIdentities { ways, judge: Some(judge) } })
}

fn credential(service_auth: &ServiceAuth) -> Result<Credential, Failure> {
    if let Some(pem) = &service_auth.private_key_pem {
        let key = ClientKey::from_pem(pem.expose(), service_auth.key_id.clone());
        let key = key.map_err(|error| Failure::start("OAUTH_PRIVATE_KEY_FILE", error))?;
        return Ok(Credential::Key(Arc::new(key)));
    }
    let secret = service_auth.client_secret.as_ref().map(|secret| secret.expose().to_owned());
    let place = match service_auth.secret_method {
        SecretMethod::Basic => SecretPlace::Header,
        SecretMethod::Post => SecretPlace::Form,
    };
    Ok(Credential::Secret(secret.unwrap_or_default(), place))
}

/// The built-in issuer, if it has clients.
pub(crate) fn issuer(
    config: &config::Auth,
    store: &AuthStore,
    limiter: &Limiter,
    deps: &SharedDeps,
) -> Result<Option<Issuer>, Failure> {
    let (Some(clients), Some(issuer)) = (&config.oauth_clients, &config.service_auth.issuer) else { return Ok(None) };
    let clients = clients.iter().map(|client| IssuerClient {
        id: client.client_id.clone(),
        secrets: client.secret_hashes.clone(),
        tenant: client.tenant.clone(),
        // Unknown names were reported when the file was read.
        access: client
            .access
            .iter()
            .filter_map(|(service, scopes)| {
                Some((service.parse().ok()?, scopes.iter().filter_map(|scope| scope.parse().ok()).collect()))
            })
            .collect(),
        serves: client.serves.iter().filter_map(|service| service.parse().ok()).collect(),
    });
    let settings = IssuerSettings {
        issuer: issuer.as_str().trim_end_matches('/').to_owned(),
        lifetime: config.oauth_token_lifetime,
        clients: clients.collect(),
    };
    let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
    let issuer = Issuer::new(settings, store.clone(), clock, entropy, limiter.clone());
    issuer.map(Some).map_err(|error| Failure::start("OAUTH_CLIENTS_FILE", error))
}
