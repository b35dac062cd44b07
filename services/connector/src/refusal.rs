//! Why a packet goes no further, in the words of ILP (RFC 27).
//!
//! Layers return refusals; one place turns them into Reject octets.

use std::borrow::Cow;

use bytes::Bytes;
use ilp_packet::{AddressRef, AmountTooLarge, ErrorCode, Reject};

/// A Reject in the making.
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

    /// F02: the account is here, but it takes no money, or none any more.
    pub(crate) fn takes_no_money() -> Self {
        Self::new(ErrorCode::F02Unreachable, "destination account is in an incorrect state")
    }

    /// R00: the packet's time is over.
    pub(crate) fn expired() -> Self {
        Self::new(ErrorCode::R00TransferTimedOut, "packet expired.")
    }

    /// F08: more than the source may send at once.
    pub(crate) fn too_large(received: u64, maximum: u64) -> Self {
        let message = format!("packet size too large. maxAmount={maximum} actualAmount={received}");
        let detail = Some(AmountTooLarge { received, maximum });
        Self { detail, ..Self::new(ErrorCode::F08AmountTooLarge, message) }
    }

    /// The Reject as `triggered_by` sends it.
    pub(crate) fn encode(&self, triggered_by: AddressRef<'_>) -> Bytes {
        let data = self.detail.map(|detail| detail.encode());
        let data = data.as_ref().map_or(&[][..], |data| data);
        Reject::new(self.code, triggered_by).with_message(&self.message).with_data(data).encode().into()
    }
}
