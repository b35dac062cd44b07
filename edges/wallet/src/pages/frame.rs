//! What every page has around its content, and how amounts and instants are written.
//!
//! The templates escape all text. Only our own SVG is marked as safe.

use std::borrow::Borrow;

use clock::Timestamp;
use money::Asset;
use page_kit::{Words, numbers};

use crate::days;
use crate::history::Names;

/// Not in the catalogue, where "May" is a right.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// What a page is shown without, because a part of the wallet does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    OfPayments,
    OfAgreements,
}

impl Missing {
    /// What is missing, and what is not.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::OfPayments => {
                "A part of the wallet does not answer at the moment. Missing here are the names that you gave to \
                 others, and a search does not find them; and open requests and cards. Amounts and states are \
                 complete. Sending has to wait."
            }
            Self::OfAgreements => {
                "A part of the wallet does not answer at the moment. Missing here is to which agreement a payment \
                 belongs. Amounts and states are complete. Payments wait."
            }
        }
    }
}

/// The values around the content of a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) w: Words,
    /// `light`, `dark`, or empty for the choice of the system.
    pub(crate) theme: &'static str,
    pub(crate) accent: &'static str,
    pub(crate) institution: String,
    pub(crate) version: String,
    /// The user's name, and the token of the form that signs out.
    pub(crate) person: Option<(String, String)>,
    /// Whether an operator is signed in.
    pub(crate) operates: bool,
    /// The part of the wallet that the page is in.
    pub(crate) place: &'static str,
    /// What was done just now.
    pub(crate) said: Option<&'static str>,
    pub(crate) missing: Vec<Missing>,
    /// After so many seconds the page is loaded again, until what it shows has ended.
    pub(crate) again: Option<u8>,
    /// The page is only on the way to this address.
    pub(crate) onward: Option<String>,
    pub(crate) playground: bool,
    pub(crate) now: Timestamp,
}

impl Frame {
    /// Says on the page that something is missing for now.
    pub(crate) fn misses(&mut self, what: Missing) {
        if !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Says so if the names of contacts are.
    pub(crate) fn with_names(mut self, names: Names) -> Self {
        if names == Names::Missing {
            self.misses(Missing::OfPayments);
        }
        self
    }

    pub(crate) fn t<'a>(&self, english: &'a str) -> &'a str {
        self.w.t(english)
    }

    pub(crate) fn with(&self, english: &str, value: impl AsRef<str>) -> String {
        self.w.with(english, value.as_ref())
    }

    /// `1,234.50 USD`
    pub(crate) fn money(&self, value: impl Borrow<u64>, asset: &Asset) -> String {
        format!("{}\u{a0}{}", self.number(value, asset), asset.code)
    }

    /// `1,234.50`
    pub(crate) fn number(&self, value: impl Borrow<u64>, asset: &Asset) -> String {
        numbers::decimal(*value.borrow(), asset.scale, self.w)
    }

    /// Hundredths of a percent: `1.25 %`.
    pub(crate) fn share(&self, basis_points: impl Borrow<u16>) -> String {
        numbers::basis_points(*basis_points.borrow(), self.w)
    }

    /// A count with groups of digits.
    pub(crate) fn count(&self, count: impl Borrow<u64>) -> String {
        numbers::count(*count.borrow(), self.w)
    }

    /// `14:05`
    #[expect(clippy::unused_self, reason = "templates call it as they call the others")]
    pub(crate) fn time(&self, at: impl Borrow<Timestamp>) -> String {
        at.borrow().to_civil().map_or_else(String::new, |civil| format!("{:02}:{:02}", civil.hour(), civil.minute()))
    }

    /// `27 November 2026`
    pub(crate) fn date(&self, at: impl Borrow<Timestamp>) -> String {
        let at = at.borrow();
        let Some(civil) = at.to_civil() else { return at.to_string() };
        let (months, point) = match self.w {
            Words::English => (MONTHS, ""),
            Words::German => (GERMAN_MONTHS, "."),
        };
        let month = usize::try_from(civil.month()).ok().and_then(|month| months.get(month.checked_sub(1)?));
        format!("{}{point} {} {}", civil.day(), month.copied().unwrap_or_default(), civil.year())
    }

    /// `Today`, `Yesterday`, or the date.
    pub(crate) fn day(&self, at: impl Borrow<Timestamp>) -> String {
        let at = *at.borrow();
        match days::number_of(self.now) - days::number_of(at) {
            0 => self.w.t("Today").to_owned(),
            1 => self.w.t("Yesterday").to_owned(),
            _ => self.date(at),
        }
    }

    /// `27 November 2026, 14:05 UTC`
    pub(crate) fn instant(&self, at: impl Borrow<Timestamp>) -> String {
        let at = *at.borrow();
        format!("{}, {} UTC", self.date(at), self.time(at))
    }
}
