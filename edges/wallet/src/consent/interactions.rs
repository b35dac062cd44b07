//! The interaction API of the authorization server: what an application asks for, and the answer of the customer.
//!
//! The wallet proves itself by the secret that both know, or as a service does. A browser gets neither.

use gnap::{AccessItem, Subject};
use http::{HeaderName, HeaderValue};
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use service_identity::CallerProof;
use url::Url;

const SECRET: HeaderName = HeaderName::from_static("x-idp-secret");
const PART_MAX: usize = 128;

/// Where the authorization server is, and how it knows this wallet.
#[derive(Clone)]
pub struct ConsentSettings {
    /// The public address, to which browsers are sent back.
    pub auth_server: Url,
    /// The interaction API, which is called by this process only.
    pub interactions: Url,
    /// The value of `x-idp-secret`, if it is a secret that proves who the wallet is.
    pub secret: Option<String>,
    /// What else proves it: a token, or the certificate of the connection.
    pub proof: CallerProof,
}

/// An interaction, by what its address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interaction {
    pub(crate) id: String,
    pub(crate) nonce: String,
}

/// What an application asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) grant_id: String,
    #[serde(default)]
    pub(crate) access: Vec<AccessItem>,
    pub(crate) subject: Option<Subject>,
    pub(crate) state: String,
    /// Of the client's wallet address, which the authorization server has read.
    pub(crate) client_name: Option<String>,
    pub(crate) client_uri: Option<String>,
}

/// The customer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allow,
    Deny,
}

impl Decision {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allowed",
            Self::Deny => "denied",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Allow => "accept",
            Self::Deny => "reject",
        }
    }
}

/// Why the authorization server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InteractionError {
    /// The address is wrong, or the application has taken its request back.
    #[error("there is no such request")]
    Unknown,
    /// It has expired, or was decided before.
    #[error("the request is over")]
    Over,
    /// The operator has to correct the secret, or the rights of this client.
    #[error("the authorization server refuses the proof of this wallet")]
    Proof,
    #[error("the authorization server does not answer: {0}")]
    Unreachable(String),
}

impl Interaction {
    /// Those parts of an address that can be an interaction.
    pub(crate) fn of(id: &str, nonce: &str) -> Option<Self> {
        let good = |text: &str| {
            (1..=PART_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        (good(id) && good(nonce)).then(|| Self { id: id.to_owned(), nonce: nonce.to_owned() })
    }
}

/// The client of the interaction API.
#[derive(Clone)]
pub(crate) struct Interactions {
    settings: ConsentSettings,
    http: Outbound,
}

impl Interactions {
    pub(crate) fn new(settings: ConsentSettings, http: Outbound) -> Self {
        Self { settings, http }
    }

    /// What is asked.
    pub(crate) async fn asked(&self, interaction: &Interaction) -> Result<Asked, InteractionError> {
        let response = self.call(Request::get(self.url(interaction, "")?)).await?;
        response.json().map_err(|error| InteractionError::Unreachable(error.to_string()))
    }

    /// Gives the answer. It can be given once.
    pub(crate) async fn decide(&self, interaction: &Interaction, decision: Decision) -> Result<(), InteractionError> {
        let url = self.url(interaction, &format!("/{}", decision.path()))?;
        self.call(Request::post(url)).await.map(drop)
    }

    /// Where the browser goes afterwards.
    pub(crate) fn finish(&self, interaction: &Interaction) -> String {
        let base = self.settings.auth_server.as_str().trim_end_matches('/');
        format!("{base}/interact/{}/{}/finish", interaction.id, interaction.nonce)
    }

    fn url(&self, interaction: &Interaction, rest: &str) -> Result<Url, InteractionError> {
        let base = self.settings.interactions.as_str().trim_end_matches('/');
        let text = format!("{base}/grant/{}/{}{rest}", interaction.id, interaction.nonce);
        text.parse().map_err(|_| InteractionError::Unknown)
    }

    async fn call(&self, request: Request) -> Result<outbound_http::Response, InteractionError> {
        let accept = HeaderValue::from_static("application/json, text/plain");
        let mut request = request.configured().header(http::header::ACCEPT, accept);
        if let Some(secret) = &self.settings.secret {
            let secret = HeaderValue::from_str(secret).map_err(|_| InteractionError::Proof)?;
            request = request.header(SECRET, secret);
        }
        let sent = self.settings.proof.send(&self.http, request).await;
        let response = sent.map_err(|error| InteractionError::Unreachable(error.to_string()))?;
        match response.status.as_u16() {
            200..=299 => Ok(response),
            400 => Err(InteractionError::Over),
            401 => {
                let text = response.excerpt();
                // The same status tells that the request was refused or taken back before.
                if text.contains("user_denied") { Err(InteractionError::Over) } else { Err(InteractionError::Proof) }
            }
            403 => Err(InteractionError::Proof),
            404 => Err(InteractionError::Unknown),
            status => Err(InteractionError::Unreachable(format!("status {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Interaction;

    #[test]
    fn parts_that_would_change_the_path_are_refused() {
        assert!(Interaction::of("8a7b-1", "0F3C").is_some());
        for bad in ["", "a/b", "..", "a?b", "a%2f", &"x".repeat(129)] {
            assert!(Interaction::of(bad, "n").is_none() && Interaction::of("i", bad).is_none(), "{bad}");
        }
    }
}
