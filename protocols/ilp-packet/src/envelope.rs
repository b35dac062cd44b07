//! The envelope that all packets share: a type octet and the length of the contents (RFC 27).
//!
//! It does not parse the packets: each type has its own file.

use crate::address::InvalidAddress;
use crate::error_code::InvalidErrorCode;
use crate::expiry::InvalidExpiry;
use crate::oer::{self, OerError, Reader};

/// The first octet of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// 12
    Prepare,
    /// 13
    Fulfill,
    /// 14
    Reject,
}

impl PacketType {
    /// The type octet.
    pub const fn octet(self) -> u8 {
        match self {
            Self::Prepare => 12,
            Self::Fulfill => 13,
            Self::Reject => 14,
        }
    }

    /// The type of a type octet.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            12 => Some(Self::Prepare),
            13 => Some(Self::Fulfill),
            14 => Some(Self::Reject),
            _ => None,
        }
    }
}

/// Why octets are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The type octet is another than expected, or none at all.
    #[error("the packet type is not one expected here")]
    UnexpectedType,
    /// A field is cut short or its length is not canonical.
    #[error(transparent)]
    Field(#[from] OerError),
    /// The expiry of a Prepare.
    #[error(transparent)]
    Expiry(#[from] InvalidExpiry),
    /// The destination of a Prepare, or the triggering node of a Reject.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The code of a Reject.
    #[error(transparent)]
    Code(#[from] InvalidErrorCode),
}

/// Checks type and length, and reads the contents. Octets after the contents are ignored.
pub(crate) fn open(octets: &[u8], expected: PacketType) -> Result<Reader<'_>, ParseError> {
    let mut envelope = Reader::new(octets);
    if envelope.u8()? != expected.octet() {
        return Err(ParseError::UnexpectedType);
    }
    Ok(Reader::new(envelope.var_octets()?))
}

/// A buffer of the right capacity holding the envelope of `length` octets of contents.
pub(crate) fn start(kind: PacketType, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + oer::var_octets_length(length));
    out.push(kind.octet());
    oer::put_length(&mut out, length);
    out
}
