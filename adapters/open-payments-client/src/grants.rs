//! Grants at other institutions' authorization servers: request, rotate, revoke.
//!
//! It requests only grants that need no consent of a person. An answer that asks for interaction is an error here. Grants
//! with consent are in `consents`.

use std::time::Duration;

use gnap::{
    AccessItem, AccessTokenRequest, AccessType, Action, Actions, Client, GrantRequest, InteractRequest, StartMode,
    TokenValue,
};
use http::Method;
use outbound_http::Request;
use outside_text::check_line;
use serde::Deserialize;

use crate::call::{named, parse_told_url, parse_url};
use crate::error::ClientError;
use crate::incoming_payments::OpenPaymentsClient;

/// A token from another authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// Its value.
    pub value: TokenValue,
    /// The URL at which it is rotated and revoked, as the server stated it.
    pub manage: String,
    /// Its lifetime; `None` means for ever.
    pub expires_in: Option<Duration>,
}

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The request cannot be made: its actions do not belong together, or the client identity is not a wallet address.
    #[error("the grant cannot be requested: {0}")]
    Request(String),
    /// The server refused, or could not be reached.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The server wants a person's consent, which cannot be given here.
    #[error("the grant requires interaction")]
    RequiresInteraction,
}

impl GrantError {
    /// Whether a later request may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_transient())
    }
}

/// The members of the answer to a grant, continuation or rotation that are used. Servers may add others.
#[derive(Deserialize)]
pub(crate) struct GrantAnswer {
    access_token: Option<Token>,
}

impl GrantAnswer {
    /// The token of the answer of `url`.
    pub(crate) fn issued(self, url: &str) -> Result<IssuedToken, GrantError> {
        self.access_token.map(IssuedToken::from).ok_or(GrantError::RequiresInteraction)?.checked(url)
    }
}

#[derive(Deserialize)]
struct Token {
    value: TokenValue,
    manage: String,
    expires_in: Option<u64>,
}

impl From<Token> for IssuedToken {
    fn from(token: Token) -> Self {
        Self { value: token.value, manage: token.manage, expires_in: token.expires_in.map(Duration::from_secs) }
    }
}

/// The longest token, URL or nonce of an answer, in characters: they are stored, and a token is looked up by its text.
pub(crate) const TOLD_LENGTH_MAX: usize = 2048;

impl IssuedToken {
    fn checked(self, url: &str) -> Result<Self, GrantError> {
        for told in [self.value.expose(), &self.manage] {
            check_line(told, TOLD_LENGTH_MAX)
                .map_err(|bad| ClientError::unusable(url, format!("the token or its management URL {bad}")))?;
        }
        Ok(self)
    }
}

impl OpenPaymentsClient {
    /// Asks `auth_server` for a token for `actions` on resources of type `kind`.
    pub async fn request_grant(
        &self,
        auth_server: &str,
        kind: AccessType,
        actions: &[Action],
    ) -> Result<IssuedToken, GrantError> {
        let request = self.grant_request(kind, actions)?;
        let url = parse_url(auth_server)?;
        let call = Request::post_json(url, &request).map_err(|error| GrantError::Request(error.to_string()))?;
        let answer: GrantAnswer = self.public.caller.json(call.signed(self.signer.clone())).await?;
        answer.issued(auth_server)
    }

    fn grant_request(&self, kind: AccessType, actions: &[Action]) -> Result<GrantRequest, GrantError> {
        let invalid = |error: &dyn ToString| GrantError::Request(error.to_string());
        let actions = Actions::try_from(actions.to_vec()).map_err(|error| invalid(&error))?;
        let item = AccessItem::new(kind, actions, None, None).map_err(|error| invalid(&error))?;
        let identity = self.identity.parse().map_err(|error: gnap::InvalidUrl| invalid(&error))?;
        Ok(GrantRequest {
            client: Client::WalletAddress(identity),
            access_token: Some(AccessTokenRequest { access: vec![item] }),
            subject: None,
            interact: Some(InteractRequest { start: vec![StartMode::Redirect], finish: None }),
        })
    }

    /// Exchanges a token for a new one with the same rights. The old token is no longer valid afterwards.
    ///
    /// Who has lost the answer asks again with the same `key`. Servers that support the header `Idempotency-Key` give the
    /// same token again, and others refuse.
    pub async fn rotate_token(&self, manage: &str, token: &str, key: Option<&str>) -> Result<IssuedToken, GrantError> {
        let call = named(Request::post(parse_told_url(manage)?), key);
        let call = call.authorization(&format!("GNAP {token}")).signed(self.signer.clone());
        let answer: GrantAnswer = self.public.caller.json(call).await?;
        let issued = answer.access_token.map(IssuedToken::from);
        issued.ok_or_else(|| ClientError::unusable(manage, "the answer holds no access_token"))?.checked(manage)
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, manage: &str, token: &str) -> Result<(), ClientError> {
        let call = Request::new(Method::DELETE, parse_told_url(manage)?);
        let call = call.authorization(&format!("GNAP {token}")).signed(self.signer.clone());
        self.public.caller.answer(call).await.map(drop)
    }
}
