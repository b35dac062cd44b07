//! Token introspection: the request of a resource server about a token, and the answer.
//!
//! It makes no calls. It follows RFC 7662 in the profile of Open Payments.

use serde::{Deserialize, Serialize};

use crate::access::{AccessItem, RequiredAccess};
use crate::client::Client;
use crate::grant::different_items;
use crate::parse::{InvalidBody, parse, present};
use crate::secret::TokenValue;

/// The request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntrospectionRequest {
    /// The token that was presented to the resource server.
    pub access_token: TokenValue,
    /// The rights that this request needs.
    #[serde(default, deserialize_with = "required_items", skip_serializing_if = "Option::is_none")]
    pub access: Option<Vec<RequiredAccess>>,
}

fn required_items<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<RequiredAccess>>, D::Error> {
    let items: Vec<RequiredAccess> = different_items(deserializer)?;
    if items.iter().any(|item| item.actions.as_slice().is_empty()) {
        return Err(serde::de::Error::custom("actions must NOT be empty"));
    }
    Ok(Some(items))
}

impl IntrospectionRequest {
    /// Reads a request body and checks it against the schema.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        parse(body)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WireTokenInfo", into = "WireTokenInfo")]
pub enum TokenInfo {
    /// The token is unknown, expired or revoked, or its grant is no longer valid.
    Inactive,
    /// The token is valid for the listed rights.
    Active(ActiveToken),
}

/// The data of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveToken {
    /// The grant behind the token.
    pub grant: String,
    /// For each required item that is covered, in the order of the request: the granted item that covers it.
    pub access: Vec<AccessItem>,
    /// The client that may present the token.
    pub client: Client,
    /// The tenant that issued it. Some servers leave it out.
    pub tenant_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WireTokenInfo {
    Active {
        active: bool,
        grant: String,
        access: Vec<AccessItem>,
        client: Client,
        #[serde(rename = "tenantId", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
    },
    Inactive {
        active: IsFalse,
    },
}

/// The literal `false`, so that `{"active": true}` without the rest is malformed instead of inactive.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
#[derive(Clone, Copy)]
struct IsFalse;

impl TryFrom<bool> for IsFalse {
    type Error = &'static str;
    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Err("an active token has a grant, access and client") } else { Ok(Self) }
    }
}

impl From<IsFalse> for bool {
    fn from(_: IsFalse) -> Self {
        false
    }
}

impl From<WireTokenInfo> for TokenInfo {
    fn from(wire: WireTokenInfo) -> Self {
        match wire {
            WireTokenInfo::Active { active: true, grant, access, client, tenant_id } => {
                Self::Active(ActiveToken { grant, access, client, tenant_id })
            }
            WireTokenInfo::Active { .. } | WireTokenInfo::Inactive { .. } => Self::Inactive,
        }
    }
}

impl From<TokenInfo> for WireTokenInfo {
    fn from(info: TokenInfo) -> Self {
        match info {
            TokenInfo::Inactive => Self::Inactive { active: IsFalse },
            TokenInfo::Active(ActiveToken { grant, access, client, tenant_id }) => {
                Self::Active { active: true, grant, access, client, tenant_id }
            }
        }
    }
}
