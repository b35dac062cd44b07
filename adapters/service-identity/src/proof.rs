//! How this role proves itself to one service: by a secret that both know, by a token, or by its certificate.
//! The callers do not care which.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use outbound_http::{Outbound, Request, Response};
use service_auth::{LinkWays, Wanted};
use token_introspection::{CallerCredential, CredentialError};

use crate::tokens::{CallError, ServiceTokens};

/// The proofs of one role for all services that it calls. Without any, only secrets prove who it is.
#[derive(Clone, Debug, Default)]
pub struct ServiceProofs {
    ways: LinkWays,
    tokens: Option<ServiceTokens>,
    certificate: Option<Outbound>,
}

impl ServiceProofs {
    /// Proves in these ways: with `tokens`, and with a client that shows the certificate of this role.
    pub fn new(ways: LinkWays, tokens: Option<ServiceTokens>, certificate: Option<Outbound>) -> Self {
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
        CallerProof { shown, over: self.certificate.clone().filter(|_| over_tls) }
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
