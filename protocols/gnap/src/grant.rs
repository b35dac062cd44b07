//! `POST /{tenant}` and `POST /continue/{id}`: the requests for a grant and for its continuation.
//!
//! RFC 9635 sections 2, 3 and 5 in the Open Payments profile (auth-server API 1.3).

use serde::{Deserialize, Serialize};
use web_url::URL_LENGTH_MAX;

use crate::access::{ACCESS_ITEMS_MAX, AccessItem};
use crate::client::Client;
use crate::parse::{InvalidBody, parse, present};
use crate::secret::TokenValue;

/// The longest client nonce and subject id accepted, in octets.
pub(crate) const TEXT_LENGTH_MAX: usize = 255;

/// The request for a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRequest {
    /// The client.
    pub client: Client,
    /// The requested rights.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessTokenRequest>,
    /// The requested statement about the resource owner.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// How the owner can give consent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interact: Option<InteractRequest>,
}

impl GrantRequest {
    /// Reads a request body and checks it against the schema.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let request: Self = parse(body)?;
        match (&request.access_token, &request.subject, &request.interact) {
            (None, None, _) => return Err(InvalidBody::missing("", "access_token")),
            (None, Some(_), None) => return Err(InvalidBody::missing("", "interact")),
            _ => {}
        }
        let finish = request.interact.as_ref().and_then(|interact| interact.finish.as_ref());
        if let Some(finish) = finish {
            InvalidBody::check_length("interact.finish.uri", &finish.uri, URL_LENGTH_MAX)?;
            InvalidBody::check_length("interact.finish.nonce", &finish.nonce, TEXT_LENGTH_MAX)?;
        }
        for subject in request.subject.iter().flat_map(|subject| &subject.sub_ids) {
            InvalidBody::check_length("subject.sub_ids.0.id", &subject.id, TEXT_LENGTH_MAX)?;
        }
        Ok(request)
    }

    /// The requested rights; none if no token is requested.
    pub fn access(&self) -> &[AccessItem] {
        self.access_token.as_ref().map_or(&[], |token| &token.access)
    }
}

/// The requested token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenRequest {
    /// At most three different rights.
    #[serde(deserialize_with = "different_items")]
    pub access: Vec<AccessItem>,
}

pub(crate) fn different_items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + PartialEq,
{
    let items = Vec::<T>::deserialize(deserializer)?;
    if items.len() > ACCESS_ITEMS_MAX {
        return Err(serde::de::Error::custom(format_args!("must NOT have more than {ACCESS_ITEMS_MAX} items")));
    }
    if items.iter().enumerate().any(|(i, item)| items[..i].contains(item)) {
        return Err(serde::de::Error::custom("must NOT have duplicate items"));
    }
    Ok(items)
}

/// The statement that the owner has these identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Exactly one in requests.
    #[serde(deserialize_with = "one_subject")]
    pub sub_ids: Vec<SubjectId>,
}

fn one_subject<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<SubjectId>, D::Error> {
    let ids = Vec::<SubjectId>::deserialize(deserializer)?;
    if ids.len() == 1 { Ok(ids) } else { Err(serde::de::Error::custom("must have exactly 1 item")) }
}

/// An identifier of a person: the URL of a wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectId {
    /// The identifier.
    pub id: String,
    /// Its form.
    pub format: SubjectFormat,
}

/// The form of a subject identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectFormat {
    /// A URI.
    Uri,
}

/// How the owner can be redirected to the consent page, and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractRequest {
    /// The ways to start that the client offers.
    pub start: Vec<StartMode>,
    /// How the client is informed of the end of the interaction. Without it, or with `null`, which published clients
    /// send, the client polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<InteractFinish>,
}

/// A way to start an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartMode {
    /// The browser is redirected to a URL.
    Redirect,
}

/// Where the browser goes at the end of the interaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractFinish {
    /// The way to end it.
    pub method: FinishMethod,
    /// The URL.
    pub uri: String,
    /// The client's part of the interaction hash.
    pub nonce: String,
}

/// A way to end an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishMethod {
    /// The browser is redirected back.
    Redirect,
}

/// The answer to a grant request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GrantResponse {
    /// The owner must consent first.
    Pending {
        /// The URL for the browser.
        interact: InteractInstructions,
        /// How to continue afterwards.
        r#continue: Continuation,
    },
    /// The grant is issued at once.
    Approved {
        /// The token.
        access_token: AccessToken,
        /// How to cancel the grant.
        r#continue: Continuation,
    },
}

/// How to redirect the owner to the consent page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractInstructions {
    /// The URL for the browser.
    pub redirect: String,
    /// The server's part of the interaction hash.
    pub finish: String,
}

/// How to continue a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuation {
    /// The token that authorises it.
    pub access_token: ContinueToken,
    /// The URL.
    pub uri: String,
    /// Seconds to wait before the next continuation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

/// The continuation access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueToken {
    /// Its value, sent as `Authorization: GNAP <value>`.
    pub value: TokenValue,
}

/// A token for the resource server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// The rights.
    pub access: Vec<AccessItem>,
    /// Its value, sent as `Authorization: GNAP <value>`.
    pub value: TokenValue,
    /// The URL at which it is rotated and revoked.
    pub manage: String,
    /// Seconds from its issue to its expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// The body of a continuation: empty when polling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueRequest {
    /// The reference that the browser brought back.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interact_ref: Option<String>,
}

/// The body of a continuation, as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContinueStep {
    /// No body, or an empty object: the client asks whether the owner has decided.
    Poll,
    /// The reference that the browser brought back.
    Interacted(String),
    /// A body without a reference.
    Unreferenced,
}

impl ContinueStep {
    /// Reads a request body, which may be absent.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::Poll);
        }
        let members: serde_json::Map<String, serde_json::Value> = parse(body)?;
        if members.is_empty() {
            return Ok(Self::Poll);
        }
        Ok(parse::<ContinueRequest>(body)?.interact_ref.map_or(Self::Unreferenced, Self::Interacted))
    }
}

/// The answer to a continuation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueResponse {
    /// The token, once the owner consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessToken>,
    /// The statement about the owner, once the owner consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// How to continue or cancel.
    pub r#continue: Continuation,
}

/// The answer to `POST /token/{id}`, a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The new token.
    pub access_token: AccessToken,
}
