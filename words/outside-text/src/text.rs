//! Checks one text: its length and its characters.
//!
//! It does not check the meaning of a text.

/// Why a text is not accepted. The message follows the name of the value, as in `publicName must not be empty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// It has U+0000, which Postgres cannot store, and which ends a text in C programs.
    #[error("must not contain the character U+0000")]
    Null,
    /// It has a control character that makes no sense there.
    #[error("must not contain control characters")]
    Control,
    /// It is too long.
    #[error("must not be longer than {most} characters")]
    TooLong {
        /// The most characters.
        most: usize,
    },
    /// It is percent-encoded, and is not UTF-8.
    #[error("must be UTF-8")]
    NotUtf8,
}

/// A text of up to `most` characters. Line breaks are allowed.
pub fn check_text(text: &str, most: usize) -> Result<(), BadText> {
    // Octets are counted first: no text has more characters than octets.
    if text.len() > most && text.chars().count() > most {
        return Err(BadText::TooLong { most });
    }
    if text.contains('\0') { Err(BadText::Null) } else { Ok(()) }
}

/// A text of up to `most` characters in one line: a name, a code, a token.
pub fn check_line(text: &str, most: usize) -> Result<(), BadText> {
    check_text(text, most)?;
    if text.chars().any(char::is_control) { Err(BadText::Control) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_octets() {
        assert_eq!(check_text("čau", 3), Ok(()));
        assert_eq!(check_text("čau!", 3), Err(BadText::TooLong { most: 3 }));
    }

    #[test]
    fn a_text_has_no_null_and_a_line_no_control_character_at_all() {
        assert_eq!(check_text("a\nb\u{202e}", 9), Ok(()));
        assert_eq!(check_text("a\0b", 9), Err(BadText::Null));
        assert_eq!(check_line("a\0b", 9), Err(BadText::Null));
        for control in ["a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(check_line(control, 9), Err(BadText::Control), "{control:?}");
        }
        assert_eq!(check_line("Zoë, 王", 9), Ok(()));
    }
}
