//! How this role proves itself to one service: by a secret that both know, or by a token.
//! The callers do not care which.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use outbound_http::{Outbound, Request, Response};
use service_auth::Wanted;
use token_introspection::{CallerCredential, CredentialError};

use crate::tokens::{CallError, ServiceTokens};

/// The proof for one service.
#[derive(Clone)]
pub enum CallerProof {
    /// A secret that is shown.
    Secret(Arc<str>),
    /// A token.
    Token(ServiceTokens, Wanted),
}

impl fmt::Debug for CallerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret(***)"),
            Self::Token(_, wanted) => f.debug_tuple("Token").field(&wanted.service).finish(),
        }
    }
}

impl CallerProof {
    /// A token if there are tokens, and otherwise the secret.
    pub fn choose(tokens: Option<&ServiceTokens>, wanted: Wanted, secret: &str) -> Self {
        match tokens {
            Some(tokens) => Self::Token(tokens.clone(), wanted),
            None => Self::Secret(secret.into()),
        }
    }

    /// Sends a request with the proof.
    pub async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CallError> {
        match self {
            Self::Secret(secret) => Ok(http.send(request.authorization(&format!("Bearer {secret}"))).await?),
            Self::Token(tokens, wanted) => tokens.send(http, *wanted, request).await,
        }
    }
}

#[async_trait]
impl CallerCredential for CallerProof {
    async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CredentialError> {
        Self::send(self, http, request).await.map_err(|error| match error {
            CallError::Outbound(error) => CredentialError::NoAnswer(error),
            CallError::Token(error) => CredentialError::NoProof(error.to_string()),
        })
    }
}
