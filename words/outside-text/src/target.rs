//! Checks the target of an HTTP request: path and query as on the request line (RFC 9112 section 3.2).
//! Bodies are checked in `json` and `text`.

use crate::text::BadText;

/// The longest target, in octets: room for a URL as a parameter, and for cursors and filters beside it.
const TARGET_MAX: usize = 8192;

/// Refuses a target that is too long, is not UTF-8 after decoding, or has control characters in its escapes.
pub fn check_target(target: &str) -> Result<(), BadText> {
    if target.len() > TARGET_MAX {
        return Err(BadText::TooLong { most: TARGET_MAX });
    }
    let octets = decoded(target.as_bytes());
    let text = std::str::from_utf8(&octets).map_err(|_| BadText::NotUtf8)?;
    if text.contains('\0') {
        return Err(BadText::Null);
    }
    if text.chars().any(char::is_control) { Err(BadText::Control) } else { Ok(()) }
}

/// The octets of a target, decoded. Octets outside of escapes stay as they are. The route checks whether they are
/// allowed.
fn decoded(mut target: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(target.len());
    while let [first, rest @ ..] = target {
        let escaped = rest.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or(*first));
        target = if octet.is_some() { &rest[2..] } else { rest };
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_targets_pass() {
        for target in ["/", "/accounts/%C4%8Dau?cursor=1&first=2", "/a%", "/a%2", "/a%zz", "/100%25"] {
            assert_eq!(check_target(target), Ok(()), "{target}");
        }
    }

    #[test]
    fn what_hides_in_escapes_is_found() {
        for (target, reason) in [
            ("/a%00", BadText::Null),
            ("/a?b=%00", BadText::Null),
            ("/a%0a", BadText::Control),
            ("/a%7F", BadText::Control),
            ("/a%C2%85", BadText::Control),
            ("/a%FF", BadText::NotUtf8),
            ("/a%ED%A0%80", BadText::NotUtf8),
        ] {
            assert_eq!(check_target(target), Err(reason), "{target}");
        }
        let long = format!("/{}", "a".repeat(TARGET_MAX));
        assert_eq!(check_target(&long), Err(BadText::TooLong { most: TARGET_MAX }));
    }
}
