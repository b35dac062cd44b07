//! Reads CBOR (RFC 8949) as authenticators write it: one item, and what follows it.
//!
//! What the items mean is elsewhere.

use ciborium::Value;

use super::Refusal;

/// Answers of authenticators are far less deep.
const DEPTH: usize = 8;

/// The item at the beginning, and what follows it.
pub(super) fn item(octets: &[u8]) -> Result<(Value, &[u8]), Refusal> {
    let mut rest = octets;
    let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH).map_err(|_| Refusal::Unreadable)?;
    Ok((item, rest))
}

/// A map in which no name is twice.
pub(super) struct Map(Vec<(Value, Value)>);

impl Map {
    pub(super) fn of(item: Value) -> Result<Self, Refusal> {
        let Value::Map(pairs) = item else { return Err(Refusal::Unreadable) };
        let twice =
            pairs.iter().enumerate().any(|(at, (name, _))| pairs[..at].iter().any(|(before, _)| before == name));
        if twice { Err(Refusal::Unreadable) } else { Ok(Self(pairs)) }
    }

    pub(super) fn get(&self, name: impl Into<Value>) -> Option<&Value> {
        let name = name.into();
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(super) fn octets(&self, name: impl Into<Value>) -> Option<&[u8]> {
        self.get(name)?.as_bytes().map(Vec::as_slice)
    }

    pub(super) fn integer(&self, name: impl Into<Value>) -> Option<i64> {
        i64::try_from(self.get(name)?.as_integer()?).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_ends_where_it_ends_and_what_is_cut_or_too_deep_or_double_is_refused() {
        let (item_read, rest) = item(&[0xa1, 0x01, 0x02, 0xff]).unwrap();
        assert_eq!((Map::of(item_read).unwrap().integer(1), rest), (Some(2), &[0xff][..]));
        assert_eq!(item(&[0x5a, 0xff, 0xff, 0xff, 0xff, 0x01]), Err(Refusal::Unreadable));
        assert_eq!(item(&[0x81; 100]), Err(Refusal::Unreadable));
        let (double, _) = item(&[0xa2, 0x01, 0x02, 0x01, 0x03]).unwrap();
        assert!(Map::of(double).is_err());
    }
}
