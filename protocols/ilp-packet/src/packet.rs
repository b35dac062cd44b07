//! A packet of any type (RFC 27).
//!
//! It does not parse the contents: each type has its own file.

use crate::envelope::{PacketType, ParseError};
use crate::{Fulfill, Prepare, Reject};

/// Any packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A request for a conditional transfer.
    Prepare(Prepare<'a>),
    /// The transfer happened.
    Fulfill(Fulfill<'a>),
    /// The transfer did not happen.
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
    /// The transfer did not happen.
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
