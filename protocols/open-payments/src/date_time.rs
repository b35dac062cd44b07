//! The `date-time` format of request bodies (RFC 3339 section 5.6).
//!
//! It is stricter than other parsers of instants: a date alone, an hour alone or a leap second is refused.

use clock::Timestamp;

/// The instant `text` denotes, or `None` if it is not a full date and time with an offset.
pub fn parse_date_time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00T00:00:00";
    let fits = bytes.len() > shape.len()
        && bytes.iter().zip(shape).all(|(found, wanted)| match wanted {
            b'0' => found.is_ascii_digit(),
            b'T' => matches!(found, b'T' | b't' | b' '),
            other => found == other,
        });
    if !fits || &bytes[17..19] == b"60" || !is_offset(&bytes[shape.len()..]) {
        return None;
    }
    text.parse().ok()
}

fn is_offset(rest: &[u8]) -> bool {
    let offset = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        _ => rest,
    };
    match offset.split_first() {
        Some((b'Z' | b'z', [])) => true,
        Some((b'+' | b'-', digits)) => !digits.is_empty() && digits.iter().all(|b| b.is_ascii_digit() || *b == b':'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_date_and_time_with_an_offset_is_an_instant() {
        for text in ["2026-01-31T12:00:00Z", "2026-01-31t13:00:00.000+01:00", "2026-01-31 11:00:00.0000-01:00"] {
            assert_eq!(parse_date_time(text).unwrap().to_string(), "2026-01-31T12:00:00.000Z", "{text}");
        }
    }

    #[test]
    fn the_last_millisecond_of_the_year_9999_is_an_instant_and_so_is_the_first_of_the_year_0() {
        for text in ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(parse_date_time(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00Z",
            "2026-01-31T12:00:00",
            "2016-12-31T23:59:60Z",
            "2026-02-30T00:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00Z[UTC]",
            "2026-01-31T25:00:00Z",
            "é026-01-31T12:00:00Z",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }
}
