//! The octet encoding rules that ILP and STREAM use (RFC 30; X.696, canonical form).
//!
//! It has only the five primitives that occur. Lengths must be canonical, and are checked against the input before use.

/// Why octets are not a field of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OerError {
    /// The input ends before the field does.
    #[error("the input ends before the field does")]
    Truncated,
    /// A length was written in more octets than it needs, or in none.
    #[error("a length is not in its shortest form")]
    LengthNotCanonical,
    /// An unsigned integer has no octets, or more than eight.
    #[error("an unsigned integer has 1 to 8 octets")]
    IntegerSize,
}

/// Reads fields one after another from a slice. The rest is ignored.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `octets`.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The octets not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// One octet.
    pub fn u8(&mut self) -> Result<u8, OerError> {
        let (first, rest) = self.rest.split_first().ok_or(OerError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Eight octets, big endian.
    pub fn u64(&mut self) -> Result<u64, OerError> {
        Ok(u64::from_be_bytes(*self.array::<8>()?))
    }

    /// `N` octets.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], OerError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(OerError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// `count` octets.
    pub fn octets(&mut self, count: usize) -> Result<&'a [u8], OerError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(OerError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// Octets preceded by their length.
    pub fn var_octets(&mut self) -> Result<&'a [u8], OerError> {
        let length = self.length()?;
        self.octets(length)
    }

    /// An unsigned integer of 1 to 8 octets; leading zero octets are accepted.
    pub fn var_uint(&mut self) -> Result<u64, OerError> {
        match self.var_octets()? {
            octets @ ([] | [_, _, _, _, _, _, _, _, _, ..]) => {
                debug_assert!(octets.is_empty() || octets.len() > 8);
                Err(OerError::IntegerSize)
            }
            octets => Ok(big_endian(octets)),
        }
    }

    /// Like [`Reader::var_uint`], but integers of more than eight octets become 2^64−1.
    pub fn var_uint_saturating(&mut self) -> Result<u64, OerError> {
        match self.var_octets()? {
            [] => Err(OerError::IntegerSize),
            octets if octets.len() > 8 => Ok(u64::MAX),
            octets => Ok(big_endian(octets)),
        }
    }

    fn length(&mut self) -> Result<usize, OerError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let octets = self.octets(usize::from(first & 0x7f))?;
        match octets {
            [] | [0, ..] => Err(OerError::LengthNotCanonical),
            [short] if *short < 0x80 => Err(OerError::LengthNotCanonical),
            // Nothing that fits into memory has a length of more than eight octets.
            octets if octets.len() > 8 => Err(OerError::Truncated),
            octets => usize::try_from(big_endian(octets)).map_err(|_| OerError::Truncated),
        }
    }
}

fn big_endian(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet))
}

/// Octets a length determinant takes.
pub(crate) const fn length_of_length(length: usize) -> usize {
    match length {
        0..=0x7f => 1,
        _ => 1 + significant_octets(length as u64),
    }
}

/// Octets a variable octet string of `length` octets takes, determinant included.
pub const fn var_octets_length(length: usize) -> usize {
    length_of_length(length) + length
}

/// Octets an unsigned integer takes, determinant included.
pub const fn var_uint_length(value: u64) -> usize {
    1 + significant_octets(value)
}

const fn significant_octets(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(8) as usize }
}

/// Appends a length determinant.
pub fn put_length(out: &mut Vec<u8>, length: usize) {
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
        return;
    }
    let octets = (length as u64).to_be_bytes();
    let used = significant_octets(length as u64);
    #[expect(clippy::cast_possible_truncation, reason = "at most eight octets")]
    out.push(0x80 | used as u8);
    out.extend_from_slice(&octets[8 - used..]);
}

/// Appends octets preceded by their length.
pub fn put_var_octets(out: &mut Vec<u8>, octets: &[u8]) {
    put_length(out, octets.len());
    out.extend_from_slice(octets);
}

/// Appends an unsigned integer in its shortest form.
pub fn put_var_uint(out: &mut Vec<u8>, value: u64) {
    let octets = value.to_be_bytes();
    put_var_octets(out, &octets[8 - significant_octets(value)..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_integer_is_read_back_as_written_in_the_announced_space(value in any::<u64>()) {
            let mut out = Vec::new();
            put_var_uint(&mut out, value);
            prop_assert_eq!(out.len(), var_uint_length(value));
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.var_uint(), Ok(value));
            prop_assert!(reader.rest().is_empty());
        }

        #[test]
        fn octets_are_read_back_as_written_in_the_announced_space(length in 0usize..70_000, fill in any::<u8>()) {
            let octets = vec![fill; length];
            let mut out = Vec::new();
            put_var_octets(&mut out, &octets);
            prop_assert_eq!(out.len(), var_octets_length(length));
            prop_assert_eq!(Reader::new(&out).var_octets(), Ok(&octets[..]));
        }

        #[test]
        fn octets_are_read_only_in_canonical_form(input in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(&input);
            if let Ok(octets) = reader.var_octets() {
                let mut out = Vec::new();
                put_var_octets(&mut out, octets);
                prop_assert!(input.starts_with(&out));
            }
        }
    }

    #[test]
    fn a_length_that_no_memory_holds_is_refused_without_allocating() {
        let input = [0xff; 200];
        assert_eq!(Reader::new(&input).var_octets(), Err(OerError::Truncated));
        assert_eq!(
            Reader::new(&[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).var_octets(),
            Err(OerError::Truncated)
        );
    }
}
