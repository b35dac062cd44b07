//! The texts of the pages in each language. The English text is in the pages and is the key of the catalogue.
//!
//! Names and data are shown as they are. Console, wallet and shop have a catalogue each; a text that two have means the
//! same in both.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The catalogues of German texts.
const GERMAN_TEXTS: [&str; 3] = [
    include_str!("../words/console.de.txt"),
    include_str!("../words/wallet.de.txt"),
    include_str!("../words/shop.de.txt"),
];

static GERMAN: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| GERMAN_TEXTS.into_iter().flat_map(read).collect());

/// Lines of `English = other`, or `English => other` for a text with an equals sign. Empty lines and lines that begin
/// with `#` are ignored.
fn read(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(" => ").or_else(|| line.split_once(" = ")));
    pairs.map(|(english, other)| (english.trim(), other.trim()))
}

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    #[default]
    English,
    German,
}

impl Words {
    /// The chosen language, or else the one that the browser prefers.
    pub fn of(chosen: Option<&str>, accepted: Option<&str>) -> Self {
        match chosen.or(accepted) {
            Some(language) if language.trim_start().to_ascii_lowercase().starts_with("de") => Self::German,
            _ => Self::English,
        }
    }

    /// The language's code (RFC 5646).
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The text in this language; English if the catalogue has no entry.
    pub fn t(self, english: &str) -> &str {
        match self {
            Self::English => english,
            Self::German => GERMAN.get(english).copied().unwrap_or(english),
        }
    }

    /// The same, with `{}` replaced by `value`.
    pub fn with(self, english: &str, value: &str) -> String {
        self.t(english).replacen("{}", value, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_goes_before_what_the_browser_prefers() {
        assert_eq!(Words::of(None, Some("de-AT,en;q=0.5")), Words::German);
        assert_eq!(Words::of(Some("en"), Some("de")), Words::English);
        assert_eq!(Words::of(None, None), Words::English);
    }

    #[test]
    fn no_text_has_two_translations() {
        let mut seen = HashMap::new();
        for (english, german) in GERMAN_TEXTS.into_iter().flat_map(read) {
            assert_eq!(*seen.entry(english).or_insert(german), german, "{english}");
        }
    }

    #[test]
    fn the_catalogue_keeps_every_placeholder() {
        for (english, german) in GERMAN.iter() {
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{english}");
        }
        assert_eq!(Words::German.t("Payments"), "Zahlungen");
        assert_eq!(Words::German.t("no such entry"), "no such entry");
    }
}
