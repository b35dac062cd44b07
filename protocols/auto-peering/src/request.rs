//! The request of a node that wants to become a peer: its address (RFC 15), endpoint and token (RFC 35).
//!
//! It is not judged here.

use ilp_packet::Address;
use money::Asset;
use outside_text::check_line;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::endpoint::is_endpoint;
use crate::{LINE_MAX, RefusalKind};

/// A request for peering. Each member is valid by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PeeringRequest {
    /// The address of the sender.
    pub static_ilp_address: Address,
    /// The URL to which its packets are posted.
    pub ilp_connector_url: String,
    /// The asset of the peering.
    pub asset: Asset,
    /// The token that it will present with its packets.
    pub http_token: String,
    /// The largest packet it will send.
    pub max_packet_amount: Option<u64>,
    /// Its name.
    pub name: Option<String>,
}

/// Why a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRequest {
    /// It is not JSON.
    #[error("the body is not JSON")]
    NoJson,
    /// A member is missing or has the wrong form.
    #[error("a member of the request is missing or cannot be used")]
    Member,
    /// The address or the endpoint cannot be used.
    #[error("the address or the endpoint cannot be used")]
    Configuration,
}

impl UnreadableRequest {
    /// The refusal to send; `None` if the body is not JSON. Such a request gets no answer in this form.
    pub fn refusal(self) -> Option<RefusalKind> {
        match self {
            Self::NoJson => None,
            Self::Member => Some(RefusalKind::InvalidPeeringRequest),
            Self::Configuration => Some(RefusalKind::InvalidPeerIlpConfiguration),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    static_ilp_address: String,
    ilp_connector_url: String,
    asset: DocumentAsset,
    http_token: String,
    max_packet_amount: Option<u64>,
    name: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct DocumentAsset {
    code: String,
    scale: u8,
}

impl PeeringRequest {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableRequest> {
        let json: Value = serde_json::from_slice(body).map_err(|_| UnreadableRequest::NoJson)?;
        let document: Document = serde_json::from_value(json).map_err(|_| UnreadableRequest::Member)?;
        let asset = Asset::new(&document.asset.code, document.asset.scale).map_err(|_| UnreadableRequest::Member)?;
        if !is_token(&document.http_token) || !document.name.as_deref().is_none_or(is_name) {
            return Err(UnreadableRequest::Member);
        }
        // The database stores amounts as signed integers, so larger ones are refused.
        let amount = document.max_packet_amount.filter(|amount| *amount > 0);
        if amount.is_some_and(|amount| i64::try_from(amount).is_err()) {
            return Err(UnreadableRequest::Member);
        }
        if !is_endpoint(&document.ilp_connector_url) {
            return Err(UnreadableRequest::Configuration);
        }
        Ok(Self {
            static_ilp_address: document.static_ilp_address.parse().map_err(|_| UnreadableRequest::Configuration)?,
            ilp_connector_url: document.ilp_connector_url,
            asset,
            http_token: document.http_token,
            max_packet_amount: amount,
            name: document.name,
        })
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        json!({
            "staticIlpAddress": self.static_ilp_address.as_str(),
            "ilpConnectorUrl": self.ilp_connector_url,
            "asset": DocumentAsset { code: self.asset.code.to_string(), scale: self.asset.scale },
            "httpToken": self.http_token,
            "maxPacketAmount": self.max_packet_amount,
            "name": self.name,
        })
    }
}

/// What can be sent as a bearer token: visible ASCII.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=LINE_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

pub(crate) fn is_name(text: &str) -> bool {
    check_line(text, LINE_MAX).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        json!({
            "staticIlpAddress": "test.bob",
            "ilpConnectorUrl": "http://bob.example/ilp",
            "asset": {"code": "USD", "scale": 2},
            "httpToken": "t",
        })
    }

    fn parse(document: &Value) -> Result<PeeringRequest, UnreadableRequest> {
        PeeringRequest::parse(document.to_string().as_bytes())
    }

    fn with(member: &str, value: Value) -> Value {
        let mut document = request();
        document[member] = value;
        document
    }

    #[test]
    fn a_request_is_read_as_it_is_written() {
        let full = PeeringRequest {
            static_ilp_address: "test.bob".parse().unwrap(),
            ilp_connector_url: "http://bob.example/ilp".to_owned(),
            asset: Asset::new("USD", 2).unwrap(),
            http_token: "t".to_owned(),
            max_packet_amount: Some(5),
            name: Some("Bob".to_owned()),
        };
        assert!(parse(&full.to_json()) == Ok(full.clone()));
        assert_eq!(full.to_json()["maxPacketAmount"], 5);
        let bare = PeeringRequest { max_packet_amount: None, name: None, ..full };
        assert!(parse(&bare.to_json()) == Ok(bare.clone()));
        assert_eq!(bare.to_json()["maxPacketAmount"], Value::Null, "said, as published senders do");
    }

    #[test]
    fn what_is_not_needed_may_be_missing_and_what_is_unknown_is_passed_over() {
        assert!(parse(&request()).is_ok());
        assert!(parse(&with("more", json!([1]))).is_ok());
        for unlimited in [json!(0), Value::Null] {
            assert_eq!(parse(&with("maxPacketAmount", unlimited)).ok().map(|read| read.max_packet_amount), Some(None));
        }
    }

    #[test]
    fn every_member_is_judged() {
        let wrong = [
            ("asset", Value::Null),
            ("asset", json!({"code": "USD", "scale": "2"})),
            ("asset", json!({"code": "USD", "scale": 256})),
            ("httpToken", Value::Null),
            ("httpToken", json!("")),
            ("httpToken", json!("a b")),
            ("httpToken", json!("x".repeat(256))),
            ("maxPacketAmount", json!(1.5)),
            ("maxPacketAmount", json!(-1)),
            ("maxPacketAmount", json!("5")),
            ("maxPacketAmount", json!(u64::MAX)),
            ("name", json!("a\u{0}")),
            ("staticIlpAddress", json!(7)),
        ];
        for (member, value) in wrong {
            assert_eq!(parse(&with(member, value.clone())).err(), Some(UnreadableRequest::Member), "{member} {value}");
        }
        for (member, value) in [("staticIlpAddress", "bob"), ("staticIlpAddress", "test"), ("ilpConnectorUrl", "bob")] {
            let refused = parse(&with(member, json!(value))).err();
            assert_eq!(refused, Some(UnreadableRequest::Configuration), "{member} {value}");
        }
        assert_eq!(PeeringRequest::parse(b"{").err(), Some(UnreadableRequest::NoJson));
        assert_eq!(PeeringRequest::parse(b"").err(), Some(UnreadableRequest::NoJson));
        assert_eq!(PeeringRequest::parse(b"[]").err(), Some(UnreadableRequest::Member));
    }
}
