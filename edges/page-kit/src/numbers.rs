//! Amounts in the form that users read and write: exact, in the asset's scale, with the separators of a language, or others
//! that the reader chose.
//!
//! It uses no floating point: digits are moved as text.

use money::Asset;

use crate::Words;

/// The decimal places of a rate.
const PLACES: u8 = 6;
/// Below this many millionths, six places say too little of a rate.
const SMALL: u64 = 1000;

/// The form of numbers: what is between groups of three digits, and what is before the decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberForm {
    /// `1,234.56`
    CommaPoint,
    /// `1.234,56`
    PointComma,
    /// `1 234,56`, with a narrow space that keeps the number on its line
    SpaceComma,
    /// `1’234.56`
    ApostrophePoint,
}

impl NumberForm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CommaPoint, Self::PointComma, Self::SpaceComma, Self::ApostrophePoint];

    /// The name that is kept when a reader has chosen this form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommaPoint => "comma-point",
            Self::PointComma => "point-comma",
            Self::SpaceComma => "space-comma",
            Self::ApostrophePoint => "apostrophe-point",
        }
    }

    /// The form with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The separators of decimal places and of groups.
    const fn separators(self) -> (char, char) {
        match self {
            Self::CommaPoint => ('.', ','),
            Self::PointComma => (',', '.'),
            Self::SpaceComma => (',', '\u{202f}'),
            Self::ApostrophePoint => ('.', '\u{2019}'),
        }
    }
}

impl From<Words> for NumberForm {
    fn from(words: Words) -> Self {
        match words {
            Words::English => Self::CommaPoint,
            Words::German => Self::PointComma,
        }
    }
}

