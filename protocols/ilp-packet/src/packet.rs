//! The envelope all packets share, and the choice between them (RFC 27).

use crate::address::InvalidAddress;
use crate::error_code::InvalidErrorCode;
use crate::expiry::InvalidExpiry;
use crate::oer::{self, OerError, Reader};
use crate::{Fulfill, Prepare, Reject};

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

/// Checks type and length, and reads the contents. What follows the contents is ignored.
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

/// Any packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A conditional transfer asked for.
    Prepare(Prepare<'a>),
    /// It happened.
    Fulfill(Fulfill<'a>),
    /// It did not.
    Reject(Reject<'a>),
}

impl<'a> Packet<'a> {
    /// Parses any packet.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first().copied().and_then(PacketType::from_octet) {
            Some(PacketType::Prepare) => Prepare::parse(octets).map(Self::Prepare),
            Some(PacketType::Fulfill) => Fulfill::parse(octets).map(Self::Fulfill),
            Some(PacketType::Reject) => Reject::parse(octets).map(Self::Reject),
            None => Err(ParseError::UnexpectedType),
        }
    }
}

/// The answer to a Prepare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The transfer happened.
    Fulfill(Fulfill<'a>),
    /// It did not.
    Reject(Reject<'a>),
}

impl<'a> Reply<'a> {
    /// Parses a Fulfill or Reject.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first() {
            Some(13) => Fulfill::parse(octets).map(Self::Fulfill),
            _ => Reject::parse(octets).map(Self::Reject),
        }
    }

    /// The data of either.
    pub fn data(&self) -> &'a [u8] {
        match self {
            Self::Fulfill(fulfill) => fulfill.data,
            Self::Reject(reject) => reject.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{AddressRef, AmountTooLarge, ErrorCode, Fulfillment, ildcp};

    fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..most)
    }

    proptest! {
        #[test]
        fn a_fulfill_is_read_back_as_written(fulfillment in any::<[u8; 32]>(), data in octets(600), trailing in octets(5)) {
            let fulfill = Fulfill { fulfillment: Fulfillment::new(fulfillment), data: &data };
            let written = [fulfill.encode(), trailing].concat();
            prop_assert_eq!(Packet::parse(&written), Ok(Packet::Fulfill(fulfill)));
            prop_assert_eq!(Reply::parse(&written), Ok(Reply::Fulfill(fulfill)));
            prop_assert!(Reject::parse(&written).is_err());
        }

        #[test]
        fn a_reject_is_read_back_as_written(
            code in prop::sample::select(ErrorCode::KNOWN), other in prop::option::of("[ -~]{3}"),
            triggered_by in prop::option::of("(g|test)(\\.[A-Za-z0-9_~-]{1,80}){1,4}"),
            message in octets(200), data in octets(600), trailing in octets(5),
        ) {
            let code = other.map_or(code, |other| other.parse().unwrap());
            let triggered_by = triggered_by.as_deref().map(|address| AddressRef::new(address).unwrap());
            let reject = Reject { code, triggered_by, message: &message, data: &data };
            let written = [reject.encode(), trailing].concat();
            prop_assert_eq!(Packet::parse(&written), Ok(Packet::Reject(reject)));
            prop_assert_eq!(Reply::parse(&written), Ok(Reply::Reject(reject)));
        }

        #[test]
        fn no_octets_make_a_reader_panic(kind in 11u8..16, input in octets(200)) {
            // Most of the time under a type octet some reader looks behind.
            let typed = [&[kind][..], &input].concat();
            for octets in [&input, &typed] {
                if let Ok(Packet::Reject(reject)) = Packet::parse(octets) {
                    let _ = (reject.message_text(), AmountTooLarge::parse(reject.data));
                }
                let _ = (Reply::parse(octets), ildcp::AccountDetails::parse(octets), AddressRef::from_octets(octets));
            }
        }
    }
}
