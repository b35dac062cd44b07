//! ILP addresses (RFC 15): validated text, owned or borrowed, and prefixes of whole segments.
//!
//! It is not a routing table: the connector has that.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most characters of an address.
pub const MAX_ADDRESS_LENGTH: usize = 1023;

fn is_scheme(text: &[u8]) -> bool {
    matches!(
        text,
        b"g" | b"private" | b"example" | b"peer" | b"self" | b"test" | b"test1" | b"test2" | b"test3" | b"local"
    )
}

/// The text is not an ILP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an ILP address is a known scheme and at least one segment of A-Z a-z 0-9 _ ~ -, joined by dots, 1023 characters at most"
)]
pub struct InvalidAddress;

/// A valid ILP address inside other octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRef<'a>(&'a str);

/// A valid ILP address. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(Arc<str>);

impl<'a> AddressRef<'a> {
    /// Validates `octets`.
    pub fn from_octets(octets: &'a [u8]) -> Result<Self, InvalidAddress> {
        if octets.len() > MAX_ADDRESS_LENGTH {
            return Err(InvalidAddress);
        }
        let scheme_length = octets.iter().position(|octet| *octet == b'.').ok_or(InvalidAddress)?;
        if !is_scheme(&octets[..scheme_length]) || !is_well_formed(octets) {
            return Err(InvalidAddress);
        }
        std::str::from_utf8(octets).map(Self).map_err(|_| InvalidAddress)
    }

    /// Validates `text`.
    pub fn new(text: &'a str) -> Result<Self, InvalidAddress> {
        Self::from_octets(text.as_bytes())
    }

    /// The address of octets that were validated before and have not changed since.
    pub(crate) fn already_valid(octets: &'a [u8]) -> Self {
        // An address is ASCII, so the conversion cannot fail; an empty text would only make a packet unroutable.
        let text = std::str::from_utf8(octets);
        debug_assert!(text.is_ok());
        Self(text.unwrap_or_default())
    }

    /// The address as text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The allocation scheme, `g` or `test` for example.
    pub fn scheme(self) -> &'a str {
        self.0.split_once('.').map_or(self.0, |(scheme, _)| scheme)
    }

    /// The segments, the scheme first.
    pub fn segments(self) -> impl Iterator<Item = &'a str> {
        self.0.split('.')
    }

    /// An owned copy.
    pub fn to_address(self) -> Address {
        Address(self.0.into())
    }

    /// The rest after `prefix` and a dot, if this address is below `prefix`.
    pub fn below(self, prefix: &str) -> Option<&'a str> {
        self.0.strip_prefix(prefix)?.strip_prefix('.')
    }
}

/// Whether an address has only characters of segments and single dots between them.
///
/// It has no early exits, so that many octets are checked together.
#[expect(clippy::needless_bitwise_bool, reason = "no branches, so that the loop over octets is vectorised")]
fn is_well_formed(address: &[u8]) -> bool {
    let in_class = address.iter().fold(true, |all, octet| all & is_address_octet(*octet));
    let following = address.iter().skip(1);
    let double_dot = address.iter().zip(following).fold(false, |any, (a, b)| any | (*a == b'.' && *b == b'.'));
    in_class && !double_dot && !address.ends_with(b".")
}

#[expect(clippy::needless_bitwise_bool, reason = "no branches, so that the loop over octets is vectorised")]
const fn is_address_octet(octet: u8) -> bool {
    let letter = (octet | 0x20).wrapping_sub(b'a') < 26;
    let digit = octet.wrapping_sub(b'0') < 10;
    letter | digit | (octet == b'.') | (octet == b'_') | (octet == b'~') | (octet == b'-')
}

impl Address {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same address, borrowed.
    pub fn as_ref(&self) -> AddressRef<'_> {
        AddressRef(&self.0)
    }

    /// The address `segments` below this one; several segments may be joined by dots.
    pub fn child(&self, segments: &str) -> Result<Self, InvalidAddress> {
        format!("{self}.{segments}").parse()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AddressRef::new(text).map(AddressRef::to_address)
    }
}

impl fmt::Display for AddressRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The leading segments of addresses: one scheme alone, such as `test`, or a whole address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressPrefix(Arc<str>);

impl AddressPrefix {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `address` equals the prefix or is below it, by whole segments.
    pub fn covers(&self, address: AddressRef<'_>) -> bool {
        address.as_str() == &*self.0 || address.below(&self.0).is_some()
    }
}

impl FromStr for AddressPrefix {
    type Err = InvalidAddress;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_scheme(text.as_bytes()) {
            return Ok(Self(text.into()));
        }
        text.parse::<Address>().map(Self::from)
    }
}

impl From<Address> for AddressPrefix {
    fn from(address: Address) -> Self {
        Self(address.0)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        let prefix: AddressPrefix = "test.bank".parse().unwrap();
        for (address, covered) in [("test.bank", true), ("test.bank.x", true), ("test.bank2", false), ("test.x", false)]
        {
            assert_eq!(prefix.covers(AddressRef::new(address).unwrap()), covered, "{address}");
        }
        assert!("test".parse::<AddressPrefix>().unwrap().covers(AddressRef::new("test.any").unwrap()));
        assert!("tes".parse::<AddressPrefix>().is_err());
    }

    #[test]
    fn a_child_must_itself_be_an_address() {
        let bank: Address = "test.bank".parse().unwrap();
        assert_eq!(bank.child("alice").unwrap().as_str(), "test.bank.alice");
        assert_eq!(bank.child(""), Err(InvalidAddress));
        assert_eq!(bank.child(&"x".repeat(MAX_ADDRESS_LENGTH)), Err(InvalidAddress));
        assert_eq!(bank.as_ref().scheme(), "test");
        assert_eq!(bank.as_ref().segments().collect::<Vec<_>>(), ["test", "bank"]);
    }
}
