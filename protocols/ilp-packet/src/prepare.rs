//! The Prepare packet (RFC 27): parsed in place, built, and patched for forwarding.
//! The replies are in `fulfill` and `reject`.

use bytes::{Bytes, BytesMut};
use clock::Timestamp;

use crate::address::AddressRef;
use crate::envelope::{self, PacketType, ParseError};
use crate::{Condition, expiry, oer};

/// amount (8), expiry (17) and condition (32) come first and have fixed sizes.
const FIXED: usize = 57;
const EXPIRY_OFFSET: usize = 8;
const EXPIRY_END: usize = 25;

/// A request for a conditional transfer of `amount`, borrowed from the octets that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepare<'a> {
    /// The amount, in the smallest unit of the asset of this hop.
    pub amount: u64,
    /// The instant at which the sender of this hop takes the money back.
    pub expires_at: Timestamp,
    /// The hash of the requested fulfillment.
    pub execution_condition: Condition,
    /// The destination of the money.
    pub destination: AddressRef<'a>,
    /// End-to-end data.
    pub data: &'a [u8],
}

impl<'a> Prepare<'a> {
    /// Parses a Prepare without copying. Trailing octets are ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut contents = envelope::open(octets, PacketType::Prepare)?;
        Ok(Self {
            amount: contents.u64()?,
            expires_at: expiry::decode(contents.array()?)?,
            execution_condition: Condition::new(*contents.array()?),
            destination: AddressRef::from_octets(contents.var_octets()?)?,
            data: contents.var_octets()?,
        })
    }

    /// The packet as octets.
    pub fn encode(&self) -> Vec<u8> {
        let destination = self.destination.as_str().as_bytes();
        let length = FIXED + oer::var_octets_length(destination.len()) + oer::var_octets_length(self.data.len());
        let mut out = envelope::start(PacketType::Prepare, length);
        out.extend_from_slice(&self.amount.to_be_bytes());
        out.extend_from_slice(&expiry::encode(self.expires_at));
        out.extend_from_slice(self.execution_condition.as_bytes());
        oer::put_var_octets(&mut out, destination);
        oer::put_var_octets(&mut out, self.data);
        out
    }
}

/// A parsed Prepare together with its octets, for a node that forwards it.
///
/// It is parsed once. Amount and expiry are patched in place and no other octet ever changes, trailing octets included.
/// The octets are copied only if they are shared at the first patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareBuf {
    octets: Bytes,
    /// The position at which the contents start.
    header: usize,
    amount: u64,
    expires_at: Timestamp,
    destination: (usize, usize),
    data: (usize, usize),
}

impl PrepareBuf {
    /// Parses `octets` and keeps them.
    pub fn parse<O: Into<Bytes>>(octets: O) -> Result<Self, ParseError> {
        let octets = octets.into();
        let prepare = Prepare::parse(&octets)?;
        let span = |part: &[u8]| {
            let start = part.as_ptr().addr() - octets.as_ptr().addr();
            (start, start + part.len())
        };
        let destination = span(prepare.destination.as_str().as_bytes());
        let data = span(prepare.data);
        let header = destination.0 - oer::length_of_length(destination.1 - destination.0) - FIXED;
        let (amount, expires_at) = (prepare.amount, prepare.expires_at);
        Ok(Self { octets, header, amount, expires_at, destination, data })
    }

    /// The amount, in the smallest unit of the asset of this hop.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// The instant at which the sender of this hop takes the money back.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The hash of the requested fulfillment.
    pub fn execution_condition(&self) -> Condition {
        let mut condition = [0; 32];
        condition.copy_from_slice(&self.octets[self.header + EXPIRY_END..self.header + FIXED]);
        Condition::new(condition)
    }

    /// The destination of the money.
    pub fn destination(&self) -> AddressRef<'_> {
        AddressRef::already_valid(&self.octets[self.destination.0..self.destination.1])
    }

    /// End-to-end data.
    pub fn data(&self) -> &[u8] {
        &self.octets[self.data.0..self.data.1]
    }

    /// A view of the packet's fields.
    pub fn as_prepare(&self) -> Prepare<'_> {
        Prepare {
            amount: self.amount,
            expires_at: self.expires_at,
            execution_condition: self.execution_condition(),
            destination: self.destination(),
            data: self.data(),
        }
    }

    /// Replaces the amount, in place.
    pub fn set_amount(&mut self, amount: u64) {
        self.amount = amount;
        self.patch(0, &amount.to_be_bytes());
    }

    /// Replaces the expiry, in place. Instants outside the years 0 to 9999 are written as the nearer end.
    pub fn set_expires_at(&mut self, expires_at: Timestamp) {
        self.expires_at = expires_at;
        let digits = expiry::encode(expires_at);
        self.patch(EXPIRY_OFFSET, &digits);
    }

    fn patch(&mut self, at: usize, part: &[u8]) {
        let octets = std::mem::take(&mut self.octets);
        let mut octets = octets.try_into_mut().unwrap_or_else(|held| BytesMut::from(&*held));
        let from = self.header + at;
        octets[from..from + part.len()].copy_from_slice(part);
        self.octets = octets.freeze();
    }

    /// The octets to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// The octets to send, shared.
    pub fn to_bytes(&self) -> Bytes {
        self.octets.clone()
    }

    /// The octets to send. The packet is consumed.
    pub fn into_bytes(self) -> Bytes {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prepares() -> impl Strategy<Value = Vec<u8>> {
        let data = prop::collection::vec(any::<u8>(), 0..600);
        (any::<u64>(), 0i64..4_000_000_000_000, any::<[u8; 32]>(), "(g|test|peer)(\\.[A-Za-z0-9_~-]{1,80}){1,4}", data)
            .prop_map(|(amount, expiry, condition, destination, data)| {
                let prepare = Prepare {
                    amount,
                    expires_at: Timestamp::from_millis(expiry),
                    execution_condition: Condition::new(condition),
                    destination: AddressRef::new(&destination).unwrap(),
                    data: &data,
                };
                let octets = prepare.encode();
                assert_eq!(Prepare::parse(&octets), Ok(prepare));
                octets
            })
    }

    proptest! {
        #[test]
        fn a_patched_packet_differs_in_amount_and_expiry_only(
            octets in prepares(), trailing in prop::collection::vec(any::<u8>(), 0..5),
            amount in any::<u64>(), expiry in 0i64..4_000_000_000_000,
        ) {
            let mut carried = octets.clone();
            carried.extend_from_slice(&trailing);
            let mut packet = PrepareBuf::parse(carried).unwrap();
            let expires_at = Timestamp::from_millis(expiry);
            packet.set_amount(amount);
            packet.set_expires_at(expires_at);
            let expected = Prepare { amount, expires_at, ..Prepare::parse(&octets).unwrap() };
            prop_assert_eq!(packet.as_prepare(), expected);
            prop_assert_eq!(packet.as_bytes(), [expected.encode(), trailing].concat());
        }

        #[test]
        fn no_octets_make_the_parser_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = PrepareBuf::parse(octets);
        }

        #[test]
        fn a_damaged_packet_is_refused_or_read_consistently(
            mut octets in prepares(), at in any::<prop::sample::Index>(), value in any::<u8>(),
        ) {
            let at = at.index(octets.len());
            octets[at] = value;
            if let Ok(packet) = PrepareBuf::parse(octets.clone()) {
                prop_assert_eq!(packet.as_prepare(), Prepare::parse(&octets).unwrap());
            }
        }
    }
}
