//! The Fulfill packet (RFC 27).
//! The other replies and requests are in `reject` and `prepare`.

use crate::Fulfillment;
use crate::envelope::{self, PacketType, ParseError};
use crate::oer;

/// The transfer happened. The preimage proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fulfill<'a> {
    /// The preimage of the condition.
    pub fulfillment: Fulfillment,
    /// End-to-end data.
    pub data: &'a [u8],
}

impl<'a> Fulfill<'a> {
    /// Parses a Fulfill without copying. Trailing octets are ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut contents = envelope::open(octets, PacketType::Fulfill)?;
        Ok(Self { fulfillment: Fulfillment::new(*contents.array()?), data: contents.var_octets()? })
    }

    /// The packet as octets.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = envelope::start(PacketType::Fulfill, 32 + oer::var_octets_length(self.data.len()));
        out.extend_from_slice(self.fulfillment.as_bytes());
        oer::put_var_octets(&mut out, self.data);
        out
    }
}
