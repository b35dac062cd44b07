//! The file of rates (YAML or JSON), read and checked as a whole.
//!
//! A file with an error is refused with the place of the error. No part of it is used.

use std::collections::BTreeMap;
use std::path::Path;

use money::{AssetCode, Rate};
use serde::Deserialize;
use uuid::Uuid;

use crate::book::RateBook;

/// More than every pair of a thousand currencies. No real file is larger.
const FILE_MAX: u64 = 8 << 20;

/// Why a file of rates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RatesFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is larger than allowed.
    #[error("has {0} octets; a file of rates has at most {FILE_MAX}")]
    TooLarge(u64),
    /// It ends in the middle of a line.
    #[error("ends in the middle of a line, as if it were still being written; end its last line")]
    Unfinished,
    /// It is not YAML, or has another shape.
    #[error("{0}")]
    Malformed(String),
    /// It has no section of rates.
    #[error("has no section `rates`; write `rates: {{USD: {{EUR: 0.91}}}}`")]
    NoRates,
    /// A name that is not an asset code.
    #[error("{place}: {text:?} is not an asset code")]
    NoCode {
        /// The section.
        place: String,
        /// The text in the file.
        text: String,
    },
    /// A rate that is not a positive decimal.
    #[error("{place}: {text:?} for one {base} in {quote} cannot be a rate: {reason}")]
    NoRate {
        /// The section.
        place: String,
        /// Code of the base.
        base: String,
        /// Code of the other asset.
        quote: String,
        /// The text in the file.
        text: String,
        /// What is wrong with it.
        reason: money::ParseRateError,
    },
}

/// Rates by base and other asset. Numbers are read as the text in the file.
pub type Rows = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RatesFile {
    rates: Option<Rows>,
    #[serde(default)]
    rates_of_tenants: BTreeMap<Uuid, Rows>,
}

/// The rates in the file at `path`.
pub(crate) async fn read(path: &Path) -> Result<String, RatesFileError> {
    let length = tokio::fs::metadata(path).await?.len();
    if length > FILE_MAX {
        return Err(RatesFileError::TooLarge(length));
    }
    Ok(tokio::fs::read_to_string(path).await?)
}

impl RateBook {
    /// The general table with these rates.
    pub fn of(rows: Rows) -> Result<Self, RatesFileError> {
        let mut book = Self::default();
        book.take(None, rows)?;
        Ok(book)
    }

    /// The rates in `text`. Sections with other names are ignored, so the seed file of the wallet can be used too.
    pub fn from_yaml(text: &str) -> Result<Self, RatesFileError> {
        if !text.ends_with(['\n', '}']) {
            return Err(RatesFileError::Unfinished);
        }
        let file: RatesFile =
            serde_saphyr::from_str(text).map_err(|error| RatesFileError::Malformed(error.to_string()))?;
        let mut book = Self::of(file.rates.ok_or(RatesFileError::NoRates)?)?;
        for (tenant, rows) in file.rates_of_tenants {
            book.add_tenant(tenant);
            book.take(Some(tenant), rows)?;
        }
        Ok(book)
    }

    fn take(&mut self, tenant: Option<Uuid>, rows: Rows) -> Result<(), RatesFileError> {
        let place = tenant.map_or_else(|| "rates".to_owned(), |tenant| format!("ratesOfTenants: {tenant}"));
        let code = |text: &str| {
            let no_code = |_| RatesFileError::NoCode { place: place.clone(), text: text.to_owned() };
            text.parse::<AssetCode>().map_err(no_code)
        };
        for (base, row) in rows {
            let base_code = code(&base)?;
            for (quote, text) in row {
                let quote_code = code(&quote)?;
                let rate: Rate = text.parse().map_err(|reason| RatesFileError::NoRate {
                    place: place.clone(),
                    base: base.clone(),
                    quote: quote.clone(),
                    text: text.clone(),
                    reason,
                })?;
                self.set(tenant, &base_code, &quote_code, rate);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::UnknownBase;

    const TENANT: Uuid = Uuid::from_u128(0xbc29_3b79_8609_47bd_b914_6438_b470_aff8);

    fn answer(text: &str, tenant: Option<Uuid>, base: &str) -> Option<String> {
        RateBook::from_yaml(text).unwrap().answer(tenant, base, UnknownBase::Empty).unwrap()
    }

    #[test]
    fn every_digit_of_a_rate_is_served() {
        let text = "rates: {USD: {EUR: 0.1234567890123456789, JPY: 147.71, XAU: 4e-4}}\n";
        assert_eq!(
            answer(text, None, "USD").unwrap(),
            r#"{"base":"USD","rates":{"EUR":0.1234567890123456789,"JPY":147.71,"XAU":0.0004}}"#
        );
    }

    #[test]
    fn json_is_read_as_well_and_other_sections_are_passed_over() {
        let text = r#"{"assets": [], "tenants": [{"publicName": "x"}], "rates": {"USD": {"EUR": "0.91"}}}"#;
        assert_eq!(answer(text, None, "USD").unwrap(), r#"{"base":"USD","rates":{"EUR":0.91}}"#);
    }

    #[test]
    fn a_tenant_has_its_own_rates_or_none() {
        let text = format!("rates: {{USD: {{EUR: 0.91}}}}\nratesOfTenants: {{{TENANT}: {{USD: {{EUR: 0.9}}}}}}\n");
        assert_eq!(answer(&text, Some(TENANT), "USD").unwrap(), r#"{"base":"USD","rates":{"EUR":0.9}}"#);
        assert_eq!(answer(&text, Some(TENANT), "EUR").unwrap(), r#"{"base":"EUR","rates":{}}"#);
        assert_eq!(answer(&text, Some(Uuid::nil()), "USD"), None);
    }

    #[test]
    fn what_cannot_be_a_table_of_rates_is_refused_with_its_place() {
        let refused = |text: &str| RateBook::from_yaml(text).unwrap_err().to_string();
        for (text, told) in [
            ("", "middle of a line"),
            ("rates: {USD: {EUR: 0.9", "middle of a line"),
            ("assets: []\n", "no section `rates`"),
            ("rates: {USD: {EUR: 0}}\n", "for one USD in EUR cannot be a rate: a rate is above zero"),
            ("rates: {USD: {EUR: -1}}\n", "above zero"),
            ("rates: {USD: {EUR: .inf}}\n", "decimal number"),
            ("rates: {USD: {EUR: 0.12345678901234567891}}\n", "at most 19 significant digits"),
            ("rates: {USD: {'': 1}}\n", "not an asset code"),
        ] {
            assert!(refused(text).contains(told), "{text}: {}", refused(text));
        }
        for text in ["rates: {USD: {EUR: 1, EUR: 2}}\n", "rates: [1]\n", "rates: {}\nratesOfTenants: {somebody: {}}\n"]
        {
            assert!(matches!(RateBook::from_yaml(text), Err(RatesFileError::Malformed(_))), "{text}");
        }
    }
}