/// `value` of the smallest unit with `scale` decimal places: `1,234.50`.
pub fn decimal(value: u64, scale: u8, form: impl Into<NumberForm>) -> String {
    let digits = format!("{value:0>width$}", width = usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let (point, group) = form.into().separators();
    let grouped = grouped(whole, group);
    if part.is_empty() { grouped } else { format!("{grouped}{point}{part}") }
}

/// The same without groups, for an input field.
pub fn input(value: u64, scale: u8, form: impl Into<NumberForm>) -> String {
    let form = form.into();
    let plain = decimal(value, scale, form);
    plain.replace(form.separators().1, "")
}

/// A count with groups of digits.
pub fn count(value: u64, form: impl Into<NumberForm>) -> String {
    decimal(value, 0, form)
}

/// How much of the second amount there is for one unit of the first, with six decimal places. Each amount is a value
/// with its scale. `None` if there is none of the first, or if the numbers are too large.
pub fn rate_rounded_down(one: (u64, u8), other: (u64, u8), form: impl Into<NumberForm>) -> Option<String> {
    rate_in_millionths_rounded_down(one, other).map(|rate| decimal(rate, PLACES, form))
}

/// The same as a count of millionths.
pub fn rate_in_millionths_rounded_down(one: (u64, u8), other: (u64, u8)) -> Option<u64> {
    let power = |exponent: u8| 10_u128.checked_pow(u32::from(exponent));
    let above = u128::from(other.0).checked_mul(power(one.1.checked_add(PLACES)?)?)?;
    let below = u128::from(one.0).checked_mul(power(other.1)?)?;
    u64::try_from(above.checked_div(below)?).ok()
}

/// The millionths of a decimal number with a point, rounded down. `None` if it is none, or too large.
pub fn millionths_rounded_down(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty() && [whole, part].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let part: String = part.chars().chain("000000".chars()).take(usize::from(PLACES)).collect();
    format!("{whole}{part}").parse().ok().filter(|_| is_number)
}

/// A rate that came as a decimal number with a point. One that is very small keeps all its places.
pub fn rate_text(text: &str, form: impl Into<NumberForm>) -> String {
    let form = form.into();
    match millionths_rounded_down(text) {
        Some(rate) if rate >= SMALL => decimal(rate, PLACES, form),
        _ => text.replace('.', &form.separators().0.to_string()),
    }
}

/// Hundredths of a percent as a percentage: `1.25 %`.
pub fn basis_points(value: u16, form: impl Into<NumberForm>) -> String {
    format!("{} %", decimal(u64::from(value), 2, form))
}

fn grouped(whole: &str, group: char) -> String {
    let mut text = String::with_capacity(whole.len() + whole.len() / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    text
}

/// The smallest units of a text that a user wrote. Groups are refused, because a misplaced separator changes the
/// amount.
pub fn parse(text: &str, scale: u8, form: impl Into<NumberForm>) -> Result<u64, &'static str> {
    let (point, _) = form.into().separators();
    let (other, advice) = if point == '.' {
        (',', "Write the amount without separators between thousands, for example 1234.50.")
    } else {
        ('.', "Write the amount without dots, and with a comma before the decimal places.")
    };
    if text.contains(other) {
        return Err(advice);
    }
    let plain = text.trim().replace(point, ".");
    if plain.split('.').nth(1).is_some_and(|places| places.len() > usize::from(scale)) {
        return Err("The amount has more decimal places than the asset.");
    }
    let asset = Asset::new("X", scale).map_err(|_| "The asset cannot be used.")?;
    match asset.parse_decimal(&plain) {
        Some(value) if i64::try_from(value).is_ok() => Ok(value),
        Some(_) => Err("The amount is too large."),
        None if plain.starts_with(['-', '\u{2212}']) => Err("The amount should be a positive value."),
        None => Err("Write the amount in digits, for example 12.50."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Words::{English, German};

    #[test]
    fn amounts_are_exact_in_every_scale_and_never_end_in_a_point() {
        assert_eq!(decimal(5, 0, English), "5");
        assert_eq!(decimal(0, 2, English), "0.00");
        assert_eq!(decimal(123_456_789, 2, English), "1,234,567.89");
        assert_eq!(decimal(123_456_789, 2, German), "1.234.567,89");
        assert_eq!(decimal(u64::MAX, 18, English), "18.446744073709551615");
        assert_eq!(decimal(1, 255, English).len(), 257);
        assert_eq!(input(123_456, 2, English), "1234.56");
    }

    #[test]
    fn every_form_writes_what_it_reads_and_reads_no_other_point() {
        let written = NumberForm::ALL.map(|form| decimal(123_456_789, 2, form));
        assert_eq!(
            written,
            ["1,234,567.89", "1.234.567,89", "1\u{202f}234\u{202f}567,89", "1\u{2019}234\u{2019}567.89"]
        );
        for form in NumberForm::ALL {
            assert_eq!(NumberForm::named(form.name()), Some(form));
            assert_eq!(parse(&input(123_456_789, 2, form), 2, form), Ok(123_456_789));
            assert!(parse(&decimal(123_456_789, 2, form), 2, form).is_err(), "groups are refused");
            let (point, _) = form.separators();
            let wrong = if point == '.' { "12,5" } else { "12.5" };
            assert!(parse(wrong, 2, form).is_err(), "{form:?}");
        }
        assert_eq!(NumberForm::named("x"), None);
    }

    #[test]
    fn a_rate_is_for_whole_units_whatever_the_scales_are() {
        assert_eq!(rate_rounded_down((10_000, 2), (9_150, 2), English).as_deref(), Some("0.915000"));
        assert_eq!(rate_rounded_down((100, 2), (150_000_000, 8), German).as_deref(), Some("1,500000"));
        assert_eq!(rate_rounded_down((3, 0), (1, 0), English).as_deref(), Some("0.333333"));
        assert_eq!(rate_rounded_down((0, 2), (1, 2), English), None);
        assert_eq!(rate_rounded_down((1, 255), (1, 0), English), None);
    }

    #[test]
    fn a_rate_that_came_as_a_text_is_shown_like_the_others() {
        assert_eq!(rate_text("0.891", English), "0.891000");
        assert_eq!(rate_text("0.666666666666", German), "0,666666");
        assert_eq!(rate_text("1234", English), "1,234.000000");
        assert_eq!(rate_text("0.0000001234", German), "0,0000001234");
        assert_eq!(millionths_rounded_down("7"), Some(7_000_000));
        for text in ["", "x", "1.2.3", "-1"] {
            assert_eq!(millionths_rounded_down(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_exactly_or_refused() {
        assert_eq!(parse("1.15", 2, English), Ok(115));
        assert_eq!(parse("1,15", 2, German), Ok(115));
        assert_eq!(parse(" 10 ", 2, English), Ok(1000));
        for (text, words) in
            [("1,000", English), ("1.000", German), ("1.155", English), ("-1", English), ("1e3", English)]
        {
            assert!(parse(text, 2, words).is_err(), "{text}");
        }
        assert!(parse("9223372036854775808", 0, English).is_err());
        assert!(parse("", 2, English).is_err());
    }
}
