//! Judges the token of a caller: who it is, for whom the token is, until when, and for what.
//!
//! It does not decide what a route needs. While the provider does not answer, nobody is believed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use oauth_provider::PublishedKeys;
use outbound_http::Request;
use service_auth::{Jws, Scope, Service};
use token_introspection::{IntrospectionError, OAuthDemand, OAuthIntrospection, OAuthToken, Refusal};
use token_keys::Verdict;

use crate::certificate::CallerCertificate;
use crate::identity::ClientIdentity;
use crate::principal::Principal;
use crate::provider::{Provider, ProviderError};
use crate::tokens::TokenSettings;

/// After this many failures in a row the provider is not asked for a moment.
const FAILURES: u32 = 3;
/// That moment.
const MOMENT: Duration = Duration::from_secs(1);
/// The longest token, in octets.
const TOKEN_MAX: usize = 8 * 1024;

/// How tokens are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// The provider is asked for each request. A revoked token is refused at once.
    #[default]
    Introspect,
    /// The signature is checked here. A token is good until it expires.
    Jwt,
    /// Both.
    JwtAndIntrospect,
}

/// How a judge works.
#[derive(Clone, Debug, Default)]
pub struct JudgeSettings {
    /// How tokens are checked.
    pub validation: Validation,
    /// The claim with the tenant of the client.
    pub tenant_claim: String,
    /// The provider's names.
    pub names: TokenSettings,
}

/// Judges tokens of one provider. Clones share what was read.
#[derive(Clone, Debug)]
pub struct TokenJudge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    provider: Provider,
    identity: ClientIdentity,
    settings: JudgeSettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keys: PublishedKeys,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    in_a_row: u32,
    until: Option<Timestamp>,
}

/// The token of `Authorization: Bearer <token>`; `None` if the request has none.
///
/// A token in the query would be in logs, so it is refused (RFC 6750 section 2.3, RFC 9700 section 4.3.2).
pub fn bearer<'h>(headers: &'h HeaderMap, query: Option<&str>) -> Result<Option<&'h str>, Refusal> {
    let in_query = query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("access_token=")));
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if in_query || second.is_some() {
        return Err(Refusal::Malformed);
    }
    let Some(first) = first else { return Ok(None) };
    let text = first.to_str().map_err(|_| Refusal::InvalidToken)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Missing);
    }
    let token = token.trim_matches(' ');
    let plain = !token.is_empty() && token.len() <= TOKEN_MAX && token.bytes().all(|octet| octet.is_ascii_graphic());
    if plain { Ok(Some(token)) } else { Err(Refusal::InvalidToken) }
}

impl TokenJudge {
    /// A judge that asks `provider` as the client `identity`.
    pub fn new(
        provider: Provider,
        identity: ClientIdentity,
        settings: JudgeSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let keys = PublishedKeys::new(provider.http().clone(), Arc::clone(&clock));
        let breaker = Mutex::default();
        Self { inner: Arc::new(Inner { provider, identity, settings, clock, entropy, keys, breaker }) }
    }

    /// The issuer of its tokens, without a slash at the end.
    pub fn issuer(&self) -> Option<&str> {
        self.inner.provider.issuer()
    }

    /// Who sends a token to `service`, over a connection with this certificate, if it has one.
    pub async fn judge(
        &self,
        token: &str,
        service: Service,
        certificate: Option<&CallerCertificate>,
    ) -> Result<Principal, Refusal> {
        let JudgeSettings { tenant_claim, names, validation } = &self.inner.settings;
        let token = self.examined(token, names.audience(service), certificate, *validation).await?;
        let tenant = token.claim(tenant_claim).map(str::to_owned);
        let scopes = Scope::ALL.into_iter().filter(|scope| token.scopes.iter().any(|own| own == names.scope(*scope)));
        let scopes = scopes.collect();
        let client = token.client_id.or(token.subject).ok_or(Refusal::InvalidToken)?;
        Ok(Principal::new(client, tenant, scopes))
    }

    /// What the provider says of a token for this audience. It is asked in every case, so a revoked token is refused at
    /// once.
    pub async fn ask_about(&self, token: &str, audience: &str) -> Result<OAuthToken, Refusal> {
        let validation = match self.inner.settings.validation {
            Validation::Introspect => Validation::Introspect,
            Validation::Jwt | Validation::JwtAndIntrospect => Validation::JwtAndIntrospect,
        };
        self.examined(token, audience, None, validation).await
    }

