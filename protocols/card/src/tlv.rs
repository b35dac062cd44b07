//! BER-TLV data objects in the form of EMV Book 3, annex B: tags of one or two octets, definite lengths.
//!
//! The meaning of tags is in `payload`.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

/// One data object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u16,
    pub(crate) value: &'a [u8],
    /// Tag, length and value, unchanged.
    pub(crate) whole: &'a [u8],
}

/// The octets are not a sequence of data objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Every data object of `octets`, in order.
pub(crate) fn read(mut octets: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
    let mut elements = Vec::new();
    while !octets.is_empty() {
        let (element, rest) = read_one(octets)?;
        elements.push(element);
        octets = rest;
    }
    Ok(elements)
}

fn read_one(octets: &[u8]) -> Result<(Element<'_>, &[u8]), Malformed> {
    let (tag, after_tag) = match octets {
        [first, second, rest @ ..] if first & 0x1f == 0x1f => {
            // The highest bit of the second octet announces a third one.
            if second & 0x80 != 0 {
                return Err(Malformed);
            }
            (u16::from_be_bytes([*first, *second]), rest)
        }
        [first, rest @ ..] if first & 0x1f != 0x1f => (u16::from(*first), rest),
        _ => return Err(Malformed),
    };
    let (length, after_length) = match after_tag {
        [length @ 0..=0x7f, rest @ ..] | [0x81, length @ 0x80..=0xff, rest @ ..] => (usize::from(*length), rest),
        [0x82, high @ 1..=0xff, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return Err(Malformed),
    };
    let value = after_length.get(..length).ok_or(Malformed)?;
    let rest = &after_length[length..];
    let whole = &octets[..octets.len() - rest.len()];
    Ok((Element { tag, value, whole }, rest))
}

/// Appends a data object. Values on cards are far shorter than the limit of 65535 octets.
pub(crate) fn write(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
    match u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes() {
        [0, length @ 0..=0x7f] => out.push(length),
        [0, length] => out.extend([0x81, length]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 1000] {
            let value = vec![7; length];
            let mut octets = Vec::new();
            write(&mut octets, 0x9f26, &value);
            write(&mut octets, 0x5a, &[1]);
            let elements = read(&octets).unwrap();
            assert_eq!((elements[0].tag, elements[0].value), (0x9f26, value.as_slice()), "{length}");
            assert_eq!((elements[1].tag, elements[1].whole), (0x5a, [0x5a, 1, 1].as_slice()));
        }
    }

    #[test]
    fn broken_octets_are_refused_and_a_length_has_one_spelling() {
        for broken in [
            &[0x9f][..],
            &[0x5a],
            &[0x5a, 2, 1],
            &[0x9f, 0x80, 1, 0],
            &[0x5a, 0x80],
            &[0x5a, 0x81, 0x01, 0],
            &[0x5a, 0x82, 0x00, 0x80],
            &[0x5a, 0x83, 0, 0, 1, 0],
        ] {
            assert_eq!(read(broken), Err(Malformed), "{broken:02x?}");
        }
    }
}
