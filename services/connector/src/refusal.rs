//! Why a packet is refused, in the terms of ILP (RFC 27).
//!
//! Layers return refusals. One place turns them into Reject octets.

use std::borrow::Cow;

use bytes::Bytes;
use ilp_packet::{AddressRef, AmountTooLarge, ErrorCode, Reject};

/// The content of a Reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    detail: Option<AmountTooLarge>,
}

impl Refusal {
    /// A refusal with this code and message.
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// T00: something failed here. The cause is logged and not disclosed.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::T00InternalError, "unexpected internal error")
    }

    /// F02: no account here and no route has this address.
    pub(crate) fn unknown_destination() -> Self {
        Self::new(ErrorCode::F02Unreachable, "unknown destination account")
    }

    /// F02: the account is here, but it accepts no money, or no more.
    pub(crate) fn takes_no_money() -> Self {
        Self::new(ErrorCode::F02Unreachable, "destination account is in an incorrect state")
    }

    /// R00: the packet has expired.
    pub(crate) fn expired() -> Self {
        Self::new(ErrorCode::R00TransferTimedOut, "packet expired.")
    }

    /// F08: more than the source may send at once.
    pub(crate) fn too_large(received: u64, maximum: u64) -> Self {
        let message = format!("packet size too large. maxAmount={maximum} actualAmount={received}");
        let detail = Some(AmountTooLarge { received, maximum });
        Self { detail, ..Self::new(ErrorCode::F08AmountTooLarge, message) }
    }

    /// The Reject as sent by the node `triggered_by`.
    pub(crate) fn encode(&self, triggered_by: AddressRef<'_>) -> Bytes {
        let data = self.detail.map(|detail| detail.encode());
        let data = data.as_ref().map_or(&[][..], |data| data);
        Reject::new(self.code, triggered_by).with_message(&self.message).with_data(data).encode().into()
    }
}
