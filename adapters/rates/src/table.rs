//! Reads a rates service's answer: the value of one unit of a base in other assets.
//!
//! It does not keep tables.

use std::collections::HashMap;

use money::{AssetCode, ParseRateError, Rate};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most digits of a rate that are kept. Further digits are cut off, with an error below one part in 10^18.
const SIGNIFICANT_DIGITS: usize = 19;

/// Units of other assets per unit of the base, in major units.
#[derive(Clone, Debug)]
pub struct RateTable {
    rates: HashMap<Box<str>, Rate>,
}

/// Why an answer is not a table of rates.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTable {
    /// It is not `{"base": text, "rates": {code: number}}`.
    #[error("the answer is not of the form {{base, rates}}: {0}")]
    Malformed(#[source] serde_json::Error),
    /// It is for another base than the requested one.
    #[error("the request was for base {asked}, but the answer is for {answered:?}")]
    OtherBase {
        /// The requested base.
        asked: AssetCode,
        /// The base of the answer.
        answered: String,
    },
}

#[derive(Deserialize)]
struct RatesDocument<'a> {
    base: String,
    #[serde(borrow)]
    rates: HashMap<String, &'a RawValue>,
}

impl RateTable {
    /// Reads the answer for `base`.
    ///
    /// An entry that is not a positive number is left out. Then only its own asset cannot be converted.
    pub fn parse(body: &[u8], base: &AssetCode) -> Result<Self, InvalidTable> {
        let answer: RatesDocument<'_> = serde_json::from_slice(body).map_err(InvalidTable::Malformed)?;
        if answer.base != base.as_str() {
            return Err(InvalidTable::OtherBase { asked: base.clone(), answered: answer.base });
        }
        let rates = answer.rates.into_iter().filter_map(|(code, number)| match rate(number.get()) {
            Ok(rate) => Some((code.into_boxed_str(), rate)),
            Err(error) => {
                tracing::warn!(base = %base, code, %error, "rate ignored");
                None
            }
        });
        Ok(Self { rates: rates.collect() })
    }

    /// Every code with the units of it per unit of the base, in alphabetical order.
    pub fn all(&self) -> Vec<(&str, Rate)> {
        let mut all: Vec<(&str, Rate)> = self.rates.iter().map(|(code, rate)| (&**code, *rate)).collect();
        all.sort_unstable_by_key(|(code, _)| *code);
        all
    }

    /// Units of `code` per unit of the base.
    pub fn get(&self, code: &AssetCode) -> Option<Rate> {
        self.rates.get(code.as_str()).copied()
    }
}

/// The rate that a JSON number states.
fn rate(number: &str) -> Result<Rate, ParseRateError> {
    match number.parse() {
        Err(ParseRateError::OutOfRange) => shortened(number).parse(),
        other => other,
    }
}

/// `number` with digits after the decimal point cut off until at most 19 significant ones are left.
fn shortened(number: &str) -> String {
    let (digits, exponent) = number.find(['e', 'E']).map_or((number, ""), |at| number.split_at(at));
    let Some((whole, part)) = digits.split_once('.') else { return number.to_owned() };
    let whole_significant = whole.trim_start_matches('0').len();
    let leading_zeros = if whole_significant == 0 { part.len() - part.trim_start_matches('0').len() } else { 0 };
    let kept = leading_zeros + SIGNIFICANT_DIGITS.saturating_sub(whole_significant);
    match part.get(..kept.min(part.len())) {
        Some("") | None => format!("{whole}{exponent}"),
        Some(part) => format!("{whole}.{part}{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<RateTable, InvalidTable> {
        RateTable::parse(body.as_bytes(), &"USD".parse().unwrap())
    }

    fn rate_of(body: &str, code: &str) -> Option<String> {
        parse(body).unwrap().get(&code.parse().unwrap()).map(|rate| rate.to_string())
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        let body = r#"{"base":"USD","rates":{"EUR":0.8134,"ZAR":1.73792e1,"JPY":147},"more":[1]}"#;
        assert_eq!(rate_of(body, "EUR").unwrap(), "0.8134");
        assert_eq!(rate_of(body, "ZAR").unwrap(), "17.3792");
        assert_eq!(rate_of(body, "JPY").unwrap(), "147");
        assert_eq!(rate_of(body, "GBP"), None);
    }

    #[test]
    fn digits_beyond_the_nineteenth_are_cut_off() {
        let long = |number: &str| rate_of(&format!(r#"{{"base":"USD","rates":{{"X":{number}}}}}"#), "X").unwrap();
        assert_eq!(long("0.33333333333333333333333333"), "0.3333333333333333333");
        assert_eq!(long("0.0033333333333333333333333333"), "0.003333333333333333333");
        assert_eq!(long("17.12345678901234567890123"), "17.12345678901234567");
        assert_eq!(long("1.2345678901234567890123e1"), "12.34567890123456789");
    }

    #[test]
    fn a_value_that_is_no_positive_number_makes_only_its_own_asset_inconvertible() {
        let body = r#"{"base":"USD","rates":{"EUR":0,"ZAR":"17","GBP":null,"XXX":-1,"JPY":147}}"#;
        for code in ["EUR", "ZAR", "GBP", "XXX"] {
            assert_eq!(rate_of(body, code), None, "{code}");
        }
        assert_eq!(rate_of(body, "JPY").unwrap(), "147");
    }

    #[test]
    fn an_answer_about_another_base_or_of_another_form_is_refused() {
        assert!(matches!(parse(r#"{"base":"EUR","rates":{}}"#), Err(InvalidTable::OtherBase { .. })));
        for body in ["", "[]", "{}", r#"{"base":"USD"}"#, r#"{"base":1,"rates":{}}"#, r#"{"base":"USD","rates":[]}"#] {
            assert!(matches!(parse(body), Err(InvalidTable::Malformed(_))), "{body}");
        }
    }
}
