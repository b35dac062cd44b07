//! The answer of a node that has become a peer: its address (RFC 15), endpoint and token (RFC 35).
//!
//! It is not stored here.

use ilp_packet::Address;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::endpoint::is_endpoint;
use crate::request::{is_name, is_token};

/// The answer to a granted request. Each member is valid by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PeeringReply {
    /// The address of the answering node.
    pub static_ilp_address: Address,
    /// The URL to which its packets are posted.
    pub ilp_connector_url: String,
    /// The token that it will present with its packets.
    pub http_token: String,
    /// Its name.
    pub name: Option<String>,
    /// The tenant whose peer it is, if the answer says so.
    pub tenant_id: Option<Uuid>,
}

/// The answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not JSON with a usable address, endpoint and token")]
pub struct UnusableReply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    static_ilp_address: String,
    ilp_connector_url: String,
    http_token: String,
    name: Option<String>,
    tenant_id: Option<Uuid>,
}

impl PeeringReply {
    /// Reads the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, UnusableReply> {
        let document: Document = serde_json::from_slice(body).map_err(|_| UnusableReply)?;
        let usable = is_endpoint(&document.ilp_connector_url) && is_token(&document.http_token);
        if !usable || !document.name.as_deref().is_none_or(is_name) {
            return Err(UnusableReply);
        }
        Ok(Self {
            static_ilp_address: document.static_ilp_address.parse().map_err(|_| UnusableReply)?,
            ilp_connector_url: document.ilp_connector_url,
            http_token: document.http_token,
            name: document.name,
            tenant_id: document.tenant_id,
        })
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        json!({
            "staticIlpAddress": self.static_ilp_address.as_str(),
            "ilpConnectorUrl": self.ilp_connector_url,
            "httpToken": self.http_token,
            "name": self.name,
            "tenantId": self.tenant_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_is_written_and_must_be_usable() {
        let reply = PeeringReply {
            static_ilp_address: "test.bob".parse().unwrap(),
            ilp_connector_url: "http://bob.example/ilp".to_owned(),
            http_token: "t".to_owned(),
            name: Some("Bob".to_owned()),
            tenant_id: Some(Uuid::from_u128(1)),
        };
        let parse = |document: &Value| PeeringReply::parse(document.to_string().as_bytes());
        assert!(parse(&reply.to_json()) == Ok(reply.clone()));
        for (member, value) in [("staticIlpAddress", "bob"), ("ilpConnectorUrl", "bob"), ("httpToken", "")] {
            let mut document = reply.to_json();
            document[member] = json!(value);
            assert!(parse(&document) == Err(UnusableReply), "{member}");
        }
        assert!(PeeringReply::parse(b"<html>") == Err(UnusableReply));
    }
}
