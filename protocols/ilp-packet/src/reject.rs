//! The Reject packet (RFC 27).
//! Its codes are in `error_code`.

use std::borrow::Cow;

use crate::envelope::{self, PacketType, ParseError};
use crate::{AddressRef, ErrorCode, oer};

/// The transfer did not happen, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject<'a> {
    /// The code of the error.
    pub code: ErrorCode,
    /// The node that refused, if it says.
    pub triggered_by: Option<AddressRef<'a>>,
    /// The message for people. It is usually UTF-8, and is relayed unchanged.
    pub message: &'a [u8],
    /// End-to-end data.
    pub data: &'a [u8],
}

impl<'a> Reject<'a> {
    /// A Reject without message and data.
    pub fn new(code: ErrorCode, triggered_by: AddressRef<'a>) -> Self {
        Self { code, triggered_by: Some(triggered_by), message: b"", data: b"" }
    }

    /// The same with a message.
    pub fn with_message(self, message: &'a str) -> Self {
        Self { message: message.as_bytes(), ..self }
    }

    /// The same with data.
    pub fn with_data(self, data: &'a [u8]) -> Self {
        Self { data, ..self }
    }

    /// The message as text; octets that are not UTF-8 are replaced.
    pub fn message_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.message)
    }

    /// Parses a Reject without copying. Trailing octets are ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut contents = envelope::open(octets, PacketType::Reject)?;
        let code = ErrorCode::from_octets(*contents.array()?)?;
        let triggered_by = match contents.var_octets()? {
            [] => None,
            address => Some(AddressRef::from_octets(address)?),
        };
        Ok(Self { code, triggered_by, message: contents.var_octets()?, data: contents.var_octets()? })
    }

    /// The packet as octets.
    pub fn encode(&self) -> Vec<u8> {
        let triggered_by = self.triggered_by.map_or("", AddressRef::as_str).as_bytes();
        let parts = [triggered_by, self.message, self.data];
        let length = 3 + parts.iter().map(|part| oer::var_octets_length(part.len())).sum::<usize>();
        let mut out = envelope::start(PacketType::Reject, length);
        out.extend_from_slice(&self.code.octets());
        for part in parts {
            oer::put_var_octets(&mut out, part);
        }
        out
    }
}
