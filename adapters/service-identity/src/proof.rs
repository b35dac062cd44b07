//! How this role proves itself to one service: by a secret that both know, by a token, or by its certificate.
//! The callers do not care which.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use outbound_http::{ExpectedServer, Outbound, PartyTls, Request, Response, RevokedCertificates};
use service_auth::{LinkWays, Service, Wanted};
use token_introspection::{CallerCredential, CredentialError};

use crate::certificate::RoleNames;
use crate::tokens::{CallError, ServiceTokens};

/// The clients that show the certificate of this role: one for each service, because each is another role.
#[derive(Clone, Debug)]
pub struct CertifiedClients(Arc<[(Service, Outbound)]>);

impl CertifiedClients {
    /// Shows the certificate to servers of the authorities. A server whose certificate is revoked, or names another role
    /// than that of the service, is sent nothing.
    ///
    /// # Errors
    ///
    /// What cannot be used, and why.
    pub fn new(
        http: &Outbound,
        party: PartyTls<'_>,
        names: &RoleNames,
        revoked: &RevokedCertificates,
    ) -> Result<Self, String> {
        let client = |service: Service| {
            let names = names.clone();
            let expected = ExpectedServer::new(move |facts| names.may_serve(facts, service), revoked.clone());
            let tls = party.read_for(expected).map_err(|error| error.to_string())?;
            Ok((service, http.with_tls(&tls).map_err(|error| error.to_string())?))
        };
        Ok(Self(Service::ALL.into_iter().map(client).collect::<Result<_, String>>()?))
    }

    /// From now on it and all of its clones show and believe what `other` does: for new certificates of the same role.
    pub fn become_other(&self, other: &Self) {
        for (service, own) in &*self.0 {
            if let Some(other) = other.of(*service) {
                own.take_connections_of(other);
            }
        }
    }

    fn of(&self, service: Service) -> Option<&Outbound> {
        self.0.iter().find(|(own, _)| *own == service).map(|(_, client)| client)
    }
}

/// The proofs of one role for all services that it calls. Without any, only secrets prove who it is.
#[derive(Clone, Debug, Default)]
pub struct ServiceProofs {
    ways: LinkWays,
    tokens: Option<ServiceTokens>,
    certificate: Option<CertifiedClients>,
}

impl ServiceProofs {
    /// Proves in these ways: with `tokens`, and with clients that show the certificate of this role.
    pub fn new(ways: LinkWays, tokens: Option<ServiceTokens>, certificate: Option<CertifiedClients>) -> Self {
        Self { ways, tokens, certificate }
    }

    /// The proof for one service. `secret` is what this role and the service both know, if that is shown.
    pub fn of(&self, wanted: Wanted, secret: Option<&str>) -> CallerProof {
        let ways = self.ways.of(wanted.service);
        let tokens = self.tokens.as_ref().filter(|_| ways.tokens());
        let shown = match (tokens, secret.filter(|_| ways.secrets())) {
            (Some(tokens), _) => Shown::Token(tokens.clone(), wanted),
            (None, Some(secret)) => Shown::Secret(secret.into()),
            (None, None) => Shown::Nothing,
        };
        // A token that is bound to the certificate is worth nothing without it.
        let over_tls = ways.certificates() || tokens.is_some_and(ServiceTokens::are_bound);
        let over =
            self.certificate.as_ref().filter(|_| over_tls).and_then(|clients| clients.of(wanted.service)).cloned();
        CallerProof { shown, over }
    }

    /// Whether requests to the service are signed: only then, a shared secret is the proof.
    pub fn signs(&self, wanted: Wanted) -> bool {
        let ways = self.ways.of(wanted.service);
        ways.secrets() && !(ways.tokens() && self.tokens.is_some())
    }
}

/// The proof for one service.
#[derive(Clone)]
pub struct CallerProof {
    shown: Shown,
    /// Shows the certificate of this role. It calls `https` only.
    over: Option<Outbound>,
}

#[derive(Clone)]
enum Shown {
    /// Nothing in the request.
    Nothing,
    /// A secret that is shown.
    Secret(Arc<str>),
    /// A token.
    Token(ServiceTokens, Wanted),
}

impl fmt::Debug for CallerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CallerProof");
        match &self.shown {
            Shown::Nothing => &mut shown,
            Shown::Secret(_) => shown.field("secret", &"***"),
            Shown::Token(_, wanted) => shown.field("token", &wanted.service),
        };
        shown.field("certificate", &self.over.is_some()).finish()
    }
}

impl CallerProof {
    /// Shows a secret.
    pub fn secret(secret: &str) -> Self {
        Self { shown: Shown::Secret(secret.into()), over: None }
    }

    /// Sends a request with the proof.
    pub async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CallError> {
        let http = self.over.as_ref().filter(|_| request.url.scheme() == "https").unwrap_or(http);
        match &self.shown {
            // It would be read on its way, and refused at its end, where no certificate is seen.
            Shown::Token(tokens, wanted) if tokens.are_bound() && !http.uses_tls(&request.url) => {
                Err(CallError::NeedsTls(wanted.service))
            }
            Shown::Nothing => Ok(http.send(request).await?),
            Shown::Secret(secret) => Ok(http.send(request.authorization(&format!("Bearer {secret}"))).await?),
            Shown::Token(tokens, wanted) => tokens.send(http, *wanted, request).await,
        }
    }
}

#[async_trait]
impl CallerCredential for CallerProof {
    async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CredentialError> {
        Self::send(self, http, request).await.map_err(|error| match error {
            CallError::Outbound(error) => CredentialError::NoAnswer(error),
            CallError::Token(_) | CallError::NeedsTls(_) => CredentialError::NoProof(error.to_string()),
        })
    }
}
