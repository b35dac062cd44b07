//! Assets, and amounts of them in their smallest units.
//!
//! It does not hold balances: those are in the ledger, in 128 bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The code of an asset: 1 to 255 visible characters, usually an ISO 4217 code such as `USD`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct AssetCode(Box<str>);

/// The text cannot name an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an asset code has 1 to 255 characters without control characters")]
pub struct InvalidAssetCode;

impl AssetCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AssetCode {
    type Err = InvalidAssetCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let acceptable = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        acceptable.then(|| Self(text.into())).ok_or(InvalidAssetCode)
    }
}

impl TryFrom<String> for AssetCode {
    type Error = InvalidAssetCode;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl<'de> Deserialize<'de> for AssetCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An asset as other systems name it: a code and the number of decimal places of its smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asset {
    /// The code, for example `USD`.
    pub code: AssetCode,
    /// Decimal places: an amount `n` means `n / 10^scale` units.
    pub scale: u8,
}

impl Asset {
    /// An asset of this code and scale.
    pub fn new(code: &str, scale: u8) -> Result<Self, InvalidAssetCode> {
        Ok(Self { code: code.parse()?, scale })
    }

    /// `value` of the smallest unit, as a person writes it: `12.34 USD`.
    pub fn display(&self, value: u64) -> String {
        format!("{} {}", self.decimal(value), self.code)
    }

    /// `value` of the smallest unit as a decimal number without the code: `12.34`.
    pub fn decimal(&self, value: u64) -> String {
        let scale = usize::from(self.scale);
        if scale == 0 {
            return value.to_string();
        }
        let digits = format!("{value:0>width$}", width = scale + 1);
        let (whole, part) = digits.split_at(digits.len() - scale);
        format!("{whole}.{part}")
    }

    /// The smallest units of a decimal number such as `10`, `10.5` or `10.50`; `None` if it has more
    /// places than the asset, is not a plain decimal number, or does not fit.
    pub fn parse_decimal(&self, text: &str) -> Option<u64> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let scale = usize::from(self.scale);
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || part.len() > scale || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        if text.contains('.') && part.is_empty() {
            return None;
        }
        format!("{whole}{part:0<scale$}").parse().ok()
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code, self.scale)
    }
}

/// An amount of an asset in its smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssetAmount {
    /// The number of smallest units.
    pub value: u64,
    /// The asset.
    pub asset: Asset,
}

impl fmt::Display for AssetAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.asset.display(self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_with_the_places_of_their_asset() {
        let usd = Asset::new("USD", 2).unwrap();
        assert_eq!(usd.display(5), "0.05 USD");
        assert_eq!(usd.display(123_456), "1234.56 USD");
        assert_eq!(Asset::new("JPY", 0).unwrap().display(7), "7 JPY");
    }

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        let usd = Asset::new("USD", 2).unwrap();
        assert_eq!(usd.parse_decimal("10"), Some(1000));
        assert_eq!(usd.parse_decimal("10.5"), Some(1050));
        assert_eq!(usd.parse_decimal("0.01"), Some(1));
        for refused in ["", ".5", "1.", "1.234", "-1", "1e3", "184467440737095516.16"] {
            assert_eq!(usd.parse_decimal(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_empty_or_unprintable_code_is_refused() {
        assert!("".parse::<AssetCode>().is_err());
        assert!("US\nD".parse::<AssetCode>().is_err());
        assert!("x".repeat(256).parse::<AssetCode>().is_err());
    }
}
