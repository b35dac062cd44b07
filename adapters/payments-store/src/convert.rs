//! Conversion between values of the model and column types. Nothing is rounded or cut.
//! Whole rows are converted in the file of their entity.

use clock::Timestamp;
use database::Error;
use money::{Asset, Ratio};
use serde_json::Value;
use uuid::Uuid;

/// The place of a row, for error messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) row: Uuid,
}

impl Place {
    pub(crate) fn inconsistent(self, column: &'static str) -> Error {
        Error::inconsistent(self.table, column, self.row)
    }

    /// An amount read from `column`.
    pub(crate) fn amount(self, column: &'static str, stored: i64) -> Result<u64, Error> {
        u64::try_from(stored).map_err(|_| self.inconsistent(column))
    }

    /// An optional amount read from `column`.
    pub(crate) fn optional_amount(self, column: &'static str, stored: Option<i64>) -> Result<Option<u64>, Error> {
        stored.map(|stored| self.amount(column, stored)).transpose()
    }

    /// An asset read from its two columns.
    pub(crate) fn asset(self, code: &str, scale: i32) -> Result<Asset, Error> {
        let scale = u8::try_from(scale).map_err(|_| self.inconsistent("scale"))?;
        Asset::new(code, scale).map_err(|_| self.inconsistent("code"))
    }

    /// A ratio read from `column`.
    pub(crate) fn ratio(self, column: &'static str, stored: &str) -> Result<Ratio, Error> {
        let (numerator, denominator) = stored.split_once('/').ok_or_else(|| self.inconsistent(column))?;
        match (numerator.parse(), denominator.parse()) {
            (Ok(numerator), Ok(denominator)) => {
                Ratio::new(numerator, denominator).map_err(|_| self.inconsistent(column))
            }
            _ => Err(self.inconsistent(column)),
        }
    }

    /// A name from a fixed list, read from `column`.
    pub(crate) fn name<T: std::str::FromStr>(self, column: &'static str, stored: &str) -> Result<T, Error> {
        stored.parse().map_err(|_| self.inconsistent(column))
    }

    /// JSON read from `column`.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(self, column: &'static str, stored: &str) -> Result<T, Error> {
        serde_json::from_str(stored).map_err(|_| self.inconsistent(column))
    }
}

/// An amount for a column. Columns are signed.
pub(crate) fn stored_amount(what: &'static str, amount: u64) -> Result<i64, Error> {
    i64::try_from(amount).map_err(|_| Error::OutOfRange { what })
}

/// An optional amount for a column.
pub(crate) fn stored_optional(what: &'static str, amount: Option<u64>) -> Result<Option<i64>, Error> {
    amount.map(|amount| stored_amount(what, amount)).transpose()
}

/// A ratio for a column.
pub(crate) fn stored_ratio(ratio: Ratio) -> String {
    format!("{}/{}", ratio.numerator(), ratio.denominator())
}

/// JSON for a column, with its members in order.
pub(crate) fn stored_json(value: &Value) -> String {
    value.to_string()
}

/// An optional instant read from a column.
pub(crate) fn instant(stored: Option<i64>) -> Option<Timestamp> {
    stored.map(Timestamp::from_millis)
}

/// An optional instant for a column.
pub(crate) fn stored_instant(instant: Option<Timestamp>) -> Option<i64> {
    instant.map(Timestamp::as_millis)
}
