//! How a reader reads the pages: the language, and the form of numbers, which may differ from that of the language.
//!
//! The texts are in `page_kit::Words`, and the forms of numbers in `page_kit::numbers`.

use page_kit::Words;
use page_kit::numbers::NumberForm;

/// The language of a reader, and the form of numbers if the reader chose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    words: Words,
    /// `None`: that of the language.
    chosen: Option<NumberForm>,
}

impl Reading {
    pub(crate) fn new(words: Words, chosen: Option<NumberForm>) -> Self {
        Self { words, chosen }
    }

    /// The code of the language (RFC 5646).
    pub(crate) fn code(self) -> &'static str {
        self.words.code()
    }

    /// The text in this language.
    pub(crate) fn t(self, english: &str) -> &str {
        self.words.t(english)
    }

    /// The same, with `{}` replaced by `value`.
    pub(crate) fn with(self, english: &str, value: &str) -> String {
        self.words.with(english, value)
    }

    /// The form of numbers, if it was chosen.
    pub(crate) fn chosen(self) -> Option<NumberForm> {
        self.chosen
    }
}

impl From<Reading> for NumberForm {
    fn from(reading: Reading) -> Self {
        reading.chosen.unwrap_or_else(|| reading.words.into())
    }
}

impl From<Words> for Reading {
    fn from(words: Words) -> Self {
        Self::new(words, None)
    }
}
