//! What every page has around its content, and how amounts and instants are written.
//!
//! The templates escape all text.

use std::borrow::Borrow;

use clock::Timestamp;
use money::Asset;
use page_kit::{Words, numbers};

/// The values around the content of a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) w: Words,
    pub(crate) accent: &'static str,
    pub(crate) shop: String,
    pub(crate) version: String,
    /// The address of this page, to come back to after the language was changed.
    pub(crate) path: String,
    /// After so many seconds the content is read again, until what it shows has ended.
    pub(crate) again: Option<u8>,
    /// The page is only on the way to this address.
    pub(crate) onward: Option<String>,
}

impl Frame {
    pub(crate) fn t<'a>(&self, english: &'a str) -> &'a str {
        self.w.t(english)
    }

    pub(crate) fn with(&self, english: &str, value: impl AsRef<str>) -> String {
        self.w.with(english, value.as_ref())
    }

    /// `77.00 USD`
    pub(crate) fn money(&self, value: impl Borrow<u64>, asset: &Asset) -> String {
        format!("{}\u{a0}{}", numbers::decimal(*value.borrow(), asset.scale, self.w), asset.code)
    }

    /// `2026-11-27 14:05 UTC`
    #[expect(clippy::unused_self, reason = "templates call it as they call the others")]
    pub(crate) fn instant(&self, at: impl Borrow<Timestamp>) -> String {
        let at = *at.borrow();
        at.to_civil().map_or_else(|| at.to_string(), |civil| format!("{} UTC", civil.strftime("%Y-%m-%d %H:%M")))
    }

    /// The code and the name of the other language.
    pub(crate) fn other_language(&self) -> (&'static str, &'static str) {
        match self.w {
            Words::English => ("de", "Deutsch"),
            Words::German => ("en", "English"),
        }
    }
}
