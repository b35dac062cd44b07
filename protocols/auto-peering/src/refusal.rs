//! The refusal of a request for peering, in the words that both sides know. JSON (RFC 8259).
//!
//! It does not decide about a request.

use serde_json::{Value, json};

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The node has no asset of that code and scale.
    UnknownAsset,
    /// The address or endpoint of the sender cannot be used.
    InvalidPeerIlpConfiguration,
    /// Another reason.
    InvalidPeeringRequest,
    /// The node gets too many requests. Only this program sends this kind.
    TooManyRequests,
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub kind: RefusalKind,
    /// The address of the refusing node, if it knows the sender as its peer and wants proof. Only this program sends
    /// it.
    pub proof_wanted_by: Option<String>,
}

const KINDS: [RefusalKind; 4] = [
    RefusalKind::UnknownAsset,
    RefusalKind::InvalidPeerIlpConfiguration,
    RefusalKind::InvalidPeeringRequest,
    RefusalKind::TooManyRequests,
];

impl RefusalKind {
    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownAsset => 404,
            Self::InvalidPeerIlpConfiguration | Self::InvalidPeeringRequest => 400,
            Self::TooManyRequests => 429,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::UnknownAsset => "UnknownAsset",
            Self::InvalidPeerIlpConfiguration => "InvalidPeerIlpConfiguration",
            Self::InvalidPeeringRequest => "InvalidPeeringRequest",
            Self::TooManyRequests => "TooManyRequests",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::UnknownAsset => "Unknown asset",
            Self::InvalidPeerIlpConfiguration => "Requested peer's ILP configuration is misconfigured",
            Self::InvalidPeeringRequest => "Invalid peering request",
            Self::TooManyRequests => "Too many requests",
        }
    }
}

impl Refusal {
    /// A refusal without a request for proof.
    pub const fn new(kind: RefusalKind) -> Self {
        Self { kind, proof_wanted_by: None }
    }

    /// Reads the body of an answer; `None` if it is no refusal in this form.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let error = &json["error"];
        let kind = KINDS.into_iter().find(|kind| error["type"] == kind.name())?;
        Some(Self { kind, proof_wanted_by: error["staticIlpAddress"].as_str().map(str::to_owned) })
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let (kind, code) = (self.kind.name(), self.kind.status());
        let mut error = json!({"code": code, "message": self.kind.message(), "type": kind});
        if let Some(address) = &self.proof_wanted_by {
            error["staticIlpAddress"] = json!(address);
        }
        json!({"error": error})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_is_written() {
        for kind in KINDS {
            let refusal = Refusal::new(kind);
            assert_eq!(Refusal::parse(refusal.to_json().to_string().as_bytes()), Some(refusal));
        }
        let wanted =
            Refusal { kind: RefusalKind::InvalidPeeringRequest, proof_wanted_by: Some("test.bank".to_owned()) };
        assert_eq!(Refusal::parse(wanted.to_json().to_string().as_bytes()), Some(wanted));
        assert_eq!(
            Refusal::new(RefusalKind::UnknownAsset).to_json(),
            json!({"error": {"code": 404, "message": "Unknown asset", "type": "UnknownAsset"}})
        );
        for other in ["<html>", "{}", r#"{"error": {"type": "Other"}}"#, "null"] {
            assert_eq!(Refusal::parse(other.as_bytes()), None, "{other}");
        }
    }
}
