//! The identity of a role: the tokens that it shows, and the proofs that it accepts.
//! Both are put together from `SERVICE_AUTH` and the settings of the provider. What is made of files of certificates is in
//! `certificate_files`.

use std::sync::Arc;

use admin_client::AdminClient;
use auth::{Issuer, IssuerClient, IssuerSettings};
use auth_store::AuthStore;
use clock::Clock;
use config::{SecretMethod, ServiceAuth, TokenValidation};
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor, ServiceIdentities, ServiceTls};
use outbound_http::Outbound;
use service_auth::{LinkWays, Service, Wanted};
use service_identity::{
    ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, SecretPlace, ServiceProofs, ServiceTokens,
    SigningKey, TokenJudge, TokenSettings, Validation,
};
use shared_cache::Limiter;

use super::cache::memory_limiter;
use super::certificate_files::{OfFiles, Watch};
use super::running::Running;
use super::shared_deps::SharedDeps;
use crate::failure::Failure;

/// The identity of one role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    /// Shows who this role is. Without it, shared secrets do.
    pub(crate) proofs: ServiceProofs,
    /// The proofs of callers that are accepted.
    pub(crate) accepted: ServiceIdentities,
    /// The certificates of listeners that services call.
    pub(crate) tls: Option<ServiceTls>,
    /// Reads the files of certificates again.
    pub(super) watch: Option<Watch>,
}

impl Identities {
    /// A client that shows what this role shows.
    pub(crate) fn admin(&self, client: AdminClient, wanted: Wanted) -> AdminClient {
        let ways = self.accepted.ways.of(wanted.service);
        // A certificate is shown over TLS only. Where it is shown, it is enough.
        let by_certificate = ways.certificates() && client.endpoint().scheme() == "https";
        if self.proofs.signs(wanted) && !by_certificate {
            return client;
        }
        client.with_proof(self.proofs.of(wanted, None))
    }

    /// Reads the files of certificates again while the role runs.
    pub(crate) fn watch_files(&self, running: &mut Running) {
        if let Some(watch) = self.watch.clone() {
            running.work(|stop| watch.run(stop));
        }
    }

    /// Who may read exchange rates. Rafiki 2.4 has no secret for them. So they are open, unless that is not accepted.
    pub(crate) fn readers_of_rates(&self, clock: &Arc<dyn Clock>) -> ServiceCallers {
        if self.accepted.secrets(Service::Rates) {
            return ServiceCallers::Anybody;
        }
        let secret = CallerSecret::new([], "rates", memory_limiter(Arc::clone(clock)));
        ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: self.accepted.clone() }))
    }
}

/// The identity that these settings describe.
pub(crate) fn identities(service_auth: &ServiceAuth, deps: &SharedDeps) -> Result<Identities, Failure> {
    let made = OfFiles::make(service_auth, deps)?;
    let (tokens, judge) = match &made.to_provider {
        Some(http) => {
            let (tokens, judge) = of_provider(service_auth, http.clone(), deps)?;
            (Some(tokens), Some(judge))
        }
        None => (None, None),
    };
    let (certificate, tls) = made.certificates.clone().unzip();
    let ways = LinkWays::new(service_auth.ways, service_auth.links.clone());
    let proofs = ServiceProofs::new(ways.clone(), tokens, certificate);
    let watch = Some(Watch::new(service_auth.clone(), made, deps.clone()));
    Ok(Identities { proofs, accepted: ServiceIdentities { ways, judge }, tls, watch })
}

/// Shows and checks tokens of the provider.
fn of_provider(
    service_auth: &ServiceAuth,
    http: Outbound,
    deps: &SharedDeps,
) -> Result<(ServiceTokens, TokenJudge), Failure> {
    let identity = ClientIdentity {
        id: service_auth.client_id.clone().unwrap_or_default(),
        credential: credential(service_auth)?,
    };
    let provider = ProviderSettings {
        issuer: service_auth.issuer.clone(),
        issuer_name: service_auth.issuer_name.clone(),
        token: service_auth.token_url.clone(),
        introspection: service_auth.introspection_url.clone(),
        keys: service_auth.keys_url.clone(),
    };
    let provider = Provider::new(provider, http, Arc::clone(&deps.clock));
    let provider = if service_auth.proves_by_certificate() { provider.for_certificates() } else { provider };
    let names = TokenSettings {
        audiences: service_auth.audiences.iter().cloned().collect(),
        scopes: service_auth.scopes.iter().cloned().collect(),
        renamed: service_auth.renamed_scopes.iter().cloned().collect(),
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
    Ok((ServiceTokens::new(provider, identity, names, clock, entropy), judge))
}

fn credential(service_auth: &ServiceAuth) -> Result<Credential, Failure> {
    if let Some(pem) = &service_auth.private_key_pem {
        let key = SigningKey::from_pem(pem.expose(), service_auth.key_id.clone());
        let key = key.map_err(|error| Failure::start("OAUTH_PRIVATE_KEY_FILE", error))?;
        return Ok(Credential::Key(Arc::new(key)));
    }
    if service_auth.proves_by_certificate() {
        return Ok(Credential::Certificate);
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
        certificate_names: client.certificate_names.clone(),
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
        keys: signing_keys(config)?,
    };
    let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
    let issuer = Issuer::new(settings, store.clone(), clock, entropy, limiter.clone());
    issuer.map(Some).map_err(|error| Failure::start("OAUTH_CLIENTS_FILE", error))
}

/// The keys of the built-in issuer. The first signs.
fn signing_keys(config: &config::Auth) -> Result<Vec<Arc<SigningKey>>, Failure> {
    // A key that signs nothing yet may be published before it does.
    let Some(present) = &config.oauth_signing_key else { return Ok(Vec::new()) };
    let all = [
        ("OAUTH_SIGNING_KEY_FILE", Some(present)),
        ("OAUTH_SIGNING_KEY_FILE_PREVIOUS", config.previous_oauth_signing_key.as_ref()),
    ];
    let read = |(name, pem): (&'static str, &config::Secret)| {
        let key = SigningKey::from_pem(pem.expose(), None).map_err(|error| Failure::start(name, error))?;
        Ok(Arc::new(key.named_by_thumbprint()))
    };
    all.into_iter().filter_map(|(name, pem)| Some((name, pem?))).map(read).collect()
}
