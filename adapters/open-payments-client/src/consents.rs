//! Grants that need the consent of a person: the request, the check of the way back, and the continuation.
//!
//! It does not show pages, and does not keep what a pending grant needs later: the caller stores it.

use std::time::Duration;

use gnap::hash::InteractionHash;
use gnap::{
    AccessItem, AccessTokenRequest, Client, ContinueRequest, FinishMethod, GrantRequest, InteractFinish,
    InteractRequest, StartMode, TokenValue,
};
use http::Method;
use outbound_http::Request;
use outside_text::check_line;
use serde::{Deserialize, Serialize};

use crate::call::{parse_told_url, parse_url, post_once};
use crate::error::ClientError;
use crate::grants::{GrantAnswer, GrantError, IssuedToken, TOLD_LENGTH_MAX};
use crate::incoming_payments::OpenPaymentsClient;

/// A grant that waits for its owner. It can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingGrant {
    /// Where the browser of the owner is sent.
    pub redirect: String,
    /// The URL to which the grant request was sent. It is a part of the hash.
    endpoint: String,
    client_nonce: String,
    interact_nonce: String,
    continue_uri: String,
    continue_token: TokenValue,
    wait_seconds: u64,
}

/// Why what a browser brought back is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the browser was not sent back by the authorization server that was asked")]
pub struct ForeignReturn;

/// A reference that the authorization server has given to the browser of the owner. It can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference(String);

impl PendingGrant {
    /// How long to wait before the grant is continued.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }

    /// Checks the hash with which the browser came back (RFC 9635 section 4.2.3).
    pub fn check_return(&self, interact_ref: &str, hash: &str) -> Result<Reference, ForeignReturn> {
        let expected = InteractionHash {
            client_nonce: &self.client_nonce,
            interact_nonce: &self.interact_nonce,
            interact_ref,
            grant_endpoint: &self.endpoint,
        };
        // A guess that succeeds gains nothing: the authorization server checks the reference, too.
        if expected.compute() == hash { Ok(Reference(interact_ref.to_owned())) } else { Err(ForeignReturn) }
    }
}

/// The answer to a request for consent. Servers may add members.
#[derive(Deserialize)]
struct Answer {
    interact: Option<Interact>,
    r#continue: Continue,
}

#[derive(Deserialize)]
struct Interact {
    redirect: String,
    finish: String,
}

#[derive(Deserialize)]
struct Continue {
    uri: String,
    access_token: ContinueToken,
    wait: Option<u64>,
}

#[derive(Deserialize)]
struct ContinueToken {
    value: TokenValue,
}

impl OpenPaymentsClient {
    /// Asks `auth_server` for a right that its owner must consent to. Afterwards the browser is sent to `finish`.
    ///
    /// `nonce` must be new and unguessable.
    pub async fn request_consent(
        &self,
        auth_server: &str,
        right: AccessItem,
        finish: &str,
        nonce: &str,
    ) -> Result<PendingGrant, GrantError> {
        let invalid = |error: &dyn ToString| GrantError::Request(error.to_string());
        let finish = InteractFinish { method: FinishMethod::Redirect, uri: finish.to_owned(), nonce: nonce.to_owned() };
        let identity = self.identity.parse().map_err(|error: gnap::InvalidUrl| invalid(&error))?;
        let request = GrantRequest {
            client: Client::WalletAddress(identity),
            access_token: Some(AccessTokenRequest { access: vec![right] }),
            subject: None,
            interact: Some(InteractRequest { start: vec![StartMode::Redirect], finish: Some(finish) }),
        };
        let call = Request::post_json(parse_url(auth_server)?, &request).map_err(|error| invalid(&error))?;
        let answer: Answer = self.public.caller.json(call.signed(self.signer.clone())).await?;
        let unusable = |reason: &dyn ToString| ClientError::unusable(auth_server, reason.to_string());
        let Some(interact) = answer.interact else {
            return Err(unusable(&"a payment was allowed without asking its owner").into());
        };
        let told = [&interact.redirect, &interact.finish, &answer.r#continue.uri];
        for text in told.into_iter().map(String::as_str).chain([answer.r#continue.access_token.value.expose()]) {
            check_line(text, TOLD_LENGTH_MAX).map_err(|bad| unusable(&format!("a member {bad}")))?;
        }
        // The browser follows it, so it must be an address of the web and nothing else.
        let redirect = url::Url::parse(&interact.redirect).map_err(|error| unusable(&error))?;
        if !matches!(redirect.scheme(), "http" | "https") {
            return Err(unusable(&"interact.redirect is not an http or https URL").into());
        }
        Ok(PendingGrant {
            redirect: redirect.into(),
            endpoint: auth_server.to_owned(),
            client_nonce: nonce.to_owned(),
            interact_nonce: interact.finish,
            continue_uri: answer.r#continue.uri,
            continue_token: answer.r#continue.access_token.value,
            wait_seconds: answer.r#continue.wait.unwrap_or(0),
        })
    }

    /// Continues a grant whose owner has consented.
    ///
    /// Who has lost the answer asks again with the same `key`, as in [`OpenPaymentsClient::rotate_token`].
    pub async fn continue_grant(
        &self,
        pending: &PendingGrant,
        reference: &Reference,
        key: &str,
    ) -> Result<IssuedToken, GrantError> {
        let body = ContinueRequest { interact_ref: Some(reference.0.clone()) };
        let call = post_once(parse_told_url(&pending.continue_uri)?, &body, Some(key))?;
        let call = call.authorization(&format!("GNAP {}", pending.continue_token.expose()));
        let answer: GrantAnswer = self.public.caller.json(call.signed(self.signer.clone())).await?;
        answer.issued(&pending.continue_uri)
    }

    /// Gives a grant back (RFC 9635 section 5.4). Its tokens end with it, also those that have not arrived here.
    pub async fn give_back_grant(&self, pending: &PendingGrant) -> Result<(), ClientError> {
        let call = Request::new(Method::DELETE, parse_told_url(&pending.continue_uri)?);
        let call = call.authorization(&format!("GNAP {}", pending.continue_token.expose()));
        self.public.caller.answer(call.signed(self.signer.clone())).await.map(drop)
    }
}