    /// What is known of a token, if it is good.
    async fn examined(
        &self,
        token: &str,
        audience: &str,
        certificate: Option<&CallerCertificate>,
        validation: Validation,
    ) -> Result<OAuthToken, Refusal> {
        let mut known = None;
        if validation != Validation::Introspect {
            let claims = self.signed(token).await?;
            self.fits(&claims, audience, certificate)?;
            known = Some(claims);
        }
        if validation != Validation::Jwt {
            let told = self.introspected(token).await?;
            self.fits(&told, audience, certificate)?;
            known = Some(told);
        }
        // One of the two was done.
        known.ok_or(Refusal::InvalidToken)
    }

    /// The claims of a token that the provider has signed as an access token.
    async fn signed(&self, token: &str) -> Result<OAuthToken, Refusal> {
        let jws = Jws::read(token).map_err(|_| Refusal::InvalidToken)?;
        // Only access tokens have this type (RFC 9068 section 4), so no other token of the provider is taken for one.
        let kind = jws.header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !matches!(kind.as_str(), "at+jwt" | "application/at+jwt") {
            return Err(Refusal::InvalidToken);
        }
        let request = async { self.inner.provider.keys_url().await.map(|url| Request::get(url).configured()) };
        let keys = self.inner.keys.for_token(&jws, request).await.map_err(|error: ProviderError| {
            tracing::warn!(%error, "a service token could not be checked");
            Refusal::Unavailable
        })?;
        if keys.judge(&jws) != Verdict::Good {
            return Err(Refusal::InvalidToken);
        }
        let claims = OAuthToken::of_claims(jws.claims).map_err(|_| Refusal::InvalidToken)?;
        if claims.issuer.is_none() || claims.expires_at.is_none() {
            return Err(Refusal::InvalidToken);
        }
        Ok(claims)
    }

    async fn introspected(&self, token: &str) -> Result<OAuthToken, Refusal> {
        let Inner { provider, identity, clock, entropy, .. } = &*self.inner;
        if self.is_paused() {
            return Err(Refusal::Unavailable);
        }
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, "a service token could not be introspected");
            self.count(Answer::Missed);
            Refusal::Unavailable
        };
        let url = provider.introspection_url().await.map_err(|error| unavailable(&error))?;
        let proof = identity.proof(&provider.audience(&url), clock.wall(), &**entropy);
        let asked = OAuthIntrospection::proving(provider.http().clone(), url, proof);
        let found = asked.introspect(token).await.map_err(|error| match error {
            // The answer is about this token only. A strange token must not pause the tokens of other callers.
            IntrospectionError::Refused(_) | IntrospectionError::Unusable(_) => {
                tracing::warn!(%error, "a service token could not be introspected");
                Refusal::Unavailable
            }
            away => unavailable(&away),
        })?;
        self.count(Answer::Given);
        found.ok_or(Refusal::InvalidToken)
    }

    /// Issuer, audience, times, and the certificate that a token is bound to. An answer of introspection may leave the
    /// issuer out: it comes from there.
    fn fits(&self, token: &OAuthToken, audience: &str, certificate: Option<&CallerCertificate>) -> Result<(), Refusal> {
        let own = self.inner.provider.issuer();
        let named = token.issuer.as_deref().map(|issuer| issuer.trim_end_matches('/'));
        if named.is_some_and(|named| own.is_some_and(|own| own != named)) {
            return Err(Refusal::InvalidToken);
        }
        let certificate = certificate.map(CallerCertificate::thumbprint);
        token.meets(&OAuthDemand { issuer: None, audience, scope: None, certificate }, self.inner.clock.wall())
    }

    fn is_paused(&self) -> bool {
        let breaker = self.inner.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.until.is_some_and(|until| self.inner.clock.wall() < until)
    }

    fn count(&self, answer: Answer) {
        let mut breaker = self.inner.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Answer::Given => *breaker = Breaker::default(),
            Answer::Missed => {
                breaker.in_a_row = breaker.in_a_row.saturating_add(1);
                breaker.until = (breaker.in_a_row >= FAILURES).then(|| self.inner.clock.wall() + MOMENT);
            }
        }
    }
}

/// Whether the provider answered.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Given,
    Missed,
}
