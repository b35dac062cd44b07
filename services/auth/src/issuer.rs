//! The built-in issuer of tokens for services: client credentials (RFC 6749 section 4.4), introspection (RFC 7662) and
//! revocation (RFC 7009), for installations without a provider of their own.
//!
//! It knows services only: no people, and no clients of Open Payments. It is no public provider.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use auth_model::SecretHash;
use auth_store::{AuthStore, ServiceToken};
use clock::{Clock, Entropy, Timestamp};
use serde_json::{Value, json};
use service_auth::{Scope, Service};
use service_identity::CallerCertificate;
use shared_cache::{Limiter, Lockout, TooMany};
use token_keys::SigningKey;
use tokio::sync::Semaphore;

use crate::StoreError;

/// Wrong secrets are counted for a client and its address, so that a stranger cannot lock a client out.
const WRONG_SECRETS: Lockout = Lockout::of_secrets("service-client-secret");
/// How many secrets are compared at the same time: each costs much memory on purpose.
const COMPARISONS: usize = 2;

/// A client that may get tokens.
#[derive(Clone, Debug)]
pub struct IssuerClient {
    /// `client_id`.
    pub id: String,
    /// Hashes of its secrets (Argon2id, PHC text). Two while one replaces the other; none if it has a certificate.
    pub secrets: Vec<String>,
    /// The hosts and URIs that its certificate has, all of them. Without any it cannot prove itself with a certificate.
    pub certificate_names: Vec<String>,
    /// The tenant that it acts for.
    pub tenant: Option<String>,
    /// What it may ask for, by service.
    pub access: BTreeMap<Service, Vec<Scope>>,
    /// The services that it is, whose tokens it may introspect.
    pub serves: Vec<Service>,
}

/// How the issuer works.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The name of the issuer: the URL below which its metadata is.
    pub issuer: String,
    /// How long a token is valid.
    pub lifetime: Duration,
    /// The clients.
    pub clients: Vec<IssuerClient>,
    /// The keys of signed tokens (RFC 9068). The first signs, and all are published. Without one, tokens are random texts.
    pub keys: Vec<Arc<SigningKey>>,
}

/// The issuer. Clones are the same issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: IssuerSettings,
    store: AuthStore,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limiter: Limiter,
    comparisons: Semaphore,
    /// Secrets that were found right, as digests, so that each is compared slowly once.
    shown: Mutex<HashMap<String, Vec<SecretHash>>>,
}

/// The id that a caller shows, and its proof.
#[derive(Clone)]
pub struct ShownClient {
    /// `client_id`.
    pub id: String,
    /// The proof.
    pub proof: ShownProof,
}

/// How a caller proves its id.
#[derive(Clone)]
pub enum ShownProof {
    /// With a secret.
    Secret(String),
    /// With the certificate of its connection, which the listener has verified (RFC 8705 section 2.1). Its tokens are bound
    /// to this certificate.
    Certificate(CallerCertificate),
}

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct TokenQuestion {
    /// `audience`, or `resource`.
    pub audience: Option<String>,
    /// `scope`; without it, everything that the client may have.
    pub scope: Option<String>,
}

/// A token that was issued.
#[derive(Clone, Debug)]
pub struct IssuedServiceToken {
    /// Its value.
    pub value: String,
    /// How long it is valid.
    pub lifetime: Duration,
    /// What it grants.
    pub scope: String,
}

/// What is known about an active token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownServiceToken {
    /// The client it was issued to.
    pub client: String,
    /// The tenant that the client acts for.
    pub tenant: Option<String>,
    /// The service it is for.
    pub audience: String,
    /// What it grants.
    pub scope: String,
    /// Since when it is valid.
    pub issued_at: Timestamp,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// The digest of the certificate that it is bound to.
    pub certificate: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The client is unknown, or its proof is wrong.
    #[error("the client is unknown, or its secret or certificate is wrong")]
    Client,
    /// Wrong secrets were shown too often.
    #[error(transparent)]
    TooMany(TooMany),
    /// The request names no service, or one that the client may not call.
    #[error("name a service that this client may call as audience")]
    Target,
    /// The client may not have a scope.
    #[error("this client may not have one of the scopes")]
    Scope,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the issuer does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secrets of the client {0:?} must be one or two Argon2id hashes, or it must have names of a certificate; `rafiki \
     service-client` makes a secret and its hash, or an entry for a certificate"
)]
pub struct InvalidClient(String);

