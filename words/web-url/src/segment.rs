//! One path segment: percent-encoding (RFC 3986 section 2.1) and invisible characters.
//!
//! It does not parse URLs. A URL parser has removed dot segments before, so decoding `%2e` cannot make new ones.

/// A piece of a segment.
enum Piece {
    Plain(char),
    /// An octet written as `%xx`.
    Octet(u8),
}

fn pieces(segment: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some(first) = rest.chars().next() {
        let escaped = rest.as_bytes().get(1..3).filter(|digits| first == '%' && is_hex(digits));
        let octet = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(octet) = octet.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            pieces.push(Piece::Octet(octet));
            rest = &rest[3..];
        } else {
            pieces.push(Piece::Plain(first));
            rest = &rest[first.len_utf8()..];
        }
    }
    pieces
}

fn push_escape(text: &mut String, octet: u8, digits: &[u8; 16]) {
    text.push('%');
    text.push(char::from(digits[usize::from(octet >> 4)]));
    text.push(char::from(digits[usize::from(octet & 15)]));
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// The segment with unreserved characters plain and all other escapes in capitals (RFC 3986 section 6.2.2).
pub(crate) fn normalized(segment: &str) -> String {
    let mut normal = String::with_capacity(segment.len());
    for piece in pieces(segment) {
        match piece {
            Piece::Plain(plain) => normal.push(plain),
            Piece::Octet(octet) if is_unreserved(octet) => normal.push(char::from(octet)),
            Piece::Octet(octet) => push_escape(&mut normal, octet, b"0123456789ABCDEF"),
        }
    }
    normal
}

/// The segment as decoded text; `None` if its octets are not UTF-8.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(segment.len());
    for piece in pieces(segment) {
        match piece {
            Piece::Plain(plain) => octets.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Octet(octet) => octets.push(octet),
        }
    }
    String::from_utf8(octets).ok()
}

/// `text` as a segment: all characters that need an escape are escaped in small letters, and no others.
pub(crate) fn encoded(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for octet in text.bytes() {
        let sub_delimiter =
            matches!(octet, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        if is_unreserved(octet) || sub_delimiter || matches!(octet, b':' | b'@') {
            segment.push(char::from(octet));
        } else {
            push_escape(&mut segment, octet, b"0123456789abcdef");
        }
    }
    segment
}

/// Whether the character is invisible or changes the display of other characters: controls, zero-width characters, and
/// characters that change the direction of writing (Unicode TR36 section 2.5).
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}
