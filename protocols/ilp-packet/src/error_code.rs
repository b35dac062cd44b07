//! The codes of a Reject (RFC 27, error codes), and the meaning of their first letter.
//! What a sender does after one is decided in `stream-pay`.

use std::fmt;
use std::str::FromStr;

/// The three octets are not an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ILP error code is three ASCII characters")]
pub struct InvalidErrorCode;

/// What a sender may do after a Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// `F`: the same packet will fail again.
    Final,
    /// `T`: the same packet may succeed later.
    Temporary,
    /// `R`: the packet may succeed with another amount or expiry.
    Relative,
    /// Any other first character.
    Unknown,
}

/// Codes outside the table. They are kept apart so that every known code has only one representation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OtherCode([u8; 3]);

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The code of a Reject. Codes outside the table are passed through as [`ErrorCode::Other`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
            /// Any other three ASCII characters.
            Other(OtherCode),
        }

        impl ErrorCode {
            /// Every code of the table.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// The code as three octets.
            pub const fn octets(self) -> [u8; 3] {
                match self {
                    $(Self::$name => *$text,)*
                    Self::Other(OtherCode(octets)) => octets,
                }
            }

            /// The code of three octets; refused if one of them is not ASCII.
            pub fn from_octets(octets: [u8; 3]) -> Result<Self, InvalidErrorCode> {
                match &octets {
                    $($text => Ok(Self::$name),)*
                    other if other.is_ascii() => Ok(Self::Other(OtherCode(octets))),
                    _ => Err(InvalidErrorCode),
                }
            }
        }
    };
}

error_codes! {
    /// Bad request.
    F00BadRequest = b"F00",
    /// The packet could not be decoded.
    F01InvalidPacket = b"F01",
    /// No route to the destination.
    F02Unreachable = b"F02",
    /// The amount cannot be used.
    F03InvalidAmount = b"F03",
    /// Less arrived than the sender wanted.
    F04InsufficientDestinationAmount = b"F04",
    /// The fulfillment does not match the condition, or the receiver cannot make one that does.
    F05WrongCondition = b"F05",
    /// The receiver did not expect this payment.
    F06UnexpectedPayment = b"F06",
    /// The receiver cannot take this payment.
    F07CannotReceive = b"F07",
    /// The amount is above the maximum of an account on the path; see [`crate::AmountTooLarge`].
    F08AmountTooLarge = b"F08",
    /// The receiving application refused the packet.
    F99ApplicationError = b"F99",
    /// Something failed inside a connector.
    T00InternalError = b"T00",
    /// The next hop does not answer.
    T01PeerUnreachable = b"T01",
    /// The next hop is overloaded.
    T02PeerBusy = b"T02",
    /// The connector is overloaded.
    T03ConnectorBusy = b"T03",
    /// An account on the path has not enough liquidity.
    T04InsufficientLiquidity = b"T04",
    /// Too many packets.
    T05RateLimited = b"T05",
    /// The receiving application refused the packet temporarily.
    T99ApplicationError = b"T99",
    /// No reply before the packet expired.
    R00TransferTimedOut = b"R00",
    /// The amount converts to zero.
    R01InsufficientSourceAmount = b"R01",
    /// Too little time is left to forward the packet.
    R02InsufficientTimeout = b"R02",
    /// The receiving application refused the packet. It may succeed with another amount or expiry.
    R99ApplicationError = b"R99",
}

impl ErrorCode {
    /// The meaning of the first letter.
    pub const fn class(self) -> ErrorClass {
        match self.octets()[0] {
            b'F' => ErrorClass::Final,
            b'T' => ErrorClass::Temporary,
            b'R' => ErrorClass::Relative,
            _ => ErrorClass::Unknown,
        }
    }
}

impl FromStr for ErrorCode {
    type Err = InvalidErrorCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octets = <[u8; 3]>::try_from(text.as_bytes()).map_err(|_| InvalidErrorCode)?;
        Self::from_octets(octets)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.octets().iter().try_for_each(|octet| write!(f, "{}", octet.escape_ascii()))
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_is_read_back_from_its_text() {
        for code in ErrorCode::KNOWN {
            assert_eq!(code.to_string().parse(), Ok(*code));
            assert!(!matches!(code.class(), ErrorClass::Unknown));
        }
        assert_eq!(ErrorCode::KNOWN.len(), 21);
    }

    #[test]
    fn an_unknown_code_passes_through_and_a_non_ascii_one_does_not() {
        let code: ErrorCode = "X42".parse().unwrap();
        assert_eq!(code.octets(), *b"X42");
        assert_eq!(code.class(), ErrorClass::Unknown);
        assert_eq!(ErrorCode::from_octets([0xc6, b'0', b'2']), Err(InvalidErrorCode));
        assert_eq!("F0".parse::<ErrorCode>(), Err(InvalidErrorCode));
    }
}