impl IssuerClient {
    /// Whether it can prove itself.
    pub fn check(&self) -> Result<(), InvalidClient> {
        let readable = |hash: &String| hash.starts_with("$argon2id$") && PasswordHash::new(hash).is_ok();
        let proves =
            (1..=2).contains(&self.secrets.len()) || (self.secrets.is_empty() && !self.certificate_names.is_empty());
        let good = proves && self.secrets.iter().all(readable);
        if good { Ok(()) } else { Err(InvalidClient(self.id.clone())) }
    }
}

impl Issuer {
    /// The issuer with these clients.
    pub fn new(
        settings: IssuerSettings,
        store: AuthStore,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        limiter: Limiter,
    ) -> Result<Self, InvalidClient> {
        settings.clients.iter().try_for_each(IssuerClient::check)?;
        let (comparisons, shown) = (Semaphore::new(COMPARISONS), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { settings, store, clock, entropy, limiter, comparisons, shown }) })
    }

    /// The settings.
    pub fn settings(&self) -> &IssuerSettings {
        &self.inner.settings
    }

    /// Issues a token to a client.
    pub async fn issue(
        &self,
        shown: &ShownClient,
        question: &TokenQuestion,
        source: &str,
    ) -> Result<IssuedServiceToken, IssuerError> {
        let client = self.client(shown, source).await?;
        let service: Service =
            question.audience.as_deref().and_then(|name| name.parse().ok()).ok_or(IssuerError::Target)?;
        let allowed = client.access.get(&service).ok_or(IssuerError::Target)?;

        let granted: Vec<Scope> = match question.scope.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => allowed.clone(),
            Some(text) => {
                let asked: Result<Vec<Scope>, _> = text.split(' ').map(str::parse).collect();
                asked.map_err(|_| IssuerError::Scope)?
            }
        };
        if !granted.iter().all(|scope| allowed.contains(scope)) {
            return Err(IssuerError::Scope);
        }

        let Inner { settings, store, clock, entropy, .. } = &*self.inner;
        let now = clock.wall();
        let scope = granted.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        let certificate = match &shown.proof {
            ShownProof::Certificate(certificate) => Some(certificate.thumbprint().to_owned()),
            ShownProof::Secret(_) => None,
        };
        let value = match settings.keys.first() {
            Some(key) => key.sign("at+jwt", &self.claims(client, service, &scope, certificate.as_deref(), now)),
            None => random_text(&**entropy),
        };
        let token = ServiceToken {
            hash: SecretHash::of(&value),
            client: client.id.clone(),
            audience: service.as_str().to_owned(),
            scope: scope.clone(),
            issued_at: now,
            expires_at: now + settings.lifetime,
            certificate,
        };
        store.insert_service_token(&token).await?;
        Ok(IssuedServiceToken { value, lifetime: settings.lifetime, scope })
    }

    /// The claims of a signed token (RFC 9068 section 2.2).
    fn claims(
        &self,
        client: &IssuerClient,
        service: Service,
        scope: &str,
        certificate: Option<&str>,
        now: Timestamp,
    ) -> Value {
        let Inner { settings, entropy, .. } = &*self.inner;
        let seconds = |at: Timestamp| at.as_millis().div_euclid(1000);
        let mut claims = json!({
            "iss": settings.issuer, "sub": client.id, "client_id": client.id, "aud": service.as_str(), "scope": scope,
            "iat": seconds(now), "exp": seconds(now + settings.lifetime), "jti": entropy.uuid().to_string(),
        });
        if let Some(tenant) = &client.tenant {
            claims["tenant"] = json!(tenant);
        }
        if let Some(certificate) = certificate {
            claims["cnf"] = json!({"x5t#S256": certificate});
        }
        claims
    }

    /// The public halves of its keys (RFC 7517 section 5).
    pub fn public_keys(&self) -> Value {
        let keys: Vec<Value> = self.inner.settings.keys.iter().map(|key| key.public_jwk()).collect();
        json!({"keys": keys})
    }

    /// What a token allows; `None` if it is not active, or not for a service of the asking client (RFC 7662 section 4).
    pub async fn introspect(
        &self,
        shown: &ShownClient,
        token: &str,
        source: &str,
    ) -> Result<Option<KnownServiceToken>, IssuerError> {
        let asking = self.client(shown, source).await?;
        let Inner { store, clock, .. } = &*self.inner;
        let Some(token) = store.service_token(SecretHash::of(token), clock.wall()).await? else { return Ok(None) };
        let is_for_it = asking.serves.iter().any(|service| service.as_str() == token.audience);
        // The rights of a client may have changed since. A token never grants more than its client has now.
        let Some(owner) = self.find(&token.client).filter(|owner| is_for_it && still_allowed(owner, &token)) else {
            return Ok(None);
        };
        Ok(Some(KnownServiceToken {
            tenant: owner.tenant.clone(),
            client: token.client,
            audience: token.audience,
            scope: token.scope,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            certificate: token.certificate,
        }))
    }

    /// Revokes a token of the client itself. A token that is not its own is left as it is, without a word.
    pub async fn revoke(&self, shown: &ShownClient, token: &str, source: &str) -> Result<(), IssuerError> {
        let client = self.client(shown, source).await?;
        Ok(self.inner.store.revoke_service_token(SecretHash::of(token), &client.id).await?)
    }

    fn find(&self, id: &str) -> Option<&IssuerClient> {
        self.inner.settings.clients.iter().find(|client| client.id == id)
    }

    /// The client whose secret or certificate is shown. Only wrong secrets are counted, because a certificate cannot be
    /// guessed. So they lock no certificate out.
    async fn client(&self, shown: &ShownClient, source: &str) -> Result<&IssuerClient, IssuerError> {
        let client = self.find(&shown.id);
        let proven = match &shown.proof {
            ShownProof::Secret(secret) => self.by_secret(client, secret, source).await?,
            ShownProof::Certificate(certificate) => {
                client.filter(|client| certificate.is_for(&client.certificate_names))
            }
        };
        proven.ok_or_else(|| {
            tracing::warn!(source, "audit: a client of the built-in issuer showed a wrong id, secret or certificate");
            IssuerError::Client
        })
    }

    /// The client, if the secret is its own.
    async fn by_secret<'c>(
        &self,
        client: Option<&'c IssuerClient>,
        secret: &str,
        source: &str,
    ) -> Result<Option<&'c IssuerClient>, IssuerError> {
        // Ids of strangers do not make keys of any length.
        let subject = client.map_or_else(|| source.to_owned(), |client| format!("{source} {}", client.id));
        self.inner.limiter.may_try(&WRONG_SECRETS, &subject).await.map_err(IssuerError::TooMany)?;
        if let Some(client) = client
            && self.is_right(client, secret).await
        {
            self.inner.limiter.succeeded(&WRONG_SECRETS, &subject).await;
            return Ok(Some(client));
        }
        self.inner.limiter.failed(&WRONG_SECRETS, &subject).await;
        Ok(None)
    }

    async fn is_right(&self, client: &IssuerClient, secret: &str) -> bool {
        let digest = SecretHash::of(secret);
        let known = |shown: &HashMap<String, Vec<SecretHash>>| {
            shown.get(&client.id).is_some_and(|known| known.iter().any(|known| known.matches(secret)))
        };
        if known(&self.inner.shown.lock().unwrap_or_else(PoisonError::into_inner)) {
            return true;
        }

        let Ok(_place) = self.inner.comparisons.acquire().await else { return false };
        let (hashes, shown) = (client.secrets.clone(), secret.to_owned());
        let compared = tokio::task::spawn_blocking(move || hashes.iter().any(|hash| is_hash_of(hash, &shown)));
        let is_right = compared.await.unwrap_or(false);
        if is_right {
            let mut shown = self.inner.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.entry(client.id.clone()).or_default().push(digest);
        }
        is_right
    }
}

fn still_allowed(owner: &IssuerClient, token: &ServiceToken) -> bool {
    let allowed = owner.access.iter().find(|(service, _)| service.as_str() == token.audience).map(|(_, scopes)| scopes);
    allowed.is_some_and(|allowed| {
        token.scope.split(' ').all(|granted| allowed.iter().any(|scope| scope.as_str() == granted))
    })
}

fn is_hash_of(hash: &str, secret: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok()
}

/// A new secret for a client, and its hash for the file of clients.
pub fn new_client_secret(entropy: &dyn Entropy) -> Option<(String, String)> {
    let secret = random_text(entropy);
    let hash = Argon2::default().hash_password_with_salt(secret.as_bytes(), &entropy.bytes::<16>()).ok()?;
    let hash: PasswordHash = hash;
    Some((secret, hash.to_string()))
}

/// 256 random bits in hexadecimal.
fn random_text(entropy: &dyn Entropy) -> String {
    use std::fmt::Write as _;
    entropy.bytes::<32>().iter().fold(String::with_capacity(64), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
